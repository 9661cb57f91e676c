"""A picture of a search: what each trial was worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._task import FloatArray
from ..errors import ParameterError, need
from ._canvas import BLUE, VERMILLION, canvas, grid, ink, label, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VALUES = ("value", "score", "objective")


def tuning_history(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the value of every trial of a search, and the best so far.

    Parameters
    ----------
    result : object with ``trials``
        Of a search, as `byoe.tune` gives it: a list of dictionaries with a key called as its ``metric``, or ``value``,
        ``score`` or ``objective``, and ``number`` or ``trial`` where there is one. The better side is that of
        ``best_value``, or ``greater_is_better`` tells.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Trials without a value, such as failed ones, are crosses at the bottom.

    Raises
    ------
    ParameterError
        When there is no trial with a value.
    """
    numbers, values = _trials(result)
    known = np.isfinite(values)
    if not known.any():
        raise ParameterError(f"none of the {len(values)} trials has a value to draw")
    greater = _greater_is_better(result, values[known])
    best = (np.maximum if greater else np.minimum).accumulate(values[known])
    ax = canvas(ax)
    given = getattr(result, "default_value", None)
    if given is not None:
        ax.axhline(given, color=ink(), linestyle="--", linewidth=1, label="as given")
    ax.plot(numbers[known], values[known], "o", color=BLUE, markersize=5, label="trial")
    ax.plot(
        np.append(numbers[known], numbers.max()),
        np.append(best, best[-1]),
        drawstyle="steps-post",
        color=VERMILLION,
        label="best so far",
    )
    if not known.all():
        bottom = np.full(np.sum(~known), 0.02)
        place: Any = ax.get_xaxis_transform()
        ax.plot(numbers[~known], bottom, "x", color=ink(), markersize=5, label="no value", transform=place)
    label(ax, "trial", f"{_name(result)} ({'more' if greater else 'less'} is better)")
    ticker: Any = need("matplotlib.ticker", "plots", "a picture")
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    grid(ax)
    legend(ax)
    return ax


def _name(result: Any) -> str:
    """Return what the values are called."""
    names = (getattr(result, key, None) for key in ("metric", "objective"))
    return next((name for name in names if isinstance(name, str)), "value")


def _trials(result: Any) -> tuple[FloatArray, FloatArray]:
    rows = getattr(result, "trials", None)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ParameterError(
            f"result is {type(result).__name__}, expected the result of a search, whose trials are a list of "
            "dictionaries"
        )
    names = (*(name for name in (getattr(result, "metric", None),) if isinstance(name, str)), *_VALUES)
    key = next((key for key in names if rows and key in rows[0]), None)
    if key is None:
        raise ParameterError(f"the trials have none of the columns {', '.join(names)}, or there are none")
    values = [np.nan if row.get(key) is None else row[key] for row in rows]
    numbers = [row.get("number", row.get("trial", place)) for place, row in enumerate(rows, start=1)]
    return np.array(numbers, dtype=np.float64), np.array(values, dtype=np.float64)


def _greater_is_better(result: Any, values: FloatArray) -> bool:
    told = getattr(result, "greater_is_better", None)
    if told is not None:
        return bool(told)
    best = getattr(result, "best_value", None)
    if best is None:
        raise ParameterError(
            f"{type(result).__name__} has neither best_value nor greater_is_better, so that it is not known which "
            "values are better"
        )
    return bool(abs(values.max() - best) < abs(values.min() - best))
