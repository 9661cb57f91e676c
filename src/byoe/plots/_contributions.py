"""Pictures of what each column adds to predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError, UnknownNameError, did_you_mean, need
from ._canvas import BLUE, VERMILLION, canvas, ink, name_rows, of_rows, short
from ._known import checked, target_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..ensemble._classifier import EnsembleClassifier
    from ._known import Ensemble

KINDS = ("bar", "beeswarm", "waterfall")
_BINS = 60
_HALF_A_ROW = 0.4
_OF_CELL = 10  # letters


def contributions(
    ensemble: Ensemble,
    X: Any,
    kind: str = "bar",
    *,
    row: int = 0,
    most: int = 10,
    member: str | None = None,
    output: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what each column adds to predictions, as ``explain`` tells it.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, with members that explain themselves. For classes it is the margin of one member.
    X : array-like or frame of shape (n_samples, n_features)
    kind : {"bar", "beeswarm", "waterfall"}, default="bar"
        The mean absolute contribution of every column; every row's contributions, coloured by the rank of what the
        cell holds; or the way of one row from the base value to its prediction.
    row : int, default=0
        Position of the row of a waterfall.
    most : int, default=10
        Columns to draw: those with the largest contributions. What the others add together is one more.
    member : str, default=None
        For classes: whose margin; may be left out where one member is explained.
    output : default=None
        Of several targets which one, by number; of more than two classes which one, by its label.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        In units of the target, or of log-odds.

    Raises
    ------
    ParameterError
        When ``explain`` refuses, or an argument is none of those that are possible.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> ensemble = EnsembleRegressor(("ridge", "elastic_net"), random_state=0).fit(X, y)
    >>> ax = plots.contributions(ensemble, X, most=2)
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['s5', 'bmi', '8 other columns']
    >>> plt.close(ax.figure)
    """
    checked(ensemble)
    if kind not in KINDS:
        raise ParameterError(f"kind is {kind!r}, expected one of {', '.join(map(repr, KINDS))}")
    if not isinstance(most, int) or most < 1:
        raise ParameterError(f"most is {most!r}, expected a positive whole number")
    table = ensemble._read(X)
    if kind == "waterfall" and not -len(table) <= row < len(table):
        raise ParameterError(f"row is {row}, and X has {len(table)} rows")
    values, unit = _explained(ensemble, X, member, output)
    own = values[[row]] if kind == "waterfall" else values
    parts = _Parts.of(own[:, :-1], _names(ensemble), most)
    ax = canvas(ax, rows=len(parts.names))
    if kind == "bar":
        _bars(ax, parts, unit)
    elif kind == "beeswarm":
        _beeswarm(ax, parts, table, unit)
    else:
        _waterfall(ax, parts, table, row % len(table), float(own[0, -1]), unit)
    return ax


@dataclass(frozen=True)
class _Parts:
    """The columns with the largest contributions, and what all others add together.

    Attributes
    ----------
    values : array of shape (n_rows, n_parts)
    names : list of str
    columns : array of shape (n_parts,) or (n_parts - 1,)
        Which column each part is; the sum of the others is none.
    """

    values: FloatArray
    names: list[str]
    columns: Any

    @classmethod
    def of(cls, values: FloatArray, names: list[str], most: int) -> _Parts:
        """Return the parts of contributions of shape (n_rows, n_columns)."""
        order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
        # One column is as short as the sum of one.
        first = order if len(order) <= most + 1 else order[:most]
        rest = order[len(first) :]
        told = [names[column] for column in first]
        if not len(rest):
            return cls(values[:, first], told, first)
        together = np.column_stack([values[:, first], values[:, rest].sum(axis=1)])
        return cls(together, [*told, f"{len(rest)} other columns"], first)


def _names(ensemble: Ensemble) -> list[str]:
    labels = ensemble._form.labels
    return [f"column {place}" for place in range(len(ensemble._form))] if labels is None else list(labels)


def _explained(ensemble: Ensemble, X: Any, member: str | None, output: Any) -> tuple[FloatArray, str]:
    """Return contributions of shape (n_rows, n_features + 1), and what they are in units of."""
    task = ensemble._task
    if not task.is_classification:
        if member is not None:
            raise ParameterError("member is for classes; the contributions to a regression are those of the blend")
        values = cast(FloatArray, ensemble.explain(X))
        if task.n_outputs == 1:
            _check_no_output(output)
            return values, short(target_name(ensemble) or "the target")
        place = _place(output, list(range(task.n_outputs)), "targets")
        return values[:, place], f"target {place}"
    margins = cast("EnsembleClassifier", ensemble).explain(X, output="margin")
    if member is None and len(margins) > 1:
        raise ParameterError(
            f"for classes the contributions are those of one member's margin; pass member, one of "
            f"{', '.join(map(repr, margins))}"
        )
    member = next(iter(margins)) if member is None else member
    if member not in margins:
        raise UnknownNameError(f"no member that counts is called {member!r}. {did_you_mean(member, margins)}")
    values = margins[member]
    if values.ndim == 2:
        _check_no_output(output)
        return values, f"log-odds of {short(ensemble.class_names[1])}, {short(member)}"
    place = _place(output, list(ensemble.class_labels), "classes")
    return values[:, place], f"margin of {short(ensemble.class_names[place])}, {short(member)}"


def _check_no_output(output: Any) -> None:
    if output is not None:
        raise ParameterError(f"output is {output!r}, and there is only one; leave it out")


def _place(output: Any, known: list[Any], what: str) -> int:
    if output is None or output not in known:
        asked = "missing" if output is None else repr(output)
        raise ParameterError(f"output is {asked}, expected one of the {what} {', '.join(map(str, known))}")
    return known.index(output)


def _bars(ax: Axes, parts: _Parts, unit: str) -> None:
    ax.barh(range(len(parts.names)), np.abs(parts.values).mean(axis=0), color=BLUE, height=0.7)
    name_rows(ax, parts.names, f"mean absolute contribution to\n{unit}")


def _beeswarm(ax: Axes, parts: _Parts, table: Table, unit: str) -> None:
    colours: Any = need("matplotlib.colors", "plots", "a picture")
    scale = colours.LinearSegmentedColormap.from_list("low to high", [BLUE, VERMILLION])
    size = float(np.clip(3_000 / len(table), 2.0, 16.0))
    drawn = None
    for place, values in enumerate(parts.values.T):
        heights = place + _apart(values)
        ranks = _ranks(table, parts.columns[place]) if place < len(parts.columns) else None
        plain = np.ones(len(table), dtype=bool) if ranks is None else np.isnan(ranks)
        ax.scatter(values[plain], heights[plain], s=size, color=ink(), alpha=0.4, linewidths=0)
        if ranks is not None and not plain.all():
            drawn = ax.scatter(
                values[~plain], heights[~plain], s=size, c=ranks[~plain], cmap=scale, vmin=0, vmax=1, linewidths=0
            )
    ax.axvline(0.0, color=ink(), linewidth=1)
    name_rows(ax, parts.names, f"contribution to\n{unit}")
    if drawn is not None:
        bar = ax.figure.colorbar(drawn, ax=ax, ticks=[0, 1], label="value of the cell", aspect=40, pad=0.02)
        bar.ax.set_yticklabels(["low", "high"])


def _apart(values: FloatArray) -> FloatArray:
    """Return how far off its row each dot is drawn, so that those of the same value stand beside each other."""
    span = values.max() - values.min()
    places = np.zeros(len(values), dtype=np.int64)
    if span > 0:
        places = np.minimum((_BINS * (values - values.min()) / span).astype(np.int64), _BINS - 1)
    order = np.argsort(places, kind="stable")
    counts = np.bincount(places)
    number = np.empty(len(values), dtype=np.int64)
    number[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    signed = np.where(number % 2, 1, -1) * ((number + 1) // 2)
    return np.asarray(signed * min(0.1, 2 * _HALF_A_ROW / max(counts.max(), 1)), dtype=np.float64)


def _cells(table: Table, column: int) -> FloatArray:
    cells = table.values[:, [column]]
    return np.asarray(cells.toarray() if table.sparse else cells, dtype=np.float64)[:, 0]


def _ranks(table: Table, column: int) -> FloatArray | None:
    """Return the rank of each cell of a column between 0 and 1, ties alike; None of categories, which have no order."""
    if table.columns[column].kind == "category":
        return None
    values = _cells(table, column)
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    distinct, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(distinct) > 1:
        middle = np.cumsum(counts) - (counts + 1) / 2
        ranks[known] = (middle / (known.sum() - 1))[place]
    return ranks


def _waterfall(ax: Axes, parts: _Parts, table: Table, row: int, base: float, unit: str) -> None:
    steps = parts.values[0]
    ends = base + np.cumsum(steps)
    colours = [VERMILLION if step > 0 else BLUE for step in steps]
    ax.barh(range(len(steps)), steps, left=ends - steps, color=colours, height=0.7)
    for place, end in enumerate(ends[:-1]):
        ax.plot([end, end], [place - 0.35, place + 1.35], color=ink(), linewidth=0.8, alpha=0.6)
    for value in (base, ends[-1]):
        ax.axvline(value, color=ink(), linestyle="--", linewidth=1)
    _, letters = of_rows(ax, len(steps))
    told = [
        _told(name, _shown(table, row, column), letters)
        for name, column in zip(parts.names, parts.columns, strict=False)
    ]
    names = [*told, *parts.names[len(told) :]]
    name_rows(ax, names, f"{unit}\nfrom the base {base:.4g} to {ends[-1]:.4g}")
    low, high = min(base, ends.min()), max(base, ends.max())
    margin = 0.05 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)


def _told(name: str, cell: str, letters: int) -> str:
    cell = short(cell, _OF_CELL)
    return f"{short(name, max(letters - 3 - len(cell), 4))} = {cell}"


def _shown(table: Table, row: int, column: int) -> str:
    """Return what a cell holds, as a text."""
    value, about = _cells(table, column)[row], table.columns[column]
    if np.isnan(value):
        return "missing"
    if about.kind == "category":
        return about.categories[int(value)] if 0 <= value < len(about.categories) else "unknown"
    if about.kind == "date":
        return str((np.datetime64(0, "s") + np.timedelta64(round(value * 86_400), "s")).astype("datetime64[D]"))
    return f"{value:.4g}"
