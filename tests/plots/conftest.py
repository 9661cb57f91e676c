"""What is drawn: ensembles that are fitted once, and axes that are closed after a test."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.plots import _columns

mpl.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

ROWS = 120


@pytest.fixture(scope="session")
def X():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 4)), columns=["a", "b", "c", "price_$_in_$"])


@pytest.fixture(scope="session")
def y(X):
    return (3 * X["a"] - X["b"] + np.random.default_rng(1).normal(size=ROWS)).rename("cost_$")


@pytest.fixture(scope="session")
def two(y):
    return np.where(y > 0, "yes", "no")


@pytest.fixture(scope="session")
def three(y):
    return np.array(["low", "middle", "high"])[np.digitize(y, [-1.5, 1.5])]


@pytest.fixture(scope="session")
def regression(X, y):
    return EnsembleRegressor(("ridge", "elastic_net", "knn"), "weighted", cv=4, random_state=0).fit(X, y)


@pytest.fixture(scope="session")
def binary(X, two):
    return EnsembleClassifier(("ridge", "knn"), "weighted", cv=4, random_state=0).fit(X, two)


@pytest.fixture(scope="session")
def weighted(X, two):
    """An ensemble of which the first twenty rows do not count."""
    weight = np.r_[np.zeros(20), np.linspace(1, 3, ROWS - 20)]
    made = EnsembleClassifier(("ridge", "elastic_net"), "weighted", cv=4, random_state=0)
    return made.fit(X, two, sample_weight=weight)


@pytest.fixture(scope="session")
def classes(X, three):
    return EnsembleClassifier(("ridge", "knn"), "mean", cv=4, random_state=0).fit(X, three)


@pytest.fixture(scope="session")
def labels(X, y):
    return EnsembleClassifier(("ridge",), "mean", cv=4, random_state=0).fit(X, np.column_stack([y > 0, X["c"] > 0.5]))


@pytest.fixture(scope="session")
def targets(X, y):
    return EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=4, random_state=0).fit(X, np.column_stack([y, -y]))


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Predict for fewer points of a pair of columns, where each is a table."""
    monkeypatch.setattr(_columns, "_POINTS_OF_A_PAIR", 5)


@pytest.fixture(autouse=True)
def figures():
    """Close what a test has drawn."""
    yield plt
    plt.close("all")
