"""What was inferred of a table's columns, and what of it the user should know: never a decision without a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..errors import ColumnWarning
from ..tools._warnings import warn
from ._column import Column
from ._date_texts import first_other, looks_like_date, nearly_dates, orders_of
from ._form import TableForm
from ._listed import Columns, notes_of
from ._numbers import Raw, counted_cells, holds_categories
from ._table import Table
from ._text_numbers import told_of_numbers

# In fewer rows an order or different values are chance.
_FEWEST_ROWS = 30
_ROWS_COUNTED = 20_000
_NEARLY_ALL = 0.95
_OF_ITS_OWN, _WORDS_OF_A_TEXT = 0.5, 3.0
_MOST_NAMED = 3
_NAMES_OF_ROWS = frozenset(
    {"id", "ids", "uuid", "guid", "pid", "key", "identifier", "index", "idx", "serial", "rownum", "rowid", "unnamed"}
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Finding:
    """Something about a column that its user should know.

    Attributes
    ----------
    topic : str
        Which of `_ADVICE` it is.
    column : str
        What the column is called in code.
    told : str
    """

    topic: str
    column: str
    told: str


@dataclass(frozen=True)
class Inferred:
    """What was inferred of the columns of a fit.

    Attributes
    ----------
    columns : Columns
    findings : tuple of Finding
    """

    columns: Columns
    findings: tuple[Finding, ...] = ()


def inferred(form: TableForm, table: Table, raw: Sequence[Raw] | None, chosen: set[int]) -> Inferred:
    """Return what was inferred of a table, whose cells are ``raw`` where they are of any kind.

    Columns that the user has ``chosen`` for categories are as they should be.
    """
    if table.sparse:
        return Inferred(Columns.of(form))
    counted, findings = [], []
    for i, column in enumerate(form.columns):
        values = table.values[:, i]
        name = repr(i if form.labels is None else form.labels[i])
        cells = None if raw is None or i in chosen else raw[i][1]
        found = _finding(
            column, values, cells, name, first=i == 0 and len(form) > 1 and "float" not in form.dtypes[i].lower()
        )
        constant = _note_of_constant(values)
        notes = [notes_of(column), "" if found is None or column.odd else found.told, constant]
        counted.append((float(np.isnan(values).mean()), _distinct(column, values), "; ".join(filter(None, notes))))
        if found is not None:
            findings.append(found)
    return Inferred(Columns.of(form, counted), tuple(findings))


def _finding(column: Column, values: FloatArray, cells: Any, name: str, *, first: bool) -> Finding | None:
    if column.odd:
        count = sum(isinstance(cell, str) and cell.strip() in column.odd for cell in counted_cells(cells).elements())
        told = ", ".join(map(repr, column.odd[:5])) + (", …" if len(column.odd) > 5 else "")
        return Finding("odd", name, f"holds numbers and, in {count} cells, texts that count as missing ({told})")
    if column.kind == "category":
        return None if cells is None or holds_categories(cells) else _of_texts(column, values, cells, name)
    if column.kind == "number" and len(values) >= _FEWEST_ROWS:
        return _of_numbers(values, name, first=first)
    return None


def _of_texts(column: Column, values: FloatArray, cells: Any, name: str) -> Finding | None:
    texts = column.categories
    if len(texts) > 1 and nearly_dates(texts):
        example = next(text for text in texts if looks_like_date(text))[:40]
        if len(orders_of(texts)) > 1:
            told = f"holds dates in which day and month cannot be told apart, such as {example!r}"
            return Finding("order", name, told)
        other = first_other(texts)
        why = "in a form that is not read" if other is None else f"and a text that is none ({other[:40]!r})"
        return Finding("dates", name, f"holds texts that look like dates, such as {example!r}, {why}")
    if told_so := told_of_numbers(counted_cells(cells)):
        return Finding("numbers", name, f"is a category of {len(texts)} values: {told_so}")
    n_told = int((~np.isnan(values)).sum())
    if n_told >= _FEWEST_ROWS and len(texts) >= _OF_ITS_OWN * n_told and (words := _words(texts)) >= _WORDS_OF_A_TEXT:
        told = f"holds free text, {words:.0f} words in a cell, and is a category of {len(texts)} values"
        return Finding("text", name, told)
    if n_told >= _FEWEST_ROWS and len(texts) >= _NEARLY_ALL * n_told:
        share = "every row" if len(texts) == n_told else f"{100 * len(texts) / n_told:.3g} % of its rows"
        return Finding("identifier", name, f"has a text of its own in {share}")
    return None


def _words(texts: Sequence[str]) -> float:
    """Return the mean number of words of texts; a thousand of many tell it."""
    some = texts[:: -(-len(texts) // 1_000)]
    return sum(len(text.split()) for text in some) / len(some)


def _of_numbers(values: FloatArray, name: str, *, first: bool) -> Finding | None:
    if np.isnan(values[:100]).any() or (values[:100] != np.floor(values[:100])).any():
        return None
    names_rows = _names_rows(name)
    # Files have an index first, in whole numbers. Elsewhere a column may well count what its table is about.
    if (first or names_rows) and values[0] in (0.0, 1.0) and np.array_equal(values, values[0] + np.arange(len(values))):
        return Finding("index", name, f"counts the rows ({values[0]:.0f}, {values[1]:.0f}, {values[2]:.0f}, …)")
    if names_rows and len(np.unique(values[~np.isnan(values)])) >= _NEARLY_ALL * len(values):
        return Finding("identifier", name, "has a number of its own in each row, and the name of an identifier")
    return None


def _names_rows(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return name == "''" or (bool(words) and not _NAMES_OF_ROWS.isdisjoint((words[0], words[-1])))


def _distinct(column: Column, values: FloatArray) -> int:
    if column.kind == "category":
        return len(column.categories)
    part = values[:_ROWS_COUNTED]
    return len(np.unique(part[~np.isnan(part)]))


def _note_of_constant(values: FloatArray) -> str:
    told = values[~np.isnan(values)]
    if not len(told):
        return "all missing"
    return "the same in all rows" if len(told) == len(values) and told.min() == told.max() else ""


def warn_of_columns(found: Inferred, *, ordered: bool) -> None:
    """Warn of what was found, a warning for each topic; rows in the order of time are counted on purpose."""
    topics: dict[str, list[Finding]] = {}
    for one in found.findings:
        if not (ordered and one.topic == "index"):
            topics.setdefault(one.topic, []).append(one)
    for topic, findings in topics.items():
        told = "; ".join(f"column {one.column} {one.told}" for one in findings[:_MOST_NAMED])
        rest = len(findings) - _MOST_NAMED
        more = f"; and so {'does one column' if rest == 1 else f'do {rest} columns'} more" if rest > 0 else ""
        warn(f"{told}{more}. {_ADVICE[topic](findings[0].column)}", ColumnWarning)


_ADVICE: dict[str, Callable[[str], str]] = {
    "odd": lambda name: f"If it is a category, pass categorical=[{name}]",
    "order": lambda name: (
        f"Such a column is a category now. Parse it, as by X[{name}] = pd.to_datetime(X[{name}], dayfirst=True), or "
        f"pass categorical=[{name}]"
    ),
    "dates": lambda name: (
        f"Such a column is a category now. Parse it, as by X[{name}] = pd.to_datetime(X[{name}], format=…, "
        f"errors='coerce'), or pass categorical=[{name}]"
    ),
    "numbers": lambda name: (
        f"If it holds numbers, make it so, as by X[{name}] = pd.to_numeric(X[{name}], errors='coerce'); if it is a "
        f"category, pass categorical=[{name}]"
    ),
    "index": lambda name: (
        f"An index that was saved with a table tells the order of its rows and nothing of new ones: drop it, as by "
        f"X.drop(columns=[{name}]) or --drop {name}. If the order means something, ignore this"
    ),
    "text": lambda name: (
        f"No member looks at its words. Drop it, or add a member that does: a pipeline that begins with "
        f"make_column_transformer((TfidfVectorizer(), {name})), for example"
    ),
    "identifier": lambda name: (
        f"What names rows tells nothing of new ones: drop it, as by X.drop(columns=[{name}]) or --drop {name}, or make "
        "features of its parts"
    ),
}
