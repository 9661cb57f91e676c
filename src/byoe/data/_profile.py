"""What training held, column by column: kept with a model, so that later rows can be compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._form import TableForm
from ._spread import Spread
from ._table import Table

MOST_ROWS = 20_000  # of which the bins of numbers are made
_CELLS_AT_ONCE = 200_000  # what a processor's cache holds
_ROUNDING = float(np.finfo(np.float32).eps)  # a cell that went through float32 is still the same one
_WIDE = 2_000  # so many columns at a time are compared fastest


@dataclass(frozen=True)
class Outside:
    """Which cells of a table are beyond what training held; each array of shape (n_columns,) counts cells.

    Attributes
    ----------
    below, above : array
        Beyond the least or the greatest number. A category that training did not hold counts as above.
    missing : array
    rows : int
        How many rows have a cell below or above. A date after the last one of training counts in ``above``, and not
        here: time goes on.
    """

    below: IntArray
    above: IntArray
    missing: IntArray
    rows: int


@dataclass(frozen=True)
class Profile:
    """What training held.

    Attributes
    ----------
    rows : int
        How many rows; those of weight zero taught nothing, and are left out.
    spreads : tuple of Spread
        One for each column. Of a sparse matrix the bins are those of zero and of what is not.
    predictions : dict of str to Spread
        Of predictions of rows that the models did not see, by what they are.
    """

    rows: int
    spreads: tuple[Spread, ...]
    predictions: Mapping[str, Spread]

    @classmethod
    def of(cls, table: Table, form: TableForm, weight: FloatArray | None = None) -> Profile:
        """Return the profile of a training table.

        Range and missing cells are of all rows; of more than ``MOST_ROWS`` rows the bins of numbers are made of as
        many, which are drawn by a fixed seed.
        """
        values = table.values
        if weight is not None and not weight.all():
            values = values[weight > 0]
        spreads = _of_dense(values, form) if isinstance(values, np.ndarray) else _of_sparse(values)
        return cls(int(values.shape[0]), tuple(spreads), {})

    def with_predictions(self, predictions: Mapping[str, Spread]) -> Profile:
        """Return the profile with another distribution of predictions."""
        return replace(self, predictions=dict(predictions))

    @cached_property
    def low(self) -> FloatArray:
        """Where the range of each column begins, of shape (n_columns,); NaN where all are missing."""
        ends = np.array([spread.low for spread in self.spreads])
        return np.asarray(ends - _ROUNDING * np.abs(ends))

    @cached_property
    def high(self) -> FloatArray:
        """Where the range of each column ends, of shape (n_columns,); NaN where all are missing."""
        ends = np.array([spread.high for spread in self.spreads])
        return np.asarray(ends + _ROUNDING * np.abs(ends))

    def outside(self, values: Any, form: TableForm) -> Outside:
        """Return what of a table of shape (n_rows, n_columns) is beyond what training held."""
        if not isinstance(values, np.ndarray):
            return self._outside_sparse(values)
        below, above, missing = values < self.low, values > self.high, np.isnan(values)
        counted = below | above
        if later := timely(form):
            counted[:, later] = below[:, later]
        return Outside(below.sum(axis=0), above.sum(axis=0), missing.sum(axis=0), int(counted.any(axis=1).sum()))

    def _outside_sparse(self, values: Any) -> Outside:
        n_rows, n_columns = values.shape
        below, above = values.data < self.low[values.indices], values.data > self.high[values.indices]
        marked = np.zeros(n_rows, dtype=bool)
        marked[np.repeat(np.arange(n_rows), np.diff(values.indptr))[below | above]] = True
        low = np.bincount(values.indices[below], minlength=n_columns)
        high = np.bincount(values.indices[above], minlength=n_columns)
        full = np.bincount(values.indices, minlength=n_columns)
        for found, never in ((low, self.low > 0), (high, self.high < 0)):  # where zeros are out of the range, too
            found += np.where(never, n_rows - full, 0)
            for column in np.flatnonzero(never & (full < n_rows)):
                marked |= values[:, [column]].toarray().ravel() == 0
        return Outside(low, high, np.zeros(n_columns, dtype=np.int64), int(marked.sum()))

    def as_json(self) -> dict[str, Any]:
        """Return the profile as JSON values."""
        return {
            "rows": self.rows,
            "columns": [spread.as_json() for spread in self.spreads],
            "predictions": {name: spread.as_json() for name, spread in self.predictions.items()},
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Profile:
        """Take back what ``as_json`` told of."""
        predictions = {name: Spread.of_json(spread) for name, spread in said["predictions"].items()}
        return cls(int(said["rows"]), tuple(map(Spread.of_json, said["columns"])), predictions)


def timely(form: TableForm) -> list[int]:
    """Return the positions of the columns of dates, whose cells may be later than in training; durations are none."""
    pairs = enumerate(zip(form.columns, form.dtypes, strict=True))
    return [i for i, (column, dtype) in pairs if column.kind == "date" and "Duration" not in dtype]


def numbers_spread(cells: FloatArray) -> Spread:
    """Return the spread of numbers of which all are looked at."""
    known = cells[~np.isnan(cells)]
    ends = (float(known.min()), float(known.max())) if len(known) else (float("nan"), float("nan"))
    return Spread.of_numbers(cells, *ends, len(cells) - len(known))


def _of_dense(values: NDArray[Any], form: TableForm) -> list[Spread]:
    low, high, missing = _ranges(values)
    looked_at: Any = slice(None)
    if len(values) > MOST_ROWS:
        drawn = np.random.default_rng(0).choice(len(values), MOST_ROWS, replace=False, shuffle=False)
        looked_at = np.sort(drawn)
    spreads: list[Spread] = []
    step = max(1, 20 * _CELLS_AT_ONCE // max(1, min(len(values), MOST_ROWS)))
    for start in range(0, values.shape[1], step):
        some = np.ascontiguousarray(values[looked_at, start : start + step].T, dtype=np.float64)
        for i, cells in enumerate(some, start):
            column = form.columns[i]
            if column.kind == "category":
                spreads.append(Spread.of_codes(values[:, i], len(column.categories)))
            else:
                spreads.append(Spread.of_numbers(cells, float(low[i]), float(high[i]), int(missing[i])))
    return spreads


def _ranges(values: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the least and greatest cell and the number of missing ones of each column."""
    n_rows, n_columns = values.shape
    low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    missing = np.zeros(n_columns, dtype=np.int64)
    glued = max(1, _WIDE // n_columns)  # rows side by side: a processor compares few long rows fastest
    step = max(1, _CELLS_AT_ONCE // (glued * n_columns)) * glued
    with np.errstate(invalid="ignore"):  # of a signalling NaN
        for start in range(0, n_rows, step):
            part = values[start : start + step]
            whole = len(part) - len(part) % glued
            for piece in (part[:whole].reshape(-1, glued, n_columns), part[whole:][:, None]):
                if not len(piece):
                    continue
                flat = np.ascontiguousarray(piece).reshape(len(piece), -1)
                ends = [end.reduce(flat, axis=0).reshape(piece.shape[1:]) for end in (np.fmin, np.fmax)]
                low = np.fmin(low, np.fmin.reduce(ends[0], axis=0))
                high = np.fmax(high, np.fmax.reduce(ends[1], axis=0))
                if (holes := np.isnan(piece)).any():
                    missing += holes.sum(axis=(0, 1))
    empty = low > high
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high), missing


def _of_sparse(values: Any) -> list[Spread]:
    """Return the spreads of a matrix of mostly zeros: in bins of what is less than zero, zero, and more."""
    n_rows, n_columns = values.shape
    low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    np.minimum.at(low, values.indices, values.data)
    np.maximum.at(high, values.indices, values.data)
    less = np.bincount(values.indices[values.data < 0], minlength=n_columns)
    full = np.bincount(values.indices, minlength=n_columns)
    low = np.where(full < n_rows, np.minimum(low, 0.0), low)
    high = np.where(full < n_rows, np.maximum(high, 0.0), high)
    # Zero belongs to the bin that it ends.
    edges = np.array([np.nextafter(0.0, -1.0), 0.0])
    return [
        Spread(float(low[i]), float(high[i]), 0, np.array([less[i], n_rows - full[i], full[i] - less[i], 0]), edges)
        for i in range(n_columns)
    ]
