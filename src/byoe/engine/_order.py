"""Which task is done when, with how many threads, and how many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..contracts._learner import Learner
from ..contracts._optional import Prepares, SolvesMoments
from ..contracts._task import Task
from ..errors import BudgetWarning
from ..tools._sizes import tell_bytes
from ..tools._warnings import warn
from ._memory import fewer_at_once, free_memory
from ._moments import can_solve
from ._prepared import can_prepare
from ._rows import Rows
from ._tasks import PREPARE, REFIT, FitTask, task_seed
from ._threads import Work

# Of a guess: sums over rows copy none of those that they are made of, only the rows that are predicted.
_SOLVED = 1 / 3
# Of the guess for a fit: bins that are prepared, which the schedule takes to be as large to be on the safe side.
_PREPARED = 0.5


@dataclass(frozen=True)
class Schedule:
    """The tasks of a fit in the order in which they start.

    Attributes
    ----------
    works : list of Work
    n_cores : int
        What the threads of works that run together may not exceed.
    at_once : int
        How many tasks run together.
    guesses : dict of label to float
        Guessed seconds of a member's task with the threads that it has.
    """

    works: list[Work[FitTask]]
    n_cores: int
    at_once: int
    guesses: dict[str, float]

    @property
    def preparing(self) -> list[FitTask]:
        """The tasks that prepare a member's table."""
        return [work.task for work in self.works if work.task.fold == PREPARE]


def in_order(
    tasks: list[FitTask],
    data: Rows,
    n_cores: int,
    stopping: Collection[str],
    seed: int,
    memory_limit: int | None = None,
    *,
    in_a_hurry: bool = False,
    as_given: bool = False,
    by_fold: bool = False,
) -> Schedule:
    """Return the order of tasks: what prepares first, then the longest first.

    A refit waits for the folds that find its number of rounds. Every task has one thread when
    there are at least as many tasks as cores, and an equal share otherwise, or when fewer tasks
    fit into the memory. In a hurry it is member by member, the shortest first, or as they are given. Fold by fold
    all members are on one fold before the next, and the refits come last.
    """
    by_label: dict[str, list[FitTask]] = {}
    for task in tasks:
        by_label.setdefault(task.label, []).append(task)
    one = {label: own[0].learner for label, own in by_label.items()}
    size = data.table.size
    guesses = {
        label: learner.seconds(*size, task=data.task, stopping=label in stopping) for label, learner in one.items()
    }
    labels = list(by_label) if as_given else sorted(by_label, key=lambda one: guesses[one], reverse=not in_a_hurry)
    shared = [label for label in labels if len(by_label[label]) > 1 and can_prepare(one[label], data)]
    held = [_held(one[label], memory_of(one[label], data)) for label in shared]
    together = max(held, default=0.0) if as_given else sum(held)
    at_once = _at_once(by_label, together, data, min(n_cores, len(tasks)), memory_limit)
    threads = n_cores // at_once

    def prepare(label: str) -> Work[FitTask]:
        first = by_label[label][0]
        seed_of_all = task_seed(seed, label, PREPARE)
        task = FitTask(label, first.learner, PREPARE, first.train, None, seed_of_all, "", keep=False)
        return Work(task, threads if in_a_hurry else max(1, threads * at_once // len(shared)))

    ordered = [task for label in labels for task in by_label[label]]
    if by_fold and not in_a_hurry:
        ordered.sort(key=lambda task: (task.fold == REFIT, task.fold))
    works = [] if in_a_hurry else [prepare(label) for label in shared]
    own: dict[str, list[int]] = {label: [] for label in labels}  # the places of each member's works
    for place, work in enumerate(works):
        own[work.task.label].append(place)
    for task in ordered:
        places = own[task.label]
        if in_a_hurry and task.label in shared and not places:
            places.append(len(works))
            works.append(prepare(task.label))
        waits_for_all = task.fold == REFIT and task.label in stopping
        needs = places if waits_for_all else places[: task.label in shared]
        works.append(Work(task, threads, tuple(needs)))
        places.append(len(works) - 1)
    return Schedule(works, threads * at_once, at_once, {label: one / threads for label, one in guesses.items()})


def memory_of(learner: Learner, data: Rows) -> float:
    """Return the bytes that a fit of a learner is guessed to take beside the table."""
    guess = learner.memory(*data.table.size, task=data.task)
    return _SOLVED * guess if can_solve(learner, data) else guess


def _held(learner: Learner, memory: float) -> float:
    """Return the bytes of what a learner prepares, which is about as large as a fit; sums over rows are nothing."""
    return memory if isinstance(learner, Prepares) else 0.0


def least_memory(learners: Iterable[Learner], n_rows: int, n_columns: int, task: Task) -> float:
    """Guess the bytes that a fit takes beside the table, with one task at a time; measured in benchmarks/large.py."""
    guesses = [(learner, _least(learner, n_rows, n_columns, task)) for learner in learners]
    return _PREPARED * sum(_held(*one) for one in guesses) + max(memory for _, memory in guesses)


def _least(learner: Learner, n_rows: int, n_columns: int, task: Task) -> float:
    guess = learner.memory(n_rows, n_columns, task=task)
    solves = isinstance(learner, SolvesMoments) and not task.is_classification and learner.can_fit_moments(task)
    return _SOLVED * guess if solves else guess


def without_memory(learners: Mapping[str, Learner], data: Rows, memory_limit: int | None) -> list[str]:
    """Return the members that would not fit into the memory with one task at a time, and what is prepared for it."""
    free = free_memory(memory_limit)
    return [label for label, learner in learners.items() if 2 * memory_of(learner, data) > free]


def _at_once(
    by_label: Mapping[str, list[FitTask]], held: float, data: Rows, most: int, memory_limit: int | None
) -> int:
    """Return how many tasks fit into the memory together, and warn if that is too few."""
    each = [memory_of(own[0].learner, data) for own in by_label.values() for _ in own]
    free = free_memory(memory_limit)
    count, expected = fewer_at_once(each, held, free, most)
    if expected > free:
        warn(
            f"the fit is expected to take {tell_bytes(expected)} beside the data with one task at a time, and "
            f"{tell_bytes(free)} are left to it; leave out the largest members, use fewer rows or columns, or raise "
            "memory_limit",
            BudgetWarning,
        )
    return count
