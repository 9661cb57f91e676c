"""What a blender is, and what it learns from. The engine knows nothing else about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, PluginError
from ._parameters import Parameters
from ._row_loss import LogLoss, RowLoss, SquaredError
from ._task import FloatArray, IntArray, Level, Task


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
    X : array of shape (n_rows, n_passed) or None
        Features as numbers, NaN where missing; only for a blender with ``passthrough``.
    seed : int
    folds : tuple of (train, test) pairs of row indices
        The split plan among these rows, for a blender that must choose: groups and the order
        of time hold there too. May be empty.
    metric : Metric or None
        What the ensemble is scored by; None for the squared error and the log-loss.
    groups : array of shape (n_rows,) or None
        Which rows belong together, and so err together: how certain a loss is goes by their number.
    """

    predictions: FloatArray
    y: NDArray[Any]
    task: Task
    sample_weight: FloatArray | None = None
    X: Any = None
    seed: int = 0
    folds: tuple[tuple[IntArray, IntArray], ...] = ()
    metric: Any = None
    groups: NDArray[Any] | None = None

    @property
    def weights(self) -> FloatArray:
        """The weight of every row, of shape (n_rows,); one where there are none."""
        return np.ones(len(self.y)) if self.sample_weight is None else self.sample_weight

    def rows(self, index: Any) -> OOF:
        """Return the same for some of the rows, given as distinct indices."""
        weight = None if self.sample_weight is None else self.sample_weight[index]
        features = None if self.X is None else self.X[index]
        place = np.full(len(self.y), -1)
        place[index] = np.arange(len(self.y[index]))
        inside = [tuple(place[part][place[part] >= 0] for part in fold) for fold in self.folds]
        folds = tuple((train, test) for train, test in inside if len(train) and len(test))
        groups = None if self.groups is None else self.groups[index]
        predictions, y = self.predictions[index], self.y[index]
        return OOF(predictions, y, self.task, weight, features, self.seed, folds, self.metric, groups)

    @property
    def row_loss(self) -> RowLoss | None:
        """The loss of which the metric is the mean over rows, up to a map that keeps the order; None without one."""
        if self.metric is None:
            return self._usual
        return getattr(self.metric, "row_loss", None)

    @property
    def suited(self) -> NDArray[np.bool_]:
        """Which members have a convex blend that stays where the metric is defined; all of them, where none has.

        A member that predicts zero for a Poisson deviance is of use beside others; one that predicts less is not.
        """
        everyone = np.ones(self.predictions.shape[1], dtype=bool)
        if self.row_loss is None or self.row_loss.lowest == -np.inf:
            return everyone
        known, lowest = self.predictions[self.weights > 0], self.row_loss.lowest
        suited: NDArray[np.bool_] = np.all(known >= lowest, axis=0)
        return suited if np.any(known[:, suited] > lowest, axis=1).all() else everyone

    @property
    def _usual(self) -> RowLoss:
        return LogLoss() if self.task.is_classification else SquaredError()

    def loss(self, prediction: FloatArray) -> float:
        """Return how bad a blended prediction of these rows is by the metric; smaller is better.

        It is infinite for predictions that the metric does not suit, such as negative ones for a Poisson deviance.
        """
        if self.row_loss is not None:
            return float(np.average(self.row_losses(prediction), weights=self.sample_weight))
        classes = np.arange(self.task.n_classes) if self.task.is_classification else None
        try:
            value = self.metric.value(self.y, prediction, classes=classes, sample_weight=self.sample_weight)
        except ParameterError:
            return float("inf")
        return float("inf") if np.isnan(value) else -float(self.metric.score(value))

    def row_losses(self, prediction: FloatArray) -> FloatArray:
        """Return the loss of every row, of shape (n_rows,): that of the metric where it has one, else a usual one.

        The usual one is the squared error, and for classes the negative logarithm of the true class's probability.
        """
        return (self.row_loss or self._usual)(self.y, prediction)


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
    plain JSON, so that a saved ensemble needs no pickle. ``to_onnx``, of `BlenderToOnnx`, is
    optional, and found by its presence.

    Attributes
    ----------
    name : str
        The registered name; set by the registry.
    tasks : frozenset of {"regression", "classification"}
    weights : {"exact", "approximate", "none"}
        How sample weights are used. With ``"exact"`` a row of weight two is the same as that
        row twice, up to rounding.
    defaults : mapping of str to object
        The parameters and their defaults.
    gives_probabilities : bool
        False for a blender that only votes for a class.
    takes_scores : bool
        Whether a member may give decision values instead of probabilities.
    convex : bool
        Whether every prediction lies between those of the members, and ``weights_``, where
        there are any, are non-negative and sum to one.
    lean : bool
        Whether it is restored, and blends, without scikit-learn and pandas.
    needs : tuple of str
        Distributions that must be installed where it blends, beyond those of its own package.
    weights_ : array of shape (n_members,)
        Only on a fitted blender that is a weighting.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    weights: Level = "none"
    convex: bool = False
    lean: bool = False
    needs: ClassVar[tuple[str, ...]] = ()
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
    def takes_scores(self) -> bool:
        return False

    @property
    def in_use(self) -> Blender:
        """The fitted blender that predicts: itself, or the one that it chose."""
        return self

    @property
    def passthrough(self) -> Any:
        """Whether the blender wants the features beside the predictions: False, True or a list of columns."""
        return False

    def goes_by(self, loss: RowLoss) -> bool:
        """Return False for a loss of the metric that is at its least elsewhere than the one that is minimised."""
        return True

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

    def used(self, n_members: int) -> NDArray[np.bool_]:
        """Return which members the fitted blend depends on, of shape (n_members,); all unless it can tell.

        The others are not asked for predictions; their columns then hold zeros.
        """
        return np.ones(n_members, dtype=bool)

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        """Return the fitted blender of some of the members, which are all that it uses, predicting the same.

        To be written with ``used``.
        """
        raise TypeError(f"{type(self).__name__} does not define restricted")

    def parts(self) -> Sequence[Blender]:
        """Return the fitted blenders that do the blending for this one; none for most."""
        return ()

    def choose(self, blended: FloatArray) -> IntArray:
        """Return the codes of the classes that are predicted, from a blend of shape (n_rows, n_classes)."""
        return np.asarray(blended.argmax(axis=1), dtype=np.int64)

    def of_each_target(self) -> Sequence[Blender]:
        """Return the fitted blenders of the single targets: itself, where it blends one."""
        return [self]

    def skops_files(self) -> Sequence[bytes]:
        """Return the files of skops that ``state`` holds, whose types are looked at before a bundle is written."""
        return ()

    def state(self) -> dict[str, Any]:
        """Return the fitted state as plain JSON values."""
        raise TypeError(f"{type(self).__name__} does not define state")

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        """Take back what ``state`` returned."""
        raise TypeError(f"{type(self).__name__} does not define restore")


def fit_clone(blender: Blender, oof: OOF) -> Blender:
    """Return a blender of the same kind, fitted; a PluginError where ``fit`` returns something else."""
    from sklearn.base import clone

    made = clone(blender).fit(oof)
    if not isinstance(made, Blender):
        what = "None" if made is None else f"a {type(made).__name__}"
        raise PluginError(
            f"{type(blender).__name__}.fit returned {what}, expected the fitted blender; end it with return self"
        )
    return made
