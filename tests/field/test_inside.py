"""Estimators that hold others, as members and as meta-models: inside, everything means what it means alone.

XGBoost #9747, #7238: its classifiers want codes, also in a search with a scorer by label, or under a threshold
scikit-learn #18550: a class_weight inside Voting, Bagging or Stacking is by code
scikit-learn #28108: what a stack can do is known only once it is fitted
scikit-learn #26041: an iterable final estimator has a length, which is zero before its fit
mlxtend #855: a meta-model with a threshold of its own
"""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from catboost import CatBoostRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from byoe import EnsembleClassifier, EnsembleRegressor, load
from byoe.errors import ParameterError

rng = np.random.default_rng(11)
X = rng.normal(size=(210, 3))
numbers = X @ [2.0, -1.0, 0.5] + rng.normal(size=210)
codes = (numbers > 0.8).astype(int)
texts = np.array(["bad", "good"])[codes]
three = np.digitize(numbers, [-0.8, 0.8])
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def classifier(member, blender="mean"):
    return EnsembleClassifier([("m", member)], blender, cv=FOLDS, finalize="refit", random_state=0)


def regressor(member, blender="mean"):
    return EnsembleRegressor([("m", member)], blender, cv=KFold(3), finalize="refit", random_state=0)


def boosted(**params):
    return XGBClassifier(n_estimators=8, max_depth=2, n_jobs=1, random_state=0, **params)


class Weighs(ClassifierMixin, BaseEstimator):
    """Compares with its labels, and hands on what it got."""

    def __init__(self, model=None, heavy="good"):
        self.model = model
        self.heavy = heavy

    def fit(self, X, y):
        self.model_ = clone(self.model).fit(X, y, sample_weight=np.where(np.asarray(y) == self.heavy, 9.0, 1.0))
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.model_.predict(X)


@pytest.mark.parametrize("labels", [texts, np.array([1, 2])[codes], np.array([-1, 1])[codes], codes == 1], ids=str)
def test_what_holds_xgboost_sees_the_labels(labels, tmp_path):
    heavy = labels[codes == 1][0]
    right = boosted().fit(X, codes, sample_weight=np.where(codes == 1, 9.0, 1.0)).predict_proba(X)
    fitted = classifier(Weighs(boosted(), heavy)).fit(X, labels)
    np.testing.assert_allclose(fitted.predict_proba(X), right, atol=1e-6)
    assert set(fitted.predict(X)) == set(labels)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model, scorer: GridSearchCV(model, {"learning_rate": [0.01, 0.6]}, scoring=scorer, cv=3),
        lambda model, _: CalibratedClassifierCV(model, cv=3),
        lambda model, _: BaggingClassifier(model, 2, random_state=0),
        lambda model, _: VotingClassifier([("x", model), ("nb", GaussianNB())], voting="soft"),
        lambda model, _: make_pipeline(StandardScaler(), CalibratedClassifierCV(model, cv=3)),
        lambda model, _: GridSearchCV(
            make_pipeline(StandardScaler(), GaussianNB()), {"gaussiannb": [GaussianNB(), model]}, cv=3
        ),
    ],
    ids=["search", "calibrated", "bag", "vote", "pipeline", "tried"],
)
def test_xgboost_inside_takes_texts_as_it_takes_codes(wrap, tmp_path):
    right = wrap(boosted(), make_scorer(f1_score, pos_label=1)).fit(X, codes).predict_proba(X)
    member = wrap(boosted(), make_scorer(f1_score, pos_label="good"))
    fitted = classifier(member).fit(X, texts)
    np.testing.assert_allclose(fitted.predict_proba(X), right, atol=1e-6)
    trusted = ["sklearn.metrics._classification.f1_score"]
    again = load(fitted.save(tmp_path / "model", trusted=trusted), trusted=trusted)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    inner = list(member.get_params(deep=True).values())
    assert any(
        type(value) is XGBClassifier
        for value in [*inner, member.get_params().get("param_grid", {}).get("gaussiannb", [0])[-1]]
    )


def test_xgboost_inside_a_meta_model_takes_texts():
    meta = CalibratedClassifierCV(boosted(), cv=3)
    members = [("nb", GaussianNB()), ("lr", LogisticRegression())]
    ours = EnsembleClassifier(members, meta, cv=FOLDS, finalize="refit", random_state=0)
    theirs = StackingClassifier(members, meta, cv=FOLDS).fit(X, codes)
    np.testing.assert_allclose(ours.fit(X, texts).predict_proba(X), theirs.predict_proba(X), atol=1e-5)


# -- weights of classes where labels are others --------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weight: OneVsRestClassifier(LogisticRegression(class_weight=weight)),
        lambda weight: BaggingClassifier(LogisticRegression(class_weight=weight), 3, random_state=0),
        lambda weight: VotingClassifier([("a", LogisticRegression(class_weight=weight))], voting="soft"),
        lambda weight: StackingClassifier([("a", LogisticRegression(class_weight=weight))], LogisticRegression(), cv=3),
    ],
    ids=["one against the rest", "bag", "vote", "stack"],
)
def test_a_class_weight_by_code_means_what_it_means_alone(wrap):
    member = wrap({0: 1, 1: 8})
    right = clone(member).fit(X, texts).predict_proba(X)
    np.testing.assert_allclose(classifier(member).fit(X, texts).predict_proba(X), right)


@pytest.mark.parametrize("wrap", [VotingClassifier, StackingClassifier])
def test_a_class_weight_by_text_is_taken_where_codes_are_shown(wrap):
    by_text, by_code = (
        wrap([("a", LogisticRegression(class_weight=weight)), ("b", GaussianNB())]) for weight in ({"good": 8}, {1: 8})
    )
    if wrap is VotingClassifier:
        by_text.set_params(voting="soft")
        by_code.set_params(voting="soft")
    right = by_code.fit(X, texts).predict_proba(X)
    np.testing.assert_allclose(classifier(by_text).fit(X, texts).predict_proba(X), right)


# -- what is known only after the fit ------------------------------------------------


def test_a_stack_with_its_usual_final_estimator_has_probabilities():
    stack = StackingClassifier([("a", LogisticRegression()), ("nb", GaussianNB())], cv=3)
    for member in (stack, make_pipeline(StandardScaler(), stack)):
        right = clone(member).fit(X, texts).predict_proba(X)
        np.testing.assert_allclose(classifier(member).fit(X, texts).predict_proba(X), right)


@pytest.mark.parametrize("forest", [RandomForestRegressor(5), BaggingRegressor(Ridge(), 3)], ids=["forest", "bag"])
def test_a_final_estimator_that_can_be_counted(forest):
    member = StackingRegressor([("a", Ridge()), ("b", LinearRegression())], forest.set_params(random_state=0), cv=3)
    right = clone(member).fit(X, numbers).predict(X)
    np.testing.assert_allclose(regressor(member).fit(X, numbers).predict(X), right)


def test_a_search_that_finds_probabilities():
    search = GridSearchCV(SGDClassifier(random_state=0), {"loss": ["log_loss", "modified_huber"]}, cv=3)
    fitted = EnsembleClassifier([("m", search), ("nb", GaussianNB())], "mean", cv=FOLDS, random_state=0).fit(X, texts)
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
    unsure = clone(search).set_params(param_grid={"loss": ["log_loss", "hinge"]})
    with pytest.raises(ParameterError, match="member 'm' has no predict_proba"):
        classifier(unsure).fit(X, texts)


@pytest.mark.parametrize("given", ["regression", "classes"])
def test_a_stack_may_be_the_meta_model(given):
    if given == "regression":
        made = EnsembleRegressor(["ridge", "knn"], StackingRegressor([("a", Ridge())], cv=3), cv=3, random_state=0)
        assert made.fit(X, numbers).score(X, numbers) > 0.5
    else:
        stack = StackingClassifier([("a", LogisticRegression())], cv=3)
        made = EnsembleClassifier(["ridge", "knn"], stack, cv=FOLDS, random_state=0).fit(X, texts)
        np.testing.assert_allclose(made.predict_proba(X).sum(axis=1), 1.0)


# -- thresholds ----------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.15, 0.8])
@pytest.mark.parametrize("positive", [None, "bad"])
def test_a_meta_model_with_a_threshold_decides_by_it(threshold, positive, tmp_path):
    meta = FixedThresholdClassifier(LogisticRegression(), threshold=threshold, pos_label=positive)
    members = [("nb", GaussianNB()), ("trees", ExtraTreesClassifier(10, random_state=0))]
    ours = EnsembleClassifier(members, meta, cv=FOLDS, finalize="refit", random_state=0).fit(X, texts)
    by_code = clone(meta).set_params(pos_label=None if positive is None else 0)  # scikit-learn's stack shows codes
    theirs = StackingClassifier(members, by_code, cv=FOLDS).fit(X, codes).predict(X)
    np.testing.assert_array_equal(ours.predict(X), np.array(["bad", "good"])[theirs])
    assert (ours.predict(X) != ours.classes_[ours.predict_proba(X).argmax(axis=1)]).any()
    np.testing.assert_array_equal(load(ours.save(tmp_path / "model")).predict(X), ours.predict(X))


def test_a_meta_model_whose_threshold_is_tuned():
    by_text, by_code = (
        TunedThresholdClassifierCV(
            LogisticRegression(), scoring=make_scorer(f1_score, pos_label=label), cv=3, random_state=0
        )
        for label in ("bad", 0)
    )
    members = [("nb", GaussianNB()), ("lr", LogisticRegression())]
    ours = EnsembleClassifier(members, by_text, cv=FOLDS, finalize="refit", random_state=0).fit(X, texts)
    theirs = StackingClassifier(members, by_code, cv=FOLDS).fit(X, codes).predict(X)
    np.testing.assert_array_equal(ours.predict(X), np.array(["bad", "good"])[theirs])


def test_a_metric_of_labels_is_told_not_to_look_at_the_threshold():
    meta = FixedThresholdClassifier(LogisticRegression(), threshold=0.2)
    with pytest.warns(UserWarning, match="metric 'accuracy' is of the most probable class, and FixedThresholdClassi"):
        EnsembleClassifier(["ridge", "knn"], meta, metric="accuracy", cv=FOLDS, random_state=0).fit(X, texts)


def test_a_threshold_on_another_scale_is_refused():
    meta = FixedThresholdClassifier(LogisticRegression(), threshold=0.3, response_method="decision_function")
    with pytest.raises(ParameterError, match="has its threshold on another scale"):
        EnsembleClassifier(["ridge"], meta).fit(X, texts)


def test_the_threshold_of_a_member_is_told_to_be_of_no_use():
    with pytest.warns(UserWarning, match="the threshold of member 'm' is not used"):
        classifier(FixedThresholdClassifier(GaussianNB(), threshold=0.2), "vote").fit(X, texts)


# -- columns -------------------------------------------------------------------------


def test_constraints_of_a_final_estimator_are_about_its_own_columns():
    final = HistGradientBoostingRegressor(monotonic_cst=[1, 1], max_iter=10)
    member = StackingRegressor([("a", Ridge()), ("b", LinearRegression())], final, cv=3)
    right = clone(member).set_params(final_estimator__random_state=0).fit(X, numbers).predict(X)
    np.testing.assert_allclose(regressor(member).fit(X, numbers).predict(X), right)


def test_constraints_inside_a_bag_of_some_columns_are_about_these():
    member = BaggingRegressor(HistGradientBoostingRegressor(monotonic_cst=[1, 1], max_iter=5), 3, max_features=2)
    assert regressor(member).fit(X, numbers).predict(X).std() > 0


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("kind", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
def test_histogram_boosting_takes_texts_as_categories(container, kind):
    town = rng.choice(["ulm", "bonn", "kiel"], 210)
    table = pd.DataFrame({"town": town, "x": X[:, 0]})
    target = (town == "ulm") * 3.0 + X[:, 0]
    target = target if kind is HistGradientBoostingRegressor else (target > 1).astype(int)
    alone = kind(max_iter=15, random_state=0).fit(table.astype({"town": "category"}), target)
    made = (regressor if kind is HistGradientBoostingRegressor else classifier)(kind(max_iter=15, random_state=0))
    fitted = made.fit(container(table.to_dict("list")), target)
    np.testing.assert_array_equal(
        fitted.predict(container(table.to_dict("list"))), alone.predict(table.astype({"town": "category"}))
    )
    explicit = kind(max_iter=15, categorical_features=["town"], random_state=0)
    assert made.set_params(m=explicit).fit(table.astype({"town": "category"}), target).predict(
        table.astype({"town": "category"})
    ).shape == (210,)


def test_a_catboost_meta_model_of_the_user_stays_as_it_is():
    """To be asked for its tags writes into it."""
    meta = CatBoostRegressor(iterations=5, verbose=False, allow_writing_files=False)
    before = dict(vars(meta))
    EnsembleRegressor(["ridge", "knn"], meta, cv=3, random_state=0).fit(X, numbers)
    assert vars(meta) == before
