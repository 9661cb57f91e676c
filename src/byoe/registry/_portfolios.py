"""Members by one name: the default ones, and a longer list for those who have time."""

from __future__ import annotations

from typing import Any

# What each adds was measured: benchmarks/README.md.
DEFAULT: tuple[str, ...] = ("catboost", "xgboost", "lightgbm", "ridge", "mlp")

# label -> (registered name, parameters)
BEST: dict[str, tuple[str, dict[str, Any]]] = {
    "catboost": ("catboost", {}),
    "catboost_deep": ("catboost", {"depth": 8, "random_strength": 2.0}),
    "xgboost": ("xgboost", {}),
    "xgboost_shallow": ("xgboost", {"max_depth": 3, "subsample": 0.8, "colsample_bytree": 0.8}),
    "lightgbm": ("lightgbm", {}),
    "lightgbm_large": ("lightgbm", {"num_leaves": 127, "feature_fraction": 0.8, "learning_rate": 0.03}),
    "lightgbm_random": ("lightgbm", {"extra_trees": True}),
    "extra_trees": ("extra_trees", {"n_estimators": 300}),
    "random_forest": ("random_forest", {"n_estimators": 300}),
    "ridge": ("ridge", {}),
    "elastic_net": ("elastic_net", {"alpha": 0.01}),
    "knn": ("knn", {"n_neighbors": 15, "weights": "distance"}),
    "mlp": ("mlp", {}),
    "mlp_deep": ("mlp", {"hidden_layer_sizes": [128, 64], "alpha": 1e-2}),
}
PORTFOLIOS = {"best": BEST}
