"""Fitted members: what brings a table to their models, and the predictions back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..contracts._constant import load_model
from ..contracts._learner import Explains, Learner, Model
from ..contracts._task import FloatArray, IntArray, Task
from ..contracts._unit import Unit
from ..data._encoder import Encoder
from ..errors import BundleError, ParameterError, PluginError
from ..tools._forks import after_fork
from ._additive import check_model, to_inputs
from ._failing import Named
from ._shield import shielded
from ._target_transform import TargetTransform, by_columns, load_transforms, save_transforms

# How a member is served that is a bag and a model of all rows, which count the same.
BOTH: Final = "both"


def models_of_a_repeat(count: int, finalize: str, repeats: int) -> int:
    """Return how many of so many models are of one cross-fit, beside a model of all rows where there is one."""
    return (count - (finalize == BOTH)) // repeats


@dataclass
class FittedMember:
    """A member with the models that are served.

    Attributes
    ----------
    label : str
    learner : Learner
    finalize : {"bag", "refit", "both"}
    models : list of FoldModel
        The fold models for a bag, one model of all rows for a refit; of both the latter is the last.
    repeats : int
        How many times it was cross-fitted, each time on other folds; the models of the first time come first.
    """

    label: str
    learner: Learner
    finalize: str
    models: list[Any] = field(default_factory=list)
    repeats: int = 1

    @property
    def n_folds(self) -> int:
        """How many models there are of one repeat."""
        return models_of_a_repeat(len(self.models), self.finalize, self.repeats)

    @property
    def has_folds(self) -> bool:
        """Whether models of the folds are served."""
        return self.finalize in ("bag", BOTH)

    @property
    def weights(self) -> list[int]:
        """How much each model counts: all the same, but the one beside a bag as much as that."""
        count = len(self.models)
        return [1] * count if self.finalize != BOTH else [*[1] * (count - 1), count - 1]

    def repeated(self, other: FittedMember) -> FittedMember:
        """Return the same with the fold models of one more repeat of the folds."""
        count = self.repeats * self.n_folds
        models = [*self.models[:count], *other.models, *self.models[count:]]
        return replace(self, models=models, repeats=self.repeats + 1)

    def beside(self, model: FoldModel) -> FittedMember:
        """Return a bag with a model of all rows beside it."""
        return replace(self, finalize=BOTH, models=[*self.models, model])

    @property
    def feeders(self) -> tuple[str, ...]:
        """The labels of the members that it learns from: none in the first layer."""
        return ()

    def predict(self, table: Any, threads: int, known: dict[str, FloatArray] | None = None) -> FloatArray:
        """Return the mean of the models' predictions of a table's rows, weighted as they count.

        ``known`` is what other members have said of the rows, for those that learn from them.
        """
        return self._mean(table, lambda model, X: model.predict(X, threads=threads))

    def predict_by(
        self, number: int, table: Any, threads: int, known: dict[str, FloatArray] | None = None
    ) -> FloatArray:
        """Return what one of the models of the first folds predicts; one model alone is that of every number."""
        model = self.models[number % self.n_folds]
        return self._asked(model, table, lambda model, X: model.predict(X, threads=threads))

    def contributions(self, table: Any, threads: int) -> FloatArray:
        """Return the mean of the models' contributions to the predictions of a table's rows."""
        return self._mean(table, lambda model, X: _of_columns(model, model.contributions(X, threads=threads), table))

    def _mean(self, table: Any, ask: Callable[[Any, Any], FloatArray]) -> FloatArray:
        total: Any = 0.0
        for model, weight in zip(self.models, self.weights, strict=True):
            told = self._asked(model, table, ask)
            total = total + (told if weight == 1 else weight * told)
        return np.asarray(total / sum(self.weights), dtype=np.float64)

    def _asked(self, model: Any, table: Any, ask: Callable[[Any, Any], FloatArray]) -> FloatArray:
        with (
            Named(f"member {self.label!r}{self.learner.origin}"),
            shielded(self.learner, table.all(frames=model.frames)) as (X,),
        ):
            return ask(model, X)

    def importances(self, features: IntArray) -> FloatArray | None:
        """Return the mean of the models' importances, summing to one; None where none tells.

        ``features`` are the columns that a table's features come from.
        """
        said = zip(self.weights, (model.importances(features) for model in self.models), strict=True)
        told = [(weight, own) for weight, own in said if own is not None]
        return np.average([own for _, own in told], axis=0, weights=[weight for weight, _ in told]) if told else None


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
        Of each model, when early stopping found them: in steps of the learner's size, also where the model took
        larger ones for lack of time.
    units : list of Unit or None
        In which each model predicts; None for the target's own.
    scores : bool
        Whether it gives decision values or votes instead of probabilities.
    transforms : list of TargetTransform or None
        By target on which scale the models predict; empty for that of the target.
    round_seconds : float
        What a round took, where there are rounds; 0 where nobody measured it.
    """

    models: list[Model]
    task: Task
    frames: bool = False
    encoder: Encoder | None = None
    present: IntArray | None = None
    rounds: list[int] = field(default_factory=list)
    units: list[Unit | None] = field(default_factory=list)
    scores: bool = False
    transforms: list[TargetTransform | None] = field(default_factory=list)
    round_seconds: float = field(default=0.0, compare=False)

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Predict rows of a table: of its values, or of its native form where ``frames``."""
        return after_fork(lambda: self._predicted(X, threads))

    def _predicted(self, X: Any, threads: int) -> FloatArray:
        inputs = X if self.encoder is None else self.encoder.transform(X)
        task = self._inner.of_classes(self.present)
        found = []
        for model, unit in self.with_units():
            values = self._checked(model, inputs, threads, task)
            found.append(values if unit is None else unit.back(values))
        if self.task.is_multilabel:
            found = [probabilities[:, 1] for probabilities in found]
        values = found[0] if len(found) == 1 else np.column_stack(found)
        if self.transforms:
            values = by_columns(self.transforms, values, back=True)
        if self.present is None:
            return values
        probabilities = np.zeros((len(values), self.task.n_classes))
        probabilities[:, self.present] = values
        return probabilities

    def _checked(self, model: Model, X: Any, threads: int, task: Task) -> FloatArray:
        name = type(getattr(model, "estimator", model)).__name__
        prediction = model.predict(X, threads=threads)
        try:
            return task.check(prediction, X.shape[0], f"{name}.predict", scores=self.scores)
        except ValueError as error:
            raise PluginError(str(error)) from error

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Return what each feature of a table adds to the prediction of rows, the base value last.

        Of shape (n_rows, n_features + 1), or with the outputs or more than two classes in
        the middle. A ParameterError gives the reason where there is no such sum.
        """
        if self.transforms:
            names = " and ".join(dict.fromkeys(one.name for one in self.transforms if one is not None))
            raise ParameterError(
                f"its models predict a transformed target ({names}), and what columns add to that adds up to no "
                "prediction in units of the target; fit with target_transform=None to explain"
            )
        if self.present is not None:
            raise ParameterError(
                "a fold's training rows lacked a class, and the margin of that class is not finite; with "
                "finalize='refit' the model sees all rows"
            )
        inputs = X if self.encoder is None else self.encoder.transform(X)
        explained = after_fork(lambda: [_explained(model, inputs, self._inner, threads) for model in self.models])
        found = [
            values if unit is None else unit.contributions(values)
            for values, (_, unit) in zip(explained, self.with_units(), strict=True)
        ]
        values = found[0] if len(found) == 1 else np.stack(found, axis=1)
        return values if self.encoder is None else to_inputs(values, self.encoder.sources)

    def importances(self, features: IntArray) -> FloatArray | None:
        """Return how much each input column matters, summing to one; None where no model tells.

        ``features`` are the columns that a table's features come from.
        """
        n_columns = int(features[-1]) + 1
        total = np.zeros(n_columns)
        if self.frames:
            sources = np.arange(n_columns)
        else:
            sources = features if self.encoder is None else features[self.encoder.sources]
        for model in self.models:
            tell = getattr(model, "importances", None)
            own = None if tell is None else tell()
            # An estimator that makes columns of its own tells about these.
            if own is not None and len(own) == len(sources) and own.any():
                total += np.bincount(sources, weights=own / own.sum(), minlength=n_columns)
        return total / total.sum() if total.any() else None

    def with_units(self) -> Iterator[tuple[Model, Unit | None]]:
        """Yield each model, and the unit in which it predicts."""
        return zip(self.models, self.units or [None] * len(self.models), strict=True)

    @property
    def _inner(self) -> Task:
        return self.task if len(self.models) == 1 else self.task.of_one_output

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the models' native files into an empty folder; return how to use them, as JSON values."""
        for model, place in zip(self.models, self.folders(folder), strict=True):
            place.mkdir(exist_ok=True)
            model.save(place)
        units = [None if unit is None else unit.state() for unit in self.units]
        return {
            "outputs": len(self.models),
            "frames": self.frames,
            "encoder": None if self.encoder is None else self.encoder.state(),
            "present": None if self.present is None else self.present.tolist(),
            "rounds": self.rounds,
            **({"units": units} if any(units) else {}),
            **({"transforms": save_transforms(self.transforms, folder)} if self.transforms else {}),
            "labelled": self.task.classes is not None,
        }

    def folders(self, folder: Path) -> list[Path]:
        """Return where in a folder ``save`` writes each model."""
        return _places(folder, len(self.models))

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
        if not described.get("labelled", False):  # of a time when all models knew codes only
            task = replace(task, classes=None)
        inner = inner_task(learner, task, present)
        places = _places(folder, described["outputs"])
        models = after_fork(lambda: [load_model(learner, place, task=inner, trusted=trusted) for place in places])
        units = [None if state is None else Unit.restore(state) for state in described.get("units", ())]
        scores = not learner.gives_probabilities
        transforms = load_transforms(described.get("transforms", ()), folder, trusted)
        return cls(models, task, described["frames"], encoder, present, described["rounds"], units, scores, transforms)


def _of_columns(model: FoldModel, values: FloatArray, table: Any) -> FloatArray:
    """Return contributions by the table's columns, which a model of frames has, and others have of the features."""
    return values if model.frames else to_inputs(values, table.sources)


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


def _places(folder: Path, count: int) -> list[Path]:
    return [folder] if count == 1 else [folder / str(number) for number in range(count)]


def inner_task(learner: Learner, task: Task, present: IntArray | None) -> Task:
    """Return what one model of a learner is to predict, of rows in which only some classes are present."""
    if present is not None:
        return task.of_classes(present)
    return task if learner.multi_output and not task.is_multilabel else task.of_one_output
