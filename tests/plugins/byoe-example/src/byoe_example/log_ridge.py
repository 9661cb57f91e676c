"""A learner made of scikit-learn's own estimators."""

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge


def log_ridge(regressor: Any = None) -> TransformedTargetRegressor:
    """Make a ridge regression on the logarithm of a positive target."""
    return TransformedTargetRegressor(regressor or Ridge(), func=np.log1p, inverse_func=np.expm1)
