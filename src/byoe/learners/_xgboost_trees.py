"""The trees of XGBoost as a forest of arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ._forest import Forest

_PARTS = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "weight_drop"}


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
