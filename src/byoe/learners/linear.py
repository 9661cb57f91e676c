"""Linear models of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .._contracts import Task
from .._estimators import EstimatorLearner


class Ridge(EstimatorLearner):
    """Least squares with an L2 penalty; for classes, logistic regression with the same penalty.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty on standardised columns. For classes it is ``1 / C``.
    **params
        Those of ``sklearn.linear_model.Ridge``, or for classes of ``LogisticRegression``.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("ridge", alpha=10.0)
    Ridge(alpha=10.0)
    """

    scaled = multi_output = True

    def parameter_names(self) -> frozenset[str]:
        from sklearn.linear_model import LogisticRegression, Ridge

        both = {*Ridge().get_params(), *LogisticRegression().get_params()}
        return frozenset(both - {"C", "l1_ratio", "penalty", "n_jobs", "random_state", "warm_start", "verbose"})

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge

        params = self.own_params()
        if not task.is_classification:
            return Ridge(**params)
        alpha = params.pop("alpha", 1.0)
        return LogisticRegression(C=1.0 / alpha, **{"max_iter": 1000, **params})


class ElasticNet(EstimatorLearner):
    """Least squares with L1 and L2 penalties; for classes, logistic regression with both.

    Parameters
    ----------
    alpha : float, default=1.0 for regression, 0.01 for classes
        Strength of the penalty, per row, on standardised columns.
    l1_ratio : float, default=0.5
        Share of the L1 penalty.
    **params
        Those of ``sklearn.linear_model.ElasticNet``, or for classes of ``LogisticRegression``.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("elastic_net", l1_ratio=0.9)
    ElasticNet(l1_ratio=0.9)
    """

    scaled = multi_output = True

    def parameter_names(self) -> frozenset[str]:
        from sklearn.linear_model import ElasticNet, LogisticRegression

        both = {*ElasticNet().get_params(), *LogisticRegression().get_params()}
        return frozenset(both - {"C", "penalty", "n_jobs", "random_state", "warm_start", "verbose"})

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.linear_model import ElasticNet, LogisticRegression

        params = self.own_params()
        if not task.is_classification:
            return ElasticNet(**params)
        alpha = params.pop("alpha", 0.01)
        defaults = {"l1_ratio": 0.5, "max_iter": 5000}
        return LogisticRegression(C=1.0 / (alpha * len(y)), solver="saga", **{**defaults, **params})
