"""k-nearest neighbours of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..contracts._task import Task
from ._estimator import EstimatorLearner


class NearestNeighbors(EstimatorLearner):
    """k-nearest neighbours; takes the parameters of scikit-learn's. Takes no sample weights.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("knn", n_neighbors=15)
    NearestNeighbors(n_neighbors=15)
    """

    scaled = multi_output = leaves_rows_alone = True
    weights = "none"
    space = {"n_neighbors": (3, 50, "log"), "weights": ["uniform", "distance"]}

    def parameter_names(self) -> frozenset[str]:
        from sklearn.neighbors import KNeighborsRegressor

        return frozenset(KNeighborsRegressor().get_params()) - {"n_jobs"}

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return 1e-3 + 1e-10 * n_columns * n_rows**2

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        params = self.own_params()
        # A fold of a tiny set may hold fewer rows than the usual five neighbours.
        params.setdefault("n_neighbors", min(5, len(y)))
        return (KNeighborsClassifier if task.is_classification else KNeighborsRegressor)(**params)
