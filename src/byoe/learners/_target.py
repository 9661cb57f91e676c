"""Learners that standardise a regression target, in whose units some of their parameters are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ..tools._estimators import set_seed
from ..tools._routing import fit_with
from ._estimator import EstimatorLearner


def in_standard_units(regressor: Any) -> Any:
    """Return a regressor of the standardised target."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().set_output(transform="default")  # whatever set_config says: a frame is no target
    return TransformedTargetRegressor(regressor, transformer=scaler)


class StandardTargetLearner(EstimatorLearner):
    """A learner whose regressors are those of `in_standard_units`; weights count in the target's mean and scale."""

    def _fit_estimator(
        self, estimator: Any, X: Any, y: NDArray[Any], sample_weight: FloatArray | None, seed: int
    ) -> None:
        if not hasattr(estimator, "transformer"):
            super()._fit_estimator(estimator, X, y, sample_weight, seed)
            return
        from sklearn.base import clone

        # Its own fit would give the scaler no weights, and make a regressor that has no seed.
        column = np.reshape(y, (len(y), -1))
        scaler = clone(estimator.transformer).fit(column, sample_weight=sample_weight)
        regressor = clone(estimator.regressor)
        set_seed(regressor, seed)
        fit_with(regressor, X, scaler.transform(column).reshape(np.shape(y)), sample_weight=sample_weight)
        estimator.transformer_, estimator.regressor_, estimator._training_dim = scaler, regressor, np.ndim(y)
