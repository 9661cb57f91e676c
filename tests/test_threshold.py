"""The threshold of two classes: whatever predicts, serves, scores and draws follows it; and it is found honestly."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, fbeta_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV

import byoe
from byoe import EnsembleClassifier, learner
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric
from byoe.scoring._threshold import _candidates, best_threshold

FEW = {"cv": 3, "random_state": 0, "n_jobs": 1}
MEMBERS = ["ridge", "knn"]


@pytest.fixture(scope="module")
def rare():
    X, y = make_classification(300, 5, weights=[0.85], flip_y=0.1, random_state=3)
    return X, np.array(["no", "yes"])[y]


@pytest.fixture(scope="module")
def plain(rare):
    return EnsembleClassifier(MEMBERS, "mean", **FEW).fit(*rare)


def test_a_number_is_what_predict_goes_by(rare, plain):
    X, y = rare
    fitted = EnsembleClassifier(MEMBERS, "mean", threshold=0.2, **FEW).fit(X, y)
    expected = np.where(plain.predict_proba(X)[:, 1] >= 0.2, "yes", "no")
    assert np.array_equal(fitted.predict(X), expected)
    assert np.array_equal(plain.with_threshold(0.2).predict(X), expected)
    assert np.array_equal(fitted.predict_proba(X), plain.predict_proba(X))
    assert fitted.score(X, y) == pytest.approx((expected == y).mean())
    assert (plain.threshold_, fitted.threshold_) == (None, 0.2)
    assert np.array_equal(fitted.with_threshold(None).predict(X), plain.predict(X))


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("f1", lambda y, p: f1_score(y, p)),
        ("balanced_accuracy", balanced_accuracy_score),
        (make_scorer(fbeta_score, beta=2, pos_label="yes"), lambda y, p: fbeta_score(y, p, beta=2)),
    ],
)
def test_a_metric_finds_the_best_on_rows_that_no_model_saw(rare, plain, metric, score):
    X, y = rare
    found = plain.with_threshold(metric)
    p, codes = plain.oof_blend_[:, 1], (y == "yes").astype(int)
    brute = max(score(codes, (p >= t).astype(int)) for t in np.linspace(0.01, 0.99, 981))
    assert score(codes, (p >= found.threshold_).astype(int)) >= brute - 0.01
    again = EnsembleClassifier(MEMBERS, "mean", threshold=metric, **FEW).fit(X, y)
    assert again.threshold_ == found.threshold_


def test_the_score_of_a_fold_is_by_a_threshold_found_without_it(rare):
    X, y = rare
    fitted = EnsembleClassifier(MEMBERS, "mean", threshold="balanced_accuracy", metric="balanced_accuracy", **FEW)
    fitted.fit(X, y)
    oof, record = fitted._oof, fitted._record
    metric = find_metric("balanced_accuracy", fitted._task)
    decided = np.full(len(y), -1)
    folds = oof.plan.blend_folds(record.seed)
    assert len(record.fold_thresholds) == len(folds) == 3
    for (train, test), threshold in zip(folds, record.fold_thresholds, strict=True):
        assert threshold == best_threshold(metric, oof, train)
        decided[test] = oof.blend[test, 1] >= threshold
    expected = balanced_accuracy_score(oof.y, decided)
    assert fitted.score_estimate_ == pytest.approx(expected)
    assert fitted.leaderboard_["blend"]["balanced_accuracy"] == pytest.approx(expected)
    by_one_half = balanced_accuracy_score(oof.y, oof.blend.argmax(axis=1))
    assert fitted.score_estimate_ > by_one_half + 0.01
    assert any(note.startswith("threshold: yes is predicted from") for note in fitted.leaderboard_.notes)


def test_labels_of_a_fold_do_not_choose_its_threshold(rare):
    X, y = rare
    fitted = EnsembleClassifier(MEMBERS, "mean", **FEW).fit(X, y).with_threshold("f1")
    metric, oof = find_metric("f1", fitted._task), fitted._oof
    train, test = oof.plan.blend_folds(fitted._record.seed)[0]
    changed = oof.y.copy()
    changed[test] = 1 - changed[test]
    from dataclasses import replace

    assert best_threshold(metric, replace(oof, y=changed), train) == fitted._record.fold_thresholds[0]


def test_on_noise_the_estimate_is_not_better_than_chance():
    rng = np.random.default_rng(0)
    found = []
    for seed in range(12):
        X, y = rng.normal(size=(120, 3)), rng.integers(2, size=120)
        ensemble = EnsembleClassifier(
            ["ridge"], "mean", threshold="accuracy", metric="accuracy", cv=4, random_state=seed
        )
        found.append(ensemble.fit(X, y).score_estimate_)
    assert abs(np.mean(found) - 0.5) < 0.05


def test_a_metric_of_probabilities_does_not_mind(rare, plain):
    assert plain.with_threshold("f1").score_estimate_ == plain.score_estimate_
    assert plain.with_threshold(0.1).leaderboard_["blend"] == plain.leaderboard_["blend"]


def test_the_board_of_new_rows_is_by_it(rare):
    X, y = rare
    fitted = EnsembleClassifier(MEMBERS, "mean", threshold=0.2, metric="accuracy", **FEW).fit(X[:200], y[:200])
    board = fitted.leaderboard(X[200:], y[200:])
    assert board["blend"]["accuracy"] == pytest.approx(fitted.score(X[200:], y[200:]))
    assert fitted.leaderboard_["blend"]["in_sample"] is not None
    assert fitted.diagnose()["blend"]["accuracy"] == fitted.leaderboard_["blend"]["accuracy"]


def test_it_travels(rare, plain, tmp_path):
    X, _ = rare
    tuned = plain.with_threshold("f1")
    made = from_spec(json.loads(json.dumps(to_spec(tuned))))
    assert made.threshold == "f1"
    loaded = byoe.load(tuned.save(tmp_path / "model"))
    assert loaded.threshold_ == tuned.threshold_
    assert np.array_equal(loaded.predict(X), tuned.predict(X))
    assert np.array_equal(loaded.with_threshold(0.1).predict(X), tuned.with_threshold(0.1).predict(X))
    bare = byoe.load(tuned.save(tmp_path / "bare", oof=False))
    assert np.array_equal(bare.predict(X), tuned.predict(X))
    assert bare.with_threshold(0.3).threshold_ == 0.3
    with pytest.raises(ParameterError, match="found on out-of-fold rows"):
        bare.with_threshold("f1")
    again = byoe.load(bare.with_threshold(0.3).save(tmp_path / "again", oof=False))
    assert np.array_equal(again.predict(X), tuned.with_threshold(0.3).predict(X))
    assert (tuned.prune().threshold_, tuned.reblend("weighted").threshold) == (tuned.threshold_, "f1")
    assert tuned.drop_members("knn").threshold_ is not None
    assert clone(tuned).threshold == "f1"


def test_a_bundle_of_before_has_none(rare, plain, tmp_path):
    from byoe.bundle._manifest import write_manifest

    folder = plain.save(tmp_path / "old")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest = {
        key: value for key, value in manifest.items() if "threshold" not in key and key not in ("format", "files")
    }
    del manifest["spec"]["params"]["threshold"], manifest["spec"]["params"]["class_weight"]
    for name in ("manifest.json", "manifest.sha256"):
        (folder / name).unlink()
    write_manifest(folder, manifest)
    old = byoe.load(folder)
    assert old.threshold_ is None
    assert np.array_equal(old.predict(rare[0]), plain.predict(rare[0]))


def test_the_served_label_follows(rare, plain, tmp_path):
    from byoe.serving._runtime import Runtime

    X, _ = rare
    tuned = plain.with_threshold(0.15)
    runtime = Runtime(tuned.save(tmp_path / "model"))
    table = tuned._read(X)
    assert np.array_equal(runtime.predict(table), tuned.predict(X))
    assert (runtime.predict(table) != plain.predict(X)).any()


def test_onnx_follows(rare, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X, y = rare
    tuned = EnsembleClassifier(["ridge"], "mean", threshold=0.2, **FEW).fit(X, y)
    session = runtime.InferenceSession(str(tuned.to_onnx(tmp_path / "model.onnx")), providers=["CPUExecutionProvider"])
    label, probabilities = session.run(None, {"X": X})
    assert np.array_equal(np.asarray(label, dtype=str), tuned.predict(X))
    assert np.allclose(probabilities, tuned.predict_proba(X))


def test_the_confusion_matrix_follows(rare, plain):
    pytest.importorskip("matplotlib")
    from sklearn.metrics import confusion_matrix

    X, y = rare
    tuned = plain.with_threshold("balanced_accuracy")
    ax = byoe.plots.confusion(tuned)
    record = tuned._record
    decided = np.zeros(len(y), dtype=int)
    for (_, test), threshold in zip(tuned._oof.plan.blend_folds(record.seed), record.fold_thresholds, strict=True):
        decided[test] = tuned._oof.blend[test, 1] >= threshold
    counts = confusion_matrix(tuned._oof.y, decided).ravel()
    assert [text.get_text().split("\n")[0] for text in ax.texts] == [f"{count:.6g}" for count in counts]
    assert f"at a threshold of {tuned.threshold_:.3g}" in ax.get_xlabel()
    new = byoe.plots.confusion(tuned, X, y)
    counts = confusion_matrix(y, tuned.predict(X)).ravel()
    assert [text.get_text().split("\n")[0] for text in new.texts] == [f"{count:.6g}" for count in counts]


def test_tuning_counts_it(rare):
    pytest.importorskip("optuna")
    ensemble = EnsembleClassifier(MEMBERS, "mean", threshold="balanced_accuracy", metric="balanced_accuracy", **FEW)
    tuned = byoe.tune(ensemble, *rare, {"knn__n_neighbors": [5, 9]}, n_trials=2)
    assert tuned.default_value == pytest.approx(clone(ensemble).fit(*rare).score_estimate_)


def test_with_calibration_and_class_weight(rare):
    X, y = rare
    given = {"calibrate": "sigmoid", "class_weight": "balanced", "threshold": "f1"}
    fitted = EnsembleClassifier(["ridge", "lightgbm"], "weighted", **given, **FEW).fit(X, y)
    assert np.array_equal(fitted.predict(X) == "yes", fitted.predict_proba(X)[:, 1] >= fitted.threshold_)
    assert fitted.threshold_ < 0.5


def test_scikit_learns_thresholds_around_an_ensemble_and_inside(rare):
    X, y = rare
    inner = EnsembleClassifier(["ridge"], "mean", **FEW)
    fixed = FixedThresholdClassifier(inner, threshold=0.2, pos_label="yes").fit(X, y)
    assert np.array_equal(fixed.predict(X), clone(inner).set_params(threshold=0.2).fit(X, y).predict(X))
    tuned = TunedThresholdClassifierCV(inner, cv=3, random_state=0).fit(X, y)
    assert balanced_accuracy_score(y, tuned.predict(X)) > balanced_accuracy_score(y, clone(inner).fit(X, y).predict(X))
    with pytest.warns(UserWarning, match="the threshold of member"):
        EnsembleClassifier([("cautious", FixedThresholdClassifier(LogisticRegression(), threshold=0.2))], **FEW).fit(
            X, y
        )
    with pytest.warns(UserWarning, match="the threshold of member 'inner', an ensemble, is not used"):
        EnsembleClassifier([("inner", clone(inner).set_params(threshold=0.2)), "ridge"], "mean", **FEW).fit(X, y)
    search = GridSearchCV(inner, {"threshold": [None, 0.2, "f1"]}, scoring="balanced_accuracy", cv=3).fit(X, y)
    assert search.best_params_["threshold"] is not None


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (1.0, "expected a probability above 0 and below 1"),
        (0, "expected a probability above 0 and below 1"),
        (True, "expected a probability above 0 and below 1"),
        (float("nan"), "expected a probability above 0 and below 1"),
        ("roc_auc", "looks at no predicted class"),
        ("log_loss", "looks at no predicted class"),
        ("f2", "No metric is called 'f2'"),
        (make_scorer(f1_score), "pos_label=1 is not a valid label"),
    ],
)
def test_what_is_no_threshold_is_said_before_anything_is_fitted(rare, threshold, told):
    fitted = []
    with pytest.raises(ParameterError, match=told):
        EnsembleClassifier(MEMBERS, "mean", threshold=threshold, callbacks=fitted.append, **FEW).fit(*rare)
    assert not fitted


def test_there_must_be_two_classes_with_probabilities(rare):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ParameterError, match="for two classes, and the target has 3 classes"):
        EnsembleClassifier(["ridge"], threshold=0.3, **FEW).fit(X, y)
    with pytest.raises(ParameterError, match="several labels"):
        EnsembleClassifier(["ridge"], threshold=0.3, **FEW).fit(
            X[:100], np.column_stack([y[:100] == 1, X[:100, 0] > 5])
        )
    with pytest.raises(ParameterError, match="blender 'vote' gives none"):
        EnsembleClassifier(["ridge"], learner_vote(), threshold=0.3, **FEW).fit(*rare)


@pytest.mark.parametrize("threshold", [0.15, "f1"])
def test_a_member_is_missed_by_what_the_ensemble_without_it_decides(rare, threshold):
    X, y = rare
    metric = make_scorer(f1_score, pos_label="yes")
    fitted = EnsembleClassifier(MEMBERS, "mean", metric=metric, threshold=threshold, **FEW).fit(X[:120], y[:120])
    diagnosis = {row["member"]: row for row in fitted.diagnose()}
    for label in fitted.members_:
        loss = fitted.score_estimate_ - fitted.drop_members(label).score_estimate_
        assert diagnosis[label]["loses_without"] == pytest.approx(loss, abs=1e-12)
    undecided = {row["member"]: row for row in fitted.with_threshold(None).diagnose()}
    assert any(undecided[label]["loses_without"] != diagnosis[label]["loses_without"] for label in fitted.members_)


def test_a_column_matters_by_what_is_decided(rare, plain):
    X, y = rare
    scoring = make_scorer(f1_score, pos_label="yes")
    fitted = plain.with_threshold(0.15).set_params(metric=scoring)
    expected = permutation_importance(fitted, X, y, scoring=scoring, n_repeats=2, random_state=0)
    found = {row["column"]: row["importance"] for row in fitted.importances(X, y, n_repeats=2)}
    assert [found[f"column {i}"] for i in range(5)] == pytest.approx(list(expected.importances_mean), abs=1e-12)


def learner_vote():
    return byoe.blender("vote", voting="hard")


def test_candidates_lie_between_probabilities_and_are_few():
    rng = np.random.default_rng(0)
    p, y = rng.random(5_000), rng.integers(2, size=5_000)
    tried = _candidates(p, y)
    assert len(tried) <= 203
    assert not np.isin(tried[tried != 0.5], p).any()
    assert (np.diff(np.abs(tried - 0.5)) >= 0).all()
    assert sorted(_candidates(np.array([0.1, 0.3, 0.3, 0.9]), np.array([0, 0, 1, 1]))) == pytest.approx([0.2, 0.5, 0.6])


def test_a_fold_of_one_class_is_decided_in_the_middle(plain):
    from dataclasses import replace

    metric = find_metric("f1", plain._task)
    assert best_threshold(metric, replace(plain._oof, y=np.zeros(300, dtype=int)), np.arange(300)) == 0.5


def test_learners_keep_their_own(rare):
    fitted = EnsembleClassifier([learner("ridge", class_weight={"yes": 3})], "mean", threshold=0.4, **FEW).fit(*rare)
    assert fitted.threshold_ == 0.4
