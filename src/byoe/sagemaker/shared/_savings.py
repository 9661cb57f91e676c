"""What one job for all members saves, against one job for each: what every such job would do over again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import JobError, ParameterError

_FITTED = re.compile(r"^\[byoe\] fitted (\d+) members? in ([\d.]+) s$", re.MULTILINE)

_BEGUN = re.compile(r"^\[byoe\] read \d+ rows", re.MULTILINE)


@dataclass(frozen=True)
class Savings:
    """What one job for all members has saved, against one job for each of them.

    Attributes
    ----------
    members : int
    seconds : float
        Billable seconds: a job downloads, installs, reads and uploads as well, and members that
        have a job of their own do so each.
    bytes : int
        Data that were not downloaded again.
    money : float or None
        The seconds at a given price; in its currency.
    """

    members: int
    seconds: float
    bytes: int
    money: float | None = None


def fitted_line(members: int, seconds: float) -> str:
    """Return the line of the log that the savings are computed from."""
    return f"fitted {members} member{'s' if members != 1 else ''} in {seconds:.2f} s"


def savings(
    log: str, *, billable: float, seconds: float, instances: int, size: int, price_per_hour: float | None
) -> Savings:
    """Return what a completed job has saved.

    Parameters
    ----------
    log : str
    billable : float
        Seconds of all instances that are paid for, which are less than they worked on spare capacity.
    seconds : float
        From the beginning to the end.
    instances : int
    size : int
        Bytes that an instance downloads.
    price_per_hour : float or None
        Of one instance.
    """
    if price_per_hour is not None and not price_per_hour >= 0:
        raise ParameterError(f"price_per_hour is {price_per_hour!r}, expected a price, not below zero")
    found = _FITTED.findall(log)
    if not found:
        raise JobError("the job's log does not say how long it has fitted; it is gone, or another version wrote it")
    if len(_BEGUN.findall(log)) > instances:
        raise JobError("the job was interrupted and has begun anew, so that what it has saved cannot be told")
    members, fitting = int(found[-1][0]), float(found[-1][1])
    repeated = members - 1
    saved = repeated * billable * max(1.0 - fitting / seconds, 0.0) if seconds else 0.0
    money = None if price_per_hour is None else saved / 3600 * price_per_hour
    return Savings(members, saved, repeated * size * instances, money)
