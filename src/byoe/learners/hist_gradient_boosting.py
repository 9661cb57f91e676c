"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import cut_short, rounds_in_time
from ..contracts._learner import Model, StopRows
from ..contracts._task import FloatArray, Task
from ..contracts._unit import Unit
from ..tools._estimators import set_seed
from ._boosting import CATEGORIES, check_few_classes, guess_seconds, take_rounds, watched_loss, with_larger_steps
from ._estimator import EstimatorLearner, EstimatorModel
from ._units import changed, converted

_MOST_CATEGORIES = 250
_FEWEST_ROWS_EACH = 25
# Of losses that mean the same in any unit: what they, and the tolerance, are powers of.
_POWERS = {"squared_error": 2, "absolute_error": 1, "quantile": 1}


class HistGradientBoosting(EstimatorLearner):
    """Histogram gradient boosting; takes the parameters of scikit-learn's.

    scikit-learn's own early stopping, on random rows, is off unless ``early_stopping`` is
    given to this learner.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("hist_gradient_boosting", max_iter=200)
    HistGradientBoosting(max_iter=200)
    """

    finalize = "bag"
    missing = categorical = stops = leaves_rows_alone = True
    sparse = False
    by_label = ("class_weight",)
    space = {
        "learning_rate": (0.02, 0.2, "log"),
        "max_leaf_nodes": (7, 255, "log"),
        "min_samples_leaf": (3, 100, "log"),
        "l2_regularization": (0.01, 30.0, "log"),
    }
    by_column = {"monotonic_cst": "sign", "interaction_cst": "groups"}
    elsewhere = {"categorical_features": CATEGORIES}
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

    def check(self, task: Task) -> None:
        super().check(task)
        check_few_classes(self, task, "monotonic_cst")

    @property
    def rows_each(self) -> int:
        """Two where rows are held out to stop by."""
        return 2 if self.own_params().get("early_stopping") else 1

    @property
    def rounds_given(self) -> bool:
        return bool({"max_iter", "early_stopping"} & self.own_params().keys())

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return guess_seconds(1e-8, self.own_params().get("max_iter", 100), n_rows, n_columns, task, stopping=stopping)

    @property
    def ends_in_time(self) -> bool:
        return True

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether the categories fit into scikit-learn's bins, which pass over rare ones."""
        return levels <= _MOST_CATEGORIES and n_rows >= _FEWEST_ROWS_EACH * levels

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if task.is_classification else HistGradientBoostingRegressor
        return kind(**{"early_stopping": False, **self.own_params()})

    def in_haste(self, times: float) -> Self | None:
        return with_larger_steps(self, times)

    def in_unit(self, unit: Unit, task: Task) -> Self | None:
        given = self.own_params()
        power = _POWERS.get(given.get("loss", "squared_error"))
        if power is None or given.get("scoring", "loss") != "loss":
            return None
        return changed(self, converted(given, {"tol": power}, unit))

    def of_quantile(self, share: float) -> Self | None:
        others = {"monotonic_cst": None, "scoring": "loss"}
        given = {name: value for name, value in others.items() if name in self.own_params()}
        return changed(self, {**given, "loss": "quantile", "quantile": share})

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        categorical: Mapping[int, int] | None = None,
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> Model:
        given = self.own_params()
        number = take_rounds(given, "max_iter", "learning_rate", stop, rounds, usual=100)
        estimator = self.estimator(task, y).set_params(
            **given, max_iter=number, categorical_features=sorted(categorical or ()) or None
        )
        set_seed(estimator, seed)
        empty = np.isnan(X).all(axis=0)
        if empty.any():  # scikit-learn finds no bins for a column without values
            X = np.where(empty, 0.0, X)
        if stop is not None:
            watched = {"X_val": stop.X, "y_val": stop.y, "sample_weight_val": stop.sample_weight}
            estimator.set_params(early_stopping=True, n_iter_no_change=stop.patience)
            _fit_in_time(estimator, number, X, y, sample_weight=sample_weight, **watched)
            _cut(estimator, _best_round(estimator, stop, task))
        else:
            _fit_in_time(estimator, number, X, y, sample_weight=sample_weight)
        model = EstimatorModel(estimator, task)
        model.rounds = int(estimator.n_iter_)
        return model


def _best_round(search: Any, stop: StopRows, task: Task) -> int:
    """Return the best of the rounds that were fitted until scikit-learn's own loss got no better for a while."""
    if stop.loss is None:
        # Its trees run on past the best score, whose place counts from no tree at all.
        return max(1, int(np.argmax(search.validation_score_)))
    stages = search.staged_predict_proba(stop.X) if task.is_classification else search.staged_predict(stop.X)
    return 1 + int(np.argmin([watched_loss(stop, task, stop.y, stop.sample_weight, stage) for stage in stages]))


def _cut(estimator: Any, rounds: int) -> None:
    """Leave the first rounds alone: the same trees as of a fit that has no more."""
    del estimator._predictors[rounds:]
    estimator.train_score_ = estimator.train_score_[: rounds + 1]
    estimator.validation_score_ = estimator.validation_score_[: rounds + 1]
    estimator._scorer = None  # which a file need not hold
    estimator.set_params(max_iter=rounds, early_stopping=False)


def _fit_in_time(estimator: Any, rounds: int, X: Any, y: Any, **options: Any) -> None:
    """Fit with as many rounds as there is time for."""
    from sklearn.base import clone

    def _attempt(number: int) -> None:
        clone(estimator).set_params(max_iter=number).fit(X, y, **options)

    planned = rounds_in_time(_attempt, rounds)
    estimator.set_params(max_iter=planned).fit(X, y, **options)
    if estimator.n_iter_ == planned < rounds:
        cut_short(planned)
