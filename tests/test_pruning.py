"""Members that are not worth the time they take to predict leave, by a tolerance or to a bound on the time."""

import copy
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import get_scorer, make_scorer
from sklearn.neighbors import KNeighborsRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, ParameterError

MEMBERS = ["ridge", "elastic_net", "knn", "svm", learner("random_forest", n_estimators=10)]
TIMES = {"ridge": 1.0, "elastic_net": 2.0, "knn": 30.0, "svm": 20.0, "random_forest": 200.0}


def timed(ensemble, times=TIMES):
    """Return the ensemble as if its members had taken other times to predict: milliseconds for 1,000 rows."""
    other = copy.copy(ensemble)
    members = ensemble.members_.items()
    seconds = {label: times.get(label, 1.0) / 1e6 / len(member.models) for label, member in members}
    other._record = replace(ensemble._record, predict_seconds=seconds)
    return other


def milliseconds(ensemble):
    """Return what the members that are asked take for 1,000 rows."""
    used = ensemble.blender_.used(len(ensemble.members_))
    return sum(TIMES.get(label, 1.0) for label, one in zip(ensemble.members_, used, strict=True) if one)


@pytest.fixture(scope="module")
def fitted(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(MEMBERS, "weighted", cv=3, random_state=0, n_jobs=1).fit(X, y)
    return {name: timed(ensemble.reblend(name)) for name in ("weighted", "mean", "best", "greedy", "auto")}


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(240, 4))
    y = (X[:, 0] + X[:, 1] ** 2 + 0.7 * rng.normal(size=240) > 1).astype(int)
    return X, y


# -- a tolerance -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["weighted", "mean", "best", "greedy", "auto"])
@pytest.mark.parametrize("tolerance", [0.0025, 0.01, 0.05])
def test_the_error_grows_by_no_more_than_the_time_that_is_saved_is_worth(fitted, diabetes, name, tolerance):
    whole, X = fitted[name], diabetes[0]
    pruned = whole.prune(tolerance)
    assert set(pruned.members_) <= set(whole.members_)
    assert all(pruned.members_[label] is whole.members_[label] for label in pruned.members_)
    saved = 1 - milliseconds(pruned) / milliseconds(whole)
    before, after = whole.leaderboard_["blend"], pruned.leaderboard_["blend"]
    for score in ("rmse", "in_sample"):
        assert after[score] - before[score] <= tolerance * saved * before["rmse"] + 1e-9
    assert -pruned.score_estimate_ == pruned.leaderboard_["blend"]["rmse"]
    gone = [label for label in whole.members_ if label not in pruned.members_]
    again = whole.drop_members(*gone)  # blended of those that stay alone, to the bit
    assert np.array_equal(pruned.predict(X), again.predict(X))
    assert np.array_equal(pruned.oof_predictions_, again.oof_predictions_)
    assert pruned.score_estimate_ == again.score_estimate_
    assert list(pruned.leaderboard_) == list(again.leaderboard_)


def test_without_a_tolerance_those_without_weight_leave_and_nothing_else_changes(fitted, diabetes):
    whole, X = fitted["greedy"], diabetes[0]
    for pruned in (whole.prune(), whole.prune(0), whole.prune(0.0), whole.prune(np.float64(0))):
        used = whole.blender_.used(5)
        assert list(pruned.members_) == [label for label, one in zip(whole.members_, used, strict=True) if one]
        assert np.array_equal(pruned.predict(X), whole.predict(X))
        assert pruned.score_estimate_ == whole.score_estimate_
        assert pruned.leaderboard_.notes == whole.leaderboard_.notes


@pytest.mark.parametrize("tolerance", [0.003, 0.01, 0.03])
def test_of_all_sets_of_members_it_takes_the_one_that_is_worth_most(fitted, tolerance):
    """The set with the least error plus price of its time, as a search of all of them finds it."""
    whole = fitted["mean"]
    error = whole.leaderboard_["blend"]["rmse"]

    def cost(labels):
        gone = [label for label in whole.members_ if label not in labels]
        one = whole.drop_members(*gone) if gone else whole
        time = sum(TIMES[label] for label in labels) / sum(TIMES.values())
        return one.leaderboard_["blend"]["rmse"] / error + tolerance * time

    every = [labels for n in range(1, 6) for labels in combinations(TIMES, n)]
    assert cost(whole.prune(tolerance).members_) == pytest.approx(min(map(cost, every)), abs=1e-4)


def test_a_member_stays_or_leaves_by_its_time(fitted):
    """Of two that are worth the same to the blend, it is the slow one that leaves."""
    whole = fitted["mean"]
    quick = dict.fromkeys(TIMES, 1.0)
    kept = [set(timed(whole, quick | {slow: 1000.0}).prune(0.02).members_) for slow in ("ridge", "elastic_net")]
    assert "ridge" not in kept[0]
    assert "ridge" in kept[1]
    assert "elastic_net" not in kept[1]


def test_next_to_no_time_is_worth_next_to_nothing(fitted):
    """However large the tolerance, who takes a thousandth of the time may cost a thousandth of it."""
    whole = timed(fitted["weighted"], {"random_forest": 1e6})
    pruned = whole.prune(0.02)
    assert "random_forest" not in pruned.members_
    assert {"elastic_net", "svm"} <= set(pruned.members_)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.floats(0.01, 1000), min_size=5, max_size=5),
    tolerance=st.floats(1e-4, 0.1),
    name=st.sampled_from(["mean", "weighted", "best"]),
)
def test_whatever_members_take(fitted, times, tolerance, name):
    whole = timed(fitted[name], dict(zip(TIMES, times, strict=True)))
    pruned = whole.prune(tolerance)
    assert pruned.score_estimate_ >= (1 + tolerance) * whole.score_estimate_
    again = pruned.prune(tolerance)
    assert set(again.members_) <= set(pruned.members_)


def test_the_note_and_the_board_tell_what_it_costs_and_saves(fitted, tmp_path, diabetes):
    whole = fitted["mean"]
    pruned = whole.prune(0.03)
    note = pruned.leaderboard_.notes[-1]
    assert note.startswith("pruned: with a tolerance of 0.03, ")
    gone = [label for label in whole.members_ if label not in pruned.members_]
    assert f"{', '.join(gone)} left out; rmse " in note
    assert f"{milliseconds(pruned):g} ms instead of 253 for 1,000 rows" in note
    assert pruned.leaderboard_["blend"]["predict_ms"] == pytest.approx(milliseconds(pruned))
    loaded = byoe.load(pruned.save(tmp_path / "model"))
    assert loaded.leaderboard_.notes == pruned.leaderboard_.notes
    assert np.array_equal(loaded.predict(diabetes[0]), pruned.predict(diabetes[0]))
    assert [note for note in loaded.reblend("weighted").leaderboard_.notes if note.startswith("pruned: ")] == [note]
    twice = loaded.prune(predict_ms=2.5)
    assert [note.split(",")[0] for note in twice.leaderboard_.notes if note.startswith("pruned")] == [
        "pruned: with a tolerance of 0.03",
        "pruned: to 2.5 ms",
    ]


def test_where_nobody_may_leave_it_says_so(fitted, diabetes):
    whole = timed(fitted["weighted"].drop_members("ridge", "knn", "random_forest"))
    pruned = whole.prune(1e-6)
    assert list(pruned.members_) == list(whole.members_)
    assert np.array_equal(pruned.predict(diabetes[0]), whole.predict(diabetes[0]))
    assert pruned.leaderboard_.notes[-1] == "pruned: with a tolerance of 1e-06, all members stay"
    assert len(pruned.leaderboard_.notes) == len(whole.leaderboard_.notes) + 1


def test_a_saved_ensemble_is_pruned_alike(fitted, diabetes, tmp_path):
    whole = fitted["auto"]
    loaded = byoe.load(whole.save(tmp_path / "model"))
    assert np.array_equal(loaded.prune(0.01).predict(diabetes[0]), whole.prune(0.01).predict(diabetes[0]))
    assert list(loaded.prune(0.01).members_) == list(whole.prune(0.01).members_)


# -- a bound on the time -----------------------------------------------------------------------


@pytest.mark.parametrize("bound", [1, 3, 25, 60, 252, 253, 1000])
@pytest.mark.parametrize("name", ["mean", "best", "auto"])
def test_a_bound_is_kept(fitted, name, bound):
    whole = fitted[name]
    pruned = whole.prune(predict_ms=bound)
    assert milliseconds(pruned) <= bound
    assert pruned.leaderboard_["blend"]["predict_ms"] == pytest.approx(milliseconds(pruned))
    if milliseconds(whole) <= bound:
        assert list(pruned.members_) == list(whole.prune().members_)
        assert pruned.score_estimate_ == whole.score_estimate_


def test_the_one_that_keeps_to_the_bound_stays_however_little_it_helps(diabetes):
    X, y = diabetes
    far = KNeighborsRegressor(n_neighbors=100, weights="distance")
    ensemble = EnsembleRegressor([("far", far), "ridge", "svm"], "weighted", cv=3, random_state=0).fit(X, y)
    quick = timed(ensemble, {"far": 1.0, "ridge": 5.0, "svm": 6.0})
    assert list(quick.prune(predict_ms=2).members_) == ["far"]
    with pytest.raises(
        ParameterError, match=r"predict_ms is 0\.5, and the fastest member alone, 'far', takes 1 ms for 1,000 rows$"
    ):
        quick.prune(predict_ms=0.5)


def test_of_a_bag_it_tells_that_one_model_would_do(diabetes):
    X, y = diabetes
    forest = learner("random_forest", n_estimators=5)
    ensemble = timed(EnsembleRegressor([forest], cv=3, random_state=0).fit(X, y))
    with pytest.raises(ParameterError, match=r"takes 200 ms for 1,000 rows; refit\(X\) serves one model instead"):
        ensemble.prune(predict_ms=100)
    assert list(ensemble.refit(X).prune(predict_ms=100).members_) == ["random_forest"]


# -- metrics -----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "accuracy", "balanced_accuracy", "f1", "neg_brier_score"])
def test_the_error_is_the_distance_to_perfect_predictions(classes, metric):
    X, y = classes
    ensemble = EnsembleClassifier(["ridge", "knn", MEMBERS[-1]], "mean", metric=metric, cv=3, random_state=0)
    whole = timed(ensemble.fit(X, y))
    perfect = 0.0 if metric in ("log_loss", "neg_brier_score") else 1.0
    for tolerance in (0.005, 0.05, 0.2):
        pruned = whole.prune(tolerance)
        before, after = (abs(perfect - abs(one.score_estimate_)) for one in (whole, pruned))
        assert after <= before * (1 + tolerance) + 1e-12
    assert len(pruned.members_) < 3


def test_r2_grows_by_the_share_that_is_not_explained(fitted, diabetes):
    X, y = diabetes
    whole = EnsembleRegressor(MEMBERS, "mean", metric="r2", cv=3, random_state=0).fit(X, y)
    pruned = timed(whole).prune(0.01)
    assert len(pruned.members_) < 5
    assert 1 - pruned.score_estimate_ <= 1.01 * (1 - whole.score_estimate_)


def test_a_loss_that_has_no_perfect_predictions_counts_from_zero():
    """A Poisson deviance takes no prediction of zero, and the target holds zeros."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = rng.poisson(np.exp(X[:, 0]))
    members = [
        learner("hist_gradient_boosting", loss="poisson", max_iter=20),
        learner("random_forest", n_estimators=20),
    ]
    whole = EnsembleRegressor(members, "mean", metric="neg_mean_poisson_deviance", cv=3, random_state=0).fit(X, y)
    pruned = timed(whole).prune(0.1)
    assert -pruned.score_estimate_ <= -1.1 * whole.score_estimate_


def test_a_metric_that_does_not_tell_what_is_perfect_wants_a_bound(classes):
    X, y = classes
    ensemble = EnsembleClassifier(
        ["ridge", "knn"], "mean", metric=get_scorer("positive_likelihood_ratio"), cv=3, random_state=0
    )
    whole = timed(ensemble.fit(X, y), {"ridge": 1.0, "knn": 9.0})
    with pytest.raises(ParameterError, match="positive_likelihood_ratio does not tell: it is .* give predict_ms"):
        whole.prune(0.01)
    assert list(whole.prune(predict_ms=5).members_) == ["ridge"]


def test_a_scorer_of_ones_own_counts_from_what_it_gives_perfect_predictions(diabetes):
    X, y = diabetes

    def profit(y, prediction):
        return 1000.0 - np.mean(np.abs(y - prediction))

    whole = timed(
        EnsembleRegressor(["ridge", "knn"], "mean", metric=make_scorer(profit), cv=3, random_state=0).fit(X, y)
    )
    pruned = whole.prune(0.05)
    assert list(pruned.members_) == ["ridge"]
    assert 1000 - pruned.score_estimate_ <= 1.05 * (1000 - whole.score_estimate_)


# -- all kinds of ensembles --------------------------------------------------------------------


def test_several_targets(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, 100 * X[:, 2] + 0.1 * y])
    whole = timed(EnsembleRegressor(MEMBERS, "weighted", cv=3, random_state=0).fit(X, Y))
    pruned = whole.prune(0.02)
    assert "random_forest" not in pruned.members_
    assert pruned.score_estimate_ >= 1.02 * whole.score_estimate_
    assert pruned.predict(X).shape == Y.shape


def test_several_labels(classes):
    X, y = classes
    Y = np.column_stack([y, X[:, 2] > 0])
    whole = timed(EnsembleClassifier(["ridge", "knn", MEMBERS[-1]], "mean", cv=3, random_state=0).fit(X, Y))
    pruned = whole.prune(0.2)
    assert len(pruned.members_) < 3
    assert pruned.score_estimate_ >= 1.2 * whole.score_estimate_


def test_votes_are_counted_without_those_who_left(classes):
    X, y = classes
    members = ["ridge", "knn", "svm", MEMBERS[-1]]
    whole = timed(EnsembleClassifier(members, blender("vote", voting="hard"), cv=3, random_state=0).fit(X, y))
    pruned = whole.prune(0.3)
    assert len(pruned.members_) < 4
    assert 1 - pruned.score_estimate_ <= 1.3 * (1 - whole.score_estimate_)
    assert set(pruned.predict(X)) <= {0, 1}


def test_weights_of_rows_and_classes_count(classes):
    X, y = classes
    weight = np.where(X[:, 0] > 0, 3.0, 0.5)
    ensemble = EnsembleClassifier(
        ["ridge", "elastic_net", MEMBERS[-1]], "weighted", class_weight="balanced", cv=3, random_state=0
    )
    whole = timed(ensemble.fit(X, y, sample_weight=weight))
    pruned = whole.prune(0.1)
    assert pruned.score_estimate_ >= 1.1 * whole.score_estimate_
    gone = [label for label in whole.members_ if label not in pruned.members_]
    np.testing.assert_allclose(pruned.predict_proba(X), whole.drop_members(*gone).predict_proba(X), rtol=1e-6)


def test_a_threshold_is_found_anew_and_calibration_too(classes):
    X, y = (part[:100] for part in classes)
    ensemble = EnsembleClassifier(
        ["ridge", "knn", MEMBERS[-1]],
        "mean",
        metric="balanced_accuracy",
        threshold="balanced_accuracy",
        calibrate=True,
        cv=3,
        random_state=0,
    )
    whole = timed(ensemble.fit(X, y))
    pruned = whole.prune(0.3)
    assert 0 < len(pruned.members_) < 3
    assert 1 - pruned.score_estimate_ <= 1.3 * (1 - whole.score_estimate_)
    assert pruned.threshold_ == whole.drop_members(*(set(whole.members_) - set(pruned.members_))).threshold_


def test_intervals_and_quantiles_are_of_the_new_blend(diabetes):
    X, y = diabetes
    quantiles = learner("lightgbm", n_estimators=10)
    whole = EnsembleRegressor(MEMBERS, "weighted", quantiles=quantiles, cv=3, random_state=0).fit(X, y)
    pruned = timed(whole).prune(0.02)
    assert "random_forest" not in pruned.members_
    interval = pruned.predict_interval(X, width="quantiles")
    assert 0.8 < np.mean((interval[:, 0] <= y) & (y <= interval[:, 1])) <= 1
    assert not np.array_equal(interval, whole.predict_interval(X, width="quantiles"))


def test_a_blender_with_passthrough_wants_the_features(diabetes):
    X, y = diabetes
    whole = timed(EnsembleRegressor(MEMBERS, blender("meta-linear", passthrough=[2]), cv=3, random_state=0).fit(X, y))
    with pytest.raises(InputError, match="pass X"):
        whole.prune(0.02)
    with pytest.raises(InputError, match="is not the table"):
        whole.prune(0.02, X=X[:100])
    pruned = whole.prune(0.02, X=X)
    assert "random_forest" not in pruned.members_
    assert np.isfinite(pruned.predict(X)).all()


def test_nothing_is_fitted_but_the_blender_and_the_store_is_not_asked(diabetes, tmp_path, monkeypatch):
    X, y = diabetes
    whole = timed(EnsembleRegressor(MEMBERS[:3], "mean", cv=3, random_state=0, store=tmp_path / "store").fit(X, y))
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "store").rglob("*") if file.is_file()}
    monkeypatch.setattr("byoe.engine._tasks.FitTask.__init__", None)
    pruned = whole.prune(0.05)
    assert len(pruned.members_) < 3
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "store").rglob("*") if file.is_file()}


def test_what_was_pruned_is_fitted_with_the_members_that_stayed(fitted, diabetes):
    X, y = diabetes
    pruned = fitted["mean"].prune(0.03)
    again = EnsembleRegressor(**pruned.get_params(deep=False)).fit(X, y)
    assert list(again.members_) == list(pruned.members_)
    np.testing.assert_allclose(again.predict(X), pruned.predict(X))


# -- bad input ---------------------------------------------------------------------------------

SHARE = "expected a share of the error, at least 0 and below 1, such as 0.005"
MILLISECONDS = "expected milliseconds for 1,000 rows, above 0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"tolerance": -0.01}, f"tolerance is -0.01, {SHARE}"),
        ({"tolerance": float("nan")}, f"tolerance is nan, {SHARE}"),
        ({"tolerance": True}, f"tolerance is True, {SHARE}"),
        ({"tolerance": np.bool_(False)}, f"tolerance is np.False_, {SHARE}"),
        ({"tolerance": "0.01"}, f"tolerance is '0.01', {SHARE}"),
        ({"tolerance": None}, f"tolerance is None, {SHARE}"),
        ({"tolerance": 5}, f"tolerance is 5, {SHARE}"),
        ({"predict_ms": 0}, f"predict_ms is 0, {MILLISECONDS}"),
        ({"predict_ms": -1.0}, f"predict_ms is -1.0, {MILLISECONDS}"),
        ({"predict_ms": float("nan")}, f"predict_ms is nan, {MILLISECONDS}"),
        ({"predict_ms": float("inf")}, f"predict_ms is inf, {MILLISECONDS}"),
        ({"predict_ms": True}, f"predict_ms is True, {MILLISECONDS}"),
        ({"predict_ms": 10, "tolerance": 0.1}, "tolerance and predict_ms are two ways to say .* give one"),
    ],
)
def test_what_is_no_share_and_no_time(fitted, arguments, told):
    with pytest.raises(ParameterError, match=told):
        fitted["mean"].prune(**arguments)


def test_before_the_fit():
    with pytest.raises(AttributeError, match="is not fitted"):
        EnsembleRegressor().prune(0.01)


def test_given_weights_are_refused(diabetes):
    X, y = diabetes
    given = EnsembleRegressor(["ridge", "knn"], blender("weighted", weights=[1, 1]), cv=3, random_state=0).fit(X, y)
    with pytest.raises(ParameterError, match=r"are those of all members.*reblend\('weighted'\), then prune"):
        given.prune(0.01)
    assert list(timed(given.reblend("weighted")).prune(0.1).members_) == ["ridge"]


@pytest.mark.filterwarnings("ignore:.*has no score")
def test_without_a_score_nobody_can_be_judged():
    """Lines predict less than nothing, for which there is no Poisson deviance."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = rng.poisson(np.exp(X[:, 0]))
    lines = EnsembleRegressor(["ridge", "elastic_net"], "mean", metric="neg_mean_poisson_deviance", cv=3).fit(X, y)
    with pytest.raises(
        ParameterError, match="no cross-validated mean_poisson_deviance, by which members could be.*drop_members"
    ):
        lines.prune(0.01)


def test_without_out_of_fold_data(fitted, tmp_path):
    bare = byoe.load(fitted["mean"].save(tmp_path / "model", oof=False))
    with pytest.raises(AttributeError, match="save it with oof=True"):
        bare.prune(0.01)
