"""Convex weights: minimise a loss over non-negative weights that sum to one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from ..contracts._task import FloatArray
from ._pull import Pull


def least_squares(A: FloatArray, b: FloatArray) -> FloatArray:
    """Minimise ``||A w - b||²`` over the simplex, exactly.

    Since the weights sum to one, ``A w - b`` is ``R w`` with ``R = A - b``. The point of the
    simplex with the smallest ``||R w||`` is the normalised solution ``u`` of the non-negative
    least-squares problem ``min ||R u||² + (1ᵀu - 1)²`` (Lawson & Hanson, 1974, ch. 23).

    Parameters
    ----------
    A : array of shape (n_rows, n_members)
    b : array of shape (n_rows,)

    Returns
    -------
    array of shape (n_members,)
    """
    R: FloatArray = np.asarray(np.linalg.qr(A - b[:, None], mode="r"))
    scale = float(np.abs(R).max())
    if scale == 0.0:  # every member fits the target exactly
        return np.full(A.shape[1], 1.0 / A.shape[1])
    stacked = np.vstack([R / scale, np.ones(A.shape[1])])
    u, _ = nnls(stacked, np.append(np.zeros(len(R)), 1.0), maxiter=100 * A.shape[1])
    return np.asarray(u / u.sum(), dtype=np.float64)


def log_loss(
    P: FloatArray, sample_weight: FloatArray, pull: Pull | None = None, tol: float = 1e-9, max_iter: int = 200
) -> FloatArray:
    """Minimise the mean of ``-log(P w)`` over the simplex by Newton steps.

    With ``a = P / (P w)`` by row, the second-order model of the loss at ``w`` is
    ``½ Σ (a·v - 2)²`` up to a constant, so that every Newton step is a simplex
    least-squares problem. Steps are halved until the loss falls enough.

    Parameters
    ----------
    P : array of shape (n_rows, n_members)
        Probability that each member gave to the true class; positive.
    sample_weight : array of shape (n_rows,)
        Non-negative; scaled to sum to one.
    pull : Pull, default=None
        What is added to the mean.

    Returns
    -------
    array of shape (n_members,)
    """
    s = sample_weight / sample_weight.sum()
    pull = pull or Pull(0.0, np.full(P.shape[1], 1.0 / P.shape[1]))

    def _value(w: FloatArray) -> float:
        return pull.value(w) - float(s @ np.log(np.maximum(P @ w, 1e-300)))

    w = np.full(P.shape[1], 1.0 / P.shape[1])
    loss, root = _value(w), np.sqrt(s)
    for _ in range(max_iter):
        a = P / (P @ w)[:, None]
        gradient = pull.slope(w) - s @ a
        if residual(w, gradient) <= tol:
            break
        direction = least_squares(*pull.stacked(a * root[:, None], 2.0 * root, times=2.0)) - w
        slope = float(gradient @ direction)
        step = 1.0
        while step > 1e-12:
            candidate = w + step * direction
            new = _value(candidate)
            if new <= loss + 1e-4 * step * slope:
                break
            step /= 2
        else:
            break
        w, loss = candidate, new
    w = np.maximum(w, 0.0)
    return np.asarray(w / w.sum(), dtype=np.float64)


def residual(w: FloatArray, gradient: FloatArray) -> float:
    """Return how far ``w`` is from the optimality (KKT) conditions on the simplex.

    At an optimum the gradient is smallest, and equal, wherever the weight is positive: the
    residual is the largest ``w_j (g_j - min g)``, relative to the gradient's size.
    """
    return float((w * (gradient - gradient.min())).max() / max(1.0, np.abs(gradient).max()))
