"""The share of targets inside the intervals, on rows that were not seen."""

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

from byoe import EnsembleRegressor

NAMES = ("ridge", "knn")


def bagged(blend="weighted", learners=NAMES, **params):
    return EnsembleRegressor(learners, blend, finalize="bag", **{"random_state": 0, **params})


def refitted(blend="weighted", learners=NAMES, **params):
    return EnsembleRegressor(learners, blend, finalize="refit", **{"random_state": 0, **params})


def simulate(seed, n=120, fresh=600):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + fresh, 3))
    y = X[:, 0] + np.sin(2 * X[:, 1]) + rng.normal(size=n + fresh)
    return X[:n], y[:n], X[n:], y[n:]


def covered(interval, y):
    return float(np.mean((interval[:, 0] <= y) & (y <= interval[:, 1])))


def grouped(seed, n_groups=40, fresh=60):
    """Groups of 1 to 20 rows that share an effect; the large ones a small effect."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 2, 20], size=n_groups + fresh)
    groups = np.repeat(np.arange(n_groups + fresh), sizes)
    X = rng.normal(size=(len(groups), 2))
    effect = rng.normal(size=n_groups + fresh) * np.where(sizes > 2, 0.2, 2.0)
    y = X[:, 0] + effect[groups] + 0.3 * rng.normal(size=len(groups))
    return X, y, groups, groups < n_groups


@pytest.mark.parametrize("blend", ["weighted", "meta-linear"])
@pytest.mark.parametrize("make", [bagged, refitted])
def test_coverage_on_simulated_data(make, blend):
    seeds, n, fresh = 12, 120, 600
    for level in (0.8, 0.9):
        found = []
        for seed in range(seeds):
            X, y, X_new, y_new = simulate(seed, n, fresh)
            found.append(covered(make(blend, random_state=seed).fit(X, y).predict_interval(X_new, level), y_new))
        # The binomial errors of the training and of the fresh rows. A little more than the level is
        # expected: the residuals are those of models of 4/5 of the rows.
        error = np.sqrt(level * (1 - level) * (1 / n + 1 / fresh) / seeds)
        assert -3 * error < np.mean(found) - level < 3 * error + 0.02


@pytest.mark.parametrize("make", [bagged, refitted])
def test_coverage_on_diabetes(make, diabetes):
    X, y = diabetes
    found = []
    for seed in range(10):
        train, test = next(ShuffleSplit(1, test_size=0.5, random_state=seed).split(X))
        ensemble = make("auto", random_state=seed).fit(X[train], y[train])
        found.append(covered(ensemble.predict_interval(X[test]), y[test]))
    assert abs(np.mean(found) - 0.9) < 3 * np.sqrt(0.9 * 0.1 * 2 / 221 / 10)


def test_weights_say_which_rows_the_interval_is_for():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(4000, 2))
    noisy = rng.random(4000) < 0.5
    y = X[:, 0] + np.where(noisy, 5.0, 1.0) * rng.normal(size=4000)
    train, test = np.arange(1000), np.arange(1000, 4000)
    weight = np.where(noisy, 1.0, 9.0)
    ensemble = bagged("mean", learners=("ridge",)).fit(X[train], y[train], sample_weight=weight[train])
    lower, upper = ensemble.predict_interval(X[test]).T
    inside = (lower <= y[test]) & (y[test] <= upper)
    assert abs(np.average(inside, weights=weight[test]) - 0.9) < 0.03
    assert inside.mean() < 0.8


@pytest.mark.parametrize("make", [bagged, refitted])
def test_new_groups_are_covered(make):
    by_group, by_row = [], []
    for seed in range(12):
        X, y, groups, train = grouped(seed)
        ensemble = make("mean", learners=("ridge",), cv=10).fit(X[train], y[train], groups=groups[train])
        ignorant = make("mean", learners=("ridge",), cv=10).fit(X[train], y[train])
        for fitted, found in ((ensemble, by_group), (ignorant, by_row)):
            lower, upper = fitted.predict_interval(X[~train], 0.8).T
            inside = (lower <= y[~train]) & (y[~train] <= upper)
            number = groups[~train] - groups[~train].min()
            found.append(np.mean(np.bincount(number, inside) / np.bincount(number)))
    error = np.sqrt(0.8 * 0.2 / 40 / 12) + np.sqrt(0.8 * 0.2 / 60 / 12)
    assert abs(np.mean(by_group) - 0.8) < 3 * error
    assert np.mean(by_row) < 0.7
