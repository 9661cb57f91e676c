"""More repeats of the folds: the members of a blend are cross-fitted again on other splits, in the time that is left.

The models of a repeat join those that are served, so that each member is a mean of more of them. The blend keeps its
weights, and all that is known of rows that no model saw stays what it is, of the first folds: the score of an ensemble
with fewer models. Whether means are better is judged where it can be: by the mean of a row's predictions by those
models of every repeat that did not see it, against the repeats one by one. No split is held against another, of which
one is lucky. A loss that is convex in the prediction is never worse for a mean; of other metrics this has to show.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..engine._clock import SHARE
from ..engine._crossfit import CrossFit, cross_fit_further
from ..engine._resources import Resources
from ..engine._spare_clock import Spare
from ..engine._tasks import task_seed
from ..errors import BudgetWarning
from ..fitted._failing import blended_by
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._record import FitRecord
from ..folds._plan import MOST_FOLDS_TO_BAG, SplitPlan
from ..folds._splits import make_plan
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened
from ..tools._cores import cores
from ..tools._warnings import hearing, warnings_filtered
from ._beginning import Beginning
from ._interrupted import TellingWhatIsKept

if TYPE_CHECKING:
    from ._base import BaseEnsemble

# So many rows tell whether a member that was fitted on all of them again is another model, but for rounding.
_ROWS_TO_COMPARE, _ROUNDING = 200, 1e-6


class EnoughError(Exception):
    """There is no further repeat; the text says why."""


@dataclass
class Repeats:
    """Repeats of the folds of an ensemble of one layer that is blended.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        It stays as it is.
    begun : Beginning
    resources : Resources
        With a time limit.
    members_took : float
        Seconds in which all members were fitted.
    scoring : float
        Seconds that are kept for what comes after.

    Attributes
    ----------
    number : int
        How many times the members are cross-fitted; 1 where there is no repeat.
    members : dict of label to FittedMember
        With the models of all repeats.
    record : FitRecord
        With the seconds of all repeats.
    """

    ensemble: BaseEnsemble
    begun: Beginning
    resources: Resources
    members_took: float
    scoring: float
    number: int = field(default=1, init=False)
    members: dict[str, FittedMember] = field(init=False)
    record: FitRecord = field(init=False)

    def __post_init__(self) -> None:
        ensemble = self.ensemble
        self.members, self.record, self._oof = dict(ensemble.members_), ensemble._record, ensemble._oof
        used = ensemble.blender_.used(len(self.members))
        pairs = zip(self.members.items(), used, strict=True)
        self._learners: Mapping[str, Learner] = {label: one.learner for (label, one), needed in pairs if needed}
        self._seconds = {label: self.record.fit_seconds[label] for label in self._learners}
        self._took = self._expected()
        self._alone = [self._value(self._oof)]

    def attempt(self) -> str:
        """Repeat the folds as long as there is time and means are no worse; return what became of it, in words."""
        try:
            _check_possible(self.ensemble, self.begun.data.plan)
            while True:
                self._check_cost()
                self._repeat()
        except EnoughError as reason:
            if self.number == 1:
                return f"the folds were not repeated: {reason}"
            times = "once" if self.number == 2 else f"{self.number - 1} times"
            told = self._compared(self._value(self._oof), self._alone)
            labels = ", ".join(self._learners)
            return f"until {self._elapsed:.3g} s the folds were repeated {times} for {labels} ({told}); {reason}"

    # -- one repeat ---------------------------------------------------------------------

    def _check_cost(self) -> None:
        """Raise an EnoughError where another repeat takes too long, now or whenever the ensemble predicts."""
        models = (self.number + 1) * len(self.begun.data.plan.folds)
        if models > MOST_FOLDS_TO_BAG:
            raise EnoughError(f"with another repeat there would be {models} models of a member to serve")
        left = SHARE * self._limit - self._elapsed
        if self._took > left:
            raise EnoughError(f"another repeat takes about {self._took:.3g} s, and {max(0.0, left):.3g} s were left")

    def _repeat(self) -> None:
        """Add a repeat, or raise an EnoughError where it is of no use."""
        started = time.monotonic()
        crossfit = self._cross_fitted()
        self._took = max(time.monotonic() - started, self._at_least)
        members = {label: self._joined(self.members[label], one) for label, one in crossfit.members.items()}
        if all(member is self.members[label] for label, member in members.items()):
            raise EnoughError("the members of the blend are the same models each time")
        self._join(crossfit.oof)
        seconds = {label: self.record.fit_seconds[label] + own for label, own in crossfit.seconds.items()}
        self.record = self.record.with_members(seconds, {})
        self.members |= members
        self.number += 1

    def _cross_fitted(self) -> CrossFit:
        """Return a repeat: the fit of the same members with another seed, whole or not at all."""
        ensemble, begun = self.ensemble, self.begun
        seed = task_seed(begun.seed, "repeat", self.number)
        plan = make_plan(ensemble.cv, begun.data.table.values, begun.data.y, None, begun.data.task, seed)
        data = replace(begun.data, plan=plan)
        each = {label: own / self._tasks(label) for label, own in self._seconds.items()}
        with (
            hearing(),
            warnings_filtered(("ignore", "", BudgetWarning)),
            opened(ensemble.store, self._learners, data, begun.digest) as stored,
            TellingWhatIsKept(stored),
        ):
            crossfit, late = cross_fit_further(
                self._learners,
                data,
                finalize={label: "bag" if self.members[label].has_folds else "refit" for label in self._learners},
                stopping=ensemble._stopping(self._learners),
                seed=seed,
                resources=replace(self.resources, share=self._limit / self._time_limit),
                stored=stored,
                spare=Spare(len(self.members), each, frozenset(each)),
                together=True,
            )
        for failure in crossfit.failures:
            raise EnoughError(f"in another repeat {failure.label} failed with {failure.error}")
        if late:
            raise EnoughError(f"there was no time for another repeat of {late[0]}")
        return crossfit

    def _joined(self, member: FittedMember, other: FittedMember) -> FittedMember:
        """Return a member with the models of one more repeat; itself where one of all rows is the same again."""
        if member.finalize == "refit":
            table = self.begun.data.table
            some = table.some(np.arange(min(_ROWS_TO_COMPARE, len(table))))
            before, again = member.predict(some, 1), other.predict(some, 1)
            if np.abs(again - before).max() <= _ROUNDING * np.abs(before).max():
                return member
        return member.repeated(other)

    # -- what it is worth ---------------------------------------------------------------

    def _join(self, predictions: FloatArray) -> None:
        """Add the predictions of a repeat to the means, or raise an EnoughError where these are then worse."""
        columns = [column for column, label in enumerate(self.members) if label in self._learners]
        alone, mean = self._oof.predictions.copy(), self._oof.predictions.copy()
        alone[:, columns] = predictions
        mean[:, columns] = (self.number * mean[:, columns] + predictions) / (self.number + 1)
        oof, metric = self._blended(mean), self.begun.metric
        after, each = self._value(oof), [*self._alone, self._value(self._blended(alone))]
        if math.isnan(after + sum(each)):
            raise EnoughError(f"{metric.name} does not tell whether that is better")
        if metric.score(after) < metric.score(fmean(each)):
            raise EnoughError(f"another repeat is not better: {self._compared(after, each)}")
        self._oof, self._alone = oof, each

    def _compared(self, value: float, alone: Sequence[float]) -> str:
        return f"{self.begun.metric.name} {value:.4g} of means over the repeats, {fmean(alone):.4g} of each alone"

    def _blended(self, predictions: FloatArray) -> OutOfFold:
        """Return out-of-fold predictions, blended by the blenders that did not see a fold."""
        blend, features = np.empty_like(self._oof.blend), self.begun.features
        folds = self._oof.plan.blend_folds(self.begun.seed)
        for (_, test), blender in zip(folds, self.ensemble._held_out, strict=True):
            passed = None if features is None else features[test]
            blend[test] = blended_by(blender, predictions[test], passed, self.begun.data.task)
        return replace(self._oof, predictions=predictions, blend=blend)

    def _value(self, oof: OutOfFold) -> float:
        """Return the metric of the cross-validated blend; NaN where it is not defined."""
        ensemble, metric, seed = self.ensemble, self.begun.metric, self.begun.seed
        scoring = Scoring.of(oof, metric, seed=seed, classes=getattr(ensemble, "classes_", None))
        decided = ensemble._decided(oof, metric, seed, self.begun.data.task, self.begun.blender)
        value = scoring.value_if_defined(decided)
        return math.nan if value is None else value

    # -- its time -----------------------------------------------------------------------

    @property
    def _time_limit(self) -> float:
        assert self.resources.time_limit is not None
        return self.resources.time_limit

    @property
    def _limit(self) -> float:
        """Seconds from the start within which the fits are to be done."""
        return self.resources.share * self._time_limit - self.scoring

    @property
    def _elapsed(self) -> float:
        assert self.resources.started is not None
        return time.monotonic() - self.resources.started

    def _tasks(self, label: str) -> int:
        return len(self.begun.data.plan.folds) + (self.members[label].finalize == "refit")

    @property
    def _at_least(self) -> float:
        """The seconds of a repeat with all cores at work, if nothing of it is in a store."""
        return sum(self._seconds.values()) / cores(self.resources.n_jobs)

    def _expected(self) -> float:
        """Return about what the first repeat takes: as the fit did, beside the seconds of its tasks."""
        pace = self.members_took / max(sum(self.record.fit_seconds.values()), 1e-9)
        return max(self._at_least, min(1.0, pace) * sum(self._seconds.values()))


def _check_possible(ensemble: BaseEnsemble, plan: SplitPlan) -> None:
    """Raise an EnoughError where one model is wanted, or another split of the same kind is not byoe's to make."""
    if ensemble.layers_ > 1:
        raise EnoughError("there is a second layer, which has learned from the folds that there are")
    if ensemble.finalize == "refit":
        raise EnoughError("with finalize='refit' one model of each member is served")
    if not isinstance(ensemble.cv, (int, np.integer)):
        raise EnoughError("cv is not a number of folds")
    if plan.groups is not None:
        raise EnoughError("rows come in groups")
