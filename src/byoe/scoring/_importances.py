"""How much worse a blend predicts where the cells of one column are shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..contracts._task import FloatArray
from ..data._mixed_rows import mixed
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._explanation import Importances, names_of
from ..fitted._predicting import Predicting
from ._metrics import Metric
from ._threshold import as_served


def importances(
    ensemble: Predicting, table: Table, y: NDArray[Any], weight: FloatArray | None, metric: Metric, n_repeats: Any
) -> Importances:
    """Return how much worse the metric gets by column, and the spread over the repeats.

    Parameters
    ----------
    ensemble : Predicting
    table : Table
    y : array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or codes of the classes.
    weight : array of shape (n_rows,) or None
    metric : Metric
    n_repeats : int
    """
    from sklearn.inspection import permutation_importance

    if isinstance(n_repeats, bool) or not isinstance(n_repeats, (int, np.integer)) or n_repeats < 1:
        raise ParameterError(f"n_repeats is {n_repeats!r}, expected a positive whole number")
    if metric.needs_probabilities and not ensemble.blender_.gives_probabilities:
        raise ParameterError(f"metric {metric.name!r} needs probabilities, and this blender votes for a class")
    frames = any(model.frames for member in ensemble.members_.values() for model in member.models)
    n_rows, n_columns = table.values.shape
    cells = np.repeat(np.arange(n_rows)[:, None], n_columns, axis=1)
    # The library shuffles which row each cell comes from, whatever container the rows are in.
    shuffled, repeats = _Shuffled(ensemble, table, metric, frames), int(n_repeats)
    found = permutation_importance(
        shuffled, cells, y, scoring=_score, n_repeats=repeats, random_state=0, sample_weight=weight
    )
    columns = names_of(ensemble._form.labels, n_columns)
    rows = [
        {"column": columns[i], "importance": float(found.importances_mean[i]), "std": float(found.importances_std[i])}
        for i in np.argsort(-found.importances_mean, kind="stable")
    ]
    return Importances(
        rows,
        [
            f"importance: how much worse {metric.name} gets where the cells of the column are shuffled",
            f"std: over {n_repeats} shuffles; a column whose importance is not well above it may not matter at all",
        ],
    )


class _Shuffled(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Stands where the library wants a fitted estimator."""

    def __init__(self, ensemble: Predicting, table: Table, metric: Metric, frames: bool) -> None:
        self.ensemble = ensemble
        self.table = table
        self.metric = metric
        self.frames = frames

    def fit(self, X: Any, y: Any) -> _Shuffled:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _score(of: _Shuffled, cells: Any, y: Any, sample_weight: Any = None) -> float:
    blended = of.ensemble._blended(mixed(of.table, cells, frames=of.frames))
    seen, classes = as_served(of.ensemble, blended, of.metric), getattr(of.ensemble, "classes_", None)
    return of.metric.score(of.metric.value(y, seen, classes=classes, sample_weight=sample_weight))
