"""What a learner and a blender are. The engine knows nothing else about either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ._parameters import SHARED_OF, Parameters
from .errors import ParameterError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Metrics that order predictions as the mean of ``OOF.row_losses`` does.
_MEANS_OF_ROWS = frozenset({"rmse", "mse", "mae", "log_loss", "accuracy"})


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    kind : {"regression", "classification"}
    n_classes : int
        Number of classes; 0 for regression.
    n_outputs : int
        Number of targets; 1 for classification.
    """

    kind: Literal["regression", "classification"]
    n_classes: int = 0
    n_outputs: int = 1

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def width(self) -> tuple[int, ...]:
        """The shape of one row's prediction: ``()``, ``(n_outputs,)`` or ``(n_classes,)``."""
        if self.is_classification:
            return (self.n_classes,)
        return () if self.n_outputs == 1 else (self.n_outputs,)

    def check(self, prediction: Any, n_rows: int, who: str) -> FloatArray:
        """Return a learner's or blender's prediction as float64, or say what is wrong with it."""
        values = np.asarray(prediction, dtype=np.float64)
        expected = (n_rows, *self.width)
        if values.shape != expected:
            raise ValueError(f"{who} returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{who} returned {np.sum(~np.isfinite(values))} values that are not finite")
        return values


@dataclass(frozen=True)
class StopRows:
    """Rows inside a training part on which a learner may watch its loss and stop early.

    Attributes
    ----------
    X : array of shape (n_rows, n_features)
    y : array of shape (n_rows,)
    sample_weight : array of shape (n_rows,) or None
    patience : int
        Rounds without a better loss after which to stop.
    """

    X: Any
    y: NDArray[Any]
    sample_weight: FloatArray | None
    patience: int


@runtime_checkable
class Model(Protocol):
    """A fitted model of one member on one fold.

    Two more methods are optional, and found by their presence: ``contributions``, of
    `Explains`; and ``importances()``, which returns a non-negative number for every column,
    of shape (n_columns,), or None where this model has none.
    """

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Predict shape (n_rows,) for regression, probabilities (n_rows, n_classes) for classes.

        Where the learner declares ``multi_output``, (n_rows, n_outputs) for several targets.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write native files into an existing, empty folder."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A model that can tell what each column adds to a prediction."""

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Return one contribution for every column, and last the base value.

        Their sum is the prediction: shape (n_rows, n_columns + 1), or
        (n_rows, n_outputs, n_columns + 1) where the learner declares ``multi_output``. For two
        classes it is the log-odds of the second one; for more the shape is
        (n_rows, n_classes, n_columns + 1), and the softmax of the sums are the probabilities.
        A ParameterError gives the reason why a model has no such contributions. The sums are
        checked; a model that computes in float32 has a true attribute ``single_precision``.
        """
        ...


class Learner(Parameters):
    """A recipe for one kind of base model.

    A subclass sets the class attributes and writes ``fit`` and ``load``; what it does not
    declare is taken as not supported, and done for it where that is possible: categories are
    encoded, missing cells filled and columns scaled by statistics of the training rows.

    Attributes
    ----------
    name : str
        The registered name; set by the registry.
    tasks : frozenset of {"regression", "classification"}
    finalize : {"bag", "refit"}
        How ``finalize="auto"`` makes the served model: bagging pays for trees, a refit for
        linear and distance models.
    weights : bool
        Whether ``sample_weight`` is used.
    missing : bool
        Whether NaN is handled; otherwise missing cells get the column's median.
    categorical : bool
        Whether ``fit`` takes ``categorical=``, a mapping from the columns that hold codes of
        categories to their number of categories. Otherwise categories are one-hot or target
        encoded.
    scaled : bool
        Whether columns are to be standardised.
    sparse : bool
        Whether a SciPy CSR matrix is taken.
    multi_output : bool
        Whether a target of shape (n_rows, n_outputs) is taken; otherwise one model is fitted
        for each output.
    stops : bool
        Whether ``fit`` takes ``stop=``, a `StopRows` or None, and ``rounds=``, the number of
        rounds to train or None; its models then tell their ``rounds``.
    frames : bool
        Whether the learner wants the rows in the container that the user passed (a frame
        stays a frame) instead of a float64 array.
    encoded : bool
        With ``frames``, whether categories and missing cells that it does not take may be
        encoded, so that it gets an array.
    shared : mapping of str to str
        Shared name -> own parameter, for the names of ``SHARED_NAMES`` (or further ones) that
        reach this learner from outside: ``learning_rate``, ``max_depth``, ``n_rounds``, … and
        all their synonyms.
    aliases : mapping of str to str
        Other names that a member's own parameters go by, mapped to the library's own.
    needs : tuple of str
        Distributions that a job must install to use the learner.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    finalize: Literal["bag", "refit"] = "refit"
    weights: bool = False
    missing: bool = False
    categorical: bool = False
    scaled: bool = False
    sparse: bool = False
    multi_output: bool = False
    stops: bool = False
    frames: bool = False
    encoded: bool = True
    shared: ClassVar[Mapping[str, str]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def label(self) -> str:
        """The default label of a member made of this learner."""
        return (self.name or type(self).__name__.lower()).replace("-", "_")

    def shared_name(self, name: str) -> str | None:
        """Return the own parameter that a shared name stands for, or None."""
        return self.shared.get(SHARED_OF.get(name, name))

    def own_name(self, name: str) -> str:
        if name in self.aliases:
            return self.aliases[name]
        known = self.parameter_names()
        if known is not None and name in known:
            return name
        return self.shared_name(name) or name

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
    ) -> Model:
        """Fit one model.

        Parameters
        ----------
        X : array of shape (n_rows, n_features), float64
            NaN marks a missing value; a column of categories holds codes, and the number of
            categories stands for one that is not known. A frame where ``frames`` is true and
            the user gave one.
        y : array of shape (n_rows,)
            float64 for regression; int64 codes 0 … n_classes - 1, all present, for classes.
        task : Task
        sample_weight : array of shape (n_rows,) or None
        seed : int
            The only source of randomness that may be used.
        threads : int
            How many threads the fit may use; never more.
        """
        raise TypeError(f"{type(self).__name__} does not define fit")

    def check(self, task: Task) -> None:
        """Raise a ParameterError, before anything is fitted, for what cannot work."""
        if task.kind not in self.tasks:
            raise ParameterError(f"{self.name} does not do {task.kind}")
        self.check_names(self._given)

    @property
    def rounds_given(self) -> bool:
        """Whether the user set the number of rounds."""
        return self.shared_name("n_rounds") in self.own_params()

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether a column with so many categories, in a table of so many rows, is taken as codes."""
        return self.categorical

    def packages(self) -> frozenset[str]:
        """Return the top-level packages, beyond ``needs``, whose types a saved model holds."""
        return frozenset()

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        """Read back what ``Model.save`` wrote into the folder.

        ``trusted`` names further types that the user allows a file to hold.
        """
        raise TypeError(f"{type(self).__name__} does not define load")


@dataclass(frozen=True)
class OOF:
    """What a blender learns from: out-of-fold predictions and the targets of the same rows.

    Attributes
    ----------
    predictions : array of shape (n_rows, n_members) or (n_rows, n_members, n_classes)
        One target at a time. Only rows that have an out-of-fold prediction of every member.
    y : array of shape (n_rows,)
        float64, or int64 class codes.
    task : Task
    sample_weight : array of shape (n_rows,) or None
    X : array of shape (n_rows, n_features) or None
        The features, only for a blender with ``passthrough``.
    seed : int
    folds : tuple of (train, test) pairs of row indices
        The split plan among these rows, for a blender that must choose: groups and the order
        of time hold there too. May be empty.
    metric : Metric or None
        What the ensemble is scored by; None for the squared error and the log-loss.
    """

    predictions: FloatArray
    y: NDArray[Any]
    task: Task
    sample_weight: FloatArray | None = None
    X: Any = None
    seed: int = 0
    folds: tuple[tuple[IntArray, IntArray], ...] = ()
    metric: Any = None

    def rows(self, index: Any) -> OOF:
        """Return the same for some of the rows, given as distinct indices."""
        weight = None if self.sample_weight is None else self.sample_weight[index]
        features = None if self.X is None else self.X[index]
        place = np.full(len(self.y), -1)
        place[index] = np.arange(len(self.y[index]))
        inside = [tuple(place[part][place[part] >= 0] for part in fold) for fold in self.folds]
        folds = tuple((train, test) for train, test in inside if len(train) and len(test))
        return OOF(self.predictions[index], self.y[index], self.task, weight, features, self.seed, folds, self.metric)

    def loss(self, prediction: FloatArray) -> float:
        """Return how bad a blended prediction of these rows is; smaller is better."""
        if self.metric is None or self.metric.name in _MEANS_OF_ROWS:
            return float(np.average(self.row_losses(prediction), weights=self.sample_weight))
        classes = np.arange(self.task.n_classes) if self.task.is_classification else None
        value = self.metric.value(self.y, prediction, classes=classes, sample_weight=self.sample_weight)
        return -float(self.metric.score(value))

    def row_losses(self, prediction: FloatArray) -> FloatArray:
        """Return the loss of every row: that of the metric where it has one, else a usual one.

        The absolute error for ``mae``, wrong or right for ``accuracy``; otherwise the squared
        error, and for classes the negative logarithm of the true class's probability.
        """
        kind = getattr(self.metric, "name", "")
        if self.task.is_classification:
            if kind == "accuracy":
                return np.asarray(prediction.argmax(axis=1) != self.y, dtype=np.float64)
            true_class = prediction[np.arange(len(self.y)), self.y]
            return np.asarray(-np.log(np.maximum(true_class, 1e-15)), dtype=np.float64)
        error = prediction - self.y
        return np.asarray(np.abs(error) if kind == "mae" else error**2, dtype=np.float64)


@dataclass(frozen=True)
class Linear:
    """A blend that equals ``predictions @ weights + intercept + features.sum(axis=1)``.

    Attributes
    ----------
    weights : array of shape (n_members,)
    intercept : float
    features : array of shape (n_rows, n_features) or None
        What the features add themselves, for a blender with ``passthrough``.
    """

    weights: FloatArray
    intercept: float = 0.0
    features: FloatArray | None = None


class Blender(Parameters):
    """What turns the members' predictions into one.

    A subclass writes ``fit``, ``predict``, ``state`` and ``restore``. Its fitted state is
    plain JSON, so that a saved ensemble needs no pickle.

    Attributes
    ----------
    name : str
        The registered name; set by the registry.
    tasks : frozenset of {"regression", "classification"}
    weights : bool
        Whether sample weights can be given.
    defaults : mapping of str to object
        The parameters and their defaults.
    gives_probabilities : bool
        False for a blender that only votes for a class.
    weights_ : array of shape (n_members,)
        Only on a fitted blender that is a weighting.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    weights: bool = True
    defaults: ClassVar[Mapping[str, Any]] = {}

    def parameter_names(self) -> frozenset[str] | None:
        return frozenset(self.defaults)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters."""
        return {**self.defaults, **self._given}

    @property
    def gives_probabilities(self) -> bool:
        return True

    @property
    def in_use(self) -> Blender:
        """The fitted blender that predicts: itself, or the one that it chose."""
        return self

    @property
    def passthrough(self) -> bool:
        """Whether the blender wants the features beside the predictions."""
        return False

    def check(self, task: Task, n_members: int) -> None:
        """Raise a ParameterError, before anything is fitted, for what cannot work."""
        if task.kind not in self.tasks:
            raise ParameterError(f"blender {self.name!r} does not do {task.kind}")
        self.check_names(self._given)

    def fit(self, oof: OOF) -> Self:
        """Learn from out-of-fold predictions."""
        raise TypeError(f"{type(self).__name__} does not define fit")

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        """Blend predictions of shape (n_rows, n_members[, n_classes]).

        Returns
        -------
        array of shape (n_rows,), or (n_rows, n_classes) for classification
        """
        raise TypeError(f"{type(self).__name__} does not define predict")

    def linear(self, X: Any = None) -> Linear | None:
        """Return the fitted blend in its linear form, or None where it has none."""
        return None

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain JSON values."""
        raise TypeError(f"{type(self).__name__} does not define state")

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        """Take back what ``state`` returned."""
        raise TypeError(f"{type(self).__name__} does not define restore")
