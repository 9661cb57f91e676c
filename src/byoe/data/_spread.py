"""How the cells of one column are spread: its range, and how many cells fall into each of a few bins.

Whatever predicts has no more to load for it than NumPy: an endpoint compares its requests with what is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..contracts._task import FloatArray, IntArray

BINS = 10
_FEW_VALUES = 20  # so few different numbers have a bin each
_LEAST_ROWS, _LEAST_SHARE = 5, 0.02  # of a category with a bin of its own


@dataclass(frozen=True)
class Spread:
    """How the cells of one column, or predictions, were spread in training.

    Attributes
    ----------
    low, high : float
        The least and greatest cell; NaN where none is known. Of a category its first and its last code.
    missing : int
        How many cells were missing, of all rows.
    edges : array of shape (n_bins - 1,)
        Of numbers: where one bin ends and the next one begins, halfway between two numbers that were there, so that
        rounding does not matter.
    codes : array of shape (n_kept,) or None
        Of a category: the frequent codes, with a bin each. One for all others follows, those that were not there
        included.
    counts : array of shape (n_bins + 1,)
        How many of the rows that were looked at are in each bin; those with a missing cell come last.
    once : int
        How many categories were there once only.
    median : float
        Of numbers: the lower one of the two in the middle.
    """

    low: float
    high: float
    missing: int
    counts: IntArray
    edges: FloatArray = field(default_factory=lambda: np.empty(0))
    codes: IntArray | None = None
    once: int = 0
    median: float = float("nan")

    @classmethod
    def of_numbers(cls, cells: FloatArray, low: float, high: float, missing: int) -> Spread:
        """Return the spread of cells, of which some may be looked at only: the range is that of all."""
        known = np.sort(cells)  # which puts the missing ones last
        known = known[: len(known) - int(np.isnan(known).sum())]
        edges = _edges(known)
        until = np.r_[0, np.searchsorted(known, edges, side="right"), len(known)]
        counts = np.append(np.diff(until), len(cells) - len(known))
        median = float(known[(len(known) - 1) // 2]) if len(known) else float("nan")
        # Of zeros with a sign it would go by their order which one is meant.
        return cls(low + 0.0, high + 0.0, missing, counts, edges, median=median + 0.0)

    @classmethod
    def of_codes(cls, cells: FloatArray, levels: int) -> Spread:
        """Return the spread of a category's codes."""
        known = cells[~np.isnan(cells)].astype(np.int64)
        times = np.bincount(known, minlength=levels)
        codes = np.flatnonzero(times >= max(_LEAST_ROWS, _LEAST_SHARE * len(known)))
        missing = len(cells) - len(known)
        counts = np.r_[times[codes], len(known) - times[codes].sum(), missing]
        return cls(0.0, float(levels - 1), missing, counts, codes=codes, once=int(np.sum(times == 1)))

    def count(self, cells: FloatArray) -> IntArray:
        """Return how many cells fall into each bin, of shape (n_bins + 1,); the missing ones come last."""
        known = cells[~np.isnan(cells)]
        if self.codes is None:
            n_bins = len(self.edges) + 1
            places = np.searchsorted(self.edges, known)
        else:
            n_bins = len(self.codes) + 1
            places = np.full(len(known), n_bins - 1)
            if len(self.codes):
                at = np.minimum(np.searchsorted(self.codes, known), len(self.codes) - 1)
                places = np.where(self.codes[at] == known, at, places)
        return np.append(np.bincount(places, minlength=n_bins), len(cells) - len(known)).astype(np.int64)

    def as_json(self) -> dict[str, Any]:
        """Return the spread as JSON values."""
        said: dict[str, Any] = {"range": [_json(self.low), _json(self.high)], "missing": self.missing}
        if self.codes is None:
            said |= {"edges": self.edges.tolist(), "median": _json(self.median)}
        else:
            said |= {"codes": self.codes.tolist(), "once": self.once}
        return {**said, "counts": self.counts.tolist()}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Spread:
        """Take back what ``as_json`` told of."""
        low, high, median = (
            float("nan") if one is None else float(one) for one in (*said["range"], said.get("median"))
        )
        return cls(
            low,
            high,
            int(said["missing"]),
            np.asarray(said["counts"], dtype=np.int64),
            np.asarray(said.get("edges", []), dtype=np.float64),
            np.asarray(said["codes"], dtype=np.int64) if "codes" in said else None,
            int(said.get("once", 0)),
            median,
        )


def _edges(known: FloatArray) -> FloatArray:
    """Return where bins of sorted numbers end: behind every value where these are few, else behind the deciles."""
    last = np.flatnonzero(known[1:] != known[:-1])  # of those that are equal, but the greatest
    if len(last) >= _FEW_VALUES:  # the deciles are numbers that are there (Hyndman & Fan, 1996, type 1)
        deciles = known[np.ceil(len(known) * np.arange(1, BINS) / BINS).astype(np.int64) - 1]
        last = np.unique(np.searchsorted(known, deciles, side="right")) - 1
        last = last[last < len(known) - 1]
    return np.asarray((known[last] + known[last + 1]) / 2)


def _json(number: float) -> float | None:
    return number if np.isfinite(number) else None
