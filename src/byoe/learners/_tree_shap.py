"""Contributions of trees to many rows, by tables that are made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._forest import Forest
from ._tree_groups import Groups, Nodes, grouped, paths
from ._tree_tables import group_tables

_NODES = 2048
_ROWS = 2048


def shapley_values(forest: Forest, X: NDArray[Any], n_targets: int, *, threads: int = 1) -> FloatArray:
    """Return the path-dependent SHAP values of rows, of shape (n_targets, n_features, n_rows)."""
    found = np.zeros((n_targets, X.shape[1], len(X)))
    columns = np.ascontiguousarray(X.T)
    batches = list(_batches(forest))
    work: Callable[[IntArray], FloatArray] = lambda trees: _of_trees(forest, trees, columns)
    if threads == 1:
        parts: Any = map(work, batches)
        _collect(found, forest, batches, parts)
        return found
    with ThreadPoolExecutor(threads) as pool:
        _collect(found, forest, batches, pool.map(work, batches))
    return found


def _collect(found: FloatArray, forest: Forest, batches: list[IntArray], parts: Iterator[FloatArray]) -> None:
    for trees, part in zip(batches, parts, strict=True):
        found[forest.targets[trees[0]]] += part


def _batches(forest: Forest) -> Iterator[IntArray]:
    sizes = np.diff(forest.roots, append=len(forest.left))
    for target in np.unique(forest.targets):
        trees = np.flatnonzero(forest.targets == target)
        number = (np.cumsum(sizes[trees]) - 1) // _NODES
        yield from np.split(trees, np.flatnonzero(np.diff(number)) + 1)


def _of_trees(forest: Forest, trees: IntArray, columns: NDArray[Any]) -> FloatArray:
    nodes = paths(forest, forest.roots[trees])
    groups = grouped(nodes)
    found = np.zeros(columns.shape)
    if not len(groups.root):
        return found
    reading = _Reading(nodes, groups, len(columns))
    for start in range(0, columns.shape[1], _ROWS):
        part = slice(start, start + _ROWS)
        reading.add(columns[:, part], found[:, part])
    return found


class _Reading:
    """How rows are led to the tables of some trees."""

    def __init__(self, nodes: Nodes, groups: Groups, width: int) -> None:
        self.tables, group, self.features = group_tables(nodes, groups, width)
        self.ends = np.searchsorted(group, np.arange(len(groups.root)), side="right").tolist()
        self.n_bits = np.unique(groups.bits).tolist()
        inner = np.flatnonzero(nodes.left >= 0)
        self.inner = inner[np.lexsort((nodes.missing_left[inner], nodes.feature[inner]))]
        self.compared = _runs(nodes, self.inner)
        row = np.zeros(len(nodes.left), dtype=np.int64)
        row[self.inner] = np.arange(len(self.inner))
        self._lead(nodes, groups, row)
        self.sources = [self._sources(nodes, groups, row, bits) for bits in self.n_bits]

    def _lead(self, nodes: Nodes, groups: Groups, row: IntArray) -> None:
        inside = np.zeros(len(nodes.left), dtype=bool)
        inside[groups.root] = True
        upper = [groups.root]
        # The nodes above the groups, and the groups' own roots.
        while len(upper[-1]):
            above = np.unique(nodes.parent[upper[-1]])
            upper.append(above[(above >= 0) & ~inside[above]])
            inside[upper[-1]] = True
        self.upper_of = np.full(len(nodes.left), -1)
        self.steps = []
        total = 0
        for level in nodes.levels[1:]:
            own = np.arange(level.start, level.stop)
            own = own[inside[own]]
            own = own[np.argsort(nodes.before[own] < 0, kind="stable")]  # first those with a condition before
            if not len(own):
                continue
            self.upper_of[own] = total + np.arange(len(own))
            again = int((nodes.before[own] >= 0).sum())
            self.steps.append(
                (
                    slice(total, total + len(own)),
                    row[nodes.parent[own]],
                    ~nodes.is_left[own, None],
                    self.upper_of[nodes.before[own[:again]]],
                )
            )
            total += len(own)
        self.n_upper = total

    def _sources(self, nodes: Nodes, groups: Groups, row: IntArray, bits: int) -> IntArray:
        """Return where the bits of groups are, of shape (bits, n_groups)."""
        own = np.flatnonzero(groups.bits == bits)
        roots = groups.root[own]
        found = np.zeros((bits, len(own)), dtype=np.int64)
        for slot in range(min(bits, nodes.last.shape[1])):
            has = nodes.count[roots] > slot
            found[slot, has] = self.upper_of[nodes.last[roots[has], slot]]
        here = groups.bits[groups.inner_group] == bits
        found[groups.inner_bit[here], groups.inner_group[here] - own[0]] = self.n_upper + row[groups.inner[here]]
        return found

    def add(self, columns: NDArray[Any], total: FloatArray) -> None:
        """Add contributions to rows given as columns, both of shape (n_features, n_rows)."""
        answers = self._answers(columns)
        group = start = 0
        for bits, table, sources in zip(self.n_bits, self.tables, self.sources, strict=True):
            offset = start
            for pattern in _patterns(answers, sources, bits):
                end = self.ends[group]
                values = np.take(table[start - offset : end - offset], pattern.astype(np.intp), axis=1, mode="wrap")
                for feature, own in zip(self.features[start:end].tolist(), values, strict=True):
                    total[feature] += own
                group, start = group + 1, end

    def _answers(self, columns: NDArray[Any]) -> NDArray[np.bool_]:
        answers = np.empty((self.n_upper + len(self.inner), columns.shape[1]), dtype=bool)
        lefts = answers[self.n_upper :]
        for feature, part, thresholds, missing in self.compared:
            if missing:
                np.greater_equal(columns[feature], thresholds, out=lefts[part])
                np.logical_not(lefts[part], out=lefts[part])
            else:
                np.less(columns[feature], thresholds, out=lefts[part])
        for own, parents, turned, before in self.steps:
            np.take(lefts, parents, axis=0, out=answers[own], mode="clip")
            answers[own] ^= turned
            answers[own][: len(before)] &= answers[before]
        return answers


def _runs(nodes: Nodes, inner: IntArray) -> list[tuple[int, slice, NDArray[Any], bool]]:
    """Return nodes that compare the same column and treat missing values alike."""
    keys = nodes.feature[inner] * 2 + nodes.missing_left[inner]
    edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(inner)]
    return [
        (int(keys[start] // 2), slice(start, end), nodes.threshold[inner[start:end], None], bool(keys[start] % 2))
        for start, end in zip(edges, edges[1:], strict=False)
    ]


def _patterns(answers: NDArray[np.bool_], sources: IntArray, bits: int) -> NDArray[np.unsignedinteger]:
    """Return the patterns of groups, of shape (n_groups, n_rows)."""
    found = np.zeros((sources.shape[1], answers.shape[1]), dtype=np.uint8 if bits <= 8 else np.uint16)
    for rows in sources[::-1]:
        found += found
        found |= answers[rows]
    return found
