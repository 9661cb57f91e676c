"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .._contracts import Task
from .._estimators import EstimatorLearner


class HistGradientBoosting(EstimatorLearner):
    """Histogram gradient boosting; takes the parameters of scikit-learn's.

    scikit-learn's own early stopping is off unless ``early_stopping`` is given.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("hist_gradient_boosting", max_iter=200)
    HistGradientBoosting(max_iter=200)
    """

    finalize = "bag"
    missing = True
    shared = {
        "learning_rate": "learning_rate",
        "max_depth": "max_depth",
        "n_rounds": "max_iter",
        "l2": "l2_regularization",
    }

    def parameter_names(self) -> frozenset[str]:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        both = {*HistGradientBoostingRegressor().get_params(), *HistGradientBoostingClassifier().get_params()}
        return frozenset(both - {"warm_start", "verbose", "categorical_features"})

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if task.is_classification else HistGradientBoostingRegressor
        return kind(**{"early_stopping": False, **self.own_params()})
