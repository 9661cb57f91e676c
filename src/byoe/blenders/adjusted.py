"""Convex weights whose blend is scaled and moved as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from ..contracts._blender import OOF, Linear
from ..contracts._row_loss import RowLoss
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._calibrated import SMALLEST
from ._weighting import Weighting


class Adjusted(Weighting):
    """Convex weights as those of ``weighted``, whose blend is then adjusted by a few numbers.

    Members that are averaged over folds, or that stop early, are biased alike: their blend is too near to the mean, or
    not sure enough. Convex weights cannot mend that, and the free coefficients of ``meta-linear`` follow few rows
    too closely. Here the members share what is learned:

    - regression: a slope and an intercept, by least squares; where the metric is a pinball loss, or the absolute or
      percentage error, by a quantile regression.
    - classes: the logarithms of the blended probabilities are multiplied by a slope, the inverse of a temperature
      (Guo et al., 2017), and every class has an offset: a logistic regression on one logit for each class.

    A penalty pulls towards the blend as it is.

    Parameters
    ----------
    pull : float, default=30.0
        That of ``weighted``.
    alpha : float, default=1.0
        Strength of the penalty: of as many rows as the target's own variance for regression; of the
        squared distances of slope and offsets, halved, for classes.

    Attributes
    ----------
    weights_ : array of shape (n_members,)
        Non-negative, summing to one; of the blend before it is adjusted.
    slope_ : float
    offsets_ : array of shape (1,) or (n_classes,)
        In regression the intercept.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> p = np.arange(100.0)
    >>> oof = OOF(np.column_stack([p, p]), 2 * p + 1, Task("regression"))
    >>> fitted = blender("adjusted", alpha=0).fit(oof)
    >>> fitted.weights_, round(fitted.slope_, 6), fitted.offsets_.round(6)
    (array([0.5, 0.5]), 2.0, array([1.]))
    """

    convex = False
    needs = ("scipy",)
    defaults = {"pull": 30.0, "alpha": 1.0}
    slope_: float
    offsets_: FloatArray

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        for name, value in self.get_params().items():
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < np.inf:
                raise ParameterError(f"adjusted: {name} is {value!r}, expected a number that is not negative")

    def goes_by(self, loss: RowLoss) -> bool:
        return loss.of_mean or loss.level is not None

    def fit(self, oof: OOF) -> Self:
        from ._learned_weights import learned_weights

        self.check(oof.task, oof.predictions.shape[1])
        if not oof.weights.sum() > 0:
            raise ParameterError("adjusted cannot learn from rows whose sample weights are all zero")
        params = self.get_params()
        self.weights_ = learned_weights(oof, float(params["pull"]))
        adjust = _of_classes if oof.task.is_classification else _of_numbers
        self.slope_, self.offsets_ = adjust(super().predict(oof.predictions), oof, float(params["alpha"]))
        return self

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        blend = super().predict(predictions)
        if blend.ndim == 1:
            return np.asarray(self.offsets_[0] + self.slope_ * blend, dtype=np.float64)
        from scipy.special import softmax

        logs = np.log(np.maximum(blend, SMALLEST))
        return np.asarray(softmax(self.slope_ * logs + self.offsets_, axis=1), dtype=np.float64)

    def linear(self, X: Any = None) -> Linear | None:
        if len(self.offsets_) > 1:  # of log-probabilities
            return None
        return Linear(self.slope_ * self.weights_, float(self.offsets_[0]))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "slope": self.slope_, "offsets": self.offsets_.tolist()}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        super().restore(state, trusted=trusted)
        self.slope_ = float(state["slope"])
        self.offsets_ = np.asarray(state["offsets"], dtype=np.float64)
        return self


def _of_numbers(blend: FloatArray, oof: OOF, alpha: float) -> tuple[float, FloatArray]:
    """Return slope and intercept, pulled towards one and what goes with it."""
    from . import _quantile, _ridge

    weight, loss = oof.weights, oof.row_loss
    center = np.average(blend, weights=weight)
    away = oof.y - np.average(oof.y, weights=weight)
    largest = float(np.abs(away[weight > 0]).max()) or 1.0  # whose square may be beyond all numbers
    scale = largest * (float(np.sqrt(np.average((away / largest) ** 2, weights=weight))) or 1.0)
    # What is left of the target; a slope of zero leaves the blend as it is.
    X, rest, free = (blend - center)[:, None] / scale, (oof.y - blend) / scale, np.array([-np.inf])
    if not np.ptp(blend[weight > 0]) > 0:
        X = np.zeros_like(X)
    if loss is not None and loss.level is not None:
        slope, intercept = _quantile.fit(X, rest, weight / loss.unit(oof.y / scale), alpha, free, loss.level)
    else:
        slope, intercept = _ridge.fit(X, rest, weight, alpha, free)
    more = float(slope[0])
    return 1.0 + more, np.array([intercept * scale - more * center])


def _of_classes(blend: FloatArray, oof: OOF, alpha: float) -> tuple[float, FloatArray]:
    """Return the slope of the logarithms, and the offset of each class."""
    from . import _pool

    logs = np.log(np.maximum(blend, SMALLEST))[:, None, :]
    nothing = np.empty((len(blend), 0))
    powers, offsets, _ = _pool.fit(logs, oof.y, oof.weights, nothing, alpha, positive=True)
    return float(powers[0]), offsets
