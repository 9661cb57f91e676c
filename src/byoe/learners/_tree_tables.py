"""What leaves add to contributions, for every pattern of the conditions that a row meets."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._tree_groups import Groups, Nodes

_CELLS = 1 << 16  # as many as stay in the cache of a core


@cache
def quadrature(n: int) -> tuple[FloatArray, FloatArray]:
    """Return points and weights of Gauss and Legendre, exact for products of n - 1 linear factors from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss((n + 1) // 2)
    return (points + 1) / 2, weights / 2


def leaf_tables(values: FloatArray, shares: FloatArray) -> FloatArray:
    """Return what leaves add to the contributions of the features on their paths.

    Of a path with the shares z, a row that meets the conditions o (each 0 or 1) gets for its feature i ``value *
    (o_i - z_i)`` times the integral, over t from 0 to 1, of the product of ``(1 - t) * z_j + t * o_j`` over all other
    features j, its Shapley value (Owen, 1972). Few points of a quadrature
    give it exactly, as in Linear TreeSHAP (Yu et al., 2022).

    Parameters
    ----------
    values : array of shape (n_leaves,)
    shares : array of shape (n_leaves, n_features)
        All above 0.

    Returns
    -------
    array of shape (n_leaves, n_features, 2 ** n_features)
        Bit i of a pattern is o_i.
    """
    n_leaves, n_features = shares.shape
    tables = np.empty((n_leaves, n_features, 1 << n_features))
    step = max(1, _CELLS >> n_features)
    for start in range(0, n_leaves, step):
        part = slice(start, start + step)
        tables[part] = _leaf_tables(values[part], shares[part]).transpose(2, 0, 1)
    return tables


def _leaf_tables(values: FloatArray, shares: FloatArray) -> FloatArray:
    n_leaves, n_features = shares.shape
    found = np.zeros((n_features, 1 << n_features, n_leaves))
    for point, weight in zip(*quadrature(n_features), strict=True):
        factors = np.stack([shares.T * (1 - point), shares.T * (1 - point) + point], axis=1)
        products = (weight * values)[None]
        for feature in range(n_features):
            products = (factors[feature][:, None] * products).reshape(-1, n_leaves)
        for feature in range(n_features):
            parted = products.reshape(-1, 2, 1 << feature, n_leaves)
            ratio = np.stack([-shares[:, feature], 1 - shares[:, feature]]) / factors[feature]
            found[feature].reshape(parted.shape)[:] += parted * ratio[:, None]
    return found


def group_tables(nodes: Nodes, groups: Groups, width: int) -> tuple[list[FloatArray], IntArray, IntArray]:
    """Return what groups of leaves add to contributions, for every pattern of their bits.

    Returns
    -------
    tables : list of arrays of shape (n_columns, 2 ** bits)
        One for each number of bits; a column is of a group and a feature.
    group, feature : arrays of shape (n_columns,)
        Of the columns of all tables, in ascending order of groups.
    """
    count = nodes.count[groups.leaf]
    used = np.arange(groups.mask.shape[1]) < count[:, None]
    keys = (groups.leaf_group[:, None] * width + nodes.features[groups.leaf])[used]
    columns, places = np.unique(keys, return_inverse=True)
    column = np.zeros(used.shape, dtype=np.int64)
    column[used] = places
    group, feature = np.divmod(columns, width)
    tables = []
    starts = np.searchsorted(groups.leaf_group, groups.leaf_group)
    order = np.arange(len(groups.leaf)) - starts  # of a leaf among those of its group
    for bits in np.unique(groups.bits):
        ours = np.flatnonzero(groups.bits[group] == bits)
        table = np.zeros((len(ours), 1 << bits))
        here = groups.bits[groups.leaf_group] == bits
        for size in np.unique(count[here]):
            leaves = np.flatnonzero(here & (count == size))
            added = _expanded(nodes, groups, leaves, int(size), int(bits))
            for place in range(int(order[leaves].max()) + 1):
                chosen = order[leaves] == place
                table[(column[leaves[chosen], :size] - ours[0]).ravel()] += added[chosen].reshape(-1, 1 << bits)
        tables.append(table)
    return tables, group, feature


def _expanded(nodes: Nodes, groups: Groups, leaves: IntArray, size: int, bits: int) -> FloatArray:
    """Return tables of leaves by the bits of their groups, of shape (n_leaves, size, 2 ** bits)."""
    own = groups.leaf[leaves]
    tables = leaf_tables(nodes.value[own], nodes.shares[own, :size])
    kind = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    patterns = np.arange(1 << bits).astype(kind)
    mask, want = groups.mask[leaves, :size].astype(kind), groups.want[leaves, :size].astype(kind)
    met: NDArray[Any] = np.zeros((len(own), 1 << bits), dtype=kind)
    for slot in reversed(range(size)):
        met += met
        met |= (patterns & mask[:, slot, None]) == want[:, slot, None]
    starts = np.arange(len(own) * size).reshape(-1, size, 1) << size
    return np.asarray(tables.ravel()[starts + met[:, None].astype(np.intp)], dtype=np.float64)
