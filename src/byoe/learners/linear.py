"""Linear models, fitted by scikit-learn on standardised columns and kept as coefficients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Model
from ..contracts._optional import Moments
from ..contracts._task import FloatArray, Task
from ..contracts._unit import Unit
from ._estimator import EstimatorLearner

# Below this reciprocal condition number rounding may change a model's eighth digit.
_WELL_CONDITIONED = 1e-8
_FILE = "linear.json"


class LinearModel:
    """Coefficients and intercepts; for classes in front of a logistic function or a softmax.

    An estimator of scikit-learn would predict the same, but serving it takes an import of seconds.

    Attributes
    ----------
    coef : array of shape (n_terms, n_columns)
        One term for each output or class; one alone for two classes.
    intercept : array of shape (n_terms,)
    """

    def __init__(self, coef: Any, intercept: Any, task: Task) -> None:
        self.coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        self.intercept = np.broadcast_to(np.ravel(intercept).astype(np.float64), len(self.coef))
        self.task = task

    @classmethod
    def of(cls, estimator: Any, task: Task) -> LinearModel:
        """Return the model that a fitted estimator is."""
        return cls(estimator.coef_, estimator.intercept_, task)

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        if len(self.coef) > 1:
            values = X @ self.coef.T + self.intercept
            return softmax(values) if self.task.is_classification else values
        values = X @ self.coef[0] + self.intercept[0]
        if not self.task.is_classification:
            return np.asarray(values)
        second = logistic(values)
        return np.column_stack([1.0 - second, second])

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        values = X if isinstance(X, np.ndarray) else X.toarray()
        parts = np.empty((len(values), len(self.coef), values.shape[1] + 1))
        parts[:, :, :-1] = values[:, None] * self.coef
        parts[:, :, -1] = self.intercept
        return parts if len(self.coef) > 1 else parts[:, 0]

    def importances(self) -> FloatArray:
        sizes = np.abs(self.coef)
        if not self.task.is_classification:  # those of targets in different units do not compare
            totals = sizes.sum(axis=1, keepdims=True)
            sizes = sizes / np.where(totals > 0, totals, 1.0)
        return np.asarray(sizes.sum(axis=0), dtype=np.float64)

    def save(self, folder: Path) -> None:
        terms = {"coef": self.coef.tolist(), "intercept": self.intercept.tolist()}
        (folder / _FILE).write_text(json.dumps(terms), encoding="utf-8")


class _Linear(EstimatorLearner):
    scaled = multi_output = leaves_rows_alone = lean = True
    needs = ()

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        terms = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return LinearModel(terms["coef"], terms["intercept"], task)

    def _model(self, estimator: Any, task: Task) -> Model:
        return LinearModel.of(estimator, task)


def logistic(values: FloatArray) -> FloatArray:
    """Return ``1 / (1 + exp(-values))``, without overflow."""
    small = np.exp(-np.abs(values))
    return np.asarray(np.where(values >= 0, 1.0, small) / (1.0 + small))


def softmax(values: FloatArray) -> FloatArray:
    """Return the softmax of every row."""
    exponents = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


class Ridge(_Linear):
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
    by_label = ("class_weight",)
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

    def in_unit(self, unit: Unit, task: Task) -> Self | None:
        return self if self.own_params().get("positive") else None  # whose solver has a tolerance

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
        intercept = target_mean - coef @ mean if ridge.fit_intercept else np.zeros(len(coef))
        return LinearModel(coef, intercept, task)


class ElasticNet(_Linear):
    """Least squares with L1 and L2 penalties; for classes, logistic regression with both.

    Parameters
    ----------
    alpha : float, default=0.01
        Strength of the penalty, per row, on standardised columns and, for regression, in units of the
        target's standard deviation.
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

    by_label = ("class_weight",)
    space = {"alpha": (1e-4, 1.0, "log"), "l1_ratio": (0.05, 1.0)}

    def parameter_names(self) -> frozenset[str]:
        from sklearn.linear_model import ElasticNet, LogisticRegression

        both = {*ElasticNet().get_params(), *LogisticRegression().get_params()}
        return frozenset(both - {"C", "penalty", "n_jobs", "random_state", "warm_start", "verbose"})

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
    ) -> Model:
        same: dict[str, Any] = {"task": task, "sample_weight": sample_weight, "seed": seed, "threads": threads}
        if task.is_classification:
            return super().fit(X, y, **same)
        # The penalty of absolute values is in units of the target.
        mean = np.average(y, axis=0, weights=sample_weight)
        spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample_weight))
        scale = np.where(spread > 0, spread, 1.0)
        center = mean if self.own_params().get("fit_intercept", True) else np.zeros_like(mean)
        found = super().fit(X, (y - center) / scale, **same)
        assert isinstance(found, LinearModel)
        return LinearModel(found.coef * np.reshape(scale, (-1, 1)), found.intercept * scale + center, task)

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.linear_model import ElasticNet, LogisticRegression

        params = self.own_params()
        if not task.is_classification:
            return ElasticNet(**{"alpha": 0.01, **params})
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
