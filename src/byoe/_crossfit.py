"""The engine: tasks (member × fold), out-of-fold predictions, the blend and its honest score.

Nothing here knows a library by name. A task sees the training rows of its fold and
returns predictions for the rows that it did not see.
"""

from __future__ import annotations

import time
import traceback
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._blending import OOF, Blender
from ._contracts import FloatArray, IntArray, Learner
from ._fold_model import FoldModel, Rows, fit_fold
from ._members import FittedMember
from ._schedule import run
from ._splits import SplitPlan
from .errors import MemberError, ParameterError

REFIT = -1


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every finished task.

    Attributes
    ----------
    label : str
    fold : int
        Number of the fold, or -1 for the refit on all rows.
    done, total : int
        Finished tasks, and all.
    seconds : float
        What this task took.
    failed : bool
    """

    label: str
    fold: int
    done: int
    total: int
    seconds: float
    failed: bool = False

    def __str__(self) -> str:
        where = "refit" if self.fold == REFIT else f"fold {self.fold + 1}"
        state = "failed" if self.failed else "done"
        return f"{self.done}/{self.total} {self.label} {where} {state} in {self.seconds:.2f} s"


@dataclass(frozen=True)
class Failure:
    """A task that raised, when ``on_error="skip"`` left its member out."""

    label: str
    fold: int
    error: str
    traceback: str


@dataclass
class CrossFit:
    """What the engine returns.

    Attributes
    ----------
    members : dict of label to FittedMember
    oof : array of shape (n_rows, n_members[, n_classes | n_outputs])
        NaN where a row is not covered.
    seconds : dict of label to float
        Fitting time, summed over tasks.
    predicting : dict of label to float
        Seconds that a fold's model takes to predict a row.
    failures : list of Failure
    """

    members: dict[str, FittedMember]
    oof: FloatArray
    seconds: dict[str, float]
    predicting: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Blend:
    """A fitted blender with its cross-validation.

    Attributes
    ----------
    blender : Blender
        Fitted on all covered rows; the chosen one, where the blender chooses.
    prediction : array of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_outputs)
        What blenders that did not see a row make of it; averaged over repeated folds.
    scored : array of shape (n_rows,), bool
        Which rows have such a prediction.
    held_out : tuple of Blender
        The blenders behind it, in the order of ``plan.blend_folds``.
    """

    blender: Blender
    prediction: FloatArray
    scored: NDArray[np.bool_]
    held_out: tuple[Blender, ...]


@dataclass(frozen=True)
class _Task:
    label: str
    learner: Learner
    fold: int
    train: Any
    test: IntArray | None
    seed: int
    keep: bool


@dataclass
class _Outcome:
    task: _Task
    seconds: float
    model: FoldModel | None = None
    oof: FloatArray | None = None
    rounds: list[int] = field(default_factory=list)
    predicting: float = 0.0
    error: Exception | None = None


def task_seed(root: int, label: str, fold: int) -> int:
    """Derive a task's seed from what it is, so that the order of tasks does not matter."""
    words = np.random.SeedSequence([root, zlib.crc32(label.encode()), fold + 1]).generate_state(1)
    return int(words[0] >> 1)


def cross_fit(
    learners: Mapping[str, Learner],
    data: Rows,
    *,
    finalize: Mapping[str, str],
    stopping: AbstractSet[str] = frozenset(),
    seed: int,
    n_jobs: int | None = None,
    on_error: str = "raise",
    callbacks: tuple[Callable[[Progress], Any], ...] = (),
) -> CrossFit:
    """Fit every member on every fold, predict the rows it did not see, finalise it.

    Members named in ``stopping`` find their number of rounds in the folds; a refit on all
    rows takes the mean of these numbers, so it waits for them.
    """
    plan, task = data.plan, data.task
    tasks, later = _tasks(learners, plan, finalize, stopping, seed)

    def work(item: _Task, threads: int) -> _Outcome:
        started = time.perf_counter()
        stops = item.label in stopping and item.fold != REFIT
        try:
            model = fit_fold(
                item.learner,
                data,
                item.train,
                seed=item.seed,
                threads=threads,
                stopping=stops,
                rounds=_mean_rounds(rounds.get(item.label, [])) if item.fold == REFIT else (),
            )
            seconds = time.perf_counter() - started
            if item.test is None:
                return _Outcome(item, seconds, model)
            unseen = data.table.rows(item.test, frames=model.frames)
            oof = task.check(model.predict(unseen, threads=threads), len(item.test), item.label)
        except Exception as error:
            return _Outcome(item, time.perf_counter() - started, error=error)
        predicting = time.perf_counter() - started - seconds
        return _Outcome(item, seconds, model if item.keep else None, oof, model.rounds, predicting)

    fitted = {label: FittedMember(label, learner, finalize[label]) for label, learner in learners.items()}
    sums = np.zeros((len(data.table), len(learners), *task.width))
    result = CrossFit(fitted, sums, dict.fromkeys(learners, 0.0))
    # Results arrive in any order; sums over repeated folds must not depend on it.
    arrived: dict[tuple[str, int], _Outcome] = {}
    rounds: dict[str, list[list[int]]] = {}
    total = len(tasks) + len(later)
    # Refits that need the folds' rounds come after all folds.
    quiet = {category for learner in learners.values() for category in learner.quiet}
    for batch in (tasks, later):
        failed_before = {failure.label for failure in result.failures}
        for outcome in run(work, [item for item in batch if item.label not in failed_before], n_jobs, quiet):
            item = outcome.task
            arrived[item.label, item.fold] = outcome
            result.seconds[item.label] += outcome.seconds
            if outcome.error is not None:
                _report(outcome, plan, result, on_error)
            failed = outcome.error is not None
            for callback in callbacks:
                callback(Progress(item.label, item.fold, len(arrived), total, outcome.seconds, failed))
        for item in tasks:
            found = arrived[item.label, item.fold].rounds
            if found:
                rounds.setdefault(item.label, []).append(found)

    in_order = [(item.label, item.fold) for item in (*tasks, *later)]
    _gather(result, [arrived[key] for key in in_order if key in arrived], plan)
    return result


def _tasks(
    learners: Mapping[str, Learner],
    plan: SplitPlan,
    finalize: Mapping[str, str],
    stopping: AbstractSet[str],
    seed: int,
) -> tuple[list[_Task], list[_Task]]:
    """Return what can start at once, and the refits that wait for the folds' rounds."""
    tasks: list[_Task] = []
    later: list[_Task] = []
    every_row = np.arange(plan.n_rows)
    for label, learner in learners.items():
        bag = finalize[label] == "bag"
        for number, (train, test) in enumerate(plan.folds):
            tasks.append(_Task(label, learner, number, train, test, task_seed(seed, label, number), bag))
        if not bag:
            refit = _Task(label, learner, REFIT, every_row, None, task_seed(seed, label, REFIT), True)
            (later if label in stopping else tasks).append(refit)
    return tasks, later


def _gather(result: CrossFit, outcomes: list[_Outcome], plan: SplitPlan) -> None:
    """Put models and out-of-fold predictions where they belong, in the order of the tasks."""
    columns = {label: column for column, label in enumerate(result.members)}
    for outcome in outcomes:
        item = outcome.task
        if item.test is not None and outcome.oof is not None:
            np.add.at(result.oof[:, columns[item.label]], item.test, outcome.oof)
            result.predicting[item.label] += outcome.predicting / plan.counts.sum()
        if outcome.model is not None:
            result.members[item.label].models.append(outcome.model)
    _leave_out_failed(result, columns)
    counts = plan.counts.reshape(-1, *([1] * (result.oof.ndim - 1)))
    with np.errstate(invalid="ignore"):
        result.oof = np.where(counts > 0, result.oof / counts, np.nan)


def _mean_rounds(by_fold: list[list[int]]) -> list[int]:
    """Return the mean number of rounds over the folds, for each output."""
    return [max(1, round(mean)) for mean in np.mean(by_fold, axis=0)] if by_fold else []


def _report(outcome: _Outcome, plan: SplitPlan, result: CrossFit, on_error: str) -> None:
    item, error = outcome.task, outcome.error
    where = "the refit on all rows" if item.fold == REFIT else f"fold {item.fold + 1} of {len(plan.folds)}"
    text = f"{type(error).__name__}: {error}"
    if on_error == "raise" or isinstance(error, ParameterError):
        raise MemberError(f"member {item.label!r} failed on {where}: {text}") from error
    trace = "".join(traceback.format_exception(error))
    result.failures.append(Failure(item.label, item.fold, text, trace))


def _leave_out_failed(result: CrossFit, columns: Mapping[str, int]) -> None:
    failed = {failure.label for failure in result.failures}
    if not failed:
        return
    alive = [label for label in result.members if label not in failed]
    if not alive:
        first = result.failures[0]
        raise MemberError(f"all members failed; the first, {first.label!r}, with {first.error}\n{first.traceback}")
    result.members = {label: result.members[label] for label in alive}
    result.seconds = {label: result.seconds[label] for label in alive}
    result.oof = result.oof[:, [columns[label] for label in alive]]


def fit_blend(blender: Blender, oof: OOF, plan: SplitPlan) -> Blend:
    """Fit a blender on all covered rows, and cross-fit it for its honest predictions.

    Parameters
    ----------
    blender : Blender
        Not fitted; clones of it are.
    oof : OOF
        Of all rows of the plan; rows that are not covered are not used.

    Returns
    -------
    Blend
    """
    task = oof.task
    sums, counts = np.zeros((plan.n_rows, *task.width)), np.zeros(plan.n_rows, dtype=np.int64)
    folds = plan.blend_folds(oof.seed)
    oof = replace(oof, folds=tuple(folds))
    held_out = []
    for train, test in folds:
        held_out.append(clone(blender).fit(oof.rows(train)).in_use)
        features = None if oof.X is None else oof.X[test]
        blended = held_out[-1].predict(oof.predictions[test], features)
        blended = task.check(blended, len(test), f"blender {blender.name}")
        np.add.at(sums, test, blended)
        np.add.at(counts, test, 1)
    divisor = np.maximum(counts, 1).reshape(-1, *([1] * (sums.ndim - 1)))
    fitted = clone(blender).fit(oof.rows(np.flatnonzero(plan.coverage)))
    return Blend(fitted.in_use, sums / divisor, counts > 0, tuple(held_out))
