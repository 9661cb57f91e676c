"""Trees cut into groups of leaves, the contributions of which depend on a few yes-or-no answers.

What a leaf adds to the contributions of a row depends on which conditions of its path the row meets, feature by
feature: a pattern of bits. Leaves of a small subtree share the bits of the path above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._forest import Forest

# Up to how many bits leaves are put together: more of them take fewer steps for a row, and larger tables.
FEW_BITS = 7


@dataclass(frozen=True)
class Nodes:
    """The nodes of some trees, level by level; what is said of a node is of the path to it.

    Attributes
    ----------
    number : array of shape (n,)
        Of the nodes in the forest.
    levels : list of slice
    parent : array of shape (n,)
        -1 for a root.
    left : array of shape (n,)
        The left child; -1 for a leaf.
    is_left : array of shape (n,), bool
        Whether the node is a left child.
    feature, threshold, missing_left, value
        As of a `Forest`.
    features : array of shape (n, n_slots)
        The distinct features of the path, in order; -1 behind them.
    shares : array of shape (n, n_slots)
        The share of the training rows that meet the conditions on this feature, along the path.
    last : array of shape (n, n_slots)
        The last node that a condition on this feature leads to.
    before : array of shape (n,)
        The node above, to which the last condition but one on the same feature leads; -1 where there is none.
    slot : array of shape (n,)
        The place, among the features of the path, of the one that the last condition is on.
    count : array of shape (n,)
        How many features there are.
    """

    number: IntArray
    levels: list[slice]
    parent: IntArray
    left: IntArray
    is_left: NDArray[np.bool_]
    feature: IntArray
    threshold: NDArray[np.floating]
    missing_left: NDArray[np.bool_]
    value: FloatArray
    features: IntArray
    shares: FloatArray
    last: IntArray
    before: IntArray
    slot: IntArray
    count: IntArray


def paths(forest: Forest, roots: IntArray) -> Nodes:
    """Return the nodes of some trees of a forest with the paths to them."""
    levels = list(forest.levels(roots))
    ends = np.cumsum([len(level) for level in levels])
    slices = [slice(int(end) - len(level), int(end)) for end, level in zip(ends, levels, strict=True)]
    nodes = np.concatenate(levels)
    place = np.full(len(forest.left), -1)
    place[nodes] = np.arange(len(nodes))
    inner = np.flatnonzero(forest.left[nodes] >= 0)
    left = np.full(len(nodes), -1)
    left[inner] = place[forest.left[nodes[inner]]]
    parent, is_left = np.full(len(nodes), -1), np.zeros(len(nodes), dtype=bool)
    parent[left[inner]] = parent[place[forest.right[nodes[inner]]]] = inner
    is_left[left[inner]] = True
    feature, cover = forest.feature[nodes], forest.cover[nodes]
    shape = (len(nodes), max(1, len(levels) - 1))
    features, last = np.full(shape, -1), np.full(shape, -1)
    shares = np.ones(shape)
    before, slot, count = np.full(shape[0], -1), np.zeros(shape[0], dtype=np.int64), np.zeros(shape[0], dtype=np.int64)
    for level in slices[1:]:
        own, above = np.arange(level.start, level.stop), parent[level]
        for table in (features, shares, last):
            table[own] = table[above]
        again = features[own] == feature[above, None]
        known = again.any(axis=1)
        here = np.where(known, again.argmax(axis=1), count[above])
        before[own] = np.where(known, last[own, here], -1)
        features[own, here], last[own, here] = feature[above], own
        shares[own, here] *= cover[own] / cover[above]
        slot[own], count[own] = here, count[above] + ~known
    return Nodes(
        nodes,
        slices,
        parent,
        left,
        is_left,
        feature,
        forest.threshold[nodes],
        forest.missing_left[nodes],
        forest.value[nodes],
        features,
        shares,
        last,
        before,
        slot,
        count,
    )


@dataclass(frozen=True)
class Groups:
    """Groups of leaves, in ascending order of their number of bits.

    Attributes
    ----------
    root : array of shape (n_groups,)
        The node below which its leaves are; the first bits are of the features on the path to it: whether a row meets
        all conditions on one.
    bits : array of shape (n_groups,)
    inner : array of shape (n_inner,)
        The nodes inside groups that are no leaves. A bit says whether a row goes to the left there.
    inner_group, inner_bit : arrays of shape (n_inner,)
        The group of such a node, and which of its bits is the node's.
    leaf : array of shape (n_leaves,)
        Leaves with a path, in the order of their groups.
    leaf_group : array of shape (n_leaves,)
    mask, want : arrays of shape (n_leaves, n_slots)
        Which bits tell whether a row meets the conditions of the leaf's path on a feature, and what these have to be.
    """

    root: IntArray
    bits: IntArray
    inner: IntArray
    inner_group: IntArray
    inner_bit: IntArray
    leaf: IntArray
    leaf_group: IntArray
    mask: IntArray
    want: IntArray


def grouped(nodes: Nodes) -> Groups:
    """Cut trees into the largest subtrees with few bits, and single leaves or pairs of them."""
    n_inner = np.where(nodes.left >= 0, 1, 0)
    for level in nodes.levels[:0:-1]:
        np.add.at(n_inner, nodes.parent[level], n_inner[level])
    bits = nodes.count + n_inner
    fits = (bits <= FEW_BITS) | (n_inner <= 1)
    above = nodes.parent
    root = np.flatnonzero(fits & (bits > 0) & ((above < 0) | ~fits[above]))
    root = root[np.argsort(bits[root], kind="stable")]
    group = np.full(len(above), -1)
    group[root] = np.arange(len(root))
    for level in nodes.levels[1:]:
        inside = np.arange(level.start, level.stop)[fits[above[level]]]
        group[inside] = group[above[inside]]
    inner = np.flatnonzero((group >= 0) & (nodes.left >= 0))
    inner = inner[np.argsort(group[inner], kind="stable")]
    start = np.searchsorted(group[inner], np.arange(len(root)))
    bit = np.zeros(len(above), dtype=np.int64)
    bit[inner] = np.arange(len(inner)) - start[group[inner]] + nodes.count[root[group[inner]]]
    leaf = np.flatnonzero((group >= 0) & (nodes.left < 0))
    leaf = leaf[np.argsort(group[leaf], kind="stable")]
    mask, want = _conditions(nodes, group, root, bit)
    return Groups(root, bits[root], inner, group[inner], bit[inner], leaf, group[leaf], mask[leaf], want[leaf])


def _conditions(nodes: Nodes, group: IntArray, root: IntArray, bit: IntArray) -> tuple[IntArray, IntArray]:
    mask, want = np.zeros_like(nodes.features), np.zeros_like(nodes.features)
    slots = np.arange(mask.shape[1])
    mask[root] = want[root] = np.where(slots < nodes.count[root, None], 1 << slots, 0)
    is_root = np.zeros(len(group), dtype=bool)
    is_root[root] = True
    for level in nodes.levels[1:]:
        own = np.arange(level.start, level.stop)
        own = own[(group[own] >= 0) & ~is_root[own]]
        above, slot = nodes.parent[own], nodes.slot[own]
        mask[own], want[own] = mask[above], want[above]
        here = 1 << bit[above]
        mask[own, slot] |= here
        want[own, slot] |= np.where(nodes.is_left[own], here, 0)
    return mask, want
