"""Support vector machines of scikit-learn on standardised columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, Task
from ._target import StandardTargetLearner, in_standard_units


class SupportVectorMachine(StandardTargetLearner):
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
        from sklearn.svm import SVC, SVR

        params = self.own_params()
        if not task.is_classification:
            return in_standard_units(SVR(**params))
        return CalibratedClassifierCV(SVC(**params), ensemble=False, cv=min(5, int(np.bincount(y).min())))

    def _fit_estimator(
        self, estimator: Any, X: Any, y: NDArray[Any], sample_weight: FloatArray | None, seed: int
    ) -> None:
        if sample_weight is not None:  # which scikit-learn's rule for gamma does not know
            params = estimator.get_params(deep=True)
            by_rule = [name for name, value in params.items() if name.endswith("__gamma") and value == "scale"]
            estimator.set_params(**dict.fromkeys(by_rule, _gamma(X, sample_weight)))
        super()._fit_estimator(estimator, X, y, sample_weight, seed)


def _gamma(X: Any, weight: FloatArray) -> float:
    """Return what ``gamma="scale"`` is for rows that count as often as their weights say."""
    values = X.toarray() if hasattr(X, "toarray") else X
    mean = np.average(values.mean(axis=1), weights=weight)
    variance = float(np.average(((values - mean) ** 2).mean(axis=1), weights=weight))
    return 1.0 / (values.shape[1] * variance) if variance > 0 else 1.0
