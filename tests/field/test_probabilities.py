"""Probabilities: what a member calls so is made a distribution where that is clear, and refused by name where not.

scikit-learn #10612: one classifier against the rest for every class, whose probabilities do not sum to one
LightGBM #3407: cross_entropy_lambda gives "probabilities" above one
LightGBM #1543: multiclassova
XGBoost #354, #7607: multi:softmax wants num_class, and predicts labels where probabilities are asked for
CatBoost #625: two columns of probabilities for more classes, by the name of the objective
mlxtend #633: members with decision values only
"""

from __future__ import annotations

import numpy as np
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay, get_scorer, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

import byoe
from byoe import EnsembleClassifier, learner
from byoe.errors import MemberError, ParameterError, PluginError

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 3))
    t = np.digitize(X[:, 0] + 0.7 * rng.normal(size=200), [-0.5, 0.5])
    return X, np.array(["no", "yes"])[(t > 1).astype(int)], np.array(["a", "b", "c"])[t]


def ensemble(member, blender="mean", **options):
    return EnsembleClassifier(
        [("m", member)], blender, **{"cv": FOLDS, "finalize": "refit", "random_state": 0, **options}
    )


class Odd(ClassifierMixin, BaseEstimator):
    """A logistic regression that answers in a form of its own."""

    def __init__(self, form=lambda p, _: p):
        self.form = form

    def fit(self, X, y):
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.form(self.model_.predict_proba(X), self.classes_)


def frame(p, classes):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(p, columns=list(classes))[list(classes)[::-1]]


CLEAR = {
    "percentages": lambda p, _: 100 * p,
    "shares of any total": lambda p, _: p * np.arange(1, len(p) + 1)[:, None],
    "a list": lambda p, _: p.tolist(),
    "objects": lambda p, _: p.astype(object),
    "float32": lambda p, _: p.astype(np.float32),
    "a frame in another order": frame,
}


@pytest.mark.parametrize("form", CLEAR.values(), ids=CLEAR)
@pytest.mark.parametrize("classes", [1, 2], ids=["two", "three"])
def test_forms_whose_meaning_is_clear(form, classes, rows):
    X, y = rows[0], rows[classes]
    right = LogisticRegression().fit(X, y).predict_proba(X)
    got = ensemble(Odd(form)).fit(X, y)
    assert np.allclose(got.predict_proba(X), right, atol=1e-6)
    assert np.allclose(got.oof_predictions_.sum(axis=2), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", [lambda p, _: p[:, 1], lambda p, _: p[:, 1:]], ids=["row", "column"])
def test_a_single_column_is_of_the_second_class(form, rows):
    X, y, _ = rows
    right = LogisticRegression().fit(X, y).predict_proba(X)
    assert np.allclose(ensemble(Odd(form)).fit(X, y).predict_proba(X), right, atol=1e-12)


UNCLEAR = {
    "decision values": (lambda p, _: logit(p), "negative probabilities"),
    "log-probabilities": (lambda p, _: np.log(p), "negative probabilities"),
    "zeros": (lambda p, _: np.where(np.arange(len(p))[:, None] == 0, 0.0, p), "no probability at all in 1 rows"),
    "missing": (lambda p, _: np.where(np.arange(len(p))[:, None] == 0, np.nan, p), "not finite"),
    "one column of percentages": (lambda p, _: 100 * p[:, 1], "one column for two classes with values outside"),
    "too few columns": (lambda p, _: np.column_stack([p, p])[:, :3], "returned shape"),
}


@pytest.mark.parametrize(("form", "text"), UNCLEAR.values(), ids=UNCLEAR)
def test_forms_whose_meaning_is_not_clear_are_refused_with_the_name(form, text, rows):
    X, y, _ = rows
    with pytest.raises(MemberError, match=f"member 'm' failed on fold 1 of 3: .*{text}"):
        ensemble(Odd(form)).fit(X, y)


def test_a_member_that_breaks_later_is_named_at_prediction(rows):
    X, y, _ = rows
    fitted = ensemble(Odd()).fit(X, y)
    fitted.members_["m"].models[0].models[0].estimator.form = lambda p, _: p - 1
    with pytest.raises(PluginError, match="member 'm': .*negative probabilities"):
        fitted.predict_proba(X)


def test_a_blend_is_a_distribution_whatever_blends_and_calibrates(rows):
    X, _, y = rows
    ova = learner("lightgbm", n_estimators=5, objective="multiclassova")
    members = [("ova", ova), ("odd", Odd(lambda p, _: 100 * p)), "ridge"]
    fitted = EnsembleClassifier(members, "mean", cv=FOLDS, random_state=0).fit(X, y)
    blenders = ["mean", "weighted", "greedy", "best", "meta-linear", "auto", byoe.blender("vote", voting="soft")]
    for blender in (*blenders, LogisticRegression(), byoe.blender("weighted", weights=[0.2, 0.3, 0.5])):
        for calibrate in (False, "temperature", "sigmoid", "isotonic"):
            again = fitted.set_params(calibrate=calibrate).reblend(blender)
            p = again.predict_proba(X)
            assert (p >= 0).all()
            assert np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-12), (blender, calibrate)


LIBRARIES = [
    ("xgboost", "objective", "multi:softmax", XGBClassifier, 2),
    ("xgboost", "objective", "multi:softprob", XGBClassifier, 2),
    ("xgboost", "objective", "binary:logistic", XGBClassifier, 1),
    ("lightgbm", "objective", "multiclass", LGBMClassifier, 2),
    ("lightgbm", "objective", "multiclassova", LGBMClassifier, 2),
    ("lightgbm", "objective", "multiclass_ova", LGBMClassifier, 2),
    ("lightgbm", "objective", "cross_entropy", LGBMClassifier, 1),
    ("catboost", "loss_function", "MultiClass", CatBoostClassifier, 2),
    ("catboost", "loss_function", "MultiClassOneVsAll", CatBoostClassifier, 2),
    ("catboost", "loss_function", "MultiClass", CatBoostClassifier, 1),
    ("catboost", "loss_function", "CrossEntropy", CatBoostClassifier, 1),
]


@pytest.mark.parametrize(("name", "option", "objective", "kind", "target"), LIBRARIES)
def test_objectives_are_those_of_the_library(name, option, objective, kind, target, rows, tmp_path):
    X, y = rows[0], rows[target]
    labels, codes = np.unique(y, return_inverse=True)
    rounds = {"catboost": "iterations"}.get(name, "n_estimators")
    params = {option: "multi:softprob" if objective == "multi:softmax" else objective, rounds: 5, "random_state": 0}
    quiet = {"xgboost": {}, "lightgbm": {"verbose": -1, "deterministic": True, "force_col_wise": True}}
    quiet["catboost"] = {"verbose": 0, "allow_writing_files": False}
    right = kind(**params, **quiet[name]).fit(X, codes).predict_proba(X)
    right = right / right.sum(axis=1, keepdims=True)
    fitted = ensemble(learner(name, **{option: objective, rounds: 5, "random_state": 0})).fit(X, y)
    got = fitted.predict_proba(X)
    assert np.allclose(got, right, atol=1e-5)
    assert np.allclose(got.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert np.array_equal(labels, fitted.classes_)
    fitted.save(tmp_path / "bundle")
    assert np.array_equal(byoe.load(tmp_path / "bundle").predict_proba(X), got)


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        ("xgboost", {"objective": "multi:softmax"}, "binary:logistic"),
        ("xgboost", {"objective": "multi:softprob"}, "binary:logistic"),
        ("lightgbm", {"objective": "multiclass"}, "binary"),
    ],
)
def test_objectives_for_many_classes_serve_two(name, params, text, rows):
    X, y, _ = rows
    fitted = ensemble(learner(name, n_estimators=5, **params)).fit(X, y)
    assert np.mean(fitted.predict(X) == y) > 0.7
    margins = fitted.explain(X, output="margin")["m"].sum(axis=1)
    assert np.allclose(1 / (1 + np.exp(-margins)), fitted.predict_proba(X)[:, 1], atol=1e-5)


def test_the_raw_logistic_objective_is_the_logistic_one(rows):
    X, y, _ = rows
    raw, plain = (
        ensemble(learner("xgboost", n_estimators=5, objective=name)).fit(X, y).predict_proba(X)
        for name in ("binary:logitraw", "binary:logistic")
    )
    assert np.array_equal(raw, plain)


@pytest.mark.parametrize(
    ("name", "params", "target", "text"),
    [
        ("xgboost", {"objective": "binary:hinge"}, 1, "gives no probabilities of classes; for 2 classes give one of"),
        ("xgboost", {"objective": "rank:pairwise"}, 1, "gives no probabilities"),
        ("xgboost", {"objective": "reg:squarederror"}, 2, "gives no probabilities"),
        (
            "xgboost",
            {"objective": "binary:logistic"},
            2,
            "is for two classes; for 3 classes give one of multi:softprob",
        ),
        ("lightgbm", {"objective": "cross_entropy_lambda"}, 1, "gives no probabilities"),
        ("lightgbm", {"objective": "binary"}, 2, "is for two classes"),
        ("lightgbm", {"objective": "lambdarank"}, 1, "gives no probabilities"),
        ("catboost", {"loss_function": "RMSE"}, 1, "gives no probabilities"),
        ("catboost", {"objective": "Logloss"}, 2, "is for two classes; for 3 classes give one of MultiClass"),
    ],
)
def test_objectives_without_probabilities_are_refused_before_a_fit(name, params, target, text, rows):
    with pytest.raises(ParameterError, match=f"member 'm': {name}: .*{text}"):
        ensemble(learner(name, **params)).fit(rows[0], rows[target])


def test_objectives_of_wrappers_are_looked_at_too(rows):
    X, y, several = rows
    for kind, objective in ((XGBClassifier, "binary:hinge"), (LGBMClassifier, "cross_entropy_lambda")):
        for member in (kind(objective=objective), make_pipeline(StandardScaler(), kind(objective=objective))):
            with pytest.raises(ParameterError, match=f"member 'm': .*objective='{objective}' gives no probabilities"):
                ensemble(member).fit(X, y)
    for target, plain, probable in (
        (several, "multi:softmax", "multi:softprob"),
        (y, "binary:logitraw", "binary:logistic"),
    ):
        got, right = (
            ensemble(XGBClassifier(n_estimators=5, objective=name)).fit(X, target) for name in (plain, probable)
        )
        assert np.array_equal(got.predict_proba(X), right.predict_proba(X))


def test_decision_values_of_pairs_are_no_decision_values_of_classes(rows):
    X, _, y = rows
    with pytest.raises(ParameterError, match="decision_function_shape='ovo'"):
        ensemble(SVC(decision_function_shape="ovo"), "vote").fit(X, y)
    fitted = ensemble(SVC(decision_function_shape="ovr"), "vote").fit(X, y)
    assert np.mean(fitted.predict(X) == y) > 0.7


def test_the_decision_function_is_the_log_odds_of_the_blend(rows):
    X, y, several = rows
    fitted = ensemble("ridge").fit(X, y)
    decided = fitted.decision_function(X)
    assert np.allclose(decided, logit(fitted.predict_proba(X)[:, 1]))
    assert np.array_equal(np.where(decided > 0, "yes", "no"), fitted.predict(X))
    many = ensemble("ridge").fit(X, several)
    assert np.array_equal(many.classes_[many.decision_function(X).argmax(axis=1)], many.predict(X))
    assert not hasattr(ensemble("ridge", "vote").fit(X, y), "decision_function")


def test_a_sure_blend_has_a_finite_decision(rows):
    X, y, _ = rows
    sure = ensemble(Odd(lambda p, _: np.round(p))).fit(X, y)
    assert np.isfinite(sure.decision_function(X)).all()
    assert roc_auc_score(y == "yes", sure.decision_function(X)) > 0.7


def test_what_scikit_learn_makes_of_the_decision_function(rows):
    X, y, _ = rows
    made = ensemble("ridge")
    fitted = made.fit(X, y)
    right = roc_auc_score(y == "yes", fitted.predict_proba(X)[:, 1])
    assert get_scorer("roc_auc")(fitted, X, y) == pytest.approx(right, abs=1e-12)
    calibrated = CalibratedClassifierCV(ensemble("ridge"), cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    assert cross_val_predict(ensemble("ridge"), X, y, cv=3, method="decision_function").shape == y.shape
    plots = pytest.importorskip("matplotlib")
    plots.use("Agg")
    drawn = RocCurveDisplay.from_estimator(fitted, X, y, response_method="decision_function")
    assert drawn.roc_auc == pytest.approx(right, abs=1e-12)
