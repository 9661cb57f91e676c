"""The configurations that a portfolio is chosen from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A configuration of a registered learner.

    Attributes
    ----------
    label : str
        Of the member.
    learner : str
        The registered name.
    params : dict
    task : {"", "regression", "classification"}
        The task that it is for; empty for both.
    """

    label: str
    learner: str
    params: dict[str, Any] = field(default_factory=dict)
    task: str = ""

    def suits(self, task: str) -> bool:
        """Return whether it is for a task."""
        return self.task in ("", task)


# All have to be explained, and go to ONNX: no linear trees, and no trees of CatBoost's that are not symmetric.
# Rounds are found by early stopping, with the learner's usual learning rate unless one is given; given rounds are
# learned once, and nobody looks.
_CATBOOST: dict[str, dict[str, Any]] = {
    "": {},
    "shallow": {"depth": 4},
    "deep": {"depth": 8, "random_strength": 2.0},
    "quick": {"learning_rate": 0.1, "border_count": 64},
    "hasty": {"learning_rate": 0.2, "depth": 5, "border_count": 32, "leaf_estimation_iterations": 2},
    "sampled": {"bootstrap_type": "Bernoulli", "subsample": 0.7, "rsm": 0.6},
    "ordered": {"boosting_type": "Ordered"},
    "plain": {"depth": 5, "random_strength": 0.3, "one_hot_max_size": 20, "max_ctr_complexity": 1, "l2_leaf_reg": 6.0},
    "fixed": {"iterations": 600, "learning_rate": 0.05},
}
_LIGHTGBM: dict[str, dict[str, Any]] = {
    "": {},
    "large": {"num_leaves": 127, "feature_fraction": 0.8, "learning_rate": 0.03},
    "random": {"extra_trees": True},
    "random_smooth": {"extra_trees": True, "num_leaves": 15, "min_child_samples": 10, "reg_lambda": 5.0},
    "random_fine": {"extra_trees": True, "num_leaves": 64, "min_child_samples": 4, "colsample_bytree": 0.6},
    "small": {"num_leaves": 8, "min_child_samples": 10},
    "stumps": {"num_leaves": 4, "min_child_samples": 10},
    "smooth": {"num_leaves": 15, "min_child_samples": 10, "reg_lambda": 5.0, "colsample_bytree": 0.7},
    "slow": {"num_leaves": 15, "min_child_samples": 10, "colsample_bytree": 0.7, "learning_rate": 0.03},
    "sampled": {"num_leaves": 24, "colsample_bytree": 0.5, "subsample": 0.7, "subsample_freq": 1},
    "quick": {"num_leaves": 16, "learning_rate": 0.12, "max_bin": 63},
    "fixed": {"n_estimators": 300, "num_leaves": 15, "learning_rate": 0.05, "colsample_bytree": 0.7},
}
_XGBOOST: dict[str, dict[str, Any]] = {
    "": {},
    "shallow": {"max_depth": 3, "subsample": 0.8, "colsample_bytree": 0.8},
    "stumps": {"max_depth": 2, "subsample": 0.8},
    "sampled": {"max_depth": 5, "min_child_weight": 3.0, "subsample": 0.7, "colsample_bytree": 0.5, "reg_lambda": 3.0},
    "slow": {"max_depth": 5, "subsample": 0.8, "colsample_bytree": 0.7, "learning_rate": 0.03},
    "by_node": {"max_depth": 7, "colsample_bynode": 0.3, "subsample": 0.8, "min_child_weight": 2.0},
    "leafwise": {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 24, "colsample_bytree": 0.7},
    "fine": {"max_depth": 5, "min_child_weight": 0.1, "colsample_bytree": 0.6, "subsample": 0.9},
    "quick": {"max_depth": 4, "max_bin": 64},
    "forests": {"num_parallel_tree": 4, "subsample": 0.6, "colsample_bynode": 0.5, "learning_rate": 0.3},
    "fixed": {"n_estimators": 300, "max_depth": 4, "learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.7},
}
_EXTRA_TREES: dict[str, dict[str, Any]] = {
    "": {},
    "many": {"n_estimators": 300},
    "half": {"n_estimators": 200, "max_features": 0.5, "min_samples_leaf": 2},
    "smooth": {"n_estimators": 200, "max_features": 0.8, "min_samples_leaf": 5},
}
_RANDOM_FOREST: dict[str, dict[str, Any]] = {
    "": {},
    "many": {"n_estimators": 300},
    "smooth": {"n_estimators": 200, "max_features": 0.4, "min_samples_leaf": 4},
}
_OF_CLASSES: dict[str, dict[str, Any]] = {
    "entropy": {"n_estimators": 200, "criterion": "entropy", "max_features": 0.5, "min_samples_leaf": 3}
}
_NEIGHBOURS: dict[str, dict[str, Any]] = {
    "": {},
    "weighted": {"n_neighbors": 15, "weights": "distance"},
    "wide": {"n_neighbors": 40, "weights": "distance", "p": 1},
}
_SVM: dict[str, dict[str, Any]] = {"": {}, "hard": {"C": 10.0}, "wide": {"C": 5.0, "gamma": 0.02}}
_RIDGE: dict[str, dict[str, Any]] = {"": {}, "strong": {"alpha": 30.0}}
_ELASTIC_NET: dict[str, dict[str, Any]] = {"": {}, "sparse": {"alpha": 0.02, "l1_ratio": 0.9}}
_HISTOGRAMS: dict[str, dict[str, Any]] = {
    "": {},
    "smooth": {"max_leaf_nodes": 15, "min_samples_leaf": 10, "l2_regularization": 5.0, "max_features": 0.6},
}
_MLP: dict[str, dict[str, Any]] = {
    "": {},
    "wide": {"hidden_units": [512]},
    "tapered": {"hidden_units": [256, 64], "dropout": 0.3},
    "narrow": {"hidden_units": [64, 64, 64]},
    "many": {"n_networks": 4},
    "binned": {"n_bins": 8},
    "binned_fine": {"n_bins": 12, "dropout": 0.05},
    "library": {"hidden_layer_sizes": [128, 64], "alpha": 1e-2},  # scikit-learn's
}


def _named(learner: str, found: dict[str, dict[str, Any]], task: str = "") -> list[Candidate]:
    return [
        Candidate(f"{learner}_{name}" if name else learner, learner, params, task) for name, params in found.items()
    ]


CANDIDATES: tuple[Candidate, ...] = (
    *_named("catboost", _CATBOOST),
    *_named("lightgbm", _LIGHTGBM),
    *_named("xgboost", _XGBOOST),
    *_named("extra_trees", _EXTRA_TREES),
    *_named("extra_trees", _OF_CLASSES, "classification"),
    *_named("random_forest", _RANDOM_FOREST),
    *_named("random_forest", _OF_CLASSES, "classification"),
    *_named("knn", _NEIGHBOURS),
    *_named("svm", _SVM),
    *_named("ridge", _RIDGE),
    *_named("elastic_net", _ELASTIC_NET),
    *_named("hist_gradient_boosting", _HISTOGRAMS),
    *_named("mlp", _MLP),
)
BY_LABEL = {candidate.label: candidate for candidate in CANDIDATES}
