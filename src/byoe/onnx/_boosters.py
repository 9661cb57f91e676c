"""Models of XGBoost, LightGBM and CatBoost as trees of ONNX."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts._task import FloatArray, Task
from ..learners._stand_ins import StandIns
from ..learners.xgboost import STAND_INS
from ._graph import Graph, NotExportableError
from ._trees import ABOVE, AT_MOST, BELOW, ONE_OF, Tree, Trees

_TINY = 1e-35  # what LightGBM takes for zero
_EACH = "each against the rest"


_XGBOOST_PARTS = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "weight_drop"}


_XGBOOST_LINKS = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "logistic"),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exp"),
    "multi:softprob": "softmax",
    **dict.fromkeys(
        (
            "reg:squarederror",
            "reg:squaredlogerror",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "reg:quantileerror",
        ),
        "identity",
    ),
}


def _told(graph: Graph, scores: str, link: str, task: Task) -> str:
    """Return what scores tell: predictions, or probabilities of every class."""
    if not task.is_classification:
        return graph.link(scores, link)
    if link != _EACH:
        return graph.probabilities(scores, link)
    shares = graph.link(scores, "logistic")
    return str(graph.op("Div", shares, graph.total(shares)))


def xgboost(graph: Graph, booster: Any, x: str, task: Task) -> str:
    """Return the predictions of a booster of XGBoost."""
    described = json.loads(bytes(booster.save_raw("json")))["learner"]
    kind, objective = described["gradient_booster"], described["objective"]["name"]
    link = _XGBOOST_LINKS.get(objective)
    if link is None:
        raise NotExportableError(f"its objective {objective!r} has no form here")
    if kind["name"] not in ("gbtree", "dart"):
        raise NotExportableError(f"XGBoost's booster {kind['name']!r} is not one of trees; use booster='gbtree'")
    forest = (kind["gbtree"] if kind["name"] == "dart" else kind)["model"]
    if unknown := forest.keys() - _XGBOOST_PARTS:
        raise NotExportableError(f"this release of XGBoost keeps {', '.join(sorted(unknown))} in a model, too")
    # Since XGBoost 3.4 every booster may have dropout, and keeps its weights beside the trees.
    drops = kind.get("weight_drop") or forest.get("weight_drop")
    start = np.atleast_1d(json.loads(described["learner_model_param"]["base_score"])).astype(np.float32)
    n_targets = max(1, int(described["learner_model_param"]["num_class"]))
    trees = Trees(n_targets)
    trees.bias += _margin(start.astype(np.float64), link)
    for number, (tree, target) in enumerate(zip(forest["trees"], forest["tree_info"], strict=True)):
        if int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise NotExportableError("its trees have vectors as leaves; use multi_strategy='one_output_per_tree'")
        _add_xgboost(trees, target, tree, 1.0 if not drops else float(np.float32(drops[number])))
    if (told := booster.attr(STAND_INS)) is not None:
        x = _met(graph, x, StandIns.restore(told), int(booster.num_features()))
    return _told(graph, trees.sums(graph, graph.single(x)), link, task)


def _met(graph: Graph, x: str, stand_ins: StandIns, width: int) -> str:
    """Return the features with categories that the training rows of a booster had."""
    parts, begin = [], 0
    for column, unmet, instead in zip(stand_ins.columns.tolist(), stand_ins.unmet, stand_ins.instead, strict=True):
        if column > begin:
            parts.append(graph.columns(x, range(begin, column)))
        begin, code = column + 1, graph.columns(x, [column])
        met = graph.cast(graph.op("Equal", code, graph.constant(np.flatnonzero(~unmet[:-2]).astype(np.float64))))
        found = graph.op("Greater", graph.total(met), graph.constant(0.0))
        if not unmet[-1]:
            found = graph.op("Or", found, graph.op("IsNaN", code))
        parts.append(str(graph.op("Where", found, code, graph.constant(instead))))
    if begin < width:
        parts.append(graph.columns(x, range(begin, width)))
    return graph.join(parts)


def _add_xgboost(trees: Trees, target: int, tree: Mapping[str, Any], factor: float) -> None:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    numbers = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    default_left = np.array(tree["default_left"], dtype=bool)
    sets = np.array(tree["split_type"], dtype=bool)
    members = {
        node: tree["categories"][start : start + size]
        for node, start, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
        )
    }
    trees.add(
        target,
        Tree(
            leaf=left < 0,
            value=numbers * factor,
            feature=tree["split_indices"],
            threshold=np.where(sets, 0.0, numbers),
            mode=np.where(sets, ONE_OF, BELOW),
            # A category of the set goes to the right.
            true=np.where(sets, right, left),
            false=np.where(sets, left, right),
            missing=default_left != sets,
            members=members,
        ),
    )


def _margin(start: FloatArray, link: str) -> FloatArray:
    if link == "logistic":
        return np.asarray(np.log(start / (1.0 - start)))
    return np.asarray(np.log(start)) if link == "exp" else start


_LIGHTGBM_LINKS = {
    **dict.fromkeys("regression regression_l1 huber fair quantile mape".split(), "identity"),
    **dict.fromkeys("poisson gamma tweedie".split(), "exp"),
    "cross_entropy": "logistic",
    "binary": "logistic",
    "multiclass": "softmax",
    "multiclassova": _EACH,
}


def lightgbm(graph: Graph, booster: Any, x: str, task: Task) -> str:
    """Return the predictions of a booster of LightGBM."""
    dump = booster.dump_model()
    objective, *options = str(dump.get("objective", "")).split()
    link = _LIGHTGBM_LINKS.get(objective)
    if link is None:
        raise NotExportableError(f"its objective {objective!r} has no form here")
    if any("leaf_const" in json.dumps(tree) for tree in dump["tree_info"][:1]):
        raise NotExportableError("its leaves are linear models; use linear_tree=False")
    n_targets = int(dump["num_tree_per_iteration"])
    trees, zeros = Trees(n_targets), set[int]()
    for number, tree in enumerate(dump["tree_info"]):
        _add_lightgbm(trees, number % n_targets, tree["tree_structure"], zeros)
    if zeros:
        x = _zeros_as_missing(graph, x, sorted(zeros), int(dump["max_feature_idx"]) + 1)
    found = trees.sums(graph, x)
    if dump["average_output"]:
        found = graph.divide(found, len(dump["tree_info"]) / n_targets)
    for option in options:
        name, _, value = option.partition(":")
        if name == "sigmoid":
            found = graph.scale(found, float(value))
        elif name == "sqrt":
            found = graph.op("Mul", graph.op("Sign", found), graph.op("Mul", found, found))
    return _told(graph, found, link, task)


def _zeros_as_missing(graph: Graph, x: str, columns: list[int], width: int) -> str:
    chosen = np.isin(np.arange(width), columns)
    near = graph.op("LessOrEqual", graph.op("Abs", x), graph.constant(_TINY))
    zero = graph.op("And", near, graph.constant(chosen, bool))
    return str(graph.op("Where", zero, graph.constant(np.nan), x))


def _add_lightgbm(trees: Trees, target: int, root: Mapping[str, Any], zeros: set[int]) -> None:
    rows: list[dict[str, Any]] = []
    members: dict[int, list[float]] = {}

    def visit(node: Mapping[str, Any]) -> int:
        place = len(rows)
        row: dict[str, Any] = dict.fromkeys(("feature", "threshold", "mode", "true", "false", "missing", "value"), 0)
        rows.append({**row, "leaf": "split_index" not in node})
        if "split_index" not in node:
            rows[place]["value"] = node["leaf_value"]
            return place
        own = _split_lightgbm(node)
        if own["mode"] == ONE_OF:
            members[place] = [float(code) for code in str(node["threshold"]).split("||")]
        elif node["missing_type"] == "Zero":
            zeros.add(own["feature"])
        rows[place].update(own, true=visit(node["left_child"]), false=visit(node["right_child"]))
        return place

    visit(root)
    trees.add(target, Tree(members=members, **{name: np.array([row[name] for row in rows]) for name in rows[0]}))


def _split_lightgbm(node: Mapping[str, Any]) -> dict[str, Any]:
    feature = int(node["split_feature"])
    if node["decision_type"] == "==":
        return {"feature": feature, "mode": ONE_OF, "missing": False}
    threshold = float(node["threshold"])
    # Without missing cells in training LightGBM takes one for zero.
    missing = threshold >= 0.0 if node["missing_type"] == "None" else bool(node["default_left"])
    return {"feature": feature, "mode": AT_MOST, "threshold": threshold, "missing": missing}


_CATBOOST_LINKS = {
    "Logloss": "logistic",
    "CrossEntropy": "logistic",
    "MultiClass": "softmax",
    "MultiClassOneVsAll": _EACH,
}


def catboost(graph: Graph, model: Any, x: str, task: Task) -> str:
    """Return the predictions of a model of CatBoost."""
    loss = str(model.get_all_params().get("loss_function"))
    if task.is_classification:
        link = _CATBOOST_LINKS.get(loss)
    elif loss.startswith("RMSEWithUncertainty"):
        link = None
    else:
        link = "exp" if loss.startswith(("Poisson", "Tweedie")) else "identity"
    if link is None:
        raise NotExportableError(f"its loss_function {loss!r} has no form here")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json")
        described = json.loads(file.read_text(encoding="utf-8"))
    scale, bias = described["scale_and_bias"]
    floats = described["features_info"].get("float_features", [])
    places = {own["feature_index"]: own["flat_feature_index"] for own in floats}
    missing = {own["feature_index"]: own["nan_value_treatment"] == "AsTrue" for own in floats}
    trees = Trees(len(bias))
    for tree in described.get("oblivious_trees", ()):
        arrays, leaves = _oblivious(tree)
        _add_catboost(trees, arrays, leaves * scale, places, missing)
    for tree in described.get("trees", ()):
        arrays, leaves = _unbalanced(tree, len(bias))
        _add_catboost(trees, arrays, leaves * scale, places, missing)
    trees.bias += np.asarray(bias, dtype=np.float64)
    return _told(graph, trees.sums(graph, graph.single(x)), link, task)


def _add_catboost(
    trees: Trees, arrays: dict[str, Any], leaves: FloatArray, places: Mapping[int, int], missing: Mapping[int, bool]
) -> None:
    inner = ~arrays["leaf"]
    own = arrays["feature"]
    for name, table in (("feature", places), ("missing", missing)):
        arrays[name] = np.zeros(len(inner), dtype=np.int64)
        arrays[name][inner] = [table[int(number)] for number in own[inner]]
    for target, values in enumerate(leaves.T):
        trees.add(target, Tree(value=values, mode=ABOVE, **arrays))


def _border(split: Mapping[str, Any]) -> tuple[int, float]:
    if split["split_type"] != "FloatFeature":
        raise NotExportableError(
            "its trees split on categories, which CatBoost knows by hashes and statistics of its own; give this member "
            "numbers"
        )
    return split["float_feature_index"], float(np.float32(split["border"]))


def _oblivious(tree: Mapping[str, Any]) -> tuple[dict[str, Any], FloatArray]:
    # The first split is the lowest bit of a leaf's number, so it stands at the bottom.
    splits = [_border(split) for split in reversed(tree["splits"] or ())]
    n_inner = 2 ** len(splits) - 1
    n_nodes = 2 * n_inner + 1
    level = np.floor(np.log2(np.arange(n_nodes) + 1)).astype(np.int64)
    table = np.array([*splits, (0, 0.0)])[level]
    node = np.arange(n_nodes)
    values = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(n_inner + 1, -1)
    leaves = np.vstack([np.zeros((n_inner, values.shape[1])), values])
    arrays = {
        "leaf": node >= n_inner,
        "feature": table[:, 0].astype(np.int64),
        "threshold": table[:, 1],
        "false": np.minimum(2 * node + 1, n_nodes - 1),
        "true": np.minimum(2 * node + 2, n_nodes - 1),
    }
    return arrays, leaves


def _unbalanced(tree: Mapping[str, Any], width: int) -> tuple[dict[str, Any], FloatArray]:
    rows: list[list[float]] = []
    leaves: list[Any] = []

    def visit(node: Mapping[str, Any]) -> int:
        place = len(rows)
        rows.append([True, 0, 0.0, 0, 0])
        leaves.append(np.zeros(width) if "split" in node else np.atleast_1d(node["value"]))
        if "split" in node:
            feature, border = _border(node["split"])
            rows[place] = [False, feature, border, visit(node["left"]), visit(node["right"])]
        return place

    visit(tree)
    table = np.array(rows, dtype=np.float64)
    arrays = {name: table[:, i].astype(np.int64) for i, name in ((1, "feature"), (3, "false"), (4, "true"))}
    return {**arrays, "leaf": table[:, 0] > 0, "threshold": table[:, 2]}, np.array(leaves, dtype=np.float64)
