"""The engine: tasks (member × fold), out-of-fold predictions, the blend and its honest score.

Nothing here knows a library by name. A task sees the training rows of its fold and
returns predictions for the rows that it did not see.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._blending import OOF, Blender
from ._contracts import FloatArray, Learner
from ._fold_model import fit_fold
from ._members import FittedMember
from ._prepared import Preparation, preparing
from ._rows import Rows
from ._schedule import Work, cores, run
from ._splits import SplitPlan
from ._tasks import PREPARE, REFIT, FitTask, Outcome, fit_tasks, in_order
from .errors import MemberError, ParameterError


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
    tasks = fit_tasks(learners, data, finalize, stopping, seed)
    n_cores = cores(n_jobs)
    works = in_order(tasks, data, n_cores, stopping, seed)
    prepared = {item.label: preparing(item.learner, data, item.seed) for item in _preparing(works)}
    fitted = {label: FittedMember(label, learner, finalize[label]) for label, learner in learners.items()}
    sums = np.zeros((len(data.table), len(learners), *data.task.width))
    result = CrossFit(fitted, sums, dict.fromkeys(learners, 0.0))
    # Results arrive in any order; sums over repeated folds must not depend on it.
    arrived: dict[tuple[str, int], Outcome] = {}
    left = Counter(task.label for task in tasks)

    def work(item: FitTask, threads: int) -> Outcome:
        if item.fold == PREPARE:
            with suppress(Exception):  # the folds will say it
                prepared[item.label].make(threads)
            return Outcome(item, 0.0)
        rounds: list[int] = []
        if item.fold == REFIT and item.label in stopping:
            folds = [arrived[item.label, number] for number in range(len(data.plan.folds))]
            if any(fold.error for fold in folds):
                return Outcome(item, 0.0)
            rounds = _mean_rounds([fold.rounds for fold in folds if fold.rounds])
        outcome = _carry_out(item, data, threads, rounds, prepared.get(item.label))
        arrived[item.label, item.fold] = outcome
        return outcome

    quiet = {category for learner in learners.values() for category in learner.quiet}
    done = 0
    for outcome in run(work, works, n_cores, quiet):
        item = outcome.task
        if item.fold == PREPARE:
            continue
        done += 1
        left[item.label] -= 1
        if not left[item.label]:
            prepared.pop(item.label, None)
        result.seconds[item.label] += outcome.seconds
        if outcome.error is not None:
            _report(outcome, data.plan, result, on_error)
        failed = outcome.error is not None
        for callback in callbacks:
            callback(Progress(item.label, item.fold, done, len(tasks), outcome.seconds, failed))

    _gather(result, [arrived[key] for task in tasks if (key := (task.label, task.fold)) in arrived], data.plan)
    return result


def _preparing(works: list[Work[FitTask]]) -> list[FitTask]:
    return [work.task for work in works if work.task.fold == PREPARE]


def _carry_out(item: FitTask, data: Rows, threads: int, rounds: list[int], prepared: Preparation | None) -> Outcome:
    """Fit a task's model, and predict the rows that it did not see."""
    started = time.perf_counter()
    try:
        model = fit_fold(
            item.learner,
            data,
            item.train,
            seed=item.seed,
            threads=threads,
            stopping=item.stopping,
            rounds=rounds,
            prepared=prepared,
        )
        seconds = time.perf_counter() - started
        if item.test is None:
            return Outcome(item, seconds, model)
        unseen = data.table.rows(item.test, frames=model.frames)
        oof = data.task.check(model.predict(unseen, threads=threads), len(item.test), item.label)
    except Exception as error:
        return Outcome(item, time.perf_counter() - started, error=error)
    predicting = time.perf_counter() - started - seconds
    return Outcome(item, seconds, model if item.keep else None, oof, model.rounds, predicting)


def _gather(result: CrossFit, outcomes: list[Outcome], plan: SplitPlan) -> None:
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


def _report(outcome: Outcome, plan: SplitPlan, result: CrossFit, on_error: str) -> None:
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
