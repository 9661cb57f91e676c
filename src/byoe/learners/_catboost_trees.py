"""The trees of CatBoost as arrays."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ._oblivious import Oblivious, oblivious_values

# Deeper trees take tables that are as slow as the library.
_DEEPEST = 9


def tables_of(model: Any, threads: int) -> Callable[[NDArray[Any], int], FloatArray | None]:
    """Return what gives SHAP values of rows for so many classes, or None; its first call reads the trees."""
    trees = cache(lambda: trees_of(model))

    def compute(X: NDArray[Any], n_targets: int) -> FloatArray | None:
        forests = trees()
        if forests is None:
            return None
        with np.errstate(over="ignore"):
            cells = X.astype(np.float32)
        return oblivious_values(forests, cells, n_targets=n_targets, threads=threads)

    return compute


def trees_of(model: Any) -> list[Oblivious] | None:
    """Return the trees of a model by their depth; None where not all are oblivious and split on numbers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json")
        described = json.loads(file.read_text(encoding="utf-8"))
    if "trees" in described or "oblivious_trees" not in described:
        return None
    floats = described["features_info"].get("float_features", [])
    places = {own["feature_index"]: own["flat_feature_index"] for own in floats}
    below = {own["feature_index"]: own["nan_value_treatment"] != "AsTrue" for own in floats}
    scale, _ = described["scale_and_bias"]
    by_depth: dict[int, list[Mapping[str, Any]]] = {}
    for tree in described["oblivious_trees"]:
        splits = tree["splits"] or ()
        if len(splits) > _DEEPEST or any(split["split_type"] != "FloatFeature" for split in splits):
            return None
        by_depth.setdefault(len(splits), []).append(tree)
    by_depth.pop(0, None)  # no row is told from another
    return [_joined(trees, places, below, scale) for _, trees in sorted(by_depth.items())]


def _joined(
    trees: list[Mapping[str, Any]], places: Mapping[int, int], below: Mapping[int, bool], scale: float
) -> Oblivious:
    features = [[split["float_feature_index"] for split in tree["splits"]] for tree in trees]
    weights = np.array([tree["leaf_weights"] for tree in trees], dtype=np.float64)
    values = np.array([tree["leaf_values"] for tree in trees], dtype=np.float64) * scale
    borders = np.array([[split["border"] for split in tree["splits"]] for tree in trees], dtype=np.float32)
    with np.errstate(over="ignore"):  # the border of missing cells is the largest number
        thresholds = np.nextafter(borders, np.float32(np.inf))  # a cell at a border counts as below
    return Oblivious(
        np.array([[places[one] for one in row] for row in features]),
        thresholds,
        np.array([[below[one] for one in row] for row in features]),
        values.reshape(*weights.shape, -1).swapaxes(1, 2),
        weights,
    )
