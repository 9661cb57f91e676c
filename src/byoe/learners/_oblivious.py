"""Contributions of oblivious trees: all nodes of a level ask the same, so a row's leaf tells what it meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._row_tables import ROWS, Questions, patterns, summed
from ._tree_tables import quadrature

_CELLS = 1 << 16  # as many as stay in the cache of a core
_TREES = 256


@dataclass(frozen=True)
class Oblivious:
    """Oblivious trees of the same depth.

    Attributes
    ----------
    feature, threshold : arrays of shape (n_trees, depth)
        Bit j of a leaf's number is 0 where a row's value of that feature is below the threshold; the root asks for the
        last.
    missing_below : array of shape (n_trees, depth), bool
        Whether NaN counts as below.
    values : array of shape (n_trees, n_targets, 2 ** depth)
    weights : array of shape (n_trees, 2 ** depth)
        Of the training rows in each leaf.
    """

    feature: IntArray
    threshold: NDArray[np.float32]
    missing_below: NDArray[np.bool_]
    values: FloatArray
    weights: FloatArray

    def part(self, trees: slice) -> Oblivious:
        """Return some of the trees."""
        return Oblivious(**{item.name: getattr(self, item.name)[trees] for item in fields(self)})


def oblivious_values(forests: Sequence[Oblivious], X: NDArray[Any], *, n_targets: int, threads: int = 1) -> FloatArray:
    """Return the path-dependent SHAP values of rows, of shape (n_targets, n_features, n_rows).

    Parameters
    ----------
    forests : sequence of Oblivious
    X : array of shape (n_rows, n_features), float32
    n_targets : int
    threads : int
        The values do not depend on it.
    """
    columns = np.ascontiguousarray(X.T)
    batches = [
        trees.part(slice(start, start + _TREES)) for trees in forests for start in range(0, len(trees.feature), _TREES)
    ]
    shape = (n_targets, *columns.shape)

    def work(trees: Oblivious) -> FloatArray:
        return _of_trees(trees, columns, shape)

    return summed(work, batches, [slice(None)] * len(batches), shape, threads)


def _of_trees(trees: Oblivious, columns: NDArray[Any], shape: tuple[int, ...]) -> FloatArray:
    tables, tree, features = leaf_contributions(trees)
    bounds = np.searchsorted(tree, np.arange(len(trees.feature) + 1)).tolist()
    questions = Questions(trees.feature.ravel(), trees.threshold.ravel(), trees.missing_below.ravel())
    sources = questions.place.reshape(trees.feature.shape).T
    total = np.zeros(shape)
    answers = np.empty((sources.size, columns.shape[1]), dtype=bool)
    for start in range(0, columns.shape[1], ROWS):
        part = slice(start, start + ROWS)
        own = answers[:, part]
        questions.answer(columns[:, part], own)
        np.logical_not(own, out=own)
        for leaf, first, last in zip(patterns(own, sources), bounds[:-1], bounds[1:], strict=True):
            values = np.take(tables[first:last], leaf.astype(np.intp), axis=2, mode="wrap")
            for feature, own_values in zip(features[first:last].tolist(), values, strict=True):
                total[:, feature, part] += own_values
    return total


def leaf_contributions(trees: Oblivious) -> tuple[FloatArray, IntArray, IntArray]:
    """Return what each leaf that a row can be in adds to the contributions.

    Returns
    -------
    tables : array of shape (n_columns, n_targets, 2 ** depth)
        A column is of a tree and a feature of it.
    tree, feature : arrays of shape (n_columns,)
        Of the columns, in ascending order of trees.
    """
    _, n_targets, n_leaves = trees.values.shape
    first = trees.feature[:, :, None] == trees.feature[:, None, :]
    labels = first.argmax(axis=2)  # of each level, the first level with the same feature
    kinds, kind = np.unique(labels, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    is_first = labels == np.arange(labels.shape[1])
    ends = np.cumsum(is_first.sum(axis=1))
    tables = np.empty((int(ends[-1]), n_targets, n_leaves))
    tree, level = np.nonzero(is_first)
    step = max(1, _CELLS // 3 ** labels.shape[1] // n_targets)
    known: dict[tuple[int, ...], list[tuple[IntArray, IntArray, IntArray, IntArray]]] = {}
    for number, row in enumerate(kinds.tolist()):
        form = _form(tuple(row))
        known.setdefault(form.sizes, []).append((np.flatnonzero(kind == number), form.states, form.leaves, form.order))
    for sizes, parts in known.items():
        own = np.concatenate([part[0] for part in parts])
        states, leaves, order = (
            np.concatenate([np.broadcast_to(part[i], (len(part[0]), part[i].size)) for part in parts])
            for i in (1, 2, 3)
        )
        for start in range(0, len(own), step):
            chosen = slice(start, start + step)
            games = _expectations(trees.values[own[chosen]], trees.weights[own[chosen]])
            found = _shapley(np.take_along_axis(games, states[chosen].T[:, None], axis=0), sizes)
            found = np.take_along_axis(found, leaves[chosen].T[None, :, None], axis=1)
            places = ends[own[chosen]] - len(sizes)
            for slot in range(len(sizes)):
                tables[places + order[chosen, slot]] = found[slot].transpose(2, 1, 0)
    return tables, tree, trees.feature[tree, level]


def _expectations(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the expected value of trees for every state of their levels, of shape (3 ** depth, n_targets, n_trees).

    A level is not met (0), met (1), or unknown (2): then both branches count by their training rows. The last level is
    the first digit.
    """
    n_trees, n_targets, n_leaves = values.shape
    found = values.T.reshape(n_leaves, 1, n_targets, n_trees)
    weight = weights.T
    while len(found) > 1:
        low, high = found[::2], found[1::2]
        sums = weight[::2] + weight[1::2]
        share = np.divide(weight[1::2], sums, out=np.zeros_like(sums), where=sums > 0)[:, None, None]
        found = np.concatenate([low, high, low + share * (high - low)], axis=1)
        weight = sums
    return np.asarray(found[0], dtype=np.float64)


@dataclass(frozen=True)
class _Form:
    """How the levels of a tree share features; features with more levels come first.

    Attributes
    ----------
    sizes : tuple of int
        How many levels each feature has.
    states : array of shape (product of (2 ** size + 1),)
        Of all states of the levels those in which the levels of a feature are known together, or not. The last number
        of a feature stands for the latter.
    leaves : array of shape (2 ** depth,)
        The number of each leaf, where the bits of a feature stand together and the first feature has the highest.
    order : array of shape (n_features,)
        The place of a feature among those of the tree.
    """

    sizes: tuple[int, ...]
    states: IntArray
    leaves: IntArray
    order: IntArray


@cache
def _form(labels: tuple[int, ...]) -> _Form:
    firsts = sorted(set(labels))
    levels = [[level for level, label in enumerate(labels) if label == first] for first in firsts]
    order = sorted(range(len(levels)), key=lambda place: -len(levels[place]))
    states, leaves = np.zeros(1, dtype=np.int64), np.zeros(1 << len(labels), dtype=np.int64)
    numbers = np.arange(1 << len(labels))
    for place in order:
        own = levels[place]
        codes = np.arange(1 << len(own))
        digits = sum(((codes >> bit) & 1) * 3**level for bit, level in enumerate(own))
        unknown = sum(2 * 3**level for level in own)
        states = (states[:, None] + np.append(digits, unknown)).ravel()
        leaves = leaves << len(own)
        for bit, level in enumerate(own):
            leaves |= ((numbers >> level) & 1) << bit
    return _Form(tuple(len(levels[place]) for place in order), states, leaves, np.array(order))


def _shapley(games: FloatArray, sizes: tuple[int, ...]) -> FloatArray:
    """Return the Shapley values of games of shape (n_states, ...), of shape (n_features, 2 ** depth, ...).

    A Shapley value is the integral, over t from 0 to 1, of what a feature adds when each of the others is known with
    the probability t (Owen, 1972).
    """
    points, weights = quadrature(len(sizes))
    known = [1 << size for size in sizes]
    found = np.empty((len(sizes), int(np.prod(known)), *games.shape[1:]))

    def visit(values: FloatArray, shape: list[int], own: list[int]) -> None:
        """Go through the features that are not mixed yet, half of them at a time."""
        if len(own) == 1:
            parted = values.reshape(len(points), -1, shape[own[0]], *_behind(values, shape, own[0]))
            gains = (parted[:, :, :-1] - parted[:, :, -1:]).reshape(len(points), -1)
            found[own[0]] = (weights[:, None] * gains).sum(axis=0).reshape(found.shape[1:])
            return
        for half, others in (
            (own[: len(own) // 2], own[len(own) // 2 :]),
            (own[len(own) // 2 :], own[: len(own) // 2]),
        ):
            part, left = values, list(shape)
            for feature in others:
                parted = part.reshape(len(points), -1, left[feature], *_behind(part, left, feature))
                unknown = parted[:, :, -1:]
                part = unknown + points[:, None, None, None] * (parted[:, :, :-1] - unknown)
                left[feature] = known[feature]
            visit(part, left, half)

    visit(np.broadcast_to(games, (len(points), *games.shape)), [size + 1 for size in known], [*range(len(sizes))])
    return found


def _behind(values: FloatArray, shape: list[int], feature: int) -> tuple[int]:
    """Return how many cells there are for a state of a feature, in arrays of one point and those before it."""
    return (values[0].size // int(np.prod(shape[: feature + 1])),)
