"""Members that join or leave a fitted ensemble."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import RepeatedKFold

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, MemberError, ParameterError, UnknownNameError

FIRST = ["ridge", learner("random_forest", n_estimators=10)]
LATER = [("plain", Ridge()), learner("xgboost", learning_rate=0.3), "knn"]


@pytest.mark.parametrize("finalize", ["auto", "refit"])
def test_joining_later_is_the_same_as_being_there_from_the_start(finalize, diabetes):
    X, y = diabetes
    made = EnsembleRegressor(FIRST, random_state=0, finalize=finalize)
    grown = made.fit(X, y).add_members(LATER, X)
    whole = EnsembleRegressor([*FIRST, *LATER], random_state=0, finalize=finalize).fit(X, y)
    assert list(grown.members_) == list(whole.members_) == ["ridge", "random_forest", "plain", "xgboost", "knn"]
    assert np.array_equal(grown.oof_predictions_, whole.oof_predictions_)
    assert np.array_equal(grown.predict(X), whole.predict(X))
    assert grown.score_estimate_ == whole.score_estimate_
    assert list(made.members_) == ["ridge", "random_forest"]


def test_only_the_new_members_are_fitted(diabetes):
    X, y = diabetes
    heard = []
    ensemble = EnsembleRegressor(FIRST, random_state=0, callbacks=lambda progress: heard.append(progress.label))
    ensemble.fit(X, y)
    heard.clear()
    grown = ensemble.add_members(["knn"], X)
    assert set(heard) == {"knn"}
    heard.clear()
    less = grown.drop_members("random-forest")
    assert heard == []
    assert list(less.members_) == ["ridge", "knn"]
    assert less.members_["knn"] is grown.members_["knn"]
    assert {row["member"] for row in less.leaderboard_.members} == {"ridge", "knn"}


def test_one_that_was_left_out_may_join_later_under_its_label(diabetes):
    X, y = diabetes
    bad = learner("knn", n_neighbors=1000)
    ensemble = EnsembleRegressor(["ridge", bad, "svm"], "mean", on_error="skip", random_state=0, n_jobs=1).fit(X, y)
    grown = ensemble.add_members(["knn"], X)
    assert list(grown.members_) == ["ridge", "svm", "knn"]
    assert list(dict(grown.learners)) == ["ridge", "svm", "knn"]
    assert grown.failures_ == []
    assert [one for one in ensemble._record.warnings if "knn was left out" in one]
    assert not [one for one in grown._record.warnings if "knn was left out" in one]
    assert clone(grown).fit(X, y).members_.keys() == grown.members_.keys()
    with pytest.raises(ParameterError, match="there is a member 'knn' already"):
        grown.add_members(["knn"], X)
    assert list(grown.drop_members("knn").add_members(["knn"], X).members_) == ["ridge", "svm", "knn"]


def test_failures_are_saved_without_their_tracebacks(diabetes, tmp_path):
    X, y = diabetes
    members = ["ridge", learner("knn", n_neighbors=1000)]
    ensemble = EnsembleRegressor(members, on_error="skip", random_state=0, n_jobs=1).fit(X, y)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert len(loaded.failures_) == 5
    assert loaded.failures_ == [replace(failure, traceback="") for failure in ensemble.failures_]


def test_leaving_is_the_same_as_never_having_been_there(diabetes, tmp_path):
    X, y = diabetes
    whole = EnsembleRegressor(["ridge", "knn", "svm"], random_state=0).fit(X, y)
    less = whole.drop_members("knn")
    alone = EnsembleRegressor(["ridge", "svm"], random_state=0).fit(X, y)
    assert np.array_equal(less.predict(X), alone.predict(X))
    assert less.score_estimate_ == alone.score_estimate_
    assert dict(less.learners)["knn"] == "drop"
    loaded = byoe.load(less.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X), less.predict(X))
    again = loaded.add_members([("again", "knn")], X)
    assert list(again.members_) == ["ridge", "svm", "again"]


def test_classes_weights_groups_and_repeated_folds(iris):
    X, y = iris
    weight, groups = np.linspace(0.5, 1, 150), np.arange(150) // 2
    made = EnsembleClassifier(["ridge"], random_state=0).fit(X, y, sample_weight=weight, groups=groups)
    grown = made.add_members(["svm"], X)
    whole = EnsembleClassifier(["ridge", "svm"], random_state=0).fit(X, y, sample_weight=weight, groups=groups)
    assert np.array_equal(grown.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ParameterError, match="member 'knn' takes no sample_weight"):
        made.add_members(["knn"], X)
    repeated = EnsembleClassifier(["ridge"], cv=RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)).fit(X, y)
    assert repeated.add_members(["knn"], X).oof_predictions_.shape == (150, 2, 3)


def test_a_blender_that_sees_features(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    through = blender("meta-linear", passthrough=["bmi"])
    ensemble = EnsembleRegressor(["ridge", "knn"], through, random_state=0).fit(X, y)
    assert ensemble.add_members(["svm"], X).blender_.coef_.shape == (4,)
    assert ensemble.drop_members("knn", X=X).blender_.coef_.shape == (2,)
    with pytest.raises(InputError, match="needs the training features"):
        ensemble.drop_members("knn")


def test_another_table_is_refused(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    ensemble = EnsembleRegressor(["ridge"], random_state=0).fit(X, y)
    for other in (X.iloc[::-1], X.iloc[:-1], X.assign(bmi=X["bmi"] + 1e-9)):
        with pytest.raises(InputError, match=r"is not the table of 442 rows that the ensemble was fitted on"):
            ensemble.add_members(["knn"], other)
    ensemble.add_members(["knn"], pd.DataFrame(X, copy=True))


def test_what_cannot_be_is_refused(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(["ridge", "knn"], random_state=0).fit(X, y)
    with pytest.raises(ParameterError, match="there is a member 'knn' already"):
        ensemble.add_members(["knn"], X)
    with pytest.raises(UnknownNameError, match="there is no member 'nn'. Did you mean 'knn'"):
        ensemble.drop_members("nn")
    with pytest.raises(ParameterError, match="no member would be left"):
        ensemble.drop_members("knn", "ridge")
    with pytest.raises(ParameterError, match="name at least one member"):
        ensemble.drop_members()
    with pytest.raises(MemberError, match="member 'worse' failed"):
        ensemble.add_members([("worse", learner("knn", n_neighbors=10_000))], X)
    with pytest.raises(ParameterError, match="for 1 members; give one each"):
        EnsembleRegressor(["ridge", "knn"], blender("weighted", weights=[1, 2])).fit(X, y).drop_members("knn")
