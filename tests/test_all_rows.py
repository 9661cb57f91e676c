"""A model of all rows beside the bag of a member."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble import _all_rows, _spare_time
from byoe.ensemble._second_layer import SecondLayer
from byoe.errors import MemberError
from byoe.learners.lightgbm import LightGBM
from byoe.report._facts import members

QUICK = learner("lightgbm", num_leaves=6, learning_rate=0.3)
SLOPE = np.array([1.0, 2.0, -1.0, 0.5])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 4))
    return X, X @ SLOPE + np.abs(X[:, 0]) + 0.3 * rng.normal(size=300)


def served(ensemble):
    return {label: (member.finalize, len(member.models)) for label, member in ensemble.members_.items()}


def fitted(X, y, members=(QUICK,), blender="mean", kind=EnsembleRegressor, **more):
    return kind(list(members), blender, **{"cv": 3, "random_state": 0, "n_jobs": 1, **more}).fit(X, y)


@pytest.fixture(scope="module")
def both(data):
    return fitted(*data)


def test_the_bag_and_the_model_of_all_rows_count_the_same(data, both):
    X, y = data
    assert served(both) == {"lightgbm": ("both", 4)}
    bag, one = (fitted(X, y, finalize=how) for how in ("bag", "refit"))
    assert served(bag) == {"lightgbm": ("bag", 3)}
    np.testing.assert_allclose(both.predict(X), (bag.predict(X) + one.predict(X)) / 2, rtol=1e-12)
    assert (both.oof_predictions_ == bag.oof_predictions_).all()
    assert both.score_estimate_ == bag.score_estimate_


def test_refit_serves_the_model_that_is_there(data, both, monkeypatch, tmp_path):
    X, y = data
    one, loaded = fitted(X, y, finalize="refit"), byoe.load(both.save(tmp_path / "saved"))
    monkeypatch.setattr(LightGBM, "fit", lambda *_, **__: pytest.fail("fitted once more"))
    for lean in (both.refit(X), loaded.refit(X)):
        assert served(lean) == {"lightgbm": ("refit", 1)}
        assert (lean.predict(X) == one.predict(X)).all()
    with pytest.raises(pytest.fail.Exception, match="fitted once more"):
        fitted(X, y)


def test_a_model_of_all_rows_has_the_mean_number_of_rounds(both):
    *folds, whole = both.members_["lightgbm"].models
    assert whole.rounds == [round(np.mean([model.rounds[0] for model in folds]))]
    assert whole.models[0].booster.num_trees() == round(np.mean([model.rounds[0] for model in folds]))


def test_the_leaderboard_and_the_report_tell_of_it(data, both):
    (row,) = both.leaderboard_.members
    assert (row["finalize"], row["models"]) == ("both", 4)
    assert both.leaderboard_[0]["models"] == 4
    assert both.leaderboard_[0]["predict_ms"] == row["predict_ms"]
    assert row["fit_seconds"] == both._record.fit_seconds["lightgbm"] > 0
    again = both.reblend("best").leaderboard_.members[0]
    assert {key: again[key] for key in ("finalize", "models", "fit_seconds")} == {
        key: row[key] for key in ("finalize", "models", "fit_seconds")
    }
    assert again["predict_ms"] == pytest.approx(row["predict_ms"])
    assert members(both)[0]["served"] == "3 models, each of a fold, and one of all rows, which counts as much as these"


def test_saved_it_predicts_and_explains_the_same(data, both, tmp_path):
    X, _ = data
    loaded = byoe.load(both.save(tmp_path / "saved"))
    assert (loaded.predict(X) == both.predict(X)).all()
    assert loaded.members_["lightgbm"].finalize == "both"
    assert (loaded.predict_interval(X) == both.predict_interval(X)).all()
    explained = loaded.explain(X)
    np.testing.assert_allclose(explained.values.sum(axis=1) + explained.base_values, both.predict(X), rtol=1e-9)
    lean = byoe.load(loaded.refit(X).save(tmp_path / "lean"))
    assert len(lean.members_["lightgbm"].models) == 1


def test_importances_weigh_the_models_as_predictions_do(both):
    features = np.arange(4)
    own = [model.importances(features) for model in both.members_["lightgbm"].models]
    expected = (np.mean(own[:3], axis=0) + own[3]) / 2
    np.testing.assert_allclose(both.members_["lightgbm"].importances(features), expected, rtol=1e-12)


def test_the_graph_weighs_them_too(data, both, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X, _ = data
    session = runtime.InferenceSession(both.to_onnx(tmp_path / "graph.onnx"))
    (said, *_) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(np.ravel(said), both.predict(X), rtol=1e-5, atol=1e-5)


def test_intervals_ask_the_models_of_the_folds(data, both):
    X, y = data
    bag = fitted(X, y, finalize="bag")
    assert both.interval_method_ == bag.interval_method_ == "cv+"
    assert (both.predict_interval(X) == bag.predict_interval(X)).all()


# -- who has it ------------------------------------------------------------------------


def test_auto_takes_it_for_boosters_that_find_their_rounds_and_that_the_blend_uses(data):
    X, y = data
    members = [
        QUICK,
        ("given", learner("lightgbm", n_estimators=5)),
        learner("random_forest", n_estimators=5),
        ("idle", learner("lightgbm", learning_rate=0.3)),
        "ridge",
    ]
    weights = byoe.blender("weighted", weights=[1, 1, 1, 0, 1])
    ensemble = fitted(X, y, members, weights)
    expected = {"lightgbm": ("both", 4), "given": ("bag", 3), "random_forest": ("bag", 3), "idle": ("bag", 3)}
    assert served(ensemble) == {**expected, "ridge": ("refit", 1)}
    assert served(fitted(X, y, early_stopping=False)) == {"lightgbm": ("bag", 3)}
    asked = fitted(X, y, members, weights, finalize="both")
    expected = {"lightgbm": ("both", 4), "given": ("both", 4), "random_forest": ("both", 4), "idle": ("bag", 3)}
    assert served(asked) == {**expected, "ridge": ("both", 4)}
    assert clone(asked).finalize == "both"


def test_of_classes_only_those_that_can_be_told_apart_gain(data):
    X, y = data
    rng = np.random.default_rng(0)
    apart, mixed = y > np.median(y), rng.integers(2, size=len(y))
    assert served(fitted(X, apart, kind=EnsembleClassifier)) == {"lightgbm": ("both", 4)}
    assert served(fitted(X, mixed, kind=EnsembleClassifier)) == {"lightgbm": ("bag", 3)}
    assert served(fitted(X, mixed, kind=EnsembleClassifier, finalize="both")) == {"lightgbm": ("both", 4)}
    assert served(fitted(X, apart, blender="vote", kind=EnsembleClassifier)) == {"lightgbm": ("bag", 3)}
    labels = np.column_stack([apart, mixed])
    assert served(fitted(X, labels, kind=EnsembleClassifier)) == {"lightgbm": ("bag", 3)}


def test_the_loss_that_is_left_counts_weights(data):
    """Rows without weight are as they would be if they were not there."""
    X, y = data
    apart = (y > np.median(y)).astype(int)
    rng = np.random.default_rng(0)
    X, y = np.r_[X, rng.normal(size=X.shape)], np.r_[apart, rng.integers(2, size=len(y))]
    weight = np.repeat([1.0, 0.0], len(apart))
    for one, how in ((weight, "both"), (1 - weight, "bag")):
        made = EnsembleClassifier([QUICK], "mean", cv=3, random_state=0, n_jobs=1).fit(X, y, sample_weight=one)
        assert made.members_["lightgbm"].finalize == how


@pytest.mark.parametrize("more", [{"cv": 2}, {"finalize": "refit"}], ids=str)
def test_where_there_is_no_bag_nothing_stands_beside_it(data, more):
    assert served(fitted(*data, **more)) == {"lightgbm": ("refit", 1)}


def test_several_targets_groups_and_layers(data, monkeypatch):
    X, y = data
    two = fitted(X, np.column_stack([y, -y]))
    assert served(two) == {"lightgbm": ("both", 4)}
    np.testing.assert_allclose(two.predict(X)[:, 0], -two.predict(X)[:, 1], atol=0.5)
    grouped = EnsembleRegressor([QUICK], "mean", random_state=0, n_jobs=1)
    assert served(grouped.fit(X, y, groups=np.repeat(np.arange(30), 10))) == {"lightgbm": ("both", 6)}
    monkeypatch.setattr(SecondLayer, "_better", lambda self, oof: "as it is to be kept")
    layered = fitted(X, y, [QUICK, "ridge"], layers=2)
    expected = {"lightgbm": ("both", 4), "ridge": ("refit", 1), "lightgbm_2": ("bag", 3), "ridge_2": ("refit", 1)}
    assert served(layered) == expected


def test_further_members_have_it_and_those_before_stay_as_they_are(data):
    X, y = data
    ensemble = fitted(X, y, ["ridge", QUICK], byoe.blender("weighted", weights=[1, 0]))
    assert served(ensemble)["lightgbm"] == ("bag", 3)
    more = ensemble.reblend("mean").add_members([("second", QUICK)], X)
    assert served(more) == {"ridge": ("refit", 1), "lightgbm": ("bag", 3), "second": ("both", 4)}


# -- store, limits, failures -----------------------------------------------------------


def test_a_store_has_it(data, tmp_path):
    X, y = data
    heard = []
    first = fitted(X, y, store=tmp_path)
    second = fitted(X, y, store=tmp_path, callbacks=heard.append)
    assert [(event.fold, event.reused) for event in heard] == [(0, True), (1, True), (2, True), (-1, True)]
    assert (first.predict(X) == second.predict(X)).all()


def test_under_a_limit_it_comes_where_there_is_time(data, monkeypatch):
    X, y = data
    assert served(fitted(X, y, time_limit=1000.0)) == {"lightgbm": ("both", 4)}

    def late(*args, **kwargs):
        return {}

    monkeypatch.setattr(_all_rows, "refit", late)
    assert served(fitted(X, y, time_limit=1000.0)) == {"lightgbm": ("bag", 3)}


def test_further_members_leave_room_for_it(data, monkeypatch):
    X, y = data
    shares = []
    fit_further = _spare_time._fitted

    def watched(ensemble, begun, crossfit, resources, learners):
        shares.append(resources.share)
        return fit_further(ensemble, begun, crossfit, resources, learners)

    monkeypatch.setattr(_spare_time, "further", lambda learners: {"knn": learner("knn")})
    monkeypatch.setattr(_spare_time, "_fitted", watched)
    mixed = np.random.default_rng(0).integers(2, size=len(y))
    fitted(X, y, time_limit=1000.0)
    fitted(X, y > np.median(y), kind=EnsembleClassifier, time_limit=1000.0)
    fitted(X, mixed, kind=EnsembleClassifier, time_limit=1000.0)
    fitted(X, y, finalize="bag", time_limit=1000.0)
    fitted(X, y, ["ridge"], time_limit=1000.0)
    assert shares == [0.92, 0.92, 1.0, 1.0, 1.0]
    # Decision values are no probabilities, and say nothing of what is left.
    voting = [QUICK, RidgeClassifier()]
    fitted(X, mixed, voting, "vote", kind=EnsembleClassifier, time_limit=1000.0)
    assert shares[-1] == 1.0


def test_what_a_limit_cuts_short_is_not_served(data, monkeypatch):
    refit = _all_rows.refit

    def cut(*args, **kwargs):
        came = refit(*args, **kwargs)
        for outcome in came.values():
            outcome.cut = [3]
        return came

    monkeypatch.setattr(_all_rows, "refit", cut)
    ensemble = fitted(*data, time_limit=1000.0)
    assert served(ensemble) == {"lightgbm": ("bag", 3)}


def test_a_failure_on_all_rows_is_told(data, monkeypatch):
    X, y = data
    fit = LightGBM.fit

    def failing(self, X, target, **more):
        if len(target) == len(y):
            raise RuntimeError("too many rows")
        return fit(self, X, target, **more)

    monkeypatch.setattr(LightGBM, "fit", failing)
    with pytest.raises(MemberError, match="'lightgbm' failed on the refit on all rows: RuntimeError: too many rows"):
        fitted(X, y)
    message = "'lightgbm' failed on all rows, and is served by the models of its folds: RuntimeError: too many rows"
    for more in ({"on_error": "skip"}, {"time_limit": 1000.0}):
        with pytest.warns(UserWarning, match=message):
            ensemble = fitted(X, y, **more)
        assert served(ensemble) == {"lightgbm": ("bag", 3)}
        assert ensemble.failures_ == []


def test_repeats_of_the_folds_leave_it_its_half(data, monkeypatch):
    X, y = data
    monkeypatch.setattr("byoe.ensemble._spare_time.further", lambda learners: {})
    monkeypatch.setattr("byoe.ensemble._repeats.Repeats._value", lambda self, oof: 0.0)
    ensemble = fitted(X, y, time_limit=10_000.0)
    member = ensemble.members_["lightgbm"]
    assert member.repeats > 1
    assert len(member.models) == 3 * member.repeats + 1
    assert member.n_folds == 3
    assert member.weights == [*[1] * (3 * member.repeats), 3 * member.repeats]
    one = fitted(X, y, finalize="refit")
    of_folds = np.mean([model.predict(X) for model in member.models[:-1]], axis=0)
    np.testing.assert_allclose(ensemble.predict(X), (of_folds + one.predict(X)) / 2, rtol=1e-9)
