"""Rows that may have several labels at the same time: a matrix of 0 and 1."""

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

import byoe
from byoe import EnsembleClassifier, learner
from byoe.errors import InputError, ParameterError
from byoe.serving import _runtime

FOLDS = KFold(3, shuffle=True, random_state=0)
MEMBERS = ("ridge", "knn", learner("lightgbm", n_estimators=10), learner("catboost", iterations=10))


@pytest.fixture(scope="module")
def data():
    return make_multilabel_classification(240, 6, n_classes=3, random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    return EnsembleClassifier(MEMBERS, "weighted", cv=FOLDS, random_state=0).fit(*data)


@pytest.mark.parametrize(
    "blender", ["mean", "weighted", "greedy", "meta-linear", "best", "auto", "adjusted", LogisticRegression()]
)
@pytest.mark.parametrize("calibrate", [False, "isotonic"])
def test_each_label_is_as_an_ensemble_of_its_own_would_have_it(data, blender, calibrate):
    X, Y = data
    given = {"cv": FOLDS, "random_state": 0, "early_stopping": False, "calibrate": calibrate}
    together = EnsembleClassifier(MEMBERS, blender, **given).fit(X, Y)
    probabilities = together.predict_proba(X)
    assert probabilities.shape == Y.shape
    for label, target in enumerate(Y.T):
        alone = EnsembleClassifier(MEMBERS, blender, **given).fit(X, target)
        np.testing.assert_allclose(probabilities[:, label], alone.predict_proba(X)[:, 1], rtol=0, atol=1e-6)
        np.testing.assert_allclose(together.oof_predictions_[:, :, label], alone.oof_predictions_[:, :, 1])
    assert np.array_equal(together.predict(X), probabilities > 0.5)


def test_it_tells_what_scikit_learns_classifiers_of_several_labels_tell(fitted, data):
    X, Y = data
    assert [classes.tolist() for classes in fitted.classes_] == [[0, 1]] * 3
    assert fitted.predict(X).dtype == Y.dtype
    assert fitted.score(X, Y) == accuracy_score(Y, fitted.predict(X)) > 0.5
    assert fitted.blender_.weights_.shape == (4, 3)
    assert fitted.transform(X).shape == (240, 12)
    assert list(fitted.get_feature_names_out())[:3] == ["ridge_0", "ridge_1", "ridge_2"]
    for scoring in ("f1_macro", "roc_auc"):
        assert cross_val_score(fitted, X, Y, scoring=scoring, cv=2, error_score="raise").min() > 0.6
    assert cross_val_predict(fitted, X, Y, method="predict_proba", cv=2).shape == (240, 3)
    two = cross_val_score(fitted, X, Y[:, :2], scoring="roc_auc", cv=KFold(2), error_score="raise")
    assert two.min() > 0.6


@pytest.mark.parametrize(
    ("metric", "right"),
    [
        ("auto", lambda y, p: -np.mean([log_loss(one, two) for one, two in zip(y.T, p.T, strict=True)])),
        ("roc_auc", roc_auc_score),
        ("accuracy", lambda y, p: accuracy_score(y, p > 0.5)),
        ("f1_macro", lambda y, p: f1_score(y, p > 0.5, average="macro")),
        (make_scorer(f1_score, average="micro"), lambda y, p: f1_score(y, p > 0.5, average="micro")),
    ],
)
def test_the_score_is_that_of_scikit_learn(data, metric, right):
    X, Y = data
    ensemble = EnsembleClassifier(["ridge", "knn"], "mean", cv=FOLDS, metric=metric, random_state=0).fit(X, Y)
    assert ensemble.score_estimate_ == pytest.approx(right(Y, ensemble.oof_predictions_.mean(axis=1)), rel=1e-12)


@pytest.mark.parametrize("form", [csr_array, pd.DataFrame, lambda Y: Y.astype(bool), lambda Y: Y.tolist()])
def test_the_labels_may_come_in_any_form(fitted, data, form):
    X, Y = data
    other = EnsembleClassifier(MEMBERS, "weighted", cv=FOLDS, random_state=0).fit(X, form(Y))
    assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(other.predict(X), fitted.predict(X))


def test_a_saved_one_predicts_the_same_and_is_served(fitted, data, tmp_path):
    X, _ = data
    loaded = byoe.load(fitted.save(tmp_path / "model"))
    served = _runtime.Runtime(tmp_path / "model")
    table = loaded._read(X)
    for one in (loaded.predict(X), served.predict(table)):
        assert np.array_equal(one, fitted.predict(X))
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert [classes.tolist() for classes in loaded.classes_] == [[0, 1]] * 3
    assert np.array_equal(loaded.reblend("mean").predict_proba(X), fitted.reblend("mean").predict_proba(X))


def test_a_label_may_be_absent_from_a_training_part(data, tmp_path):
    X, Y = data
    rare = Y.copy()
    rare[:, 1] = 0
    rare[:3, 1] = 1
    with_rows_in_order = EnsembleClassifier(["ridge", "knn"], "mean", cv=KFold(3), finalize="bag", random_state=0)
    ensemble = with_rows_in_order.fit(X, rare)
    assert (ensemble.oof_predictions_[:80, :, 1] == 0).all()
    assert np.array_equal(byoe.load(ensemble.save(tmp_path / "m")).predict_proba(X), ensemble.predict_proba(X))
    with pytest.raises(ParameterError, match="a label is in every training row of a fold or in none"):
        ensemble.explain(X[:3], output="margin")


def test_margins_importances_and_a_closer_look(fitted, data):
    X, _ = data
    ensemble = EnsembleClassifier(["ridge", MEMBERS[2]], "mean", cv=FOLDS, random_state=0).fit(*data)
    margins = ensemble.explain(X[:5], output="margin")
    assert margins["ridge"].shape == (5, 3, 7)
    assert ensemble.feature_importances_.shape == (6,)
    diagnosis = fitted.diagnose()
    assert diagnosis.correlation.shape == (4, 4)
    assert len(fitted.prune().members_) <= 4
    fewer, more = fitted.drop_members("knn"), fitted.drop_members("knn").add_members([("again", "knn")], X)
    assert set(fewer.members_) == {"ridge", "lightgbm", "catboost"}
    np.testing.assert_array_equal(more.oof_predictions_[:, -1], fitted.oof_predictions_[:, 1])


def test_early_stopping_groups_weights_and_a_store(data, tmp_path):
    X, Y = data
    groups, weight = np.arange(240) // 4, np.linspace(0.5, 2.0, 240)
    members = ["ridge", learner("lightgbm", n_estimators=30)]
    made = EnsembleClassifier(members, cv=3, early_stopping=True, store=tmp_path / "store", random_state=0)
    first = made.fit(X, Y, sample_weight=weight, groups=groups).predict_proba(X)
    again = EnsembleClassifier(members, cv=3, early_stopping=True, store=tmp_path / "store", random_state=0)
    assert np.array_equal(again.fit(X, Y, sample_weight=weight, groups=groups).predict_proba(X), first)


def test_worker_processes_make_the_same(data, fitted):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        other = EnsembleClassifier(MEMBERS, "weighted", cv=FOLDS, random_state=0).fit(*data)
    assert np.array_equal(other.predict_proba(data[0]), fitted.predict_proba(data[0]))


def test_a_graph_of_onnx_predicts_the_same(fitted, data, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, _ = data
    graph = onnxruntime.InferenceSession(fitted.to_onnx(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    label, probabilities = graph.run(["label", "probabilities"], {"X": X})
    np.testing.assert_allclose(probabilities, fitted.predict_proba(X), rtol=0, atol=1e-12)
    assert np.array_equal(label, fitted.predict(X))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda Y: Y + 1, "y has the shape .240, 3.: 3 targets at once .multi-output.*MultiOutputClassifier"),
        (lambda Y: Y.astype(str).astype(object) + "a", "3 targets at once .multi-output.*MultiLabelBinarizer"),
        (lambda Y: np.where(np.arange(240)[:, None] == 3, np.nan, Y), "the target is missing in 1 of 240 rows"),
        (lambda Y: np.where([True, True, False], Y, 0), "label 2 is in no row"),
        (lambda Y: np.where([False, True, True], Y, 1), "label 0 is in every row"),
    ],
)
def test_targets_that_are_no_labels(data, change, message):
    X, Y = data
    with pytest.raises(InputError, match=message):
        EnsembleClassifier(["ridge"]).fit(X, change(Y))


def test_members_that_cannot_learn_a_label_alone(data):
    X, Y = data
    with pytest.raises(ParameterError, match="member 'r' has no predict_proba, and of several labels each is learned"):
        EnsembleClassifier([("r", RidgeClassifier())], "vote").fit(X, Y)
    ready = FrozenEstimator(LogisticRegression().fit(X, Y[:, 0]))
    with pytest.raises(ParameterError, match="member 'f' is fitted already, and of several labels"):
        EnsembleClassifier([("f", ready)]).fit(X, Y)
