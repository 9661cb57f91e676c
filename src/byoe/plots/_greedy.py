"""A picture of how the greedy blender came to its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ._canvas import COLOURS, MARKERS, canvas, grid, ink, label, legend, shortened
from ._known import checked, place_of, target_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._known import Ensemble


def greedy_path(ensemble: Ensemble, *, output: Any = None, ax: Axes | None = None) -> Axes:
    """Draw the loss after every step of the greedy blender, and whom it took there.

    The loss is that of the rows that the blender learned from, so it is too good: it shows whether the
    selection has settled, and not how good the blend is. The vertical line is where it ends. With several
    ``bags`` it is the path of the one with all members.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, with ``greedy`` as the blender in use.
    output : default=None
        Of several targets or labels which one, by its number or its name.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        When another blender is in use, or there is no such target.
    """
    checked(ensemble)
    target = place_of(ensemble, output, "the path of the greedy blender")
    parts = ensemble.blender_.of_each_target()
    blender = parts[target or 0] if len(parts) > 1 else parts[0]
    path, losses = getattr(blender, "path_", None), getattr(blender, "path_losses_", None)
    if path is None or losses is None:
        raise ParameterError(f"blender {blender.name!r} takes no path; reblend('greedy') does")
    if not len(path):
        raise ParameterError("the ensemble was saved before paths were kept; reblend('greedy') makes one")
    metric = ensemble._record.metric
    losses = np.sqrt(losses) if metric == "rmse" else losses
    ax = canvas(ax)
    steps = np.arange(1, len(path) + 1)
    ax.plot(steps, losses, color=ink(), linewidth=1, alpha=0.5)
    for place, name in enumerate(shortened([*ensemble.members_, "a pruned member"])):
        taken = path == (place if place < len(ensemble.members_) else -1)
        if taken.any():
            ax.plot(
                steps[taken],
                losses[taken],
                linestyle="",
                marker=MARKERS[place // len(COLOURS) % len(MARKERS)],
                color=COLOURS[place % len(COLOURS)],
                label=f"takes {name}",
                markersize=5,
            )
    ax.axvline(steps[np.argmin(losses)], color=ink(), linestyle="--", linewidth=1, label="the selection ends")
    of = "" if target is None else f" of {target_name(ensemble, target)}"
    label(ax, "members taken", (metric if metric == "rmse" else f"loss by {metric}") + of)
    grid(ax)
    legend(ax, "upper right")
    return ax
