"""Leaner forms of a fitted ensemble: without members that do not count, without bags, without out-of-fold data."""

import json

import numpy as np
import pytest
from sklearn.base import clone

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, ParameterError
from byoe.plugins import OOF, Task

SMALL = [
    learner("lightgbm", n_estimators=5),
    learner("xgboost", n_estimators=5),
    "ridge",
    "knn",
    learner("random_forest", n_estimators=5),
]


def weighted(*weights):
    return blender("weighted", weights=list(weights))


CASES = {
    "given weights": EnsembleRegressor(SMALL, weighted(1, 0, 2, 0, 0), cv=3, random_state=0),
    "best": EnsembleRegressor(SMALL, "best", cv=3, random_state=0),
    "greedy": EnsembleRegressor(SMALL, blender("greedy", steps=3), cv=3, random_state=0),
    "auto": EnsembleRegressor(SMALL, cv=3, random_state=0),
    "bags": EnsembleRegressor(SMALL, "greedy", cv=3, random_state=0, finalize="bag"),
    "non-negative": EnsembleRegressor(
        [*SMALL, ("twin", "ridge")],
        blender("meta-linear", positive=True, passthrough=[0, 2]),
        cv=3,
        random_state=0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pruned_it_predicts_the_same_to_the_bit(case, diabetes, tmp_path):
    X, y = diabetes
    ensemble = CASES[case].fit(X, y)
    used = ensemble.blender_.used(len(ensemble.members_))
    pruned = ensemble.prune()
    assert list(pruned.members_) == [label for label, needed in zip(ensemble.members_, used, strict=True) if needed]
    assert len(pruned.members_) < len(ensemble.members_) or case in ("auto", "bags")
    assert np.array_equal(pruned.predict(X), ensemble.predict(X))
    assert pruned.score_estimate_ == ensemble.score_estimate_
    assert pruned.oof_predictions_.shape == (442, used.sum())
    assert {row["member"] for row in pruned.leaderboard_.members} == set(pruned.members_)
    loaded = byoe.load(pruned.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    assert loaded.interval_method_ == pruned.interval_method_
    assert np.array_equal(loaded.predict_interval(X), pruned.predict_interval(X))
    libraries = json.loads((tmp_path / "model" / "manifest.json").read_text())["libraries"]
    for label in ("lightgbm", "xgboost"):
        assert (label in libraries) == (label in pruned.members_)
    again = pruned.prune()
    assert list(again.members_) == list(pruned.members_)


def test_what_is_pruned_can_be_fitted_blended_and_pruned_again(diabetes):
    X, y = diabetes
    ensemble = CASES["given weights"].fit(X, y)
    pruned = ensemble.prune()
    assert len(ensemble.members_) == 5  # it is not changed
    anew = byoe.EnsembleRegressor(**pruned.get_params(deep=False)).fit(X, y)
    assert list(anew.members_) == ["lightgbm", "ridge"]
    assert np.array_equal(anew.predict(X), pruned.predict(X))
    plain = EnsembleRegressor([SMALL[0], "ridge"], "mean", cv=3, random_state=0).fit(X, y)
    assert np.array_equal(pruned.reblend("mean").predict(X), plain.predict(X))


def test_intervals_are_made_of_residuals_where_a_folds_blender_used_what_is_gone(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(SMALL, "greedy", cv=3, random_state=0, finalize="bag").fit(X, y)
    used = ensemble.blender_.used(5)
    assert ensemble.interval_method_ == "cv+"
    gone = any((one.used(5) & ~used).any() for one in ensemble._held_out)
    pruned = ensemble.prune()
    assert pruned.interval_method_ == ("residual" if gone else "cv+")
    if not gone:
        assert np.array_equal(pruned.predict_interval(X), ensemble.predict_interval(X))
    narrow = EnsembleRegressor(SMALL, weighted(1, 1, 0, 0, 0), cv=3, random_state=0, finalize="bag").fit(X, y)
    assert narrow.prune().interval_method_ == "cv+"
    assert np.array_equal(narrow.prune().predict_interval(X), narrow.predict_interval(X))


def test_classes_are_pruned_too(iris, tmp_path):
    X, y = iris
    ensemble = EnsembleClassifier(SMALL, "greedy", cv=3, random_state=0, calibrate=True).fit(X, y)
    pruned = ensemble.prune()
    assert 0 < len(pruned.members_) < 5
    assert np.array_equal(pruned.predict_proba(X), ensemble.predict_proba(X))
    assert np.array_equal(byoe.load(pruned.save(tmp_path / "model")).predict_proba(X), ensemble.predict_proba(X))


def test_a_member_stays_where_one_target_uses_it(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, X[:, 2] + 1e-3 * y])
    ensemble = EnsembleRegressor(SMALL, "best", cv=3, random_state=0).fit(X, Y)
    pruned = ensemble.prune()
    assert set(pruned.members_) == {
        list(ensemble.members_)[int(one.weights_.argmax())] for one in ensemble.blender_.blenders_
    }
    assert np.array_equal(pruned.predict(X), ensemble.predict(X))


@pytest.mark.parametrize("kind", ["several targets", "calibrated"])
def test_given_weights_are_those_of_the_members_that_stay(kind, diabetes, iris, tmp_path):
    given = weighted(1, 0, 2)
    if kind == "calibrated":
        X, y = iris
        ensemble = EnsembleClassifier(SMALL[:3], given, cv=3, random_state=0, calibrate=True).fit(X, y)
    else:
        X = diabetes[0]
        y = np.column_stack([diabetes[1], X[:, 2] + 1e-3 * diabetes[1]])
        ensemble = EnsembleRegressor(SMALL[:3], given, cv=3, random_state=0).fit(X, y)
    pruned = ensemble.prune()
    assert pruned.get_params()["blender__weights"] == pytest.approx([1 / 3, 2 / 3])
    for one in (pruned, byoe.load(pruned.save(tmp_path / "model"))):
        again = clone(one).fit(X, y)
        assert list(again.members_) == ["lightgbm", "ridge"]
        if kind == "calibrated":
            np.testing.assert_allclose(again.predict_proba(X), ensemble.predict_proba(X))
        else:
            np.testing.assert_allclose(again.predict(X), ensemble.predict(X))


def test_a_blender_that_cannot_tell_keeps_all(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "vote", cv=3).fit(X, y)
    assert list(ensemble.prune().members_) == ["ridge", "knn"]


def test_a_blend_of_nothing_is_told():
    oof = OOF(np.zeros((6, 2)), np.arange(6.0), Task("regression"))
    fitted = blender("meta-linear", positive=True).fit(oof)
    assert not fitted.used(2).any()
    X = np.random.default_rng(0).normal(size=(60, 2))
    ensemble = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, X[:, 0])
    ensemble.blender_ = fitted
    with pytest.raises(ParameterError, match="the blend uses no member, and one must be kept"):
        ensemble.prune()


# -- one model instead of a bag ----------------------------------------------------------------


def test_refitted_it_serves_one_model_for_each_member(diabetes, tmp_path):
    X, y = diabetes
    bagged = EnsembleRegressor(("lightgbm", "xgboost", "ridge"), "mean", cv=3, random_state=0).fit(X, y)
    lean = bagged.refit(X)
    assert [len(member.models) for member in bagged.members_.values()] == [4, 4, 1]
    assert [len(member.models) for member in lean.members_.values()] == [1, 1, 1]
    assert {row["finalize"] for row in lean.leaderboard_.members} == {"refit"}
    assert lean.leaderboard_[0]["models"] == 3
    assert lean.members_["ridge"] is bagged.members_["ridge"]
    for label in ("lightgbm", "xgboost"):
        rounds = [model.rounds[0] for model in bagged.members_[label].models]
        assert lean.members_[label].models[0].models[0].rounds == round(np.mean(rounds))
    assert np.corrcoef(lean.predict(X), bagged.predict(X))[0, 1] > 0.95
    assert np.array_equal(byoe.load(lean.save(tmp_path / "model")).predict(X), lean.predict(X))
    with pytest.raises(InputError, match="is not the table of 442 rows that the ensemble was fitted on"):
        bagged.refit(X[:400])


def test_a_refit_is_that_of_a_fit_with_the_same_rounds(diabetes):
    """Of a learner that prepares nothing, so that both see the same bins."""
    X, y = diabetes
    members = [("forest", learner("random_forest", n_estimators=5)), learner("extra_trees", n_estimators=5)]
    lean = EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(X, y).refit(X)
    whole = EnsembleRegressor(members, "mean", cv=3, random_state=0, finalize="refit").fit(X, y)
    assert np.array_equal(lean.predict(X), whole.predict(X))


def test_a_refit_with_weights_from_a_loaded_ensemble(diabetes, rng, tmp_path):
    X, y = diabetes
    weight = rng.integers(0, 3, 442)
    fitted = EnsembleRegressor([learner("random_forest", n_estimators=5)], "mean", cv=3, random_state=0).fit(
        X, y, sample_weight=weight
    )
    loaded = byoe.load(fitted.save(tmp_path / "model"))
    assert np.array_equal(loaded.refit(X).predict(X), fitted.refit(X).predict(X))


def test_where_nothing_is_bagged_a_refit_changes_nothing(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, y)
    assert np.array_equal(ensemble.refit(X).predict(X), ensemble.predict(X))


# -- without out-of-fold data ------------------------------------------------------------------


def test_without_out_of_fold_data_it_predicts_and_explains(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(("lightgbm", "ridge"), "mean", cv=3, random_state=0).fit(X, y)
    saved = ensemble.save(tmp_path / "model", oof=False)
    assert not (saved / "oof.npz").exists()
    lean = byoe.load(saved)
    assert np.array_equal(lean.predict(X), ensemble.predict(X))
    assert np.array_equal(lean.explain(X), ensemble.explain(X))
    assert repr(lean.leaderboard_) == repr(ensemble.leaderboard_)
    assert not hasattr(lean, "oof_predictions_")
    for what in (lambda: lean.reblend("mean"), lambda: lean.predict_interval(X), lambda: lean.diagnose()):
        with pytest.raises(AttributeError, match="was saved without its out-of-fold data.*save it with oof=True"):
            what()
    with pytest.raises(ValueError, match="loaded from a bundle without out-of-fold data; save it with oof=False"):
        lean.save(tmp_path / "again")
    assert np.array_equal(byoe.load(lean.save(tmp_path / "again", oof=False)).predict(X), ensemble.predict(X))


def test_a_lean_bundle_in_the_place_of_a_whole_one_leaves_nothing_of_it(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, y)
    ensemble.save(tmp_path / "model")
    ensemble.save(tmp_path / "model", oof=False)
    assert not (tmp_path / "model" / "oof.npz").exists()
    byoe.load(tmp_path / "model")
