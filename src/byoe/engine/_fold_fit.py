"""The fit of one member on one set of rows.

This is where a learner's declarations are read: categories it does not take are encoded,
classes that are absent from its rows are put back, targets that it does not take together
are fitted one by one, and the number of rounds is found on rows that it does not learn from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ..contracts._constant import ConstantModel
from ..contracts._deadline import cut_short, part_of_time, seconds_left, told_to_be_short
from ..contracts._learner import Learner, Model, StopRows
from ..contracts._model_check import broken_model
from ..contracts._optional import Prepares, SolvesMoments
from ..contracts._task import FloatArray, IntArray, Task
from ..contracts._unit import Unit
from ..contracts._within import within_a_member
from ..data._by_column import in_place
from ..data._encoder import fit_encoder, needs_encoding
from ..data._table import Table
from ..errors import PluginError
from ..fitted._models import FoldModel, inner_task
from ..fitted._shield import shielded
from ..fitted._target_transform import TargetTransform, by_columns, fitted_transform
from ..folds._inside import hold_out, inner_folds
from ..tools._class_weight import reweighted
from ._labels import for_classes
from ._moments import FoldMoments, of_output
from ._prepared import Preparation, Prepared
from ._rows import Rows, targets
from ._scale import settled
from ._tasks import HOLD_OUT

_PATIENCE = 50
_HASTE = 3.0  # times the learning rate, with which the number of rounds is found
_LESS_HASTE = (2.5, 1.9, 1.5)  # for learners that do not allow that
_MOST_MORE = 1.25  # times as many rounds for more rows
_NEEDED = 0.8  # of the time that as many rounds took while they were found, with those after the best one


@within_a_member()
def fit_fold(
    learner: Learner,
    data: Rows,
    train: IntArray,
    *,
    seed: int,
    threads: int,
    stopping: str = "",
    rounds: Sequence[int] = (),
    round_seconds: float = 0.0,
    prepared: Preparation | None = None,
) -> FoldModel:
    """Fit a learner on some rows.

    Parameters
    ----------
    learner : Learner
    data : Rows
    train : array of shape (n_train,)
        Numbers of the rows that it may see.
    seed, threads : int
    stopping : {"", "hold-out", "all rows"}
        Whether the number of rounds is found on rows inside the training part: by the model itself, which then does
        not learn from these; or before it, so that it learns from all rows.
    rounds : sequence of int
        How many rounds each output's model gets, where that is known.
    round_seconds : float
        What one of these takes on so many rows, where that is known.
    prepared : Prepared, FoldMoments or None
        What was made of the whole table, if the learner can use that.
    """
    # A clone of its own: a RandomState among the parameters must not pass from task to task.
    learner = clone(learner)
    if data.weight is not None:  # a row without weight teaches nothing, neither a median nor a bin
        train = train[data.weight[train] > 0]
        if not len(train):
            raise ValueError("all training rows of this fold have the weight zero; shuffle the folds")
    if data.class_weight is not None and not learner.frozen:
        counted = reweighted(data.class_weight, data.y, data.weight, train, data.task.n_classes)
        data = replace(data, weight=counted)
    fit = partial(_fit_rows, seed=seed, threads=threads, prepared=prepared)
    if "auto" in data.transforms and not learner.frozen:
        hasty = learner.in_haste(_HASTE) if stopping or rounds else None
        stops = bool(stopping or rounds)
        data = settled(fit, hasty or learner, data, train, seed=seed, threads=threads, stops=stops)
    split = hold_out(data.plan, train, data.y[train], data.task, seed) if stopping else None
    fit = partial(_timed, fit)
    if split is None:
        return _in_time(fit, learner, data, train, () if stopping else rounds, round_seconds * sum(rounds))
    inside, stop = train[split[0]], train[split[1]]
    if stopping == HOLD_OUT:
        return fit(learner, data, inside, stop)
    return _on_all_rows(fit, learner, data, train, inside, stop)


def _timed(
    fit: Callable[..., FoldModel],
    learner: Learner,
    data: Rows,
    train: IntArray,
    stop: IntArray | None = None,
    rounds: Sequence[int] = (),
) -> FoldModel:
    """Fit, and measure what a round takes; one that stops goes on for a while after the best of them."""
    started = time.monotonic()
    model = fit(learner, data, train, stop, rounds)
    made = sum(model.rounds) + (0 if stop is None else _PATIENCE * len(model.rounds))
    model.round_seconds = (time.monotonic() - started) / max(1, made)
    return model


def _steps(learner: Learner, wanted: float) -> float:
    """Return how many times as large steps a learner may take, of those that are wanted; 1 where it may take none."""
    sizes = [wanted, *(size for size in _LESS_HASTE if size < wanted)] if wanted > 1.0 else []
    return next((size for size in sizes if learner.in_haste(size) is not None), 1.0)


def _in_time(
    fit: Callable[..., FoldModel], learner: Learner, data: Rows, train: IntArray, rounds: Sequence[int], seconds: float
) -> FoldModel:
    """Fit for so many rounds that take so many seconds, or for fewer with larger steps where time is short."""
    steps = _steps(learner, min(_HASTE, seconds / max(seconds_left(), 1e-9)))
    hurried = learner.in_haste(steps) if steps > 1.0 else None
    if hurried is None:
        return fit(learner, data, train, rounds=rounds)
    own = [max(1, round(number / steps)) for number in rounds]
    model = fit(hurried, data, train, rounds=own)
    cut_short(max(own))
    model.rounds = list(rounds)
    return model


def _on_all_rows(
    fit: Callable[..., FoldModel], learner: Learner, data: Rows, train: IntArray, inside: IntArray, stop: IntArray
) -> FoldModel:
    """Find the number of rounds on some rows, with larger steps if the learner allows them, and fit on all with it.

    On more rows it takes more rounds, which is why they are scaled, though not for any number of rows more: where
    groups are few, those may be twice as many. Where time is short, the steps of the second fit are as large as it
    needs to be in time; what is found first is kept where not even the largest would do.
    """
    hasty, started = learner.in_haste(_HASTE), time.monotonic()
    found = fit(learner if hasty is None else hasty, data, inside, stop)
    scale = (1.0 if hasty is None else _HASTE) * min(_MOST_MORE, len(train) / len(inside))
    most = learner.own_params().get(learner.shared_name("n_rounds") or "") or math.inf
    rounds = [int(min(most, max(1, round(scale * number)))) for number in found.rounds]
    seconds = _NEEDED * scale * (time.monotonic() - started)
    if seconds > _steps(learner, _HASTE) * seconds_left():
        if not told_to_be_short():
            cut_short(max(found.rounds))
        found.rounds = rounds
        return found
    return _in_time(fit, learner, data, train, rounds, seconds)


def _fit_rows(
    learner: Learner,
    data: Rows,
    train: IntArray,
    stop: IntArray | None = None,
    rounds: Sequence[int] = (),
    *,
    seed: int,
    threads: int,
    prepared: Preparation | None,
) -> FoldModel:
    """Fit a learner on rows that all count, for as many rounds as are given or as those to stop on tell."""
    y = data.y[train]
    present = None if learner.frozen else _absent_classes(y, data.task)
    if present is not None and not learner.gives_probabilities:
        raise ValueError(
            "a class is absent from the training part, and a decision value for it cannot be made up; stratify the "
            "folds, or wrap the member in sklearn.calibration.CalibratedClassifierCV"
        )
    learner = for_classes(learner, data.task, present)
    transforms: list[TargetTransform | None] = []
    if data.transforms and not learner.frozen:
        data, transforms = _transformed(data, train, stop, seed)
    inner = inner_task(learner, data.task, present)
    fit = _Fit(learner, data, train, stop, present, inner, seed, threads)
    if isinstance(prepared, FoldMoments):
        return fit.of_moments(prepared) or fit.of_rows(rounds)
    model = fit.of_prepared(prepared, rounds) if prepared is not None and present is None else fit.of_rows(rounds)
    model.transforms = transforms
    return model


def _transformed(
    data: Rows, train: IntArray, stop: IntArray | None, seed: int
) -> tuple[Rows, list[TargetTransform | None]]:
    """Return the data with the targets of these rows on the scale of the models, learned from the training rows alone.

    Members then stop by their own loss on that scale: the metric is in units of the target.
    """
    columns = [data.y[train]] if data.y.ndim == 1 else list(data.y[train].T)
    weight = None if data.weight is None else data.weight[train]
    transforms = [fitted_transform(one, y, seed, weight) for one, y in zip(data.transforms, columns, strict=True)]
    if not any(transforms):
        return data, []
    y = data.y.copy()
    for rows in (train, stop):
        if rows is not None:
            y[rows] = by_columns(transforms, data.y[rows], back=False)
    return replace(data, y=y, stop_loss=None), transforms


@dataclass(frozen=True)
class _Fit:
    """The fit of one member on some rows, and what its models have in common."""

    learner: Learner
    data: Rows
    train: IntArray
    stop: IntArray | None
    present: IntArray | None
    task: Task
    seed: int
    threads: int

    def of_rows(self, rounds: Sequence[int]) -> FoldModel:
        """Fit on copies of the rows, encoded where the learner wants that."""
        learner, data, train, table = self.learner, self.data, self.train, self.data.table
        encode = needs_encoding(learner, table)
        model = FoldModel(
            [], data.task, learner.frames and not encode, present=self.present, scores=not learner.gives_probabilities
        )
        X = table.rows(train, frames=model.frames)
        if encode:
            folds = partial(inner_folds, data.plan, train, self.seed)
            weight = self._weight(train)
            model.encoder, X = fit_encoder(
                learner, X, data.y[train], task=data.task, sample_weight=weight, table=table, folds=folds
            )
        stop_X = None if self.stop is None else table.rows(self.stop, frames=model.frames)
        if self.stop is not None and model.encoder is not None:
            stop_X = model.encoder.transform(stop_X)
        groups = data.plan.groups[train] if learner.grouped and data.plan.groups is not None else None
        placed = in_place(learner, table, None if model.encoder is None else model.encoder.sources)
        extra: dict[str, Any] = {}
        if learner.categorical and not model.frames:
            extra["categorical"] = _categories(model, table)

        def fit(own: Learner, _number: int, rows: Any, y: NDArray[Any], **given: Any) -> Model:
            return own.fit(rows, y, **given, **extra)

        self._fit(model, placed, rounds, X, stop_X, fit=fit, groups=groups)
        return model

    def of_prepared(self, prepared: Prepared, rounds: Sequence[int]) -> FoldModel:
        """Fit on rows of what the learner prepared."""
        stop = None if self.stop is None else prepared.places(self.stop)
        model = FoldModel([], self.data.task, scores=not self.learner.gives_probabilities)
        placed = in_place(self.learner, self.data.table)

        def fit(own: Learner, number: int, rows: IntArray, y: NDArray[Any], **given: Any) -> Model:
            assert isinstance(own, Prepares)
            return own.fit_rows(prepared.of_output(number, self.threads), rows, y, **given)

        self._fit(model, placed, rounds, prepared.places(self.train), stop, fit=fit)
        return model

    def of_moments(self, prepared: FoldMoments) -> FoldModel | None:
        """Solve from the moments of the rows; None where that would lose digits."""
        found = prepared.of(self.train, self.threads)
        if found is None:
            return None
        assert isinstance(self.learner, SolvesMoments)
        encoder, moments = found
        model = FoldModel([], self.data.task, encoder=encoder, scores=not self.learner.gives_probabilities)
        together = self.task.n_outputs == self.data.task.n_outputs
        for own in [moments] if together else [of_output(moments, i) for i in range(self.data.task.n_outputs)]:
            solved = self.learner.fit_moments(own, task=self.task, seed=self.seed, threads=self.threads)
            if solved is None:
                return None
            model.models.append(solved)
        return model

    def _fit(
        self,
        model: FoldModel,
        learner: Learner,
        rounds: Sequence[int],
        X: Any,
        stop_X: Any,
        *,
        fit: Callable[..., Model],
        groups: Any = None,
    ) -> None:
        """Fit the model of each output; what the learner gets for one is as it was for the others."""
        weight, stop_weight = self._weight(self.train), self._weight(self.stop)
        stop_y = self._targets(self.stop)
        same: dict[str, Any] = {"task": self.task, "seed": self.seed, "threads": self.threads}
        own_targets = self._targets(self.train)
        for number, target in enumerate(own_targets):
            stop_target = stop_y[number] if stop_y else None
            in_unit, unit = self._in_unit(learner, target, weight)
            if unit is not None:
                target = unit.into(target)
                stop_target = None if stop_target is None else unit.into(stop_target)
            model.units.append(unit)
            lent = shielded(self.learner, X, target, weight, groups, stop_X, stop_target, stop_weight)
            with lent as (rows, y, own_weight, own_groups, own_stop_X, own_stop_y, own_stop_weight):
                found: dict[str, Any] = {}
                if self.learner.stops and self.stop is not None:
                    loss = None if self.data.stop_loss is None else self.data.stop_loss.of_unit(unit)
                    found["stop"] = StopRows(own_stop_X, own_stop_y, own_stop_weight, _PATIENCE, loss)
                if self.learner.stops and len(rounds):
                    found["rounds"] = rounds[number]
                own = found if groups is None else {**found, "groups": own_groups}
                if self.data.task.is_multilabel and (target == target[0]).all():  # no classifier learns of one class
                    codes = self.data.y[self.train, number]
                    fitted: Model = ConstantModel.of(codes, self.task, own_weight)
                else:
                    with part_of_time(len(own_targets) - number):
                        fitted = fit(in_unit, number, rows, y, sample_weight=own_weight, **same, **own)
            if fault := broken_model(fitted):
                raise PluginError(fault)
            model.models.append(fitted)
            if found:
                model.rounds.append(int(getattr(fitted, "rounds", 1)))

    def _in_unit(
        self, learner: Learner, target: NDArray[Any], weight: FloatArray | None
    ) -> tuple[Learner, Unit | None]:
        """Return the learner for a target, and the unit that it wants it in if not the target's own."""
        if self.task.is_classification or learner.frozen:
            return learner, None
        unit = Unit.of(target, weight)
        twin = None if unit.is_plain else learner.in_unit(unit, self.task)
        return (learner, None) if twin is None else (twin, unit)

    def _weight(self, rows: IntArray | None) -> FloatArray | None:
        return None if rows is None or self.data.weight is None else self.data.weight[rows]

    def _targets(self, rows: IntArray | None) -> list[NDArray[Any]]:
        if rows is None:
            return []
        return targets(self.data.y[rows], self.present, self.data.task, self.task, labelled=self.learner.labelled)


def _categories(model: FoldModel, table: Table) -> dict[int, int]:
    """Return which columns that a model gets hold categories, and how many."""
    found = table.feature_categories
    return model.encoder.codes(found) if model.encoder else {**found}


def _absent_classes(y: NDArray[Any], task: Task) -> IntArray | None:
    if not task.is_classification or task.is_multilabel:
        return None
    present = np.unique(y)
    if len(present) < 2:
        raise ValueError("the training part of this fold holds one class only; stratify the folds")
    return None if len(present) == task.n_classes else present
