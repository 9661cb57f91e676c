"""Trees of every library as one node of ONNX, which compares and adds up in float64.

XGBoost, CatBoost and scikit-learn's forests compare in float32: their input is rounded first,
so that every row takes the path that it takes in the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..contracts._task import FloatArray
from ._graph import Graph, NotExportableError, library

# How a node compares, as the operator TreeEnsemble numbers it.
AT_MOST, BELOW, ABOVE, ONE_OF = 0, 1, 3, 6


@dataclass(frozen=True)
class Tree:
    """A tree of n nodes, the first of which is the root.

    Attributes
    ----------
    leaf : array of shape (n,), bool
        The nodes that are leaves; of these only ``value`` counts, and of others all else.
    value : array of shape (n,)
    feature, threshold, mode : arrays of shape (n,)
        Which column is compared, with what, and how; one mode stands for all.
    true, false : arrays of shape (n,)
        The node that follows when the comparison holds, and when it does not.
    missing : array of shape (n,), bool
        Whether a missing value counts as one for which it holds.
    members : mapping of node to sequence of float
        The values of nodes of the mode ``ONE_OF``.
    """

    leaf: ArrayLike
    value: ArrayLike
    feature: ArrayLike
    threshold: ArrayLike
    mode: ArrayLike
    true: ArrayLike
    false: ArrayLike
    missing: ArrayLike
    members: Mapping[int, Any] = field(default_factory=dict)


class Trees:
    """Trees that add up, for one or more targets.

    Attributes
    ----------
    bias : array of shape (n_targets,)
        What trees without a split add.
    """

    def __init__(self, n_targets: int) -> None:
        self.bias = np.zeros(n_targets)
        self._roots: list[int] = []
        self._nodes: dict[str, list[NDArray[Any]]] = {}
        self._members: list[float] = []
        self._n_nodes = self._n_leaves = 0

    def add(self, target: int, tree: Tree) -> None:
        """Add a tree of one target."""
        leaf, value = np.asarray(tree.leaf, dtype=bool), np.asarray(tree.value, dtype=np.float64)
        if leaf[0]:
            self.bias[target] += value[0]
            return
        inner = np.flatnonzero(~leaf)
        true, false = np.asarray(tree.true), np.asarray(tree.false)
        place = np.where(leaf, self._n_leaves + np.cumsum(leaf) - 1, self._n_nodes + np.cumsum(~leaf) - 1)
        # ONNX Runtime before 1.24 takes a root for a leaf where its two children, a node and a leaf, have the same
        # number. A leaf that nothing leads to keeps them apart.
        if place[true[0]] == place[false[0]]:
            self._idle_leaf()
            place = place + leaf
        true, false = true[inner], false[inner]
        self._roots.append(self._n_nodes)
        for name, part in (
            ("nodes_featureids", np.asarray(tree.feature)[inner]),
            ("nodes_splits", np.asarray(tree.threshold, dtype=np.float64)[inner]),
            ("nodes_modes", np.broadcast_to(tree.mode, leaf.shape)[inner]),
            ("nodes_truenodeids", place[true]),
            ("nodes_trueleafs", leaf[true]),
            ("nodes_falsenodeids", place[false]),
            ("nodes_falseleafs", leaf[false]),
            ("nodes_missing_value_tracks_true", np.asarray(tree.missing)[inner]),
            ("leaf_weights", value[leaf]),
            ("leaf_targetids", np.full(np.count_nonzero(leaf), target)),
        ):
            self._nodes.setdefault(name, []).append(part)
        for node in inner.tolist():
            if node in tree.members:
                self._members += [*map(float, tree.members[node]), np.nan]
        self._n_nodes += len(inner)
        self._n_leaves += int(leaf.sum())

    def _idle_leaf(self) -> None:
        self._nodes.setdefault("leaf_weights", []).append(np.zeros(1))
        self._nodes.setdefault("leaf_targetids", []).append(np.zeros(1, dtype=np.int64))
        self._n_leaves += 1

    def sums(self, graph: Graph, x: str) -> str:
        """Add the node; return the name of its sums, of shape (n_rows, n_targets)."""
        if not self._roots:
            return graph.repeated(self.bias, x)
        tensor = library("onnx.numpy_helper").from_array
        joined = {name: np.concatenate(parts) for name, parts in self._nodes.items()}
        attributes: dict[str, Any] = {
            name: tensor(joined.pop(name).astype(kind), name)
            for name, kind in (("nodes_splits", np.float64), ("nodes_modes", np.uint8), ("leaf_weights", np.float64))
        }
        attributes |= {name: part.astype(np.int64).tolist() for name, part in joined.items()}
        if self._members:
            attributes["membership_values"] = tensor(np.array(self._members), "membership_values")
        found = graph.op(
            "TreeEnsemble",
            x,
            domain="ai.onnx.ml",
            n_targets=len(self.bias),
            aggregate_function=1,
            post_transform=0,
            tree_roots=self._roots,
            **attributes,
        )
        return graph.add(found, self.bias)


# -- scikit-learn --------------------------------------------------------------------


def sklearn_tree(trees: Trees, target: int, tree: Any, values: FloatArray) -> None:
    """Add a tree of scikit-learn, with one value for each of its nodes; it compares in float32."""
    trees.add(
        target,
        Tree(
            leaf=tree.children_left < 0,
            value=values,
            feature=tree.feature,
            threshold=tree.threshold,
            mode=AT_MOST,
            true=tree.children_left,
            false=tree.children_right,
            missing=tree.missing_go_to_left,
        ),
    )


def histogram_tree(trees: Trees, target: int, nodes: Any) -> None:
    """Add a tree of scikit-learn's histogram gradient boosting, which compares in float64."""
    if nodes["is_categorical"].any():
        raise NotExportableError("its trees split on sets of categories, which are numbered anew inside scikit-learn")
    trees.add(
        target,
        Tree(
            leaf=nodes["is_leaf"],
            value=nodes["value"],
            feature=nodes["feature_idx"],
            threshold=nodes["num_threshold"],
            mode=AT_MOST,
            true=nodes["left"],
            false=nodes["right"],
            missing=nodes["missing_go_to_left"],
        ),
    )
