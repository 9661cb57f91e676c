"""Rows as dictionaries, printed as a table."""

from __future__ import annotations

from typing import Any


class Listing(list[dict[str, Any]]):
    """Rows as dictionaries with the same keys, printed as a table; None is an empty cell."""

    def __repr__(self) -> str:
        if not self:
            return f"{type(self).__name__}([])"
        header = list(self[0])
        lines = [header, *([_text(row.get(key)) for key in header] for row in self)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        from html import escape

        if not self:
            return ""
        head = "".join(f"<th>{escape(key)}</th>" for key in self[0])
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in row.values()) + "</tr>" for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
