"""The engine: tasks (member × fold), out-of-fold predictions, the blend and its honest score.

Nothing here knows a library by name. A task sees the training rows of its fold and
returns predictions for the rows that it did not see.
"""

from __future__ import annotations

import traceback
from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..errors import MemberError, ParameterError
from ..fitted._models import FittedMember
from ..folds._plan import SplitPlan
from ._clock import Clock
from ._execution import Execution
from ._limit_report import check_time, left_out, warn_of_limit
from ._progress import Progress, telling
from ._resources import Resources
from ._rows import Rows
from ._spare_clock import Spare
from ._tasks import REFIT, FitTask, Outcome, TaskStore, fit_tasks, task_seed

_ALL = Resources()


@dataclass(frozen=True)
class Failure:
    """A task that raised, when ``on_error="skip"`` left its member out; or one there was no time for."""

    label: str
    fold: int
    error: str
    traceback: str

    @property
    def told(self) -> str:
        """What has become of the member, as a sentence."""
        return f"{self.label} was left out: {self.error}"


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
    arrived : mapping of (label, fold) to Outcome
        What came of each task.
    """

    members: dict[str, FittedMember]
    oof: FloatArray
    seconds: dict[str, float]
    predicting: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: list[Failure] = field(default_factory=list)
    arrived: Mapping[tuple[str, int], Outcome] = field(default_factory=dict, repr=False)

    def with_members(self, other: CrossFit) -> CrossFit:
        """Return the same with further members."""
        return replace(
            self,
            members={**self.members, **other.members},
            oof=np.concatenate([self.oof, other.oof], axis=1),
            seconds={**self.seconds, **other.seconds},
            failures=[*self.failures, *other.failures],
            predicting=defaultdict(float, {**self.predicting, **other.predicting}),
        )

    def seconds_to_predict(self) -> dict[str, float]:
        """Return what a fold's model of each member takes for a row."""
        return {label: float(self.predicting[label]) for label in self.members}


def cross_fit(
    learners: Mapping[str, Learner],
    data: Rows,
    *,
    finalize: Mapping[str, str],
    stopping: Mapping[str, str] = MappingProxyType({}),
    seed: int,
    resources: Resources = _ALL,
    stored: TaskStore | None = None,
    only: Sequence[int] | None = None,
) -> CrossFit:
    """Fit every member on every fold, predict the rows it did not see, finalise it.

    Members named in ``stopping`` find their number of rounds in the folds; a refit on all
    rows takes the mean of these numbers, so it waits for them. What the time limit ends early has
    fewer rounds, and members for which there was no time are left out. What ``stored`` has is not done again.
    A member whose ``finalize`` is ``"none"`` gets no served model. With ``only`` these folds alone are fitted, and
    nothing is refitted.
    """
    tasks = fit_tasks(learners, data, finalize, stopping, seed)
    plan = data.plan
    if only is not None:
        tasks = [task for task in tasks if task.fold in only]
        plan = replace(plan, folds=tuple(plan.folds[number] for number in only))
    execution = Execution(tasks, data, resources, seed=seed, stopping=stopping, stored=stored)
    result = _empty(learners, data, finalize)
    with closing(_outcomes(execution, learners, tasks, resources)) as outcomes:
        for outcome in outcomes:
            result.seconds[outcome.task.label] += outcome.seconds
            if outcome.error is not None:
                if resources.on_error == "raise" or isinstance(outcome.error, ParameterError):
                    raise _error_of(outcome, data.plan) from outcome.error
                result.failures.append(_failure(outcome))
    # Results arrive in any order; sums over repeated folds must not depend on it.
    result.arrived = arrived = execution.arrived
    if resources.time_limit is not None:
        failed = {failure.label for failure in result.failures}
        late = left_out(tasks, arrived, failed, execution.clock, resources.time_limit)
        check_time(late, list(learners), execution.clock, resources.time_limit)
        result.failures += [Failure(item.label, item.fold, item.text, "") for item in late]
        warn_of_limit(tasks, arrived, late, execution.clock, resources.time_limit)
    _gather(result, [arrived[key] for task in tasks if (key := (task.label, task.fold)) in arrived], plan)
    return result


def cross_fit_further(
    learners: Mapping[str, Learner],
    data: Rows,
    *,
    finalize: Mapping[str, str],
    stopping: Mapping[str, str],
    seed: int,
    resources: Resources,
    stored: TaskStore | None,
    spare: Spare,
    together: bool = False,
) -> tuple[CrossFit, list[str]]:
    """Cross-fit members that nobody has to have, in their order, as long as the time limit lets them be whole.

    Where they are of use only ``together``, none may have fewer rounds than it should, and the first that is not
    whole ends the fit.

    Returns
    -------
    CrossFit
        Of those that are whole, which may be none; its failures end nothing.
    list of str
        The labels of those there was no time for; no warning tells of them.
    """
    assert resources.time_limit is not None
    tasks = fit_tasks(learners, data, finalize, stopping, seed)
    execution = Execution(tasks, data, resources, seed=seed, stopping=stopping, stored=stored, spare=spare)
    result, failed = _empty(learners, data, finalize), dict[str, Failure]()
    with closing(_outcomes(execution, learners, tasks, resources, quiet=(Warning,))) as outcomes:
        for outcome in outcomes:
            result.seconds[outcome.task.label] += outcome.seconds
            if outcome.error is not None:
                failed.setdefault(outcome.task.label, _failure(outcome))
            if together and (failed or outcome.cut or execution.clock.reasons):
                break
    result.failures = list(failed.values())
    result.arrived = arrived = execution.arrived
    late = [one.label for one in left_out(tasks, arrived, set(failed), execution.clock, resources.time_limit)]
    if together:
        late += [label for (label, _), outcome in arrived.items() if outcome.cut and label not in late]
    gone = {*failed, *late}
    _add_up(result, [arrived[task.label, task.fold] for task in tasks if task.label not in gone], data.plan)
    _keep(result, [label for label in learners if label not in gone])
    return result, late


def refit(
    learners: Mapping[str, Learner],
    data: Rows,
    rounds: Mapping[str, list[int]],
    *,
    seed: int,
    resources: Resources = _ALL,
    stored: TaskStore | None = None,
    spare: Spare | None = None,
) -> dict[str, Outcome]:
    """Fit every member once, on all rows, for as many rounds as each output's model is to have.

    A member that fails ends it, and it has no time limit. In ``spare`` time, for models that nobody has to have, it may
    have one: what there is no time for has no outcome, and nothing ends by a failure, which the outcome has. Without a
    limit a failure is one of the fit, as ``on_error`` says.
    """
    if not learners:
        return {}
    every_row = np.arange(data.plan.n_rows)
    tasks = [
        replace(
            FitTask(label, learner, REFIT, every_row, None, task_seed(seed, label, REFIT), stopping="", keep=True),
            rounds=tuple(rounds[label]),
        )
        for label, learner in learners.items()
    ]
    resources = resources if spare else replace(resources, time_limit=None)
    raises = spare is None or (resources.on_error == "raise" and resources.time_limit is None)
    execution = Execution(tasks, data, resources, seed=seed, stored=stored, spare=spare)
    came: dict[str, Outcome] = {}
    with closing(_outcomes(execution, learners, tasks, resources, quiet=(Warning,) if spare else ())) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None and raises:
                raise _error_of(outcome, data.plan) from outcome.error
            came[outcome.task.label] = outcome
    return came


def _empty(learners: Mapping[str, Learner], data: Rows, finalize: Mapping[str, str]) -> CrossFit:
    members = {label: FittedMember(label, learner, finalize[label]) for label, learner in learners.items()}
    sums = np.zeros((len(data.table), len(learners), *data.task.width))
    return CrossFit(members, sums, dict.fromkeys(learners, 0.0))


def _outcomes(
    execution: Execution,
    learners: Mapping[str, Learner],
    tasks: list[FitTask],
    resources: Resources,
    quiet: Collection[type[Warning]] = (),
) -> Generator[Outcome]:
    """Yield what comes of the tasks that are not left out, and tell the callbacks of it behind its user."""
    hurry = resources.time_limit is not None
    own = {category for one in learners.values() for category in (one.quiet_in_time if hurry else one.quiet)}
    with (
        telling(resources.callbacks, Counter(task.label for task in tasks)) as tell,
        closing(execution.run(resources.n_jobs, own.union(quiet), tell.tick)) as outcomes,
    ):
        for done, outcome in enumerate(outcomes, start=1):
            if outcome.left_out:
                continue
            yield outcome
            if resources.watch is not None:
                resources.watch(outcome)
            tell(_progress(outcome, done, len(tasks), execution.clock))


def _progress(outcome: Outcome, done: int, total: int, clock: Clock) -> Progress:
    item, failed = outcome.task, outcome.error is not None
    so_far = failed, outcome.reused, clock.elapsed, clock.remaining, bool(outcome.cut)
    return Progress(item.label, item.fold, done, total, outcome.seconds, *so_far)


def _gather(result: CrossFit, outcomes: list[Outcome], plan: SplitPlan) -> None:
    """Put models and out-of-fold predictions where they belong, and leave out the members that failed."""
    _add_up(result, outcomes, plan)
    failed = {failure.label for failure in result.failures}
    alive = [label for label in result.members if label not in failed]
    if not alive:
        first = result.failures[0]
        raise MemberError(f"all members failed; the first, {first.label!r}, with {first.error}\n{first.traceback}")
    _keep(result, alive)


def _add_up(result: CrossFit, outcomes: list[Outcome], plan: SplitPlan) -> None:
    """Put models and out-of-fold predictions where they belong, in the order of the tasks."""
    columns = {label: column for column, label in enumerate(result.members)}
    for outcome in outcomes:
        item = outcome.task
        if item.test is not None and outcome.oof is not None:
            np.add.at(result.oof[:, columns[item.label]], item.test, outcome.oof)
            result.predicting[item.label] += outcome.predicting / plan.counts.sum()
        if outcome.model is not None:
            result.members[item.label].models.append(outcome.model)
    result.oof = averaged(result.oof, plan)


def averaged(sums: FloatArray, plan: SplitPlan) -> FloatArray:
    """Return the mean out-of-fold predictions of sums over folds; NaN where a row is not covered."""
    counts = plan.counts.reshape(-1, *([1] * (sums.ndim - 1)))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(counts > 0, sums / counts, np.nan))


def _keep(result: CrossFit, labels: list[str]) -> None:
    """Leave out all other members."""
    if len(labels) < len(result.members):
        columns = {label: column for column, label in enumerate(result.members)}
        result.members = {label: result.members[label] for label in labels}
        result.seconds = {label: result.seconds[label] for label in labels}
        result.oof = result.oof[:, [columns[label] for label in labels]]


def _error_of(outcome: Outcome, plan: SplitPlan) -> MemberError:
    """Return the error that ends a fit."""
    item, error = outcome.task, outcome.error
    where = "the refit on all rows" if item.fold == REFIT else f"fold {item.fold + 1} of {len(plan.folds)}"
    text = f"{type(error).__name__}: {error}"
    return MemberError(f"member {item.label!r}{item.learner.origin} failed on {where}: {text}")


def _failure(outcome: Outcome) -> Failure:
    """Return what is told of a task that raised, where that ends nothing."""
    item, error = outcome.task, outcome.error
    assert error is not None
    text = f"{type(error).__name__}: {error}"
    return Failure(item.label, item.fold, text, "".join(traceback.format_exception(error)))
