"""What a date says of the calendar: parts that are made of its days alone, so that nothing is learned for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ..contracts._task import FloatArray
from ._cells import DAY

PARTS: Final = ("year", "month", "day", "day_of_year", "weekday", "hour")
# Parts that come round, so that they do not rise with the date.
CYCLIC: Final = frozenset(PARTS) - {"year"}
# Those of few values: learners that want scaled columns get a column of 0 and 1 for each.
SEASONS: Final = frozenset({"month", "weekday", "hour"})

# Days are fractions of float64, whose error grows with them: an hour must not be the one before.
_ROUNDING, _GROWING = 0.05 / DAY, 1e-5 / DAY


class Numbers:
    """The operations that parts are made of, on arrays of NumPy; a graph has the same ones."""

    def add(self, x: Any, value: float) -> Any:
        """Add a number."""
        return x + value

    def scale(self, x: Any, factor: float) -> Any:
        """Multiply by a number."""
        return x * factor

    def divide(self, x: Any, divisor: float) -> Any:
        """Divide by a number."""
        return x / divisor

    def plus(self, x: Any, y: Any) -> Any:
        """Add two columns."""
        return x + y

    def minus(self, x: Any, y: Any) -> Any:
        """Take one column from another."""
        return x - y

    def floor(self, x: Any) -> Any:
        """Round down."""
        return np.floor(x)

    def size(self, x: Any) -> Any:
        """Return absolute values."""
        return np.abs(x)


def calendar(days: Any, parts: Sequence[str], on: Any = None) -> list[Any]:
    """Return parts of dates, at UTC: years, months and days from 1, weekdays from 0 for Monday, and hours from 0.

    Parameters
    ----------
    days : array of shape (n_rows,), or a column of a graph
        Days since 1970; NaN for a missing date, whose parts are missing, too.
    parts : sequence of str
    on : Numbers or what has its methods, default=None
        What computes.

    References
    ----------
    H. Hinnant (2013). chrono-compatible low-level date algorithms. Proleptic Gregorian, as NumPy's and pandas' dates.
    """
    on = on or Numbers()
    day = on.floor(days)
    rest = on.add(on.plus(on.minus(days, day), on.scale(on.size(days), _GROWING)), _ROUNDING)
    over = on.floor(rest)
    day = on.plus(day, over)
    made: dict[str, Any] = {}
    if "hour" in parts:
        made["hour"] = on.floor(on.scale(on.minus(rest, over), 24.0))
    if "weekday" in parts:
        made["weekday"] = _rest(on, on.add(day, 3.0), 7.0)  # 1970 began on a Thursday
    if not {"year", "month", "day", "day_of_year"}.isdisjoint(parts):
        made["year"], made["month"], made["day"] = _civil(on, day)
    if "day_of_year" in parts:
        made["day_of_year"] = _day_of_year(on, day, made["year"])
    return [made[part] for part in parts]


def _civil(on: Any, day: Any) -> tuple[Any, Any, Any]:
    """Return year, month and day of whole days since 1970; years begin in March here, so that leap days end them."""
    shifted = on.add(day, 719_468.0)
    era = _whole(on, shifted, 146_097.0)
    of_era = on.minus(shifted, on.scale(era, 146_097.0))
    leaps = on.minus(_whole(on, of_era, 1_460.0), _whole(on, of_era, 36_524.0))
    leaps = on.plus(leaps, _whole(on, of_era, 146_096.0))
    year = _whole(on, on.minus(of_era, leaps), 365.0)
    before = on.plus(on.scale(year, 365.0), on.minus(_whole(on, year, 4.0), _whole(on, year, 100.0)))
    of_year = on.minus(of_era, before)
    month = _whole(on, on.add(on.scale(of_year, 5.0), 2.0), 153.0)
    first = _whole(on, on.add(on.scale(month, 153.0), 2.0), 5.0)
    late = _whole(on, month, 10.0)  # January and February are of the next year
    month = on.minus(on.add(month, 3.0), on.scale(late, 12.0))
    return on.plus(on.plus(year, on.scale(era, 400.0)), late), month, on.add(on.minus(of_year, first), 1.0)


def _day_of_year(on: Any, day: Any, year: Any) -> Any:
    """Return how many days of its year are over with a day."""
    before = on.add(year, -1.0)
    leaps = on.plus(on.minus(_whole(on, before, 4.0), _whole(on, before, 100.0)), _whole(on, before, 400.0))
    # 477 leap days from the year 1 to 1969.
    first = on.plus(on.scale(on.add(year, -1_970.0), 365.0), on.add(leaps, -477.0))
    return on.add(on.minus(day, first), 1.0)


def _whole(on: Any, x: Any, divisor: float) -> Any:
    return on.floor(on.divide(x, divisor))


def _rest(on: Any, x: Any, divisor: float) -> Any:
    return on.minus(x, on.scale(_whole(on, x, divisor), divisor))


def varying(days: FloatArray) -> tuple[str, ...]:
    """Return the parts that differ in a table, and are not its days but for a number, as those of one year are."""
    days = days[~np.isnan(days)]
    parts = zip(PARTS, calendar(days, PARTS), strict=True)
    return tuple(part for part, values in parts if len(days) and np.ptp(values) > 0 and np.ptp(values - days) > 0)
