"""Pictures of a regression: what was predicted, and how far off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._task import FloatArray
from ._canvas import BLUE, VERMILLION, canvas, grid, ink, label, legend
from ._known import Known, checked, known_rows, of_kind, of_one_target, target_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._known import Ensemble

_PARTS = 10
_ROWS_OF_PARTS = 5 * _PARTS


def predictions(
    ensemble: Ensemble, X: Any = None, y: Any = None, *, level: float | None = 0.9, ax: Axes | None = None
) -> Axes:
    """Draw the predictions against the target.

    Parameters
    ----------
    ensemble : EnsembleRegressor
        Fitted, of one target.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit. Rows that are passed come with
        their prediction intervals, unless the ensemble was saved without out-of-fold data.
    y : array-like of shape (n_samples,), default=None
    level : float or None, default=0.9
        Of the intervals; None leaves them out.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Both axes are in units of the target.

    Raises
    ------
    ParameterError
        For classes or several targets, a level that is none, or no rows at all: without out-of-fold data X and y
        are needed.
    InputError
        When X or y is not like those of the fit.
    """
    known = _of_regression(ensemble, X, y, "the picture of the predictions")
    bounds = None
    if X is not None and level is not None and ensemble._out_of_fold is not None:
        bounds = ensemble.predict_interval(X, level)
    if bounds is not None and not np.isfinite(bounds).all():  # a warning has told so
        bounds = None
    ax = canvas(ax)
    if bounds is not None and level is not None:
        _intervals(ax, known.y, bounds, level)
    _dots(ax, known.y, known.prediction, BLUE if bounds is None else ink())
    everything = np.concatenate([known.y, known.prediction, *([] if bounds is None else [bounds.ravel()])])
    low, high = everything.min(), everything.max()
    margin = 0.04 * (high - low) or 1.0
    ax.axline((low, low), slope=1.0, color=ink(), linestyle="--", linewidth=1, label="exact")
    ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    ax.set_aspect("equal", adjustable="box")
    label(ax, f"actual {target_name(ensemble)}".strip(), f"predicted {target_name(ensemble)}".strip() + _how(known))
    grid(ax)
    legend(ax, "upper left")
    return ax


def residuals(ensemble: Ensemble, X: Any = None, y: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the residuals, which are the target minus the prediction, against the predictions.

    From fifty rows on a line shows the median of each tenth of the predictions: it is near zero where the
    ensemble is not biased.

    Parameters
    ----------
    ensemble : EnsembleRegressor
        Fitted, of one target.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit.
    y : array-like of shape (n_samples,), default=None
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Both axes are in units of the target.

    Raises
    ------
    ParameterError
        For classes or several targets, or no rows at all: without out-of-fold data X and y are needed.
    InputError
        When X or y is not like those of the fit.
    """
    known = _of_regression(ensemble, X, y, "the picture of the residuals")
    off = known.y - known.prediction
    ax = canvas(ax)
    _dots(ax, known.prediction, off, BLUE)
    ax.axhline(0.0, color=ink(), linestyle="--", linewidth=1)
    if len(off) >= _ROWS_OF_PARTS:
        parts = np.array_split(np.argsort(known.prediction, kind="stable"), _PARTS)
        middles = np.array([[np.median(values[part]) for part in parts] for values in (known.prediction, off)])
        ax.plot(*middles, color=VERMILLION, marker="D", markersize=5, label="median of each tenth")
        legend(ax)
    name = target_name(ensemble)
    label(ax, f"predicted {name}".strip() + _how(known), f"residual of {name}" if name else "residual")
    grid(ax)
    return ax


def _of_regression(ensemble: Ensemble, X: Any, y: Any, picture: str) -> Known:
    checked(ensemble)
    of_kind(ensemble._task, "regression", picture, "plots.confusion and plots.reliability")
    of_one_target(ensemble._task, picture)
    return known_rows(ensemble, X, y, picture)


def _how(known: Known) -> str:
    return " (out-of-fold)" if known.out_of_fold else ""


def _dots(ax: Axes, x: FloatArray, y: FloatArray, colour: Any) -> None:
    crowd = np.clip(len(x) / 300, 1.0, 10.0)
    # Many dots make a file of vectors large.
    ax.scatter(x, y, s=18 / crowd**0.5, color=colour, alpha=0.85 / crowd**0.5, linewidths=0, rasterized=len(x) > 5_000)


def _intervals(ax: Axes, actual: FloatArray, bounds: FloatArray, level: float) -> None:
    inside = (bounds[:, 0] <= actual) & (actual <= bounds[:, 1])
    alpha = float(np.clip(80 / len(actual), 0.15, 0.7))
    for rows, colour, what in ((inside, BLUE, "holds it"), (~inside, VERMILLION, "misses it")):
        ax.vlines(
            actual[rows],
            *bounds[rows].T,
            color=colour,
            alpha=alpha,
            linewidth=1.2,
            label=f"{level:.0%} interval {what}: {rows.mean():.0%}".replace("%", " %"),
        )
