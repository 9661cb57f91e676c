"""Rows as dictionaries, printed as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, SupportsIndex, overload

from ..errors import UnknownNameError, did_you_mean, need

_BILLION = 1e9


class Listing(list[dict[str, Any]]):
    """Rows as dictionaries with the same keys, printed as a table; None is an empty cell."""

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return what is shown of a row, by heading."""
        return {key: shown(value) for key, value in row.items()}

    def _tooltip(self, key: str) -> str:
        """Return what a page tells of a heading that is pointed at."""
        return ""

    def __repr__(self) -> str:
        if not self:
            return f"{type(self).__name__}([])"
        rows = [self._cells(row) for row in self]
        header = list(rows[0])
        lines = [header, *([row.get(key, "") for key in header] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        if not self:
            return ""
        rows = [self._cells(row) for row in self]
        tips = {key: self._tooltip(key) for key in rows[0]}
        head = "".join(
            f'<th title="{escape(tip)}">{escape(key)}</th>' if tip else f"<th>{escape(key)}</th>"
            for key, tip in tips.items()
        )
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(row.get(key, ''))}</td>" for key in tips) + "</tr>" for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class LabelledListing(Listing):
    """Rows that are looked up by what stands in their first column, and notes below them.

    Attributes
    ----------
    notes : list of str
        What the numbers mean and what is behind them, in sentences.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = (), notes: Sequence[str] = ()) -> None:
        super().__init__(rows)
        self.notes = list(notes)

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, key: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        rows = {str(next(iter(row.values()))): row for row in self}
        if key not in rows:
            raise UnknownNameError(f"{self._no_row(key)}. {did_you_mean(key, rows)}")
        return rows[key]

    def _no_row(self, key: str) -> str:
        """Return what is said of a label that is not there."""
        return f"the {type(self).__name__.lower()} has no row {key!r}"

    def to_frame(self) -> Any:
        """Return a pandas frame with the labels as its index."""
        pandas = need("pandas", "data", f"a frame of the {type(self).__name__.lower()}")
        frame = pandas.DataFrame(list(self))
        return frame if frame.empty else frame.set_index(frame.columns[0])

    def __repr__(self) -> str:
        return "\n".join([super().__repr__(), *self.notes]) if self else super().__repr__()

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return super()._repr_html_() + (f"<ul>{notes}</ul>" if notes else "")


def shown(value: Any) -> str:
    """Return a value as a table shows it.

    Examples
    --------
    >>> [shown(value) for value in (None, 0.0123456, 18823.0, 3e12, "ridge")]
    ['', '0.01235', '18823', '3e+12', 'ridge']
    """
    if value is None:
        return ""
    return digits(value, 4) if isinstance(value, float) else str(value)


def digits(value: float, count: int, sign: str = "") -> str:
    """Return a number with so many digits, or with all that stand before the point where it is less than a billion.

    Examples
    --------
    >>> digits(2876.4, 3, "+"), digits(0.12345, 3, "+")
    ('+2876', '+0.123')
    """
    return f"{value:{sign}.0f}" if 10**count <= abs(value) < _BILLION else f"{value:{sign}.{count}g}"
