"""One member on one set of rows: what brings a table to a learner, and its predictions back.

This is where a learner's declarations are read: categories it does not take are encoded,
classes that are absent from its rows are put back, targets that it does not take together
are fitted one by one, and the number of rounds is found on rows that it does not learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._additive import check_model, to_inputs
from ._contracts import Explains, FloatArray, IntArray, Learner, Model, Prepares, SolvesMoments, StopRows, Task
from ._encoding import Encoder, fit_encoder, needs_encoding
from ._inner import hold_out, inner_folds
from ._moments import FoldMoments, of_output
from ._prepared import Preparation, Prepared
from ._promises import broken_model
from ._rows import Rows, inner_task, shielded, targets
from .errors import BundleError, ParameterError, PluginError

_PATIENCE = 50


@dataclass
class FoldModel:
    """The model of one member on one fold.

    Attributes
    ----------
    models : list of Model
        One, or one for each output.
    task : Task
    frames : bool
        Whether it predicts from the user's container.
    encoder : Encoder or None
    present : array or None
        Codes of the classes in the training rows, where some are absent.
    rounds : list of int
        Of each model, when early stopping found them.
    """

    models: list[Model]
    task: Task
    frames: bool = False
    encoder: Encoder | None = None
    present: IntArray | None = None
    rounds: list[int] = field(default_factory=list)

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Predict rows of a table: of its values, or of its native form where ``frames``."""
        inputs = X if self.encoder is None else self.encoder.transform(X)
        task = self._inner if self.present is None else replace(self.task, n_classes=len(self.present))
        found = [
            _checked(model, model.predict(inputs, threads=threads), inputs.shape[0], task) for model in self.models
        ]
        values = found[0] if len(found) == 1 else np.column_stack(found)
        if self.present is None:
            return values
        probabilities = np.zeros((len(values), self.task.n_classes))
        probabilities[:, self.present] = values
        return probabilities

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Return what each input column adds to the prediction of rows, the base value last.

        Of shape (n_rows, n_features + 1), or with the outputs or more than two classes in
        the middle. A ParameterError gives the reason where there is no such sum.
        """
        if self.present is not None:
            raise ParameterError(
                "a fold's training rows lacked a class, and the margin of that class is not finite; with "
                "finalize='refit' the model sees all rows"
            )
        inputs = X if self.encoder is None else self.encoder.transform(X)
        found = [_explained(model, inputs, self._inner, threads) for model in self.models]
        values = found[0] if len(found) == 1 else np.stack(found, axis=1)
        return values if self.encoder is None else to_inputs(values, self.encoder.sources)

    def importances(self, n_features: int) -> FloatArray | None:
        """Return how much each input column matters, summing to one; None where no model tells."""
        total = np.zeros(n_features)
        sources = np.arange(n_features) if self.encoder is None else self.encoder.sources
        for model in self.models:
            tell = getattr(model, "importances", None)
            own = None if tell is None else tell()
            # An estimator that makes columns of its own tells about these.
            if own is not None and len(own) == len(sources) and own.any():
                total += np.bincount(sources, weights=own / own.sum(), minlength=n_features)
        return total / total.sum() if total.any() else None

    @property
    def _inner(self) -> Task:
        return self.task if len(self.models) == 1 else replace(self.task, n_outputs=1)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the models' native files into an empty folder; return how to use them, as JSON values."""
        for number, model in enumerate(self.models):
            place = _place(folder, number, len(self.models))
            place.mkdir(exist_ok=True)
            model.save(place)
        return {
            "outputs": len(self.models),
            "frames": self.frames,
            "encoder": None if self.encoder is None else self.encoder.state(),
            "present": None if self.present is None else self.present.tolist(),
            "rounds": self.rounds,
        }

    @classmethod
    def load(
        cls, learner: Learner, folder: Path, described: Mapping[str, Any], task: Task, trusted: Sequence[str]
    ) -> FoldModel:
        """Read what ``save`` wrote, as it described it."""
        if learner.pickles and learner.name not in trusted:
            raise BundleError(
                f"the model in {folder} is a pickle of learner {learner.name!r}, which runs code when it is loaded. If "
                f"you know where it comes from, load it with trusted=[{learner.name!r}]"
            )
        present = None if described["present"] is None else np.asarray(described["present"], dtype=np.int64)
        encoder = None if described["encoder"] is None else Encoder.restore(described["encoder"])
        inner = inner_task(learner, task, present)
        places = [_place(folder, number, described["outputs"]) for number in range(described["outputs"])]
        models = [learner.load(place, task=inner, trusted=trusted) for place in places]
        return cls(models, task, described["frames"], encoder, present, described["rounds"])


def _explained(model: Model, X: Any, task: Task, threads: int) -> FloatArray:
    if not isinstance(model, Explains):
        raise ParameterError(f"{type(model).__name__} has no additive contributions")
    values = np.asarray(model.contributions(X, threads=threads), dtype=np.float64)
    margins = () if task.is_classification and task.n_classes == 2 else task.width
    expected = (X.shape[0], *margins, X.shape[1] + 1)
    if values.shape != expected:
        raise PluginError(f"{type(model).__name__} returned contributions of shape {values.shape}, expected {expected}")
    check_model(values, np.asarray(model.predict(X, threads=threads), dtype=np.float64), task, model)
    return values


def _checked(model: Model, prediction: Any, n_rows: int, task: Task) -> FloatArray:
    name = type(getattr(model, "estimator", model)).__name__
    try:
        return task.check(prediction, n_rows, f"{name}.predict")
    except ValueError as error:
        raise PluginError(str(error)) from error


def _place(folder: Path, number: int, count: int) -> Path:
    return folder if count == 1 else folder / str(number)


def fit_fold(
    learner: Learner,
    data: Rows,
    train: IntArray,
    *,
    seed: int,
    threads: int,
    stopping: bool = False,
    rounds: Sequence[int] = (),
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
    stopping : bool
        Find the number of rounds on rows inside the training part, which the model then
        does not learn from.
    rounds : sequence of int
        How many rounds each output's model gets, where that is known.
    prepared : Prepared, FoldMoments or None
        What was made of the whole table, if the learner can use that.
    """
    # A clone of its own: a RandomState among the parameters must not pass from task to task.
    learner = clone(learner)
    if data.weight is not None:  # a row without weight teaches nothing, neither a median nor a bin
        train = train[data.weight[train] > 0]
        if not len(train):
            raise ValueError("all training rows of this fold have the weight zero; shuffle the folds")
    stop = None
    if stopping:
        split = hold_out(data.plan, train, data.y[train], data.task, seed)
        rounds = ()
        if split is not None:
            train, stop = train[split[0]], train[split[1]]
    y = data.y[train]
    present = None if learner.frozen else _absent_classes(y, data.task)
    if present is not None and not learner.gives_probabilities:
        raise ValueError(
            "a class is absent from the training part, and a decision value for it cannot be made up; stratify the "
            "folds, or wrap the member in sklearn.calibration.CalibratedClassifierCV"
        )
    inner = inner_task(learner, data.task, present)
    fit = _Fit(learner, data, train, stop, present, inner, seed, threads)
    if isinstance(prepared, FoldMoments):
        return fit.of_moments(prepared) or fit.of_rows(rounds)
    if prepared is not None and present is None:
        return fit.of_prepared(prepared, rounds)
    return fit.of_rows(rounds)


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
        model = FoldModel([], data.task, learner.frames and not encode, present=self.present)
        X = table.rows(train, frames=model.frames)
        extra: dict[str, Any] = {}
        if encode:
            folds = partial(inner_folds, data.plan, train, self.seed)
            weight = self._weight(train)
            model.encoder, X = fit_encoder(learner, X, data.y[train], data.task, weight, table, folds)
        if learner.categorical and not model.frames:
            extra["categorical"] = model.encoder.codes(table.categorical) if model.encoder else table.categorical
        if learner.grouped and data.plan.groups is not None:
            extra["groups"] = data.plan.groups[train]
        stop_X = None if self.stop is None else table.rows(self.stop, frames=model.frames)
        if self.stop is not None and model.encoder is not None:
            stop_X = model.encoder.transform(stop_X)

        def fit(_number: int, y: NDArray[Any], **given: Any) -> Model:
            with shielded(learner, X, y) as (rows, own):
                return learner.fit(rows, own, **given, **extra)

        self._fit(model, rounds, stop_X, fit)
        return model

    def of_prepared(self, prepared: Prepared, rounds: Sequence[int]) -> FoldModel:
        """Fit on rows of what the learner prepared."""
        rows = prepared.places(self.train)
        stop = None if self.stop is None else prepared.places(self.stop)
        model = FoldModel([], self.data.task)

        def fit(number: int, y: NDArray[Any], **given: Any) -> Model:
            assert isinstance(self.learner, Prepares)
            return self.learner.fit_rows(prepared.of_output(number, self.threads), rows, y, **given)

        self._fit(model, rounds, stop, fit)
        return model

    def of_moments(self, prepared: FoldMoments) -> FoldModel | None:
        """Solve from the moments of the rows; None where that would lose digits."""
        found = prepared.of(self.train, self.threads)
        if found is None:
            return None
        assert isinstance(self.learner, SolvesMoments)
        encoder, moments = found
        model = FoldModel([], self.data.task, encoder=encoder)
        together = self.task.n_outputs == self.data.task.n_outputs
        for own in [moments] if together else [of_output(moments, i) for i in range(self.data.task.n_outputs)]:
            solved = self.learner.fit_moments(own, task=self.task, seed=self.seed, threads=self.threads)
            if solved is None:
                return None
            model.models.append(solved)
        return model

    def _fit(self, model: FoldModel, rounds: Sequence[int], stop_X: Any, fit: Callable[..., Model]) -> None:
        weight, stop_weight = self._weight(self.train), self._weight(self.stop)
        stop_y = self._targets(self.stop)
        for number, target in enumerate(self._targets(self.train)):
            extra: dict[str, Any] = {}
            if self.learner.stops and self.stop is not None:
                extra["stop"] = StopRows(stop_X, stop_y[number], stop_weight, _PATIENCE)
            if self.learner.stops and len(rounds):
                extra["rounds"] = rounds[number]
            fitted = fit(
                number, target, task=self.task, sample_weight=weight, seed=self.seed, threads=self.threads, **extra
            )
            if fault := broken_model(fitted):
                raise PluginError(fault)
            model.models.append(fitted)
            if extra:
                model.rounds.append(int(getattr(fitted, "rounds", 1)))

    def _weight(self, rows: IntArray | None) -> FloatArray | None:
        return None if rows is None or self.data.weight is None else self.data.weight[rows]

    def _targets(self, rows: IntArray | None) -> list[NDArray[Any]]:
        return [] if rows is None else targets(self.data.y[rows], self.present, self.data.task, self.task)


def _absent_classes(y: NDArray[Any], task: Task) -> IntArray | None:
    if not task.is_classification:
        return None
    present = np.unique(y)
    if len(present) < 2:
        raise ValueError("the training part of this fold holds one class only; stratify the folds")
    return None if len(present) == task.n_classes else present
