"""Metrics of rows that may have several labels at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from ..contracts._row_loss import RowLoss
from ..contracts._task import Task
from ..errors import ParameterError
from ._metrics import Metric, find_metric, scorer_of


@dataclass(frozen=True)
class LabelMetric(Metric):
    """A metric on probabilities of shape (n_rows, n_labels).

    Attributes
    ----------
    of_one_output : Metric or None
        What the blender of a label is steered by; None for the log-loss.
    """

    of_one_output: Metric | None = field(default=None, kw_only=True)

    @property
    def stop_loss(self) -> RowLoss | None:
        """What boosters stop by, each by that of its label; None where that is their own loss."""
        return None if self.of_one_output is None else self.of_one_output.stop_loss

    def of_labels(self, classes: NDArray[Any]) -> Self:
        """Return the same; only the metric of a single label has to do with what no and yes are called."""
        single = self.of_one_output
        return self if single is None else replace(self, of_one_output=single.of_labels(classes))


def find_label_metric(metric: Any, task: Task, *, probabilities: bool = True) -> LabelMetric:
    """Return the metric for several labels.

    The log-loss is the mean over the labels, and all others are scikit-learn's: an ``accuracy`` is the share of
    rows whose labels are all right, ``roc_auc`` the mean over the labels, and so on.
    """
    single = find_metric(metric, task.of_one_output, probabilities=probabilities)
    compute = _mean(single) if single.name == "log_loss" else _scored(single, scorer_of(metric, single))
    built_in = single.name in ("log_loss", "roc_auc", "accuracy")
    return LabelMetric(
        single.name,
        single.greater_is_better,
        single.needs_probabilities,
        compute,
        of_one_output=single if built_in else None,
    )


def _mean(metric: Metric) -> Callable[..., float]:
    def compute(y: Any, p: Any, _classes: Any, weight: Any) -> float:
        labels = ((own, np.column_stack([1.0 - one, one])) for own, one in zip(y.T, p.T, strict=True))
        return float(np.mean([metric.value(own, both, sample_weight=weight) for own, both in labels]))

    return compute


def _scored(metric: Metric, scorer: Any) -> Callable[..., float]:
    def compute(y: Any, p: Any, _classes: Any, weight: Any) -> float:
        weights = {} if weight is None else {"sample_weight": weight}
        try:
            return metric.score(float(scorer(_Labelled(p), np.empty((len(y), 0)), y, **weights)))
        except Exception as error:  # a callable may want what is not there, such as columns of X
            raise ParameterError(f"metric {metric.name!r} cannot score these predictions: {error}") from error

    return compute


class _Labelled(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Stands where a scorer wants a fitted classifier of several labels, and returns known probabilities."""

    def __init__(self, probabilities: Any) -> None:
        self.probabilities = probabilities
        self.classes_ = np.tile([0, 1], (probabilities.shape[1], 1))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Any:
        return (self.probabilities > 0.5).astype(np.int64)

    def predict_proba(self, X: Any) -> Any:
        return self.probabilities
