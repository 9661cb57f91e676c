"""The leaderboard: one row per member and one for the blend."""

from __future__ import annotations

from typing import Any


class Leaderboard(list[dict[str, Any]]):
    """Rows as dictionaries, the blend and then the members, best first; printed as a table.

    Losses are shown as positive numbers. ``pandas.DataFrame(leaderboard)`` makes a frame.

    Examples
    --------
    >>> from byoe._leaderboard import Leaderboard
    >>> Leaderboard([{"member": "ridge", "rmse": 1.25}])
    member  rmse
    ridge   1.25
    """

    def __repr__(self) -> str:
        if not self:
            return "Leaderboard([])"
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
