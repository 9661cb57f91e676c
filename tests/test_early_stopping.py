"""The number of rounds, found on rows inside the training part."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, TimeSeriesSplit

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts import _deadline
from byoe.contracts._deadline import Deadline, until
from byoe.data._input import learn_table
from byoe.engine import _fold_fit, _one_task
from byoe.engine._fold_fit import fit_fold
from byoe.engine._rows import Rows
from byoe.errors import ParameterError
from byoe.folds._splits import make_plan
from byoe.learners._boosting import MOST_ROUNDS, take_rounds
from byoe.plugins import ConstantModel, Learner, Task

NAMES = ["catboost", "xgboost", "lightgbm", "hist_gradient_boosting"]


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + 1.5 * rng.normal(size=300)


def grown(model):
    """Return how many trees a fitted model holds."""
    inner = model.models[0]
    if hasattr(inner, "estimator"):
        return inner.estimator.n_iter_
    return inner.rounds


@pytest.mark.parametrize("name", NAMES)
def test_it_stops_before_it_overfits(name, noisy):
    X, y = noisy
    made = EnsembleRegressor([learner(name, learning_rate=0.3)], "mean", random_state=0, finalize="bag")
    stopped = made.fit(X, y)
    rounds = [model.rounds[0] for model in stopped.members_[name].models]
    assert len(rounds) == 5
    assert all(1 <= count < 300 for count in rounds)
    assert [grown(model) for model in stopped.members_[name].models] == rounds
    rounds = {"max_iter" if name.startswith("hist") else "n_estimators": 800}
    long = EnsembleRegressor([learner(name, learning_rate=0.3, **rounds)], "mean", random_state=0).fit(X, y)
    assert stopped.score_estimate_ > long.score_estimate_


@pytest.mark.parametrize("name", NAMES)
def test_given_rounds_are_obeyed_unless_stopping_is_asked_for(name, noisy):
    X, y = noisy
    given = learner(name, **{"max_iter" if name.startswith("hist") else "n_estimators": 400}, learning_rate=0.3)
    auto = EnsembleRegressor([given], "mean", random_state=0).fit(X, y)
    assert {grown(model) for model in auto.members_[name].models} == {400}
    always = EnsembleRegressor([given], "mean", random_state=0, early_stopping=True).fit(X, y)
    assert max(grown(model) for model in always.members_[name].models) < 400
    never = EnsembleRegressor([learner(name)], "mean", random_state=0, early_stopping=False).fit(X, y)
    assert {grown(model) for model in never.members_[name].models} == {1000 if name == "catboost" else 100}


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_takes_the_mean_of_the_folds(name, noisy):
    X, y = noisy
    made = EnsembleRegressor([learner(name, learning_rate=0.2)], "mean", random_state=0)
    rounds = [model.rounds[0] for model in made.set_params(finalize="bag").fit(X, y).members_[name].models]
    (refit,) = made.set_params(finalize="refit").fit(X, y).members_[name].models
    assert grown(refit) == round(np.mean(rounds))


def test_the_learning_rate_is_low_where_the_rounds_are_open(noisy):
    X, y = noisy
    made = EnsembleRegressor(["xgboost", "lightgbm"], "mean", random_state=0).fit(X, y)
    xgboost, lightgbm = (made.members_[name].models[0].models[0].booster for name in ("xgboost", "lightgbm"))
    config = xgboost.save_config().replace(" ", "")
    assert '"eta":"0.15' in config or '"learning_rate":"0.15' in config
    assert "[learning_rate: 0.1]" in lightgbm.model_to_string()


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_weights(name, noisy, tmp_path):
    X, y = noisy
    kinds = np.digitize(y, [-1, 1])
    weight = np.linspace(0.1, 2, len(y))
    ensemble = EnsembleClassifier([learner(name, learning_rate=0.3)], "mean", random_state=0)
    ensemble.fit(X, kinds, sample_weight=weight)
    assert -ensemble.score_estimate_ < 1.1
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))
    assert [m.rounds for m in loaded.members_[name].models] == [m.rounds for m in ensemble.members_[name].models]


def test_linear_boosting_is_not_stopped(noisy):
    X, y = noisy
    ensemble = EnsembleRegressor([learner("xgboost", booster="gblinear")], "mean", random_state=0).fit(X, y)
    assert np.isfinite(ensemble.score_estimate_)


def test_a_wrong_switch_is_refused(noisy):
    with pytest.raises(ParameterError, match="early_stopping is 'yes', expected one of 'auto', True, False"):
        EnsembleRegressor(["ridge"], early_stopping="yes").fit(*noisy)


# -- which rows a member learns from -------------------------------------------------


class Recording(Learner):
    """A learner that writes down what it is given, and finds as many rounds as the last digit of its seed tells."""

    name = "recording"
    stops = True
    shared = {"learning_rate": "rate", "n_rounds": "rounds"}
    calls = []
    hastes = True
    most_haste = 3.0

    def in_haste(self, times):
        return clone(self).set_params(rate=times * 0.05) if self.hastes and times <= self.most_haste else None

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        found = rounds if stop is None else 7 + given["seed"] % 10
        stopped = None if stop is None else set(stop.X[:, 0].astype(int))
        self.calls.append((set(X[:, 0].astype(int)), stopped, rounds, self.own_params().get("rate")))
        model = ConstantModel.of(y, given["task"], given["sample_weight"])
        model.rounds = found
        return model


def recorded(early_stopping="auto", hastes=True, cv=3, finalize="bag", groups=None, **given):
    kind = type("Recording", (Recording,), {"calls": [], "hastes": hastes})
    X, y = np.c_[np.arange(120.0), np.ones(120)], np.arange(120.0)
    made = EnsembleRegressor([("one", kind(**given))], "mean", cv=cv, early_stopping=early_stopping, random_state=0)
    made.set_params(finalize=finalize, n_jobs=1).fit(X, y, groups=groups)
    return made, kind.calls, [set(train) for train, _ in made._oof.plan.folds]


@pytest.mark.parametrize("hastes", [True, False])
def test_rounds_are_found_on_rows_inside_and_all_rows_are_learned_from(hastes):
    made, calls, trains = recorded(hastes=hastes)
    times = 3.0 if hastes else 1.0
    assert len(calls) == 6
    for train, (inside, stopped, given, rate), (learned, nothing, rounds, own_rate), model in zip(
        trains, calls[::2], calls[1::2], made.members_["one"].models, strict=True
    ):
        assert inside | stopped == train
        assert not inside & stopped
        assert given is nothing is own_rate is None
        assert rate == (0.15000000000000002 if hastes else None)
        assert learned == train
        assert rounds in [round(times * len(train) / len(inside) * found) for found in range(7, 17)]
        assert model.rounds == [rounds]


def test_rounds_do_not_grow_without_bound_where_few_groups_are_left_to_find_them():
    _, calls, trains = recorded(groups=np.repeat([0, 1, 2], 40))
    for train, (inside, *_), (learned, _, rounds, _) in zip(trains, calls[::2], calls[1::2], strict=True):
        assert (len(inside), len(train)) == (40, 80)
        assert learned == train
        assert rounds in [round(1.25 * 3.0 * found) for found in range(7, 17)]


def test_by_a_hold_out_a_member_is_fitted_once():
    _, calls, trains = recorded("hold-out")
    assert [inside | stopped for inside, stopped, _, _ in calls] == trains
    assert [(given, rate) for *_, given, rate in calls] == [(None, None)] * 3


def test_given_rounds_are_the_most_and_no_number_is_looked_for_unless_asked():
    for early_stopping in ("auto", "hold-out", False, np.False_):
        _, calls, trains = recorded(early_stopping, rounds=20)
        assert [(learned, stopped) for learned, stopped, *_ in calls] == [(train, None) for train in trains]
    for asked in (True, np.True_):  # a grid of NumPy's has the latter
        _, calls, _ = recorded(asked, rounds=20)
        assert [rounds for *_, rounds, _ in calls[1::2]] == [20] * 3


def test_what_a_fold_predicts_takes_no_part_in_its_rounds():
    """Another target of the rows of one fold changes nothing of the model that predicts them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + rng.normal(size=200)
    cv = list(KFold(4, shuffle=True, random_state=1).split(X))
    other = y.copy()
    other[cv[2][1]] = rng.permutation(other[cv[2][1]]) + 5
    models = [
        EnsembleRegressor(["lightgbm"], "mean", cv=cv, random_state=0).fit(X, target).members_["lightgbm"].models[2]
        for target in (y, other)
    ]
    assert models[0].rounds == models[1].rounds
    assert np.array_equal(*[model.predict(X, threads=1) for model in models])


def test_rows_that_come_later_are_held_out_as_before():
    _, calls, trains = recorded(cv=TimeSeriesSplit(2), finalize="refit")
    for train, (inside, stopped, *_), (learned, *_) in zip(trains, calls[:4:2], calls[1:4:2], strict=True):
        assert max(inside) < min(stopped)
        assert learned == train


def test_without_time_for_all_rows_the_first_model_stays(monkeypatch):
    calls, model, cut = fitted_in(70.0, monkeypatch)
    assert len(calls) == 1
    assert model.rounds[0] > 7 * 3
    assert len(cut) == 1


@pytest.mark.parametrize("limit", [140.0, 100.0, 80.0])
def test_where_time_is_short_the_steps_of_the_second_fit_are_larger(limit, monkeypatch):
    """The first fit takes 40 seconds and finds r rounds with steps three times as large."""
    (_, (learned, _, rounds, rate)), model, cut = fitted_in(limit, monkeypatch)
    assert len(learned) == 80
    steps = rate / 0.05
    assert steps == pytest.approx(0.8 * 3 * 80 / 68 * 40 / (limit - 40))
    assert 1 < steps < 3
    assert cut == [rounds] == [round(model.rounds[0] / steps)]


def test_with_time_for_all_rounds_nothing_is_cut(monkeypatch):
    calls, model, cut = fitted_in(400.0, monkeypatch)
    assert [calls[1][2]] == model.rounds
    assert calls[1][3] is None
    assert cut == []


@pytest.mark.parametrize(("limit", "steps"), [(1000.0, 1.0), (500.0, 1.0), (250.0, 2.0), (100.0, 3.0)])
def test_a_refit_for_which_time_is_short_takes_larger_steps_too(limit, steps, monkeypatch):
    ((learned, _, rounds, rate),), model, cut = fitted_in(limit, monkeypatch, rounds=[1000], round_seconds=0.5)
    assert len(learned) == 80
    assert rounds == round(1000 / steps)
    assert rate == (None if steps == 1.0 else pytest.approx(0.05 * steps))
    assert cut == ([] if steps == 1.0 else [rounds])
    assert model.rounds == [1000]


@pytest.mark.parametrize(("limit", "steps"), [(400.0, 1.25), (100.0, 1.9)])
def test_a_learner_that_allows_smaller_steps_alone_takes_these(limit, steps, monkeypatch):
    monkeypatch.setattr(Recording, "most_haste", 2.0)
    ((_, _, rounds, rate),), model, cut = fitted_in(limit, monkeypatch, rounds=[1000], round_seconds=0.5)
    assert rounds == round(1000 / steps)
    assert rate == pytest.approx(0.05 * steps)
    assert cut == [rounds]
    assert model.rounds == [1000]


def test_the_second_fit_takes_the_steps_that_are_allowed(monkeypatch):
    """Thirty seconds are left for one that needs 37.6: steps of 1.26 do, and twice as large ones are allowed."""
    monkeypatch.setattr(Recording, "most_haste", 2.0)
    calls, model, cut = fitted_in(70.0, monkeypatch)
    (learned, _, rounds, rate) = calls[1]
    assert len(learned) == 80
    assert rate == pytest.approx(0.05 * 0.8 * 80 / 68 * 40 / 30)
    assert cut == [rounds]
    assert rounds < model.rounds[0]


def test_rounds_after_the_best_one_have_taken_their_time(monkeypatch):
    _, model, _ = fitted_in(1000.0, monkeypatch, stopping="hold-out")
    assert model.round_seconds == pytest.approx(40 / (model.rounds[0] + 50))


def test_a_refit_expects_a_round_to_take_what_it_took_in_the_folds(noisy, monkeypatch):
    expected, real = [], _one_task.fit_fold

    def seen(*args, **given):
        model = real(*args, **given)
        expected.append((given["round_seconds"], model.round_seconds))
        return model

    monkeypatch.setattr(_one_task, "fit_fold", seen)
    EnsembleRegressor(["lightgbm"], "mean", cv=4, finalize="refit", random_state=0, n_jobs=1).fit(*noisy)
    *folds, (refit, own) = expected
    assert [before for before, _ in folds] == [0.0] * 4
    assert refit == pytest.approx(4 / 3 * np.mean([took for _, took in folds]))
    assert own > 0


def fitted_in(limit, monkeypatch, **how):
    """Return the calls, the model and what was cut, where a fit takes 40 seconds and all else none."""
    now = [0.0]

    class Slow(Recording):
        calls = []

        def fit(self, *args, **given):
            now[0] += 40.0
            return super().fit(*args, **given)

    for module in (_deadline, _fold_fit):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    X, y = np.c_[np.arange(120.0), np.ones(120)], np.arange(120.0)
    plan = make_plan(3, X, y, None, Task("regression"), 0)
    data = Rows(learn_table(X)[1], y, None, Task("regression"), plan, None)
    deadline = Deadline(limit)
    with until(deadline):
        model = fit_fold(Slow(), data, plan.folds[0][0], seed=0, threads=1, **(how or {"stopping": "all rows"}))
    return Slow.calls, model, deadline.cut


def test_kinds_whose_rounds_do_not_go_by_the_learning_rate_are_not_hurried():
    assert not learner("xgboost", booster="gblinear").finds_rounds
    for name, kind in (
        ("lightgbm", {"boosting_type": "rf"}),
        ("lightgbm", {"boosting": "dart"}),
        ("xgboost", {"booster": "dart"}),
    ):
        assert learner(name, **kind).in_haste(3.0) is None
    assert learner("lightgbm", learning_rate="0.1").in_haste(3.0) is None
    assert learner("lightgbm", learning_rate=0.2).in_haste(3.0) is None
    assert learner("xgboost").in_haste(2.0) is learner("lightgbm").in_haste(3.0) is None  # of 0.15 and of 0.1
    assert learner("xgboost").in_haste(1.9).own_params()["learning_rate"] == pytest.approx(0.285)
    for given, most in (({}, 3_334), ({"n_rounds": 60}, 20)):
        hasty = learner("lightgbm", learning_rate=0.02, **given).in_haste(3.0).own_params()
        assert hasty == {"learning_rate": pytest.approx(0.06), "n_estimators": most}


def test_a_learning_rate_that_is_a_text_is_the_librarys_to_read(noisy):
    X, y = noisy
    made = [
        EnsembleRegressor([learner("lightgbm", learning_rate=rate)], "mean", cv=2, random_state=0).fit(X, y)
        for rate in ("0.2", 0.2)
    ]
    assert np.array_equal(*[one.predict(X) for one in made])


def test_no_model_has_more_rounds_than_the_cap():
    given = {"n_rounds": 20_000}
    assert take_rounds({}, "n_rounds", "rate", None, 30_000, usual=100) == MOST_ROUNDS
    assert take_rounds(given, "n_rounds", "rate", None, 30_000, usual=100) == 20_000
