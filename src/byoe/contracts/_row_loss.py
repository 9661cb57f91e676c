"""What a single row costs: the losses of which a metric is the mean, up to a map that keeps the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ._task import FloatArray
from ._unit import Unit

SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class RowLoss:
    """The loss of a row.

    Attributes
    ----------
    convex : bool
        Whether it is convex in the prediction, and `slope` is there.
    of_mean : bool
        Whether the expectation of the target is the prediction that minimises it.
    level : float or None
        The quantile of the target, of rows weighted by the inverse of `unit`, that minimises it instead.
    lowest : float
        What a prediction must be above.
    watched : bool
        Whether boosters stop by it, rather than by their own loss.
    of_true_class : bool
        Whether it looks at the probability of the true class alone.
    in_any_unit : bool
        Whether it orders predictions alike in whatever unit target and predictions come.
    """

    convex: ClassVar[bool] = False
    of_mean: ClassVar[bool] = True
    level: ClassVar[float | None] = None
    lowest: ClassVar[float] = -np.inf
    watched: ClassVar[bool] = True
    of_true_class: ClassVar[bool] = False
    in_any_unit: ClassVar[bool] = False

    def of_unit(self, unit: Unit | None) -> RowLoss:
        """Return the loss for targets and predictions that come in another unit."""
        return self if unit is None or self.in_any_unit else _InUnit(self, unit)

    def __call__(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        """Return the loss of every row, of shape (n_rows,); infinite where it is not defined."""
        inside = prediction > self.lowest
        if prediction.ndim > 1 or inside.all():
            return self._losses(y, prediction)
        losses = np.full(len(y), np.inf)
        losses[inside] = self._losses(y[inside], prediction[inside])
        return losses

    def mean(self, y: NDArray[Any], prediction: FloatArray, sample_weight: FloatArray | None = None) -> float:
        """Return the weighted mean over rows; predictions that are too low count as ones a little above the bound."""
        if self.lowest > -np.inf:
            least = self.lowest + 1e-3 * max(float(np.mean(y)) - self.lowest, 1e-12)
            prediction = np.maximum(prediction, least)
        return float(np.average(self(y, prediction), weights=sample_weight))

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        raise TypeError(f"{type(self).__name__} does not define _losses")

    def unit(self, y: NDArray[Any]) -> FloatArray:
        """Return what the loss of every row is divided by, of shape (n_rows,)."""
        return np.ones(len(y))

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        """Return the derivative by the prediction, of shape (n_rows,); any of them where it jumps."""
        raise TypeError(f"{type(self).__name__} does not define slope")


@dataclass(frozen=True)
class _InUnit(RowLoss):
    """A loss of what comes in another unit than that of the target."""

    loss: RowLoss
    comes_in: Unit

    def __call__(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return self.loss(self.comes_in.back(y), self.comes_in.back(prediction))

    def mean(self, y: NDArray[Any], prediction: FloatArray, sample_weight: FloatArray | None = None) -> float:
        """Return the weighted mean over rows, of targets and predictions that are brought back."""
        return self.loss.mean(self.comes_in.back(y), self.comes_in.back(prediction), sample_weight)


class SquaredError(RowLoss):
    """The squared error, which also orders predictions as R² does."""

    convex = in_any_unit = True
    watched = False

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray((prediction - y) ** 2, dtype=np.float64)

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(2 * (prediction - y), dtype=np.float64)


@dataclass(frozen=True)
class Pinball(RowLoss):
    """The loss of a quantile (Koenker & Bassett, 1978).

    Parameters
    ----------
    level : float
        The share of rows that should be below the prediction.
    """

    level: float  # type: ignore[misc]
    convex = in_any_unit = True
    of_mean = False

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        above = y - prediction
        return np.asarray(np.maximum(self.level * above, (self.level - 1) * above), dtype=np.float64)

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray((prediction >= y) - self.level, dtype=np.float64)


class AbsoluteError(RowLoss):
    """The absolute error."""

    convex = in_any_unit = True
    of_mean = False
    level = 0.5

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(np.abs(prediction - y), dtype=np.float64)

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(np.sign(prediction - y), dtype=np.float64)


class PercentageError(AbsoluteError):
    """The absolute error in units of the target."""

    in_any_unit = False

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(super()._losses(y, prediction) / self.unit(y), dtype=np.float64)

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(super().slope(y, prediction) / self.unit(y), dtype=np.float64)

    def unit(self, y: NDArray[Any]) -> FloatArray:
        return np.asarray(np.maximum(np.abs(y), np.finfo(np.float64).eps), dtype=np.float64)


class SquaredLogError(RowLoss):
    """The squared difference of ``log(1 + y)``."""

    of_mean = False
    lowest = -1.0

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray((np.log1p(prediction) - np.log1p(y)) ** 2, dtype=np.float64)


class PoissonDeviance(RowLoss):
    """The deviance of a Poisson distribution."""

    convex = True
    lowest = 0.0

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        logs = np.log(np.where(y > 0, y, 1.0) / prediction)
        return np.asarray(2 * (np.where(y > 0, y * logs, 0.0) - y + prediction), dtype=np.float64)

    def slope(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(2 * (1 - y / prediction), dtype=np.float64)


class GammaDeviance(RowLoss):
    """The deviance of a gamma distribution."""

    lowest = 0.0

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(2 * (np.log(prediction / y) + y / prediction - 1), dtype=np.float64)


@dataclass(frozen=True)
class TweedieDeviance(RowLoss):
    """The deviance of a Tweedie distribution (Jørgensen, 1987).

    Parameters
    ----------
    power : float
        Not 0, 1 or 2, which have names of their own: normal, Poisson, gamma.
    """

    power: float
    lowest = 0.0

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        p = self.power
        own = np.maximum(y, 0.0) ** (2 - p) / ((1 - p) * (2 - p))
        blended = prediction ** (2 - p) / (2 - p) - y * prediction ** (1 - p) / (1 - p)
        return np.asarray(2 * (own + blended), dtype=np.float64)


class LogLoss(RowLoss):
    """The negative logarithm of the true class's probability."""

    convex = of_true_class = True
    watched = False

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        true_class = prediction[np.arange(len(y)), y]
        return np.asarray(-np.log(np.maximum(true_class, SMALLEST_PROBABILITY)), dtype=np.float64)


class BrierScore(RowLoss):
    """The squared distance of the probabilities from those of the true class (Brier, 1950)."""

    convex = True

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        hit = np.eye(prediction.shape[1])[y]
        return np.asarray(((prediction - hit) ** 2).sum(axis=1), dtype=np.float64)


class WrongClass(RowLoss):
    """Whether the most probable class is not the true one."""

    watched = False  # it jumps, and boosters that stop by it are too sure

    def _losses(self, y: NDArray[Any], prediction: FloatArray) -> FloatArray:
        return np.asarray(prediction.argmax(axis=1) != y, dtype=np.float64)
