"""Linear models of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._contracts import FloatArray, Model, Moments, Task
from .._estimators import EstimatorLearner, EstimatorModel, set_seed

# Below this reciprocal condition number rounding may change a model's eighth digit.
_WELL_CONDITIONED = 1e-8


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

    weights = "exact"
    scaled = multi_output = True
    space = {"alpha": (1e-2, 1e3, "log")}

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

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        cells = n_rows * n_columns
        return 8e-8 * cells * task.n_classes if task.is_classification else 4e-8 * cells * (1 + n_columns / 400)

    def can_fit_moments(self, task: Task) -> bool:
        params = self.own_params()
        if task.is_classification or set(params) - {"alpha", "fit_intercept", "positive", "solver"}:
            return False
        alpha = np.asarray(params.get("alpha", 1.0))
        return (
            alpha.dtype.kind in "iuf"
            and alpha.ndim <= 1
            and alpha.size in (1, task.n_outputs)
            and bool(((alpha >= 0) & (alpha < np.inf)).all())
            and isinstance(params.get("fit_intercept", True), bool)
            and params.get("positive", False) is False
            and params.get("solver", "auto") in ("auto", "cholesky")
        )

    def fit_moments(self, moments: Moments, *, task: Task, seed: int, threads: int) -> Model | None:
        ridge = self.estimator(task, moments.target_mean)
        set_seed(ridge, seed)
        mean, target_mean = moments.mean, moments.target_mean
        gram, products = moments.gram, moments.products
        if not ridge.fit_intercept:
            gram = gram + moments.weight * np.outer(mean, mean)
            products = products + moments.weight * np.outer(mean, target_mean)
        alphas = np.broadcast_to(np.ravel(ridge.alpha).astype(np.float64), target_mean.shape)
        coef = np.empty(products.T.shape)
        for alpha in np.unique(alphas):
            solved = _solve(gram + alpha * np.eye(len(gram)), products[:, alphas == alpha])
            if solved is None:
                return None
            coef[alphas == alpha] = solved.T
        ridge.coef_ = coef if task.n_outputs > 1 else coef[0]
        ridge.intercept_ = 0.0
        if ridge.fit_intercept:
            intercept = target_mean - coef @ mean
            ridge.intercept_ = intercept if task.n_outputs > 1 else intercept[0]
        ridge.n_features_in_, ridge.n_iter_, ridge.solver_ = len(mean), None, "cholesky"
        return EstimatorModel(ridge, task, scaled=self.scaled)


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
    space = {"alpha": (1e-4, 1.0, "log"), "l1_ratio": (0.05, 1.0)}

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

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return 1.5e-7 * n_rows * n_columns * max(1, task.n_classes)


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray | None:
    """Solve a positive definite system; None where rounding could show in the result."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack

    try:
        factor = cho_factor(matrix, lower=True)
    except LinAlgError:
        return None
    reciprocal, _ = lapack.dpocon(factor[0], np.abs(matrix).sum(axis=0).max(), uplo="L")
    return None if reciprocal < _WELL_CONDITIONED else np.asarray(cho_solve(factor, right))
