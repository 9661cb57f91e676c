"""The columns of the fit: what was inferred of each, how its cells are spread, and how much members look at it."""

from __future__ import annotations

import datetime
from html import escape
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..data._column import Column
from ..data._listed import Columns
from ..data._spread import Spread
from ..tools._listing import shown
from ._html import table, text

_MOST = 150
_WIDTH, _HEIGHT = 96, 22  # of a small picture, in pixels
_MOST_NAMED = 3
_TOOLTIPS = {
    "spread": "the cells from the least to the greatest, or the frequent categories and, last, the rest",
    "holds": "least and greatest cell, or the most frequent categories",
    "importance": "the members' own measure of how much they look at the column, by their weight in the blend",
}


class _Told(Columns):
    """The columns with what training held."""

    def _tooltip(self, key: str) -> str:
        return _TOOLTIPS.get(key) or super()._tooltip(key)


def columns_section(
    columns: Columns, form: Any, spreads: tuple[Spread, ...] | None, importances: FloatArray | None
) -> str:
    """Return what is told of the columns, in HTML.

    Parameters
    ----------
    columns : Columns
    form : TableForm
    spreads : tuple of Spread or None
        What training held.
    importances : array of shape (n_columns,) or None
        Summing to one.
    """
    told = np.array([bool(row["notes"]) for row in columns])
    weight = np.zeros(len(columns)) if importances is None else importances
    order = np.lexsort((np.arange(len(columns)), -weight, ~told)) if len(columns) > _MOST else np.arange(len(columns))
    places = np.sort(order[:_MOST])
    rows = []
    drawn: dict[str, list[str]] = {"spread": [], "importance": []}
    for place in places:
        row = dict(columns[int(place)])
        notes = row.pop("notes")
        row["dtype"] = row["dtype"].partition("(")[0]
        if spreads is not None:
            row["holds"] = _holds(form.columns[place], row["kind"], spreads[place])
            row["spread"] = ""
            drawn["spread"].append(_picture(spreads[place], row["distinct"]))
        if importances is not None:
            row["importance"] = float(weight[place])
            drawn["importance"].append(_bar(weight[place], weight.max()))
        rows.append({**row, "notes": notes})
    rest = len(columns) - len(rows)
    more = text(f"And {rest} further ones, in columns_: those that matter most are here.") if rest else ""
    made = table(_Told(rows), drawn={key: cells for key, cells in drawn.items() if cells})
    return f'<div class="columns">{made}</div>{more}'


def _bar(share: float, most: float) -> str:
    width = 4 * share / most if most > 0 else 0.0
    return f'<span class="bar" style="width:{width:.2f}rem"></span> {100 * share:.3g} %'


def _holds(column: Column, kind: str, spread: Spread) -> str:
    if spread.codes is not None:
        most = np.argsort(-spread.counts[: len(spread.codes)], kind="stable")[:_MOST_NAMED]
        names = [_short(str(column.categories[int(spread.codes[i])])) for i in most]
        rest = len(column.categories) - len(names)
        return ", ".join(names) + (f" and {rest} more" if rest > 0 and names else f"{rest} categories" * (not names))
    if not np.isfinite(spread.low):
        return ""
    if kind == "date":
        return " to ".join(_date(days) for days in (spread.low, spread.high))
    return f"{shown(spread.low)} to {shown(spread.high)}"


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _date(days: float) -> str:
    try:
        return str((datetime.datetime(1970, 1, 1) + datetime.timedelta(days=days)).date())
    except OverflowError:
        return f"day {days:.4g}"


def _picture(spread: Spread, distinct: int | None) -> str:
    """Return a small picture of how the known cells are spread; empty where there is nothing to see.

    Bins of numbers are the tenths of the rows, so that few of them are wide ones; of few values each has its own.
    """
    counts = spread.counts[:-1].astype(np.float64)
    if not counts.sum():
        return ""
    if spread.codes is None and distinct not in (None, len(counts)) and spread.high > spread.low:
        ends = np.r_[spread.low, spread.edges, spread.high]
        widths = np.diff(ends)
        heights = np.divide(counts, widths, out=np.zeros(len(counts)), where=widths > 0)
    else:
        counts = counts[counts > 0] if spread.codes is not None else counts
        widths, heights = np.ones(len(counts)), counts
    widths, heights = _WIDTH * widths / widths.sum(), _HEIGHT * heights / heights.max()
    starts = np.cumsum(widths) - widths
    bars = "".join(
        f'<rect x="{x:.1f}" y="{_HEIGHT - height:.1f}" width="{max(width - 0.6, 0.6):.1f}" height="{height:.1f}"/>'
        for x, width, height in zip(starts, widths, heights, strict=True)
    )
    told = escape("how the cells are spread")
    return (
        f'<svg class="spread" role="img" aria-label="{told}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'preserveAspectRatio="none" fill="currentColor">{bars}</svg>'
    )
