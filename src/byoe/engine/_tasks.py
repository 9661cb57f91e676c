"""What there is to do in a fit, in which order: one task for every member and fold."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray
from ..errors import BudgetWarning
from ..fitted._models import FoldModel
from ..tools._sizes import tell_bytes
from ..tools._warnings import warn
from ._clock import fewer_at_once, free_memory
from ._prepared import can_prepare
from ._rows import Rows
from ._threads import Work

REFIT = -1
PREPARE = -2


@dataclass(frozen=True)
class FitTask:
    """One member on one fold.

    Attributes
    ----------
    label : str
    learner : Learner
    fold : int
        Number of the fold, REFIT for all rows, PREPARE for what comes before both.
    train : array of shape (n_train,)
    test : array of shape (n_test,) or None
    seed : int
    stopping : bool
        Whether the number of rounds is to be found.
    keep : bool
        Whether the model is served.
    rounds : tuple of int
        The number of rounds of each output's model, where it is known beforehand.
    """

    label: str
    learner: Learner
    fold: int
    train: IntArray
    test: IntArray | None
    seed: int
    stopping: bool
    keep: bool
    rounds: tuple[int, ...] = ()


@dataclass
class Outcome:
    """What came of a task: a model, its predictions of the fold's other rows, or an error.

    Nothing of these where it was left out.
    """

    task: FitTask
    seconds: float
    model: FoldModel | None = None
    oof: FloatArray | None = None
    rounds: list[int] = field(default_factory=list)
    predicting: float = 0.0
    error: Exception | None = None
    left_out: bool = False
    reused: bool = False


def where(fold: int) -> str:
    """Return how messages call a fold."""
    return "refit" if fold == REFIT else f"fold {fold + 1}"


def mean_rounds(by_fold: list[list[int]]) -> list[int]:
    """Return the mean number of rounds over the folds that found one, for each output."""
    found = [rounds for rounds in by_fold if rounds]
    return [max(1, round(mean)) for mean in np.mean(found, axis=0)] if found else []


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
        Guessed seconds of a member's task.
    """

    works: list[Work[FitTask]]
    n_cores: int
    at_once: int
    guesses: dict[str, float]

    @property
    def preparing(self) -> list[FitTask]:
        """The tasks that prepare a member's table."""
        return [work.task for work in self.works if work.task.fold == PREPARE]


def task_seed(root: int, label: str, fold: int) -> int:
    """Derive a task's seed from what it is, so that the order of tasks does not matter."""
    number = 2**32 - 1 if fold == PREPARE else fold + 1
    words = np.random.SeedSequence([root, zlib.crc32(label.encode()), number]).generate_state(1)
    return int(words[0] >> 1)


def fit_tasks(
    learners: Mapping[str, Learner],
    data: Rows,
    finalize: Mapping[str, str],
    stopping: AbstractSet[str],
    seed: int,
) -> list[FitTask]:
    """Return the tasks of a fit, member by member, the folds in order, a refit last."""
    every_row = np.arange(data.plan.n_rows)
    tasks = []
    for label, learner in learners.items():
        bag, stops = finalize[label] == "bag", label in stopping
        for number, (train, test) in enumerate(data.plan.folds):
            tasks.append(FitTask(label, learner, number, train, test, task_seed(seed, label, number), stops, keep=bag))
        if not bag:
            tasks.append(
                FitTask(label, learner, REFIT, every_row, None, task_seed(seed, label, REFIT), False, keep=True)
            )
    return tasks


def in_order(
    tasks: list[FitTask],
    data: Rows,
    n_cores: int,
    stopping: AbstractSet[str],
    seed: int,
    memory_limit: int | None = None,
    *,
    in_a_hurry: bool = False,
) -> Schedule:
    """Return the order of tasks: what prepares first, then the longest first.

    A refit waits for the folds that find its number of rounds. Every task has one thread when
    there are at least as many tasks as cores, and an equal share otherwise, or when fewer tasks
    fit into the memory. In a hurry it is member by member, the shortest first.
    """
    by_label: dict[str, list[FitTask]] = {}
    for task in tasks:
        by_label.setdefault(task.label, []).append(task)
    one = {label: own[0].learner for label, own in by_label.items()}
    size = data.table.size
    guesses = {
        label: learner.seconds(*size, task=data.task, stopping=label in stopping) for label, learner in one.items()
    }
    labels = sorted(by_label, key=lambda label: guesses[label], reverse=not in_a_hurry)
    shared = [label for label in labels if len(by_label[label]) > 1 and can_prepare(one[label], data)]
    at_once = _at_once(by_label, shared, data, min(n_cores, len(tasks)), memory_limit)
    threads = n_cores // at_once

    def prepare(label: str) -> Work[FitTask]:
        first = by_label[label][0]
        seed_of_all = task_seed(seed, label, PREPARE)
        task = FitTask(label, first.learner, PREPARE, first.train, None, seed_of_all, False, keep=False)
        return Work(task, threads if in_a_hurry else max(1, threads * at_once // len(shared)))

    works = [] if in_a_hurry else [prepare(label) for label in shared]
    for label in labels:
        if in_a_hurry and label in shared:
            works.append(prepare(label))
        needs = tuple(place for place, work in enumerate(works) if work.task.label == label)
        for task in by_label[label]:
            if task.fold == REFIT and label in stopping:
                needs = tuple(place for place, work in enumerate(works) if work.task.label == label)
            works.append(Work(task, threads, needs))
    return Schedule(works, threads * at_once, at_once, guesses)


def _at_once(
    by_label: Mapping[str, list[FitTask]], shared: list[str], data: Rows, most: int, memory_limit: int | None
) -> int:
    """Return how many tasks fit into the memory together, and warn if that is too few."""
    needs = {label: own[0].learner.memory(*data.table.size, task=data.task) for label, own in by_label.items()}
    each = [need for label, need in needs.items() for _ in by_label[label]]
    held = sum(needs[label] for label in shared)  # what is prepared is about as large
    free = free_memory(memory_limit)
    count, expected = fewer_at_once(each, held, free, most)
    if free is not None and expected > free:
        warn(
            f"the fit is expected to take {tell_bytes(expected)} beside the data with one task at a time, and "
            f"{tell_bytes(free)} are left to it; leave out the largest members, use fewer rows or columns, or raise "
            "memory_limit",
            BudgetWarning,
        )
    return count
