"""A second layer is kept where it is better, and else the ensemble is that of one layer."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, Store, learner, load
from byoe.contracts._deadline import skip
from byoe.engine import _clock
from byoe.engine._pairs import pair_predictions
from byoe.engine._resources import Resources
from byoe.ensemble import _second_layer
from byoe.ensemble._second_layer import NotKeptError, SecondLayer
from byoe.errors import BudgetWarning, ParameterError
from byoe.fitted._stacked import StackedMember
from byoe.learners.linear import Ridge

from .conftest import FOREST


@pytest.fixture(scope="module")
def noise():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 3))
    return X, X[:, 0] + rng.normal(size=120)


def test_a_layer_that_helps_is_kept(bent, grown):
    X, y = bent
    one = EnsembleRegressor(["ridge", FOREST], random_state=0, n_jobs=1).fit(X[:150], y[:150])
    assert grown.layers_ == 2
    assert one.layers_ == 1
    assert one.second_layer_ == ""
    assert grown.second_layer_.startswith("kept, with rmse")
    assert f"second layer: {grown.second_layer_}" in grown.leaderboard_.notes
    assert grown.score_estimate_ > one.score_estimate_
    assert grown.score(X[150:], y[150:]) > one.score(X[150:], y[150:])  # also on rows of which nobody knows anything


def test_members_without_weight_are_not_kept(grown):
    used = grown.blender_.used(len(grown.members_))
    second = [isinstance(member, StackedMember) for member in grown.members_.values()]
    assert any(second)
    assert used[second].all()


@pytest.mark.parametrize("blender", ["auto", "mean", "best"])
def test_without_gain_it_is_the_ensemble_of_one_layer(noise, blender, tmp_path):
    X, y = noise
    one, two = (
        EnsembleRegressor(["ridge", "elastic_net"], blender, layers=layers, random_state=0, n_jobs=1).fit(X, y)
        for layers in (1, 2)
    )
    assert two.layers_ == 1
    assert two.second_layer_.startswith("not kept: ")
    assert two.leaderboard_.notes == [*one.leaderboard_.notes, f"second layer: {two.second_layer_}"]
    assert list(two.members_) == list(one.members_)
    assert np.array_equal(two.predict(X), one.predict(X))
    assert np.array_equal(two.oof_predictions_, one.oof_predictions_)
    assert two.score_estimate_ == one.score_estimate_
    assert np.array_equal(two.predict_interval(X), one.predict_interval(X))
    files = [
        {file.relative_to(folder): file.read_bytes() for file in (folder / "members").rglob("*") if file.is_file()}
        for folder in (one.save(tmp_path / "one"), two.save(tmp_path / "two"))
    ]
    assert files[0] == files[1]
    assert load(tmp_path / "two").second_layer_ == two.second_layer_


@pytest.mark.usefixtures("always")
def test_what_fails_in_the_second_layer_leaves_the_first_one(noise, monkeypatch):
    X, y = noise
    original = Ridge.fit

    def fails_on_wide(self, X, y, **given):
        if X.shape[1] > 3:
            raise RuntimeError("too wide")
        return original(self, X, y, **given)

    monkeypatch.setattr(Ridge, "fit", fails_on_wide)
    monkeypatch.setattr(Ridge, "fit_moments", lambda self, *_, **__: None)
    ensemble = EnsembleRegressor(["ridge"], "mean", layers=2, random_state=0, n_jobs=1).fit(X, y)
    assert ensemble.layers_ == 1
    assert "too wide" in ensemble.second_layer_
    assert np.isfinite(ensemble.predict(X)).all()


def test_a_blender_that_fails_with_more_members_leaves_one_layer(bent):
    X, y = bent
    of_two = HistGradientBoostingRegressor(max_iter=5, monotonic_cst=[1, 1])
    one, two = (
        EnsembleRegressor(["ridge", FOREST], of_two, layers=layers, random_state=0, n_jobs=1).fit(X[:150], y[:150])
        for layers in (1, 2)
    )
    assert two.second_layer_.startswith("not kept: blender HistGradientBoostingRegressor failed: ")
    assert np.array_equal(two.predict(X), one.predict(X))


def test_blenders_that_a_layer_not_kept_had_no_time_for_are_not_warned_of(noise, monkeypatch):
    def _hasty(*_):
        skip("greedy")
        raise NotKeptError("it is a test")

    monkeypatch.setattr(SecondLayer, "_blended", _hasty)
    with warnings.catch_warnings():
        warnings.simplefilter("error", BudgetWarning)
        two = EnsembleRegressor(["ridge", "knn"], "mean", layers=2, time_limit=1000.0, random_state=0).fit(*noise)
    assert two.second_layer_ == "not kept: it is a test"


def test_a_limit_that_leaves_no_time_leaves_one_layer(noise, monkeypatch):
    monkeypatch.setattr(SecondLayer, "_seconds_left", lambda self: 0.0)
    X, y = noise
    ensemble = EnsembleRegressor(["ridge", "knn"], layers=2, time_limit=60, random_state=0, n_jobs=1).fit(X, y)
    assert ensemble.layers_ == 1
    assert "not tried, since it takes about" in ensemble.second_layer_
    assert "time_limit of 60 s" in ensemble.second_layer_


@pytest.mark.parametrize(("enough_until", "finalize"), [(2, "bag"), (4, "bag"), (8, "bag"), (10, "refit")])
def test_a_layer_that_turns_out_to_take_too_long_is_given_up(bent, monkeypatch, enough_until, finalize):
    left = iter([60.0] * enough_until)
    monkeypatch.setattr(SecondLayer, "_seconds_left", lambda self: next(left, 0.0))
    X, y = bent
    ensemble = EnsembleRegressor(["ridge", FOREST], layers=2, time_limit=60, random_state=0, n_jobs=1)
    ensemble.set_params(finalize=finalize).fit(X[:150], y[:150])
    assert ensemble.layers_ == 1
    assert ensemble.second_layer_ == "not kept: there was no time for all of it within the time_limit of 60 s"


def test_nothing_of_the_second_layer_is_waited_for_beyond_the_limit(monkeypatch):
    now = [101.0]
    monkeypatch.setattr(_clock.time, "monotonic", lambda: now[0])
    tasks = {"slow": [1.0] * 3, "quick": [1.0] * 3}
    for complete in (False, True):
        clock = _clock.Clock({"slow": 5.0, "quick": 1.0}, tasks, 1, 100.0, started=0.0, complete=complete)
        assert (clock.start("quick") is None) == complete
        assert clock.start("slow") is None
    assert clock.over() is False  # nothing runs


def test_each_fold_may_take_its_part_of_the_time_that_is_left(monkeypatch):
    monkeypatch.setattr(SecondLayer, "_seconds_left", lambda self: 40.0)
    layer = SecondLayer(None, None, Resources(time_limit=100.0))
    ends = [layer._part(folds).seconds * _clock.SHARE for folds in (4, 2, 1)]
    assert ends == pytest.approx([70.0, 80.0, 95.0])
    unlimited = Resources()
    assert SecondLayer(None, None, unlimited)._part(4) is unlimited


def test_it_tells_that_it_has_taken_longer_than_the_limit(bent, monkeypatch):
    monkeypatch.setattr(_second_layer, "is_late", lambda elapsed, limit: limit == 600.0)
    X, y = bent
    ensemble = EnsembleRegressor(["ridge"], layers=2, time_limit=600.0, random_state=0, n_jobs=1)
    with pytest.warns(BudgetWarning, match="with its second layer took .* of a time_limit of 600 s"):
        ensemble.fit(X, y)
    ensemble.set_params(time_limit=None).fit(X, y)


@pytest.mark.usefixtures("always")
def test_members_that_do_not_fit_into_the_memory_are_not_of_it(bent, monkeypatch):
    X, y = bent
    wide = []

    def no_forest(learners, data, limit):
        wide.append(data.table.size)
        return [label for label in learners if label.startswith("random_forest")]

    monkeypatch.setattr(_second_layer, "without_memory", no_forest)
    ensemble = EnsembleRegressor(["ridge", FOREST], "mean", layers=2, random_state=0, n_jobs=1).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "random_forest", "ridge_2"]
    assert [failure.label for failure in ensemble.failures_] == ["random_forest_2"]
    assert wide == [(200, 7)]
    alone = EnsembleRegressor([FOREST], layers=2, random_state=0, n_jobs=1).fit(X, y)
    assert alone.second_layer_ == "not kept: there was no memory for any of its members"


@pytest.mark.usefixtures("always")
def test_what_fails_for_two_folds_is_told_with_both(bent, monkeypatch):
    original = Ridge.fit

    def fails(self, X, y, **given):
        if len(X) < 150:
            raise RuntimeError("too few")
        return original(self, X, y, **given)

    monkeypatch.setattr(Ridge, "fit", fails)
    monkeypatch.setattr(Ridge, "fit_moments", lambda self, *_, **__: None)
    X, y = bent
    ensemble = EnsembleRegressor(["ridge", FOREST], "mean", layers=2, random_state=0, n_jobs=1).fit(X, y)
    told = [(one.label, one.fold, one.error) for one in ensemble.failures_]
    assert ("ridge, for the second layer", 1, "without folds 2 and 5: RuntimeError: too few") in told
    assert {fold for _, fold, _ in told} == {0, 1, 2, 3}


@pytest.mark.usefixtures("always")
def test_it_is_told_that_what_it_learns_from_was_cut_short(bent, monkeypatch):
    def cut(*given, **more):
        return replace(pair_predictions(*given, **more), cut=True)

    monkeypatch.setattr(_second_layer, "pair_predictions", cut)
    X, y = bent
    ensemble = EnsembleRegressor(["ridge", FOREST], layers=2, random_state=0, n_jobs=1).fit(X[:150], y[:150])
    assert ensemble.second_layer_.endswith("it learns from ridge, random_forest, of fits that the time limit cut short")


def test_a_limit_that_leaves_time_changes_nothing(bent, grown):
    X, y = bent
    ensemble = EnsembleRegressor(["ridge", FOREST], layers=2, time_limit=300, random_state=0, n_jobs=1)
    assert np.array_equal(ensemble.fit(X[:150], y[:150]).predict(X), grown.predict(X))


def test_a_store_has_the_second_layer_too(bent, grown, tmp_path):
    X, y = bent
    told = []
    ensemble = EnsembleRegressor(
        ["ridge", FOREST], layers=2, store=Store(tmp_path), callbacks=told.append, random_state=0, n_jobs=1
    )
    first = ensemble.fit(X[:150], y[:150]).predict(X)
    assert not any(progress.reused for progress in told)
    count = len(told)
    told.clear()
    assert np.array_equal(ensemble.fit(X[:150], y[:150]).predict(X), first)
    assert np.array_equal(first, grown.predict(X))
    assert len(told) == count
    assert all(progress.reused for progress in told)
    told.clear()
    other = y[:150].copy()
    other[0] += 1.0
    ensemble.fit(X[:150], other)
    assert not any(progress.reused for progress in told)


@pytest.mark.parametrize("layers", [0, 3, -1, "2", True, 2.0, None, [2]])
def test_other_numbers_of_layers_are_refused(noise, layers):
    with pytest.raises(ParameterError, match="layers is .*, expected 1 or 2"):
        EnsembleRegressor(["ridge"], layers=layers).fit(*noise)


def test_a_third_layer_is_not_built(noise):
    with pytest.raises(ParameterError, match="a third layer is not built"):
        EnsembleClassifier(["ridge"], layers=3).fit(*noise)


def test_numbers_of_numpy_count(noise):
    assert EnsembleRegressor(["ridge"], layers=np.int64(1)).fit(*noise).layers_ == 1


def _plans():
    from sklearn.model_selection import LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

    return [
        (TimeSeriesSplit(3), "in the order of time"),
        (ShuffleSplit(3, random_state=0), "rows are in the test part"),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), "test parts of several folds"),
        (2, "it has 2 folds"),
        (LeaveOneOut(), "120 folds make 7140 pairs"),
        ([(np.arange(80), np.arange(80, 120))], "40 of 120 rows"),
    ]  # fmt: skip


@pytest.mark.parametrize(("cv", "reason"), _plans(), ids=lambda value: type(value).__name__)
def test_plans_without_pairs_are_refused_before_any_work(noise, cv, reason):
    told = []
    ensemble = EnsembleRegressor(["ridge"], layers=2, cv=cv, callbacks=told.append, random_state=0)
    with pytest.raises(ParameterError, match=reason):
        ensemble.fit(*noise)
    assert told == []


def test_given_weights_are_refused(noise):
    from byoe import blender

    with pytest.raises(ParameterError, match="weights given to blender 'weighted'"):
        EnsembleRegressor(["ridge", "knn"], blender("weighted", weights=[0.5, 0.5]), layers=2).fit(*noise)


def test_members_that_learn_of_no_further_column_are_refused(noise):
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LinearRegression

    X, y = noise
    frozen = FrozenEstimator(LinearRegression().fit(X, y))
    with pytest.raises(ParameterError, match="no member can be of the second layer"):
        EnsembleRegressor([("old", frozen)], layers=2).fit(X, y)
    rising = learner("xgboost", n_rounds=2, monotone_constraints=[1, 0, 0])
    with pytest.raises(ParameterError, match="no member can be of the second layer"):
        EnsembleRegressor([rising], layers=2).fit(X, y)


@pytest.mark.usefixtures("always")
def test_members_told_of_columns_stay_in_the_first_layer(noise):
    rising = learner("xgboost", n_rounds=2, monotone_constraints=[1, 0, 0])
    ensemble = EnsembleRegressor([rising, "ridge"], "mean", layers=2, random_state=0, n_jobs=1).fit(*noise)
    assert list(ensemble.members_) == ["xgboost", "ridge", "ridge_2"]


@pytest.mark.usefixtures("always")
def test_labels_of_the_second_layer_are_free_ones(noise):
    members = [("ridge", "ridge"), ("ridge_2", learner("ridge", alpha=10.0))]
    ensemble = EnsembleRegressor(members, "mean", layers=2, random_state=0, n_jobs=1).fit(*noise)
    assert list(ensemble.members_) == ["ridge", "ridge_2", "ridge_2_2", "ridge_2_2_2"]
