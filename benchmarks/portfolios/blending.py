"""Convex weights of pools of configurations, from out-of-fold predictions alone; many pools at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from portfolios.predictions import Array, Measured

_ROUNDS = 60
# Steps that go further than the algorithm's own, which still lead to the minimum below two.
_FURTHER = 1.8
_LEAST = 1e-12
# A sum of weights other than one costs so many times the mean squared error.
_STRICT = 1e3


def weights(one: Measured, pools: NDArray[np.bool_]) -> Array:
    """Return the weights of pools of shape (n_pools, n_candidates), in the same shape.

    They have the least squared error, or little more than the least log-loss. Members that were not measured
    have none; a pool without any other is NaN.
    """
    pools = pools & one.there
    found = _least_squares(one, pools) if one.kind == "regression" else _mixtures(one, pools)
    return np.where(pools.any(axis=1)[:, None], found, np.nan)


def _least_squares(one: Measured, pools: NDArray[np.bool_]) -> Array:
    gram = one.oof.T @ one.oof / len(one.oof)
    found = np.zeros(pools.shape)
    for pool, row in zip(pools, found, strict=True):
        members = np.flatnonzero(pool)
        if not len(members):
            continue
        part = gram[np.ix_(members, members)]
        scale = np.trace(part) / len(members) or 1.0
        values, vectors = np.linalg.eigh(part / scale)
        root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
        rows = np.vstack([root, np.full(len(members), _STRICT)])
        solved, _ = nnls(rows, np.append(np.zeros(len(members)), _STRICT))
        row[members] = solved / solved.sum()
    return found


def _mixtures(one: Measured, pools: NDArray[np.bool_]) -> Array:
    """Return the weights that the EM algorithm finds for mixtures (Dempster et al., 1977)."""
    used, filled = np.flatnonzero(pools.any(axis=0)), np.flatnonzero(pools.any(axis=1))
    found = np.zeros(pools.shape)
    place = np.ix_(filled, used)
    seen = np.maximum(one.oof[:, used], _LEAST)
    w = pools[place] / pools[filled].sum(axis=1, keepdims=True)
    for _ in range(_ROUNDS):
        w = w * ((np.reciprocal(seen @ w.T).T @ seen) / len(seen)) ** _FURTHER
        w = w / w.sum(axis=1, keepdims=True)
    found[place] = w
    return found
