"""The trees of LightGBM as a forest of arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ._forest import Forest
from ._tree_shap import shapley_values

# Bits of a node's decision type.
_CATEGORIES, _DEFAULT_LEFT, _MISSING = 1, 2, 12
_ZERO_IS_MISSING, _NAN_IS_MISSING = 4, 8
_TINY = 1e-35  # what LightGBM takes for zero


def tables_of(booster: Any, rounds: int, threads: int) -> Callable[[NDArray[Any], int], FloatArray | None]:
    """Return what gives SHAP values of rows for so many classes, or None; its first call reads the trees."""
    trees = cache(lambda: forest_of(booster, rounds))

    def compute(X: NDArray[Any], n_targets: int) -> FloatArray | None:
        forest = trees()
        return None if forest is None else shapley_values(forest, cells(X), n_targets=n_targets, threads=threads)

    return compute


def forest_of(booster: Any, rounds: int) -> Forest | None:
    """Return the trees of the first rounds; None where they are more than trees that split on numbers."""
    text = booster.model_to_string(num_iteration=rounds)
    head, *parts = text.partition("\nend of trees")[0].split("\nTree=")
    per_round = int(head.partition("num_tree_per_iteration=")[2].split(maxsplit=1)[0])
    trees = []
    for part in parts:
        tree = _tree(dict(line.split("=", 1) for line in part.splitlines() if "=" in line))
        if tree is None:
            return None
        trees.append(tree)
    return Forest.joined(trees, [number % per_round for number in range(len(trees))]) if trees else None


def _tree(lines: dict[str, str]) -> dict[str, NDArray[Any]] | None:
    n_leaves = int(lines["num_leaves"])
    if int(lines.get("num_cat", 0)) or int(lines.get("is_linear", 0)):
        return None
    if n_leaves == 1:
        return _joined({}, _numbers(lines["leaf_value"]), np.ones(1))
    kinds = _numbers(lines["decision_type"]).astype(np.int64)
    if (kinds & _CATEGORIES).any() or (kinds & _MISSING == _ZERO_IS_MISSING).any():
        return None
    threshold = _numbers(lines["threshold"])
    with np.errstate(over="ignore"):
        below = np.nextafter(threshold, np.inf)  # a cell at a threshold goes to the left
    inner = {
        # A leaf is given by the complement of its number.
        **{side: _children(lines[f"{side}_child"], n_leaves - 1) for side in ("left", "right")},
        "feature": _numbers(lines["split_feature"]).astype(np.int64),
        "threshold": below,
        # Without missing cells in training LightGBM takes one for zero.
        "missing_left": np.where(kinds & _MISSING == _NAN_IS_MISSING, kinds & _DEFAULT_LEFT > 0, threshold >= 0),
        "cover": _numbers(lines["internal_count"]),
    }
    return _joined(inner, _numbers(lines["leaf_value"]), _numbers(lines["leaf_count"]))


def _numbers(text: str) -> FloatArray:
    return np.array(text.split(), dtype=np.float64)


def _children(text: str, n_inner: int) -> NDArray[np.int64]:
    numbers = _numbers(text).astype(np.int64)
    return np.where(numbers < 0, n_inner + ~numbers, numbers)


def _joined(inner: dict[str, NDArray[Any]], values: FloatArray, counts: FloatArray) -> dict[str, NDArray[Any]]:
    """Return inner nodes, if any, and the leaves behind them."""
    ends = np.full(len(values), -1)
    leaves = {
        "left": ends,
        "right": ends,
        "feature": np.zeros(len(values), dtype=np.int64),
        "threshold": np.zeros(len(values)),
        "missing_left": np.zeros(len(values), dtype=bool),
        "cover": counts,
    }
    nodes = {name: np.concatenate([inner[name], part]) if inner else part for name, part in leaves.items()}
    return {**nodes, "value": np.concatenate([np.zeros(len(nodes["left"]) - len(values)), values])}


def cells(X: NDArray[Any]) -> FloatArray:
    """Return rows as LightGBM compares them: what is nearly zero is zero."""
    values = X.astype(np.float64)
    values[np.abs(values) <= _TINY] = 0.0
    return values
