"""The logarithmic opinion pool: a power for each member, an offset for each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..contracts._task import FloatArray


def fit(
    logs: FloatArray, y: NDArray[Any], weight: FloatArray, features: FloatArray, alpha: float, positive: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fit ``log p_k ∝ b_k + Σ_m a_m log p_mk + Σ_j C_kj x_j`` by penalised maximum likelihood.

    The penalty is ``alpha / 2`` times the squared distance of the powers from ``1 / n_members``,
    the geometric mean, and of all else from zero.

    Parameters
    ----------
    logs : array of shape (n_rows, n_members, n_classes)
        Logarithms of the members' probabilities.
    y : array of shape (n_rows,)
        Codes of the classes.
    weight : array of shape (n_rows,)
    features : array of shape (n_rows, n_features)
    alpha : float
    positive : bool
        Whether powers must not be negative.

    Returns
    -------
    powers : array of shape (n_members,)
    offsets : array of shape (n_classes,)
    slopes : array of shape (n_classes, n_features)
    """
    n_rows, n_members, n_classes = logs.shape
    n_features = features.shape[1]
    # Only differences between classes count; without the mean the steps are well scaled.
    blocks = np.moveaxis(logs - logs.mean(axis=2, keepdims=True), 1, 0).reshape(n_members, n_rows * n_classes)
    hit = np.zeros((n_rows, n_classes))
    hit[np.arange(n_rows), y] = 1.0
    start = np.concatenate([np.full(n_members, 1.0 / n_members), np.zeros(n_classes * (1 + n_features))])
    parts = np.cumsum([n_members, n_classes])

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        a, b, flat = np.split(theta, parts)
        C = flat.reshape(n_classes, n_features)
        values = (a @ blocks).reshape(n_rows, n_classes) + b + features @ C.T
        top = values.max(axis=1, keepdims=True)
        exponent = np.exp(values - top)
        total = exponent.sum(axis=1, keepdims=True)
        nll = np.log(total[:, 0]) + top[:, 0] - (values * hit).sum(axis=1)
        error = (exponent / total - hit) * weight[:, None]
        away = theta - start
        gradient = np.concatenate([blocks @ error.ravel(), error.sum(axis=0), (error.T @ features).ravel()])
        return float(weight @ nll + alpha / 2 * away @ away), gradient + alpha * away

    bounds = [(0.0 if positive else None, None)] * n_members + [(None, None)] * (len(start) - n_members)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-12})
    a, b, flat = np.split(found.x, parts)
    return a, b, flat.reshape(n_classes, n_features)
