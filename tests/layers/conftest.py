"""Data on which a second layer helps, and ensembles of two layers that are cheap to fit."""

import numpy as np
import pytest

from byoe import EnsembleRegressor, learner
from byoe.ensemble import _second_layer

FOREST = learner("random_forest", n_estimators=10)


@pytest.fixture(scope="session")
def bent():
    """The target has a bend in a sum of all columns: a line finds the sum, and trees on top of it the bend."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    total = X.sum(axis=1) / np.sqrt(5)
    return X, np.abs(total) + 0.5 * total + 0.05 * rng.normal(size=200)


@pytest.fixture(scope="session")
def grown(bent):
    """An ensemble that has kept its second layer."""
    X, y = bent
    return EnsembleRegressor(["ridge", FOREST], layers=2, random_state=0, n_jobs=1).fit(X[:150], y[:150])


@pytest.fixture
def always(monkeypatch):
    """Keep every second layer that the blend uses."""
    for name in ("_ERRORS", "_ERRORS_OF_FEW", "_LEAST_GAIN"):
        monkeypatch.setattr(_second_layer, name, -np.inf)
