import math
import time
import warnings
from collections import Counter

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_friedman1

from byoe import EnsembleRegressor, learner
from byoe.data._input import learn_table
from byoe.engine import _clock, _memory
from byoe.engine._clock import Clock, read_time_limit
from byoe.engine._memory import fewer_at_once
from byoe.engine._order import in_order
from byoe.engine._rows import Rows
from byoe.engine._tasks import fit_tasks
from byoe.errors import BudgetWarning, MemberError, ParameterError
from byoe.folds._splits import make_plan
from byoe.plugins import EstimatorLearner, Task


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still unless told otherwise."""
    times = [0.0]
    monkeypatch.setattr(_clock.time, "monotonic", lambda: times[0])
    return times


GUESSES = {"short": 1.0, "middle": 2.0, "long": 50.0}
TASKS = dict.fromkeys(GUESSES, [1.0] * 5)


def test_without_a_limit_everything_may_start(now):
    clock = Clock(GUESSES, TASKS, 2, None)
    now[0] = 1e9
    assert all(clock.start(label) == math.inf for label in GUESSES for _ in range(5))
    assert not clock.over()


def test_no_member_is_left_out_on_a_guess_or_on_the_speed_of_another(now):
    clock = Clock(GUESSES, TASKS, 2, 100.0)
    assert clock.start("short") == math.inf
    now[0] += 10.0
    clock.finish("short", 10.0)  # ten times what was guessed
    assert clock.start("long") == clock.start("middle") == math.inf
    assert clock.reasons == {}


def test_a_member_whose_other_tasks_do_not_fit_by_its_own_measure_is_left_out(now):
    clock = Clock(GUESSES, TASKS, 2, 100.0)
    clock.start("short")
    now[0] += 1.0
    clock.finish("short", 1.0)
    clock.start("long")
    now[0] += 60.0
    clock.finish("long", 60.0)
    assert clock.start("long") is None
    assert clock.reasons == {"long": "its other fits would take 120 s, and 36 s were left"}
    assert clock.start("middle") == math.inf


def test_what_can_end_in_time_has_an_equal_share_of_it(now):
    clock = Clock({**GUESSES, "long": 20.0}, TASKS, 1, 100.0, ends=frozenset(GUESSES))
    given = [clock.start("short"), None, None]
    assert given[0] == pytest.approx(0.9 * 95 / 15)  # a tenth is kept for predictions
    now[0] += 1.0
    clock.finish("short", 1.0)
    given[1] = clock.start("middle")
    assert given[1] == pytest.approx(0.9 * (94 - 4 * 1) / 10)  # four tasks of a second are known
    now[0] += 100.0
    clock.finish("middle", 100.0, cut=True)
    assert clock.start("middle") == 0.0  # it has begun, and has a round each
    assert clock.start("long") is None


def test_who_takes_longest_waits_where_the_time_of_all_would_be_of_use_to_none(now):
    guesses = {"long": 50.0, "short": 6.0, "middle": 12.0}
    clock = Clock(guesses, TASKS, 1, 60.0, ends=frozenset(guesses))
    assert clock.start("short") == pytest.approx(0.9 * 57 / 10.25)  # beside "middle", which needs 24 of the other 45 s
    now[0] += 1.0
    clock.finish("short", 1.0)
    assert clock.start("middle") == pytest.approx(0.9 * (56 - 4) / 5.25)
    now[0] += 2.0
    clock.finish("middle", 2.0)
    assert clock.start("long") == pytest.approx(0.9 * (54 - 4 - 8) / 5)  # there is time, and nobody believes the guess


def test_nobody_has_to_do_with_what_a_longer_one_leaves_that_happens_to_begin_first(now):
    guesses = {"long": 100.0, "short": 6.0}
    clock = Clock(guesses, dict.fromkeys(guesses, [1.0] * 5), 2, 60.0, ends=frozenset(guesses))
    assert clock.start("long") == pytest.approx(0.9 * 57 / 5)
    assert clock.start("short") == pytest.approx(0.9 * 57 / 5)


@pytest.mark.parametrize(("n_cores", "threads"), [(1, 1), (3, 1), (12, 4)])
def test_what_a_task_is_guessed_to_take_is_with_the_threads_that_it_has(n_cores, threads):
    X, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90.0)
    task = Task("regression")
    data = Rows(learn_table(X)[1], y, None, task, make_plan(3, X, y, None, task, 0), None)
    boosted = learner("lightgbm")
    tasks = fit_tasks({"boosted": boosted}, data, {"boosted": "bag"}, {}, 0)
    schedule = in_order(tasks, data, n_cores, ("boosted",), 0, in_a_hurry=True)
    assert {work.threads for work in schedule.works} == {threads}
    assert schedule.guesses == {"boosted": boosted.seconds(90, 4, task=task, stopping=True) / threads}


def test_who_has_begun_does_not_wait_for_who_was_thought_to_be_quicker(now):
    clock = Clock(
        {"one": 40.0, "two": 30.0}, dict.fromkeys(("one", "two"), [1.0] * 2), 1, 60.0, ends=frozenset({"one", "two"})
    )
    clock.start("one")
    assert clock.start("two") == pytest.approx(0.9 * 57 / 4)


def test_a_refit_has_more_time_than_a_fold(now):
    clock = Clock({"one": 1.0}, {"one": [1.0, 1.0, 1.5]}, 1, 100.0, ends=frozenset({"one"}))
    assert clock.start("one") == pytest.approx(0.9 * 95 / 3.5)
    now[0] += 20.0
    clock.finish("one", 20.0, cut=True)
    clock.start("one")
    now[0] += 20.0
    clock.finish("one", 20.0, cut=True)
    assert clock.start("one", 1.5) == pytest.approx(0.95 * 55)


def test_one_task_is_tried_where_nothing_is_known_and_what_takes_most_of_the_time_comes_last(now):
    clock = Clock(GUESSES, TASKS, 2, 100.0, ends=frozenset({"middle"}))
    assert not clock.waits("short")
    clock.start("short")
    assert clock.waits("short")
    assert not clock.waits("middle")
    now[0] += 10.0
    clock.finish("short", 10.0)
    assert not clock.waits("short")  # 20 seconds of 85
    now[0] += 50.0
    assert clock.waits("short")


def test_the_first_member_goes_on_a_little_after_the_limit(now):
    clock = Clock({"shorter": 0.5, **GUESSES}, {"shorter": [1.0], **TASKS}, 2, 20.0)
    assert clock.start("shorter")
    assert clock.start("middle")
    now[0] += 24.9
    assert not clock.over()
    now[0] += 0.2
    assert clock.over()
    clock.finish("shorter", 25.1)
    assert clock.over()  # "middle" is still running
    assert clock.late == {"shorter", "middle"}
    assert clock.start("short") is None
    clock.finish("middle", 40.0)
    assert not clock.over()  # what is left takes no time


def test_where_the_shortest_fails_the_next_one_is_the_one_to_go_on(now):
    clock = Clock(GUESSES, TASKS, 1, 10.0)
    clock.start("short")
    now[0] += 14.0
    clock.finish("short", 14.0, failed=True)
    assert clock.start("short") is None
    assert clock.start("middle") == math.inf
    assert clock.start("long") is None


def test_what_is_expected_is_scaled_by_what_is_known(now):
    clock = Clock(GUESSES, TASKS, 2, None)
    assert clock.remaining is None
    clock.start("short")
    clock.finish("short", 10.0)
    assert clock.remaining == pytest.approx((4 * 10 + 5 * 20 + 5 * 500) / 2)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 3))
    return X, X @ [1.0, 2.0, -1.0] + rng.normal(size=90)


class Slow(EstimatorLearner):
    """A ridge that takes its time, and knows it."""

    name = "slow"
    finalize = "bag"

    def parameter_names(self):
        return frozenset({"pause", "guess"})

    def seconds(self, n_rows, n_columns, *, task, stopping):
        return self.own_params()["guess"]

    def estimator(self, task, y):
        from sklearn.linear_model import Ridge

        for _ in range(int(1000 * self.own_params()["pause"])):
            time.sleep(0.001)
        return Ridge()


def test_the_ensemble_is_what_was_complete_in_time(data):
    X, y = data
    learners = [
        ("endless", Slow(pause=1000.0, guess=3.0)),
        ("short", Slow(pause=0.0, guess=1.0)),
        ("ridge", learner("ridge")),
    ]
    ensemble = EnsembleRegressor(learners, "mean", cv=3, time_limit=2.0, random_state=0, n_jobs=2)
    with pytest.warns(BudgetWarning, match=r"no time within the time_limit of 2 s: endless\. A longer limit"):
        ensemble.fit(X, y)
    assert list(ensemble.members_) == ["short", "ridge"]
    assert [(failure.label, failure.error) for failure in ensemble.failures_] == [
        ("endless", "3 of 3 fits were not done within the time_limit of 2 s")
    ]
    full = EnsembleRegressor(learners[1:], "mean", cv=3, random_state=0).fit(X, y)
    assert np.array_equal(ensemble.predict(X), full.predict(X))


def test_a_limit_too_short_for_any_member_is_an_error(data, monkeypatch):
    monkeypatch.setattr(_clock, "_SECONDS", 0.5)
    learners = [("slow", Slow(pause=1000.0, guess=1.0))]
    with pytest.raises(MemberError, match=r"time_limit of 0\.5 s is too short: after .* no member was complete"):
        EnsembleRegressor(learners, cv=3, time_limit=0.5, random_state=0).fit(*data)


def test_the_error_comes_as_soon_as_it_is_known(now):
    clock = Clock({"only": 1.0}, {"only": [1.0] * 5}, 1, 100.0)
    assert clock.start("only") == math.inf
    now[0] += 30.0
    clock.finish("only", 30.0)
    assert clock.start("only") is None
    assert clock.reasons == {"only": "its other fits would take 120 s, and 67 s were left"}


def test_what_is_complete_is_as_without_a_limit(data):
    X, y = data
    learners = ("ridge", "knn", ("lightgbm", learner("lightgbm", n_estimators=5)))
    limited, free = (
        EnsembleRegressor(learners, cv=3, random_state=0, time_limit=limit).fit(X, y) for limit in (1000.0, None)
    )
    assert np.array_equal(limited.oof_predictions_, free.oof_predictions_)
    assert np.array_equal(limited.predict(X), free.predict(X))


def test_a_longer_limit_is_never_worse_beyond_noise():
    X, y = make_friedman1(3500, n_features=20, noise=1.0, random_state=0)
    losses = []
    EnsembleRegressor(cv=2, random_state=0).fit(X[:60], y[:60])  # no limit has to wait for a library that is read
    for limit in (0.5, 1.5, 4.5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BudgetWarning)
            ensemble = EnsembleRegressor(cv=3, time_limit=limit, random_state=0).fit(X[:2500], y[:2500])
        losses.append(np.sqrt(np.mean((ensemble.predict(X[2500:]) - y[2500:]) ** 2)))
    assert losses[1] < 1.1 * losses[0]
    assert losses[2] < 1.1 * losses[1]


def test_what_a_store_has_takes_no_time(data, tmp_path):
    X, y = data
    given = {"cv": 3, "random_state": 0, "store": tmp_path / "store"}
    learners = ("ridge", "knn", ("lightgbm", learner("lightgbm", n_estimators=5)))
    whole = EnsembleRegressor(learners, **given).fit(X, y)
    again = EnsembleRegressor(learners, time_limit=1e-6, **given).fit(X, y)
    assert again.failures_ == []
    assert np.array_equal(again.predict(X), whole.predict(X))


def test_one_member_is_fitted_however_short_the_time(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BudgetWarning)
        ensemble = EnsembleRegressor(("ridge", "catboost"), cv=3, time_limit=1e-6, random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge"]


@pytest.mark.parametrize("limit", [0, -1.0, "10 s", True, float("nan")])
def test_wrong_time_limits(limit, data):
    with pytest.raises(ParameterError, match="time_limit is .*, expected a positive number of seconds, or None"):
        EnsembleRegressor(("ridge",), time_limit=limit).fit(*data)
    assert read_time_limit(np.int64(5)) == 5.0


@pytest.mark.parametrize("size", ["8 apples", "GB", -1, 0, True, "1e9", []])
def test_wrong_sizes(size, data):
    with pytest.raises(ParameterError, match="memory_limit is .*, expected a number of bytes or a text such as '8GB'"):
        EnsembleRegressor(("ridge",), memory_limit=size).fit(*data)


@pytest.mark.parametrize(
    ("free", "expected"),
    [(float("inf"), (4, 110.0)), (200.0, (4, 110.0)), (105.0, (3, 100.0)), (60.0, (1, 50.0)), (1.0, (1, 50.0))],
)
def test_fewer_tasks_at_once_where_memory_is_short(free, expected):
    assert fewer_at_once([10.0, 20.0, 30.0, 40.0, 5.0], 10.0, free, 4) == expected


def test_short_memory_costs_time_and_changes_nothing_else(data, monkeypatch):
    X, y = data
    learners = (("lightgbm", learner("lightgbm", n_estimators=5)), "knn")
    running, most = Counter(), []

    def count(fit):
        def counted(*args, **kwargs):
            running["now"] += 1
            most.append((running["now"], kwargs["threads"]))
            time.sleep(0.005)
            result = fit(*args, **kwargs)
            running["now"] -= 1
            return result

        return counted

    from byoe.engine import _one_task

    monkeypatch.setattr(_one_task, "fit_fold", count(_one_task.fit_fold))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(_memory, "_unused", lambda: 1.0)
    with pytest.warns(BudgetWarning, match=r"expected to take .* beside the data with one task at a time, and 1 B"):
        short = EnsembleRegressor(learners, cv=3, random_state=0, n_jobs=2).fit(X, y)
    assert set(most) == {(1, 2)}  # one at a time, which has both threads
    monkeypatch.undo()
    free = EnsembleRegressor(learners, cv=3, random_state=0, n_jobs=2).fit(X, y)
    assert np.allclose(short.oof_predictions_, free.oof_predictions_, rtol=1e-9)


def test_a_limit_is_on_the_whole_process(monkeypatch):
    monkeypatch.setattr(_memory, "_used", lambda: 3e9)
    monkeypatch.setattr(_memory, "_unused", lambda: 100e9)
    monkeypatch.setattr(_memory, "_unused_in_group", lambda: None)
    assert _memory.free_memory(10 * 10**9) == pytest.approx(0.95 * 7e9)
    assert _memory.free_memory(None) == pytest.approx(95e9)


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_control_group_leaves(tmp_path, version):
    folder = tmp_path / "memory" if version == 1 else tmp_path
    folder.mkdir(exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, size in zip(names, (1000, 700), strict=True):
        (folder / name).write_text(f"{size}\n")
    (folder / "memory.stat").write_text("anon 100\ninactive_file 200\n")
    assert _memory._unused_in_group(tmp_path) == 500.0
    (folder / names[0]).write_text("max\n")
    assert _memory._unused_in_group(tmp_path) is None


def test_no_control_group(tmp_path):
    assert _memory._unused_in_group(tmp_path) is None


def test_what_the_process_takes_is_known_on_every_platform():
    """The limit would else hold nowhere but where the system has files that tell."""
    before = _memory._used()
    block = np.ones(20_000_000)
    assert _memory._used() - before > 0.8 * block.nbytes
    assert _memory._unused() > 0
    assert _memory.free_memory(1) < 0
