"""Leakage is the cardinal sin: an out-of-fold prediction must not know its row's target."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.engine._tasks import task_seed
from byoe.errors import MemberError, ParameterError

FAST = {
    "catboost": {"iterations": 15, "depth": 3},
    "xgboost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 10},
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
    "hist_gradient_boosting": {"max_iter": 10},
    "mlp": {"max_iter": 300, "hidden_layer_sizes": [5], "tol": 1e-1},
    "ridge": {},
    "elastic_net": {"alpha": 0.01},
    "knn": {},
    "svm": {},
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 3))
    return X, X @ [1.0, 2.0, -1.0] + rng.normal(size=90)


def everything():
    return [learner(name, **params) for name, params in FAST.items()]


def test_an_oof_prediction_does_not_change_with_its_rows_own_target(data):
    X, y = data
    first = EnsembleRegressor(everything(), cv=3, random_state=0).fit(X, y)
    for row in (4, 57):
        changed = y.copy()
        changed[row] += 1000.0
        second = EnsembleRegressor(everything(), cv=3, random_state=0).fit(X, changed)
        assert np.array_equal(first.oof_predictions_[row], second.oof_predictions_[row])
        # The change does reach the rows of other folds, so that the comparison can fail.
        assert (np.abs(first.oof_predictions_ - second.oof_predictions_).max(axis=0) > 1e-3).all()


def test_an_oof_class_probability_does_not_change_with_its_rows_own_class(data):
    X, y = data
    y = (y > 0).astype(int)
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))  # stratified ones depend on the classes
    first = EnsembleClassifier(everything(), "mean", cv=folds, random_state=0).fit(X, y)
    for row in (4, 57):
        changed = y.copy()
        changed[row] = 1 - changed[row]
        second = EnsembleClassifier(everything(), "mean", cv=folds, random_state=0).fit(X, changed)
        assert np.array_equal(first.oof_predictions_[row], second.oof_predictions_[row])
        assert (np.abs(first.oof_predictions_ - second.oof_predictions_).max(axis=(0, 2)) > 1e-6).all()


def test_statistics_of_the_features_are_those_of_the_training_rows(data):
    X, y = data
    X = X.copy()
    X[::5, 0] = np.nan
    first = EnsembleRegressor(("ridge", "knn", "svm", "elastic_net"), cv=3, random_state=0).fit(X, y)
    far = X.copy()
    far[10] *= 1e6
    second = EnsembleRegressor(("ridge", "knn", "svm", "elastic_net"), cv=3, random_state=0).fit(far, y)
    fold = next(set(test) for _, test in first._oof.plan.folds if 10 in test)
    others = np.array(sorted(fold - {10}))
    # The models of its own fold have not seen the row: nothing changes for the fold's other rows.
    assert np.array_equal(first.oof_predictions_[others], second.oof_predictions_[others])


def test_the_blends_honest_prediction_does_not_know_its_target_either(data):
    X, y = data
    row = 80
    later = TimeSeriesSplit(4)
    first = EnsembleRegressor(("ridge", "knn", "svm"), "weighted", cv=later, random_state=0).fit(X, y)
    assert first._oof.scored[row]
    changed = y.copy()
    changed[row] += 50.0
    second = EnsembleRegressor(("ridge", "knn", "svm"), "weighted", cv=later, random_state=0).fit(X, changed)
    assert first._oof.blend[row] == second._oof.blend[row]
    assert first.blender_.weights_.tolist() != second.blender_.weights_.tolist()


@pytest.mark.parametrize("name", ["mean", "weighted", "greedy", "best", "meta-linear", "vote", "auto", "adjusted"])
def test_the_blender_of_a_fold_is_fitted_without_the_folds_rows(name, data):
    from byoe import blender
    from byoe.contracts._blender import OOF
    from byoe.engine._blend import fit_blend

    X, y = data
    ensemble = EnsembleRegressor(("ridge", "knn", "svm"), "mean", cv=3, random_state=0).fit(X, y)
    oof = OOF(ensemble.oof_predictions_, y, ensemble._task)
    first = fit_blend(blender(name), oof, ensemble._oof.plan).prediction
    test = ensemble._oof.plan.folds[1][1]
    changed = y.copy()
    changed[test] += 100.0
    second = fit_blend(blender(name), OOF(oof.predictions, changed, oof.task), ensemble._oof.plan).prediction
    assert np.array_equal(first[test], second[test])


def test_a_random_state_among_the_parameters_is_not_shared_between_tasks(data):
    X, y = data

    def oof():
        forest = learner("random_forest", n_estimators=5, random_state=np.random.RandomState(0))
        return EnsembleRegressor([forest], "mean", cv=3, random_state=0).fit(X, y).oof_predictions_

    assert np.array_equal(oof(), oof())


class Memory(RegressorMixin, BaseEstimator):
    """Predicts which rows it was trained on: the mean of y, with y the row numbers."""

    def fit(self, X, y):
        self.rows_ = np.asarray(y).astype(int)
        return self

    def predict(self, X):
        return np.isin(np.asarray(X)[:, 0].astype(int), self.rows_).astype(float)


@pytest.mark.parametrize(
    "cv",
    [
        5,
        KFold(3),
        RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
        TimeSeriesSplit(4),
        ShuffleSplit(3, random_state=0),
    ],
)
def test_no_model_predicts_a_row_that_it_was_trained_on(cv):
    rows = np.arange(40.0)
    ensemble = EnsembleRegressor([("memory", Memory())], "mean", cv=cv, random_state=0).fit(rows[:, None], rows)
    assert np.array_equal(np.isfinite(ensemble.oof_predictions_[:, 0]), ensemble.coverage_)
    assert (ensemble.oof_predictions_[ensemble.coverage_] == 0).all()


def test_repeated_predictions_are_averaged(data):
    X, y = data
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    twice = EnsembleRegressor(("ridge",), cv=cv, random_state=0).fit(X, y)
    folds = list(cv.split(X))
    once = [
        EnsembleRegressor(("ridge",), cv=folds[i : i + 3], random_state=0).fit(X, y).oof_predictions_ for i in (0, 3)
    ]
    np.testing.assert_allclose(twice.oof_predictions_, (once[0] + once[1]) / 2, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_the_number_of_workers_does_not_change_the_result(data, n_jobs, monkeypatch):
    import joblib

    X, y = data
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    first = EnsembleRegressor(everything(), cv=3, random_state=0, n_jobs=2).fit(X, y)
    second = EnsembleRegressor(everything(), cv=3, random_state=0, n_jobs=n_jobs).fit(X, y)
    assert np.array_equal(first.oof_predictions_, second.oof_predictions_)
    assert np.array_equal(first.predict(X), second.predict(X))


def test_a_member_does_not_depend_on_its_neighbours(data):
    X, y = data
    both = EnsembleRegressor(("random_forest", learner("xgboost", n_estimators=5)), cv=3, random_state=0).fit(X, y)
    alone = EnsembleRegressor(("random_forest",), cv=3, random_state=0).fit(X, y)
    assert np.array_equal(both.oof_predictions_[:, 0], alone.oof_predictions_[:, 0])


def test_seeds_differ_by_label_and_fold():
    seeds = {task_seed(0, label, fold) for label in ("a", "b") for fold in range(-1, 5)}
    assert len(seeds) == 12
    assert task_seed(0, "a", 0) == task_seed(0, "a", 0)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_bagging_serves_the_mean_of_the_fold_models(data):
    X, y = data
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, finalize="bag", random_state=0)
    with pytest.warns(UserWarning, match="training part holds only") as caught:
        EnsembleRegressor(("ridge", "knn"), "mean", cv=2, finalize="bag", random_state=0).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    ensemble.fit(X, y)
    models = ensemble.members_["ridge"].models
    assert len(models) == 3
    np.testing.assert_allclose(ensemble.predict(X), np.mean([m.predict(X) for m in models], axis=0), rtol=1e-12)


def test_auto_bags_trees_and_refits_the_rest_and_knows_when_not_to(data):
    X, y = data
    names = (learner("xgboost", n_estimators=3), "ridge", "knn")
    how = {label: m.finalize for label, m in EnsembleRegressor(names, cv=3).fit(X, y).members_.items()}
    assert how == {"xgboost": "bag", "ridge": "refit", "knn": "refit"}
    late = EnsembleRegressor(names, cv=TimeSeriesSplit(3)).fit(X, y)
    assert {m.finalize for m in late.members_.values()} == {"refit"}


class Failing(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        if len(y) < 90 and X[0, 0] > -99:
            raise ArithmeticError("the third planet is missing")
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_a_failing_member_is_named_with_fold_and_cause(data):
    X, y = data
    with pytest.raises(
        MemberError, match=r"member 'bad' failed on fold 1 of 3: ArithmeticError: the third planet"
    ) as caught:
        EnsembleRegressor(["ridge", ("bad", Failing())], cv=3, n_jobs=1).fit(X, y)
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_a_failing_member_is_left_out_when_asked_for(data):
    X, y = data
    ensemble = EnsembleRegressor(["ridge", ("bad", Failing()), "knn"], cv=3, on_error="skip", random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "knn"]
    assert ensemble.oof_predictions_.shape == (90, 2)
    assert {failure.fold for failure in ensemble.failures_} == {0, 1, 2}
    assert "the third planet" in ensemble.failures_[0].traceback
    without = EnsembleRegressor(["ridge", "knn"], cv=3, random_state=0).fit(X, y)
    assert np.array_equal(ensemble.predict(X), without.predict(X))
    with pytest.raises(MemberError, match="all members failed"):
        EnsembleRegressor([("bad", Failing())], cv=3, on_error="skip").fit(X, y)
    with pytest.raises(ParameterError, match="member 'bad': LogisticRegression is not a regressor"):
        EnsembleRegressor(["ridge", ("bad", LogisticRegression())], cv=3, on_error="skip").fit(X, y)


class WrongShape(Failing):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X) - 1)


def test_a_wrong_prediction_is_caught(data):
    X, y = data
    with pytest.raises(MemberError, match=r"WrongShape.predict returned shape \(29,\), expected \(30,\)"):
        EnsembleRegressor([WrongShape()], cv=3).fit(X, y)


def test_classes_that_are_missing_from_a_fold(tmp_path):
    import byoe

    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"] * 20)
    X = rng.normal(size=(60, 3)) + 3 * np.eye(3)[np.arange(60) % 3]
    rows = np.arange(60)
    no_c = rows[y != "c"][:30]
    folds = [(no_c, np.setdiff1d(rows, no_c)), (np.setdiff1d(rows, no_c), no_c)]
    names = ("ridge", learner("xgboost", n_estimators=5))
    ensemble = EnsembleClassifier(names, cv=folds, finalize="refit", random_state=0).fit(X, y)
    assert (ensemble.oof_predictions_[folds[0][1], :, 2] == 0).all()
    np.testing.assert_allclose(ensemble.oof_predictions_.sum(axis=2), 1)
    with pytest.warns(UserWarning, match="training part holds only 30 of 60 rows"):
        bagged = EnsembleClassifier(names, cv=folds, finalize="bag", random_state=0).fit(X, y)
    loaded = byoe.load(bagged.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), bagged.predict_proba(X))


def test_callbacks_hear_of_every_task(data):
    X, y = data
    heard = []
    EnsembleRegressor(("ridge", learner("xgboost", n_estimators=2)), cv=3, callbacks=heard.append).fit(X, y)
    assert len(heard) == 3 + 3 + 1
    assert [event.done for event in heard] == list(range(1, 8))
    assert {event.total for event in heard} == {7}
    assert {(e.label, e.fold) for e in heard} == {(m, f) for m in ("ridge", "xgboost") for f in range(3)} | {
        ("ridge", -1)
    }
