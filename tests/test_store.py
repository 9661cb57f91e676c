"""Fits with a store: nothing that is done is done again, and nothing changes by that."""

import json
import os
import re
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, Store, learner
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import MemberError, ParameterError

BOOSTER = learner("lightgbm", n_estimators=5, min_child_samples=5)
MEMBERS = ("ridge", learner("knn", n_neighbors=3), BOOSTER)
EVERYTHING = {
    "catboost": {"iterations": 5, "depth": 3},
    "xgboost": {"n_estimators": 5},
    "lightgbm": {"n_estimators": 5},
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
    "mlp": {"max_iter": 300, "hidden_layer_sizes": [5], "tol": 1e-1},
    "ridge": {},
    "elastic_net": {"alpha": 0.01},
    "knn": {},
    "svm": {},
}
TIMES = {"fit_seconds", "predict_ms"}


def regression(n_rows=60, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    return X, X @ [1.0, 2.0, -1.0, 0.0] + rng.normal(size=n_rows)


def made(members=MEMBERS, kind=EnsembleRegressor, **params):
    """Return an ensemble, and the list of what its callback hears."""
    heard = []
    given = {"blender": "mean", "cv": 3, "random_state": 0, "n_jobs": 1, **params}
    return kind(members, callbacks=heard.append, **given), heard


def done(heard):
    """Return which tasks were done, and were not reused."""
    return [(progress.label, progress.fold) for progress in heard if not progress.reused]


def same(first, second, X):
    """Say whether two fitted ensembles agree to the last bit, but for what takes time."""
    boards = [
        [{key: value for key, value in row.items() if key not in TIMES} for row in ensemble.leaderboard_]
        for ensemble in (first, second)
    ]
    equal = np.array_equal(first.predict(X), second.predict(X)) and boards[0] == boards[1]
    if hasattr(first, "classes_"):
        equal = equal and np.array_equal(first.predict_proba(X), second.predict_proba(X))
    return equal and np.array_equal(first.oof_predictions_, second.oof_predictions_, equal_nan=True)


def tasks_of(folder):
    return sorted((folder / "tasks").iterdir())


def mixed_frame(X):
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["a"] = frame["a"].where(np.arange(len(X)) % 7 > 0)
    frame["town"] = np.array(["Rome", "Oslo", "Kyiv"])[np.arange(len(X)) % 3]
    frame["street"] = [f"street {i % 20}" for i in range(len(X))]
    return frame


LACKING = [(np.arange(40), np.arange(40, 60)), (np.arange(10, 60), np.arange(10))]
CASES = {
    "regression": lambda X, y: (EnsembleRegressor, X, y, {}),
    "two classes": lambda X, y: (EnsembleClassifier, X, np.where(y > 0, "up", "down"), {}),
    "three classes": lambda X, y: (EnsembleClassifier, X, np.digitize(y, [-1, 1]), {}),
    "several targets": lambda X, y: (EnsembleRegressor, X, np.column_stack([y, X[:, 0] - y]), {}),
    "texts and holes": lambda X, y: (EnsembleRegressor, mixed_frame(X), y, {}),
    "a sparse matrix": lambda X, y: (EnsembleRegressor, csr_matrix(np.where(X > 1, X, 0)), y, {}),
    "a frame of polars": lambda X, y: (
        EnsembleRegressor,
        polars.DataFrame(X),
        y,
        {"members": [*MEMBERS, ("r", Ridge())]},
    ),
    "a class that a fold lacks": lambda X, y: (EnsembleClassifier, X, np.arange(60) // 20, {"cv": LACKING}),
    "refits": lambda X, y: (EnsembleRegressor, X, y, {"finalize": "refit"}),
    "bags": lambda X, y: (EnsembleRegressor, X, y, {"finalize": "bag"}),
    "the usual blender": lambda X, y: (EnsembleRegressor, X, y, {"blender": "auto"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_second_fit_does_nothing_and_gives_what_a_fit_without_a_store_gives(case, tmp_path):
    kind, X, y, params = CASES[case](*regression())
    plain, _ = made(kind=kind, **params)
    plain.fit(X, y)
    kept, heard = made(kind=kind, store=tmp_path / "store", **params)
    assert same(plain, kept.fit(X, y), X)
    total = len(heard)
    assert len(done(heard)) == total == heard[0].total
    again, heard = made(kind=kind, store=str(tmp_path / "store"), **params)
    again.fit(X, y)
    assert done(heard) == []
    assert len(heard) == total
    assert same(plain, again, X)


@pytest.mark.parametrize("kind", [EnsembleRegressor, EnsembleClassifier])
@pytest.mark.parametrize("stopping", [True, False])
def test_every_learner_comes_back_as_it_was(kind, stopping, tmp_path):
    X, y = regression(90)
    y = y if kind is EnsembleRegressor else np.digitize(y, [-1, 1])
    everyone = [learner(name, **params) for name, params in EVERYTHING.items()]
    params = {"kind": kind, "early_stopping": stopping, "finalize": "refit" if stopping else "auto"}
    first, heard = made(everyone, store=tmp_path, **params)
    first.fit(X, y)
    assert len(done(heard)) == heard[0].total
    second, heard = made(everyone, store=tmp_path, **params)
    second.fit(X, y)
    assert done(heard) == []
    assert same(first, second, X)
    rounds = {label: [model.rounds for model in member.models] for label, member in first.members_.items()}
    assert rounds == {label: [model.rounds for model in member.models] for label, member in second.members_.items()}
    assert [row["fit_seconds"] for row in first.leaderboard_] == [row["fit_seconds"] for row in second.leaderboard_]


def test_weights_of_zero_are_the_same_again(tmp_path):
    X, y = regression()
    weight = np.arange(60) % 3 / 2
    members = ("ridge", BOOSTER)
    plain = made(members)[0].fit(X, y, sample_weight=weight)
    made(members, store=tmp_path)[0].fit(X, y, sample_weight=weight)
    second, heard = made(members, store=tmp_path)
    second.fit(X, y, sample_weight=weight)
    assert done(heard) == []
    assert same(plain, second, X)


def test_a_loaded_member_can_what_a_fitted_one_can(tmp_path):
    X, y = regression()
    members = ("ridge", BOOSTER)
    first = made(members, store=tmp_path / "store")[0].fit(X, y)
    second = made(members, store=tmp_path / "store")[0].fit(X, y)
    assert np.array_equal(first.explain(X), second.explain(X))
    assert np.array_equal(first.feature_importances_, second.feature_importances_)
    assert same(first.reblend("weighted"), second.reblend("weighted"), X)
    assert np.array_equal(byoe.load(second.save(tmp_path / "model")).predict(X), first.predict(X))


def test_progress_says_that_a_task_was_reused(tmp_path, capsys):
    made(("ridge",), store=tmp_path, verbose=2)[0].fit(*regression())
    assert "reused" not in capsys.readouterr().out
    made(("ridge",), store=tmp_path, verbose=2)[0].fit(*regression())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(re.fullmatch(r"\[byoe\] \d/4 ridge .* reused, was done in \d\.\d\d s", line) for line in lines)


# -- what makes a task another one -------------------------------------------------------


def test_changing_one_parameter_does_only_that_member_again(tmp_path):
    X, y = regression()
    made(store=tmp_path)[0].fit(X, y)
    other, heard = made(store=tmp_path)
    other.set_params(knn__n_neighbors=5).fit(X, y)
    assert done(heard) == [("knn", 0), ("knn", 1), ("knn", 2), ("knn", -1)]
    plain = made()[0].set_params(knn__n_neighbors=5).fit(X, y)
    assert same(plain, other, X)


def test_a_further_member_costs_only_itself(tmp_path):
    X, y = regression()
    made(("ridge",), store=tmp_path)[0].fit(X, y)
    both, heard = made(("svm", "ridge"), store=tmp_path)
    both.fit(X, y)
    assert {label for label, _ in done(heard)} == {"svm"}


def test_a_member_that_joins_a_fitted_ensemble_is_kept_too(tmp_path):
    X, y = regression()
    ensemble, heard = made(("ridge",), store=tmp_path / "store")
    ensemble.fit(X, y)
    grown = ensemble.add_members(["knn"], X)
    assert len(done(heard)) == 8
    heard.clear()
    again = ensemble.add_members(["knn"], X)
    assert done(heard) == []
    whole, heard = made(("ridge", "knn"), store=tmp_path / "store")
    whole.fit(X, y)
    assert done(heard) == []
    assert same(grown, again, X)
    assert same(grown, whole, X)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert loaded.store == str(tmp_path / "store")
    heard = []
    loaded.set_params(callbacks=heard.append).add_members(["knn"], X)
    assert len(heard) == 4
    assert done(heard) == []


def changed(values, place, value):
    values = np.array(values)
    values[place] = value
    return values


def fit_with(X, y, *, weight=None, groups=None, **params):
    return lambda folder: fitted(folder, X, y, weight, groups, params)


def fitted(folder, X, y, weight, groups, params):
    ensemble, heard = made(THREE, store=folder, **params)
    ensemble.fit(X, y, sample_weight=weight, groups=groups)
    return done(heard)


X0, Y0 = regression()
ONES = np.ones(60)
GROUPS = np.arange(60) // 2
THREE = ("ridge", "svm", BOOSTER)
OTHERS = {
    "a cell": (11, fit_with(changed(X0, (3, 1), 9.0), Y0)),
    "a target": (11, fit_with(X0, changed(Y0, 3, 9.0))),
    "weights": (11, fit_with(X0, Y0, weight=changed(ONES, 3, 2.0))),
    "weights of one": (11, fit_with(X0, Y0, weight=ONES)),
    "another number of folds": (12, fit_with(X0, Y0, cv=4)),  # and two refits that know nothing of folds
    "other folds": (9, fit_with(X0, Y0, cv=KFold(3, shuffle=True, random_state=5))),
    "the seed": (11, fit_with(X0, Y0, random_state=1)),
    "groups": (11, fit_with(X0, Y0, groups=GROUPS)),
    "the order of the columns": (11, fit_with(X0[:, ::-1], Y0)),
    "refits instead of bags": (4, fit_with(X0, Y0, finalize="refit")),  # fold models were served, and now are not
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_data_folds_or_seeds_are_other_tasks(case, tmp_path):
    number, fit = OTHERS[case]
    assert len(fit_with(X0, Y0)(tmp_path)) == 11
    assert len(fit(tmp_path)) == number
    assert fit(tmp_path) == []
    assert fit_with(X0, Y0)(tmp_path) == []


EQUALS = {
    "a list": fit_with(X0.tolist(), Y0.tolist()),
    "another order in memory": fit_with(np.asfortranarray(X0), Y0),
    "the same folds as pairs": fit_with(X0, Y0, cv=list(KFold(3, shuffle=True, random_state=0).split(X0))),
    "more cores": fit_with(X0, Y0, n_jobs=2),
    "another blender": fit_with(X0, Y0, blender="vote"),
    "another metric": fit_with(X0, Y0, metric="neg_mean_absolute_error"),
}


@pytest.mark.parametrize("case", EQUALS)
def test_what_makes_no_difference_is_not_in_the_key(case, tmp_path):
    cv = {"cv": KFold(3, shuffle=True, random_state=0)} if "folds" in case else {}
    assert len(fit_with(X0, Y0, **cv)(tmp_path)) == 11
    assert EQUALS[case](tmp_path) == []


def test_groups_count_where_a_learner_splits_by_them(tmp_path):
    X, y = regression(90)
    groups, folds = np.arange(90) // 3, list(KFold(3).split(X))
    members = (learner("xgboost", n_estimators=3), learner("lightgbm", learning_rate=0.3, min_child_samples=5))
    made(members, store=tmp_path, cv=folds)[0].fit(X, y, groups=groups)
    ensemble, heard = made(members, store=tmp_path, cv=folds)
    ensemble.fit(X, y, groups=groups + 100)
    assert done(heard) == []
    heard.clear()
    ensemble.fit(X, y, groups=np.arange(90) // 30 * 10 + np.arange(90) % 10)
    # The number of rounds of the first is given, so that it stops on no groups.
    assert {label for label, _ in done(heard)} == {"lightgbm"}


def test_the_versions_of_the_libraries_count(tmp_path, monkeypatch):
    X, y = regression()
    made(store=tmp_path)[0].fit(X, y)
    real = byoe.store._task_keys.installed_version
    monkeypatch.setattr(
        byoe.store._task_keys, "installed_version", lambda name: "0" if name == "lightgbm" else real(name)
    )
    ensemble, heard = made(store=tmp_path)
    ensemble.fit(X, y)
    assert {label for label, _ in done(heard)} == {"lightgbm"}
    heard.clear()
    monkeypatch.setattr(byoe.store._task_keys, "__version__", "99")
    ensemble.fit(X, y)
    assert len(done(heard)) == 11


def test_a_learner_that_sees_the_frame_is_another_one_for_other_names_and_types(tmp_path):
    X, y = regression()
    by_name = ColumnTransformer([("one", "passthrough", ["a"])])
    members = [("picky", make_pipeline(by_name, LinearRegression())), "ridge"]

    def fit(frame):
        ensemble, heard = made(members, store=tmp_path)
        ensemble.fit(frame, y)
        return ensemble, {label for label, _ in done(heard)}

    frame = pd.DataFrame(X, columns=list("abcd"))
    first, labels = fit(frame)
    assert labels == {"picky", "ridge"}
    assert fit(frame)[1] == set()
    swapped = frame.set_axis(list("bacd"), axis=1)
    second, labels = fit(swapped)
    assert labels == {"picky"}
    assert not np.array_equal(first.oof_predictions_[:, 0], second.oof_predictions_[:, 0])
    assert same(second, made(members)[0].fit(swapped, y), swapped)
    assert fit(frame.astype({"b": "float32"}).astype({"b": "float64"}))[1] == {"picky", "ridge"}  # other values
    coarse = frame.round(1).astype({"a": "float32"}).round(0)
    fit(coarse)
    assert fit(coarse.astype("float64"))[1] == {"picky"}
    towns = coarse.assign(d=pd.Categorical(["x", "y", "z"] * 20))
    fit(towns)
    assert fit(towns.assign(d=towns["d"].cat.reorder_categories(["z", "y", "x"])))[1] == {"picky"}


# -- seeds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [3, KFold(3, shuffle=True, random_state=7), list(KFold(3).split(X0))])
def test_a_drawn_seed_is_kept_so_that_a_fit_without_one_resumes(cv, tmp_path):
    X, y = regression()
    first = made(("ridge", BOOSTER), random_state=None, cv=cv, store=tmp_path)[0].fit(X, y)
    second, heard = made((BOOSTER, "ridge", "knn"), random_state=None, cv=cv, store=tmp_path)
    second.fit(X, y)
    assert {label for label, _ in done(heard)} == {"knn"}
    assert second._record.seed == first._record.seed
    assert all(
        np.array_equal(left, right)
        for pairs in zip(first._oof.plan.folds, second._oof.plan.folds, strict=True)
        for left, right in zip(*pairs, strict=True)
    )
    other = made(("ridge",), random_state=None, cv=cv, store=tmp_path)[0].fit(X, y + 1)
    assert other._record.seed != first._record.seed
    fresh = made(("ridge",), random_state=None, cv=cv, store=tmp_path / "other")[0].fit(X, y)
    assert fresh._record.seed != first._record.seed


def test_a_seed_that_is_given_is_not_looked_up(tmp_path):
    made(("ridge",), random_state=None, store=tmp_path)[0].fit(X0, Y0)
    given = made(("ridge",), random_state=3, store=tmp_path)[0].fit(X0, Y0)
    assert given._record.seed == made(("ridge",), random_state=3)[0].fit(X0, Y0)._record.seed


def test_a_damaged_seed_is_drawn_again(tmp_path):
    first = made(("ridge",), random_state=None, store=tmp_path)[0].fit(X0, Y0)
    (manifest,) = (tmp_path / "plans").glob("*/manifest.json")
    manifest.write_text(manifest.read_text().replace(str(first._record.seed), str(first._record.seed + 1)))
    second, heard = made(("ridge",), random_state=None, store=tmp_path)
    with pytest.warns(
        UserWarning, match="the seed of this plan is damaged: the file manifest.json is not the one"
    ) as caught:
        second.fit(X0, Y0)
    assert [warning.filename for warning in caught] == [__file__]
    assert len(done(heard)) == 4
    third, heard = made(("ridge",), random_state=None, store=tmp_path)
    assert third.fit(X0, Y0)._record.seed == second._record.seed
    assert done(heard) == []


# -- what cannot be kept ---------------------------------------------------------------------


class Clip(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.clip(X, -1, 1)


class Plain(RegressorMixin, BaseEstimator):
    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_ + self.shift)


def halved(X):
    return X / 2


def test_a_function_is_fitted_anew_each_time_and_the_warning_names_the_member(tmp_path):
    odd = make_pipeline(FunctionTransformer(halved), Ridge())
    for _ in range(2):
        ensemble, heard = made([("odd", odd), "ridge"], store=tmp_path)
        with pytest.warns(
            UserWarning, match="member 'odd'.* a function .* cannot be expressed in JSON.*done anew"
        ) as caught:
            ensemble.fit(X0, Y0)
        assert [warning.filename for warning in caught] == [__file__]
        assert {label for label, _ in done(heard)} >= {"odd"}
    assert {label for label, _ in done(heard)} == {"odd"}
    with pytest.warns(UserWarning, match="member 'odd_2'") as caught:
        ensemble.drop_members("odd").add_members([("odd_2", odd)], X0)
    assert [warning.filename for warning in caught] == [__file__]


def test_an_object_that_belongs_to_no_module_is_fitted_anew(tmp_path):
    local = type("Local", (Plain,), {"__module__": "__main__"})
    with pytest.warns(UserWarning, match="member 'own': class 'Local' is defined in a notebook cell"):
        made([("own", local()), "ridge"], store=tmp_path)[0].fit(X0, Y0)
    gone = type("Gone", (Plain,), {"__module__": "made_up_module"})
    with pytest.warns(UserWarning, match="member 'own': the code of class 'Gone' cannot be read"):
        made([("own", gone()), "ridge"], store=tmp_path)[0].fit(X0, Y0)


def test_a_frozen_model_is_not_kept(tmp_path):
    frozen = FrozenEstimator(Ridge().fit(X0, Y0))
    for _ in range(2):
        ensemble, heard = made([("frozen", frozen), "ridge"], store=tmp_path)
        ensemble.fit(X0, Y0)
    assert {label for label, _ in done(heard)} == {"frozen"}
    voting = VotingRegressor([("a", frozen), ("b", LinearRegression())])
    with pytest.warns(UserWarning, match="member 'voting': a FrozenEstimator inside it"):
        made([("voting", voting), "ridge"], store=tmp_path)[0].fit(X0, Y0)


def test_types_that_byoe_does_not_know_are_never_loaded(tmp_path):
    members = [("clipped", make_pipeline(Clip(), Ridge())), ("own", Plain()), "ridge"]
    plain = made(members)[0].fit(X0, Y0)
    made(members, store=tmp_path)[0].fit(X0, Y0)
    for _ in range(2):
        ensemble, heard = made(members, store=tmp_path)
        with pytest.warns(UserWarning, match="member 'clipped': its models in the store .*Clip") as caught:
            ensemble.fit(X0, Y0)
        assert [warning.filename for warning in caught] == [__file__]
        # Out-of-fold predictions are arrays, and need no trust; a class that is itself the member is trusted.
        assert done(heard) == [("clipped", -1)]
        assert same(plain, ensemble, X0)
    ensemble, heard = made(members, store=tmp_path, finalize="bag")
    ensemble.fit(X0, Y0)
    with pytest.warns(UserWarning, match="member 'clipped'") as caught:
        ensemble.fit(X0, Y0)
    assert len(caught) == 1


def test_code_of_ones_own_counts_by_the_file_that_it_stands_in(tmp_path, monkeypatch):
    module = tmp_path / "own_learners.py"
    text = """
        from sklearn.linear_model import Ridge
        class Mine(Ridge):
            '''One.'''
    """
    module.write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_learners

    try:
        members = [("mine", own_learners.Mine()), "knn"]
        made(members, store=tmp_path / "s")[0].fit(X0, Y0)
        ensemble, heard = made(members, store=tmp_path / "s")
        ensemble.fit(X0, Y0)
        assert done(heard) == []
        module.write_text(textwrap.dedent(text.replace("One", "Two")))
        ensemble.fit(X0, Y0)
        assert {label for label, _ in done(heard)} == {"mine"}
    finally:
        del sys.modules["own_learners"]


def test_an_ensemble_in_an_ensemble_is_kept_as_a_bundle(tmp_path):
    inner = EnsembleRegressor(("ridge", "knn"), "mean", cv=3)
    members = [("inner", inner), "svm"]
    first = made(members, blender="best", store=tmp_path)[0].fit(X0, Y0)
    second, heard = made(members, blender="best", store=tmp_path)
    second.fit(X0, Y0)
    assert done(heard) == []
    assert same(first, second, X0)
    assert list((tmp_path / "tasks").glob("*/model/ensemble/manifest.json"))
    # Under the name that the class was first written under, so that what was kept then is still found.
    entries = [json.loads(file.read_text())["entry"] for file in (tmp_path / "tasks").glob("*/manifest.json")]
    named = {entry["made_of"]["learner"]["estimator"]["$object"] for entry in entries if entry["member"] == "inner"}
    assert named == {"byoe._ensemble:EnsembleRegressor"}


class Failing(Plain):
    def fit(self, X, y):
        if len(y) < 60:
            raise ArithmeticError("the third planet is missing")
        return super().fit(X, y)


def test_a_task_that_failed_is_done_again(tmp_path):
    for _ in range(2):
        ensemble, heard = made([("bad", Failing()), "ridge"], store=tmp_path, on_error="skip")
        ensemble.fit(X0, Y0)
        failed = {(event.label, event.fold) for event in heard if event.failed}
        assert failed == {("bad", 0), ("bad", 1), ("bad", 2)}
    assert set(done(heard)) == failed  # its refit did not fail
    with pytest.raises(MemberError, match="the third planet"):
        made([("bad", Failing()), "ridge"], store=tmp_path)[0].fit(X0, Y0)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_disk_that_is_full_ends_no_fit(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    plain = made()[0].fit(X0, Y0)
    monkeypatch.setattr("byoe.store._stored_tasks.np.save", full)
    monkeypatch.setattr("byoe.learners.linear.LinearModel.save", full)
    ensemble, _ = made(store=tmp_path)
    with pytest.warns(UserWarning, match="member '.*' cannot be kept in the store .*No space left on device") as caught:
        ensemble.fit(X0, Y0)
    assert len(caught) == 3
    assert same(plain, ensemble, X0)
    assert tasks_of(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


# -- damage -----------------------------------------------------------------------------------


def truncated(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 4
    file.write_bytes(bytes(data))


def emptied(file):
    file.write_bytes(b"")


def removed(file):
    file.unlink()


def rewritten(file):
    file.write_text("[]")


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, removed, rewritten])
def test_a_damaged_entry_is_found_out_and_its_task_is_done_again(damage, tmp_path):
    first = made(store=tmp_path)[0].fit(X0, Y0)
    files = sorted(path.relative_to(tmp_path) for path in (tmp_path / "tasks").rglob("*") if path.is_file())
    assert {path.name for path in files} == {"manifest.json", "oof.npy", "model.skops", "linear.json", "model.txt"}
    seen = set()
    for file in files:
        whole = json.loads((tmp_path / file.parts[0] / file.parts[1] / "manifest.json").read_text())["entry"]
        kind = (whole["member"], whole["fold"] == -1, file.name)
        if kind in seen:  # one fold is like another
            continue
        seen.add(kind)
        damage(tmp_path / file)
        again, heard = made(store=tmp_path)
        name = re.escape("/".join(file.parts[2:]))
        where = "refit" if whole["fold"] == -1 else f"fold {whole['fold'] + 1}"
        expected = (
            f"store {tmp_path}: the entry {whole['key'][:12]} \\(member '{whole['member']}', {where}\\) is damaged: "
            f"the file {name} (is missing|is not the one|cannot be read).* It was removed, and the task is done again"
        )
        with pytest.warns(UserWarning, match=expected) as caught:
            again.fit(X0, Y0)
        assert [warning.filename for warning in caught] == [__file__]
        assert done(heard) == [(whole["member"], whole["fold"])]
        assert same(first, again, X0)
        last, heard = made(store=tmp_path)
        last.fit(X0, Y0)
        assert done(heard) == []
    assert len(seen) == 2 * 4 + 3


def test_an_entry_under_a_wrong_key_is_found_out(tmp_path):
    made(("ridge",), store=tmp_path)[0].fit(X0, Y0)
    first, second, *_ = tasks_of(tmp_path)
    first.rename(tmp_path / "aside")
    second.rename(first)
    with pytest.warns(UserWarning, match="manifest.json is that of another entry"):
        made(("ridge",), store=tmp_path)[0].fit(X0, Y0)


def test_an_intact_manifest_with_wrong_shapes_in_it_is_refused(tmp_path):
    from byoe.store._entry import write_entry

    first = made(("ridge",), store=tmp_path)[0].fit(X0, Y0)
    place = next(path for path in tasks_of(tmp_path) if (path / "oof.npy").is_file())
    entry = json.loads((place / "manifest.json").read_text())["entry"]
    np.save(place / "oof.npy", np.zeros(3))
    (place / "manifest.json").unlink()
    key, _ = entry.pop("key"), entry.pop("files")
    write_entry(place, key, entry)
    again, _ = made(("ridge",), store=tmp_path)
    with pytest.warns(UserWarning, match=r"member 'ridge': its models in the store .*shape \(3,\), expected \(20,\)"):
        again.fit(X0, Y0)
    assert same(first, again, X0)


def test_the_table_is_not_prepared_for_a_member_that_is_all_there(tmp_path, monkeypatch):
    prepared = []
    kind = type(BOOSTER)
    real = kind.prepare
    monkeypatch.setattr(
        kind, "prepare", lambda self, *args, **kwargs: prepared.append(1) or real(self, *args, **kwargs)
    )
    first = made(store=tmp_path)[0].fit(X0, Y0)
    assert len(prepared) == 1
    made(store=tmp_path)[0].fit(X0, Y0)
    assert len(prepared) == 1
    # An entry that looks whole and is not: what it needs is prepared late, and gives the same.
    next((tmp_path / "tasks").rglob("model.txt")).write_text("tree")
    again, heard = made(store=tmp_path)
    with pytest.warns(UserWarning, match="model/model.txt is not the one"):
        again.fit(X0, Y0)
    assert len(prepared) == 2
    assert len(done(heard)) == 1
    assert same(first, again, X0)


def test_a_refit_with_rounds_of_the_folds_needs_nothing_prepared_either(tmp_path, monkeypatch):
    X, y = regression(90)
    members = [learner("lightgbm", learning_rate=0.3, min_child_samples=5)]
    first = made(members, store=tmp_path, finalize="refit")[0].fit(X, y)
    (model,) = first.members_["lightgbm"].models
    assert model.rounds[0] >= 1
    monkeypatch.setattr(type(BOOSTER), "prepare", lambda *_, **__: pytest.fail("prepared"))
    second, heard = made(members, store=tmp_path, finalize="refit")
    second.fit(X, y)
    assert done(heard) == []
    assert same(first, second, X)


# -- the folder ---------------------------------------------------------------------------------


def test_there_is_no_pickle_in_a_store(tmp_path):
    np.random.seed(0)  # the folds are drawn from this state, and what is drawn is kept
    everyone = [learner(name, **params) for name, params in EVERYTHING.items()]
    inner = ("inner", EnsembleRegressor(("ridge", "knn"), "mean", cv=3))
    made([*everyone, inner, ("own", Plain())], blender="best", store=tmp_path, random_state=None)[0].fit(
        *regression(90)
    )
    contents = {}
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        contents[file.name] = file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                contents |= {f"{file}/{name}": archive.read(name) for name in archive.namelist()}
    assert {Path(name).suffix for name in contents} == {
        ".json", ".sha256", ".npy", ".npz", ".skops", ".cbm", ".ubj", ".txt"
    }  # fmt: skip
    for name, data in contents.items():
        assert data[:1] != b"\x80" or name.endswith(".ubj"), name  # PROTO, the first byte of a pickle
        assert b"|O" not in data[:128] or not name.endswith(".npy"), name


def test_a_folder_where_nothing_can_be_written_is_told_before_anything_is_fitted(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        for seed in (0, None):
            ensemble, heard = made(store=folder, random_state=seed)
            with pytest.raises(
                ParameterError, match=r"store is '.*file.*', where nothing can be written \(.*\); give a folder"
            ):
                ensemble.fit(X0, Y0)
            assert heard == []
    fitted = made(("ridge",), store=tmp_path / "good")[0].fit(X0, Y0)
    with pytest.raises(ParameterError, match="nothing can be written"):
        fitted.set_params(store=tmp_path / "file").add_members(["knn"], X0)
    assert (tmp_path / "file").read_text() == "mine"

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", read_only)
    with pytest.raises(ParameterError, match="Read-only file system"):
        made(store=tmp_path / "good")[0].fit(X0, Y0)


@pytest.mark.parametrize("wrong", [5, "", ["folder"], True])
def test_what_is_no_folder_is_refused(wrong):
    with pytest.raises(ParameterError, match="store is .*expected a folder, or byoe.Store"):
        made(store=wrong)[0].fit(X0, Y0)


def test_a_store_is_a_value(tmp_path):
    store = Store(tmp_path / "s", max_bytes="500MB")
    assert store == Store(str(tmp_path / "s"), "500MB") != Store(tmp_path / "s")
    assert eval(repr(store)) == store
    assert hash(store) == hash(Store(tmp_path / "s", "500MB"))
    for given in (store, str(tmp_path / "s"), tmp_path / "s", None):
        ensemble = EnsembleRegressor(MEMBERS, store=given)
        assert clone(ensemble).store == ensemble.get_params()["store"] == given
    for wrong in ("many", "-5MB", 0, True, "5 parsec"):
        with pytest.raises(ParameterError, match=r"max_bytes is .*, expected a number of bytes or a text such as"):
            Store("folder", max_bytes=wrong)


def test_a_store_stands_in_the_spec(tmp_path):
    for given in (None, "cache", Store("cache", max_bytes=None), Store(tmp_path, 5_000)):
        spec = json.loads(json.dumps(to_spec(EnsembleRegressor(("ridge",), store=given))))
        assert from_spec(spec).store == given
    assert from_spec(to_spec(EnsembleRegressor(("ridge",), store=tmp_path))).store == str(tmp_path)


def test_a_working_directory_that_changes_does_not_move_the_store(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    ensemble = EnsembleRegressor(
        ("ridge",), cv=3, random_state=0, store="s", callbacks=lambda _: os.chdir(tmp_path / "elsewhere")
    )
    ensemble.fit(X0, Y0)
    assert len(tasks_of(tmp_path / "s")) == 4
    assert list((tmp_path / "elsewhere").iterdir()) == []
