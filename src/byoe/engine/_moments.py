"""Sums over rows in place of the rows: a table is read once, and the models of all folds are solved from that.

The moments of rows that no fold tells apart are summed, and a training part's are put together
from these. So it is for K folds and in the order of time; where there are too many such parts
(repeated folds, one row left out), the moments of the rows left out are taken from those of all.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np

from ..contracts._learner import Learner
from ..contracts._optional import Moments, SolvesMoments
from ..contracts._task import FloatArray, IntArray
from ..data._encoder import Encoder, needs_encoding, one_hot_codes
from ..data._table import Table
from ._medians import medians
from ._rows import Rows

_CELLS = 2**20  # of a block of rows
_MOST_FOLDS = 62  # one bit each of an integer
# What a difference must keep of what it is taken from: four of sixteen digits may be lost.
_LEAST = 1e-4


def can_solve(learner: Learner, data: Rows) -> bool:
    """Return whether a member's models can be solved from moments.

    Not where the encoded columns depend on the fold: target means, missing numbers that get the
    training rows' median. Nor where the target is transformed, or a model wants more than sums, as
    groups or rows to stop on.
    """
    table = data.table
    if data.task.is_classification or not isinstance(learner, SolvesMoments) or not learner.can_fit_moments(data.task):
        return False
    if data.transforms:
        return False
    if learner.values_by_column():  # places of columns, and these are of the encoding that all folds share
        return False
    if learner.frames or learner.frozen or learner.grouped or learner.stops or table.sparse or data.plan.repeats_rows:
        return False
    one_hot = one_hot_codes(learner, table)
    if not one_hot.keys() >= table.feature_categories.keys():
        return False
    numbers = _numbers(table, one_hot)
    if table.features_with_holes[numbers].any():
        return False
    width = len(numbers) + sum(map(len, one_hot.values()))
    return width <= max(len(train) for train, _ in data.plan.folds)


def _numbers(table: Table, one_hot: Mapping[int, IntArray]) -> IntArray:
    """Return the positions of the features that stay numbers."""
    return np.setdiff1d(np.arange(len(table.sources)), list(one_hot))


class FoldMoments:
    """The moments of every training part of a member; made when they are first asked for.

    Parameters
    ----------
    learner : Learner
        One that solves moments.
    data : Rows
    """

    def __init__(self, learner: Learner, data: Rows) -> None:
        self._learner = learner
        self._data = data
        self._lock = threading.Lock()
        self._made = False

    def make(self, threads: int) -> None:
        """Read the table, unless that is done."""
        with self._lock, np.errstate(all="ignore"):  # what overflows is found at the end
            if not self._made:
                self._read()
                self._made = True

    def _read(self) -> None:
        data, table = self._data, self._data.table
        every = np.arange(len(table))
        self._kept = every if data.weight is None else every[data.weight > 0]
        trains = [train if data.weight is None else train[data.weight[train] > 0] for train, _ in data.plan.folds]
        self._trains = [*trains, self._kept]
        self._numbers_of = {hash(rows.tobytes()): number for number, rows in enumerate(self._trains)}
        self._fill = np.full((len(self._trains), len(table.sources)), np.nan)
        numbers = _numbers(table, one_hot_codes(self._learner, table))
        filled = [part if len(part) else self._kept for part in self._trains]
        found = medians(table.features, numbers, filled)
        self._fill[:, numbers] = found
        self._reference = self._encoder(found[-1])
        width = len(self._reference.center)
        parts = _parts(self._trains, most=max(1, table.features.size // width**2)) or [self._kept]
        self._parts = [self._of(rows) for rows in parts]
        self._rows = parts
        self._whole = reduce(joined, self._parts)

    def _encoder(self, centers: FloatArray) -> Encoder:
        """Return what encodes all rows alike; numbers are centred near zero, so that sums of squares keep digits."""
        table = self._data.table
        one_hot = one_hot_codes(self._learner, table)
        for i, codes in one_hot.items():
            if not len(codes) or np.isnan(table.features[self._kept, i]).any():
                one_hot[i] = np.append(codes, -1)
        plain = Encoder(np.zeros(len(table.sources)), one_hot, {}, np.zeros(1), np.ones(1))
        center = np.zeros(len(plain.sources))
        center[~np.isin(plain.sources, list(one_hot))] = centers
        return Encoder(plain.fill, one_hot, {}, center, np.ones(len(center)))

    def _of(self, rows: IntArray) -> Moments:
        """Return the moments of some rows."""
        width = len(self._reference.center)
        step = max(width, _CELLS // width)
        return reduce(joined, (self._of_block(rows[start : start + step]) for start in range(0, len(rows), step)))

    def _of_block(self, rows: IntArray) -> Moments:
        data = self._data
        X = self._reference.transform(data.table.features[rows])
        y = data.y[rows].reshape(len(rows), -1)
        weight = np.ones(len(rows)) if data.weight is None else data.weight[rows]
        total = float(weight.sum())
        mean, target_mean = weight @ X / total, weight @ y / total
        X -= mean
        y = y - target_mean
        if data.weight is not None:
            roots = np.sqrt(weight)[:, None]
            X *= roots
            y *= roots
        return Moments(total, mean, target_mean, X.T @ X, X.T @ y, (y**2).sum(axis=0))

    def of(self, train: IntArray, threads: int) -> tuple[Encoder | None, Moments] | None:
        """Return the encoder of a training part, if one is needed, and the moments of its encoded rows.

        None where they would lose digits, there are fewer rows than columns, or the rows are not those
        of a fold.
        """
        self.make(threads)
        number = self._numbers_of.get(hash(train.tobytes()), -1)
        if len(train) < len(self._reference.center) or not np.array_equal(train, self._trains[number]):
            return None
        with np.errstate(all="ignore"):
            return self._encoded(self._of_train(train), train, self._fill[number])

    def _of_train(self, train: IntArray) -> Moments:
        inside = np.zeros(len(self._data.table), dtype=bool)
        inside[train] = True
        if all(inside[rows].all() or not inside[rows].any() for rows in self._rows):
            return reduce(joined, (part for part, rows in zip(self._parts, self._rows, strict=True) if inside[rows[0]]))
        left_out = self._kept[~inside[self._kept]]
        rest = _without(self._whole, self._of(left_out)) if len(left_out) < len(train) else None
        return self._of(train) if rest is None else rest

    def _encoded(self, moments: Moments, train: IntArray, fill: FloatArray) -> tuple[Encoder | None, Moments] | None:
        """Bring moments from the common encoding to that of a training part."""
        learner, table, shared = self._learner, self._data.table, self._reference
        numbers = ~np.isin(shared.sources, list(shared.one_hot))
        variance = moments.gram.diagonal() / moments.weight
        # A column whose values here are far from the common centre was rounded more than it would have been.
        if (numbers & (variance < (_LEAST * moments.mean) ** 2)).any():
            return None
        mean = shared.center + moments.mean
        center, scale = np.zeros(len(mean)), np.ones(len(mean))
        if learner.scaled:
            # As StandardScaler finds that a column is constant.
            noise = np.finfo(np.float64).eps * moments.weight
            varies = numbers & (variance > noise * variance + (noise * mean) ** 2)
            center[numbers] = mean[numbers]
            scale[varies] = np.sqrt(variance[varies])
        one_hot, present = dict(shared.one_hot), np.ones(len(mean), dtype=bool)
        for i, codes in shared.one_hot.items():
            if len(codes) > 1 and codes[-1] == -1 and not np.isnan(table.features[train, i]).any():
                one_hot[i] = codes[:-1]
                present[np.flatnonzero(shared.sources == i)[-1]] = False
        if learner.missing:
            fill = np.full(len(fill), np.nan)
        encoder = Encoder(fill, one_hot, {}, center[present], scale[present])
        scale = encoder.scale
        scaled = Moments(
            moments.weight,
            ((shared.center - center) + moments.mean)[present] / scale,
            moments.target_mean,
            moments.gram[np.ix_(present, present)] / np.outer(scale, scale),
            moments.products[present] / scale[:, None],
            moments.squares,
        )
        if not (np.isfinite(scaled.gram).all() and np.isfinite(scaled.products).all()):
            return None
        return (encoder if needs_encoding(learner, table) else None), scaled


def joined(one: Moments, other: Moments) -> Moments:
    """Return the moments of two sets of rows together (Chan, Golub & LeVeque, 1983)."""
    weight = one.weight + other.weight
    share = other.weight / weight
    apart, targets_apart = other.mean - one.mean, other.target_mean - one.target_mean
    return Moments(
        weight,
        one.mean + share * apart,
        one.target_mean + share * targets_apart,
        one.gram + other.gram + one.weight * share * np.outer(apart, apart),
        one.products + other.products + one.weight * share * np.outer(apart, targets_apart),
        one.squares + other.squares + one.weight * share * targets_apart**2,
    )


def of_output(moments: Moments, number: int) -> Moments:
    """Return the moments with one of the targets."""
    one = slice(number, number + 1)
    return Moments(
        moments.weight,
        moments.mean,
        moments.target_mean[one],
        moments.gram,
        moments.products[:, one],
        moments.squares[one],
    )


def _without(whole: Moments, part: Moments) -> Moments | None:
    """Return the moments of the rows that are not in a part; None where they would lose digits."""
    negative = Moments(-part.weight, part.mean, part.target_mean, -part.gram, -part.products, -part.squares)
    if part.weight > (1 - _LEAST) * whole.weight:
        return None
    rest = joined(whole, negative)
    before, after = (np.r_[sums.gram.diagonal(), sums.squares] for sums in (whole, rest))
    return rest if (after >= _LEAST * before).all() else None


def _parts(trains: Sequence[IntArray], most: int) -> list[IntArray] | None:
    """Return the rows of the last training part in sets that every other one has wholly or not at all.

    None where that would be more than ``most``, or more than two for each training part.
    """
    *folds, every = trains
    if len(folds) > _MOST_FOLDS:
        return None
    seen_by = np.zeros(int(every[-1]) + 1, dtype=np.int64)
    for number, rows in enumerate(folds):
        seen_by[rows] |= 1 << number
    kinds, labels = np.unique(seen_by[every], return_inverse=True)
    if len(kinds) > min(most, 2 * len(trains)):
        return None
    order = np.argsort(labels, kind="stable")
    ends = np.r_[0, np.cumsum(np.bincount(labels))]
    return [every[order[start:end]] for start, end in pairwise(ends)]
