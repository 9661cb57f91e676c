"""What there is to do in a fit: one task for every member and fold."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray
from ..fitted._models import FoldModel
from ._rows import Rows

REFIT = -1
PREPARE = -2

# How the number of rounds is found on rows inside a fold's training part: by a model that is kept, or by one before it.
HOLD_OUT, ALL_ROWS = "hold-out", "all rows"


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
    stopping : {"", HOLD_OUT, ALL_ROWS}
        How the number of rounds is to be found, if it is.
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
    stopping: str
    keep: bool
    rounds: tuple[int, ...] = ()


@dataclass
class Outcome:
    """What came of a task: a model, its predictions of the fold's other rows, or an error.

    Nothing of these where it was left out. ``cut`` holds the rounds of its fits that ended before they
    had all, since there was no time; ``round_seconds`` is what one of these takes, where that was measured.
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
    cut: list[int] = field(default_factory=list)
    round_seconds: float = 0.0


class TaskStore(Protocol):
    """What the engine wants of a store: tasks that are looked up before they are done, and kept after."""

    def expect(self, tasks: Sequence[FitTask], prepared: Mapping[str, int]) -> None:
        """Take the tasks of the fit, and the seeds of the members for which the table is prepared once."""
        ...

    def holds(self, label: str) -> bool:
        """Return whether all tasks of a member seem to be there; whether they are whole shows when they are read."""
        ...

    def find(self, task: FitTask, rounds: Sequence[int]) -> Outcome | None:
        """Return what came of a task in an earlier fit, None where it has to be done.

        ``rounds`` are those that a refit is given.
        """
        ...

    def keep(self, outcome: Outcome, rounds: Sequence[int]) -> None:
        """Write what came of a task; without an effect where it failed or cannot be kept."""
        ...


def where(fold: int) -> str:
    """Return how messages call a fold."""
    return "refit" if fold == REFIT else f"fold {fold + 1}"


def mean_rounds(by_fold: list[list[int]]) -> list[int]:
    """Return the mean number of rounds over the folds that found one, for each output."""
    found = [rounds for rounds in by_fold if rounds]
    return [max(1, round(mean)) for mean in np.mean(found, axis=0)] if found else []


def task_seed(root: int, label: str, fold: int) -> int:
    """Derive a task's seed from what it is, so that the order of tasks does not matter."""
    number = 2**32 - 1 if fold == PREPARE else fold + 1
    words = np.random.SeedSequence([root, zlib.crc32(label.encode()), number]).generate_state(1)
    return int(words[0] >> 1)


def fit_tasks(
    learners: Mapping[str, Learner],
    data: Rows,
    finalize: Mapping[str, str],
    stopping: Mapping[str, str],
    seed: int,
) -> list[FitTask]:
    """Return the tasks of a fit, member by member, the folds in order, a refit last."""
    every_row = np.arange(data.plan.n_rows)
    tasks = []
    for label, learner in learners.items():
        bag, stops = finalize[label] == "bag", stopping.get(label, "")
        for number, (train, test) in enumerate(data.plan.folds):
            tasks.append(FitTask(label, learner, number, train, test, task_seed(seed, label, number), stops, keep=bag))
        if finalize[label] == "refit":
            tasks.append(FitTask(label, learner, REFIT, every_row, None, task_seed(seed, label, REFIT), "", keep=True))
    return tasks
