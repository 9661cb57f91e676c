import itertools
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble._configure import configure, default_space
from byoe.errors import InputError, MemberError, MissingExtraError, ParameterError, UnknownNameError
from byoe.tuning._space import blocks
from byoe.tuning._tried import Tried, best_of

FITS = []  # the parameter of every fit of a Counting


class Counting(RegressorMixin, BaseEstimator):
    """A ridge that is told of; it also fails, or interrupts, where that is asked for."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        FITS.append(self.alpha)
        if self.alpha < 0:
            raise ValueError(f"alpha is {self.alpha}")
        self.coef_ = Ridge(alpha=self.alpha).fit(X, y)
        return self

    def predict(self, X):
        return self.coef_.predict(X)


@pytest.fixture(autouse=True)
def _no_fits():
    FITS.clear()


@pytest.fixture(scope="module")
def data(diabetes):
    X, y = diabetes
    return X[:200], y[:200]


def two(blender="mean", **more):
    return EnsembleRegressor(
        [("a", Counting()), ("tree", DecisionTreeRegressor(max_depth=2))], blender, cv=4, random_state=0, **more
    )


def rows(tuned):
    return [{key: row[key] for key in row if key != "seconds"} for row in tuned.trials]


def test_an_exhaustive_search_finds_what_a_loop_over_fits_finds(data):
    X, y = data
    space = {"knn__n_neighbors": [3, 10, 30], "ridge__alpha": [0.1, 10.0], "blender": ["mean", "weighted"]}
    ensemble = EnsembleRegressor(("ridge", "knn"), cv=2, random_state=3)  # with two folds nothing is stopped
    combinations = [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    scores = [configure(ensemble, one).fit(X, y).score_estimate_ for one in combinations]
    as_given = ensemble.fit(X, y).score_estimate_
    tuned = byoe.tune(ensemble, X, y, space, n_trials=13)
    assert tuned.trials[0]["params"] == {}
    assert tuned.default_value == -as_given == tuned.trials[0]["rmse"]
    assert [row["params"] for row in tuned.trials[1:]] == combinations
    assert [row["rmse"] for row in tuned.trials[1:]] == [-score for score in scores]  # to the last bit
    assert tuned.best_value == -max([as_given, *scores])
    assert tuned.best_params == combinations[int(np.argmax(scores))]
    assert tuned.best.fit(X, y).score_estimate_ == -tuned.best_value


def test_a_trial_fits_only_the_member_that_it_changes(data):
    tuned = byoe.tune(two(), *data, {"a__alpha": (0.1, 100.0, "log"), "tree__max_depth": (1, 4)}, n_trials=9)
    by_number = {row["trial"]: row for row in tuned.trials}
    assert by_number[0]["varied"] == "as given"
    assert by_number[0]["fits"] == 8
    assert [row["varied"] for row in tuned.trials[1:]] == ["a", "tree", "a", "tree", "a", "tree", "a", "all"]
    of_a = [row for row in tuned.trials if row["varied"] == "a"]
    assert all(row["fits"] in (2, 4) for row in of_a)  # two, where it was stopped
    assert all(row["fits"] in (0, 2, 4) for row in tuned.trials if row["varied"] == "tree")  # none for a known depth
    varied_together = tuned.trials[-1]["fits"]
    assert 4 + sum(row["fits"] for row in of_a) <= len(FITS) <= 4 + sum(row["fits"] for row in of_a) + varied_together


def test_with_lists_no_member_is_fitted_twice(data):
    space = {"a__alpha": [1.0, 5.0], "tree__max_depth": [2, 3]}
    tuned = byoe.tune(two(), *data, space, n_trials=9)
    assert len(tuned.trials) == 5  # nothing else is left
    assert FITS.count(5.0) <= 4  # one for every fold, whatever the tree is
    assert FITS.count(1.0) <= 8  # as given, and given


def test_nothing_of_a_trial_changes_the_ensemble(data):
    ensemble = two()
    before = str(ensemble.get_params())
    tuned = byoe.tune(ensemble, *data, {"a__alpha": [1.0, 1e4]}, n_trials=3)
    assert str(ensemble.get_params()) == before
    assert not hasattr(tuned.best, "members_")


def test_where_nothing_is_better_the_ensemble_as_given_is_the_best(data):
    tuned = byoe.tune(two(), *data, {"a__alpha": [1e5, 1e6]}, n_trials=3)
    assert tuned.best_params == {}
    assert tuned.best_value == tuned.default_value
    assert "best: the ensemble as given" in repr(tuned)


def test_the_same_seed_gives_the_same_trials(data):
    space = {"a__alpha": (0.01, 100.0), "tree__max_depth": (1, 8)}
    first, second = (byoe.tune(two(), *data, space, n_trials=8) for _ in range(2))
    assert rows(first) == rows(second)
    other = byoe.tune(two(), *data, space, n_trials=8, random_state=1)
    assert [row["params"] for row in other.trials] != [row["params"] for row in first.trials]
    assert other.default_value == first.default_value  # the ensemble's seed is that of the folds


def test_without_a_seed_of_the_ensemble_that_of_the_search_is_also_the_folds(data):
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3)
    tuned = byoe.tune(ensemble, *data, n_trials=3, random_state=7)
    assert tuned.best.random_state == 7
    assert tuned.best.fit(*data).score_estimate_ == -tuned.best_value
    state = np.random.RandomState(5)
    drawn = byoe.tune(ensemble.set_params(random_state=state), *data, n_trials=3)
    assert state.randint(1000) == np.random.RandomState(5).randint(1000)  # the user's is as it was
    assert drawn.best.fit(*data).score_estimate_ == -drawn.best_value


def test_a_search_goes_on_where_it_was(data, tmp_path):
    space = {"a__alpha": (0.01, 100.0), "tree__max_depth": (1, 8)}
    whole = byoe.tune(two(), *data, space, n_trials=8, store=tmp_path / "whole")
    with pytest.warns(UserWarning, match="was interrupted after 4 trials"):
        part = byoe.tune(two(), *data, space, n_trials=8, store=tmp_path / "part", callbacks=interrupt_after(4))
    assert part.interrupted
    assert rows(part) == rows(whole)[:4]
    FITS.clear()
    resumed = byoe.tune(two(), *data, space, n_trials=8, store=tmp_path / "part")
    assert [row["params"] for row in resumed.trials] == [row["params"] for row in whole.trials]
    assert [row["rmse"] for row in resumed.trials] == [row["rmse"] for row in whole.trials]
    FITS.clear()
    again = byoe.tune(two(), *data, space, n_trials=8, store=tmp_path / "part")
    assert rows(again) == rows(resumed)
    assert again.best_params == whole.best_params
    assert FITS == []
    assert len(byoe.tune(two(), *data, space, n_trials=9, store=tmp_path / "part").trials) == 9


def interrupt_after(count):
    heard = []

    def listen(row):
        heard.append(row)
        if len(heard) == count:
            raise KeyboardInterrupt

    return listen


@pytest.mark.parametrize("change", ["space", "data", "ensemble", "seed"])
def test_another_search_begins_anew(change, data, tmp_path):
    X, y = data
    space, ensemble, seed = {"a__alpha": [1.0, 2.0]}, two(), None
    byoe.tune(ensemble, X, y, space, n_trials=2, store=tmp_path)
    heard = []
    if change == "space":
        space = {"a__alpha": [1.0, 3.0]}
    elif change == "data":
        y = y + 1.0
    elif change == "ensemble":
        ensemble.set_params(blender="weighted")
    else:
        seed = 4
    byoe.tune(ensemble, X, y, space, n_trials=2, store=tmp_path, random_state=seed, callbacks=heard.append)
    assert [row["trial"] for row in heard] == [0, 1]


def test_without_a_seed_a_search_resumes_with_the_folds_that_it_had(data, tmp_path):
    ensemble = two().set_params(random_state=None, store=tmp_path)
    first = byoe.tune(ensemble, *data, {"a__alpha": (0.1, 9.0)}, n_trials=3)
    heard = []
    second = byoe.tune(ensemble, *data, {"a__alpha": (0.1, 9.0)}, n_trials=4, callbacks=heard.append)
    assert rows(second)[:3] == rows(first)
    assert len(heard) == 1
    assert second.best.random_state == first.best.random_state


def test_a_fit_of_the_best_finds_its_folds_in_the_store(data, tmp_path):
    tuned = byoe.tune(two(finalize="bag"), *data, {"a__alpha": [1.0, 50.0, 100.0]}, n_trials=4, store=tmp_path)
    heard = []
    best = tuned.best.set_params(callbacks=heard.append).fit(*data)
    assert len(heard) == 8
    assert all(progress.reused for progress in heard if progress.label == "tree")
    assert best.score_estimate_ == -tuned.best_value


def test_hopeless_trials_are_stopped_after_two_folds(data):
    ensemble = EnsembleRegressor([("a", Counting(10.0))], "best", cv=5, random_state=0)
    X = data[0] * 20  # so that the signal is found, and 1e6 is far too much
    tuned = byoe.tune(ensemble, X, data[1], {"a__alpha": [1e6, 9.0]}, n_trials=3)
    by_alpha = {row["params"].get("a__alpha"): row for row in tuned.trials}
    assert by_alpha[1e6]["state"] == "stopped"
    assert by_alpha[1e6]["rmse"] is None
    assert "after 2 of 5 folds, where the best trial has" in by_alpha[1e6]["reason"]
    assert FITS.count(1e6) == by_alpha[1e6]["fits"] == 2
    assert by_alpha[9.0]["state"] == "complete"
    assert FITS.count(9.0) == by_alpha[9.0]["fits"] == 5
    assert [trial.state.name for trial in tuned.study.trials] == ["COMPLETE", "PRUNED", "COMPLETE"]
    assert tuned.study.best_value == tuned.best_value


def test_the_two_folds_are_compared_under_the_blenders_of_the_best_trial(data, monkeypatch):
    from byoe.tuning import _bench

    X, y = data
    monkeypatch.setattr(_bench, "_ERRORS", -np.inf)
    monkeypatch.setattr(_bench, "_SHARE", -np.inf)  # every trial is stopped, with what it has
    ensemble = EnsembleRegressor([("a", Counting()), "knn"], "mean", cv=4, random_state=0)
    tuned = byoe.tune(ensemble, X, y, {"a__alpha": [1e3, 2e3]}, n_trials=2)
    fitted, other = ensemble.fit(X, y), configure(ensemble, {"a__alpha": 1e3}).fit(X, y)
    plan = fitted._oof.plan
    test = np.concatenate([test for _, test in plan.folds[:2]])
    value = np.sqrt(np.mean((other.oof_predictions_[test].mean(axis=1) - y[test]) ** 2))
    (begun,) = (trial.intermediate_values[2] for trial in tuned.study.trials if trial.intermediate_values)
    assert begun == pytest.approx(value, rel=1e-12)


def test_the_two_folds_are_compared_by_what_is_decided(data, monkeypatch):
    from byoe.tuning import _bench

    X, y = data[0], (data[1] > np.quantile(data[1], 0.8)).astype(int)
    monkeypatch.setattr(_bench, "_ERRORS", -np.inf)
    monkeypatch.setattr(_bench, "_SHARE", -np.inf)
    ensemble = EnsembleClassifier(["ridge"], "mean", metric="f1", threshold=0.1, cv=4, random_state=0)
    tuned = byoe.tune(ensemble, X, y, {"ridge__alpha": [1e3, 2e3]}, n_trials=2)
    other = configure(ensemble, {"ridge__alpha": 1e3}).fit(X, y)
    test = np.concatenate([test for _, test in other._oof.plan.folds[:2]])
    value = f1_score(y[test], other.oof_blend_[test, 1] >= 0.1)
    (begun,) = (trial.intermediate_values[2] for trial in tuned.study.trials if trial.intermediate_values)
    assert begun == pytest.approx(value, rel=1e-12)
    assert value != f1_score(y[test], other.oof_blend_[test, 1] >= 0.5)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(4), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), 2])
def test_any_folds(cv, data):
    ensemble = EnsembleRegressor([("a", Counting()), "knn"], "weighted", cv=cv, random_state=0)
    tuned = byoe.tune(ensemble, *data, {"a__alpha": [10.0, 20.0], "knn__n_neighbors": [5, 20]}, n_trials=5)
    assert tuned.best.fit(*data).score_estimate_ == -tuned.best_value


def test_failed_trials_are_told_and_passed_over(data):
    tuned = byoe.tune(two(), *data, {"a__alpha": [-1.0, 0.9]}, n_trials=3)
    failed = tuned.trials[1]
    assert failed["state"] == "failed"
    assert failed["rmse"] is None
    assert failed["reason"] == "MemberError: member 'a' failed on fold 1 of 4: ValueError: alpha is -1.0"
    assert tuned.trials[2]["state"] == "complete"
    assert tuned.study.trials[1].state.name == "FAIL"


def test_an_ensemble_that_fails_as_given_may_be_tuned_into_one_that_does_not(data):
    ensemble = two().set_params(a__alpha=-3.0)
    tuned = byoe.tune(ensemble, *data, {"a__alpha": [2.0, 3.0]}, n_trials=3)
    assert tuned.default_value is None
    assert tuned.trials[0]["state"] == "failed"
    assert tuned.best_params["a__alpha"] in (2.0, 3.0)
    assert "as given no score" in repr(tuned)


def test_a_search_in_which_all_fails_is_an_error_with_the_first_reason(data):
    ensemble = two().set_params(a__alpha=-3.0)
    with pytest.raises(
        MemberError, match=r"none of 3 trials has a score; the first one, as given: MemberError: .* alpha is -3.0"
    ):
        byoe.tune(ensemble, *data, {"a__alpha": [-2.0, -1.0]}, n_trials=3)


def test_a_member_that_fails_is_left_out_where_the_ensemble_says_so(data):
    ensemble = two(on_error="skip").set_params(a__alpha=-3.0)
    tuned = byoe.tune(ensemble, *data, {"a__alpha": [1.0], "tree__max_depth": [1, 2]}, n_trials=4)
    assert tuned.trials[0]["state"] == "complete"
    assert tuned.default_value == -ensemble.fit(*data).score_estimate_
    assert tuned.best.fit(*data).score_estimate_ == -tuned.best_value


def test_the_learners_own_spaces_are_searched_by_default(data):
    ensemble = EnsembleRegressor([learner("ridge", alpha=2.0), "knn"], "mean", cv=3, random_state=0)
    tuned = byoe.tune(ensemble, *data, n_trials=6)
    names = set().union(*(row["params"] for row in tuned.trials))
    assert names == set(default_space(ensemble.learners)) == {"knn__n_neighbors", "knn__weights"}
    for row in tuned.trials[1:]:
        assert 3 <= row["params"]["knn__n_neighbors"] <= 50


def test_the_blender_costs_no_fit(data):
    space = {"blender": ["mean", "weighted", "best"], "tree__max_depth": (1, 5)}
    tuned = byoe.tune(two(), *data, space, n_trials=9)
    varied = [row for row in tuned.trials if row["varied"] == "blender"]
    assert varied
    assert all(row["fits"] == 0 for row in varied)
    assert tuned.best.fit(*data).score_estimate_ == -tuned.best_value


def test_names_that_reach_the_same_members_are_varied_together():
    ensemble = EnsembleRegressor(["xgboost", "lightgbm", "ridge"])
    space = {
        "eta": (0.1, 0.2),
        "ridge__alpha": (1, 2),
        "xgboost__max_depth": (1, 2),
        "l2": (0.1, 1.0),
        "early_stopping": [True, False],
        "blender": ["mean"],
    }
    assert blocks(ensemble, space) == {
        "xgboost, lightgbm": ("eta", "l2", "early_stopping"),
        "ridge": ("ridge__alpha",),
        "xgboost": ("xgboost__max_depth",),
        "blender": ("blender",),
    }


def test_groups_weights_and_early_stopping_are_those_of_a_fit(data, rng):
    X, y = data
    groups, weight = np.repeat(np.arange(20), 10), rng.uniform(0.5, 2.0, 200)
    ensemble = EnsembleRegressor([learner("xgboost", max_depth=2), "ridge"], "weighted", cv=4, random_state=0)
    space = {"xgboost__learning_rate": [0.1, 0.3], "early_stopping": [True, False]}
    told = {"sample_weight": weight, "groups": groups}
    tuned = byoe.tune(ensemble, X, y, space, **told, n_trials=5)
    assert len(tuned.trials) == 5
    assert tuned.default_value == -ensemble.fit(X, y, **told).score_estimate_
    assert tuned.best.fit(X, y, **told).score_estimate_ == -tuned.best_value


def test_a_classifier_and_a_metric_that_is_maximised(iris):
    X, y = iris
    ensemble = EnsembleClassifier(("knn", "ridge"), "weighted", cv=3, metric="accuracy", random_state=0)
    space = {"knn__n_neighbors": [1, 60], "ridge__alpha": [1.0, 1e4], "calibrate": [False, "sigmoid"]}
    tuned = byoe.tune(ensemble, X, y, space, n_trials=9)
    values = [row["accuracy"] for row in tuned.trials if row["accuracy"] is not None]
    assert tuned.best_value == max(values)
    assert len(set(values)) > 1
    assert tuned.best.fit(X, y).score_estimate_ == tuned.best_value
    assert tuned.study.direction.name == "MAXIMIZE"


def test_the_time_limit_ends_a_trial_between_two_tasks(data, monkeypatch):
    from byoe.tuning import _search

    now = iter(np.arange(0.0, 1e4, 1.0))
    monkeypatch.setattr(_search.time, "monotonic", lambda: next(now))
    tuned = byoe.tune(two(), *data, {"a__alpha": (0.1, 9.0)}, n_trials=50, time_limit=60.0)
    assert 1 <= len(tuned.trials) < 50


def test_the_first_trial_is_done_whatever_the_limit(data):
    tuned = byoe.tune(two(), *data, {"a__alpha": (0.1, 9.0)}, n_trials=50, time_limit=1e-6)
    assert [row["state"] for row in tuned.trials] == ["complete"]


def test_an_interruption_before_the_first_result_is_one(data):
    class Interrupts(Counting):
        def fit(self, X, y):
            raise KeyboardInterrupt

    ensemble = EnsembleRegressor([("a", Interrupts())], "mean", random_state=0, callbacks=interrupt_after(1))
    with pytest.warns(UserWarning, match="member 'a'"), pytest.raises(KeyboardInterrupt):
        byoe.tune(ensemble, *data, {"a__alpha": (0.1, 9.0)}, n_trials=3)


def test_progress_is_shown_and_told(data, capsys):
    heard = []
    tuned = byoe.tune(two(verbose=1), *data, {"a__alpha": [1e6, -1.0]}, n_trials=3, callbacks=[heard.append])
    assert heard == list(tuned.trials)
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("[byoe] trial 0 of 3, as given: rmse ")
    assert any("failed: MemberError: member 'a'" in line for line in others)
    assert len(others) == 2


def test_the_result_is_a_table_a_frame_and_a_picture(data):
    pytest.importorskip("matplotlib").use("agg")
    tuned = byoe.tune(two(), *data, {"a__alpha": [1.0, 2.0]}, n_trials=3)
    assert repr(tuned.trials).splitlines()[0].split() == [
        "trial",
        "varied",
        "state",
        "rmse",
        "fits",
        "seconds",
        "params",
        "reason",
    ]
    frame = tuned.trials.to_frame()
    assert frame.loc[1:, "a__alpha"].tolist() == [1.0, 2.0]
    ax = tuned.plot()
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert {"trial", "best so far", "as given"} <= set(lines)
    assert min(lines["best so far"]) == tuned.best_value
    assert lines["as given"][0] == tuned.default_value
    pytest.importorskip("matplotlib.pyplot").close(ax.figure)


def test_a_trial_goes_to_optuna_and_back():
    from byoe.tuning._space import distributions

    space = distributions({"n": (1, 9), "x": (0.5, 1), "y": (0.1, 10.0, "log"), "c": [None, True, "a", 2]})
    for trial in (
        Tried("a", {"n": 3, "x": 0.75, "y": 0.2, "c": None}, value=0.5, fits=3, seconds=1.5),
        Tried("all", {"c": True}, "stopped", begun=2.0, reason="late"),
        Tried("as given", {}, "failed", reason="bad"),
    ):
        assert Tried.of_optuna(trial.to_optuna(space)) == trial
    done = [Tried("a", value=1.0), Tried("a", value=3.0), Tried("a", state="failed"), Tried("a", value=1.0)]
    assert best_of(done, greater_is_better=False) == 0
    assert best_of(done, greater_is_better=True) == 1
    assert best_of(done[2:3], greater_is_better=True) is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"space": {}}, ParameterError, "the space is empty"),
        ({"space": {"a__alpha": 3}}, ParameterError, r"space\['a__alpha'\] is 3; expected \(low, high\)"),
        ({"space": ["a__alpha"]}, ParameterError, "expected a mapping of names"),
        ({"space": {"etaa": (1, 2)}}, UnknownNameError, "nobody knows the parameter 'etaa'"),
        ({"space": {"metric": ["r2", "mae"]}}, ParameterError, "the space holds 'metric'"),
        ({"space": {"cv": (2, 5)}}, ParameterError, "the space holds 'cv', which changes no score, or the folds"),
        ({"space": {"n_jobs": [1, 2]}}, ParameterError, "blender, calibrate, early_stopping can be tuned"),
        ({"n_trials": 0}, ParameterError, "n_trials is 0, expected a positive number"),
        ({"n_trials": True}, ParameterError, "n_trials is True"),
        ({"time_limit": -1}, ParameterError, "time_limit is -1"),
        ({"random_state": "one"}, ParameterError, "random_state is 'one'"),
        ({"callbacks": [3]}, ParameterError, "callbacks holds 3"),
        ({"store": 3}, ParameterError, "store is 3, expected a folder"),
        ({"y": None}, InputError, "requires y to be passed"),
        ({"ensemble": Ridge()}, ParameterError, "Ridge is not an ensemble"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_fitted(arguments, error, message, data):
    known = {"ensemble": two(), "X": data[0], "y": data[1], "space": {"a__alpha": (1, 2)}}
    with pytest.raises(error, match=message):
        byoe.tune(**{**known, **arguments})
    assert FITS == []


def test_blenders_that_are_scored_by_different_metrics_are_refused(iris):
    ensemble = EnsembleClassifier(["ridge"], byoe.blender("vote", voting="hard"), random_state=0)
    with pytest.raises(ParameterError, match=r"scored by different metrics \(accuracy, log_loss\); set metric="):
        byoe.tune(ensemble, *iris, {"blender": ["mean", "weighted"]})


def test_what_is_missing_is_named(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'byoe-ensemble\[tune\]'"):
        byoe.tune(two(), *data)


COMMAND = [sys.executable, "-c", "from byoe.cli import main; main()", "tune"]


def test_the_command(diabetes_frame, tmp_path):
    file, out = tmp_path / "data.csv", tmp_path / "model"
    diabetes_frame[:200].to_csv(file, index=False)
    words = ["--target", "target", "--learners", "ridge,knn", "--blender", "mean", "--cv", "3", "--seed", "0"]
    words += ["--n-trials", "4", "--space", "knn__n_neighbors=5,15,40", "--store", str(tmp_path / "store")]
    done = subprocess.run([*COMMAND, str(file), *words, "--out", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told, *lines = done.stdout.splitlines()
    assert told.startswith("task: regression")
    assert lines[0].startswith("[byoe] trial 0 of 4, as given: rmse")
    assert any(line.startswith("to fit it: --param knn__n_neighbors=") for line in lines)
    assert lines[-1] == f"saved EnsembleRegressor in {out}"
    X, y = diabetes_frame[:200].drop(columns="target"), diabetes_frame["target"][:200]
    here = byoe.tune(
        EnsembleRegressor(("ridge", "knn"), "mean", cv=3, random_state=0),
        X,
        y,
        {"knn__n_neighbors": [5, 15, 40]},
        n_trials=4,
    )
    assert byoe.load(out).score_estimate_ == pytest.approx(-here.best_value, rel=1e-9)
    assert len(list((tmp_path / "store" / "studies").iterdir())) == 1
    prune = [*COMMAND[:-1], "store", "prune", str(tmp_path / "store"), "--all"]
    assert "removed: 1 search\n" in subprocess.run(prune, capture_output=True, text=True, check=True).stdout
    assert not list((tmp_path / "store" / "studies").iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ridge__alpha=3-20",
            "--space ridge__alpha=3-20 is no range; write ridge__alpha=3..20 for one, or ridge__alpha=3,20 for these two values",
        ),
        ("ridge__alpha=1e-3-20:log", "write ridge__alpha=1e-3..20:log for one"),
        ("ridge__alpha=3:20", "write ridge__alpha=3..20 for one"),
        ("ridge__alpha=3", "--space ridge__alpha=3 leaves nothing to choose"),
        ("ridge__alpha", "is not NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A,B,C"),
        ("ridge__alpha=20..3", "expected (low, high)"),
    ],
)
def test_a_space_that_the_command_cannot_read_is_refused_with_the_right_form(text, message, diabetes_frame, tmp_path):
    from byoe.cli._options import domains
    from byoe.tuning._space import check_space

    with pytest.raises(ParameterError) as caught:
        check_space(EnsembleRegressor(("ridge",)), domains([text]))
    assert message in str(caught.value)


def test_spaces_of_the_command():
    from byoe.cli._options import domains

    texts = ["a=3..20", "b=0.1..9:log", "c=uniform,distance", "d=-5,2.5,null,true", "e=x-y,z"]
    assert domains(texts) == {
        "a": (3, 20),
        "b": (0.1, 9, "log"),
        "c": ["uniform", "distance"],
        "d": [-5, 2.5, None, True],
        "e": ["x-y", "z"],
    }
    assert domains(None) is None
