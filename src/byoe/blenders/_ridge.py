"""Ridge regression with bounds, its strength chosen on given folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import lsq_linear

from ..contracts._task import FloatArray, IntArray

ALPHAS = np.logspace(-4, 4, 17)

Folds = Sequence[tuple[IntArray, IntArray]]


def fit(X: FloatArray, y: FloatArray, weight: FloatArray, alpha: float, lower: FloatArray) -> tuple[FloatArray, float]:
    """Minimise ``Σ w (y - X b - c)² + alpha ||b||²`` with ``b >= lower``.

    Parameters
    ----------
    X : array of shape (n_rows, n_inputs)
    y, weight : array of shape (n_rows,)
    alpha : float
    lower : array of shape (n_inputs,)
        -inf where a coefficient is free.

    Returns
    -------
    coef : array of shape (n_inputs,)
    intercept : float
    """
    return _solved(*_reduced(X, y, weight), alpha, lower)


def choose(X: FloatArray, y: FloatArray, weight: FloatArray, folds: Folds, lower: FloatArray) -> float:
    """Return the strength with the smallest squared error on the folds' test rows.

    Both parts of every fold are reduced once to as many rows as there are inputs; all strengths
    are tried on that. Without folds it is the best in leave-one-out cross-validation.
    """
    if not folds:
        from sklearn.linear_model import RidgeCV

        with np.errstate(divide="ignore", invalid="ignore"):  # of two rows or equal ones leave-one-out is 0 / 0
            return float(RidgeCV(alphas=ALPHAS).fit(X, y, sample_weight=weight).alpha_)
    losses = np.zeros(len(ALPHAS))
    for train, test in folds:
        if not weight[test].any():
            continue
        reduced = _reduced(X[train], y[train], weight[train])
        R, q, x_mean, y_mean = _reduced(X[test], y[test], weight[test])
        for i, alpha in enumerate(ALPHAS):
            coef, intercept = _solved(*reduced, alpha, lower)
            # Less what no coefficients explain, which is the same for all strengths.
            off = y_mean - x_mean @ coef - intercept
            losses[i] += ((q - R @ coef) ** 2).sum() + weight[test].sum() * off**2
    return float(ALPHAS[int(np.argmin(losses))])


def _reduced(X: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    total = weight.sum()
    x_mean, y_mean = weight @ X / total, float(weight @ y / total)
    root = np.sqrt(weight)
    Q, R = np.linalg.qr((X - x_mean) * root[:, None])
    return R, Q.T @ ((y - y_mean) * root), x_mean, y_mean


def _solved(
    R: FloatArray, q: FloatArray, x_mean: FloatArray, y_mean: float, alpha: float, lower: FloatArray
) -> tuple[FloatArray, float]:
    stacked = np.vstack([R, np.sqrt(alpha) * np.eye(R.shape[1])])
    target = np.append(q, np.zeros(R.shape[1]))
    coef = np.linalg.lstsq(stacked, target, rcond=None)[0]
    if (coef < lower).any():
        coef = lsq_linear(stacked, target, bounds=(lower, np.inf), method="bvls").x
    return coef, float(y_mean - x_mean @ coef)
