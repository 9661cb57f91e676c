"""Linear quantile regression with a ridge penalty and bounds."""

from __future__ import annotations

import numpy as np

from ..contracts._task import FloatArray
from . import _ridge

_MOST_STEPS = 100
_TOLERANCE = 1e-5
_SMOOTH = 1e-6


def fit(
    X: FloatArray, y: FloatArray, weight: FloatArray, alpha: float, lower: FloatArray, level: float
) -> tuple[FloatArray, float]:
    """Minimise ``Σ w pinball(y - X b - c) + alpha ||b||²`` with ``b >= lower``.

    By majorisation (Hunter & Lange, 2000): each step is a ridge regression, and no step is worse than the one before.

    Parameters
    ----------
    X : array of shape (n_rows, n_inputs)
    y, weight : array of shape (n_rows,)
        In units of the target's standard deviation.
    alpha : float
    lower : array of shape (n_inputs,)
        -inf where a coefficient is free.
    level : float
        The share of the weight that should be below the prediction.

    Returns
    -------
    coef : array of shape (n_inputs,)
    intercept : float
    """
    coef, intercept = _ridge.fit(X, y, weight, alpha, lower)
    before = np.inf
    for _ in range(_MOST_STEPS):
        rest = y - X @ coef - intercept
        loss = float(weight @ np.maximum(level * rest, (level - 1) * rest) + alpha * coef @ coef)
        if before - loss <= _TOLERANCE * loss:
            break
        before = loss
        width = np.abs(rest) + _SMOOTH
        coef, intercept = _ridge.fit(X, y + (2 * level - 1) * width, weight / (4 * width), alpha, lower)
    return coef, intercept
