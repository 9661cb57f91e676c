"""What is said of a time limit when a fit is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import BudgetWarning, MemberError
from ..tools._warnings import warn
from ._clock import Clock
from ._tasks import FitTask, Outcome

# So many times the limit, and so many seconds above it, a fit may take before it says what kept it.
_TOLERATED = 1.1
_SECONDS = 1.0


class TooShortError(MemberError):
    """There was no time for any member."""


@dataclass(frozen=True)
class Late:
    """A member there was no time for.

    Attributes
    ----------
    label : str
    fold : int
        The first that is missing.
    text : str
    """

    label: str
    fold: int
    text: str


def left_out(
    tasks: Sequence[FitTask], arrived: Mapping[tuple[str, int], Outcome], failed: set[str], clock: Clock, limit: float
) -> list[Late]:
    """Return which members there was no time for, with the numbers of each."""
    found = []
    for label, own in _by_label(tasks).items():
        missing = [task.fold for task in own if (label, task.fold) not in arrived]
        if missing and label not in failed:
            reason = clock.reasons.get(label)
            text = f"{len(missing)} of {len(own)} fits were not done within the time_limit of {limit:g} s"
            found.append(Late(label, missing[0], f"{text}: {reason}" if reason else text))
    return found


def check_time(late: Sequence[Late], labels: Sequence[str], clock: Clock, limit: float) -> None:
    """Raise an error where there was no time for any of the members."""
    if len(late) < len(labels):
        return
    told = "; ".join(f"{one.label}: {one.text}" for one in late)
    raise TooShortError(
        f"the time_limit of {limit:g} s is too short: after {clock.elapsed:.3g} s no member was complete ({told}). "
        "Give a longer limit, fewer folds (cv=3), or a member that is quick or can end in time: linear models, boosters"
    )


def warn_of_limit(
    tasks: Sequence[FitTask],
    arrived: Mapping[tuple[str, int], Outcome],
    late: Sequence[Late],
    clock: Clock,
    limit: float,
) -> None:
    """Warn of members that were left out, of models with fewer rounds, and of a limit that did not hold."""
    if late:
        names = ", ".join(item.label for item in late)
        warn(
            f"left out, since there was no time within the time_limit of {limit:g} s: {names}. A longer limit, "
            "or a store to go on from, would bring them in",
            BudgetWarning,
        )
    gone = {item.label for item in late}
    cut = [_cut(label, own, arrived) for label, own in _by_label(tasks).items() if label not in gone]
    if any(cut):
        warn(
            f"the time_limit of {limit:g} s left models with fewer rounds than they should have: "
            f"{', '.join(filter(None, cut))}. Another fit would give them another number, so it cannot be repeated; "
            "a longer limit lets them be complete",
            BudgetWarning,
        )
    if is_late(clock.elapsed, limit):
        ends = {task.label for task in tasks if task.learner.ends_in_time}
        names = ", ".join(sorted(clock.late - ends))
        kept = f": fits of {names} ran on, which nothing can end before they are done" if names else ""
        warn(f"the fit of the members took {clock.elapsed:.1f} s of a time_limit of {limit:g} s{kept}", BudgetWarning)


def is_late(elapsed: float, limit: float) -> bool:
    """Return whether a fit has taken so much more than its limit that it says what kept it."""
    return elapsed > max(_TOLERATED * limit, limit + _SECONDS)


def _cut(label: str, tasks: Sequence[FitTask], arrived: Mapping[tuple[str, int], Outcome]) -> str:
    outcomes = [arrived[label, task.fold] for task in tasks if (label, task.fold) in arrived]
    # What was cut before those of the models, one for each output, were trials.
    rounds = [number for outcome in outcomes for number in outcome.cut[-max(1, len(outcome.rounds)) :]]
    if not rounds:
        return ""
    count = sum(bool(outcome.cut) for outcome in outcomes)
    between = f"{min(rounds)} to {max(rounds)}" if min(rounds) < max(rounds) else f"{rounds[0]}"
    return f"{label} ({count} of {len(tasks)}, with {between})"


def _by_label(tasks: Sequence[FitTask]) -> dict[str, list[FitTask]]:
    found: dict[str, list[FitTask]] = {}
    for task in tasks:
        found.setdefault(task.label, []).append(task)
    return found
