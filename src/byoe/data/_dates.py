"""Dates as days since 1970 at UTC and durations as days, of every type that holds them; without a zone it is UTC."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ._cells import DAY, is_missing

_EPOCH = datetime.datetime(1970, 1, 1)
_TICK = datetime.timedelta(microseconds=1)
_SECOND = 1_000_000  # microseconds
_LONGER = {"us": 1, "ms": 1000, "s": _SECOND, "m": 60 * _SECOND, "h": 3_600 * _SECOND}
_LONGER |= {"D": 24 * _LONGER["h"], "W": 168 * _LONGER["h"]}
_IN_ONE = {"ns": 10**3, "ps": 10**6, "fs": 10**9, "as": 10**12}

NO_TIMES = "holds times of the day; turn them into numbers, such as hours"

Dated = Literal["date", "duration"]


def days_of_cell(cell: Any) -> float:
    """Return the days of a date, of a duration, or of a number, which is days already."""
    if is_missing(cell):
        return float("nan")
    for counted in ("to_datetime64", "to_timedelta64"):  # pandas' own types reach further than Python's
        if hasattr(cell, counted):
            cell = getattr(cell, counted)()
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return float(days_of_array(np.asarray(cell)))
    if isinstance(cell, datetime.date):
        return _days_of_date(cell)
    if isinstance(cell, datetime.timedelta):
        return cell // _TICK / DAY
    if isinstance(cell, (bool, np.bool_)):
        raise ValueError("no date")
    return float(cell)


def _days_of_date(cell: datetime.date) -> float:
    if not isinstance(cell, datetime.datetime):
        return float(cell.toordinal() - _EPOCH.toordinal())
    ahead = cell.utcoffset() or datetime.timedelta(0)
    return (cell.replace(tzinfo=None) - _EPOCH - ahead) // _TICK / DAY


def days_of_array(values: NDArray[Any]) -> FloatArray:
    """Return the days of an array of NumPy's dates or durations, of any unit."""
    unit, step = np.datetime_data(values.dtype)
    if unit not in _LONGER and unit not in _IN_ONE:  # years and months differ in length
        unit, step = "s", 1
        values = values.astype(f"{values.dtype.kind}8[s]")
    counted = values.astype(np.int64)
    if unit in _LONGER:
        microseconds = counted * float(step * _LONGER[unit])
    else:
        whole, rest = np.divmod(counted, _IN_ONE[unit])
        rest = rest * step
        # Of an instant no more than the microsecond, as elsewhere.
        within = rest / _IN_ONE[unit] if values.dtype.kind == "m" else rest // _IN_ONE[unit]
        microseconds = whole * float(step) + within
    return np.where(np.isnat(values), np.nan, microseconds / DAY)


def dated_cells(cells: Sequence[Any]) -> Dated | None:
    """Say what cells of any type hold; None where they are no dates, ValueError where only some of them are.

    What has no meaning as a number of days, a time of the day or a period, is a ValueError, too.
    """
    found = {_dated(type(cell)) for cell in cells if not is_missing(cell)}
    if not found & {"date", "duration", "time of day", "period"}:
        return None
    if "time of day" in found:
        raise ValueError(NO_TIMES)
    if "period" in found:
        raise ValueError("holds periods; turn them into dates, for pandas by .dt.to_timestamp()")
    if len(found) > 1:
        told = " and ".join(sorted(f"{kind}s" for kind in found))
        raise ValueError(f"holds {told} in one column; make all of them the same")
    (kind,) = found
    return "date" if kind == "date" else "duration"


def _dated(kind: type) -> str:
    if issubclass(kind, (datetime.date, np.datetime64)):
        return "date"
    if issubclass(kind, (datetime.timedelta, np.timedelta64)):
        return "duration"
    if issubclass(kind, datetime.time):
        return "time of day"
    return "period" if kind.__name__ == "Period" else "other value"
