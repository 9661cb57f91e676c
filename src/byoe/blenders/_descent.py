"""Convex weights for any loss: a bundle method where it is convex, and a search where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import nnls

from ..contracts._task import FloatArray

_AIM = 0.3
_MOST_MOVES = 20


def minimise_convex(
    loss: Callable[[FloatArray], tuple[float, FloatArray]], n_members: int, tol: float = 1e-7, max_iter: int = 1000
) -> tuple[FloatArray, float]:
    """Minimise a convex function over the simplex by the level bundle method (Lemaréchal et al., 1995).

    The function may have kinks, and be infinite on an edge. Each value with its slope is a plane that lies nowhere
    above the function; the next point is the one nearest to the best so far at which all planes are below a level
    between the bounds. Where there is none, the level is a lower bound.

    Parameters
    ----------
    loss : callable
        Returns the value and a subgradient, of shape (n_members,), at weights of shape (n_members,). Finite
        where all weights are equal.
    n_members : int
    tol : float, default=1e-7
        Of the gap, as a share of the value.

    Returns
    -------
    weights : array of shape (n_members,)
    gap : float
        The value is above the minimum by no more than this.
    """
    best_w = np.full(n_members, 1.0 / n_members)
    value, slope = loss(best_w)
    # On the simplex a plane is linear without a constant.
    planes = np.array([slope + (value - slope @ best_w)])
    best, lower = value, float(planes[0].min())
    for _ in range(max_iter):
        if best - lower <= tol * abs(best):
            break
        level = lower + _AIM * (best - lower)
        w = _nearest(best_w, planes, level)
        if w is None:
            lower = level
            continue
        value, slope = loss(w)
        while not np.isfinite(value):  # on an edge where the loss has no value
            w = (w + best_w) / 2
            value, slope = loss(w)
        planes = np.vstack([planes, slope + (value - slope @ w)])
        lower = max(lower, float(planes[-1].min()))
        if value < best:
            best, best_w = value, w
    return best_w, max(best - lower, 0.0)


def _nearest(centre: FloatArray, planes: FloatArray, level: float) -> FloatArray | None:
    """Return the nearest point of the simplex with all planes below a level, or None where there is none.

    A least-distance problem, solved as a non-negative least-squares one (Lawson & Hanson, 1974, ch. 23), within
    the plane of weights that sum to one.
    """
    m = len(centre)
    inside = np.linalg.svd(np.ones((1, m)))[2][1:]  # an orthonormal basis of what sums to zero
    G = np.vstack([inside.T, -planes @ inside.T])
    h = np.append(-centre, planes @ centre - level)
    size = np.linalg.norm(G, axis=1)
    if (h[size == 0] > 0).any():
        return None
    G, h = G[size > 0] / size[size > 0, None], h[size > 0] / size[size > 0]
    stacked = np.vstack([G.T, h])
    target = np.append(np.zeros(m - 1), 1.0)
    try:
        u, distance = nnls(stacked, target, maxiter=50 * stacked.shape[1])
    except RuntimeError:  # its own rounding keeps it from an end
        return None
    rest = stacked @ u - target
    if distance < 1e-9 or rest[-1] > -1e-14:
        return None
    w = np.maximum(centre - inside.T @ (rest[:-1] / rest[-1]), 0.0)
    return np.asarray(w / w.sum(), dtype=np.float64)


def search(loss: Callable[[FloatArray], float], starts: Sequence[FloatArray], steps: Sequence[float]) -> FloatArray:
    """Search the simplex from the best of some starts: each move goes a step towards a member, or leaves one out.

    Of all moves the best is taken while it helps, then the steps get smaller. Moves towards the members
    span every direction that stays on the simplex, so that where the loss is smooth no small step helps at the end.

    Parameters
    ----------
    loss : callable
        Returns the value at weights of shape (n_members,).
    starts : sequence of arrays of shape (n_members,)
    steps : sequence of float
        How far a move goes, as a share of the way to a member.

    Returns
    -------
    array of shape (n_members,)
    """
    values = [loss(w) for w in starts]
    best = min(values)
    best_w = starts[values.index(best)]
    for step in steps:
        for _ in range(_MOST_MOVES):
            trials = [*_towards(best_w, step), *_without(best_w)]
            values = [loss(w) for w in trials]
            if not trials or not min(values) < best:
                break
            best = min(values)
            best_w = trials[values.index(best)]
    return best_w


def _towards(w: FloatArray, step: float) -> list[FloatArray]:
    return [(1 - step) * w + step * unit for unit in np.eye(len(w)) if (unit != w).any()]


def _without(w: FloatArray) -> list[FloatArray]:
    made = []
    for member in np.flatnonzero((w > 0) & (w < 1)):
        fewer = w.copy()
        fewer[member] = 0.0
        made.append(fewer / fewer.sum())
    return made
