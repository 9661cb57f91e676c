"""What learners get of a table: its columns, and beside the days of a date the parts of the calendar."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from ..contracts._task import FloatArray, IntArray
from ._calendar import calendar
from ._column import Column


def sources_of(columns: Sequence[Column]) -> IntArray:
    """Return the column that each feature comes from, of shape (n_features,)."""
    return np.repeat(np.arange(len(columns)), [1 + len(column.parts) for column in columns])


def with_parts(values: FloatArray, columns: Sequence[Column]) -> FloatArray:
    """Return the features of shape (n_rows, n_features): behind the days of each date its parts."""
    if not any(column.parts for column in columns):
        return values
    features = np.empty((len(values), len(columns) + sum(len(column.parts) for column in columns)))
    place = 0
    for i, column in enumerate(columns):
        features[:, place] = values[:, i]
        made = calendar(values[:, i], column.parts) if column.parts else ()
        for number, part in enumerate(made, 1):
            features[:, place + number] = part
        place += 1 + len(column.parts)
    return features


def places_of(parts: Container[str], columns: Sequence[Column]) -> list[int]:
    """Return the positions of the features that are some parts of dates."""
    features = [part for column in columns for part in ("", *column.parts)]
    return [place for place, part in enumerate(features) if part in parts]
