"""No prediction of the second layer has seen its row, also not through the first layer."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.engine._pairs import PairPredictions
from byoe.folds._pairs import plan_of_pairs
from byoe.folds._plan import SplitPlan

N = 60
MEMORISING = [("tree", DecisionTreeRegressor()), ("nearest", KNeighborsRegressor(n_neighbors=1))]
BOOSTED = [learner("xgboost", max_depth=2, learning_rate=0.5), "ridge"]


def folds(n=N, k=4):
    rows = np.arange(n)
    return [(rows[rows % k != i], rows[rows % k == i]) for i in range(k)]


@pytest.fixture(scope="module")
def noise():
    rng = np.random.default_rng(1)
    return rng.normal(size=(N, 3)), rng.normal(size=N)


def fitted(X, y, members=MEMORISING, **more):
    more = {"cv": folds(len(y)), **more}
    return EnsembleRegressor(members, "mean", layers=2, random_state=0, n_jobs=1, **more).fit(X, y)


@pytest.mark.usefixtures("always")
class TestTheLaw:
    """What is predicted of the rows of a fold does not depend on their targets."""

    @pytest.mark.parametrize("fold", range(4))
    def test_targets_of_a_fold_do_not_change_its_predictions(self, noise, fold):
        X, y = noise
        own = np.arange(N) % 4 == fold
        changed = np.where(own, 100 - 7 * y, y)
        first, second = fitted(X, y), fitted(X, changed)
        assert list(first.members_) == ["tree", "nearest", "tree_2", "nearest_2"]
        assert np.array_equal(first.oof_predictions_[own], second.oof_predictions_[own])
        assert not np.array_equal(first.oof_predictions_[~own][:, 2:], second.oof_predictions_[~own][:, 2:])

    def test_nor_do_they_through_early_stopping(self, noise):
        X, y = np.tile(noise[0], (4, 1)) + 0.1 * np.arange(4 * N)[:, None], np.tile(noise[1], 4)
        own = np.arange(4 * N) % 4 == 2
        first, second = (fitted(X, target, BOOSTED) for target in (y, np.where(own, 5 - y, y)))
        assert list(first.members_)[2:] == ["xgboost_2", "ridge_2"]
        assert np.array_equal(first.oof_predictions_[own], second.oof_predictions_[own])
        assert not np.array_equal(first.oof_predictions_[~own], second.oof_predictions_[~own])

    def test_predictions_of_the_plan_alone_would_break_it(self, noise, monkeypatch):
        # The same test finds the leak that stacking has without pairs of folds.
        monkeypatch.setattr(PairPredictions, "without", lambda self, fold: self.oof)
        X, y = noise
        own = np.arange(N) % 4 == 1
        first, second = fitted(X, y), fitted(X, np.where(own, 100 - 7 * y, y))
        assert np.array_equal(first.oof_predictions_[own][:, :2], second.oof_predictions_[own][:, :2])
        assert not np.array_equal(first.oof_predictions_[own][:, 2:], second.oof_predictions_[own][:, 2:])

    def test_groups_of_equal_rows_stay_whole(self, noise):
        X, y = (np.repeat(part[:30], 2, axis=0) for part in noise)
        groups = np.repeat(np.arange(30), 2)
        ensemble = EnsembleRegressor(MEMORISING, "mean", layers=2, cv=4, random_state=0, n_jobs=1)
        ensemble.fit(X, y, groups=groups)
        found = ensemble.oof_predictions_
        assert found.shape[1] == 4
        for column in found.T:  # whoever had seen the other row of a pair would know its target
            assert np.mean((column - y) ** 2) > 0.8 * y.var()
            assert not np.isclose(column, y).any()


@pytest.mark.filterwarnings("ignore::byoe.errors.LeakageWarning")
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_there_twice_do_no_more_harm_than_in_one_layer(seed):
    """Without groups the first layer has seen their twins, of which it warns; the second does not make more of that."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 4))
    y = X[:, 0] + np.abs(X[:, 1]) + rng.normal(size=400)
    twice = rng.permutation(np.repeat(np.arange(100), 2))
    one, two = (
        EnsembleRegressor([*MEMORISING, "ridge"], layers=layers, random_state=0, n_jobs=1).fit(X[twice], y[twice])
        for layers in (1, 2)
    )
    assert two.score(X[100:], y[100:]) >= one.score(X[100:], y[100:])


@pytest.mark.usefixtures("always")
def test_noise_is_not_learned_by_heart():
    X, y = np.random.default_rng(5).normal(size=(200, 3)), np.random.default_rng(6).normal(size=200)
    ensemble = EnsembleRegressor(MEMORISING, "mean", layers=2, random_state=0, n_jobs=1).fit(X, y)
    error = np.mean((ensemble.oof_predictions_ - y[:, None]) ** 2, axis=0)
    assert (error > 1.5 * y.var()).all()  # of a memorised other row: twice the variance


@pytest.mark.usefixtures("always")
def test_noise_of_classes_is_not_learned_by_heart():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    members = [("tree", DecisionTreeClassifier()), learner("knn", n_neighbors=1)]
    ensemble = EnsembleClassifier(members, "mean", layers=2, metric="accuracy", random_state=0, n_jobs=1).fit(X, y)
    right = (ensemble.oof_predictions_.argmax(axis=2) == y[:, None]).mean(axis=0)
    assert len(right) == 4
    assert (np.abs(right - 0.5) < 0.12).all()  # three standard errors


def test_pairs_leave_out_both_folds_and_predict_both():
    plan = SplitPlan(tuple(folds(12, 3)), 12)
    made, pairs = plan_of_pairs(plan)
    assert pairs == [(0, 1), (0, 2), (1, 2)]
    for (train, test), pair in zip(made.folds, pairs, strict=True):
        assert sorted([*train, *test]) == list(range(12))
        assert {row % 3 for row in test} == set(pair)


def test_the_rows_of_a_fold_get_what_pairs_with_it_predict():
    plan = SplitPlan(tuple(folds(6, 3)), 6)
    made, pairs = plan_of_pairs(plan)
    of_pairs = {
        pair: (test, np.full((4, 1), 10.0 * pair[0] + pair[1]))
        for (_, test), pair in zip(made.folds, pairs, strict=True)
    }
    known = PairPredictions(plan, ("a",), np.full((6, 1), -1.0), of_pairs, {}, ())
    assert known.without(0).ravel().tolist() == [-1, 1, 2, -1, 1, 2]
    assert known.without(1).ravel().tolist() == [1, -1, 12, 1, -1, 12]
    assert known.without(2).ravel().tolist() == [2, 12, -1, 2, 12, -1]
