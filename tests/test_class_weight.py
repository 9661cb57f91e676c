"""Weights of classes: what they equal, where they are found, and what they do not touch."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_class_weight

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.engine import _order
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError
from byoe.tools._class_weight import each_class, reweighted

FEW = {"cv": 3, "random_state": 0, "n_jobs": 1}


@pytest.fixture(scope="module")
def rare():
    return make_classification(300, 5, weights=[0.9], flip_y=0.05, random_state=3)


def test_balanced_is_as_in_scikit_learn():
    rng = np.random.default_rng(0)
    for n in (2, 3, 5):
        y = rng.integers(n, size=40)
        assert np.allclose(
            each_class("balanced", y, None, n), compute_class_weight("balanced", classes=np.arange(n), y=y)
        )


def test_a_row_of_weight_two_is_that_row_twice():
    y, weight = np.array([0, 0, 1, 1, 1]), np.array([1.0, 2.0, 1.0, 3.0, 0.0])
    twice = np.repeat(y, weight.astype(int))
    assert np.allclose(each_class("balanced", y, weight, 2), each_class("balanced", twice, None, 2))


def test_a_class_that_is_absent_counts_for_nothing_in_the_balance():
    y = np.array([0, 0, 2])
    assert each_class("balanced", y, None, 3).tolist() == [0.75, 1.0, 1.5]
    assert reweighted("balanced", np.array([0, 0, 1]), None, np.array([0, 2]), 2).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("member", ["ridge", "lightgbm", "xgboost", "catboost", "random_forest", "mlp"])
def test_weights_by_class_are_sample_weights_to_members(rare, member, monkeypatch):
    monkeypatch.setattr(_order, "can_prepare", lambda *_: False)  # bins of the whole table would be others
    X, y = rare
    quick = {"catboost": {"iterations": 10}, "mlp": {}, "ridge": {}}.get(member, {"n_estimators": 10})
    given = dict(FEW, early_stopping=False)
    by_class = EnsembleClassifier([learner(member, **quick)], "mean", class_weight={1: 4.0, 0: 0.5}, **given).fit(X, y)
    by_row = EnsembleClassifier([learner(member, **quick)], "mean", **given)
    by_row.fit(X, y, sample_weight=np.where(y == 1, 4.0, 0.5))
    plain = EnsembleClassifier([learner(member, **quick)], "mean", **given).fit(X, y)
    assert np.allclose(by_class.oof_predictions_, by_row.oof_predictions_, rtol=0, atol=1e-12)
    assert np.abs(by_class.oof_predictions_ - plain.oof_predictions_).mean() > 0.01


def test_balance_is_found_in_each_training_part(rare):
    X, y = rare
    found = EnsembleClassifier([LogisticRegression()], "mean", class_weight="balanced", **FEW).fit(X, y)
    alone = LogisticRegression(class_weight="balanced")
    for train, test in found._oof.plan.folds:
        expected = clone(alone).fit(X[train], y[train]).predict_proba(X[test])
        assert np.allclose(found.oof_predictions_[test, 0], expected, atol=1e-6)
    assert np.allclose(found.predict_proba(X), clone(alone).fit(X, y).predict_proba(X), atol=1e-6)


def test_the_labels_of_a_fold_do_not_reach_the_models_that_predict_it(rare):
    X, y = rare
    given = {"class_weight": "balanced", **FEW}
    first = EnsembleClassifier(["ridge", "lightgbm"], "weighted", **given).fit(X, y)
    folds = first._oof.plan.folds
    other = y.copy()
    test = folds[0][1]
    other[test[:20]] = 1 - other[test[:20]]
    again = EnsembleClassifier(["ridge", "lightgbm"], "weighted", **dict(given, cv=list(folds))).fit(X, other)
    same = EnsembleClassifier(["ridge", "lightgbm"], "weighted", **dict(given, cv=list(folds))).fit(X, y)
    assert np.array_equal(again.oof_predictions_[test], same.oof_predictions_[test])


def test_the_blender_learns_with_them_and_scores_count_rows_as_they_are(rare):
    X, y = rare
    members = ["ridge", "lightgbm"]
    weighted = EnsembleClassifier(members, LogisticRegression(), class_weight={1: 6.0}, metric="log_loss", **FEW)
    weighted.fit(X, y)
    oof, w = weighted.oof_predictions_[:, :, 1], np.where(y == 1, 6.0, 1.0)
    by_hand = LogisticRegression().fit(oof, y, sample_weight=w)
    members_now = np.stack(
        [member.predict(weighted._read(X), 1)[:, 1] for member in weighted.members_.values()], axis=1
    )
    assert np.allclose(weighted.predict_proba(X), by_hand.predict_proba(members_now), atol=1e-6)
    blend = weighted.oof_blend_
    assert weighted.score_estimate_ == pytest.approx(np.log(blend[np.arange(len(y)), y]).mean())
    assert any(note.startswith("class_weight: ") for note in weighted.leaderboard_.notes)


def test_calibration_brings_probabilities_back(rare):
    X, y = rare
    given = {"class_weight": "balanced", "blender": "mean", **FEW}
    raw = EnsembleClassifier(["ridge"], **given).fit(X, y)
    back = EnsembleClassifier(["ridge"], calibrate="sigmoid", **given).fit(X, y)
    share = y.mean()
    assert raw.oof_blend_[:, 1].mean() > share + 0.15
    assert abs(back.oof_blend_[:, 1].mean() - share) < 0.02
    assert back.score_estimate_ > raw.score_estimate_
    with pytest.warns(UserWarning, match="'temperature' keeps the order"):
        EnsembleClassifier(["ridge"], calibrate=True, **given).fit(X, y)


def test_it_travels(rare, tmp_path):
    X, y = rare
    names = np.array(["no", "yes"])[y]
    ensemble = EnsembleClassifier(["ridge"], "mean", class_weight={"yes": 5, "no": 1}, **FEW)
    assert clone(ensemble).get_params()["class_weight"] == {"yes": 5, "no": 1}
    again = to_spec(ensemble)
    made = from_spec(again)
    expected = ensemble.fit(X, names).predict_proba(X)
    assert np.array_equal(made.fit(X, names).predict_proba(X), expected)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert loaded.class_weight == {"yes": 5, "no": 1}
    assert np.array_equal(loaded.predict_proba(X), expected)
    assert np.array_equal(loaded.reblend("weighted").predict_proba(X), ensemble.reblend("weighted").predict_proba(X))
    numbers = EnsembleClassifier(["ridge"], "mean", class_weight={1: 5}, **FEW)
    round_trip = from_spec(to_spec(numbers))
    assert np.array_equal(round_trip.fit(X, y).predict_proba(X), expected)


def test_a_search_tries_it(rare):
    X, y = rare
    grid = {"class_weight": [None, "balanced", {1: 3}]}
    found = GridSearchCV(EnsembleClassifier(["ridge"], "mean", **FEW), grid, scoring="balanced_accuracy", cv=3).fit(
        X, y
    )
    assert found.best_params_["class_weight"] is not None


def test_the_store_tells_weights_from_none_and_from_others(rare, tmp_path):
    X, y = rare
    for number, class_weight in enumerate((None, "balanced", {1: 3.0}, {1: 4.0})):
        for reused in (0, 4):
            told = []
            ensemble = EnsembleClassifier(["ridge"], "mean", class_weight=class_weight, store=tmp_path, **FEW)
            ensemble.set_params(callbacks=told.append).fit(X, y)
            assert sum(one.reused for one in told) == reused, (number, class_weight)


def test_members_that_join_learn_with_them(rare):
    X, y = rare
    given = {"class_weight": "balanced", **FEW}
    whole = EnsembleClassifier(["ridge", "lightgbm"], "mean", **given).fit(X, y)
    grown = EnsembleClassifier(["ridge"], "mean", **given).fit(X, y).add_members(["lightgbm"], X)
    assert np.array_equal(grown.predict_proba(X), whole.predict_proba(X))
    assert whole.diagnose()[0]["member"] == "blend"
    assert whole.refit(X).predict_proba(X)[:, 1].mean() > y.mean() + 0.05


@pytest.mark.parametrize(
    ("class_weight", "told"),
    [
        ({"yse": 3}, "class_weight names the label 'yse', and the classes are 0, 1"),
        ({1: -1}, "class_weight holds -1, expected numbers from zero up"),
        ({1: 0}, "a class of weight zero cannot be learned"),
        ("balance", "class_weight is 'balance', expected None, 'balanced' or a mapping"),
        ([1, 5], r"class_weight is \[1, 5\], expected None"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_fitted(rare, class_weight, told):
    fitted = []
    ensemble = EnsembleClassifier(["ridge"], class_weight=class_weight, callbacks=fitted.append, **FEW)
    with pytest.raises(ParameterError, match=told):
        ensemble.fit(*rare)
    assert not fitted


def test_a_member_without_weights_is_named(rare):
    with pytest.raises(ParameterError, match=r"member 'knn' takes no sample_weight.*class_weight"):
        EnsembleClassifier(["ridge", "knn"], class_weight="balanced", **FEW).fit(*rare)


def test_several_labels_have_none(rare):
    X, y = rare
    with pytest.raises(ParameterError, match="several labels"):
        EnsembleClassifier(["ridge"], class_weight="balanced", **FEW).fit(X, np.column_stack([y, 1 - y]))


def test_worker_processes_know_them(rare):
    import joblib

    X, y = rare
    ensemble = EnsembleClassifier(["ridge"], "mean", class_weight="balanced", **FEW)
    here = ensemble.fit(X, y).predict_proba(X)
    with joblib.parallel_config(backend="loky", n_jobs=1):
        assert np.array_equal(clone(ensemble).fit(X, y).predict_proba(X), here)


@pytest.mark.parametrize("name", ["class_weight", "threshold"])
def test_a_regression_has_no_such_parameter(name):
    with pytest.raises(TypeError):
        EnsembleRegressor(**{name: 1})
    assert name not in EnsembleRegressor().get_params()
