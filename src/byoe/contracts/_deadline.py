"""How long the fit in this thread may take: for learners that can end with the rounds they have, and for blenders."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Of the time that is left, what is planned with.
_SHARE = 0.85
# Rounds that show how long one takes.
_FEW = 4

# Of each thread its own; whoever takes a thread's place has it, too.
_here: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """When a task's fits are to end with the rounds they have.

    Parameters
    ----------
    seconds : float
        From now; infinity for no limit.

    Attributes
    ----------
    cut : list of int
        The rounds of each fit that ended before it had all.
    skipped : set of str
        What was not tried.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self.cut: list[int] = []
        self.skipped: set[str] = set()

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._at - time.monotonic()

    @contextmanager
    def shared(self, fits: int) -> Iterator[None]:
        """Leave the next fit its part of the time, where so many are to come."""
        at = self._at
        self._at -= max(0.0, self.left) * (1 - 1 / fits) if at < math.inf else 0.0
        try:
            yield
        finally:
            self._at = at


@contextmanager
def until(deadline: Deadline | None) -> Iterator[None]:
    """Let a deadline, or none, hold in this thread."""
    token = _here.set(deadline)
    try:
        yield
    finally:
        _here.reset(token)


@contextmanager
def part_of_time(fits: int) -> Iterator[None]:
    """Leave the next fit in this thread its part of the time, where so many are to come."""
    deadline = _here.get()
    if deadline is None:
        yield
        return
    with deadline.shared(fits):
        yield


def seconds_left() -> float:
    """Return the seconds until the fit that runs in this thread is to end; infinity without a time limit."""
    deadline = _here.get()
    return math.inf if deadline is None else deadline.left


def skip(name: str) -> None:
    """Take note that something is not tried in this thread for lack of time."""
    deadline = _here.get()
    if deadline is not None:
        deadline.skipped.add(name)


def cut_short(rounds: int) -> None:
    """Take note that the model of this thread's fit has so many rounds, fewer than it should for lack of time."""
    deadline = _here.get()
    if deadline is not None:
        deadline.cut.append(rounds)


def told_to_be_short() -> bool:
    """Return whether a fit of this thread's task is known to have fewer rounds than it should."""
    deadline = _here.get()
    return deadline is not None and bool(deadline.cut)


def out_of_time(rounds: int) -> bool:
    """Return whether the fit in this thread is to end now, with the model of the rounds that it has.

    For a learner with ``ends_in_time``, which asks between two rounds and ends when this is true: that the
    model has fewer rounds than it should is then known, and told.

    Parameters
    ----------
    rounds : int
        How many rounds are done; at least one.
    """
    if seconds_left() > 0:
        return False
    cut_short(rounds)
    return True


def rounds_in_time(fit: Callable[[int], Any], rounds: int, share: float = 1.0) -> int:
    """Return how many rounds fit into the time that is left, by what a trial of a few takes.

    For libraries that cannot be asked to end between two rounds.

    Parameters
    ----------
    fit : callable
        Called with a number of rounds.
    rounds : int
        The most.
    share : float, default=1.0
        Of the time that is left, what these rounds may take.
    """
    if math.isinf(seconds_left()) or rounds <= _FEW:
        return rounds
    started = time.monotonic()
    fit(_FEW)
    return rounds_of(rounds, (time.monotonic() - started) / _FEW, share)


def rounds_of(rounds: int, each: float, share: float = 1.0) -> int:
    """Return how many rounds of so many seconds each fit into a share of the time that is left; one at least."""
    planned = _SHARE * share * max(0.0, seconds_left())
    return rounds if each * rounds <= planned else max(1, int(planned / each))
