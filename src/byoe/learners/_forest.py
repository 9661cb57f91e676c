"""Trees of a booster as arrays, whichever library grew them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray


@dataclass(frozen=True)
class Forest:
    """Binary trees that add up; n nodes in all.

    Attributes
    ----------
    roots : array of shape (n_trees,)
        The node at which each tree starts.
    targets : array of shape (n_trees,)
        The target, or class, to which it adds.
    left, right : arrays of shape (n,)
        The children of a node; -1 where it is a leaf.
    feature : array of shape (n,)
    threshold : array of shape (n,)
        A row whose value is below it goes to the left.
    missing_left : array of shape (n,), bool
        Where a row goes whose value is NaN.
    value : array of shape (n,)
        What a leaf adds.
    cover : array of shape (n,)
        The weight of the training rows that came there.
    """

    roots: IntArray
    targets: IntArray
    left: IntArray
    right: IntArray
    feature: IntArray
    threshold: NDArray[Any]
    missing_left: NDArray[np.bool_]
    value: FloatArray
    cover: FloatArray

    @classmethod
    def joined(cls, trees: Sequence[dict[str, NDArray[Any]]], targets: Sequence[int]) -> Self:
        """Join trees given by their nodes, the first of which is the root."""
        sizes = np.array([len(tree["left"]) for tree in trees])
        roots = np.cumsum(sizes) - sizes
        names = [item.name for item in fields(cls)][2:]
        joined = {name: np.concatenate([tree[name] for tree in trees]) for name in names}
        for name in ("left", "right"):
            child = joined[name].astype(np.int64)
            joined[name] = np.where(child < 0, -1, child + np.repeat(roots, sizes))
        return cls(roots, np.asarray(targets, dtype=np.int64), **joined)

    def levels(self, roots: IntArray) -> Iterator[IntArray]:
        """Yield the nodes of some trees: all roots, then their children, and so on."""
        level = roots
        while len(level):
            yield level
            inner = level[self.left[level] >= 0]
            level = np.concatenate([self.left[inner], self.right[inner]])

    def has_cover(self) -> bool:
        """Return whether training rows came to every node, so that every share of them is known."""
        return bool((self.cover > 0).all() and np.isfinite(self.cover).all())
