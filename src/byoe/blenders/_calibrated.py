"""Calibrated probabilities: a blender, and a map of its probabilities learned on rows that it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender, Linear, fit_clone
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._wrapping import WrappingBlender

METHODS = ("temperature", "sigmoid", "isotonic")
SMALLEST = 1e-15


class Calibrated(WrappingBlender):
    """A blender whose probabilities are mapped to observed frequencies.

    The map is learned on cross-fitted predictions of the blender, and the blender then on all
    rows. ``temperature`` divides the logarithms of the probabilities by one number (Guo et al.,
    2017), which keeps their order; ``sigmoid`` is a logistic regression on the log-odds of every
    class (Platt, 1999); ``isotonic`` a monotone step function (Zadrozny & Elkan, 2002). With more
    than two classes the last two map each class against the rest, and scale the sum to one.

    Attributes
    ----------
    inner_ : Blender
        The fitted blender.
    weights_ : array of shape (n_members,)
        Where it is a weighting.
    """

    inner_: Blender
    needs = ("scipy",)

    def __init__(self, inner: Blender, method: str) -> None:
        super().__init__(inner)
        self.method = method

    @property
    def weights_(self) -> FloatArray:
        """The blender's weights, of shape (n_members,)."""
        return cast(FloatArray, self.inner_.weights_)  # type: ignore[attr-defined]

    @property
    def in_use(self) -> Blender:
        return Calibrated.of(self.inner_.in_use, self.calibration())

    def check(self, task: Task, n_members: int) -> None:
        if not self.gives_probabilities:
            raise ParameterError(f"calibrate needs probabilities, and blender {self.name!r} gives none")
        self.inner.check(task, n_members)

    def fit(self, oof: OOF) -> Self:
        from sklearn.model_selection import KFold

        folds: Any = oof.folds
        if not folds and len(oof.y) > 1:
            folds = KFold(min(5, len(oof.y)), shuffle=True, random_state=oof.seed).split(oof.y)
        sums, counts = np.zeros((len(oof.y), oof.task.n_classes)), np.zeros(len(oof.y))
        for train, test in folds:
            unseen = oof.rows(test)
            sums[test] += fit_clone(self.inner, oof.rows(train)).predict(unseen.predictions, unseen.X)
            counts[test] += 1
        rows = counts > 0
        weight = oof.weights
        self._map = _learn(self.method, sums[rows] / counts[rows, None], oof.y[rows], weight[rows])
        self.inner_ = fit_clone(self.inner, oof)
        return self

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        return _apply(self.method, self._map, self.inner_.predict(predictions, X))

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return self.inner_.used(n_members)

    def restricted(self, kept: NDArray[np.bool_]) -> Calibrated:
        return Calibrated.of(self.inner_.restricted(kept), self.calibration())

    def linear(self, X: Any = None) -> Linear | None:
        form: Linear | None = self.inner_.linear(X)
        return form

    def parts(self) -> list[Blender]:
        return [self.inner_]

    def of_each_target(self) -> Sequence[Blender]:
        return self.inner_.of_each_target()

    def described(self, parts: list[Any]) -> dict[str, Any]:
        return {"calibration": self.calibration(), "blender": parts[0]}

    @classmethod
    def described_parts(cls, description: Any) -> list[Any] | None:
        return [description["blender"]] if "calibration" in description else None

    @classmethod
    def restored(cls, description: Any, parts: Sequence[Blender]) -> Calibrated:
        return cls.of(parts[0], description["calibration"])

    def calibration(self) -> dict[str, Any]:
        """Return the fitted map as plain JSON values."""
        return {"method": self.method, "map": self._map}

    @classmethod
    def of(cls, inner: Blender, calibration: dict[str, Any]) -> Calibrated:
        """Return the fitted blender that these make."""
        made = cls(inner, calibration["method"])
        made.inner_, made._map = inner, calibration["map"]
        return made

    def __sklearn_clone__(self) -> Calibrated:
        from sklearn.base import clone

        return Calibrated(clone(self.inner), self.method)

    def __repr__(self) -> str:
        return f"{self.inner!r}, {self.method} calibration"


def _learn(method: str, probabilities: FloatArray, y: Any, weight: FloatArray) -> Any:
    if not len(y) or not weight.sum() > 0:
        raise ParameterError("calibrate has no row that a blender did not see; use more folds")
    if method == "temperature":
        from scipy.optimize import minimize_scalar
        from scipy.special import softmax

        logs = np.log(np.maximum(probabilities, SMALLEST))

        def loss(log_temperature: float) -> float:
            p = softmax(logs / np.exp(log_temperature), axis=1)[np.arange(len(y)), y]
            return -float(weight @ np.log(np.maximum(p, SMALLEST)))

        return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))
    columns = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    learn = _sigmoid if method == "sigmoid" else _isotonic
    return [learn(probabilities[:, k], y == k, weight) for k in columns]


def _sigmoid(p: FloatArray, hit: Any, weight: FloatArray) -> list[float]:
    from sklearn.linear_model import LogisticRegression

    used = weight > 0
    if hit[used].all() or not hit[used].any():
        return [1.0, 0.0]
    model = LogisticRegression(C=1e4, max_iter=1000).fit(_log_odds(p)[:, None], hit, sample_weight=weight)
    return [float(model.coef_[0, 0]), float(model.intercept_[0])]


def _isotonic(p: FloatArray, hit: Any, weight: FloatArray) -> list[list[float]]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0).fit(p, hit.astype(np.float64), sample_weight=weight)
    return [model.X_thresholds_.tolist(), model.y_thresholds_.tolist()]


def _apply(method: str, learned: Any, probabilities: FloatArray) -> FloatArray:
    if method == "temperature":
        from scipy.special import softmax

        return np.asarray(softmax(np.log(np.maximum(probabilities, SMALLEST)) / learned, axis=1), dtype=np.float64)
    columns = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    mapped = [_mapped(method, one, probabilities[:, k]) for k, one in zip(columns, learned, strict=True)]
    if len(mapped) == 1:
        return np.column_stack([1.0 - mapped[0], mapped[0]])
    stacked = np.column_stack(mapped)
    total = stacked.sum(axis=1, keepdims=True)
    # Where every class is mapped to zero, nothing is known but the blend.
    return np.where(total > 0, stacked / np.where(total > 0, total, 1.0), probabilities)


def _mapped(method: str, learned: Any, p: FloatArray) -> FloatArray:
    if method == "sigmoid":
        from scipy.special import expit

        slope, intercept = learned
        return np.asarray(expit(slope * _log_odds(p) + intercept), dtype=np.float64)
    return np.asarray(np.interp(p, *learned), dtype=np.float64)


def _log_odds(p: FloatArray) -> FloatArray:
    from scipy.special import logit

    return np.asarray(logit(np.clip(p, 1e-12, 1 - 1e-12)), dtype=np.float64)
