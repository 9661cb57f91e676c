"""The trees of XGBoost as a forest of arrays."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ._forest import Forest
from ._tree_shap import shapley_values

_PARTS = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "weight_drop"}


def tables_of(booster: Any, threads: int) -> Callable[[NDArray[Any], int], FloatArray | None]:
    """Return what gives SHAP values of rows for so many classes, or None; its first call reads the trees."""
    trees = cache(lambda: forest_of(booster))

    def compute(X: NDArray[Any], n_targets: int) -> FloatArray | None:
        forest = trees()
        with np.errstate(over="ignore"):
            cells = X.astype(np.float32)
        if forest is None or np.isinf(cells).any():  # which XGBoost refuses
            return None
        return shapley_values(forest, cells, n_targets=n_targets, threads=threads)

    return compute


def forest_of(booster: Any) -> Forest | None:
    """Return the trees of a booster; None where it has more than trees that split on numbers."""
    described = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    model = described.get("model", {})
    if described["name"] != "gbtree" or model.keys() - _PARTS or model.get("weight_drop") or not model["trees"]:
        return None
    trees = []
    for tree in model["trees"]:
        if int(tree["tree_param"]["size_leaf_vector"]) > 1 or any(tree["split_type"]):
            return None
        numbers = np.array(tree["split_conditions"], dtype=np.float32)
        trees.append(
            {
                "left": np.array(tree["left_children"]),
                "right": np.array(tree["right_children"]),
                "feature": np.array(tree["split_indices"]),
                "threshold": numbers,
                "missing_left": np.array(tree["default_left"], dtype=bool),
                "value": numbers.astype(np.float64),
                "cover": np.array(tree["sum_hessian"], dtype=np.float64),
            }
        )
    return Forest.joined(trees, model["tree_info"])
