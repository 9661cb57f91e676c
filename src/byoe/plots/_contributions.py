"""Pictures of what each column adds to predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError, UnknownNameError, did_you_mean, need
from ..fitted._explanation import Explanation
from ._canvas import BLUE, VERMILLION, canvas, ink, name_rows, of_rows, short
from ._known import checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..ensemble._classifier import EnsembleClassifier
    from ._known import Ensemble

KINDS = ("bar", "beeswarm", "waterfall")
_BINS = 60
_HALF_A_ROW = 0.4
_OF_CELL, _OF_UNIT = 10, 34  # letters


def contributions(
    ensemble: Ensemble | Explanation,
    X: Any = None,
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
    ensemble : EnsembleRegressor, EnsembleClassifier or Explanation
        Fitted; or what its ``explain`` returned, which several pictures can be drawn of. For classes it is the
        probability, or the margin of one member.
    X : array-like or frame of shape (n_samples, n_features), default=None
        To be left out for an explanation.
    kind : {"bar", "beeswarm", "waterfall"}, default="bar"
        The mean absolute contribution of every column; every row's contributions, coloured by the rank of what the
        cell holds; or the way of one row from the base value to its prediction.
    row : int, default=0
        Position of the row of a waterfall.
    most : int, default=10
        Columns to draw: those with the largest contributions. What the others add together is one more.
    member : str, default=None
        For classes: whose margin; None is the probability of the blend.
    output : default=None
        Of several targets which one, by number; of more than two classes which one, by its label.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        In units of the target, of a probability, or of log-odds.

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
    if kind not in KINDS:
        raise ParameterError(f"kind is {kind!r}, expected one of {', '.join(map(repr, KINDS))}")
    if not isinstance(most, int) or most < 1:
        raise ParameterError(f"most is {most!r}, expected a positive whole number")
    explanation = _explanation(ensemble, X, member, output, row if kind == "waterfall" else None)
    table, unit, values = explanation.about.table, _unit(explanation), np.asarray(explanation)
    own = values[[row]] if kind == "waterfall" else values
    parts = _Parts.of(own[:, :-1], list(explanation.columns), most)
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


def _explanation(
    ensemble: Ensemble | Explanation, X: Any, member: str | None, output: Any, row: int | None
) -> Explanation:
    """Return the contributions to one output."""
    if isinstance(ensemble, Explanation):
        if X is not None or member is not None:
            raise ParameterError("an explanation is of its own rows; leave X and member out")
        explanation = ensemble
    else:
        checked(ensemble)
        if X is None:
            raise ParameterError("X is missing; pass the rows to explain, or what explain(X) returned")
        _check_row(row, len(ensemble._read(X)))
        explanation = _explained(ensemble, X, member)
    _check_row(row, len(explanation))
    if not explanation.outputs:
        if output is not None:
            raise ParameterError(f"output is {output!r}, and there is only one; leave it out")
        return explanation
    return explanation.of(_output(output, explanation))


def _check_row(row: int | None, n_rows: int) -> None:
    if row is not None and not -n_rows <= row < n_rows:
        raise ParameterError(f"row is {row}, and X has {n_rows} rows")


def _explained(ensemble: Ensemble, X: Any, member: str | None) -> Explanation:
    if not ensemble._task.is_classification:
        if member is not None:
            raise ParameterError("member is for classes; the contributions to a regression are those of the blend")
        return cast(Explanation, ensemble.explain(X))
    if member is None:
        return cast(Explanation, ensemble.explain(X))
    margins = cast("EnsembleClassifier", ensemble).explain(X, output="margin")
    if member not in margins:
        raise UnknownNameError(f"no member that counts is called {member!r}. {did_you_mean(member, margins)}")
    return cast(Explanation, margins[member])


def _output(output: Any, explanation: Explanation) -> Any:
    """Return which output is meant: by its name, or of targets by its number."""
    known = explanation.outputs
    if output in known:
        return output
    if isinstance(output, int) and explanation.unit == "target" and 0 <= output < len(known):
        return known[output]
    what = "targets" if explanation.unit == "target" else "classes"
    asked = "missing" if output is None else repr(output)
    raise ParameterError(f"output is {asked}, expected one of the {what} {', '.join(map(str, known))}")


def _unit(explanation: Explanation) -> str:
    """Return what the axis is called: a long name is cut, a member's name stays."""
    what, _, member = explanation.unit.rpartition(", ") if "log-odds" in explanation.unit else ("", "", "")
    if what:
        return f"{short(what, _OF_UNIT)}, {short(member)}"
    return "the target" if explanation.unit == "target" else short(explanation.unit, _OF_UNIT)


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
