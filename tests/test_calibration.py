"""Probabilities that mean what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

import byoe
from byoe import EnsembleClassifier, blender
from byoe.blenders._calibrated import METHODS, Calibrated
from byoe.errors import ParameterError
from byoe.plugins import OOF, Task


def overconfident(rng, n, k, factor=3.0):
    """Return probabilities that are too sure, labels, and the true probabilities."""
    logits = rng.normal(size=(n, k))
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sure = truth**factor
    y = (truth.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return sure / sure.sum(axis=1, keepdims=True), y, truth


def oof_of(p, y):
    rows = np.arange(len(y))
    folds = tuple((rows[rows % 5 != i], rows[rows % 5 == i]) for i in range(5))
    return OOF(p[:, None], y, Task("classification", p.shape[1]), folds=folds)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_overconfidence_is_corrected(method, k, rng):
    p, y, _ = overconfident(rng, 3000, k)
    made = Calibrated(blender("mean"), method).fit(oof_of(p, y))
    fresh, labels, fresh_truth = overconfident(rng, 3000, k)
    mapped = made.predict(fresh[:, None])
    np.testing.assert_allclose(mapped.sum(axis=1), 1.0)
    best = log_loss(labels, fresh_truth)
    assert log_loss(labels, mapped) - best < 0.2 * (log_loss(labels, fresh) - best)


def test_the_temperature_is_the_one_that_was_put_in(rng):
    p, y, _ = overconfident(rng, 20_000, 3, factor=2.5)
    made = Calibrated(blender("mean"), "temperature").fit(oof_of(p, y))
    assert made.calibration()["map"] == pytest.approx(2.5, rel=0.06)


def test_isotonic_and_sigmoid_are_scikit_learns(rng):
    p, y, _ = overconfident(rng, 500, 2)
    isotonic = Calibrated(blender("mean"), "isotonic").fit(oof_of(p, y)).predict(p[:, None])
    expected = IsotonicRegression(out_of_bounds="clip").fit(p[:, 1], y).predict(p[:, 1])
    np.testing.assert_allclose(isotonic[:, 1], expected, atol=1e-12)
    sigmoid = Calibrated(blender("mean"), "sigmoid").fit(oof_of(p, y)).predict(p[:, None])
    odds = np.log(p[:, 1] / p[:, 0])[:, None]
    np.testing.assert_allclose(sigmoid, LogisticRegression(C=1e4).fit(odds, y).predict_proba(odds), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 4), method=st.sampled_from(METHODS))
def test_the_result_is_a_probability_whatever_comes_in(seed, k, method):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.2), size=30)
    y = rng.integers(0, k, 30)
    mapped = Calibrated(blender("mean"), method).fit(oof_of(p, y)).predict(np.vstack([p, np.eye(k)])[:, None])
    assert np.isfinite(mapped).all()
    assert (mapped >= 0).all()
    np.testing.assert_allclose(mapped.sum(axis=1), 1.0)


@pytest.mark.parametrize("method", [True, *METHODS])
def test_an_ensemble_of_overconfident_members(method, tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    first, second = np.arange(len(y)) % 2 == 0, np.arange(len(y)) % 2 == 1
    members = [("bayes", GaussianNB())]
    plain = EnsembleClassifier(members, "mean", random_state=0).fit(X[first], y[first])
    made = EnsembleClassifier(members, "mean", calibrate=method, random_state=0).fit(X[first], y[first])
    losses = [log_loss(y[second], e.predict_proba(X[second])) for e in (plain, made)]
    assert losses[1] < 0.7 * losses[0]
    assert -made.score_estimate_ < 0.7 * -plain.score_estimate_
    if method in (True, "temperature"):
        assert np.array_equal(plain.predict(X), made.predict(X))
    loaded = byoe.load(made.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), made.predict_proba(X))
    assert loaded.reblend("weighted").blender_.method == made.blender_.method
    assert made.blender_.weights_ == pytest.approx([1.0])


def test_the_estimate_is_that_of_rows_that_the_map_did_not_see():
    X, y = make_classification(400, 8, flip_y=0.3, random_state=0)
    ensemble = EnsembleClassifier(["ridge", ("bayes", GaussianNB())], "auto", calibrate="isotonic", random_state=0)
    ensemble.fit(X, y)
    in_sample = ensemble.blender_.predict(ensemble.oof_predictions_)
    assert -ensemble.score_estimate_ > log_loss(y, in_sample)


def test_weights_count(rng):
    p, y, _ = overconfident(rng, 400, 2)
    weight = np.r_[np.ones(200), np.zeros(200)]
    for method in METHODS:
        whole = oof_of(p, y)
        weighed = OOF(whole.predictions, y, whole.task, weight, folds=whole.folds)
        changed = OOF(whole.predictions, np.r_[y[:200], 1 - y[200:]], whole.task, weight, folds=whole.folds)
        first, second = (
            Calibrated(blender("mean"), method).fit(one).calibration()["map"] for one in (weighed, changed)
        )
        np.testing.assert_allclose(np.ravel(first), np.ravel(second), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        ("platt", "mean", "calibrate is 'platt', expected True, False or one of"),
        (True, "vote", "calibrate needs probabilities"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(given, name, message, iris):
    with pytest.raises(ParameterError, match=message):
        EnsembleClassifier(["ridge"], name, calibrate=given).fit(*iris)
