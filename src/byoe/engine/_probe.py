"""What a fit that nothing can end before it is done would take, by fits of a few of its rows.

Without it one `svm` on a large table would make a minute's limit a day.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import IntArray, Task
from ._one_task import carry_out
from ._rows import Rows
from ._tasks import FitTask

# The first fit is of a share of the rows, though not of many; the next ones are of four times as many, up to a share.
_FIRST, _MANY, _FEWEST, _TIMES, _LAST = 1 / 256, 500, 50, 4, 1 / 16
# What the next one may be expected to take of the time that is left.
_MOST = 0.02
# What the first may have taken, where there is no second, for half as many rows to tell how the time grows.
_MOST_ALONE = 0.1
# Seconds, of which less tells nothing.
_NOISE = 0.1
# The time goes by a power of the number of rows: of a noisy measure it is not to be the hundredth.
_HIGHEST = 3.0
# Rows of each class that a few rows have at least.
_OF_A_CLASS = 5

Took = Callable[[int], float | None]


@dataclass(frozen=True)
class Probe:
    """What a fit of all rows is expected to take.

    Attributes
    ----------
    before, last : tuple of int and float
        How many rows a fit was of, and the seconds that it took, with its predictions.
    of : int
        How many rows there are.
    """

    before: tuple[int, float]
    last: tuple[int, float]
    of: int

    @property
    def expected(self) -> float:
        """The seconds of a fit of all rows."""
        return _extrapolated([self.before, self.last], self.of)

    @property
    def told(self) -> str:
        """The measure, in words."""
        rows, seconds = self.last
        return f"a fit of {rows:,} of {self.of:,} rows took {seconds:.3g} s"


def probe(took: Took, n_rows: int, left: float) -> Probe | None:
    """Measure fits of more and more rows, as long as the next is expected to take little of the time that is left.

    Parameters
    ----------
    took : function
        Of a number of rows: the seconds of a fit; None where it failed.
    n_rows : int
        How many rows there are.
    left : float
        The seconds that are left.

    Returns
    -------
    Probe or None
        None where a fit failed, or takes too little or too much to tell anything.
    """
    measured: list[tuple[int, float]] = []
    for rows in _sizes(n_rows):
        if measured and _extrapolated(measured, rows) > _MOST * left:
            break
        if not _added(measured, rows, took):
            return None
    if len(measured) == 1 and _NOISE <= measured[0][1] <= _MOST_ALONE * left:
        _added(measured, measured[0][0] // 2, took)
    if len(measured) < 2:
        return None
    before, last = sorted(measured[-2:])
    return None if last[1] < _NOISE else Probe(before, last, n_rows)


def again(one: Probe, took: Took) -> Probe | None:
    """Return a probe with the shorter of two measures: what else the machine does, or a first import, only adds to it.

    None where that takes too little to tell anything.
    """
    rows, seconds = one.last
    seconds = min(seconds, took(rows) or seconds)
    return None if seconds < _NOISE else replace(one, last=(rows, seconds))


def measure(item: FitTask, data: Rows, threads: int, rounds: Sequence[int]) -> Took:
    """Return what measures a task on so many of its rows, with as large a part of the rows that it predicts."""
    rng = np.random.default_rng(item.seed)
    train = _mixed(rng.permutation(item.train), data.y, data.task)
    test = None if item.test is None else rng.permutation(item.test)

    def _took(rows: int) -> float | None:
        part = None if test is None else np.sort(test[: max(1, len(test) * rows // len(train))])
        few = replace(item, train=np.sort(train[:rows]), test=part, keep=False)
        outcome = carry_out(few, data, threads, list(rounds), None)
        return None if outcome.error is not None else outcome.seconds + outcome.predicting

    return _took


def _sizes(n_rows: int) -> Iterator[int]:
    rows = max(_FEWEST, min(int(_FIRST * n_rows), _MANY))
    while rows <= _LAST * n_rows:
        yield rows
        rows *= _TIMES


def _added(measured: list[tuple[int, float]], rows: int, took: Took) -> bool:
    seconds = took(rows)
    if seconds is not None:
        measured.append((rows, max(seconds, 1e-9)))
    return seconds is not None


def _extrapolated(measured: list[tuple[int, float]], rows: int) -> float:
    """Return the seconds for so many rows, as they have grown between the last two measures; in proportion to one."""
    last, seconds = measured[-1]
    power = 1.0
    if len(measured) > 1:
        before, took = measured[-2]
        power = min(_HIGHEST, max(0.0, math.log(seconds / took) / math.log(last / before)))
    return float(seconds * (rows / last) ** power)


def _mixed(rows: IntArray, y: NDArray[Any], task: Task) -> IntArray:
    """Return rows in their order, but with some of every class first."""
    if not task.is_classification or task.is_multilabel:
        return rows
    codes = y[rows]
    first = np.concatenate([np.flatnonzero(codes == code)[:_OF_A_CLASS] for code in np.unique(codes)])
    rest = np.setdiff1d(np.arange(len(rows)), first)
    mixed: IntArray = rows[np.concatenate([np.sort(first), rest])]
    return mixed
