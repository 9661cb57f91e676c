"""What a column holds, as monitors of data compare it: moments and quantiles of numbers, or the times of each value.

Types are told from how cells are written in CSV, as deequ tells them, on which SageMaker Model Monitor stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._column import Column

BUCKETS = 10
MOST_VALUES = 120  # more different texts are not listed
_WHOLE = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_BOOLEANS = ("False", "True")


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes
    ----------
    missing, present : int
        How many cells are missing, and how many are not.
    whole : bool
        Whether they are written without a decimal point.
    total, mean, deviation, low, high : float
        Sum, mean, standard deviation (of all cells, not of a sample), least and greatest one; NaN where none is known.
    counts : array of shape (BUCKETS,)
        How many are in each of as many intervals of equal width; what is on a bound belongs to the upper one.
    levels : tuple of arrays
        A sketch of the quantiles (Karnin, Lang & Liberty, 2016): a number on level ``i`` stands for ``2 ** i`` of them.
    """

    missing: int
    present: int
    whole: bool
    total: float
    mean: float
    deviation: float
    low: float
    high: float
    counts: IntArray
    levels: tuple[FloatArray, ...]

    @classmethod
    def of(cls, cells: FloatArray, *, whole: bool, size: int) -> Numbers:
        """Return the summary of cells; a level of the sketch has at most ``size`` numbers."""
        known = np.sort(cells + 0.0)  # of one kind of zero; what is missing comes last
        known = known[: len(known) - int(np.isnan(known).sum())]
        if not len(known):
            nothing = (float("nan"),) * 5
            return cls(len(cells), 0, whole, *nothing, np.zeros(BUCKETS, dtype=np.int64), ())
        low, high = float(known[0]), float(known[-1])
        inner = low + (high - low) * np.arange(1, BUCKETS) / BUCKETS
        until = np.r_[0, np.searchsorted(known, inner), len(known)]
        moments = float(known.sum()), float(known.mean()), float(known.std())
        return cls(
            len(cells) - len(known), len(known), whole, *moments, low, high, np.diff(until), _levels(known, size)
        )


@dataclass(frozen=True)
class Texts:
    """A column of anything else.

    Attributes
    ----------
    missing, present : int
    distinct : int
        How many different values there are.
    times : mapping of str to int, or None
        How often each of them is there; None where these are too many to be listed, and of dates, which go on.
    """

    missing: int
    present: int
    distinct: int
    times: Mapping[str, int] | None

    @property
    def closed(self) -> bool:
        """Whether other values would be news: at most a tenth of them is there once only, as deequ asks for."""
        return bool(self.times) and 10 * sum(n == 1 for n in (self.times or {}).values()) <= self.distinct


Summary = Numbers | Texts


def of_column(cells: FloatArray, column: Column, dtype: str, size: int) -> Summary:
    """Return the summary of a column of a table.

    Parameters
    ----------
    cells : array of shape (n_rows,)
        As tables hold them.
    column : Column
    dtype : str
        What its container calls its type.
    size : int
        As for `Numbers.of`.
    """
    if column.kind == "date":
        known = cells[~np.isnan(cells)]
        return Texts(len(cells) - len(known), len(known), len(np.unique(known)), None)
    if column.kind == "category":
        return _of_codes(cells, column.categories, size)
    if "float" in dtype.lower():
        return Numbers.of(cells, whole=False, size=size)
    # What objects are is not known here; pandas makes them of booleans where some are missing.
    if dtype == "Boolean" or (dtype == "Object" and bool(np.isin(cells[~np.isnan(cells)], (0, 1)).all())):
        return _of_codes(cells, _BOOLEANS, size)
    # Nor how texts were written; 1 and 2 are likelier than 1.0 and 2.0.
    whole = "int" in dtype.lower() or bool((cells[~np.isnan(cells)] % 1 == 0).all())
    return Numbers.of(cells, whole=whole, size=size)


def of_answers(values: NDArray[Any], size: int) -> Summary:
    """Return the summary of predictions: numbers, or labels of any kind."""
    if values.dtype.kind == "f":
        return Numbers.of(values, whole=False, size=size)
    labels, codes = np.unique(values.astype(str), return_inverse=True)
    return _of_codes(codes.ravel().astype(np.float64), labels.tolist(), size)


def _of_codes(cells: FloatArray, texts: Sequence[str], size: int) -> Summary:
    """Return the summary of codes; of numbers, where all the texts that they stand for are such."""
    known = cells[~np.isnan(cells)].astype(np.int64)
    counted = np.bincount(known, minlength=len(texts))
    there = np.flatnonzero(counted).tolist()
    written = [texts[code] for code in there]
    if written and all(map(_NUMBER.fullmatch, written)) and np.isfinite(values := np.array(written, dtype=float)).all():
        numbers = np.full(len(cells), np.nan)
        numbers[: len(known)] = np.repeat(values, counted[there])
        return Numbers.of(numbers, whole=all(map(_WHOLE.fullmatch, written)), size=size)
    times = {texts[code]: int(counted[code]) for code in there} if len(there) <= MOST_VALUES else None
    return Texts(len(cells) - len(known), len(known), len(there), times)


def _levels(known: FloatArray, size: int) -> tuple[FloatArray, ...]:
    """Return a sketch of sorted numbers: the middles of blocks of them, each on the level of its block's length."""
    top = max(0, int(np.ceil(np.log2(len(known) / size))))
    start = len(known) >> top << top
    levels = [known[(1 << top) // 2 : start : 1 << top]]
    for level in reversed(range(top)):  # the rest, by its binary digits
        length = (len(known) - start) & (1 << level)
        levels.append(known[start + length // 2 : start + length : max(1, length)])
        start += length
    return tuple(reversed(levels))
