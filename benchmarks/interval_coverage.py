"""What share of new targets the intervals hold, and how wide they are.

Run with ``python benchmarks/interval_coverage.py``; it prints the table of README.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from byoe import EnsembleRegressor, learner

SEEDS = 16
FRESH = 1000
LEVELS = (0.8, 0.9, 0.95)
MEMBERS = ("ridge", "knn", "svm", learner("random_forest", n_estimators=20))
MANY = [
    *((f"knn_{k}", learner("knn", n_neighbors=k)) for k in (1, 2, 3, 5, 8, 12)),
    *((f"ridge_{i}", learner("ridge", alpha=10.0**i)) for i in range(3)),
    *((f"svm_{i}", learner("svm", C=10.0**i)) for i in range(3)),
]


def simulated(n, noise):
    """Return a function from a seed to training and fresh rows of a bent signal."""

    def make(seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n + FRESH, 4))
        y = np.sin(2 * X[:, 0]) + np.abs(X[:, 1]) + 0.5 * X[:, 2] + noise(rng, X)
        return X[:n], X[n:], y[:n], y[n:], None, np.arange(FRESH)

    return make


def grouped(seed):
    """Return 50 groups of 1 to 10 rows with an effect of their own, and 200 new groups."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 3, 10], size=250)
    groups = np.repeat(np.arange(250), sizes)
    X = rng.normal(size=(len(groups), 4))
    effect = rng.normal(size=250) * np.where(sizes == 10, 0.3, 1.5)
    y = np.sin(2 * X[:, 0]) + X[:, 1] + effect[groups] + 0.5 * rng.normal(size=len(groups))
    new = groups >= 50
    return X[~new], X[new], y[~new], y[new], groups[~new], groups[new] - 50


def unstable(seed):
    """Return as many rows as columns: a fit on all rows is far worse than one on a part of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100 + FRESH, 100))
    y = X @ rng.normal(size=100) + rng.normal(size=len(X))
    return X[:100], X[100:], y[:100], y[100:], None, np.arange(FRESH)


def real(X, y):
    """Return a function from a seed to the two halves of a data set."""

    def make(seed):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed)
        return X_train, X_test, y_train, y_test, None, np.arange(len(y_test))

    return make


def normal(rng, X):
    """Return noise of the same size everywhere."""
    return rng.normal(size=len(X))


def skewed(rng, X):
    """Return noise that is one-sided and grows with the first column."""
    return np.exp(0.5 * X[:, 0]) * (rng.exponential(size=len(X)) - 1)


def sets():
    """Return name -> (maker, members, blender)."""
    cells, wine = load_breast_cancer().data[:, :10], load_wine().data
    return {
        "bent signal, 200 rows": (simulated(200, normal), MEMBERS, "auto"),
        "the same, 60 rows": (simulated(60, normal), MEMBERS, "auto"),
        "skewed, growing noise, 200 rows": (simulated(200, skewed), MEMBERS, "auto"),
        "12 members, 60 rows": (simulated(60, normal), MANY, "auto"),
        "12 members, 60 rows, `meta-linear`": (simulated(60, normal), MANY, "meta-linear"),
        "least squares, 100 rows and columns": (unstable, [LinearRegression()], "auto"),
        "50 groups, for new groups": (grouped, MEMBERS, "auto"),
        "diabetes": (real(*load_diabetes(return_X_y=True)), MEMBERS, "auto"),
        "breast cancer, texture": (real(np.delete(cells, 1, axis=1), cells[:, 1]), MEMBERS, "auto"),
        "wine, alcohol": (real(wine[:, 1:], wine[:, 0]), MEMBERS, "auto"),
    }


def measure(make, members, blender, finalize, seed):
    """Return (coverage, width in standard deviations of the target) by level; each unit counts the same."""
    X, X_new, y, y_new, groups, units = make(seed)
    cv = 5 if groups is None else 10  # so that every training part holds 2/3 of the rows
    ensemble = EnsembleRegressor(members, blender, cv=cv, finalize=finalize, random_state=seed)
    ensemble.fit(X, y, groups=groups)
    found = []
    for level in LEVELS:
        lower, upper = ensemble.predict_interval(X_new, level, width="constant").T
        size = np.bincount(units)[units]
        inside = np.average((lower <= y_new) & (y_new <= upper), weights=1 / size)
        found.append((inside, np.average(upper - lower, weights=1 / size) / y_new.std()))
    return ensemble.interval_method_, found


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    print(f"| data | method | {' | '.join(f'{level:.0%}'.replace('%', ' %') for level in LEVELS)} |")
    print(f"|---|---|{'---|' * len(LEVELS)}")
    for name, (make, members, blender) in sets().items():
        for finalize in ("bag", "refit"):
            results = [measure(make, members, blender, finalize, seed) for seed in range(SEEDS)]
            values = np.array([found for _, found in results])
            error = values[:, :, 0].std(axis=0, ddof=1) / np.sqrt(SEEDS)
            cells = [
                f"{100 * coverage:.1f} ± {100 * e:.1f} ({width:.2f})"
                for (coverage, width), e in zip(values.mean(axis=0), error, strict=True)
            ]
            print(f"| {name} | {results[0][0]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
