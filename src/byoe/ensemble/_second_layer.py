"""The second layer: members that also learn from what the first layer predicts, kept where that is better."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..data._table import Table
from ..engine._blend import Blend, BlendingInTime
from ..engine._clock import SHARE
from ..engine._crossfit import CrossFit, Failure, cross_fit, refit
from ..engine._limit_report import TooShortError, is_late
from ..engine._order import without_memory
from ..engine._pairs import PairPredictions, pair_predictions
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._tasks import mean_rounds
from ..errors import BudgetWarning, ByoeError, MemberError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._stacked import StackedMember, block_width, stacked
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened
from ..tools._cores import cores
from ..tools._warnings import hearing, warn, warnings_filtered
from ._beginning import Beginning, blended
from ._interrupted import TellingWhatIsKept
from ._layers import second_labels

if TYPE_CHECKING:
    from ._base import BaseEnsemble

_MOST_BELOW = 5  # members that the second layer learns from
# As `auto` chooses: the gain must be more than so many standard errors (more where rows are few), and so much.
_ERRORS, _ERRORS_OF_FEW, _FEW_ROWS = 0.5, 2.0, 250
_LEAST_GAIN = 0.0025


@dataclass(frozen=True)
class _Layer:
    """Members of the second layer, fitted on the plan's folds.

    Attributes
    ----------
    learners : dict of label to Learner
    found : list of CrossFit
        By fold: each of that fold alone.
    oof : array of shape (n_rows, n_members[, n_classes | n_outputs])
    """

    learners: Mapping[str, Learner]
    found: Sequence[CrossFit]
    oof: FloatArray

    def of(self, kept: NDArray[np.bool_]) -> _Layer:
        """Return the same for some of the members."""
        labels = [label for label, wanted in zip(self.learners, kept, strict=True) if wanted]
        return _Layer({label: self.learners[label] for label in labels}, self.found, self.oof[:, kept])

    @property
    def seconds(self) -> dict[str, float]:
        """What the fits of all folds took, by label."""
        return {label: float(sum(one.seconds[label] for one in self.found)) for label in self.learners}

    @property
    def predicting(self) -> dict[str, float]:
        """What a row takes the model of one fold, by label: each fold has measured that on its own rows."""
        return {label: float(np.mean([one.predicting[label] for one in self.found])) for label in self.learners}

    @property
    def cut(self) -> bool:
        """Whether models have fewer rounds than they should, for lack of time."""
        return any(outcome.cut for one in self.found for outcome in one.arrived.values())


class NotKeptError(Exception):
    """The second layer is not kept; the text says why."""


@dataclass
class SecondLayer:
    """The attempt at a second layer on top of an ensemble whose first one is fitted and blended.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        It becomes one of two layers, if that is better, and else stays what it is, but for a word about it.
    begun : Beginning
    resources : Resources
    """

    ensemble: BaseEnsemble
    begun: Beginning
    resources: Resources
    failures: list[Failure] = field(default_factory=list)

    def attempt(self) -> None:
        """Fit the layer, and keep it if that is better."""
        ensemble = self.ensemble
        try:
            with BlendingInTime(self.resources):
                self._grow()
        except NotKeptError as reason:
            ensemble._record = replace(ensemble._record, second_layer=f"not kept: {reason}")
            ensemble.leaderboard_.notes.append(f"second layer: {ensemble._record.second_layer}")
        ensemble.failures_ = [*ensemble.failures_, *self.failures]

    def _grow(self) -> None:
        learners = self._in_time()
        try:
            self._grown(learners)
        finally:
            self._tell_if_late()

    def _grown(self, learners: Mapping[str, Learner]) -> None:
        ensemble, begun = self.ensemble, self.begun
        # What is warned of here would be of members as if they were left out of the first layer.
        with hearing(), warnings_filtered(("ignore", "", BudgetWarning)):
            pairs = self._pairs()
            layer = self._fitted(learners, pairs)
        layer, blend, oof = self._blended(layer)
        told = self._better(oof)
        members = self._members(layer, pairs)
        record = ensemble._record.with_members(layer.seconds, layer.predicting)
        below = {label: record.fit_seconds[label] + pairs.seconds[label] for label in pairs.labels}
        cut = ", of fits that the time limit cut short" if layer.cut or pairs.cut else ""
        told = f"kept, with {told}; it learns from {', '.join(pairs.labels)}{cut}"
        ensemble._record = replace(record, fit_seconds={**record.fit_seconds, **below}, second_layer=told)
        ensemble.members_ = {**ensemble.members_, **members}
        ensemble._take(blend, oof, begun.blender, begun.features, begun.metric)

    # -- what is fitted -----------------------------------------------------------------

    def _feeders(self) -> list[str]:
        """Return the members that the blend uses, at most five: those with the most weight, or the best ones."""
        ensemble = self.ensemble
        used = ensemble.blender_.used(len(ensemble.members_))
        counting = {label for label, needed in zip(ensemble.members_, used, strict=True) if needed}
        rows = [row for row in ensemble.leaderboard_ if row["member"] in counting]  # from the best one on
        rows.sort(key=lambda row: -abs(row["weight"] or 0.0))
        chosen = {row["member"] for row in rows[:_MOST_BELOW]}
        return [label for label in ensemble.members_ if label in chosen]

    def _learners(self) -> dict[str, str]:
        """Return the label of every member that can be of the second layer, by its label in the first."""
        labels = second_labels(self.begun.recipe.learners)
        found = {label: labels[label] for label in self.ensemble.members_ if label in labels}
        if not found:
            raise NotKeptError("no member that was fitted can be of a second layer")
        return found

    def _in_time(self) -> dict[str, Learner]:
        """Return who is to be of the second layer: all members, or those that feed it, or nobody as time allows."""
        everyone, below = self._learners(), self._feeders()
        few = {label: new for label, new in everyone.items() if label in below}
        left = needed = float("inf")
        for labels in filter(None, (everyone, few)):
            left, needed = self._seconds_left(), self._seconds_for(below, list(labels))
            if needed <= left:
                return {new: self.ensemble.members_[label].learner for label, new in labels.items()}
        raise NotKeptError(
            f"not tried, since it takes about {needed:.3g} s, and of the time_limit of {self.resources.time_limit:g} s "
            f"{max(left, 0.0):.3g} s were left"
        )

    def _seconds_left(self) -> float:
        if self.resources.seconds is None or self.resources.started is None:
            return float("inf")
        return self.resources.seconds - (time.monotonic() - self.resources.started)

    def _seconds_for(self, below: Sequence[str], labels: Sequence[str]) -> float:
        """Return about what the second layer takes, as the first one took it."""
        if self.resources.started is None:
            return 0.0
        data, fit, n_folds = self.begun.data, self.ensemble._record.fit_seconds, len(self.begun.data.plan.folds)
        wall = (time.monotonic() - self.resources.started) / max(sum(fit.values()), 1e-9)
        wall = max(wall, 1 / cores(self.resources.n_jobs))  # it is less where a store had some
        pairs = sum(fit[label] for label in below) * (n_folds - 1) / 2  # which are so many times as many as folds
        n_rows, n_columns = data.table.size
        wider = n_columns + len(below) * block_width(data.task)
        stopping = self.ensemble._stopping({label: self.ensemble.members_[label].learner for label in labels})

        def _times(label: str) -> float:
            learner = self.ensemble.members_[label].learner
            own, more = (
                learner.seconds(n_rows, count, task=data.task, stopping=label in stopping)
                for count in (n_columns, wider)
            )
            return more / own if own > 0 else 1.0

        return min(wall, 1.0) * (pairs + sum(fit[label] * _times(label) for label in labels))

    def _tell_if_late(self) -> None:
        limit, started = self.resources.time_limit, self.resources.started
        if limit is not None and started is not None and is_late(elapsed := time.monotonic() - started, limit):
            warn(
                f"the fit with its second layer took {elapsed:.1f} s of a time_limit of {limit:g} s: a fit ran on, "
                "which nothing can end before it is done; layers=1 does without",
                BudgetWarning,
            )

    def _go_on(self, needed: float) -> None:
        """End the attempt where what is left to do takes longer than the time that is left."""
        if needed > self._seconds_left():
            raise NotKeptError(self._no_time)

    @property
    def _no_time(self) -> str:
        return f"there was no time for all of it within the time_limit of {self.resources.time_limit:g} s"

    def _pairs(self) -> PairPredictions:
        """Return what the second layer learns from, of the members for which it could be had."""
        ensemble, begun = self.ensemble, self.begun
        learners = {label: ensemble.members_[label].learner for label in self._feeders()}
        columns = dict(zip(ensemble.members_, np.moveaxis(ensemble._oof.predictions, 1, 0), strict=True))
        seed = int(np.random.SeedSequence([begun.seed, 2]).generate_state(1)[0] >> 1)
        with opened(ensemble.store, learners, begun.data, begun.digest) as stored, TellingWhatIsKept(stored):
            try:
                pairs = pair_predictions(
                    learners,
                    begun.data,
                    columns,
                    stopping=ensemble._stopping(learners),
                    seed=seed,
                    resources=replace(self.resources, on_error="skip", dispensable=True),
                    stored=stored,
                )
            except TooShortError as error:
                raise NotKeptError(self._no_time) from error
            except MemberError as error:
                raise NotKeptError(f"no member could predict for it: {_first_line(error)}") from error
        self.failures += [replace(one, label=f"{one.label}, for the second layer") for one in pairs.failures]
        return pairs

    def _fitted(self, learners: Mapping[str, Learner], pairs: PairPredictions) -> _Layer:
        """Fit the members fold by fold: each fold has a table of its own."""
        data, found, started = self.begun.data, list[CrossFit](), time.monotonic()
        n_folds = len(data.plan.folds)
        for fold in range(n_folds):
            if fold:
                self._go_on((time.monotonic() - started) / fold * (n_folds - fold))
            rows = replace(data, table=self._table(pairs.without(fold), pairs))
            learners = learners if fold else self._in_memory(learners, rows)
            one = self._of_fold(learners, rows, fold, self._part(n_folds - fold))
            self.failures += one.failures
            learners = {label: learner for label, learner in learners.items() if label in one.members}
            found.append(one)
        oof = np.zeros((len(data.table), len(learners), *data.task.width))
        for one, (_, test) in zip(found, data.plan.folds, strict=True):
            labels = list(one.members)
            oof[test] = one.oof[test][:, [labels.index(label) for label in learners]]
        return _Layer(learners, found, oof)

    def _in_memory(self, learners: Mapping[str, Learner], data: Rows) -> Mapping[str, Learner]:
        """Return the members that fit into the memory with the columns that are added."""
        left_out = without_memory(learners, data, self.resources.memory_limit)
        told = "no memory for its fit with the columns of the second layer"
        self.failures += [Failure(label, 0, told, "") for label in left_out]
        if len(left_out) == len(learners):
            raise NotKeptError("there was no memory for any of its members")
        return {label: learner for label, learner in learners.items() if label not in left_out}

    def _part(self, folds: int) -> Resources:
        """Return what the next fold may use where so many are to come: of the time that is left no more than others."""
        if self.resources.seconds is None or self.resources.time_limit is None:
            return self.resources
        end = self.resources.seconds - (1 - 1 / folds) * max(0.0, self._seconds_left())
        return replace(self.resources, share=min(self.resources.share, end / SHARE / self.resources.time_limit))

    def _of_fold(self, learners: Mapping[str, Learner], data: Rows, fold: int, resources: Resources) -> CrossFit:
        ensemble = self.ensemble
        served = {label: ensemble._finalize_of(learner, data.plan) for label, learner in learners.items()}
        with opened(ensemble.store, learners, data) as stored, TellingWhatIsKept(stored):
            try:
                return cross_fit(
                    learners,
                    data,
                    finalize={label: "bag" if how == "bag" else "none" for label, how in served.items()},
                    stopping=ensemble._stopping(learners),
                    seed=self.begun.seed,
                    resources=replace(resources, on_error="skip", dispensable=True),
                    stored=stored,
                    only=(fold,),
                )
            except TooShortError as error:
                raise NotKeptError(self._no_time) from error
            except MemberError as error:
                raise NotKeptError(f"none of its members could be fitted: {_first_line(error)}") from error

    def _table(self, predictions: FloatArray, pairs: PairPredictions) -> Table:
        return stacked(self.begun.data.table, predictions, pairs.labels, self.begun.data.task)

    # -- what is kept -------------------------------------------------------------------

    def _blended(self, layer: _Layer) -> tuple[_Layer, Blend, OutOfFold]:
        """Return the members that a blend with the first layer uses, and that blend."""
        ensemble, begun = self.ensemble, self.begun
        first, n_first = ensemble._oof, len(ensemble.members_)
        while True:
            both = OutOfFold.unblended(first.predictions, first.y, first.weight, first.plan).with_members(layer.oof)
            try:
                blend, oof = blended(both, begun.blender, begun.features, begun.metric, begun.data.task, begun.seed)
            except ByoeError as error:  # such as a blender that is told of columns by their number
                raise NotKeptError(_first_line(error)) from error
            used = blend.blender.used(n_first + len(layer.learners))[n_first:]
            if not used.any():
                raise NotKeptError("the blend gives its members no weight")
            if used.all():
                return layer, blend, oof
            layer = layer.of(used)

    def _better(self, oof: OutOfFold) -> str:
        """Return what the blend of both layers scores against that of the first, if it is better."""
        ensemble, metric, task = self.ensemble, self.begun.metric, self.begun.data.task
        scoring = Scoring.of(ensemble._oof, metric, seed=self.begun.seed, classes=getattr(ensemble, "classes_", None))
        of_first, of_both = (
            ensemble._decided(one, metric, self.begun.seed, task, self.begun.blender) for one in (ensemble._oof, oof)
        )
        before, after = scoring.value_if_defined(of_first), scoring.value_if_defined(of_both)
        difference, error = scoring.difference(of_both, of_first)
        if before is None or after is None or difference is None or error is None:
            raise NotKeptError(f"{metric.name} does not tell whether it is better")
        told = f"{metric.name} {after:.4g} against {before:.4g} of the first layer alone"
        errors = _ERRORS_OF_FEW if int(scoring.rows.sum()) < _FEW_ROWS else _ERRORS
        # A share of a score, such as an area under a curve, means nothing.
        least = 0.0 if metric.greater_is_better else _LEAST_GAIN * abs(before)
        if metric.score(difference) <= max(errors * error, least):
            raise NotKeptError(f"{told} is not better by enough")
        return told

    def _members(self, layer: _Layer, pairs: PairPredictions) -> dict[str, StackedMember]:
        """Return the members as they are served: the models of the folds, or one of all rows."""
        ensemble, data = self.ensemble, self.begun.data
        below = tuple(ensemble.members_[label] for label in pairs.labels)
        made = {}
        for label, learner in layer.learners.items():
            how = ensemble._finalize_of(learner, data.plan)
            models = [model for one in layer.found for model in one.members[label].models]
            made[label] = StackedMember(label, learner, how, models, below=below, task=data.task)
        learners = {label: member.learner for label, member in made.items() if member.finalize == "refit"}
        by_fold = {
            label: [one.arrived[label, fold].rounds for fold, one in enumerate(layer.found)] for label in learners
        }
        rounds = {label: mean_rounds(found) for label, found in by_fold.items()}
        each = [layer.seconds[label] / len(layer.found) for label in learners]
        self._go_on(max([*each, sum(each) / cores(self.resources.n_jobs)]))
        for label, model in self._refitted(
            learners, rounds, replace(data, table=self._table(pairs.oof, pairs))
        ).items():
            made[label].models = [model]
        return made

    def _refitted(self, learners: Mapping[str, Learner], rounds: Mapping[str, list[int]], data: Rows) -> dict[str, Any]:
        ensemble, seed = self.ensemble, self.begun.seed
        if not learners:
            return {}
        with opened(ensemble.store, learners, data) as stored, TellingWhatIsKept(stored):
            try:
                came = refit(learners, data, rounds, seed=seed, resources=self.resources, stored=stored)
            except MemberError as error:
                raise NotKeptError(_first_line(error)) from error
        return {label: outcome.model for label, outcome in came.items()}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
