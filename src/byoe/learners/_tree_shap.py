"""Path-dependent SHAP values of trees for many rows, by tables that are made once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._forest import Forest
from ._row_tables import ROWS, Questions, patterns, summed
from ._tree_groups import Groups, Nodes, grouped, paths
from ._tree_tables import group_tables

NODES = 2048
# Of tables: at a time; of one tree; and of a leaf for each row, where they take as long as the libraries.
CELLS, MOST_CELLS, CELLS_EACH = 1 << 22, 1 << 23, 3
MOST_BITS = 16


def shapley_values(forest: Forest, X: NDArray[Any], *, n_targets: int, threads: int = 1) -> FloatArray | None:
    """Return the path-dependent SHAP values of rows.

    They are those of TreeSHAP (Lundberg et al., 2020): a feature that is not known sends a row down both branches, by
    their share of the training rows. What a leaf adds depends only on which conditions of its path a row meets, so it
    is made for all patterns of these before any row is read, as FastTreeSHAP v2 (Yang, 2021) and WOODELF (Nadel &
    Wettenstein, 2025) do.

    Parameters
    ----------
    forest : Forest
    X : array of shape (n_rows, n_features)
        As the library compares it.
    n_targets : int
    threads : int
        The values do not depend on it.

    Returns
    -------
    array of shape (n_targets, n_features, n_rows), or None
        None where the tables would take longer than the library.
    """
    if not forest.has_cover():
        return None
    cells, bits, n_leaves = _sizes(forest)
    if bits > MOST_BITS or cells.max() > MOST_CELLS or cells.sum() > CELLS_EACH * len(X) * n_leaves:
        return None
    columns = np.ascontiguousarray(X.T)
    batches = list(_batches(forest, cells))
    targets = [int(forest.targets[trees[0]]) for trees in batches]

    def work(trees: IntArray) -> FloatArray:
        return _of_trees(forest, trees, columns)

    return summed(work, batches, targets, (n_targets, *columns.shape), threads)


def _sizes(forest: Forest) -> tuple[FloatArray, int, int]:
    """Return the cells of the tables of each tree, the most bits of a group, and the number of leaves."""
    cells, bits, n_leaves = np.zeros(len(forest.roots)), 0, 0
    of_node = np.repeat(np.arange(len(forest.roots)), np.diff(forest.roots, append=len(forest.left)))
    for trees in _batches(forest, cells):
        nodes = paths(forest, forest.roots[trees])
        groups = grouped(nodes)
        own = groups.bits[groups.leaf_group]
        np.add.at(cells, of_node[nodes.number[groups.leaf]], 2.0**own * nodes.count[groups.leaf])
        bits, n_leaves = max(bits, int(own.max(initial=0))), n_leaves + len(own)
    return cells, bits, n_leaves


def _batches(forest: Forest, cells: FloatArray) -> Iterator[IntArray]:
    """Yield trees that add to the same target, as many as take little memory."""
    sizes = np.diff(forest.roots, append=len(forest.left)) / NODES + cells / CELLS
    for target in np.unique(forest.targets):
        trees = np.flatnonzero(forest.targets == target)
        number = np.floor(np.cumsum(sizes[trees]))
        yield from np.split(trees, np.flatnonzero(np.diff(number)) + 1)


def _of_trees(forest: Forest, trees: IntArray, columns: NDArray[Any]) -> FloatArray:
    nodes = paths(forest, forest.roots[trees])
    groups = grouped(nodes)
    found = np.zeros(columns.shape)
    if not len(groups.root):
        return found
    reading = _Reading(nodes, groups, len(columns))
    for start in range(0, columns.shape[1], ROWS):
        part = slice(start, start + ROWS)
        reading.add(columns[:, part], found[:, part])
    return found


class _Reading:
    """How rows are led to the tables of some trees.

    Answers have a row for each node above the groups, and each root of one: whether the last condition that leads
    there, and all on the same feature before it, are met. Behind them is one for each inner node: whether it sends a
    row to the left.
    """

    def __init__(self, nodes: Nodes, groups: Groups, width: int) -> None:
        self.tables, group, self.features = group_tables(nodes, groups, width)
        self.ends = np.searchsorted(group, np.arange(len(groups.root)), side="right").tolist()
        inner = np.flatnonzero(nodes.left >= 0)
        self.questions = Questions(nodes.feature[inner], nodes.threshold[inner], nodes.missing_left[inner])
        self.asked = np.zeros(len(nodes.left), dtype=np.int64)
        self.asked[inner] = self.questions.place
        self.met = np.full(len(nodes.left), -1)
        self.steps = list(self._steps(nodes, groups))
        self.n_met, self.n_asked = int(self.met.max() + 1), len(inner)
        self.sources = [self._sources(nodes, groups, bits) for bits in np.unique(groups.bits).tolist()]

    def _steps(self, nodes: Nodes, groups: Groups) -> Iterator[tuple[slice, IntArray, NDArray[np.bool_], IntArray]]:
        """Yield, level by level, which answers are made of which."""
        wanted = np.zeros(len(nodes.left), dtype=bool)
        wanted[groups.root] = True
        for level in nodes.levels[:0:-1]:
            wanted[nodes.parent[level][wanted[level]]] = True
        start = 0
        for level in nodes.levels[1:]:
            own = np.arange(level.start, level.stop)[wanted[level]]
            own = own[np.argsort(nodes.before[own] < 0, kind="stable")]  # first those with another condition before
            before = nodes.before[own]
            end = start + len(own)
            self.met[own] = np.arange(start, end)
            yield (
                slice(start, end),
                self.asked[nodes.parent[own]],
                ~nodes.is_left[own, None],
                self.met[before[before >= 0]],
            )
            start = end

    def _sources(self, nodes: Nodes, groups: Groups, bits: int) -> IntArray:
        """Return where the bits of the groups with so many of them are, of shape (bits, n_groups)."""
        own = np.flatnonzero(groups.bits == bits)
        roots = groups.root[own]
        found = np.zeros((bits, len(own)), dtype=np.int64)
        for slot in range(min(bits, nodes.last.shape[1])):
            above = nodes.count[roots] > slot
            found[slot, above] = self.met[nodes.last[roots[above], slot]]
        here = groups.bits[groups.inner_group] == bits
        place = groups.inner_group[here] - own[0]
        found[groups.inner_bit[here], place] = self.n_met + self.asked[groups.inner[here]]
        return found

    def add(self, columns: NDArray[Any], total: FloatArray) -> None:
        """Add contributions to rows given as columns, both of shape (n_features, n_rows)."""
        answers = self._answers(columns)
        group = start = 0
        for table, sources in zip(self.tables, self.sources, strict=True):
            offset = start
            for pattern in patterns(answers, sources):
                end = self.ends[group]
                values = np.take(table[start - offset : end - offset], pattern.astype(np.intp), axis=1, mode="wrap")
                for feature, own in zip(self.features[start:end].tolist(), values, strict=True):
                    total[feature] += own
                group, start = group + 1, end

    def _answers(self, columns: NDArray[Any]) -> NDArray[np.bool_]:
        answers = np.empty((self.n_met + self.n_asked, columns.shape[1]), dtype=bool)
        lefts = answers[self.n_met :]
        self.questions.answer(columns, lefts)
        for own, asked, turned, before in self.steps:
            np.take(lefts, asked, axis=0, out=answers[own], mode="clip")
            answers[own] ^= turned
            answers[own][: len(before)] &= answers[before]
        return answers
