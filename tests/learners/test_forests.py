"""Probabilities of forests, drawn towards the shares of the classes."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

import byoe
from byoe import EnsembleClassifier, learner
from byoe.contracts._deadline import Deadline, until
from byoe.errors import ParameterError
from byoe.plugins import Task

KINDS = {"random_forest": RandomForestClassifier, "extra_trees": ExtraTreesClassifier}
OWN = {"sample_weight": None, "seed": 3, "threads": 1}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 3)), rng.choice(3, size=120, p=[0.6, 0.3, 0.1])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("smoothing", [0.0, 1.0, 7.5])
def test_the_shares_of_the_roots_count_as_further_trees(data, name, smoothing):
    X, y = data
    params = {"n_estimators": 9, "class_weight": {0: 1.0, 1: 2.0, 2: 5.0}}
    model = learner(name, smoothing=smoothing, **params).fit(X, y, task=Task("classification", 3), **OWN)
    plain = KINDS[name](random_state=3, **params).fit(X, y)
    shares = np.mean([tree.tree_.value[0, 0] for tree in plain.estimators_], axis=0)
    wanted = (9 * plain.predict_proba(X) + smoothing * shares) / (9 + smoothing)
    assert np.allclose(model.predict(X), wanted, rtol=0, atol=1e-12)
    assert (model.predict(X) > 0).all() == bool(smoothing)


def test_by_default_no_class_is_impossible_and_what_is_saved_is_not_smoothed_again(data, tmp_path):
    X, y = data
    ensemble = EnsembleClassifier([learner("extra_trees", n_estimators=5)], "mean", cv=2, random_state=0).fit(X, y)
    before = ensemble.predict_proba(X)
    assert before.min() > 0
    ensemble.save(tmp_path / "bundle")
    assert np.array_equal(byoe.load(tmp_path / "bundle").predict_proba(X), before)


def test_a_forest_that_grows_until_a_deadline_is_smoothed_by_the_trees_it_has(data):
    X, y = data
    grown = learner("random_forest", n_estimators=500_000)
    with until(Deadline(0.05)):
        model = grown.fit(X, y, task=Task("classification", 3), **OWN)
    count = len(model.estimator.estimators_)
    plain = RandomForestClassifier(count, random_state=3).fit(X, y)
    shares = np.mean([tree.tree_.value[0, 0] for tree in plain.estimators_], axis=0)
    assert count < 500_000
    assert np.allclose(
        model.predict(X), (count * plain.predict_proba(X) + 0.3 * shares) / (count + 0.3), rtol=0, atol=1e-12
    )


def test_several_labels_and_numbers(data):
    X, y = data
    labels = np.column_stack([y == 0, y > 1]).astype(int)
    ensemble = EnsembleClassifier([learner("random_forest", n_estimators=4)], "mean", cv=2, random_state=0)
    answer = ensemble.fit(X, labels).predict_proba(X)
    assert 0 < np.min(answer) < np.max(answer) < 1
    model = learner("random_forest", n_estimators=4, smoothing=5.0).fit(X, X[:, 0], task=Task("regression"), **OWN)
    plain = RandomForestRegressor(4, random_state=3).fit(X, X[:, 0])
    assert np.allclose(model.predict(X), plain.predict(X), rtol=0, atol=1e-12)


def targets(kind, X):
    return {
        "regression": X[:, 0],
        "two targets": X[:, :2],
        "two classes": (X[:, 0] > 0).astype(int),
        "four classes": (X[:, 0] > 0).astype(int) + 2 * (X[:, 1] > 0),
    }[kind]


TASKS = {
    "regression": Task("regression"),
    "two targets": Task("regression", n_outputs=2),
    "two classes": Task("classification", 2),
    "four classes": Task("classification", 4),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("missing", [False, True])
def test_trees_asked_one_by_one_are_the_forest_to_the_bit(name, kind, missing):
    X = np.random.default_rng(1).normal(size=(900, 4)) * 10.0 ** np.arange(-3, 1)
    y = targets(kind, X.copy())
    if missing:
        X[::7, 1] = np.nan
    model = learner(name, n_estimators=12, smoothing=0.0).fit(X, y, task=TASKS[kind], **OWN)
    forest = model.estimator.set_params(n_jobs=1)
    wanted = forest.predict_proba(X) if TASKS[kind].is_classification else forest.predict(X)
    for threads in (1, 3):
        assert np.array_equal(model.predict(X, threads=threads), wanted)
    assert np.array_equal(model.predict(X[5:6]), wanted[5:6])
    assert np.array_equal(model.predict(np.asfortranarray(X[:40])), wanted[:40])


def test_a_row_of_other_columns_is_refused_by_the_forest(data):
    X, y = data
    model = learner("random_forest", n_estimators=3).fit(X, y, task=Task("classification", 3), **OWN)
    with pytest.raises(ValueError, match="2 features"):
        model.predict(X[:, :2])


@pytest.mark.parametrize("given", [-1, float("nan"), float("inf"), "1", True, None])
def test_what_is_no_number_of_trees(given):
    with pytest.raises(ParameterError, match="smoothing is"):
        learner("extra_trees", smoothing=given).check(Task("classification", 2))
