"""Support vector machines of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import Task
from ._estimator import EstimatorLearner


class SupportVectorMachine(EstimatorLearner):
    """Support vector machine; takes the parameters of ``sklearn.svm.SVR`` and ``SVC``.

    The regression target is standardised inside the fold, since ``C`` and ``epsilon`` are
    in its units. Probabilities come from Platt's sigmoid (1999), fitted by
    cross-validation inside the training part.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("svm", C=10.0)
    SupportVectorMachine(C=10.0)
    """

    scaled = leaves_rows_alone = True
    by_label = ("class_weight",)
    space = {"C": (0.1, 100.0, "log")}

    @property
    def rows_each(self) -> int:
        """Two: one to fit, and one to calibrate on."""
        return 2

    def parameter_names(self) -> frozenset[str]:
        from sklearn.svm import SVC, SVR

        return frozenset({*SVR().get_params(), *SVC().get_params()}) - {"probability", "verbose"}

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return 1e-3 + 1e-9 * n_columns * n_rows**2 * max(1, task.n_classes)

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC, SVR

        params = self.own_params()
        if not task.is_classification:
            scaler = StandardScaler().set_output(transform="default")  # whatever set_config says: a frame is no target
            return TransformedTargetRegressor(SVR(**params), transformer=scaler)
        return CalibratedClassifierCV(SVC(**params), ensemble=False, cv=min(5, int(np.bincount(y).min())))
