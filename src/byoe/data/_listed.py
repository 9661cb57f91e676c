"""The columns of a fit, one row each: what they hold, and what was made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..tools._listing import LabelledListing
from ._column import Column
from ._date_texts import FORMS_IN_WORDS
from ._form import TableForm

_TOOLTIPS = {
    "kind": "number, category, date or duration",
    "dtype": "the type of the column, as its container calls it",
    "missing": "share of the rows whose cell is missing",
    "distinct": "how many different values there are; of numbers and dates in the first 20,000 rows",
    "notes": "what was made of the column, and what to look at",
}
_COUNTED = ("missing", "distinct", "notes")


class Columns(LabelledListing):
    """The columns that an ensemble was fitted on, as dictionaries; printed as a table.

    ``missing`` is a share of the rows; None stands for what is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> from byoe import EnsembleRegressor
    >>> days = pd.date_range("2024-01-01", periods=30).astype(str)
    >>> fitted = EnsembleRegressor(["ridge"], random_state=0).fit(pd.DataFrame({"day": days}), range(30))
    >>> fitted.columns_
    column  kind  dtype   missing  distinct  notes
    day     date  String  0 %      30        texts of dates (ISO 8601); parts: weekday
    >>> fitted.columns_["day"]["kind"]
    'date'
    """

    def told(self) -> list[dict[str, Any]]:
        """Return the rows of the columns that are more than numbers, or that there is something to say of."""
        return [row for row in self if row["kind"] != "number" or row["notes"]]

    def as_json(self) -> list[list[Any]]:
        """Return what the form of a table does not tell, as manifests hold it."""
        return [[row[key] for key in _COUNTED] for row in self]

    @classmethod
    def of(cls, form: TableForm, counted: Iterable[Sequence[Any]] | None = None) -> Columns:
        """Return the columns of a form, with what was counted of them where that is known."""
        names = form.labels or form.names or tuple(map(str, range(len(form))))
        counted = [(None, None, notes_of(column)) for column in form.columns] if counted is None else counted
        return cls(
            {"column": name, "kind": _kind(column, dtype), "dtype": dtype, **dict(zip(_COUNTED, known, strict=True))}
            for name, column, dtype, known in zip(names, form.columns, form.dtypes, counted, strict=True)
        )

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str]:
        missing = row["missing"]
        return super()._cells(row) | ({} if missing is None else {"missing": f"{100 * missing:.3g} %"})

    def _no_row(self, key: str) -> str:
        return f"there is no column {key!r}"

    def _tooltip(self, key: str) -> str:
        return _TOOLTIPS.get(key, "")


def _kind(column: Column, dtype: str) -> str:
    return "duration" if column.kind == "date" and "Duration" in dtype else column.kind


def notes_of(column: Column) -> str:
    """Return what was made of a column, in words."""
    told = []
    if column.order:
        told.append(f"texts of dates ({FORMS_IN_WORDS[column.order]})")
    if column.parts:
        told.append(f"parts: {', '.join(column.parts)}")
    if column.odd:
        told.append(f"texts of numbers; missing where {', '.join(map(repr, column.odd))}")
    return "; ".join(told)
