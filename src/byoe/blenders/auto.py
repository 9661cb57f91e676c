"""The default blender: adjusted convex weights, unless another blender is better."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender
from ..contracts._task import FloatArray
from ._comparing import compare, usual_name
from .adjusted import Adjusted
from .best import Best
from .greedy import Greedy
from .mean import Mean
from .meta_linear import MetaLinear
from .vote import Vote
from .weighted import Weighted

_MOST_ROWS = 20_000
_ERRORS = 2.0
_LEAST_GAIN = 0.005


class Auto(Blender):
    """Cross-validates the other blenders on the split plan's own folds, and chooses one.

    The usual choice is ``adjusted``: convex weights, which come with an oracle guarantee (van der Laan et al., 2007),
    pulled towards the better members, and a slope and offsets of their blend. Where the metric is another one
    than the squared error, R² or the log-loss, or folds predict what comes after their training rows, it is
    ``weighted``. Of the other
    candidates (best single member, mean, vote, greedy, meta-linear, and the one of these two that is not the usual
    one) that with the smallest mean loss is chosen, where this is smaller than that of the usual one by more than
    two standard errors of the paired difference by row, or by group where rows have groups, and by 0.5 %.
    ``benchmarks/README.md`` has what this rule costs and saves beside others.

    The loss is that of the ensemble's metric. Of one that is no mean over rows, such as the area under the
    ROC curve or an F-score, the standard error is that of a jackknife over twenty parts of the rows (Shao & Wu, 1989).

    Under a time limit candidates that would take more than what is left of it are not tried.

    A vote is no candidate for classes, since it gives no probabilities. Above 20,000 rows a
    seeded sample of them is used for the choice.

    Attributes
    ----------
    losses_ : dict of str to float
        Cross-validated mean loss of every candidate; infinite of those that were not tried for lack of time.
    in_use : Blender
        The chosen one, fitted on all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=90)
    >>> halves = tuple((np.arange(90)[np.arange(90) % 2 == i], np.arange(90)[np.arange(90) % 2 != i]) for i in (0, 1))
    >>> oof = OOF(np.column_stack([2 * y, 2 * y]), y, Task("regression"), folds=halves)
    >>> blender("auto").fit(oof).in_use
    MetaLinear()
    """

    weights = "approximate"  # the choice counts rows

    def fit(self, oof: OOF) -> Self:
        candidates = _candidates()
        if oof.task.is_classification:
            del candidates["vote"]
        sample = oof
        if len(oof.y) > _MOST_ROWS:
            rows = np.random.default_rng(oof.seed).permutation(len(oof.y))[:_MOST_ROWS]
            sample = oof.rows(np.sort(rows))
        name = usual_name(oof)
        self.losses_: dict[str, float] = {}
        if sample.folds and oof.predictions.shape[1] > 1:
            name, self.losses_ = _choose(candidates, sample, name)
        elif oof.predictions.shape[1] == 1:
            name = "best"
        self._chosen = candidates[name].fit(oof)
        return self

    @property
    def in_use(self) -> Blender:
        return self._chosen

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        return self._chosen.predict(predictions, X)

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return self._chosen.used(n_members)

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = copy.copy(self)
        twin._chosen = self._chosen.restricted(kept)
        return twin

    def state(self) -> dict[str, Any]:
        return {"name": self._chosen.name, "state": self._chosen.state()}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self._chosen = _candidates()[state["name"]].restore(state["state"], trusted=trusted)
        return self


def _candidates() -> dict[str, Blender]:
    """Return the candidates by name, the simplest first."""
    made: dict[str, Blender] = {
        "best": Best(),
        "mean": Mean(),
        "vote": Vote(),
        "weighted": Weighted(),
        "greedy": Greedy(),
        "adjusted": Adjusted(),
        "meta-linear": MetaLinear(),
    }
    for name, blender in made.items():
        blender.name = name
    return made


def _choose(candidates: dict[str, Blender], oof: OOF, usual: str) -> tuple[str, dict[str, float]]:
    """Return the name of the choice, and the cross-validated losses of all candidates."""
    compared = compare(candidates, oof, usual)
    means = compared.losses
    best = min(means, key=lambda name: means[name])
    if not np.isfinite(means[usual]):
        return (best if np.isfinite(means[best]) else usual), means
    gain = means[usual] - means[best]
    # A share of a score, such as an area under a curve, means nothing.
    is_score = oof.row_loss is None and getattr(oof.metric, "greater_is_better", False)
    least = 0.0 if is_score else _LEAST_GAIN * abs(means[usual])
    return (best if gain > max(_ERRORS * compared.error(usual, best), least) else usual), means
