"""Rows as dictionaries, printed as a table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


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


def shown(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
