"""What a fit that nothing can end before it is done would take, by fits of a few of its rows.

Without it one `svm` on a large table would make a minute's limit a day.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import IntArray, Task
from ._one_task import carry_out
from ._rows import Rows
from ._tasks import FitTask

# The shares of the rows, where they are so many, and what one fit of such a share may take of the time that is left.
_SHARES, _FEWEST, _MOST = (1 / 256, 1 / 64, 1 / 16), 50, 0.02
# What the first of them may have taken, for another to tell how the time grows with the rows.
_MOST_ALONE = 0.2
# The time goes by a power of the number of rows: of a noisy measure it is not to be the hundredth.
_HIGHEST = 3.0
# Seconds, of which less is noise: it is measured again, and nobody is left out by it.
_NOISE = 0.1
# Rows of each class that a few rows have at least.
_OF_A_CLASS = 5


@dataclass(frozen=True)
class Probe:
    """What a fit of all rows is expected to take.

    Attributes
    ----------
    rows, of : int
        Of how many rows the largest fit was, and how many there are.
    took : float
        The seconds of that fit, with its predictions.
    expected : float
        The seconds of one of all rows.
    """

    rows: int
    of: int
    took: float
    expected: float

    @property
    def told(self) -> str:
        """The measure, in words."""
        return f"a fit of {self.rows:,} of {self.of:,} rows took {self.took:.3g} s"


def probe(took: Callable[[int], float | None], n_rows: int, left: float) -> Probe | None:
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
    sizes = [rows for rows in (int(share * n_rows) for share in _SHARES) if rows >= _FEWEST]
    measured: list[tuple[int, float]] = []
    for rows in sizes:
        if measured and _extrapolated(measured, rows) > _MOST * left:
            break
        measured.append((rows, _shortest(took, rows)))
    if len(measured) == 1 and measured[0][1] <= _MOST_ALONE * left:
        half = measured[0][0] // 2
        measured.insert(0, (half, _shortest(took, half)))
    if len(measured) < 2 or measured[-1][1] < _NOISE or any(math.isnan(seconds) for _, seconds in measured):
        return None
    return Probe(measured[-1][0], n_rows, measured[-1][1], _extrapolated(measured, n_rows))


def again(one: Probe, took: Callable[[int], float | None]) -> Probe | None:
    """Return a probe with the shorter of two measures: what else the machine does, or a first import, only adds to it.

    None where that takes too little to tell anything.
    """
    seconds = min(one.took, took(one.rows) or one.took)
    return None if seconds < _NOISE else replace(one, took=seconds, expected=one.expected * seconds / one.took)


def _shortest(took: Callable[[int], float | None], rows: int) -> float:
    """Return the seconds of a fit, the least of three where they are few; not a number where it fails."""
    seconds = took(rows)
    for _ in range(2):
        if seconds is not None and seconds < _NOISE:
            seconds = min(seconds, took(rows) or seconds)
    return math.nan if seconds is None else max(seconds, 1e-9)


def measure(item: FitTask, data: Rows, threads: int) -> Callable[[int], float | None]:
    """Return what measures a task on so many of its rows, with as large a part of the rows that it predicts."""
    rng = np.random.default_rng(item.seed)
    train = _mixed(rng.permutation(item.train), data.y, data.task)
    test = None if item.test is None else rng.permutation(item.test)

    def _took(rows: int) -> float | None:
        part = None if test is None else np.sort(test[: max(1, len(test) * rows // len(train))])
        few = replace(item, train=np.sort(train[:rows]), test=part, keep=False)
        outcome = carry_out(few, data, threads, list(item.rounds), None)
        return None if outcome.error is not None else outcome.seconds + outcome.predicting

    return _took


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
    mixed: IntArray = rows[np.concatenate([first, rest])]
    return mixed
