import copy
import math
import pickle

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_linnerud
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.svm import LinearSVC

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, ParameterError
from byoe.plugins import Task
from byoe.scoring._diagnosis import residual_correlation
from byoe.scoring._leaderboard import Leaderboard
from byoe.scoring._metrics import find_metric
from byoe.scoring._scoring import Scoring

REGRESSION = Task("regression")


class Column(RegressorMixin, BaseEstimator):
    """Predicts one column of the features, so that a test sets the members' predictions."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y, sample_weight=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.column]


PLAIN = byoe.blender("weighted", pull=0)


def columns(predictions, y, blender=PLAIN, groups=None, sample_weight=None, **params):
    members = [(f"m{i}", Column(i)) for i in range(predictions.shape[1])]
    ensemble = EnsembleRegressor(members, blender, random_state=0, **params)
    return ensemble.fit(predictions, y, groups=groups, sample_weight=sample_weight)


def rows_of(board):
    return {row["member"]: row for row in board}


@pytest.fixture(scope="module")
def fitted(diabetes):
    return EnsembleRegressor(("ridge", "knn", "elastic_net"), random_state=0).fit(*diabetes)


# -- the leaderboard -----------------------------------------------------------------


def test_its_columns(fitted):
    board = fitted.leaderboard_
    expected = (
        "member rmse vs_best std_error verdict spread in_sample weight finalize models fit_seconds predict_ms".split()
    )
    assert all(list(row) == expected for row in board)
    assert (
        list(fitted.diagnose()[0])
        == (
            "member rmse vs_best std_error verdict spread in_sample loses_without weight weight_low weight_high "
            "finalize models fit_seconds predict_ms bytes"
        ).split()
    )
    blend, rows = board[0], board.members
    for key in ("models", "fit_seconds", "predict_ms"):
        assert blend[key] == pytest.approx(sum(row[key] for row in rows))
    assert [row["in_sample"] for row in rows] == [None] * 3


@pytest.mark.parametrize("weighted", [False, True])
def test_the_spread_is_that_of_the_metric_over_the_folds(weighted, diabetes, rng):
    X, y = diabetes
    weight = rng.uniform(size=len(y)) if weighted else None
    folds = list(KFold(4, shuffle=True, random_state=3).split(X))
    ensemble = EnsembleRegressor(("ridge", "elastic_net"), "weighted", cv=folds, metric="mae", random_state=0)
    board = rows_of(ensemble.fit(X, y, sample_weight=weight).leaderboard_)
    w = np.ones(len(y)) if weight is None else weight
    predictions = {
        "ridge": ensemble.oof_predictions_[:, 0],
        "elastic_net": ensemble.oof_predictions_[:, 1],
        "blend": ensemble._oof.blend,
    }
    for name, prediction in predictions.items():
        losses = [np.average(np.abs(prediction - y)[test], weights=w[test]) for _, test in folds]
        assert board[name]["spread"] == pytest.approx(np.std(losses))
        assert board[name]["mae"] == pytest.approx(np.average(np.abs(prediction - y), weights=w))


def test_the_spread_counts_the_folds_and_rows_that_the_blend_is_scored_on(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "mean", cv=TimeSeriesSplit(4), random_state=0).fit(X, y)
    oof = ensemble.oof_predictions_[:, 0]
    losses = [metrics.root_mean_squared_error(y[test], oof[test]) for _, test in list(TimeSeriesSplit(4).split(X))[1:]]
    row = rows_of(ensemble.leaderboard_)["ridge"]
    assert row["spread"] == pytest.approx(np.std(losses))
    single = EnsembleRegressor(("ridge", "knn"), "mean", cv=ShuffleSplit(1, random_state=0), random_state=0).fit(X, y)
    assert all(row["spread"] > 0 for row in single.leaderboard_)  # five folds among the rows of the holdout


@pytest.mark.parametrize("name", ["roc_auc", "recall"])
def test_folds_in_which_the_metric_is_not_defined_do_not_count(name, rng):
    y = np.repeat([0, 1], 50)  # the area wants both classes, the recall a row of the second
    folds = (np.arange(0, 20), np.arange(20, 60), np.arange(20, 80))
    second = rng.uniform(size=100)
    p = np.column_stack([1 - second, second])
    metric = find_metric(name, Task("classification", 2))
    classes, rows = np.arange(2), np.ones(100, dtype=bool)
    scoring = Scoring(metric, y, None, classes, rows, folds)
    values = [metric.value(y[test], p[test], classes=classes) for test in folds[1:]]
    assert scoring.spread(p) == pytest.approx(np.std(values))
    assert np.std(values) > 0
    assert Scoring(metric, y, None, classes, rows, folds[:2]).spread(p) is None


def test_folds_without_weight_do_not_count(diabetes):
    X, y = diabetes
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    weight = np.ones(len(y))
    weight[folds[0][1]] = 0
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=folds).fit(X, y, sample_weight=weight)
    oof = ensemble.oof_predictions_[:, 0]
    losses = [metrics.root_mean_squared_error(y[test], oof[test]) for _, test in folds[1:]]
    assert ensemble.leaderboard_[1]["spread"] == pytest.approx(np.std(losses))


@pytest.mark.parametrize("name", ["weighted", "best", "mean"])
def test_in_sample_is_never_worse_than_cross_validated(name, fitted, diabetes):
    other = fitted.reblend(name)
    row = other.leaderboard_[0]
    blended = other.blender_.predict(other.oof_predictions_)
    assert row["in_sample"] == pytest.approx(metrics.root_mean_squared_error(diabetes[1], blended))
    assert row["in_sample"] <= row["rmse"] + 1e-9
    if name == "mean":  # nothing is learned, so nothing is overfitted
        assert row["in_sample"] == pytest.approx(row["rmse"])


def test_in_sample_shows_a_blender_that_overfits(fitted):
    from sklearn.tree import DecisionTreeRegressor

    row = fitted.reblend(DecisionTreeRegressor(random_state=0)).leaderboard_[0]
    assert row["in_sample"] < 1 < 50 < row["rmse"]


def test_in_sample_with_the_features_passed_through(fitted, diabetes):
    through = fitted.reblend(blender("meta-linear", passthrough=True), diabetes[0])
    assert 0 < through.leaderboard_[0]["in_sample"] <= through.leaderboard_[0]["rmse"]


def test_the_prediction_time_is_of_all_served_models(diabetes):
    X, y = diabetes
    trees = learner("random_forest", n_estimators=5)
    bag = EnsembleRegressor([trees], finalize="bag", random_state=0).fit(X, y)
    row = bag.leaderboard_[1]
    assert row["models"] == 5
    assert row["predict_ms"] == pytest.approx(5 * bag._record.predict_seconds["random_forest"] * 1000 * 1000)
    assert row["predict_ms"] > 0
    assert bag.leaderboard_[0]["predict_ms"] == row["predict_ms"]


def test_a_member_that_the_metric_does_not_suit_stands_last():
    y = np.arange(1.0, 61.0)
    predictions = np.column_stack([y - 1000, y + 10])  # the squared logarithmic error wants positive values
    board = columns(
        predictions, y, blender("weighted", weights=[0, 1]), metric="neg_mean_squared_log_error"
    ).leaderboard_
    assert [row["member"] for row in board] == ["blend", "m1", "m0", "baseline"]
    assert board[2]["mean_squared_log_error"] is board[2]["spread"] is None
    assert "None" not in repr(board)
    with pytest.warns(UserWarning, match="60 of its 60 cross-validated predictions are not above -1"):
        negative = columns(predictions, y, blender("weighted", weights=[1, 0]), metric="neg_mean_squared_log_error")
    assert np.isnan(negative.score_estimate_)
    assert negative.leaderboard_[0]["mean_squared_log_error"] is None


def test_a_member_that_gives_decision_values(iris):
    members = ("ridge", LinearSVC(), "knn")
    ensemble = EnsembleClassifier(members, LogisticRegression(), random_state=0).fit(*iris)
    assert ensemble.leaderboard_.members[-1]["member"] == "linearsvc"
    assert ensemble.leaderboard_["linearsvc"]["log_loss"] is None
    by_accuracy = EnsembleClassifier(members, "vote", metric="accuracy", random_state=0).fit(*iris).leaderboard_
    assert rows_of(by_accuracy)["linearsvc"]["accuracy"] > 0.8
    assert np.isfinite(ensemble.diagnose().correlation).all()


def test_reblend_refuses_what_fit_refuses(iris):
    ensemble = EnsembleClassifier(("ridge", LinearSVC()), "vote", random_state=0).fit(*iris)
    with pytest.raises(ParameterError, match="member 'linearsvc' has no predict_proba"):
        ensemble.reblend("mean")


def test_failed_members_have_no_row(diabetes):
    class Failing(Column):
        def fit(self, X, y, sample_weight=None):
            raise ValueError("no")

    ensemble = EnsembleRegressor(("ridge", ("bad", Failing()), "knn"), on_error="skip", random_state=0).fit(*diabetes)
    assert {row["member"] for row in ensemble.leaderboard_} == {"blend", "ridge", "knn", "baseline"}
    diagnosis = ensemble.diagnose()
    assert diagnosis.labels == ["ridge", "knn"]
    assert diagnosis.correlation.shape == (2, 2)


def test_a_blend_that_cannot_be_scored(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), cv=[(np.arange(200), np.array([300]))], random_state=0).fit(X, y)
    assert math.isnan(ensemble.score_estimate_)
    assert ensemble.leaderboard_[0]["rmse"] is ensemble.leaderboard_[0]["spread"] is None
    assert all(row["loses_without"] is None for row in ensemble.diagnose())


def test_an_empty_table():
    assert repr(Leaderboard()) == "Leaderboard([])"
    assert Leaderboard()._repr_html_() == ""


# -- the bootstrap of the weights ----------------------------------------------------


def noisy(rng, n, errors=(1.0, 1.0)):
    y = rng.normal(size=n)
    return np.column_stack([y + rng.normal(scale=scale, size=n) for scale in errors]), y


@pytest.mark.parametrize("name", ["weighted", "greedy", "mean"])
def test_intervals_hold_the_weight_and_stay_within_bounds(name, fitted):
    diagnosis = fitted.reblend(name).diagnose()
    assert (diagnosis[0]["weight_low"], diagnosis[0]["weight_high"]) == (None, None)
    for row in diagnosis.members:
        assert 0 <= row["weight_low"] <= row["weight"] <= row["weight_high"] <= 1
    again = copy.copy(fitted).reblend(name).diagnose()
    assert again == diagnosis


def test_intervals_cover_the_best_weights():
    # With errors of equal size and independent, the best weights are one half each.
    covered = 0
    for seed in range(20):
        row = columns(*noisy(np.random.default_rng(seed), 150)).diagnose()[1]
        covered += row["weight_low"] <= 0.5 <= row["weight_high"]
    assert covered >= 14


def test_a_clear_winner_has_a_narrow_interval(rng):
    clear = rows_of(columns(*noisy(rng, 300, (0.1, 3.0))).diagnose())["m0"]
    open_race = rows_of(columns(*noisy(rng, 300)).diagnose())["m0"]
    assert clear["weight_low"] > 0.98
    assert clear["weight_high"] - clear["weight_low"] < 0.2 * (open_race["weight_high"] - open_race["weight_low"])


def test_whole_groups_are_drawn(rng):
    groups = np.repeat(np.arange(25), 40)
    y = rng.normal(size=1000)
    shared = rng.normal(size=(25, 2))[groups]  # errors that a group's rows have in common
    predictions = y[:, None] + shared + 0.1 * rng.normal(size=(1000, 2))
    widths = []
    for given in (groups, None):
        row = rows_of(columns(predictions, y, groups=given, cv=KFold(5)).diagnose())["m0"]
        widths.append(row["weight_high"] - row["weight_low"])
    assert widths[0] > 3 * widths[1]


def test_many_rows_are_sampled_and_the_interval_is_rescaled(rng, monkeypatch):
    predictions, y = noisy(rng, 2000)
    ensemble = columns(predictions, y)
    full = rows_of(ensemble.diagnose())["m0"]
    monkeypatch.setattr("byoe.scoring._diagnosis._MOST_ROWS", 200)
    few = rows_of(copy.copy(ensemble).reblend(PLAIN).diagnose())["m0"]
    wide = few["weight_high"] - few["weight_low"]
    assert wide == pytest.approx(full["weight_high"] - full["weight_low"], rel=0.3)


def test_the_interval_is_that_of_a_bootstrap_by_hand(rng):
    predictions, y = noisy(rng, 120)
    row = rows_of(columns(predictions, y).diagnose())["m0"]
    draws = []
    for _ in range(2000):
        index = rng.integers(120, size=120)
        d, e = predictions[index, 0] - predictions[index, 1], y[index] - predictions[index, 1]
        draws.append(np.clip((d @ e) / (d @ d), 0, 1))
    low, high = np.quantile(draws, [0.05, 0.95])
    assert row["weight_low"] == pytest.approx(low, abs=0.03)
    assert row["weight_high"] == pytest.approx(high, abs=0.03)


def test_sample_weights_count(rng):
    predictions, y = noisy(rng, 200)
    predictions[100:, 0] = 50.0  # rows without weight, on which the first member is useless
    weight = np.repeat([1.0, 0.0], 100)
    cv = [(rows, np.setdiff1d(np.arange(200), rows)) for rows in (np.arange(0, 200, 2), np.arange(1, 200, 2))]
    ensemble = columns(predictions, y, sample_weight=weight, cv=cv)
    alone = columns(predictions[:100], y[:100], cv=[(a[a < 100], b[b < 100]) for a, b in cv])
    np.testing.assert_allclose(ensemble.diagnose().correlation, alone.diagnose().correlation)
    for ours, theirs in zip(ensemble.diagnose(), alone.diagnose(), strict=True):
        for key in ("rmse", "in_sample", "spread", "loses_without", "weight", "weight_low", "weight_high"):
            assert ours[key] == pytest.approx(theirs[key]), key


def test_given_weights_have_no_uncertainty_and_belong_to_all_members(fitted):
    given = fitted.reblend(blender("weighted", weights=[2, 1, 1])).diagnose()
    for row in given.members:
        assert row["weight_low"] == row["weight"] == row["weight_high"]
        assert row["loses_without"] is None


def test_a_blender_without_weights_has_no_intervals(fitted):
    for name in ("vote", "meta-linear", LinearRegression()):
        diagnosis = fitted.reblend(name).diagnose()
        assert all(row["weight_low"] is row["weight_high"] is row["weight"] is None for row in diagnosis)
        assert all(isinstance(row["loses_without"], float) for row in diagnosis.members)


def test_the_choice_of_auto_is_kept(fitted):
    auto = fitted.reblend("auto")
    chosen = fitted.reblend(auto.blender_.name)
    for ours, theirs in zip(auto.diagnose(), chosen.diagnose(), strict=True):
        assert (ours["weight_low"], ours["weight_high"]) == (theirs["weight_low"], theirs["weight_high"])


# -- what the blend loses without a member -------------------------------------------


def test_a_member_with_a_signal_of_its_own_is_missed_and_a_duplicate_is_not(rng):
    parts = rng.normal(size=(400, 2))
    y = parts.sum(axis=1) + 0.1 * rng.normal(size=400)
    predictions = np.column_stack([2 * parts[:, 0], 2 * parts[:, 0], 2 * parts[:, 1]])
    diagnosis = columns(predictions, y).diagnose()
    rows = rows_of(diagnosis)
    assert rows["blend"]["loses_without"] is None
    assert rows["m2"]["loses_without"] > 1
    assert rows["m0"]["loses_without"] == pytest.approx(0, abs=1e-9)
    assert rows["m1"]["loses_without"] == pytest.approx(0, abs=1e-9)
    assert diagnosis.correlation[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_it_is_the_score_of_an_ensemble_without_the_member(metric, diabetes):
    X, y = diabetes
    names = ("ridge", "knn", "elastic_net")
    full = EnsembleRegressor(names, "weighted", metric=metric, random_state=0).fit(X, y)
    for label, row in rows_of(full.diagnose()).items():
        if label in names:
            others = [name for name in names if name != label]
            fewer = EnsembleRegressor(others, "weighted", metric=metric, random_state=0).fit(X, y)
            assert row["loses_without"] == pytest.approx(full.score_estimate_ - fewer.score_estimate_)


def test_a_single_member(diabetes):
    diagnosis = EnsembleRegressor(("ridge",), random_state=0).fit(*diabetes).diagnose()
    assert diagnosis[1]["loses_without"] is None
    assert (diagnosis[1]["weight_low"], diagnosis[1]["weight_high"]) == (1, 1)
    assert diagnosis.correlation.tolist() == [[1.0]]


def test_the_features_are_asked_for_where_the_blender_needs_them(fitted, diabetes):
    through = fitted.reblend(blender("meta-linear", passthrough=True), diabetes[0])
    with pytest.raises(InputError, match="needs the training features: pass X"):
        through.diagnose()
    assert through.diagnose(diabetes[0])[1]["loses_without"] is not None
    assert through.diagnose() is through.diagnose(diabetes[0])  # kept


# -- the correlation of residuals ----------------------------------------------------


def test_the_correlation_is_numpys(fitted, diabetes):
    residuals = diabetes[1][:, None] - fitted.oof_predictions_
    found = fitted.diagnose().correlation
    np.testing.assert_allclose(found, np.corrcoef(residuals.T), atol=1e-12)
    assert np.array_equal(found, found.T)
    assert (np.diag(found) == 1).all()
    weight = np.random.default_rng(0).integers(0, 4, size=len(residuals))
    np.testing.assert_allclose(
        residual_correlation(fitted.oof_predictions_, diabetes[1], REGRESSION, weight.astype(float)),
        np.corrcoef(np.repeat(residuals, weight, axis=0).T),
        atol=1e-12,
    )


def test_the_correlation_for_classes(iris):
    X, y = iris
    ensemble = EnsembleClassifier(("ridge", "knn"), random_state=0).fit(X, y)
    truth = np.searchsorted(ensemble.classes_, y)
    residuals = 1 - ensemble.oof_predictions_[np.arange(150), :, truth]
    np.testing.assert_allclose(ensemble.diagnose().correlation, np.corrcoef(residuals.T), atol=1e-12)


def test_constant_residuals_correlate_with_nothing(rng):
    y = rng.normal(size=50)
    predictions = np.column_stack([y, y + 3.0, rng.normal(size=50)])
    expected = np.eye(3)
    np.testing.assert_array_equal(residual_correlation(predictions, y, REGRESSION), expected)
    constant = EnsembleRegressor([DummyRegressor(), "ridge"], "mean", cv=KFold(5)).fit(
        rng.normal(size=(50, 2)), np.ones(50)
    )
    np.testing.assert_array_equal(constant.diagnose().correlation, np.eye(2))


def test_targets_count_alike_whatever_their_units(rng):
    y, predictions = rng.normal(size=(60, 2)), rng.normal(size=(60, 3, 2))
    task = Task("regression", n_outputs=2)
    found = residual_correlation(predictions, y, task)
    unit = np.array([1.0, 1e6])
    np.testing.assert_allclose(residual_correlation(predictions * unit, y * unit, task), found, atol=1e-9)
    errors = (y[:, None] - predictions) / y.std(axis=0)
    np.testing.assert_allclose(found, np.corrcoef(errors.transpose(1, 0, 2).reshape(3, -1)), atol=1e-12)


# -- several targets, classes, saving ------------------------------------------------


def test_several_targets():
    X, y = load_linnerud(return_X_y=True)
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0).fit(X, y)
    diagnosis = ensemble.diagnose()
    means = dict(zip(ensemble.members_, ensemble.blender_.weights_.mean(axis=1), strict=True))
    for row in diagnosis.members:
        assert row["weight"] == pytest.approx(means[row["member"]])
        assert 0 <= row["weight_low"] <= row["weight_high"] <= 1
        assert row["spread"] > 0
        fewer = EnsembleRegressor([m for m in ensemble.members_ if m != row["member"]], "weighted", random_state=0)
        assert row["loses_without"] == pytest.approx(ensemble.score_estimate_ - fewer.fit(X, y).score_estimate_)
    assert diagnosis.correlation.shape == (2, 2)
    mixed = ensemble.reblend("auto").diagnose()
    assert len(mixed) == 4


@pytest.mark.parametrize("params", [{}, {"calibrate": True}, {"blender": "vote"}, {"metric": "accuracy"}])
def test_classes(params, iris):
    X, y = iris
    ensemble = EnsembleClassifier(("ridge", "knn"), random_state=0).set_params(**params).fit(X, y)
    diagnosis = ensemble.diagnose()
    assert diagnosis[0]["in_sample"] is not None
    assert all(row["spread"] > 0 for row in diagnosis.members)
    assert all(isinstance(row["loses_without"], float) for row in diagnosis.members)
    if "blender" not in params:
        assert all(0 <= row["weight_low"] <= row["weight_high"] <= 1 for row in diagnosis.members)


def test_calibration_changes_no_weight(iris):
    boards = [
        EnsembleClassifier(("ridge", "knn"), "weighted", calibrate=calibrate, random_state=0).fit(*iris).diagnose()
        for calibrate in (False, True)
    ]
    plain, calibrated = ([(row["weight"], row["weight_low"], row["weight_high"]) for row in b.members] for b in boards)
    assert plain == calibrated


def test_the_size_is_that_of_the_files_in_a_bundle(diabetes, tmp_path):
    ensemble = EnsembleRegressor(["knn", learner("xgboost", n_estimators=3)], random_state=0).fit(*diabetes)
    saved = ensemble.save(tmp_path / "model")
    rows = rows_of(ensemble.diagnose())
    for label in ensemble.members_:
        on_disk = sum(file.stat().st_size for file in (saved / "members" / label).rglob("*") if file.is_file())
        # skops writes addresses of objects, whose number of digits may differ.
        assert rows[label]["bytes"] == pytest.approx(on_disk, rel=0.01)
    assert rows["blend"]["bytes"] == rows["knn"]["bytes"] + rows["xgboost"]["bytes"]


@pytest.mark.parametrize("case", ["plain", "groups", "weights", "repeated", "time", "targets", "classes"])
def test_a_loaded_ensemble_has_the_same_diagnosis(case, diabetes, iris, rng, tmp_path):
    X, y = diabetes
    kind, given, params = EnsembleRegressor, {}, {}
    if case == "groups":
        given["groups"] = rng.integers(30, size=len(y))
    elif case == "weights":
        given["sample_weight"] = rng.uniform(size=len(y))
    elif case == "repeated":
        params["cv"] = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    elif case == "time":
        params["cv"] = TimeSeriesSplit(4)
    elif case == "targets":
        y = np.column_stack([y, X[:, 0] + 1e-3 * y])
    elif case == "classes":
        kind, (X, y) = EnsembleClassifier, iris
    learners = ("ridge", "elastic_net") if case in ("plain", "weights", "targets") else ("ridge", "knn")
    ensemble = kind(learners, random_state=0, **params).fit(X, y, **given)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert repr(loaded.leaderboard_) == repr(ensemble.leaderboard_)
    first, second = ensemble.diagnose(), loaded.diagnose()
    assert np.array_equal(first.correlation, second.correlation)
    for ours, theirs in zip(first, second, strict=True):
        size = ours.pop("bytes")
        assert theirs.pop("bytes") == (None if size is None else pytest.approx(size, rel=0.01))
        assert ours == theirs
    assert rows_of(loaded.reblend("mean").leaderboard_) == rows_of(ensemble.reblend("mean").leaderboard_)


def test_a_metric_that_a_bundle_cannot_hold_must_be_set_again(diabetes, tmp_path):
    def near(estimator, X, y):
        return float(np.mean(np.abs(estimator.predict(X) - y) < 50))

    ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", metric=near, random_state=0).fit(*diabetes)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    with pytest.raises(ParameterError, match="scored with the metric 'near', and metric is now 'rmse'; set it back"):
        loaded.diagnose()
    found = loaded.set_params(metric=near).diagnose()
    assert [row["loses_without"] for row in found] == [row["loses_without"] for row in ensemble.diagnose()]


def test_it_is_kept_until_the_ensemble_changes(diabetes):
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0).fit(*diabetes)
    first = ensemble.diagnose()
    assert ensemble.diagnose() is first
    other = ensemble.reblend("mean")
    assert other.diagnose() is not first
    assert [row["weight"] for row in other.diagnose().members] == [0.5, 0.5]
    assert ensemble.diagnose() is first
    assert ensemble.fit(*diabetes).diagnose() is not first


def test_an_ensemble_that_is_not_fitted():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        EnsembleRegressor().diagnose()


def test_the_table_of_a_diagnosis(fitted):
    diagnosis = fitted.diagnose()
    lines = repr(diagnosis).splitlines()
    assert lines[0].split()[:6] == ["member", "rmse", "vs_best", "verdict", "spread", "in_sample"]
    place = lines.index("") + 1
    assert lines[place].split() == ["residual", "correlation", "ridge", "knn", "elastic_net"]
    assert lines[place + 1].split()[:2] == ["ridge", "1"]
    assert diagnosis._repr_html_().count("<table>") == 2
    again = pickle.loads(pickle.dumps(diagnosis))
    assert repr(again) == repr(diagnosis)
