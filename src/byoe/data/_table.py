"""The features of a data set as numbers; every task takes rows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ..errors import InputError
from ._calendar import CYCLIC, SEASONS
from ._column import Column
from ._features import places_of, sources_of, with_parts

_CELLS_AT_ONCE = 1_000_000
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """The features of a data set.

    Attributes
    ----------
    values : array of shape (n_rows, n_columns), or a CSR matrix
        NaN marks a missing value; a category is its code, a date the days since 1970. It is float32 where the user's
        columns all are, which holds them in half the memory, and float64 elsewhere.
    native : frame or array
        What the user passed, for learners that want frames.
    columns : tuple of Column
        What each column holds.
    labels : tuple of str or None
        What the columns of the fit's frame are called.
    """

    values: Any
    native: Any
    columns: tuple[Column, ...] = ()
    labels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and of features; of a sparse matrix as many as hold its stored cells."""
        n_rows = int(self.values.shape[0])
        return n_rows, (-(-self.values.nnz // max(1, n_rows)) if self.sparse else len(self.sources))

    @property
    def sparse(self) -> bool:
        return not isinstance(self.values, np.ndarray)

    @cached_property
    def categorical(self) -> dict[int, int]:
        """Positions of the columns of categories, and their number of categories."""
        return {i: len(column.categories) for i, column in enumerate(self.columns) if column.kind == "category"}

    # -- what learners get --------------------------------------------------------------

    @cached_property
    def features(self) -> Any:
        """What learners that see no frames get, of shape (n_rows, n_features): the values, and parts of dates.

        ``rows`` and ``all`` return them as float64.
        """
        return with_parts(self.values, self.columns)

    @cached_property
    def sources(self) -> IntArray:
        """The column that each feature comes from, of shape (n_features,)."""
        return sources_of(self.columns) if self.columns else np.arange(self.values.shape[1])

    @cached_property
    def feature_categories(self) -> dict[int, int]:
        """Positions of the features that are categories, and their number of categories."""
        places = np.flatnonzero(np.isin(self.sources, list(self.categorical)))
        return {int(place): self.categorical[int(self.sources[place])] for place in places}

    @cached_property
    def seasons(self) -> dict[int, IntArray]:
        """Positions of the months, weekdays and hours of dates, and the values that they have."""
        features = {place: self.features[:, place] for place in places_of(SEASONS, self.columns)}
        return {place: np.unique(f[~np.isnan(f)]).astype(np.int64) for place, f in features.items()}

    @cached_property
    def cyclic(self) -> list[int]:
        """Positions of the features that come round as dates rise."""
        return places_of(CYCLIC, self.columns)

    # -----------------------------------------------------------------------------------

    @cached_property
    def holes(self) -> bool:
        """Whether a cell is missing."""
        return not self.sparse and any(np.isnan(part).any() for _, part in in_blocks(self.values))

    @cached_property
    def features_with_holes(self) -> NDArray[np.bool_]:
        """Of which features a cell is missing, of shape (n_features,); of a dense table."""
        found = np.zeros(self.features.shape[1], dtype=bool)
        for _, part in in_blocks(self.features) if self.holes else ():
            found |= np.isnan(part).any(axis=0)
        return found

    def digest(self) -> str:
        """Return a text that is the same for equal tables, and for no others."""
        found = hashlib.sha256(repr((self.values.shape, self.columns)).encode())
        if self.sparse:
            for part in (self.values.data, self.values.indices, self.values.indptr):
                found.update(np.ascontiguousarray(part).data)
        else:
            for _, part in in_blocks(self.values):
                wide = as_float64(part)
                # One NaN and one zero.
                found.update(np.ascontiguousarray(np.where(np.isnan(wide), np.nan, wide + 0.0)).data)
        return found.hexdigest()

    def rows(self, index: Any, *, frames: bool) -> Any:
        """Return some rows: their features as an array, or what the user's container has."""
        if not frames or self.native is self.values:
            return as_float64(self.features[index])
        if hasattr(self.native, "iloc") or isinstance(self.native, np.ndarray):
            from sklearn.utils import _safe_indexing

            return _safe_indexing(self.native, index)
        import narwhals as nw

        return nw.from_native(self.native, eager_only=True)[index].to_native()

    def some(self, index: Any) -> Table:
        """Return a table of some rows."""
        values = self.values[index]
        native = values if self.native is self.values else self.rows(index, frames=True)
        return Table(values, native, self.columns, self.labels)

    def all(self, *, frames: bool) -> Any:
        """Return all rows: their features as an array, or the user's container."""
        if not frames or self.native is self.values:
            return as_float64(self.features)
        return self.native


def as_float64(values: Any) -> Any:
    """Return values as float64: themselves, unless they are float32."""
    return values.astype(np.float64) if values.dtype == np.float32 else values


def in_blocks(values: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    """Yield the rows a million cells at a time, with the number of the first one."""
    step = max(1, _CELLS_AT_ONCE // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        yield start, values[start : start + step]


def too_large(values: FloatArray) -> tuple[int, int] | None:
    """Return row and column of the first number that is infinite, or too large for the float32 of most learners."""
    # Comparisons pass over every NaN; a greatest or least value may not pass over a signalling one, or stop at it.
    with np.errstate(invalid="ignore"):
        for start, part in in_blocks(values):
            odd = (part > _LARGEST) | (part < -_LARGEST)
            if odd.any():
                row, column = np.argwhere(odd)[0]
                return start + int(row), int(column)
    return None


def told_too_large(what: str, column: str, row: int) -> str:
    """Return what a message says of a number that is infinite or too large, and what to do."""
    return (
        f"Input X contains {what}, in column {column}, row {row}: learners keep numbers of up to 3.4e38; scale the "
        "column, take its logarithm, or make the cell missing (NaN)"
    )


def in_form(values: Any, *, sparse: bool) -> Any:
    """Return values dense or sparse as in the fit: the libraries may read a zero that is not stored as missing."""
    dense = isinstance(values, np.ndarray)
    if not dense and not sparse:
        return values.toarray()
    if sparse and dense:
        from scipy.sparse import csr_matrix

        if np.isnan(values).any():
            raise InputError("the ensemble was fitted on a sparse matrix, in which no cell can be missing (NaN)")
        return csr_matrix(values)
    return values
