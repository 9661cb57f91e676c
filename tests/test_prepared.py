"""Tables that boosters bring into bins once: the same models as from copies of the rows."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.engine import _order, _prepared
from byoe.plugins import Prepares

BOOSTERS = {
    "xgboost": {"n_estimators": 8, "max_depth": 3},
    "lightgbm": {"n_estimators": 8, "num_leaves": 7},
    "catboost": {"iterations": 8, "depth": 3},
}
pytestmark = pytest.mark.parametrize("name", BOOSTERS)


@pytest.fixture(scope="module")
def data():
    """Columns of few values: the edges of their bins are the same for all rows and for four fifths of them."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 8, size=(400, 5)).astype(float)
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nansum(X[:, :2], axis=1) + rng.normal(size=400)
    return X, y


@pytest.fixture
def brute(monkeypatch):
    """A function that calls another without prepared tables."""

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(_order, "can_prepare", lambda *_: False)
            return function()

    return run


@pytest.fixture
def prepared(monkeypatch):
    """How often each learner prepared a table."""
    seen = []
    original = _prepared.Prepared._prepare
    monkeypatch.setattr(
        _prepared.Prepared,
        "_prepare",
        lambda self, threads: (seen.append(self._learner.name), original(self, threads))[1],
    )
    return seen


def fit(kind, name, X, y, *, fit_params=None, learners=None, **given):
    given = {"cv": 4, "random_state": 0, **given}
    return kind(learners or [learner(name, **BOOSTERS[name])], "mean", **given).fit(X, y, **(fit_params or {}))


def test_boosters_prepare(name):
    assert isinstance(learner(name), Prepares)
    assert not isinstance(learner("ridge"), Prepares)


def same(first, second):
    # CatBoost draws a bootstrap by rows of its own order, and sums differ in the last bits.
    np.testing.assert_allclose(first.oof_predictions_, second.oof_predictions_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_the_same_models_as_from_copies(name, early_stopping, data, brute, prepared):
    def make():
        return fit(EnsembleRegressor, name, *data, early_stopping=early_stopping)

    first = make()
    assert prepared == [name]
    same(first, brute(make))
    assert prepared == [name]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes(name, n_classes, data, brute, prepared):
    X, y = data
    codes = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    labels = np.array(["a", "b", "c"])[codes]
    first = fit(EnsembleClassifier, name, X, labels)
    assert prepared == [name]
    same(first, brute(lambda: fit(EnsembleClassifier, name, X, labels)))


def test_weights(name, data, brute, prepared):
    X, y = data
    weight = np.random.default_rng(1).integers(1, 4, size=len(y)).astype(float)
    first = fit(EnsembleRegressor, name, X, y, fit_params={"sample_weight": weight})
    assert prepared == [name]
    same(first, brute(lambda: fit(EnsembleRegressor, name, X, y, fit_params={"sample_weight": weight})))


def test_a_row_of_weight_zero_has_no_bin(name, data, prepared):
    """Where it stands does not matter, and other values in it change nothing elsewhere."""
    X, y = data
    weight = np.ones(len(y))
    weight[[3, 50, 77]] = 0.0
    other = X.copy()
    other[[3, 50, 77]] = 1000.5
    first, second = (fit(EnsembleRegressor, name, each, y, fit_params={"sample_weight": weight}) for each in (X, other))
    assert prepared == [name, name]
    rest = weight > 0
    assert np.array_equal(first.oof_predictions_[rest], second.oof_predictions_[rest])


def test_several_targets(name, data, brute, prepared):
    X, y = data
    both = np.column_stack([y, -2 * y + X[:, 2].round()])
    both = np.where(np.isnan(both), 0.0, both)
    first = fit(EnsembleRegressor, name, X, both)
    assert prepared == [name]
    same(first, brute(lambda: fit(EnsembleRegressor, name, X, both)))


def test_categories(name, prepared):
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"town": rng.choice(list("abc"), 600), "yes": rng.choice(["y", "n"], 600), "x": rng.normal(size=600)}
    )
    y = (frame["town"] == "a") * 3.0 + (frame["yes"] == "y") + frame["x"]
    given = {**BOOSTERS[name], "n_rounds": 60, "learning_rate": 0.2}
    given = {key: value for key, value in given.items() if key not in ("n_estimators", "iterations")}
    made = fit(EnsembleRegressor, name, frame, y, learners=[learner(name, **given)])
    assert prepared == [name]
    assert np.mean((made.oof_predictions_[:, 0] - y) ** 2) < 0.15 * y.var()
    unseen = frame.head(2).assign(town="z")
    assert np.isfinite(made.predict(unseen)).all()


@pytest.mark.parametrize(
    "cv",
    [
        TimeSeriesSplit(3),
        [(np.r_[np.arange(200), np.arange(100)], np.arange(200, 400)), (np.arange(200, 400), np.arange(200))],
    ],
    ids=["time", "rows twice"],
)
def test_plans_that_are_fitted_from_copies(name, cv, data, prepared):
    fit(EnsembleRegressor, name, *data, cv=cv, finalize="refit")
    assert prepared == []


def test_other_plans(name, data, brute, prepared):
    X, y = data
    groups = np.arange(len(y)) // 10
    shuffled = [
        (np.random.default_rng(i).permutation(train), test) for i, (train, test) in enumerate(KFold(3).split(X))
    ]
    for cv, given in ((GroupKFold(4), {"groups": groups}), (shuffled, {})):

        def make(cv=cv, given=given):
            return fit(
                EnsembleRegressor,
                name,
                X,
                y,
                cv=cv,
                fit_params=given,
                learners=[learner(name, **without_chance(name))],
            )

        same(make(), brute(make))
    assert prepared == [name, name]


def without_chance(name):
    return BOOSTERS[name] | ({"bootstrap_type": "No", "random_strength": 0.0} if name == "catboost" else {})


def test_a_class_that_a_fold_lacks(name, data, prepared):
    X, y = data
    labels = np.digitize(y, np.quantile(y, [0.4, 0.8]))
    order = np.argsort(labels, kind="stable")
    cv = [(order[:320], order[320:]), (order[80:], order[:80])]  # the first fold's training rows hold two classes
    made = fit(EnsembleClassifier, name, X, labels, cv=cv, finalize="refit")
    assert (made.oof_predictions_[order[330:], 0, 2] == 0.0).all()


def test_the_number_of_workers_does_not_matter(name, data, monkeypatch):
    import joblib

    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    found = [fit(EnsembleRegressor, name, *data, n_jobs=n_jobs).oof_predictions_ for n_jobs in (1, 2, 4)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_constant_columns_in_a_fold(name, data):
    y = data[1]
    lonely = np.zeros((len(y), 1))
    lonely[:100, 0] = np.arange(100)
    cv = [(np.arange(100, 400), np.arange(100)), (np.arange(300), np.arange(300, 400))]
    made = fit(EnsembleRegressor, name, lonely, y, cv=cv, finalize="refit")
    np.testing.assert_allclose(made.oof_predictions_[:100], y[100:].mean(), rtol=1e-3)


def test_bins_of_the_users_choice(name):
    bins = {"xgboost": {"max_bin": 4}, "lightgbm": {"max_bin": 4}, "catboost": {"border_count": 3}}[name]
    X = np.random.default_rng(0).normal(size=(500, 1))
    made = fit(
        EnsembleRegressor, name, X, X[:, 0], learners=[learner(name, **{**BOOSTERS[name], **bins})], finalize="refit"
    )
    assert len(np.unique(made.predict(np.linspace(-3, 3, 500)[:, None]))) <= 4


def test_tables_of_many_chunks(name, data, monkeypatch):
    from byoe.learners import _xgboost_rows

    first = fit(EnsembleRegressor, name, *data, early_stopping=True)
    monkeypatch.setattr(_xgboost_rows, "_CHUNK", 64)
    assert np.array_equal(
        first.oof_predictions_, fit(EnsembleRegressor, name, *data, early_stopping=True).oof_predictions_
    )


@pytest.mark.parametrize("kind", [EnsembleRegressor, EnsembleClassifier])
def test_the_own_target_does_not_change_the_prediction(name, kind, data, prepared):
    """With early stopping, on a prepared table: no label reaches a fold with the bins."""
    X, y = data
    if kind is EnsembleClassifier:
        y = (y > np.median(y)).astype(float)
    changed = y.copy()
    changed[7] = 1.0 - y[7] if kind is EnsembleClassifier else y[7] + 1000.0
    depth = {key: value for key, value in BOOSTERS[name].items() if key not in ("n_estimators", "iterations")}
    quick = learner(name, learning_rate=0.5, **depth)
    cv = [(np.flatnonzero(np.arange(400) % 3 != i), np.flatnonzero(np.arange(400) % 3 == i)) for i in range(3)]
    first, second = (
        fit(kind, name, X, target, learners=[quick], cv=cv, early_stopping=True).oof_predictions_
        for target in (y, changed)
    )
    assert prepared == [name, name]
    own = np.arange(400) % 3 == 7 % 3
    assert np.array_equal(first[own], second[own])
    assert not np.array_equal(first[~own], second[~own])
