"""The bench on which variants of an ensemble are scored: the same rows, folds and seeds for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..contracts._learner import Learner
from ..contracts._store import Store
from ..contracts._task import FloatArray
from ..engine._blend import Blend
from ..engine._crossfit import cross_fit
from ..engine._labels import check_rare_classes
from ..engine._tasks import FitTask, Outcome, TaskStore
from ..ensemble._base import BaseEnsemble
from ..ensemble._beginning import Beginning, blended, suited
from ..ensemble._configure import configure, reached
from ..errors import MemberError, ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._passthrough import passed_through
from ..fitted._threshold import labelled
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened
from ..tools._forks import after_fork
from ._tried import FIRST

# A trial is stopped when its first folds are worse than those of the best one by so many standard errors of the
# difference, and by this share of the metric: of two that are much alike the errors are tiny.
_ERRORS, _SHARE = 2.0, 0.01
Columns = Mapping[Any, FloatArray | None]


class Hopeless(Exception):  # noqa: N818  # what a trial is, and no user ever sees it raised
    """The first folds of a trial are too bad to go on; the text says how bad."""

    def __init__(self, text: str, value: float) -> None:
        super().__init__(text)
        self.value = value


@dataclass(frozen=True)
class Scored:
    """A variant with its honest score.

    Attributes
    ----------
    value : float
        The metric of the cross-fitted blend, as leaderboards show it.
    columns : dict of member's key to array or None
        Out-of-fold predictions; None for a member that failed and is left out.
    keys : dict of label to member's key
    oof : OutOfFold
    blend : Blend
    features : array or None
    thresholds : array of shape (n_rows,) or None
        By which the metric sees classes, each found without its row.
    """

    value: float
    columns: Columns
    keys: Mapping[str, Any]
    oof: OutOfFold
    blend: Blend
    features: FloatArray | None
    thresholds: FloatArray | None = None


class Bench:
    """Scores variants of an ensemble.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        As given.
    begun : Beginning
    store : Store
    space : iterable of names
    keeps_models : bool
        Whether models that a bag would serve are kept in the store, for a fit to find them.
    """

    def __init__(
        self, ensemble: BaseEnsemble, begun: Beginning, store: Store, space: Mapping[str, Any], *, keeps_models: bool
    ) -> None:
        self.begun = begun
        self._ensemble, self._store, self._keeps_models = ensemble, store, keeps_models
        self._reached = {name: reached(ensemble, name) for name in space}
        several = len(begun.data.plan.folds) > FIRST and int(begun.data.plan.counts.max()) == 1
        self._stops = several and ensemble.time_limit is None

    def score(
        self, params: Mapping[str, Any], best: Scored | None, listeners: Sequence[Callable[[Any], Any]] = ()
    ) -> Scored:
        """Return the score of the ensemble with parameters set.

        Parameters
        ----------
        params : mapping of str to value
        best : Scored or None
            The best variant so far: what it has of the same members is not looked for again, and one that is
            hopelessly worse on the first folds raises `Hopeless`.
        listeners : sequence of callables
            Called with the engine's `Progress`.
        """
        begun, data = self.begun, self.begun.data
        variant = configure(self._ensemble, params)
        recipe = variant._checked()
        blender = suited(variant, recipe, data.table, data.task, weighted=variant._weighs(data.weight))
        features = passed_through(blender, data.table)
        keys = {label: self._key(label, params) for label in recipe.learners}
        columns: dict[Any, FloatArray | None] = dict(best.columns) if best else {}
        new = {label: learner for label, learner in recipe.learners.items() if keys[label] not in columns}
        if new:
            fitted = self._fitted(variant, new, best, listeners)
            columns |= {keys[label]: fitted.get(label) for label in new}
        columns = {key: columns[key] for key in keys.values()}
        alive = [column for column in columns.values() if column is not None]
        if not alive:
            raise MemberError("all members failed")
        oof = OutOfFold.unblended(np.stack(alive, axis=1), data.y, data.weight, data.plan)
        blend, oof = blended(oof, blender, features, begun.metric, data.task, begun.seed)
        scoring = Scoring.of(oof, begun.metric, seed=begun.seed, classes=data.task.classes)
        value = thresholds = None
        if oof.scored.any():
            thresholds = variant._row_thresholds(oof, begun.metric, begun.seed, data.task, blend.blender)
            value = scoring.blend_value(labelled(oof.blend, thresholds))
        if value is None:
            raise ParameterError(f"the blend has no cross-validated {begun.metric.name}, by which trials are compared")
        return Scored(value, columns, keys, oof, blend, features, thresholds)

    def _key(self, label: str, params: Mapping[str, Any]) -> Any:
        """Return what tells a member of one trial from that of another."""
        return label, tuple((name, repr(params[name])) for name in sorted(params) if label in self._reached[name])

    def _fitted(
        self,
        variant: BaseEnsemble,
        learners: Mapping[str, Learner],
        best: Scored | None,
        listeners: Sequence[Callable[[Any], Any]],
    ) -> dict[str, FloatArray]:
        """Return the out-of-fold predictions of members, those that do not fail; or raise `Hopeless`."""
        begun, data = self.begun, self.begun.data
        if variant.on_error == "raise":
            check_rare_classes(learners, data)
        bagged = {label for label in learners if variant._finalize_of(learners[label], data.plan) == "bag"}
        with opened(self._store, learners, data, begun.digest) as stored:
            remembered = Remembered(stored)

            def _of_folds(only: Sequence[int] | None) -> dict[str, FloatArray]:
                resources = variant._resources()
                told = (*resources.callbacks, *listeners)
                crossfit = cross_fit(
                    learners,
                    data,
                    finalize={label: "bag" if self._keeps_models and label in bagged else "none" for label in learners},
                    stopping=variant._stopping(learners),
                    seed=begun.seed,
                    resources=replace(resources, started=time.monotonic(), callbacks=told),
                    stored=remembered,
                    only=only,
                )
                return dict(zip(crossfit.members, np.moveaxis(crossfit.oof, 1, 0), strict=True))

            if best is not None and self._stops:
                self._stop_if_hopeless(_of_folds(range(FIRST)), best)
            return _of_folds(None)

    def _stop_if_hopeless(self, new: Mapping[str, FloatArray], best: Scored) -> None:
        """Raise `Hopeless` when the new members make the best trial's blend worse on the first folds.

        Its blenders, which were fitted without these rows, blend both.
        """
        begun, data = self.begun, self.begun.data
        labels = [label for label, key in best.keys.items() if best.columns[key] is not None]
        if not new.keys() <= set(labels):
            return
        changed = best.oof.predictions.copy()
        for label, column in new.items():
            changed[:, labels.index(label)] = column
        before, after = best.oof.blend.copy(), best.oof.blend.copy()
        rows = np.zeros(len(data.y), dtype=bool)
        first = [test for _, test in data.plan.folds[:FIRST]]
        for (_, test), blender in zip(data.plan.blend_folds(begun.seed), best.blend.held_out, strict=True):
            if any(test is other for other in first):
                before[test] = _predicted(blender, best.oof.predictions[test], best.features, test)
                after[test] = _predicted(blender, changed[test], best.features, test)
                rows[test] = True
        if not rows.any():
            return
        before, after = labelled(before, best.thresholds), labelled(after, best.thresholds)
        metric = begun.metric
        classes, groups = data.task.classes, data.plan.groups
        scoring = Scoring(metric, data.y, data.weight, classes, rows, (), begun.seed, groups)
        difference, error = scoring.difference(after, before)
        if difference is None or error is None:
            return
        value, known = scoring.value(after), scoring.value(before)
        if -metric.score(difference) > max(_ERRORS * error, _SHARE * abs(known)):
            told = f"{metric.name} {value:.4g} after {FIRST} of {len(data.plan.folds)} folds"
            raise Hopeless(f"{told}, where the best trial has {known:.4g}", value)


def _predicted(blender: Any, predictions: FloatArray, features: FloatArray | None, rows: Any) -> Any:
    passed = None if features is None else features[rows]
    return after_fork(lambda: blender.predict(predictions, passed))


class Remembered:
    """A store that also remembers what came of a trial's tasks, so that none is done or read twice."""

    def __init__(self, stored: TaskStore | None) -> None:
        self._stored = stored
        self._done: dict[tuple[str, int], Outcome] = {}

    def expect(self, tasks: Sequence[FitTask], prepared: Mapping[str, int]) -> None:
        """Take the tasks, as a store does."""
        if self._stored is not None:
            self._stored.expect(tasks, prepared)

    def holds(self, label: str) -> bool:
        """Return whether all tasks of a member seem to be in the store."""
        return self._stored is not None and self._stored.holds(label)

    def find(self, task: FitTask, rounds: Sequence[int]) -> Outcome | None:
        """Return what came of a task."""
        found = self._done.get((task.label, task.fold))
        if found is None and self._stored is not None:
            found = self._stored.find(task, rounds)
            if found is not None:
                self._remember(found)
        return found

    def keep(self, outcome: Outcome, rounds: Sequence[int]) -> None:
        """Keep what came of a task."""
        if self._stored is not None:
            self._stored.keep(outcome, rounds)
        if outcome.error is None:
            self._remember(outcome)

    def _remember(self, outcome: Outcome) -> None:
        self._done[outcome.task.label, outcome.task.fold] = replace(outcome, model=None, reused=True)
