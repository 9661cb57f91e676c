"""What the page is made of: sections, tables, figures and lists, all of their texts escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..tools._listing import Listing
from ._style import STYLE


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    name : str
        What links to it are called, and its address in the page.
    title : str
    body : str
        HTML.
    """

    name: str
    title: str
    body: str


def page(title: str, summary: str, sections: Sequence[Section]) -> str:
    """Return a whole page; what is in the title is escaped."""
    links = "".join(f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in sections)
    parts = "\n".join(
        f'<section id="{one.name}">\n<h2>{escape(one.title)}</h2>\n{one.body}\n</section>' for one in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Without an icon of its own a browser asks for one.
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f"<header>\n<h1>{escape(title)}</h1>\n{summary}\n<nav><ul>{links}</ul></nav>\n</header>\n"
        f"<main>\n{parts}\n</main>\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(words)}</p>"


def items(lines: Iterable[str]) -> str:
    """Return a list; empty for none."""
    made = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{made}</ul>" if made else ""


def facts(pairs: Mapping[str, str]) -> str:
    """Return a list of what is so, each under its name."""
    made = "".join(f"<dt>{escape(name)}</dt><dd>{escape(told)}</dd>" for name, told in pairs.items())
    return f"<dl>{made}</dl>"


def cards(shown: Iterable[tuple[str, str, str]]) -> str:
    """Return what is seen first: a number each, with its name above and a remark below."""
    made = "".join(
        f'<div class="card"><span>{escape(name)}</span><strong>{escape(number)}</strong>'
        f"<small>{escape(more)}</small></div>"
        for name, number, more in shown
    )
    return f'<div class="cards">{made}</div>'


def table(listing: Listing, notes: Sequence[str] = (), drawn: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return a table, with what its headings mean below it.

    Parameters
    ----------
    listing : Listing
    notes : sequence of str
    drawn : mapping of str to sequence of str, default=None
        HTML that stands in cells instead of their text, by heading.
    """
    rows = [listing._cells(row) for row in listing]
    if not rows:
        return ""
    headings, drawn = list(rows[0]), drawn or {}
    numbers = {key for key in headings if all(isinstance(row.get(key), (int, float, type(None))) for row in listing)}
    numbers -= drawn.keys()
    head = "".join(_heading(key, listing._tooltip(key), key in numbers) for key in headings)
    body = "".join(
        "<tr>"
        + "".join(
            _cell(drawn[key][number] if key in drawn else escape(row.get(key, "")), key in numbers, place)
            for place, key in enumerate(headings)
        )
        + "</tr>\n"
        for number, row in enumerate(rows)
    )
    meant = {key: tip for key in headings if (tip := listing._tooltip(key))}
    legend = folded("What the columns mean", facts(meant)) if meant else ""
    return (
        # Who has no mouse scrolls a wide table with the keys.
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n'
        f"{items(notes)}{legend}"
    )


def _heading(key: str, tip: str, number: bool) -> str:
    style = ' class="number"' if number else ""
    told = f' title="{escape(tip)}"' if tip else ""
    return f'<th scope="col"{style}{told}>{escape(key)}</th>'


def _cell(inside: str, number: bool, place: int) -> str:
    if place == 0:
        return f'<th scope="row">{inside}</th>'
    return f'<td class="number">{inside}</td>' if number else f"<td>{inside}</td>"


def figure(drawing: str, caption: str) -> str:
    """Return a picture with what it shows."""
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def gallery(figures: Iterable[str]) -> str:
    """Return pictures, side by side where there is room."""
    made = "\n".join(figures)
    return f'<div class="gallery">{made}</div>' if made else ""


def folded(title: str, body: str) -> str:
    """Return what is seen once it is asked for."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def code(lines: Any) -> str:
    """Return text as it is."""
    return f'<pre tabindex="0"><code>{escape(str(lines))}</code></pre>'
