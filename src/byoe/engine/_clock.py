"""How long tasks take, and the time limit.

No member is judged by another's speed. Under a limit each has its share of the time that is left:
members with known tasks what these take, the others the same share each, unless that would be of
use to none: then those that are guessed to take longest come last. Those that can end in time end
with the rounds they have then. Of the others it is known, after a first task, whether all of it
can be done.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from ..errors import ParameterError
from ._countdown import Countdown

# What stays free of the time: tasks are to be done by the one, and are ended at the other.
SHARE = 0.95
LAST = 0.97
# Beyond that, of the limit, for a member that is the last to make an ensemble of.
_GRACE = 0.05
# How far above the limit a fit goes on while no member is complete: of it, and in seconds.
_ABOVE, _SECONDS = 0.1, 5.0
# Of a task that can end in time, what is kept for its predictions and all else after its last round.
_AFTER = 0.1
# Of the time that is left, what a member that cannot end in time may take while others wait.
_HALF = 0.5
# Of the time that a member is guessed to take, what it must have for others not to wait until it is done; and what is
# kept for those that wait, as a share of what others have.
_OF_USE = 0.4
_LITTLE = 0.05
# Of a unit, by which folds differ: two on two cores are one turn, also where one has a row more.
_UNEQUAL = 0.02
# Seconds that a task takes on the smallest table.
_LEAST = 0.02
# Of the time that a task has taken already, what it is expected to take at least from here on.
_MORE = 0.1
# How many times as long as there is time a member must be expected to take, by a few of its rows, to be left out.
_FAR = 3.0
# From how many times its guess on the guess for a task is not believed any more.
_OVERDUE = 1.5


@dataclass
class Member:
    """What the clock knows of a member's tasks.

    Sizes of tasks are in units of one whose training part is as large as those of the folds are on average.
    """

    guess: float
    ends: bool
    tasks: int
    waiting: float
    running: float = 0.0
    starts: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    after: float = _AFTER
    begun: bool = False
    cut: bool = False
    left_out: bool = False

    @property
    def measured(self) -> float | None:
        """Seconds of a unit; None before the first is done."""
        return sum(self.seconds) / len(self.seconds) if self.seconds else None

    @property
    def need(self) -> float:
        """Seconds that a unit takes; infinite where nobody knows."""
        return math.inf if self.measured is None or self.cut else self.measured

    @property
    def least(self) -> float:
        """Seconds that a unit needs to be of use; of one that was cut nobody knows better than before."""
        return _OF_USE * self.guess if self.measured is None or self.cut else self.measured

    @property
    def open(self) -> float:
        """The units that are not finished."""
        return self.waiting + self.running


class Clock:
    """Shares out the time between tasks, and expects how long they take.

    Parameters
    ----------
    guesses : dict of label to float
        Seconds of a member's task, where nothing is known yet. They tell which comes first, and where time is short
        which of those that can end in time have to do with what others leave, be it nothing.
    tasks : dict of label to sequence of float
        The sizes of each member's tasks.
    at_once : int
        How many tasks run at the same time.
    time_limit : float or None
        Seconds from the start, within which the tasks are to end.
    ends : set of labels
        Members whose tasks can end in time.
    started : float or None
        When the time began, on the monotonic clock; None for now.
    complete : bool, default=False
        Whether there is an ensemble already, so that no member is waited for.

    Attributes
    ----------
    at_once : int
    reasons : dict of label to str
        Why a member was left out, in numbers.
    late : set of labels
        Members of which a task ran on after the limit.
    """

    def __init__(
        self,
        guesses: Mapping[str, float],
        tasks: Mapping[str, Sequence[float]],
        at_once: int,
        time_limit: float | None,
        *,
        ends: frozenset[str] = frozenset(),
        started: float | None = None,
        complete: bool = False,
    ) -> None:
        self._members = {
            label: Member(max(_LEAST, guess), label in ends, len(tasks[label]), sum(tasks[label]))
            for label, guess in guesses.items()
        }
        self.at_once = at_once
        self._started = time.monotonic() if started is None else started
        self._limit = time_limit
        self._complete = complete
        self._running = 0
        self._lock = threading.Lock()
        self._countdown = Countdown()
        self.reasons: dict[str, str] = {}
        self.late: set[str] = set()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def remaining(self) -> float | None:
        """Seconds until all tasks should be done, as they are shown; None before the first one is."""
        with self._lock:
            return self._countdown(self._expected(), self.elapsed)

    def _expected(self) -> float | None:
        """Return the seconds that all tasks take from now on, in which those that run have been for a while."""
        known = [member for member in self._members.values() if member.measured is not None]
        if not known:
            return None
        pace = sum(member.measured or 0.0 for member in known) / sum(member.guess for member in known)
        total, longest = 0.0, 0.0
        for member in self._members.values():
            if member.open <= 1e-9 or (member.left_out and not member.starts):
                continue
            ran = [self.elapsed - start for start in member.starts]
            guess = pace * member.guess
            # One that takes much longer than was guessed may take that long again.
            each = member.measured or max([guess, *(2 * seconds for seconds in ran if seconds > _OVERDUE * guess)])
            rest = [max(each - seconds, _MORE * seconds) for seconds in ran]
            waiting = 0.0 if member.left_out else member.waiting
            total += each * waiting + sum(rest)
            longest = max(longest, *rest, each if waiting > 1e-9 else 0.0)
        expected = max(total / self.at_once, longest)
        return expected if self._limit is None else min(expected, max(0.0, self._limit - self.elapsed))

    def start(self, label: str, size: float = 1.0) -> float | None:
        """Return the seconds after which a task is to end with what it has; None where it is left out.

        The member that should be the first to be complete may go on a little longer, so that there is an ensemble.
        """
        with self._lock:
            member = self._members[label]
            if member.left_out:
                return None
            seconds = self._time_for(label, member, size)
            if seconds is None:
                member.left_out = True
                return None
            member.waiting -= size
            member.running += size
            member.starts.append(self.elapsed)
            member.begun = True
            self._running += 1
            return seconds

    def is_new(self, label: str) -> bool:
        """Return whether no task of a member has begun."""
        with self._lock:
            return not self._members[label].begun

    def seconds_for(self, label: str) -> float:
        """Return the seconds that are left for a member that cannot end in time."""
        with self._lock:
            return self._waited_for(self._is_first(label))

    def is_far(self, label: str, expected: float, *, one: bool) -> bool:
        """Return whether there is far too little time for a member's tasks, or for one, if a unit takes so long."""
        turns = 1.0 if one else self._turns(self._members[label].open)
        return turns * expected > _FAR * self.seconds_for(label)

    def give_up(self, label: str, expected: float, told: str, size: float = 1.0) -> None:
        """Leave out a member in its first task, since a unit is expected to take so long, by what is ``told``."""
        left = max(0.0, self.seconds_for(label))
        with self._lock:
            member = self._members[label]
            needed = self._turns(member.open) * expected
            self.reasons[label] = (
                f"{told}, so that all fits would take about {needed:.3g} s, and {left:.3g} s were left"
            )
        self.finish(label, 0.0, size, failed=True)

    def waits(self, label: str) -> bool:
        """Return whether others should go first: a member that cannot end in time tries one task before the rest.

        What would take most of the time that is left is done when all others are.
        """
        with self._lock:
            member = self._members[label]
            return self._limit is not None and self._holds(member)

    def worth_preparing(self, label: str) -> bool:
        """Return whether a member may still start."""
        with self._lock:
            late = self._limit is not None and self.elapsed > SHARE * self._limit
            return not late or self._is_first(label)

    def reuse(self, label: str, size: float = 1.0) -> None:
        """Take note of a task that need not be done."""
        with self._lock:
            member = self._members[label]
            member.waiting -= size
            self._less(member)

    def finish(
        self,
        label: str,
        seconds: float,
        size: float = 1.0,
        *,
        after: float = 0.0,
        cut: bool = False,
        failed: bool = False,
    ) -> None:
        """Take note of a task that is finished; of one that failed only that it is over.

        ``seconds`` are those of its fit and ``after`` those of its predictions; ``cut`` says that it has fewer rounds
        than it should.
        """
        with self._lock:
            member = self._members[label]
            member.running -= size
            del member.starts[:1]  # of those that run the first, as far as anybody knows
            self._running -= 1
            if self._limit is not None and self.elapsed > self._limit:
                self.late.add(label)
            if failed:
                member.left_out |= self._limit is not None
            else:
                member.seconds.append((seconds + after) / size)
                member.after = max(_AFTER / 2, after / max(_LEAST, seconds + after))
                member.cut |= cut
            self._less(member)

    def over(self) -> bool:
        """Return whether time is up while something is fitted; a little later where no member is complete."""
        if self._limit is None or self.elapsed <= LAST * self._limit:
            return False
        with self._lock:
            is_over = self._running > 0 and (self._complete or self.elapsed > self._latest)
            if is_over:
                self.late.update(label for label, member in self._members.items() if member.running > 1e-9)
            return is_over

    def _less(self, member: Member) -> None:
        member.tasks -= 1
        self._complete |= not member.tasks and not member.left_out

    def _time_for(self, label: str, member: Member, size: float) -> float | None:
        if self._limit is None:
            return math.inf
        first = self._is_first(label)
        left = self._left(first)
        if member.ends:
            if left <= 0 and not (member.begun or first):
                self.reasons[label] = "none was left when it could have started"
                return None
            return max(0.0, min(size * self._share(label, left), left)) * (1 - min(_HALF, member.after))
        if member.measured is None:
            if self.elapsed <= self._latest if first else left > 0:
                return math.inf
            self.reasons[label] = "none was left when it could have started"
            return None
        rest = self._turns(member.waiting) * member.measured
        left = self._waited_for(first)
        if rest <= left * (1 + 1e-9):
            return math.inf
        self.reasons[label] = f"its other fits would take {rest:.3g} s, and {max(0.0, left):.3g} s were left"
        return None

    @property
    def _latest(self) -> float:
        """The seconds from the start until which the first member to be complete is waited for."""
        assert self._limit is not None
        return self._limit + max(_ABOVE * self._limit, _SECONDS)

    def _waited_for(self, first: bool) -> float:
        """Return the seconds for which a member that cannot end in time is waited for."""
        assert self._limit is not None
        return (self._latest if first else LAST * self._limit) - self.elapsed

    def _left(self, first: bool = False) -> float:
        """Return the seconds that are left for tasks; there are some for the member that the ensemble is made of."""
        assert self._limit is not None
        left = SHARE * self._limit - self.elapsed
        return max(left, _GRACE * self._limit) if first else left

    def _share(self, label: str, left: float) -> float:
        """Return the seconds for a unit of a member, so that all that are waiting have as much, or what they need.

        Where that would be too little for all of them to be of use, those that are guessed to take longest have to do
        with what the others leave, and a little that is kept for them.
        """
        others, late = self._beside(label, left)
        units, little = self._members[label].open, _LITTLE * late / self.at_once
        for member in others:
            if member.ends or member.measured is None:
                units += member.open
            else:  # it will take this
                left -= member.open * member.measured / self.at_once
        for member in sorted((other for other in others if other.ends), key=lambda other: other.need):
            if member.need * (self._turns(units) + little) >= left:
                break
            left -= member.open * member.need / self.at_once
            units -= member.open
        return max(0.0, left) / (self._turns(units) + little)

    def _beside(self, label: str, left: float) -> tuple[list[Member], float]:
        """Return the other members that a member shares the time with, and the units of those that come later."""
        own = self._members[label]
        waiting = [member for other, member in self._members.items() if other == label or self._counts(member)]
        # Also one that happens to be ready first comes behind those that are guessed to be quicker.
        waiting.sort(key=lambda member: (not member.begun, member.guess))
        free = left * self.at_once
        beside: list[Member] = []
        late = 0.0
        for member in waiting:
            free -= member.open * member.least
            if member is own:
                continue
            if free < 0 and member.ends and not member.begun:
                late += member.open
            else:
                beside.append(member)
        return beside, late

    def _turns(self, units: float) -> float:
        """Return how many units come one after the other."""
        return max(units, 1e-9) if self.at_once == 1 else max(1, math.ceil(units / self.at_once - _UNEQUAL))

    def _counts(self, member: Member) -> bool:
        return member.open > 1e-9 and not member.left_out and not (member.running <= 1e-9 and self._holds(member))

    def _holds(self, member: Member) -> bool:
        if member.ends or member.left_out:
            return False
        if member.measured is None:
            return member.running > 1e-9
        return member.waiting * member.measured / self.at_once > _HALF * self._left()

    def _is_first(self, label: str) -> bool:
        def _needs(other: str) -> float:
            member = self._members[other]
            return (member.measured or member.guess) * member.open

        possible = [
            other for other, member in self._members.items() if not (member.left_out or self._is_hopeless(member))
        ]
        return not self._complete and bool(possible) and label == min(possible, key=_needs)

    def _is_hopeless(self, member: Member) -> bool:
        """Return whether it is known that a member will not be complete, however long it is waited for."""
        if member.ends or member.measured is None:
            return False
        return self._turns(member.open) * member.measured > (self._latest - self.elapsed) * (1 + 1e-9)


def read_time_limit(time_limit: Any) -> float | None:
    """Validate ``time_limit``."""
    if time_limit is None:
        return None
    if isinstance(time_limit, bool) or not isinstance(time_limit, Real) or not float(time_limit) > 0:
        raise ParameterError(f"time_limit is {time_limit!r}, expected a positive number of seconds, or None")
    return float(time_limit)
