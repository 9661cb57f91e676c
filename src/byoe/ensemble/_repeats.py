"""More repeats of the folds: the members of the blend are cross-fitted on other splits, in the time that is left.

The models of a repeat join those that are served, and a row's out-of-fold prediction becomes the mean over the repeats,
each by models that did not see the row. So the score stays honest, and is a little low: what is served is a mean of more
models. A repeat is there for all of these members or for none, or they could not be compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._learner import Learner
from ..engine._clock import SHARE
from ..engine._crossfit import CrossFit, cross_fit_further
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._spare_clock import Spare
from ..engine._tasks import task_seed
from ..errors import BudgetWarning
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._record import FitRecord
from ..folds._plan import MOST_FOLDS_TO_BAG, SplitPlan
from ..folds._splits import make_plan
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened
from ..tools._cores import cores
from ..tools._warnings import hearing, warnings_filtered
from ._beginning import Beginning, blended
from ._interrupted import TellingWhatIsKept

if TYPE_CHECKING:
    from ..engine._blend import Blend
    from ._base import BaseEnsemble

# So many rows tell whether a member that was fitted on all of them again is another model, but for rounding.
_ROWS_TO_COMPARE, _ROUNDING = 200, 1e-6


class EnoughError(Exception):
    """There is no further repeat; the text says why."""


@dataclass
class Repeats:
    """Repeats of the folds of an ensemble of one layer, which is blended.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        It gets further models and a new blend, if these are not worse, and in any case a word about it.
    begun : Beginning
    resources : Resources
        With a time limit.
    blending : float
        Seconds that its blend took, with the scores.
    """

    ensemble: BaseEnsemble
    begun: Beginning
    resources: Resources
    blending: float
    learners: Mapping[str, Learner] = field(init=False)
    members: dict[str, FittedMember] = field(init=False)
    record: FitRecord = field(init=False)
    oof: OutOfFold = field(init=False)
    blend: Blend | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        ensemble = self.ensemble
        self.members, self.record, self.oof = ensemble.members_, ensemble._record, ensemble._oof
        used = ensemble.blender_.used(len(self.members))
        pairs = zip(self.members.items(), used, strict=True)
        self.learners = {label: member.learner for (label, member), needed in pairs if needed}
        self._each = {label: self._seconds_of(label) for label in self.learners}
        self._took = self._expected_at_first()

    def attempt(self) -> str:
        """Repeat the folds as long as there is time and the blend gets no worse, and return what became of it."""
        number, before = 1, self._value(self.oof)
        try:
            check_plan(self.ensemble.cv, self.begun.data.plan)
            while True:
                self._check(number)
                self._grow(number)
                number += 1
        except EnoughError as reason:
            if self.blend is None:
                return f"the folds were not repeated: {reason}"
            name, after = self.begun.metric.name, self._value(self.oof)
            times = "once" if number == 2 else f"{number - 1} times"
            told = f"the folds were repeated {times} for {', '.join(self.learners)}"
            return f"{told} ({name} {after:.4g}, before {before:.4g}), until {self._elapsed:.3g} s; {reason}"

    # -- one repeat ---------------------------------------------------------------------

    def _check(self, number: int) -> None:
        """Raise an EnoughError where another repeat takes too long, now or whenever the ensemble predicts."""
        models = (number + 1) * len(self.begun.data.plan.folds)
        if models > MOST_FOLDS_TO_BAG:
            raise EnoughError(f"with another repeat {models} models of each member would have to be served")
        needed, left = self._took + 2 * self.blending, SHARE * self._limit - self._elapsed
        if needed > left:
            raise EnoughError(f"another repeat takes about {needed:.3g} s, and {max(0.0, left):.3g} s were left")

    def _grow(self, number: int) -> None:
        """Add a repeat to so many, or raise an EnoughError where it is of no use."""
        started = time.monotonic()
        crossfit = self._cross_fitted(number)
        self._took = max(time.monotonic() - started, self._least)
        more = {label: self._repeated(self.members[label], one) for label, one in crossfit.members.items()}
        if all(member is self.members[label] for label, member in more.items()):
            raise EnoughError("another repeat gives the same models")
        columns = [column for column, label in enumerate(self.members) if label in self.learners]
        mean = self.oof.predictions.copy()
        mean[:, columns] = (number * mean[:, columns] + crossfit.oof) / (number + 1)
        self._keep_if_not_worse(mean)
        self.members = {**self.members, **more}
        seconds = {label: self.record.fit_seconds[label] + own for label, own in crossfit.seconds.items()}
        self.record = self.record.with_members(seconds, {})

    def _cross_fitted(self, number: int) -> CrossFit:
        """Return a repeat: the fit of the same members with another seed."""
        ensemble, begun = self.ensemble, self.begun
        seed = task_seed(begun.seed, "repeat", number)
        plan = make_plan(ensemble.cv, begun.data.table.values, begun.data.y, None, begun.data.task, seed)
        data = replace(begun.data, plan=plan)
        with (
            hearing(),
            warnings_filtered(("ignore", "", BudgetWarning)),
            opened(ensemble.store, self.learners, data, begun.digest) as stored,
            TellingWhatIsKept(stored),
        ):
            crossfit, late, failed = cross_fit_further(
                self.learners,
                data,
                finalize={label: self.members[label].finalize for label in self.learners},
                stopping=ensemble._stopping(self.learners),
                seed=seed,
                resources=self._for_members(),
                stored=stored,
                spare=Spare(len(self.members), self._each, frozenset(self.learners)),
                together=True,
            )
        for label, error in failed.items():
            raise EnoughError(f"in another repeat {label} failed with {error}")
        if late:
            raise EnoughError(f"for another repeat of {late[0]} there was no time")
        return crossfit

    def _repeated(self, member: FittedMember, other: FittedMember) -> FittedMember:
        """Return a member with the models of one more repeat, or itself where one of all rows is the same again."""
        if member.finalize == "refit":
            rows = self.begun.data.table.some(np.arange(min(_ROWS_TO_COMPARE, len(self.begun.data.table))))
            before, again = member.predict(rows, 1), other.predict(rows, 1)
            if np.abs(again - before).max() <= _ROUNDING * np.abs(before).max():
                return member
        return member.repeated(other)

    def _keep_if_not_worse(self, predictions: Any) -> None:
        """Take the blend of other out-of-fold predictions, or raise an EnoughError where it is worse."""
        begun, known = self.begun, self.oof
        unblended = OutOfFold.unblended(predictions, known.y, known.weight, known.plan)
        started = time.monotonic()
        blend, oof = blended(unblended, begun.blender, begun.features, begun.metric, begun.data.task, begun.seed)
        before, after = self._value(known), self._value(oof)
        self.blending = max(self.blending, time.monotonic() - started)
        if before is None or after is None:
            raise EnoughError(f"{begun.metric.name} does not tell whether more repeats are better")
        if begun.metric.score(after) < begun.metric.score(before):
            raise EnoughError(f"another repeat is not better ({begun.metric.name} {after:.4g}, before {before:.4g})")
        self.blend, self.oof = blend, oof

    def _value(self, oof: OutOfFold) -> float | None:
        """Return the metric of the cross-validated blend."""
        ensemble, metric, seed = self.ensemble, self.begun.metric, self.begun.seed
        scoring = Scoring.of(oof, metric, seed=seed, classes=getattr(ensemble, "classes_", None))
        return scoring.value_if_defined(
            ensemble._decided(oof, metric, seed, self.begun.data.task, self.begun.blender)
        )

    # -- its time -----------------------------------------------------------------------

    @property
    def _limit(self) -> float:
        assert self.resources.seconds is not None
        return self.resources.seconds

    @property
    def _elapsed(self) -> float:
        assert self.resources.started is not None
        return time.monotonic() - self.resources.started

    def _for_members(self) -> Resources:
        """Return what the fits may use: the time without that for the blends."""
        assert self.resources.time_limit is not None
        return replace(self.resources, share=(self._limit - 2 * self.blending) / self.resources.time_limit)

    def _seconds_of(self, label: str) -> float:
        """Return what a task of a member took."""
        tasks = len(self.begun.data.plan.folds) + (self.members[label].finalize == "refit")
        return self.record.fit_seconds[label] / tasks

    @property
    def _least(self) -> float:
        """The seconds of a repeat with all cores at work, which it takes if there is nothing in a store."""
        return sum(self.ensemble._record.fit_seconds[label] for label in self.learners) / cores(self.resources.n_jobs)

    def _expected_at_first(self) -> float:
        """Return about what a repeat takes, by how long the fit took beside what its tasks did."""
        all_seconds = max(sum(self.record.fit_seconds.values()), 1e-9)
        of_these = sum(self.record.fit_seconds[label] for label in self.learners)
        return max(self._least, min(1.0, (self._elapsed - self.blending) / all_seconds) * of_these)


def check_plan(cv: Any, plan: SplitPlan) -> None:
    """Raise an EnoughError where another split of the same kind is not byoe's to make."""
    if not isinstance(cv, (int, np.integer)):
        raise EnoughError("cv is not a number of folds")
    if plan.groups is not None:
        raise EnoughError("rows come in groups")
