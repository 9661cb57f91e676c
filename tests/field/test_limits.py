"""A time limit that emptied the ensemble, or did not hold.

AutoGluon #2012, #1402, #1334: fits ran far beyond their time_limit.
AutoGluon #3683: models that start when hardly any time is left are poor.
mljar-supervised #276: a first fold by which all folds would take too long ended in an error, and no model of it.
CatBoost #1304, #2717, LightGBM #6596, XGBoost #10684: after a time a fit should end with the best model so far.
H2O #5569: the blend itself took the time that the limit did not count.
"""

import math
import warnings
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts import _deadline
from byoe.contracts._deadline import Deadline, out_of_time, until
from byoe.contracts._learner import Learner, StopRows
from byoe.contracts._task import Task
from byoe.engine import _clock, _execution, _one_task
from byoe.ensemble import _base
from byoe.errors import BudgetWarning, MemberError

LIMIT = 100.0
ROUNDS = 20
MANY = 12_800  # rows of a fold


class Time:
    """What stands for the module `time`: it passes only when a learner says so."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    perf_counter = monotonic


class Mean:
    def __init__(self, value):
        self.value = value

    def predict(self, X, *, threads=1):
        return np.full(len(X), self.value)

    def save(self, folder):
        np.save(folder / "mean.npy", self.value)


class Timed(Learner):
    """A learner whose fit takes so many seconds on the clock of the test."""

    name = "timed"
    finalize = "bag"
    clock = Time()

    def parameter_names(self):
        return frozenset({"seconds", "guess", "ends", "power"})

    @property
    def ends_in_time(self):
        return self.own_params()["ends"]

    def seconds(self, n_rows, n_columns, *, task, stopping):
        return self.own_params()["guess"]

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        share = len(X) / MANY if "power" in self.own_params() else 1.0
        for done in range(1, ROUNDS + 1):
            Timed.clock.now += self.own_params()["seconds"] * share ** self.own_params().get("power", 1.0) / ROUNDS
            if self.ends_in_time and done < ROUNDS and out_of_time(done):
                break
        return Mean(y.mean() + seed % 7)

    def load(self, folder, *, task, trusted=()):
        return Mean(float(np.load(folder / "mean.npy")))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    return X, X[:, 0] + rng.normal(size=40)


def fitted(data, members, **options):
    """Return an ensemble that was fitted with the clock of the test, and the seconds that it took."""
    time = Timed.clock = Time()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for module in (_clock, _deadline, _one_task, _base):
            patch.setattr(module, "time", time)
        # Who looks at the clock meanwhile is another thread, which real time drives: what it meets would be chance.
        patch.setattr(_clock.Clock, "over", lambda self: False)
        learners = [(f"m{number}", Timed(**member)) for number, member in enumerate(members)]
        given = {"cv": 2, "finalize": "bag", "time_limit": LIMIT, "random_state": 0, "n_jobs": 1, **options}
        ensemble = EnsembleRegressor(learners, "mean", **given).fit(*data)
    return ensemble, time.now, [str(item.message) for item in caught if item.category is BudgetWarning]


guesses = st.floats(1e-3, 1e4)
seconds = st.floats(0.01, 10 * LIMIT)
ending = st.fixed_dictionaries(
    {"seconds": st.floats(0.01, 2 * LIMIT), "guess": st.floats(1e-3, LIMIT / 20), "ends": st.just(True)}
)
slow = st.fixed_dictionaries({"seconds": st.floats(0.01, 2 * LIMIT), "guess": guesses, "ends": st.just(True)})


@settings(max_examples=40, deadline=None)
@given(members=st.lists(ending, min_size=1, max_size=4))
def test_what_can_end_in_time_is_never_left_out_and_keeps_the_limit(data, members):
    ensemble, took, told = fitted(data, members)
    assert ensemble.failures_ == []
    assert list(ensemble.members_) == [f"m{number}" for number in range(len(members))]
    # A task ends at the round in which its time is up.
    assert took <= LIMIT + 2 * max(member["seconds"] for member in members) / ROUNDS
    if sum(2 * member["seconds"] for member in members) < 0.1 * LIMIT:
        assert told == []


@settings(max_examples=40, deadline=None)
@given(members=st.lists(slow, min_size=1, max_size=4))
def test_who_is_guessed_to_be_quickest_is_there_and_nobody_who_had_time(data, members):
    """Where the guesses are more than there is time for, the others have what is left."""
    ensemble, took, _ = fitted(data, members)
    quickest = min(range(len(members)), key=lambda number: members[number]["guess"])
    assert f"m{quickest}" in ensemble.members_
    assert took <= LIMIT + 2 * max(member["seconds"] for member in members) / ROUNDS
    if ensemble.failures_:
        assert took > 0.9 * LIMIT


@settings(max_examples=40, deadline=None)
@given(
    members=st.lists(ending, max_size=2),
    others=st.lists(st.tuples(st.floats(0.01, 0.2 * LIMIT / 6), guesses), min_size=1, max_size=3),
)
def test_nothing_is_left_out_for_its_guess_or_for_the_speed_of_others(data, members, others):
    """What cannot end in time takes a fifth of it, and the others give way to that."""
    whole = [{"seconds": seconds, "guess": guess, "ends": False} for seconds, guess in others]
    ensemble, took, _ = fitted(data, [*members, *whole])
    assert ensemble.failures_ == []
    assert took <= LIMIT + 2 * max([0.0, *(member["seconds"] for member in members)]) / ROUNDS


@settings(max_examples=40, deadline=None)
@given(
    members=st.lists(
        st.fixed_dictionaries({"seconds": seconds, "guess": guesses, "ends": st.booleans()}), min_size=1, max_size=4
    )
)
def test_there_is_an_ensemble_whatever_the_members(data, members):
    too_much = sum(2 * member["seconds"] for member in members) > LIMIT
    if too_much and not any(member["ends"] for member in members):
        with suppress(MemberError):  # whose text has a test of its own
            assert fitted(data, members)[0].members_
        return
    ensemble, _, _ = fitted(data, members)
    assert ensemble.members_
    assert np.isfinite(ensemble.predict(data[0])).all()
    assert {*ensemble.members_, *(failure.label for failure in ensemble.failures_)} == {
        f"m{number}" for number in range(len(members))
    }


def test_a_slow_first_member_does_not_empty_the_ensemble(data):
    """The report itself: the first took a thousand times what was guessed, and the others were scaled by that."""
    first = {"seconds": 10.0, "guess": 0.01, "ends": False}
    boosters = [{"seconds": 15.0, "guess": guess, "ends": True} for guess in (1.0, 2.0, 3.0)]
    ensemble, took, told = fitted(data, [first, *boosters])
    assert list(ensemble.members_) == ["m0", "m1", "m2", "m3"]
    assert took <= LIMIT
    assert "the time_limit of 100 s left models with fewer rounds than they should have: m" in told[0]


def test_a_member_that_has_truly_no_time_is_told_with_its_numbers(data):
    quick = {"seconds": 1.0, "guess": 1.0, "ends": False}
    slow = {"seconds": 70.0, "guess": 2.0, "ends": False}
    ensemble, _, told = fitted(data, [quick, slow])
    assert list(ensemble.members_) == ["m0"]
    assert [failure.error for failure in ensemble.failures_] == [
        "1 of 2 fits were not done within the time_limit of 100 s: its other fits would take 70 s, and 25 s were left"
    ]
    assert told[0].startswith("left out, since there was no time within the time_limit of 100 s: m1.")


def test_a_fit_that_nothing_can_end_is_told(data):
    quick, slow = ({"seconds": seconds, "guess": seconds, "ends": False} for seconds in (1.0, 150.0))
    ensemble, took, told = fitted(data, [quick, slow])
    assert (list(ensemble.members_), took) == (["m0"], 152.0)
    assert told[-1] == (
        "the fit of the members took 152.0 s of a time_limit of 100 s: fits of m1 ran on, which nothing can end before "
        "they are done"
    )


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * MANY, 2))
    return X, X[:, 0] + rng.normal(size=2 * MANY)


@pytest.mark.parametrize(("seconds", "power"), [(36_000.0, 2.0), (2e6, 3.0), (2000.0, 1.0)])
def test_a_fit_of_days_that_nothing_can_end_is_not_begun(many, seconds, power):
    """A support vector machine or a Gaussian process among other members of a large table."""
    quick = {"seconds": 1.0, "guess": 1.0, "ends": False}
    ensemble, took, told = fitted(many, [quick, {"seconds": seconds, "guess": 10.0, "ends": False, "power": power}])
    assert list(ensemble.members_) == ["m0"]
    assert took < 0.3 * LIMIT
    (failure,) = ensemble.failures_
    assert "2 of 2 fits were not done within the time_limit of 100 s: a fit of " in failure.error
    needed = float(failure.error.partition("all fits would take about ")[2].partition(" s")[0])
    assert needed == pytest.approx(2 * seconds, rel=0.1)
    assert told[-1].startswith("left out, since there was no time within the time_limit of 100 s: m1.")
    with pytest.raises(MemberError, match=r"is too short: after .* no member was complete \(m0: 2 of 2 fits"):
        fitted(many, [{"seconds": seconds, "guess": 10.0, "ends": False, "power": power}])


@pytest.mark.parametrize(
    "member", [{"seconds": 30.0, "power": 2.0}, {"seconds": 9.0}, {"seconds": 20.0}, {"seconds": 40.0, "power": 1.0}]
)
def test_a_fit_that_can_be_done_is_not_left_out_by_its_few_rows(many, member):
    quick = {"seconds": 1.0, "guess": 1.0, "ends": False}
    ensemble, took, _ = fitted(many, [quick, {**member, "guess": 1.0, "ends": False}])
    assert list(ensemble.members_) == ["m0", "m1"]
    assert took <= 2 * member["seconds"] + (26.0 if "power" not in member else 10.0)


def test_a_limit_too_short_for_any_member_is_an_error_with_its_numbers(data):
    slow = {"seconds": 150.0, "guess": 2.0, "ends": False}
    with pytest.raises(MemberError, match=r"100 s is too short: after 150 s no member was complete \(m0: 1 of 2 fits"):
        fitted(data, [slow])
    just = {**slow, "seconds": 54.0}  # of which a fit may go on for a tenth of the limit
    assert list(fitted(data, [just])[0].members_) == ["m0"]


def test_what_ends_in_time_is_there_where_another_took_all_of_it(data):
    slow, ends = {"seconds": 95.0, "guess": 1.0, "ends": False}, {"seconds": 1.0, "guess": 48.0, "ends": True}
    assert list(fitted(data, [ends, slow])[0].members_) == ["m0"]


class Asked(Time):
    """Time that passes whenever somebody asks for it."""

    def monotonic(self):
        self.now += 0.01
        return self.now


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_what_the_limit_cut_is_not_kept_for_other_fits(data, tmp_path, name):
    events, time = [], Asked()
    options = {"cv": 2, "store": tmp_path / "store", "random_state": 0, "n_jobs": 1, "callbacks": events.append}
    one = learner(name, n_rounds=300)

    def fit(limit):
        events.clear()
        return EnsembleRegressor([("one", one)], "mean", time_limit=limit, **options).fit(*data)

    with pytest.MonkeyPatch.context() as patch:
        for module in (_clock, _deadline, _base):
            patch.setattr(module, "time", time)
        with pytest.warns(BudgetWarning, match=r"one \(\d of 3, with \d+ to \d+\)"):
            fit(1.5)
    assert any(event.cut for event in events)
    whole = fit(None)
    assert not any(event.cut for event in events)
    assert {model.rounds for member in whole.members_.values() for model in member.models[0].models} == {300}
    again = fit(1e6)
    assert all(event.reused and not event.cut for event in events)
    assert np.array_equal(again.predict(data[0]), whole.predict(data[0]))


def test_a_refit_is_planned_and_told(data):
    member = {"seconds": 80.0, "guess": 1.0, "ends": True}
    events = []
    ensemble, took, _ = fitted(data, [member], finalize="refit", callbacks=events.append)
    assert list(ensemble.members_) == ["m0"]
    assert [event.fold for event in events if event.cut] == [0, 1, -1]
    assert str(events[-1]).endswith(", with fewer rounds for lack of time")
    assert took <= LIMIT + 2 * 80.0 / ROUNDS


# -- the learners that can end -----------------------------------------------------------

ENDING = ["lightgbm", "xgboost", "catboost", "hist_gradient_boosting", "random_forest", "extra_trees"]


def rows(kind):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    y = X[:, 0] + X[:, 1] * X[:, 2]
    if kind == "regression":
        return X, y, Task("regression")
    return X, np.digitize(y, [-0.5, 0.5]).astype(np.int64), Task("classification", n_classes=3)


@pytest.mark.parametrize("kind", ["regression", "classification"])
@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("stopping", [False, True])
def test_a_deadline_far_off_changes_nothing_and_one_gone_leaves_a_model(name, kind, stopping):
    one = learner(name)
    X, y, task = rows(kind)
    options = {"task": task, "sample_weight": None, "seed": 0, "threads": 1}
    if stopping:
        if not one.stops:
            pytest.skip("has no rounds to find")
        options["stop"] = StopRows(X[250:], y[250:], None, 10)
    assert one.ends_in_time
    whole = one.fit(X[:250], y[:250], **options)
    far, gone = Deadline(1e6), Deadline(-1.0)
    with until(far):
        same = one.fit(X[:250], y[:250], **options)
    with until(gone):
        short = one.fit(X[:250], y[:250], **options)
    assert far.cut == []
    assert np.array_equal(same.predict(X), whole.predict(X))
    assert len(gone.cut) == 1
    assert gone.cut[0] <= 8
    predicted = short.predict(X)
    assert np.isfinite(predicted).all()
    assert predicted.shape == whole.predict(X).shape


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_a_cut_model_is_the_best_of_the_rounds_that_it_had(name):
    """As long a fit of the library's own, cut at its best round, is the oracle."""
    X, y, task = rows("regression")
    options = {"task": task, "sample_weight": None, "seed": 0, "threads": 1}
    stop = StopRows(X[250:], y[250:], None, 50)
    rate = {"learning_rate": 0.05}
    ticks = iter(range(1000))
    time = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_deadline, "time", time)
        deadline = Deadline(12.0)
        with until(deadline):
            cut = learner(name, **rate).fit(X[:250], y[:250], stop=stop, **options)
    (done,) = deadline.cut
    assert 1 < done < 12
    oracle = learner(name, n_rounds=done, **rate).fit(X[:250], y[:250], stop=stop, **options)
    assert cut.rounds == oracle.rounds
    assert np.array_equal(cut.predict(X), oracle.predict(X))


def test_time_is_shared_by_the_models_of_several_targets():
    deadline = Deadline(90.0)
    with deadline.shared(3):
        assert deadline.left == pytest.approx(30.0, abs=1.0)
    assert deadline.left == pytest.approx(90.0, abs=1.0)
    assert Deadline(math.inf).left == math.inf


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_a_network_with_any_number_of_passes_ends_in_time(kind):
    X, y, _ = rows(kind)
    network = learner("mlp", hidden_layer_sizes=[4], max_iter=10**6, tol=0.0, n_iter_no_change=10**6)
    Ensemble = EnsembleClassifier if kind == "classification" else EnsembleRegressor
    for members in ([network, "ridge"], [network]):
        with pytest.warns(BudgetWarning, match="left models with fewer rounds than they should have") as told:
            ensemble = Ensemble(members, "mean", cv=3, time_limit=1.5, random_state=0, n_jobs=1).fit(X, y)
        assert "mlp" in ensemble.members_
        assert ensemble.failures_ == []
        assert {warning.category for warning in told} == {BudgetWarning}  # none of what the user cannot help


def test_a_network_that_has_the_time_is_as_without_a_limit():
    X, y, _ = rows("regression")
    network = learner("mlp", hidden_layer_sizes=[4], max_iter=20)

    def predicted(**limit):
        return EnsembleRegressor([network], "mean", cv=3, random_state=0, n_jobs=1, **limit).fit(X, y).predict(X)

    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):  # as the user's number of passes is too small
        whole = predicted()
    assert np.array_equal(predicted(time_limit=600.0), whole)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of the trial of a few passes
def test_a_network_that_was_done_before_the_passes_it_had_time_for_is_whole():
    X, y, task = rows("regression")
    network = learner("mlp", hidden_layer_sizes=[4], max_iter=10**8, tol=1e-1)
    options = {"task": task, "sample_weight": None, "seed": 0, "threads": 1}
    whole = network.fit(X, y, **options)
    with until(deadline := Deadline(60.0)):
        same = network.fit(X, y, **options)
    assert deadline.cut == []
    assert same.passes == whole.passes < 10**6
    assert np.array_equal(same.predict(X), whole.predict(X))


def test_every_booster_and_network_is_there_though_there_is_hardly_any_time():
    X, y, _ = rows("classification")
    names = ("ridge", "mlp", "lightgbm", "xgboost", "hist_gradient_boosting")
    members = [learner("mlp", n_epochs=10**6) if name == "mlp" else name for name in names]
    with pytest.warns(BudgetWarning, match="left models with fewer rounds than they should have"):
        ensemble = EnsembleClassifier(members, "mean", cv=3, time_limit=3.0, random_state=0, n_jobs=1).fit(X, y)
    assert list(ensemble.members_) == list(names)


def test_few_rows_are_a_task_that_runs_and_lets_others_go_first(many, monkeypatch):
    """So it is ended when time is up, as any that runs."""
    seen = []

    def _took(item, *_):
        def _fit(rows):
            seen.append((rows, clocks[-1]._running, clocks[-1].waits(item.label)))

        return _fit

    clocks = []
    begin = _clock.Clock.__init__
    monkeypatch.setattr(_clock.Clock, "__init__", lambda self, *a, **k: (clocks.append(self), begin(self, *a, **k))[1])
    monkeypatch.setattr(_execution, "measure", _took)
    member = Timed(seconds=1.0, guess=1.0, ends=False)
    EnsembleRegressor([("one", member)], "mean", cv=2, time_limit=1000.0, n_jobs=1, random_state=0).fit(*many)
    assert seen == [(50, 1, True)]


def test_with_a_store_it_counts_whether_one_fit_can_be_done():
    clock = _clock.Clock({"one": 1.0}, {"one": [1.0] * 6}, 1, LIMIT)
    assert clock.is_far("one", 60.0, one=False)
    assert not clock.is_far("one", 60.0, one=True)
    assert clock.is_far("one", 400.0, one=True)
