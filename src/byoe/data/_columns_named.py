"""Which column a name or a number means: one rule for all places where columns are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, did_you_mean


def find_position(wanted: Any, labels: Sequence[Any]) -> int | None:
    """Return the position of the column that is called so, or has this number; None where there is none.

    What a column is called comes first, compared as text: 7 and ``"7"`` are one name, since files know
    texts only. A whole number that no column is called by is a position; negative ones count from the end.
    """
    return _find(wanted, _places(labels), len(labels))


def column_positions(wanted: Iterable[Any], labels: Sequence[str] | None, n_columns: int, what: str) -> list[int]:
    """Return the positions of columns given by name or position, in the order given.

    Parameters
    ----------
    wanted : iterable of str or int
    labels : sequence of str or None
        What the columns are called.
    n_columns : int
    what : str
        Which parameter holds them, for messages.

    Raises
    ------
    ParameterError
        When there is no such column.
    """
    places = {} if labels is None else _places(labels)
    found = []
    for one in wanted:
        place = _find(one, places, n_columns)
        if place is None:
            raise ParameterError(_unknown(one, labels, n_columns, what))
        found.append(place)
    return found


def _places(labels: Sequence[Any]) -> dict[str, int]:
    return {str(label): place for place, label in enumerate(labels)}


def _find(wanted: Any, places: Mapping[str, int], n_columns: int) -> int | None:
    if isinstance(wanted, (bool, np.bool_)):
        return None
    if str(wanted) in places:
        return places[str(wanted)]
    if isinstance(wanted, (int, np.integer)) and -n_columns <= wanted < n_columns:
        return int(wanted) % n_columns
    return None


def _unknown(wanted: Any, labels: Sequence[str] | None, n_columns: int, what: str) -> str:
    if isinstance(wanted, (bool, np.bool_)):
        return f"{what} holds True or False; list the columns by name or position"
    if isinstance(wanted, (int, np.integer)):
        return f"{what} holds column {wanted}, and there are {n_columns} columns"
    if labels is None:
        return f"{what} holds {wanted!r}, and the columns have no names; give positions, 0 to {n_columns - 1}"
    return f"{what} holds {wanted!r}. {did_you_mean(str(wanted), labels)}"
