"""What a learner and a blender are. The engine knows nothing else about either."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import ParameterError, UnknownNameError, did_you_mean

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The names under which the libraries know one and the same parameter.
SHARED_NAMES: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("eta",),
    "max_depth": ("depth",),
    "n_rounds": ("num_round", "num_boost_round", "num_iterations", "iterations", "n_estimators", "max_iter"),
    "subsample": ("bagging_fraction",),
    "colsample": ("colsample_bytree", "feature_fraction", "rsm"),
    "l2": ("reg_lambda", "lambda", "lambda_l2", "l2_leaf_reg", "l2_regularization"),
}
# Metrics that order predictions as the mean of ``OOF.row_losses`` does.
_MEANS_OF_ROWS = frozenset({"rmse", "mse", "mae", "log_loss", "accuracy"})
_SHARED_OF = {same: name for name, synonyms in SHARED_NAMES.items() for same in (name, *synonyms)}


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    kind : {"regression", "classification"}
    n_classes : int
        Number of classes; 0 for regression.
    """

    kind: Literal["regression", "classification"]
    n_classes: int = 0

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    def check(self, prediction: Any, n_rows: int, who: str) -> FloatArray:
        """Return a learner's or blender's prediction as float64, or say what is wrong with it."""
        values = np.asarray(prediction, dtype=np.float64)
        expected = (n_rows, self.n_classes) if self.is_classification else (n_rows,)
        if values.shape != expected:
            raise ValueError(f"{who} returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{who} returned {np.sum(~np.isfinite(values))} values that are not finite")
        return values


@runtime_checkable
class Model(Protocol):
    """A fitted model of one member on one fold."""

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Predict shape (n_rows,) for regression, probabilities (n_rows, n_classes) for classes."""
        ...

    def save(self, folder: Path) -> None:
        """Write native files into an existing, empty folder."""
        ...


class Parameters:
    """Keyword parameters with scikit-learn's ``get_params`` and ``set_params``."""

    name: str = ""

    def __init__(self, **params: Any) -> None:
        self._given = dict(params)

    def parameter_names(self) -> frozenset[str] | None:
        """Return the names that are accepted, or None when any name is."""
        return None

    def own_name(self, name: str) -> str:
        """Return the library's own name of a parameter that may be given under another."""
        return name

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters that were given; the rest are the library's defaults."""
        return dict(self._given)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a name that is not known is an error."""
        self.check_names(params)
        for key, value in params.items():
            for same in [given for given in self._given if self.own_name(given) == self.own_name(key)]:
                del self._given[same]
            self._given[key] = value
        return self

    def check_names(self, names: Any) -> None:
        """Raise for a parameter that is not known, or that is given under two names."""
        known = self.parameter_names()
        seen: dict[str, str] = {}
        for key in names:
            own = self.own_name(key)
            if known is not None and own not in known:
                raise UnknownNameError(
                    f"{self.name or type(self).__name__} has no parameter {key!r}. {did_you_mean(key, known)}"
                )
            if own in seen:
                raise ParameterError(
                    f"{self.name or type(self).__name__}: {seen[own]!r} and {key!r} are the same "
                    f"parameter ({own!r}); give one of them"
                )
            seen[own] = key

    def own_params(self) -> dict[str, Any]:
        """Return the given parameters under the library's own names, checked."""
        self.check_names(self._given)
        return {self.own_name(key): value for key, value in self._given.items()}

    def __sklearn_clone__(self) -> Self:
        from sklearn.base import clone

        twin = copy.copy(self)
        twin._given = {key: clone(value, safe=False) for key, value in self._given.items()}
        for fitted in [key for key in vars(twin) if key.endswith("_") and not key.startswith("_")]:
            delattr(twin, fitted)
        return twin

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self._given.items())
        return f"{type(self).__name__}({given})"


class Learner(Parameters):
    """A recipe for one kind of base model.

    A subclass sets the class attributes and writes ``fit`` and ``load``; what it does not
    declare is taken as not supported.

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
        Whether NaN is handled.
    frames : bool
        Whether the learner wants the rows in the container that the user passed (a frame
        stays a frame) instead of a float64 array.
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
    frames: bool = False
    shared: ClassVar[Mapping[str, str]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def label(self) -> str:
        """The default label of a member made of this learner."""
        return (self.name or type(self).__name__.lower()).replace("-", "_")

    def shared_name(self, name: str) -> str | None:
        """Return the own parameter that a shared name stands for, or None."""
        return self.shared.get(_SHARED_OF.get(name, name))

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
            NaN marks a missing value. A frame where ``frames`` is true and the user gave one.
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
        Only rows that have an out-of-fold prediction of every member.
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

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain JSON values."""
        raise TypeError(f"{type(self).__name__} does not define state")

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        """Take back what ``state`` returned."""
        raise TypeError(f"{type(self).__name__} does not define restore")
