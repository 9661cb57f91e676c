"""Pictures of the leaderboard and of the diagnosis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from ..scoring._leaderboard import BASELINE
from ._canvas import BLUE, VERMILLION, canvas, cells, ink, label, name_rows
from ._known import checked, with_out_of_fold

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._known import Ensemble


def leaderboard(ensemble: Ensemble, *, ax: Axes | None = None) -> Axes:
    """Draw the score of the blend and of every member, with its spread over the folds.

    The dots are the metric on rows that neither members nor blend saw, the bars reach one standard deviation
    over the folds to each side, and the dashed line is a guess that knows no features. Losses are positive.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, or loaded.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    MissingExtraError
        When ``byoe-ensemble[plots]`` is not installed, as for all pictures.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    >>> ax = plots.leaderboard(ensemble)
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['blend', 'ridge', 'knn']
    >>> plt.close(ax.figure)
    """
    checked(ensemble)
    board, metric = ensemble.leaderboard_, ensemble._record.metric
    rows = [row for row in board if row["member"] in ensemble.members_ or row is board[0]]
    ax = canvas(ax, rows=len(rows))
    for place, row in enumerate(rows):
        if row[metric] is not None:
            colour, marker, size = (VERMILLION, "D", 8) if place == 0 else (BLUE, "o", 7)
            ax.errorbar(row[metric], place, xerr=row["spread"], color=colour, marker=marker, markersize=size, capsize=3)
    last = board[-1]
    if last not in rows and last[metric] is not None:
        _baseline(ax, last[metric])
    direction = "more" if board.greater_is_better else "less"
    name_rows(ax, [row["member"] for row in rows], f"{metric} ({direction} is better)\nbars: spread over the folds")
    ax.get_yticklabels()[0].set_fontweight("bold")
    return ax


def _baseline(ax: Axes, value: float) -> None:
    ax.axvline(value, color=ink(), linestyle="--", linewidth=1, label=BASELINE)
    ax.annotate(
        BASELINE,
        (value, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        fontsize="small",
    )


def weights(ensemble: Ensemble, X: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the members' weights in the blend, each with its 90 % bootstrap interval.

    Of several targets it is the mean over them. The intervals are those of ``diagnose()``, which keeps them.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, with out-of-fold data.
    X : array-like or frame, default=None
        The training features, only for a blender with ``passthrough``.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        When the blender is no weighting, or the ensemble was saved without out-of-fold data.
    """
    with_out_of_fold(ensemble, "the picture of the weights")
    if getattr(ensemble.blender_, "weights_", None) is None:
        raise ParameterError(
            f"blender {ensemble.blender_.name!r} has no weights to draw; reblend('weighted'), 'greedy' or 'mean' has"
        )
    rows = sorted(ensemble.diagnose(X).members, key=lambda row: -row["weight"])
    ax = canvas(ax, rows=len(rows))
    places = np.arange(len(rows))
    low, value, high = (np.array([row[key] for row in rows]) for key in ("weight_low", "weight", "weight_high"))
    # The interval need not hold the weight, so these are no bars of an error.
    ax.hlines(places, low, high, color=BLUE, linewidth=2.5, alpha=0.75)
    ax.plot(value, places, "o", color=BLUE, markersize=7)
    ax.axvline(0.0, color=ink(), linewidth=1)
    name_rows(ax, [row["member"] for row in rows], "weight in the blend\nbars: 90 % bootstrap interval")
    return ax


def error_correlation(ensemble: Ensemble, X: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw how alike the members' errors are: the correlation of their out-of-fold residuals.

    The colours run from the least correlation to one, since noise in the target is in everybody's residuals
    and what matters are differences.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, with out-of-fold data.
    X : array-like or frame, default=None
        The training features, only for a blender with ``passthrough``.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Its figure has another one for the colours.

    Raises
    ------
    ParameterError
        When the ensemble was saved without out-of-fold data.
    """
    with_out_of_fold(ensemble, "the picture of the correlations")
    diagnosis = ensemble.diagnose(X)
    correlation = diagnosis.correlation
    ax = canvas(ax, rows=len(correlation), columns=len(correlation))
    least = min(np.floor(10 * correlation.min()) / 10, 0.9)
    texts = [[f"{value:.2f}" for value in row] for row in correlation]
    image = cells(ax, correlation, texts, diagnosis.labels, (float(least), 1.0))
    label(ax, "correlation of the residuals")
    ax.figure.colorbar(image, ax=ax)
    return ax
