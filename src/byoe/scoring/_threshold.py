"""The threshold of two classes: given, or found on out-of-fold rows by a metric of the predicted classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, IntArray, Task
from ..errors import ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._threshold import as_votes, decided, labelled
from ..tools._warnings import warnings_filtered
from ._metrics import Metric, find_metric

# Of so many quantiles of the probabilities, of all rows and of those of the second class, thresholds are tried.
_QUANTILES = 100
_MIDDLE = 0.5


def check_threshold(given: Any, task: Task, blender: Blender) -> float | Metric | None:
    """Return what ``threshold`` means: a number, a metric to find it by, or None for the most probable class.

    Raises
    ------
    ParameterError
        When it is neither, or there are not two classes, or no probabilities.
    """
    if given is None:
        return None
    if task.is_multilabel or task.n_classes != 2:
        what = "several labels for a row" if task.is_multilabel else f"{task.n_classes} classes"
        raise ParameterError(f"threshold is {given!r}, which is for two classes, and the target has {what}")
    if not blender.gives_probabilities:
        raise ParameterError(
            f"threshold is {given!r}, which is one of probabilities, and blender {blender.name!r} gives none"
        )
    if isinstance(given, Real):
        if not 0 < float(given) < 1:  # nor a boolean
            raise ParameterError(f"threshold is {given!r}, expected a probability above 0 and below 1")
        return float(given)
    metric = find_metric(given, task)
    if not metric.decides:
        raise ParameterError(
            f"threshold is {given!r}, which looks at no predicted class, so that no threshold is better by it; give a "
            "number, 'balanced_accuracy', 'f1' or another scorer of predicted classes"
        )
    # A name means the second class where it means one; a scorer names its own.
    return metric if isinstance(given, str) or task.classes is None else metric.of_labels(task.classes)


def as_served(ensemble: Predicting, blended: FloatArray, metric: Metric) -> FloatArray:
    """Return the blend of rows as a metric looks at it: of predicted classes those by the threshold that is served."""
    return labelled(blended, ensemble._threshold if metric.decides else None)


def find_thresholds(wanted: float | Metric, oof: OutOfFold, seed: int) -> tuple[float, tuple[float, ...]]:
    """Return the threshold that is served, and for each fold the one that was found without its rows.

    Parameters
    ----------
    wanted : float or Metric
    oof : OutOfFold
        With the blend's cross-validated probabilities.
    seed : int
        Of the folds of the blend.
    """
    if not isinstance(wanted, Metric):
        return wanted, ()
    known = oof.scored & (oof.weights > 0)
    each = [best_threshold(wanted, oof, train[known[train]]) for train, _ in oof.plan.blend_folds(seed)]
    return best_threshold(wanted, oof, np.flatnonzero(known)), tuple(each)


def best_threshold(metric: Metric, oof: OutOfFold, rows: IntArray) -> float:
    """Return the threshold under which a metric is best on some rows; of equals the one nearest to one half."""
    y, probabilities = oof.y[rows], oof.blend[rows]
    weight = None if oof.weight is None else oof.weight[rows]
    if len(np.unique(y)) < 2:
        return _MIDDLE
    tried = _candidates(probabilities[:, 1], y)
    classes = np.arange(2)

    def _score(threshold: float) -> float:
        votes = as_votes(decided(probabilities, threshold))
        return metric.score(metric.value(y, votes, classes=classes, sample_weight=weight))

    with warnings_filtered(("ignore", "", UndefinedMetricWarning)):
        scores = np.array([_score(threshold) for threshold in tried])
    return float(tried[np.flatnonzero(scores == np.nanmax(scores))[0]]) if np.isfinite(scores).any() else _MIDDLE


def _candidates(p: FloatArray, y: NDArray[Any]) -> FloatArray:
    """Return thresholds between neighbouring probabilities, the nearest to one half first."""
    shares = np.linspace(0.0, 1.0, _QUANTILES + 1)
    levels = np.unique(p)
    between = (levels[1:] + levels[:-1]) / 2
    if len(between) > 2 * _QUANTILES:
        near = np.concatenate([np.quantile(p, shares), np.quantile(p[y == 1], shares)])
        between = np.unique(between[np.minimum(np.searchsorted(between, near), len(between) - 1)])
    inside = between[(between > 0) & (between < 1)]
    candidates = np.append(inside, _MIDDLE)
    return np.asarray(candidates[np.argsort(np.abs(candidates - _MIDDLE), kind="stable")])
