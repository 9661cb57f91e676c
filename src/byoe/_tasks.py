"""What there is to do in a fit, in which order: one task for every member and fold."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._contracts import FloatArray, IntArray, Learner
from ._fold_model import FoldModel
from ._prepared import can_prepare
from ._rows import Rows
from ._schedule import Work

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
    """

    label: str
    learner: Learner
    fold: int
    train: IntArray
    test: IntArray | None
    seed: int
    stopping: bool
    keep: bool


@dataclass
class Outcome:
    """What came of a task: a model, its predictions of the fold's other rows, or an error."""

    task: FitTask
    seconds: float
    model: FoldModel | None = None
    oof: FloatArray | None = None
    rounds: list[int] = field(default_factory=list)
    predicting: float = 0.0
    error: Exception | None = None
    reused: bool = False


def where(fold: int) -> str:
    """Return how messages call a fold."""
    return "refit" if fold == REFIT else f"fold {fold + 1}"


def mean_rounds(by_fold: list[list[int]]) -> list[int]:
    """Return the mean number of rounds over the folds that found one, for each output."""
    found = [rounds for rounds in by_fold if rounds]
    return [max(1, round(mean)) for mean in np.mean(found, axis=0)] if found else []


def task_seed(root: int, label: str, fold: int) -> int:
    """Derive a task's seed from what it is, so that the order of tasks does not matter."""
    words = np.random.SeedSequence([root, zlib.crc32(label.encode()), fold - PREPARE]).generate_state(1)
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


def in_order(tasks: list[FitTask], data: Rows, n_cores: int, stopping: AbstractSet[str], seed: int) -> list[Work[Any]]:
    """Return the works of a schedule: what prepares first, and the longest first.

    A refit waits for the folds that find its number of rounds. Every task has one thread when
    there are at least as many tasks as cores, and an equal share otherwise.
    """
    size = (len(data.table), data.table.values.shape[1])
    by_label: dict[str, list[FitTask]] = {}
    for task in tasks:
        by_label.setdefault(task.label, []).append(task)
    guess = {
        label: own[0].learner.seconds(*size, task=data.task, stopping=label in stopping)
        for label, own in by_label.items()
    }
    longest = sorted(by_label, key=lambda label: -guess[label])
    shared = [label for label in longest if len(by_label[label]) > 1 and can_prepare(by_label[label][0].learner, data)]
    works: list[Work[Any]] = []
    place: dict[tuple[str, int], int] = {}
    for label in shared:
        first = by_label[label][0]
        seed_of_all = task_seed(seed, label, PREPARE)
        prepare = FitTask(label, first.learner, PREPARE, first.train, None, seed_of_all, False, keep=False)
        place[label, PREPARE] = len(works)
        works.append(Work(prepare, max(1, n_cores // len(shared))))
    threads = max(1, n_cores // max(1, len(tasks)))
    last = []
    for label in longest:
        needs = (place[label, PREPARE],) if label in shared else ()
        for task in by_label[label]:
            if task.fold == REFIT and label in stopping:
                last.append(task)
                continue
            place[label, task.fold] = len(works)
            works.append(Work(task, threads, needs))
    for task in last:
        folds = tuple(place[other.label, other.fold] for other in by_label[task.label] if other.fold != REFIT)
        works.append(Work(task, threads, folds))
    return works
