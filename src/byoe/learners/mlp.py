"""Multilayer perceptron of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._contracts import Task
from .._estimators import EstimatorLearner

_MOST_ROWS_SEEN = 2_000_000


class MultilayerPerceptron(EstimatorLearner):
    """Multilayer perceptron; takes the parameters of scikit-learn's.

    The regression target is standardised inside the fold. There are at most 500 passes over
    the rows, fewer above 4,000 rows and at least 20.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("mlp", hidden_layer_sizes=[64, 32])
    MultilayerPerceptron(hidden_layer_sizes=[64, 32])
    """

    scaled = multi_output = True
    space = {"alpha": (1e-5, 0.1, "log"), "learning_rate_init": (1e-4, 1e-2, "log")}

    def parameter_names(self) -> frozenset[str]:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        both = {*MLPRegressor().get_params(), *MLPClassifier().get_params()}
        return frozenset(both - {"warm_start", "verbose"})

    @property
    def quiet(self) -> tuple[type[Warning], ...]:
        from sklearn.exceptions import ConvergenceWarning

        return () if "max_iter" in self.own_params() else (ConvergenceWarning,)

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return 0.05 + 1e-5 * n_rows * n_columns

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.preprocessing import StandardScaler

        params = {"max_iter": int(np.clip(_MOST_ROWS_SEEN // len(y), 20, 500)), **self.own_params()}
        if task.is_classification:
            return MLPClassifier(**params)
        return TransformedTargetRegressor(MLPRegressor(**params), transformer=StandardScaler())
