"""Metrics: scikit-learn's scorers on arrays of predictions, and the names they go by in logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ..contracts._row_loss import RowLoss
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError, UnknownNameError, did_you_mean
from ..tools._warnings import warnings_filtered
from ._scorers import as_scorer, row_loss_of

# name in logs -> (scikit-learn's scorer, whether greater is better)
_SCORERS = {
    "rmse": ("neg_root_mean_squared_error", False),
    "mse": ("neg_mean_squared_error", False),
    "mae": ("neg_mean_absolute_error", False),
    "r2": ("r2", True),
    "log_loss": ("neg_log_loss", False),
    "accuracy": ("accuracy", True),
    "roc_auc": ("roc_auc", True),
}
REGRESSION = ("rmse", "mae", "r2")
CLASSIFICATION = ("log_loss", "accuracy", "roc_auc")


@dataclass(frozen=True)
class Metric:
    """A metric on a blend's or member's predictions.

    Attributes
    ----------
    name : str
        As logs and tables show it.
    greater_is_better : bool
        False for a loss, which logs show as a positive number.
    needs_probabilities : bool
    decides : bool
        Whether it is known to look at nothing but the predicted class.
    row_loss : RowLoss or None
        The loss of which the metric is the mean over rows, up to a map that keeps the order. None for one that
        is no such mean, or not known to be.
    """

    name: str
    greater_is_better: bool
    needs_probabilities: bool
    _compute: Callable[..., float]
    row_loss: RowLoss | None = None
    decides: bool = False

    def value(
        self,
        y: NDArray[Any],
        prediction: FloatArray,
        *,
        classes: NDArray[Any] | None = None,
        sample_weight: FloatArray | None = None,
    ) -> float:
        """Return the metric as logs show it: losses positive.

        Parameters
        ----------
        y : array of shape (n_rows,)
            float64, or codes of the classes.
        prediction : array of shape (n_rows,) or (n_rows, n_classes)
        classes : array of shape (n_classes,)
            Only for classes.
        sample_weight : array of shape (n_rows,)
        """
        return float(self._compute(y, prediction, classes, sample_weight))

    def score(self, value: float) -> float:
        """Return a shown value in scikit-learn's sign: greater is better."""
        return value if self.greater_is_better else -value

    @property
    def stop_loss(self) -> RowLoss | None:
        """What boosters stop by; None where that is their own loss."""
        return self.row_loss if self.row_loss is not None and self.row_loss.watched else None

    def of_labels(self, classes: NDArray[Any]) -> Self:
        """Return the same for codes of classes whose labels are known, which a scorer's ``pos_label`` is one of."""
        compute = self._compute
        return replace(self, _compute=lambda y, prediction, _, weight: compute(y, prediction, classes, weight))

    def check(self, y: NDArray[Any], task: Task, sample_weight: FloatArray | None) -> None:
        """Raise a ParameterError where the metric does not suit a target, whatever is predicted."""
        prediction: FloatArray = np.abs(y) + 1.0
        if task.is_classification:
            hit = y if y.ndim > 1 else np.eye(task.n_classes)[y]
            prediction = 0.9 * hit + 0.1 / task.n_classes
        classes = np.arange(task.n_classes) if task.is_classification else None
        try:
            with warnings_filtered(("ignore",)):
                self.value(y, prediction, classes=classes, sample_weight=sample_weight)
        except ParameterError as error:
            raise ParameterError(str(error).replace("these predictions", "this target", 1)) from error


def find_metric(metric: Any, task: Task, *, probabilities: bool = True) -> Metric:
    """Return the metric for ``metric="auto"``, a name, a scorer's name or a scorer."""
    if isinstance(metric, str):
        if metric == "auto":
            metric = "rmse" if not task.is_classification else "log_loss" if probabilities else "accuracy"
        by_scorer = {scorer: name for name, (scorer, _) in _SCORERS.items()}
        name = by_scorer.get(metric, metric)
        if name in _SCORERS:
            if name not in (CLASSIFICATION if task.is_classification else (*REGRESSION, "mse")):
                raise UnknownNameError(f"metric {metric!r} does not fit a {task.kind} ensemble")
            scorer, greater = _SCORERS[name]
            row_loss = row_loss_of(metrics.get_scorer(scorer), classification=task.is_classification)
            proba, decides = name in ("log_loss", "roc_auc"), name == "accuracy"
            return Metric(name, greater, proba, _BUILT_IN[name], row_loss, decides)
        if metric not in metrics.get_scorer_names():
            fitting = CLASSIFICATION if task.is_classification else (*REGRESSION, "mse")
            raise UnknownNameError(
                f"No metric is called {metric!r}. {did_you_mean(metric, fitting)} Or any of scikit-learn's scorers: "
                "sklearn.metrics.get_scorer_names()"
            )
        scorer = metrics.get_scorer(metric)
        return _from_scorer(metric.removeprefix("neg_"), scorer, task)
    scorer = as_scorer(metric)
    name = getattr(getattr(scorer, "_score_func", scorer), "__name__", type(scorer).__name__)
    return _from_scorer(name.strip("<>"), scorer, task)


def scorer_of(metric: Any, found: Metric) -> Any:
    """Return scikit-learn's scorer of a metric that was found."""
    if found.name in _SCORERS:
        return metrics.get_scorer(_SCORERS[found.name][0])
    return metrics.get_scorer(metric) if isinstance(metric, str) else as_scorer(metric)


def _from_scorer(name: str, scorer: Any, task: Task) -> Metric:
    greater = getattr(scorer, "_sign", 1) > 0
    sign = 1.0 if greater else -1.0
    proba = "predict_proba" in str(getattr(scorer, "_response_method", ""))

    def compute(y: Any, prediction: Any, classes: Any, weight: Any) -> float:
        known = _Classified(prediction, classes) if classes is not None else _Predicted(prediction)
        labels = y if classes is None else classes[y]
        weights = {} if weight is None else {"sample_weight": weight}
        try:
            return sign * float(scorer(known, np.empty((len(y), 0)), labels, **weights))
        except Exception as error:
            if weight is not None and "sample_weight" in str(error) and isinstance(error, TypeError):
                raise ParameterError(
                    f"metric {name!r} takes no sample_weight, and this fit has one: give a metric that does, or leave "
                    "the weights out"
                ) from error
            # A callable may want what is not there, such as columns of X.
            kind = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: "
            raise ParameterError(f"metric {name!r} cannot score these predictions: {kind}{error}") from error

    decides = task.is_classification and getattr(scorer, "_response_method", None) == "predict"
    row_loss = row_loss_of(scorer, classification=task.is_classification)
    return Metric(name, greater, proba, compute, row_loss, decides)


class _Predicted(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Stands where a scorer wants a fitted estimator, and returns known predictions."""

    def __init__(self, prediction: Any) -> None:
        self.prediction = prediction

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Any:
        return self.prediction


class _Classified(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    def __init__(self, prediction: Any, classes: Any) -> None:
        self.prediction = prediction
        self.classes = classes
        self.classes_ = classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Any:
        return self.classes[self.prediction.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        return self.prediction


def _rmse(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.root_mean_squared_error(y, p, sample_weight=weight))


def _mse(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.mean_squared_error(y, p, sample_weight=weight))


def _mae(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.mean_absolute_error(y, p, sample_weight=weight))


def _r2(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.r2_score(y, p, sample_weight=weight)) if len(y) > 1 else float("nan")


def _log_loss(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.log_loss(y, p, labels=np.arange(p.shape[1]), sample_weight=weight))


def _accuracy(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    return float(metrics.accuracy_score(y, p.argmax(axis=1), sample_weight=weight))


def _roc_auc(y: Any, p: Any, _classes: Any, weight: Any) -> float:
    if len(np.unique(y)) < p.shape[1]:
        return float("nan")  # not defined while a class is absent
    if p.shape[1] == 2:
        return _area(y, p[:, 1], np.ones(len(y)) if weight is None else weight)
    return float(metrics.roc_auc_score(y, p, multi_class="ovr", sample_weight=weight))


def _area(y: Any, p: Any, weight: Any) -> float:
    """Return the share of pairs in the right order, ties half; a blender asks too often for scikit-learn's checks."""
    _, level = np.unique(p, return_inverse=True)
    hits, misses = np.bincount(level, weight * (y == 1)), np.bincount(level, weight * (y != 1))
    pairs = hits.sum() * misses.sum()
    return float(hits @ (np.cumsum(misses) - misses / 2) / pairs) if pairs > 0 else float("nan")


_BUILT_IN: dict[str, Callable[..., float]] = {
    "rmse": _rmse,
    "mse": _mse,
    "mae": _mae,
    "r2": _r2,
    "log_loss": _log_loss,
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
}
