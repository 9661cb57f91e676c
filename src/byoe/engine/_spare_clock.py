"""The time that is left of a limit once there is an ensemble: for members that nobody has to have.

One starts only where there is time for the whole of it: by what its first task took, before that by what members of
the same learner took, and where there are none by a first task that ends in its share of the time. What a first
task shows to be too long waits until all others are done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ._clock import LAST, SHARE, Clock, Member

# A member that can end in time is of use with such a part of the time that it takes to be complete.
_OF_USE = 0.5
# So many times what is left a member may be guessed to take by the speed of other learners, and is tried.
_DOUBT = 4.0


@dataclass(frozen=True)
class Spare:
    """What is known when further members are to use the time that is left.

    Attributes
    ----------
    members : int
        How many are there.
    seconds : dict of label to float
        What a task of a further member is expected to take.
    by_kin : set of labels
        Those for which this is known from a member of the same learner.
    """

    members: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    by_kin: frozenset[str] = frozenset()


class SpareClock(Clock):
    """Shares out time between members that are whole, or not there.

    Parameters
    ----------
    spare : Spare
    reserve : float
        Seconds that each further member takes to blend.
    """

    def __init__(
        self,
        spare: Spare,
        tasks: Mapping[str, Sequence[float]],
        at_once: int,
        time_limit: float,
        *,
        reserve: float = 0.0,
        ends: frozenset[str] = frozenset(),
        started: float | None = None,
    ) -> None:
        super().__init__(spare.seconds, tasks, at_once, time_limit, ends=ends, started=started, complete=True)
        self._until, self._reserve, self._by_kin = time_limit, reserve, spare.by_kin

    def worth_preparing(self, label: str) -> bool:
        """Return whether a member may still start."""
        with self._lock:
            member = self._members[label]
            return not member.left_out and self._why_not(label, member) is None

    def _time_for(self, label: str, member: Member, size: float) -> float | None:
        left = self._left_for(member)
        reason = None if member.begun else self._why_not(label, member)
        if reason is None and member.measured is not None:
            # Of one that was cut nobody knows how long it takes, but not less than was guessed.
            each = max(member.measured, member.guess) if member.cut else member.measured
            needed = each * self._turns(member.waiting)
            if (_OF_USE if member.ends else 1.0) * needed > left + (LAST - SHARE) * self._until:
                reason = f"its other fits would take {needed:.3g} s, and {max(0.0, left):.3g} s were left"
        if reason is not None:
            self.reasons[label] = reason
            return None
        if not member.ends:
            return math.inf
        return size * left / self._turns(member.open) * (1 - member.after)

    def _why_not(self, label: str, member: Member) -> str | None:
        """Return why a member should not begin; None where it may."""
        left = self._left_for(member)
        if left <= 0:
            return "none was left when it could have started"
        needed = member.guess * self._turns(member.open)
        if needed * self._doubted(label, member) > left:
            return f"it is expected to take {needed:.3g} s, and {left:.3g} s were left"
        return None

    def _doubted(self, label: str, member: Member) -> float:
        """Return what part of the time that a member is expected to take must be there for it to be tried.

        All of it where it cannot end in time, and where another one waits already since its first task took too long.
        """
        if not member.ends or any(one.cut and not one.left_out for one in self._members.values()):
            return 1.0
        return _OF_USE if label in self._by_kin else _OF_USE / _DOUBT

    def _left_for(self, member: Member) -> float:
        """Return the seconds that are left without those of others that have begun, and of the blend."""
        begun = [one for one in self._members.values() if one.begun and not one.left_out and one is not member]
        promised = sum(self._rest(one) for one in begun if not one.cut) / self.at_once
        return SHARE * self._until - self.elapsed - promised - self._reserve * (len(begun) + 1)

    def _rest(self, member: Member) -> float:
        each = member.guess if member.measured is None else member.measured
        running = [max(0.0, each - (self.elapsed - start)) for start in member.starts]
        return member.waiting * each + sum(running)

    def _holds(self, member: Member) -> bool:
        if member.left_out:
            return False
        return member.cut or (not member.ends and member.measured is None and member.running > 1e-9)
