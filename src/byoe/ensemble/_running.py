"""The score of a fit that is not over: that of the folds that are done."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..contracts._task import FloatArray
from ..engine._crossfit import averaged
from ..engine._tasks import REFIT, Outcome
from ..errors import ByoeError, MemberError
from ..fitted._out_of_fold import OutOfFold
from ..folds._plan import SplitPlan
from ..scoring._metrics import Metric
from ..tools._warnings import hearing, warnings_filtered
from ._beginning import Beginning, blended

if TYPE_CHECKING:
    from ._base import BaseEnsemble


class FoldListener(Protocol):
    """Who is told of the blend's score fold by fold.

    Attributes
    ----------
    metric : Metric
    """

    metric: Metric

    def wants(self, done: int, n_folds: int) -> bool:
        """Say whether the score of so many folds is asked for: a blend is fitted for each."""
        ...

    def __call__(self, done: int, n_folds: int, value: float | ByoeError) -> None:
        """Take the metric of the first folds, as leaderboards show it, or why there is none."""
        ...


class RunningScore:
    """Scores the blend after each fold but the last that somebody wants to know of, as if the split plan ended there.

    So the score of the first folds depends neither on the order in which tasks end nor on whether the fit goes on,
    and that of all folds is the one of the fit. A member that failed on one of these folds is left out.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    begun : Beginning
    labels : iterable of str
        Of the members that are fitted.
    listener : FoldListener
    """

    def __init__(self, ensemble: BaseEnsemble, begun: Beginning, labels: Iterable[str], listener: FoldListener) -> None:
        self._ensemble, self._begun, self._listener = ensemble, begun, listener
        self._labels = list(labels)
        self._came: dict[tuple[str, int], Outcome] = {}
        self._done = 0

    def __call__(self, outcome: Outcome) -> None:
        """Take what came of a task, and tell of each fold that is whole by it."""
        if outcome.task.fold == REFIT:
            return
        self._came[outcome.task.label, outcome.task.fold] = replace(outcome, model=None)
        n_folds = len(self._begun.data.plan.folds)
        while self._done < n_folds - 1 and all((label, self._done) in self._came for label in self._labels):
            self._done += 1
            if self._listener.wants(self._done, n_folds):
                self._listener(self._done, n_folds, self._value())

    def _value(self) -> float | ByoeError:
        """Return the score of the folds that are done."""
        ensemble, begun, metric = self._ensemble, self._begun, self._listener.metric
        data, seed = begun.data, begun.seed
        plan = replace(data.plan, folds=data.plan.folds[: self._done])
        try:
            with hearing(), warnings_filtered(("ignore",)):  # the fit warns of what holds for all folds
                oof = OutOfFold.unblended(self._predictions(plan), data.y, data.weight, plan)
                blend, oof = blended(oof, begun.blender, begun.features, begun.metric, data.task, seed)
                rows = oof.scored
                value = metric.value(
                    oof.y[rows],
                    ensemble._decided(oof, metric, seed, data.task, blend.blender)[rows],
                    classes=data.task.classes,
                    sample_weight=None if oof.weight is None else oof.weight[rows],
                )
        except (ByoeError, ValueError) as error:  # too few rows for a blender or a metric
            return error if isinstance(error, ByoeError) else MemberError(str(error))
        return value if math.isfinite(value) else MemberError(f"{metric.name} is {value}")

    def _predictions(self, plan: SplitPlan) -> FloatArray:
        """Return the out-of-fold predictions of the members that did not fail, as the engine averages them."""
        found = [[self._came[label, fold].oof for fold in range(self._done)] for label in self._labels]
        alive = [whole for each in found if len(whole := [one for one in each if one is not None]) == self._done]
        if not alive:
            raise MemberError("all members failed")
        sums = np.zeros((plan.n_rows, len(alive), *self._begun.data.task.width))
        for column, by_fold in enumerate(alive):
            for predicted, (_, test) in zip(by_fold, plan.folds, strict=True):
                np.add.at(sums[:, column], test, predicted)
        return averaged(sums, plan)
