"""Blenders on scikit-learn's small data sets: loss on held-out rows, and the honest estimate.

Run with ``python benchmarks/blenders_on_real_data.py``; it prints the table of README.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, EnsembleRegressor, learner

SPLITS = 8
SETS = {"diabetes": load_diabetes, "breast cancer": load_breast_cancer, "wine": load_wine, "iris": load_iris}
BLENDERS = ("best", "mean", "weighted", "greedy", "adjusted", "meta-linear", "auto")
MEMBERS = (
    "ridge",
    "knn",
    "svm",
    learner("random_forest", n_estimators=50),
    learner("hist_gradient_boosting", max_iter=50),
    learner("xgboost", n_rounds=60, eta=0.1, max_depth=3),
)


def measure(load, seed):
    """Return (loss on held-out rows, honest estimate) by blender."""
    X, y = load(return_X_y=True)
    classes = load is not load_diabetes
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y if classes else None)
    kind = EnsembleClassifier if classes else EnsembleRegressor
    ensemble = kind(MEMBERS, "mean", random_state=seed).fit(X, y)
    found = {}
    for name in BLENDERS:
        made = ensemble.reblend(name)
        if classes:
            loss = log_loss(y_test, made.predict_proba(X_test), labels=made.classes_)
        else:
            loss = np.sqrt(np.mean((made.predict(X_test) - y_test) ** 2))
        found[name] = loss, -made.score_estimate_
    return found


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    print(f"| blender | {' | '.join(SETS)} |\n|---|{'---|' * len(SETS)}")
    results = {name: [measure(load, seed) for seed in range(SPLITS)] for name, load in SETS.items()}
    for blender in BLENDERS:
        cells = []
        for name in SETS:
            test, estimate = np.mean([found[blender] for found in results[name]], axis=0)
            cells.append(f"{test:.4g} ({estimate:.4g})")
        print(f"| {blender} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
