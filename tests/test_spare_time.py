"""What is done with the time that members leave of a limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from byoe import EnsembleRegressor, blender, learner, load
from byoe.engine import _clock
from byoe.engine._resources import Resources
from byoe.engine._spare_clock import Spare, SpareClock
from byoe.ensemble import _spare_time
from byoe.ensemble._spare_time import _before_second_layer
from byoe.registry import _extending
from byoe.registry._extending import first, further
from byoe.registry._portfolios import PORTFOLIOS

SHORT = {
    "ridge": ("ridge", {}),
    "ridge_strong": ("ridge", {"alpha": 100.0}),
    "knn": ("knn", {}),
}


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 3))
    return X, X @ [1.0, 2.0, -1.0] + rng.normal(size=90)


@pytest.fixture
def preset(monkeypatch):
    monkeypatch.setattr(_extending, "PORTFOLIOS", {"default": {"ridge": ("ridge", {})}, "best": SHORT})


def one_at_a_time(clock, now, seconds, folds):
    """Do the tasks of members one after the other, on a clock of its own; return those that are whole."""
    whole = []
    for label, each in seconds.items():
        done = 0
        while done < folds and (given := clock.start(label)) is not None:
            took = min(each, given)
            now[0] += took
            clock.finish(label, took, cut=took < each)
            done += 1
            if took < each:
                break
        if done == folds:
            whole.append(label)
    return whole


@given(
    seconds=st.lists(st.floats(0.1, 50.0), min_size=1, max_size=6),
    off=st.floats(0.3, 3.0),
    limit=st.floats(5.0, 200.0),
    ends=st.booleans(),
)
def test_whatever_members_take_they_are_whole_within_the_limit_or_not_there(seconds, off, limit, ends):
    now = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_clock.time, "monotonic", lambda: now[0])
        took = {f"m{i}": each for i, each in enumerate(seconds)}
        spare = Spare(1, {label: each * off for label, each in took.items()}, frozenset(took))
        tasks = {label: [1.0] * 5 for label in took}
        clock = SpareClock(spare, tasks, 1, limit, ends=frozenset(took) if ends else frozenset())
        whole = one_at_a_time(clock, now, took, 5)
    if ends or off >= 1:
        assert now[0] <= limit
    if ends and 5 * seconds[0] * max(1.0, off) <= 0.8 * limit:
        assert whole[0] == "m0"  # what fits well, comes


def test_a_preset_goes_on_and_a_list_does_not(data, preset):
    X, y = data
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "ridge_strong", "knn"]
    assert (
        "beyond these there was time for ridge_strong, knn; 'best' has no further members"
        in (ensemble.leaderboard_.notes[-1])
    )
    whole = EnsembleRegressor(
        [(label, learner(name, **params)) for label, (name, params) in SHORT.items()], "mean", cv=3, random_state=0
    ).fit(X, y)
    assert np.array_equal(ensemble.predict(X), whole.predict(X))
    own = EnsembleRegressor(("knn",), cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(own.members_) == ["knn"]
    assert own.leaderboard_.notes[-1].endswith("a list of your own is fitted as it is, and a longer preset would go on")
    free = EnsembleRegressor(("ridge",), cv=3, random_state=0).fit(X, y)
    assert list(free.members_) == ["ridge"]


def test_a_blender_that_fails_with_further_members_does_without(data, preset, tmp_path):
    X, y = data
    of_one = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5, monotonic_cst=[1])
    short = EnsembleRegressor(("ridge",), of_one, cv=3, random_state=0).fit(X, y)
    ensemble = EnsembleRegressor(("ridge",), of_one, cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge"]
    assert np.array_equal(ensemble.predict(X), short.predict(X))
    (told,) = (note for note in ensemble.leaderboard_.notes if "ridge_strong, knn" in note)
    assert "none of these is in the blend: blender HistGradientBoostingRegressor failed: ValueError" in told
    assert np.array_equal(load(ensemble.save(tmp_path / "bundle")).predict(X), short.predict(X))


def test_further_members_are_saved(data, preset, tmp_path):
    X, y = data
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    loaded = load(ensemble.save(tmp_path / "bundle"))
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    assert loaded.members_["ridge_strong"].learner.own_params() == {"alpha": 100.0}
    assert list(ensemble.drop_members("knn").members_) == ["ridge", "ridge_strong"]


def test_one_that_fails_ends_nothing_and_is_told(data, preset, monkeypatch):
    X, y = data
    monkeypatch.setitem(SHORT, "knn", ("knn", {"n_neighbors": 10_000}))
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "ridge_strong"]
    assert [(failure.label, failure.fold) for failure in ensemble.failures_] == [("knn", 0)]
    assert "knn failed with ValueError" in ensemble.leaderboard_.notes[-1]


def test_one_whose_folds_fail_together_is_told_once(data, preset, monkeypatch):
    X, y = data
    monkeypatch.setitem(SHORT, "knn", ("lightgbm", {"objective": "nonsense"}))
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=4, time_limit=1000.0, random_state=0, n_jobs=2).fit(X, y)
    assert [failure.label for failure in ensemble.failures_] == ["knn"]
    assert ensemble.leaderboard_.notes[-1].count("knn failed with") == 1


def test_what_has_no_memory_is_not_tried(data, preset, monkeypatch):
    X, y = data
    monkeypatch.setattr("byoe.ensemble._spare_time.without_memory", lambda learners, *_: ["knn"])
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "ridge_strong"]
    assert "no memory for knn" in ensemble.leaderboard_.notes[-1]


def test_what_comes_after_presets():
    assert further(("ridge",)) is None
    assert further("best") == {}
    longer = further("default")
    assert longer
    assert not set(PORTFOLIOS["default"]) & set(longer)
    written = {label: learner(name, **params) for label, (name, params) in PORTFOLIOS["default"].items()}
    assert list(longer) == list(further(written))
    assert further([label for label in PORTFOLIOS["default"] if label != "mlp_binned"]) is None  # a list of one's own


def test_the_longest_preset_begins_with_as_many_as_the_default_has(data, preset):
    X, y = data
    everyone = [(label, learner(name, **params)) for label, (name, params) in SHORT.items()]
    assert list(first(everyone, dict(everyone))) == ["ridge"]
    assert list(first(everyone[1:], dict(everyone[1:]))) == ["ridge_strong", "knn"]
    ensemble = EnsembleRegressor(everyone, "mean", cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert "beyond these there was time for ridge_strong, knn; 'best' has" in ensemble.leaderboard_.notes[-1]
    free = EnsembleRegressor(everyone, "mean", cv=3, random_state=0).fit(X, y)
    assert list(free.members_) == list(ensemble.members_)
    assert np.array_equal(ensemble.predict(X), free.predict(X))


def test_what_the_blender_forbids_is_told_with_the_reason(data, preset):
    X, y = data
    own = blender("weighted", weights=[1.0])
    ensemble = EnsembleRegressor(("ridge",), own, cv=3, time_limit=1000.0, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge"]
    assert "ridge_strong, knn cannot be members here: " in ensemble.leaderboard_.notes[-1]
    assert "no further members" not in ensemble.leaderboard_.notes[-1]


def test_where_there_is_time_for_a_second_layer_a_preset_goes_on_before_it(data, preset):
    X, y = data
    ensemble = EnsembleRegressor(("ridge",), "weighted", cv=3, layers=2, time_limit=1000.0, random_state=0).fit(X, y)
    assert (ensemble.layers_, list(ensemble.members_)) == (1, ["ridge", "ridge_strong", "knn"])
    assert ensemble.second_layer_.startswith("not kept: rmse")
    (told,) = (note for note in ensemble.leaderboard_.notes if note.startswith("time_limit: "))
    assert "beyond these there was time for ridge_strong, knn" in told


def test_what_a_list_of_ones_own_leaves_is_for_the_second_layer(data, preset):
    X, y = data
    ensemble = EnsembleRegressor(["knn"], "mean", cv=3, layers=2, time_limit=1000.0, random_state=0).fit(X, y)
    (told,) = (note for note in ensemble.leaderboard_.notes if note.startswith("time_limit: "))
    assert told.endswith("of 1000 s; the rest is for the second layer")


def test_the_time_of_a_second_layer_is_kept_only_where_there_is_enough(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(_spare_time.time, "monotonic", lambda: now[0])
    resources = Resources(time_limit=100.0, started=0.0)
    # With five folds: two fits of a first layer for the pairs of folds, and 1.2 for its own members.
    assert _before_second_layer(resources, 5).seconds == pytest.approx(100.0 - 3.2 * 10.0)
    now[0] = 23.0
    assert _before_second_layer(resources, 5).seconds == pytest.approx(100.0 - 3.2 * 23.0)
    now[0] = 25.0
    assert _before_second_layer(resources, 5) is resources
