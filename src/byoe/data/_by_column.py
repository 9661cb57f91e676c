"""Parameters that are about columns: from the user's names and numbers to the columns that a learner gets."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import clone

from ..contracts._by_column import USUAL
from ..contracts._learner import Learner
from ..contracts._task import IntArray
from ..errors import ParameterError
from ._columns_named import column_positions
from ._table import Table


def check_by_column(learners: Mapping[str, Learner], table: Table) -> None:
    """Raise a ParameterError, before anything is fitted, for what names no column of a table, or cannot hold there."""
    for label, learner in learners.items():
        values_in_place(learner, table, who=f"member {label!r}")


def values_in_place(learner: Learner, table: Table, who: str = "") -> dict[str, Any]:
    """Return a learner's parameters that are about columns as they are of a table: by position, for every column.

    Numbers come as a list with one for each column, groups as lists of positions, columns as a list of
    positions.

    Raises
    ------
    ParameterError
        For a column that is not there, a list that is not as long as the table is wide, a sign for a
        column of categories, and what is of another form.
    """
    found: dict[str, Any] = {}
    for name, (form, value) in learner.values_by_column().items():
        what = f"{who or learner.name}: {name}"
        place = _Place(table, what)
        if form in USUAL:
            found[name] = place.numbers(value, form)
        else:
            found[name] = place.groups(value) if form == "groups" else place.columns(value)
    return found


def in_place(learner: Learner, table: Table, sources: IntArray | None = None) -> Learner:
    """Return a learner for the columns that it gets; the one given stays as it is.

    Parameters
    ----------
    learner : Learner
        As the user made it.
    table : Table
    sources : array of shape (n_encoded,) or None
        The table's feature that each encoded one comes from. A column that became several has its number on
        each of them, and stands in a group with all of them. Of the parts of a date only years have a sign: as
        dates rise, the others come round.
    """
    values = values_in_place(learner, table)
    if not values:
        return learner
    if sources is not None or len(table.sources) > table.values.shape[1]:
        features = np.arange(len(table.sources)) if sources is None else sources
        forms = {name: form for name, (form, _) in learner.values_by_column().items()}
        values = {name: _spread(value, table.sources[features], forms[name]) for name, value in values.items()}
        for name in (name for name, form in forms.items() if form == "sign"):
            values[name] = [0 if i in table.cyclic else s for i, s in zip(features.tolist(), values[name], strict=True)]
    twin: Learner = clone(learner)
    return twin.set_by_column(values)


def _spread(value: Any, sources: IntArray, form: str) -> Any:
    if form in USUAL:
        return [value[i] for i in sources]
    if form == "groups":
        return [np.flatnonzero(np.isin(sources, group)).tolist() for group in value]
    return np.flatnonzero(np.isin(sources, value)).tolist()


class _Place:
    """A table's columns, for one parameter."""

    def __init__(self, table: Table, what: str) -> None:
        self._labels = table.labels
        self._width = int(table.values.shape[1])
        self._categorical = table.categorical
        self._what = what

    def numbers(self, value: Any, form: str) -> list[float]:
        """Return a number for each column, of a list, a text or a mapping from columns."""
        value = _pairs(value) if isinstance(value, str) else value
        if isinstance(value, Mapping):
            places = self._positions(value)
            if len(set(places)) < len(places):
                raise ParameterError(f"{self._what} names a column twice: {value!r}")
            numbers: list[Any] = [USUAL[form]] * self._width
            for place, number in zip(places, value.values(), strict=True):
                numbers[place] = self._number(number, form)
        else:
            numbers = [self._number(number, form) for number in self._listed(value)]
            if len(numbers) != self._width:
                raise ParameterError(
                    f"{self._what} has {len(numbers)} values, and the table has {self._width} columns; give one for "
                    "each column, or a mapping from the columns that have one"
                )
        if form == "sign" and (wrong := [i for i in self._categorical if numbers[i]]):
            raise ParameterError(
                f"{self._what} has {numbers[wrong[0]]} for column {self._called(wrong[0])}, which holds categories: "
                "these have no order in which a prediction could rise or fall. Give 0 there, or numbers in the column"
            )
        return numbers

    def groups(self, value: Any) -> list[list[int]]:
        """Return the positions of each group of columns."""
        if value == "no_interactions":
            return [[i] for i in range(self._width)]
        if value == "pairwise":
            return [list(pair) for pair in combinations(range(self._width), 2)]
        groups = self._listed(_read(value) if isinstance(value, str) else value)
        if not all(isinstance(group, Iterable) and not isinstance(group, (str, Mapping)) for group in groups):
            groups = [groups]  # of a text "[0, 1]"
        return [sorted(set(self._positions(group))) for group in groups]

    def columns(self, value: Any) -> list[int]:
        """Return the positions of some columns."""
        listed = self._listed(value)
        if listed and all(isinstance(one, (bool, np.bool_)) for one in listed):
            if len(listed) != self._width:
                raise ParameterError(f"{self._what} has {len(listed)} values, and the table has {self._width} columns")
            return [i for i, chosen in enumerate(listed) if chosen]
        return self._positions(listed)

    def _positions(self, columns: Iterable[Any]) -> list[int]:
        return column_positions(columns, self._labels, self._width, self._what)

    def _called(self, i: int) -> str:
        return str(i) if self._labels is None else repr(self._labels[i])

    def _listed(self, value: Any) -> list[Any]:
        if isinstance(value, np.ndarray):
            return list(np.atleast_1d(value).tolist())
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise ParameterError(f"{self._what} is {value!r}, expected a list")
        return list(value)

    def _number(self, value: Any, form: str) -> Any:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
            raise ParameterError(f"{self._what} holds {value!r}, expected numbers")
        if form == "sign":
            if value not in (-1, 0, 1):
                raise ParameterError(f"{self._what} holds {value!r}, expected -1 (falling), 0 (free) or 1 (rising)")
            return int(value)
        if not (np.isfinite(value) and value >= 0):
            raise ParameterError(f"{self._what} holds {value!r}, expected numbers that are not negative")
        return float(value)


def _read(text: str) -> Any:
    """Return what a text says that is written as a list, as XGBoost and LightGBM take it."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text


def _pairs(text: str) -> Any:
    """Return the numbers, or the mapping from columns, of a text such as ``(0,1,-1)`` or ``town:0,age:1``."""
    value = _read(text)
    if isinstance(value, (int, float)):
        return [value]
    if not isinstance(value, str):
        return value
    pairs = [pair.strip().rpartition(":") for pair in value.strip(" ()[]").split(",")]
    if not all(name and colon for name, colon, _ in pairs):
        return value
    return {_whole(name.strip()): _read(number) for name, _, number in pairs}


def _whole(name: str) -> Any:
    return int(name) if name.lstrip("-").isdigit() else name
