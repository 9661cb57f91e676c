"""Repeats of the folds, in the time that a preset leaves of a limit."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, learner, load
from byoe.ensemble._repeats import Repeats
from byoe.ensemble._second_layer import NotKeptError, SecondLayer
from byoe.report._facts import members

LONG = 10_000.0
TREES = [("tree", DecisionTreeRegressor(max_features=0.5)), ("deep", learner("lightgbm", n_estimators=5))]


@pytest.fixture(autouse=True)
def preset(monkeypatch):
    """Every list is a preset with no further members."""
    monkeypatch.setattr("byoe.ensemble._spare_time.further", lambda learners: {})


@pytest.fixture
def data():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(90, 4))
    return X, X @ [1.0, 2.0, -1.0, 0.5] + 0.3 * rng.normal(size=90)


@pytest.fixture
def repeats(monkeypatch):
    """Take down what came of repeats."""
    made = []
    attempt = Repeats.attempt
    monkeypatch.setattr(Repeats, "attempt", lambda self: (made.append(self), attempt(self))[1])
    return made


@pytest.fixture
def never_worse(monkeypatch):
    """Keep every repeat."""
    monkeypatch.setattr(Repeats, "_value", lambda self, oof: 0.0)


def fitted(X, y, members=TREES, blender="mean", **more):
    more = {"cv": 3, "time_limit": LONG, "random_state": 0, "n_jobs": 1, **more}
    return EnsembleRegressor(members, blender, **more).fit(X, y)


def counts(ensemble):
    return {label: (len(member.models), member.repeats) for label, member in ensemble.members_.items()}


@pytest.mark.usefixtures("never_worse")
class TestWhatIsServed:
    def test_models_join_until_there_are_as_many_as_a_bag_may_have(self, data):
        ensemble = fitted(*data)
        assert counts(ensemble) == {"tree": (18, 6), "deep": (18, 6)}
        assert "the folds were repeated 5 times for tree, deep" in ensemble.leaderboard_.notes[-1]
        assert "with another repeat there would be 21 models of a member" in ensemble.leaderboard_.notes[-1]
        assert ensemble.leaderboard_["tree"]["models"] == 18

    def test_all_else_is_as_without_repeats(self, data):
        X, y = data
        ensemble, without = fitted(X, y), fitted(X, y, time_limit=None)
        assert np.array_equal(ensemble.oof_predictions_, without.oof_predictions_)
        assert ensemble.score_estimate_ == without.score_estimate_
        assert ensemble.interval_method_ == without.interval_method_ == "cv+"
        assert np.array_equal(ensemble.predict_interval(X), without.predict_interval(X))
        assert np.array_equal(ensemble.reblend("best").oof_predictions_, without.oof_predictions_)
        for label, member in ensemble.members_.items():
            first = without.members_[label]
            assert np.array_equal(member.predict_by(4, *of(ensemble, X)), first.predict_by(1, *of(without, X)))
            own = np.mean([one.predict(X) for one in member.models[:3]], axis=0)
            assert np.allclose(own, first.predict(*of(without, X)))
            every = np.mean([one.predict(X) for one in member.models], axis=0)
            assert np.allclose(every, member.predict(*of(ensemble, X)))
            assert not np.allclose(every, own)

    def test_it_is_the_same_again_and_found_in_a_store(self, data, tmp_path):
        X, y = data
        first, second = fitted(X, y), fitted(X, y, store=tmp_path)
        events = []
        third = fitted(X, y, store=tmp_path, callbacks=events.append)
        assert np.array_equal(first.predict(X), second.predict(X))
        assert np.array_equal(first.predict(X), third.predict(X))
        assert len(events) == 2 * 18
        assert all(event.reused for event in events)

    def test_it_is_saved_refitted_and_pruned(self, data, tmp_path):
        X, y = data
        ensemble = fitted(X, y, [learner("lightgbm", n_estimators=5), learner("mlp", max_iter=2), "ridge"])
        assert counts(ensemble) == {"lightgbm": (18, 6), "mlp": (6, 6), "ridge": (1, 1)}
        loaded = load(ensemble.save(tmp_path / "bundle"))
        assert np.array_equal(loaded.predict(X), ensemble.predict(X))
        assert np.array_equal(loaded.predict_interval(X), ensemble.predict_interval(X))
        assert counts(loaded) == counts(ensemble)
        assert counts(loaded.refit(X)) == dict.fromkeys(ensemble.members_, (1, 1))
        assert counts(loaded.reblend("best").prune())["ridge"] == (1, 1)
        served = ["18 models, each of a fold, 6 for every fold", "6 models of all rows", "a model of all rows"]
        assert [row["served"] for row in members(loaded)] == served

    def test_members_that_the_blend_does_not_use_are_not_repeated(self, data):
        X, y = data
        ensemble = fitted(X, y, [*TREES, ("guess", "elastic_net")], "best")
        used = ensemble.blender_.used(3)
        assert [repeats > 1 for _, repeats in counts(ensemble).values()] == list(used & [True, True, False])

    def test_weights_and_classes(self, data):
        X, y = data
        labels = np.where(y > 0, "yes", "no")
        trees = [learner("lightgbm", n_estimators=5), learner("extra_trees", n_estimators=5)]
        options = {"cv": 5, "time_limit": LONG, "random_state": 0, "n_jobs": 1, "metric": "log_loss"}
        ensemble = EnsembleClassifier(trees, "mean", **options).fit(X, labels, sample_weight=1 + (X[:, 0] > 0))
        assert counts(ensemble) == {"lightgbm": (20, 4), "extra_trees": (20, 4)}
        assert np.allclose(ensemble.predict_proba(X).sum(axis=1), 1)


def of(ensemble, X):
    return ensemble._read(X), 1


@pytest.mark.usefixtures("never_worse")
class TestUnseen:
    """A repeat is judged by predictions of models that did not see the row."""

    MEMORISING = (
        ("tree", DecisionTreeRegressor(max_features=0.5)),
        ("nearest", BaggingRegressor(KNeighborsRegressor(n_neighbors=1), 3, random_state=None)),
    )

    @pytest.mark.parametrize("row", [0, 17, 59])
    def test_a_row_does_not_change_its_own_predictions(self, repeats, row):
        rng = np.random.default_rng(3)
        X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
        fitted(X, y, self.MEMORISING)
        fitted(X, np.where(np.arange(60) == row, 50.0, y), self.MEMORISING)
        first, second = repeats
        assert first.number == second.number == 6
        assert np.array_equal(first._oof.predictions[row], second._oof.predictions[row])
        assert not np.array_equal(first._oof.predictions, second._oof.predictions)

    def test_what_memorises_noise_is_not_taken_to_know_it(self, repeats):
        rng = np.random.default_rng(4)
        X, y = rng.normal(size=(200, 2)), rng.normal(size=200)
        ensemble = fitted(X, y, self.MEMORISING)
        (made,) = repeats
        assert np.mean((made._oof.blend - y) ** 2) > 0.95
        assert np.mean((ensemble.predict(X) - y) ** 2) < 0.5


def test_a_repeat_that_makes_means_worse_is_not_kept(data, monkeypatch):
    values = iter([1.0, 0.9, 1.2, 1.05, 0.9, 0.9])  # the first alone; two of a repeat, two of another; all that is kept
    monkeypatch.setattr(Repeats, "_value", lambda self, oof: next(values))
    ensemble = fitted(*data)
    assert counts(ensemble) == {"tree": (6, 2), "deep": (6, 2)}
    note = ensemble.leaderboard_.notes[-1]
    assert "repeated once for tree, deep (rmse 0.9 of means over the repeats, 1.1 of each alone)" in note
    assert note.endswith("another repeat is not better: rmse 1.05 of means over the repeats, 1.033 of each alone")


def test_a_metric_that_is_not_defined_keeps_none(data, monkeypatch):
    monkeypatch.setattr(Repeats, "_value", lambda self, oof: float("nan"))
    ensemble = fitted(*data)
    assert counts(ensemble) == {"tree": (3, 1), "deep": (3, 1)}
    assert "not repeated: rmse does not tell" in ensemble.leaderboard_.notes[-1]


def test_models_that_are_the_same_each_time_are_not_repeated(data):
    ensemble = fitted(*data, ["ridge", "knn"])
    assert counts(ensemble) == {"ridge": (1, 1), "knn": (1, 1)}
    assert "not repeated: the members of the blend are the same models each time" in ensemble.leaderboard_.notes[-1]


def test_folds_that_are_not_byoes_own_stay_and_so_does_one_model(data):
    X, y = data
    assert "not repeated: cv is not a number" in fitted(X, y, cv=KFold(3)).leaderboard_.notes[-1]
    groups = np.arange(90) // 3
    options = {"cv": 3, "time_limit": LONG, "random_state": 0}
    grouped = EnsembleRegressor(TREES, "mean", **options).fit(X, y, groups=groups)
    assert "not repeated: rows come in groups" in grouped.leaderboard_.notes[-1]
    assert "with finalize='refit' one model" in fitted(X, y, finalize="refit").leaderboard_.notes[-1]
    assert "models of a member" in fitted(X, y, cv=11).leaderboard_.notes[-1]


@pytest.mark.usefixtures("never_worse")
@pytest.mark.parametrize("kept", [True, False])
def test_folds_are_repeated_where_no_second_layer_is_kept(kept, data, monkeypatch):
    def better(self, oof):
        if not kept:
            raise NotKeptError("it is not better")
        return "a better score"

    monkeypatch.setattr(SecondLayer, "_better", better)
    ensemble = fitted(*data, layers=2)
    assert ensemble.layers_ == (2 if kept else 1)
    assert {member.repeats for member in ensemble.members_.values()} == ({1} if kept else {6})
    notes = ensemble.leaderboard_.notes
    assert f"second layer: {ensemble.second_layer_}" in notes
    said = "not repeated: there is a second layer" if kept else "the folds were repeated 5 times"
    assert sum(said in note for note in notes) == 1
    assert len(notes) == len(set(notes))


def test_a_list_of_ones_own_is_not_repeated(data, monkeypatch):
    monkeypatch.undo()
    ensemble = fitted(*data)
    assert counts(ensemble) == {"tree": (3, 1), "deep": (3, 1)}


class Counting(DecisionTreeRegressor):
    """A tree whose fits take time, of which one fails."""

    fits = 0
    failing = 0
    now = None

    def __init__(self, seconds=1.0, max_features=None):
        super().__init__(max_features=max_features)
        self.seconds = seconds

    def fit(self, X, y, **more):
        Counting.fits += 1
        if Counting.now is not None:
            Counting.now[0] += self.seconds
        if Counting.fits == Counting.failing:
            raise ValueError("too often")
        return super().fit(X, y, **more)


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)
    monkeypatch.setattr(Counting, "failing", 0)


@pytest.mark.usefixtures("never_worse", "counting")
def test_a_repeat_is_there_for_all_members_or_for_none(data, monkeypatch):
    monkeypatch.setattr(Counting, "failing", 5)  # in the first repeat
    ensemble = fitted(*data, [TREES[1], ("counting", Counting())], finalize="bag")
    assert counts(ensemble) == {"deep": (3, 1), "counting": (3, 1)}
    assert "counting failed with ValueError: too often" in ensemble.leaderboard_.notes[-1]
    assert ensemble.failures_ == []


@settings(max_examples=10, deadline=None)
@given(seconds=st.tuples(st.floats(0.1, 2.0), st.floats(0.1, 2.0)), limit=st.floats(40.0, 400.0))
def test_whatever_members_take_the_fit_is_over_in_time(seconds, limit):
    now = [1000.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now[0])
        patch.setattr(time, "perf_counter", lambda: now[0])
        patch.setattr(Counting, "now", now)
        patch.setattr(Repeats, "_value", lambda self, oof: 0.0)
        patch.setattr("byoe.ensemble._spare_time.further", lambda learners: {})
        rng = np.random.default_rng(5)
        X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
        ensemble = fitted(
            X, y, [(f"m{i}", Counting(own, 0.5)) for i, own in enumerate(seconds)], time_limit=limit, finalize="bag"
        )
    (one, repeats), (_, other) = counts(ensemble).values()
    assert repeats == other
    assert one == 3 * repeats
    each = 3 * sum(seconds)
    assert now[0] - 1000.0 == pytest.approx(each * repeats)
    assert each * repeats <= limit
    assert repeats == 6 or each * (repeats + 1) > 0.94 * limit
