"""Labels of classes: what a member, a meta-model or a parameter calls a class is what the user calls it.

scikit-learn #18550, #19665: a class_weight by label inside Voting or Bagging meets codes: an error, or another class
scikit-learn #17347, #12189: estimators and pipelines inside Stacking and Voting see codes instead of the target's labels
scikit-learn #17979: a multilabel target in StackingClassifier is told of in the words of LabelEncoder
scikit-learn #9593: a training part that lacks a class
mlxtend #321: votes for classes that are texts
CatBoost #771, #1038: in which order a list of class_weights is, and weights as a mapping
CatBoost #523, #441: classes called otherwise than 0 … n - 1 inside a search
XGBoost #2136, pu-learn #2: XGBClassifier takes the classes 0 … n - 1 only
"""

from __future__ import annotations

import json

import joblib
import numpy as np
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import InputError, MemberError, ParameterError

N = 240
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
PAIRS = {
    "texts": np.array(["no", "yes"]),
    "from one": np.array([1, 2]),
    "signs": np.array([-1, 1]),
    "booleans": np.array([False, True]),
    "small": np.array([7, 9], dtype=np.uint8),
    "floats": np.array([1.0, 2.0]),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(N, 3))
    return X, (X[:, 0] + rng.normal(size=N) > 1).astype(int), np.digitize(X[:, 0] + rng.normal(size=N), [-0.7, 0.7])


def ensemble(member, blender="mean", **options):
    return EnsembleClassifier(
        [("m", member)], blender, **{"cv": FOLDS, "finalize": "refit", "random_state": 0, **options}
    )


class Picky(ClassifierMixin, BaseEstimator):
    """Says yes the surer, the more rows like that it saw with its own label; knows no other labels."""

    def __init__(self, positive="yes", order=1):
        self.positive, self.order = positive, order

    def fit(self, X, y):
        if self.positive not in y:
            raise ValueError(f"no row is {self.positive!r}")
        self.model_ = LogisticRegression().fit(X, y == self.positive)
        other = next(label for label in np.unique(y) if label != self.positive)
        self.classes_ = np.array([other, self.positive])[:: self.order]
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)[:, :: self.order]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def quick(kind, **params):
    return kind(random_state=0, **params)


MEMBERS = {
    "logistic": lambda weights: LogisticRegression(class_weight=weights),
    "forest": lambda weights: quick(RandomForestClassifier, n_estimators=5, n_jobs=1, class_weight=weights),
    "pipeline": lambda weights: make_pipeline(StandardScaler(), LogisticRegression(class_weight=weights)),
    "search": lambda weights: GridSearchCV(LogisticRegression(class_weight=weights), {"C": [0.1, 1.0]}, cv=3),
    "lightgbm": lambda weights: quick(LGBMClassifier, n_estimators=5, verbose=-1, n_jobs=1, class_weight=weights),
}


@pytest.mark.parametrize("labels", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("make", MEMBERS.values(), ids=MEMBERS)
def test_a_member_is_what_it_is_alone(make, labels, rows):
    X, z, _ = rows
    y = labels[z]
    member = make({labels[1].item(): 10})
    got = ensemble(member).fit(X, y)
    right = clone(member).fit(X, y)
    assert np.allclose(got.predict_proba(X), right.predict_proba(X), atol=1e-9)
    assert np.array_equal(got.classes_, right.classes_)
    plain = ensemble(make(None)).fit(X, y)
    assert np.abs(plain.predict_proba(X) - got.predict_proba(X)).mean() > 0.05


def test_out_of_fold_predictions_are_those_of_the_member_on_its_labels(rows):
    X, _, t = rows
    y = np.array(["b", "a", "c"])[t]
    member = LogisticRegression(class_weight={"a": 5, "c": 0.5})
    oof = ensemble(member).fit(X, y).oof_predictions_[:, 0]
    for train, test in FOLDS.split(X, np.unique(y, return_inverse=True)[1]):
        assert np.allclose(oof[test], clone(member).fit(X[train], y[train]).predict_proba(X[test]), atol=1e-9)


@pytest.mark.parametrize("weights", [{"a": 5, "b": 1, "c": 2}, [5, 1, 2]], ids=["mapping", "list"])
def test_weights_of_catboost(weights, rows):
    X, _, t = rows
    y = np.array(["a", "b", "c"])[t]
    member = quick(CatBoostClassifier, iterations=5, verbose=0, allow_writing_files=False, thread_count=1)
    member.set_params(class_weights=[5, 1, 2])
    right = member.fit(X, y).predict_proba(X)
    options = {"iterations": 5, "random_seed": 0}
    for own in ({"class_weights": weights}, {"class_weights": [2, 1, 5], "class_names": ["c", "b", "a"]}):
        got = ensemble(learner("catboost", **options, **own)).fit(X, y).predict_proba(X)
        assert np.allclose(got, right, atol=1e-6)


NATIVE = {
    "random_forest": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
    "ridge": {},
    "elastic_net": {"alpha": 0.1, "max_iter": 20_000},
    "svm": {},
    "lightgbm": {"n_estimators": 5},
    "catboost": {"iterations": 5},
}


@pytest.mark.parametrize("name", NATIVE)
def test_learners_translate_what_they_hold_by_label(name, rows, tmp_path):
    X, _, t = rows
    weights = "class_weights" if name == "catboost" else "class_weight"
    labels = np.array([10, 20, 30])

    def fitted(y, given, **options):
        return ensemble(learner(name, **NATIVE[name], **{weights: given}), **options).fit(X, y)

    right = fitted(t, {0: 0.2, 2: 8}).predict_proba(X)
    y = labels[t]
    made = fitted(y, {10: 0.2, 30: 8})
    assert np.array_equal(made.predict_proba(X), right)
    # As JSON has it, whose keys are texts; and a value for every class.
    assert np.array_equal(fitted(y, {"10": 0.2, "30": 8}).predict_proba(X), right)
    assert np.array_equal(fitted(y, [0.2, 1.0, 8]).predict_proba(X), right)
    again = from_spec(json.loads(json.dumps(to_spec(made)))).fit(X, y)
    assert np.array_equal(again.predict_proba(X), right)
    made.save(tmp_path / "bundle")
    assert np.array_equal(byoe.load(tmp_path / "bundle").predict_proba(X), right)


def test_lightgbm_weighs_classes_as_its_wrapper_does(rows):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    for weights in ({"yes": 10}, "balanced"):
        right = quick(LGBMClassifier, n_estimators=5, verbose=-1, n_jobs=1, class_weight=weights, force_col_wise=True)
        right.set_params(deterministic=True)
        got = ensemble(learner("lightgbm", n_estimators=5, class_weight=weights)).fit(X, y)
        assert np.allclose(got.predict_proba(X), right.fit(X, y).predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    "member",
    [
        learner("ridge", class_weight={"maybe": 2}),
        LogisticRegression(class_weight={"maybe": 2}),
        make_pipeline(StandardScaler(), LogisticRegression(class_weight={"yes": 1, "maybe": 2})),
        learner("catboost", class_weights={"maybe": 2}),
        learner("lightgbm", class_weight={"no": 1, "yes": 1, "maybe": 2}),
    ],
    ids=repr,
)
def test_a_label_that_the_target_does_not_have_is_told_before_a_fit(member, rows):
    X, z, _ = rows
    with pytest.raises(
        ParameterError, match="member 'm': .*class_weight.* names the label 'maybe', and the classes are"
    ):
        ensemble(member).fit(X, np.array(["no", "yes"])[z])


def test_weights_for_another_number_of_classes(rows):
    X, z, _ = rows
    with pytest.raises(ParameterError, match="has 3 values for 2 classes"):
        ensemble(learner("lightgbm", class_weight=[1, 2, 3])).fit(X, z)
    for wrong in (-1, float("nan"), "much", None):
        with pytest.raises(ParameterError, match="member 'm': class_weight holds .*, expected numbers from zero up"):
            ensemble(learner("ridge", class_weight={1: wrong})).fit(X, z)
    with pytest.raises(ParameterError, match="class_weight is 'balance', expected 'balanced'"):
        ensemble(learner("lightgbm", class_weight="balance")).fit(X, z)
    with pytest.raises(ParameterError, match="names a class twice"):
        ensemble(learner("ridge", class_weight={1: 2, "1": 3})).fit(X, z)
    with pytest.raises(ParameterError, match="class_weight is about classes"):
        EnsembleRegressor([("m", learner("lightgbm", class_weight={1: 2}))]).fit(X, X[:, 0])


@pytest.mark.parametrize(
    "member", [LogisticRegression(), learner("ridge"), learner("catboost", iterations=5)], ids=repr
)
def test_a_training_part_without_a_class_that_has_a_weight(member, rows):
    X, _, t = rows
    y = np.array(["a", "b", "c"])[t]
    member = clone(member)
    member.set_params(**{"class_weights" if "catboost" in member.__module__ else "class_weight": {"a": 2, "c": 3}})
    rare = np.flatnonzero(y == "c")
    folds = [(np.setdiff1d(np.arange(N), rare), rare), (np.arange(0, N, 2), np.arange(1, N, 2))]
    fitted = EnsembleClassifier([("m", member)], "mean", cv=folds, random_state=0).fit(X, y)
    oof = fitted.oof_predictions_[:, 0]
    first = np.setdiff1d(rare, folds[1][1])
    assert np.array_equal(oof[first, 2], np.zeros(len(first)))
    assert np.allclose(fitted.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("order", [1, -1])
def test_an_estimator_that_knows_its_labels_and_may_tell_them_in_any_order(order, rows, tmp_path):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    right = LogisticRegression().fit(X, y == "yes").predict_proba(X)
    for finalize in ("refit", "bag"):
        got = ensemble(Picky(order=order), finalize=finalize).fit(X, y)
        assert np.allclose(got.predict_proba(X), right, atol=0 if finalize == "refit" else 0.2)
    got.save(tmp_path / "bundle", trusted=["tests.*", f"{__name__}.*"])
    loaded = byoe.load(tmp_path / "bundle", trusted=["tests.*", f"{__name__}.*"])
    assert np.array_equal(loaded.predict_proba(X), got.predict_proba(X))


def test_inner_searches_and_thresholds_know_the_positive_label(rows):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    score = make_scorer(f1_score, pos_label="yes")
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, scoring=score, cv=3)
    threshold = TunedThresholdClassifierCV(LogisticRegression(), scoring=score, cv=3, random_state=0)
    alone = [clone(member).fit(X, y).predict_proba(X) for member in (search, threshold)]
    assert np.array_equal(ensemble(search).fit(X, y).predict_proba(X), alone[0])
    with pytest.warns(UserWarning, match="the threshold of member 'm' is not used"):
        fitted = ensemble(threshold).fit(X, y)
    assert np.array_equal(fitted.predict_proba(X), alone[1])


@pytest.mark.parametrize("labels", [[3, 7], [False, True]])
def test_labels_in_an_array_of_objects_are_scored_as_they_are_fitted(labels, rows):
    X, z, _ = rows
    y = np.array(labels, dtype=object)[z]
    fitted = ensemble(LogisticRegression()).fit(X, y)
    assert fitted.score(X, y) == LogisticRegression().fit(X, z).score(X, z)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([1, 2])], ids=["texts", "numbers"])
def test_estimators_of_xgboost_take_codes_only_and_get_them(labels, rows):
    X, z, _ = rows
    for member in (
        XGBClassifier(n_estimators=5, n_jobs=1),
        make_pipeline(StandardScaler(), XGBClassifier(n_estimators=5)),
    ):
        right = clone(member).fit(X, z).predict_proba(X)
        got = ensemble(member).fit(X, labels[z])
        assert np.allclose(got.predict_proba(X), right, atol=1e-6)
        assert set(got.predict(X)) <= set(labels)


def test_a_member_without_probabilities_votes_for_labels(rows):
    X, _, t = rows
    y = np.array([3, 1, 2])[t]
    got = ensemble(RidgeClassifier(class_weight={3: 5}), "vote").fit(X, y)
    assert np.array_equal(got.predict(X), RidgeClassifier(class_weight={3: 5}).fit(X, y).predict(X))


def test_a_frozen_member_answers_in_its_labels(rows, tmp_path):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    model = LogisticRegression(class_weight={"yes": 4}).fit(X, y)
    got = ensemble(FrozenEstimator(model)).fit(X, y)
    assert np.array_equal(got.predict_proba(X), model.predict_proba(X))
    got.save(tmp_path / "bundle")
    assert np.array_equal(byoe.load(tmp_path / "bundle").predict_proba(X), got.predict_proba(X))
    with pytest.raises(ParameterError, match="member 'm' was fitted on the classes"):
        ensemble(FrozenEstimator(model)).fit(X, z)


@pytest.mark.parametrize("labels", PAIRS.values(), ids=PAIRS)
def test_a_meta_model_is_what_it_is_on_codes(labels, rows, tmp_path):
    X, z, _ = rows
    y = labels[z]
    for blender in (
        LogisticRegression,
        lambda **given: byoe.blender("meta-linear", estimator=LogisticRegression(**given)),
    ):
        right = ensemble("ridge", blender(class_weight={1: 10})).fit(X, z).predict_proba(X)
        got = ensemble("ridge", blender(class_weight={labels[1].item(): 10})).fit(X, y)
        assert np.array_equal(got.predict_proba(X), right)
    got.save(tmp_path / "bundle")
    assert np.array_equal(byoe.load(tmp_path / "bundle").predict_proba(X), right)
    plain = ensemble("ridge", "mean").fit(X, y)
    assert np.array_equal(plain.reblend(blender(class_weight={labels[1].item(): 10})).predict_proba(X), right)
    with pytest.raises(ParameterError, match="class_weight names the label 'other'"):
        ensemble("ridge", blender(class_weight={"other": 10})).fit(X, y)


def test_a_meta_model_may_have_its_classes_in_any_order(rows, tmp_path):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    right = ensemble("ridge", Picky()).fit(X, y).predict_proba(X)
    got = ensemble("ridge", Picky(order=-1)).fit(X, y)
    assert np.allclose(got.predict_proba(X), right, atol=1e-12)
    trusted = ["tests.*", f"{__name__}.*"]
    got.save(tmp_path / "bundle", trusted=trusted)
    assert np.array_equal(byoe.load(tmp_path / "bundle", trusted=trusted).predict_proba(X), got.predict_proba(X))


def test_a_store_keeps_apart_what_is_called_differently(rows, tmp_path):
    X, z, _ = rows

    def fitted(labels):
        member = LogisticRegression(class_weight={1: 10})
        return ensemble(member, store=tmp_path / "store").fit(X, np.array(labels)[z]).predict_proba(X)

    right = ensemble(LogisticRegression(class_weight={1: 10})).fit(X, np.array([1, 2])[z]).predict_proba(X)
    fitted([0, 1])
    for _ in range(2):
        assert np.array_equal(fitted([1, 2]), right)


def test_worker_processes_know_the_labels(rows):
    X, z, _ = rows
    y = np.array(["no", "yes"])[z]
    members = [("a", LogisticRegression(class_weight={"yes": 5})), ("b", learner("ridge", class_weight={"yes": 5}))]

    def fitted():
        return EnsembleClassifier(members, "mean", cv=FOLDS, finalize="refit", random_state=0).fit(X, y)

    right = fitted().predict_proba(X)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert np.allclose(fitted().predict_proba(X), right, atol=1e-12)


def test_an_answer_in_other_labels_is_refused(rows):
    X, z, _ = rows

    class Coding(Picky):
        def fit(self, X, y):
            super().fit(X, y)
            self.classes_ = np.array([0, 1])
            return self

    with pytest.raises(MemberError, match="has the classes_ 0, 1, and it was fitted on 'no', 'yes'"):
        ensemble(Coding()).fit(X, np.array(["no", "yes"])[z])


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.array([1, "a"] * 60, dtype=object), "labels of different types .*whole number.*text"),
        (np.array([True, 2] * 60, dtype=object), "labels of different types"),
        (np.array([b"a", b"b"] * 60), "the labels are bytes; make them texts"),
        (np.array([(1, 2)] * 120 + [None], dtype=object)[:-1], "Unknown label type: tuple"),
        (np.tile([0, 1, 1], (120, 1)), "label 0 is in no row"),
        (np.tile([0, 1, 2], (120, 1)), "3 targets at once .*ClassifierChain"),
        ([["a"], ["a", "b"]] * 60, "several labels for each row"),
        (np.linspace(0, 1, 120), "continuous.*EnsembleRegressor"),
        (np.array(["2020-01-01", "2020-01-02"] * 60, dtype="datetime64[D]"), "Unknown label type: datetime64"),
        (np.ma.masked_array(np.arange(120) % 2, mask=np.arange(120) == 5), "the target is missing in 1 of 120 rows"),
        (3, "y is a single value .3.; .* with an entry for each row"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_targets_that_are_no_classes_are_told_what_to_do(y, text, rows):
    with pytest.raises(InputError, match=text):
        EnsembleClassifier(["ridge"], cv=3).fit(rows[0][:120], y)


def test_labels_of_objects_are_what_they_hold(rows):
    pd = pytest.importorskip("pandas")
    X, z, _ = rows
    cases = {
        "int64": [
            np.array([1, 2], dtype=object)[z],
            pd.Series(z + 1, dtype="Int64"),
            pd.Series(z + 1).astype("category"),
        ],
        "bool": [(z == 1).astype(object), pd.Series(z == 1, dtype="boolean")],
        "object": [np.array(["a", "b"], dtype=object)[z], pd.Series(np.array(["a", "b"])[z], dtype="string")],
    }
    for dtype, targets in cases.items():
        for y in targets:
            fitted = ensemble("ridge").fit(X, y)
            assert fitted.classes_.dtype == dtype
            assert set(fitted.predict(X)) == set(fitted.classes_)


def test_a_class_with_two_rows_is_not_warned_of_in_the_words_of_another_library(rows):
    X, z, _ = rows
    y = np.where(np.arange(N) < 2, 2, z)  # warnings are errors here
    EnsembleClassifier(["ridge"], cv=5, random_state=0).fit(X, y)
    EnsembleClassifier(["ridge"], cv=StratifiedKFold(5), random_state=0).fit(X, y)


def test_a_member_that_needs_two_rows_of_each_class_says_so_first(rows):
    X, z, _ = rows
    y = np.array(["no", "yes", "rare"])[np.where(np.arange(N) < 2, 2, z)]
    with pytest.raises(InputError, match="member 'svm' needs 2 rows of each class, .* holds 1 of class 'rare'"):
        EnsembleClassifier(["ridge", "svm"], cv=5, random_state=0).fit(X, y)
    skipped = EnsembleClassifier(["ridge", "svm"], cv=5, random_state=0, on_error="skip").fit(X, y)
    assert list(skipped.members_) == ["ridge"]


@pytest.mark.parametrize("labels", [np.array([1, 2]), np.array([False, True])], ids=["numbers", "booleans"])
def test_a_job_has_the_labels_too_and_hyperparameters_name_them_in_texts(labels, rows, tmp_path):
    pd = pytest.importorskip("pandas")
    X, z, _ = rows
    table = pd.DataFrame(X, columns=list("abc")).assign(y=labels[z])

    def members(weights):
        both = [("a", learner("lightgbm", n_estimators=5, class_weight=weights)), ("b", LogisticRegression())]
        both[1][1].set_params(class_weight=weights)
        return EnsembleClassifier(both, "mean", cv=3, random_state=0)

    second = labels[1].item()
    right = members({second: 10}).fit(table[list("abc")], table["y"]).predict_proba(table[list("abc")])
    texts = {f"{label}__class_weight": {str(second): 10} for label in "ab"}
    for given, options in ((members({second: 10}), {}), (members(None), {"hyperparameters": texts})):
        job = byoe.sagemaker.fit(given, table, target="y", output=tmp_path, logs=False, **options)
        assert np.array_equal(job.ensemble().predict_proba(table[list("abc")]), right)
