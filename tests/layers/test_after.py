"""What is done with a fitted ensemble works with two layers: saved, served, pruned, refitted, explained."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import ExtraTreesRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, learner, load
from byoe.bundle._reader import BundleReader
from byoe.ensemble._configure import configure
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError
from byoe.fitted._stacked import needed, stacked
from byoe.serving._runtime import Runtime

from .conftest import FOREST

pytestmark = pytest.mark.usefixtures("always")


def fitted(X, y, members=("ridge", "elastic_net"), blender="mean", kind=EnsembleRegressor, weight=None, **more):
    ensemble = kind(list(members), blender, layers=2, random_state=0, n_jobs=1, **more)
    return ensemble.fit(X, y, sample_weight=weight)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(90, 4))
    return X, X[:, 0] + np.abs(X[:, 1]) + 0.3 * rng.normal(size=90)


def test_predictions_are_those_of_the_layers_by_hand(rows):
    X, y = rows
    ensemble = fitted(X, y)
    members = ensemble.members_
    assert list(members) == ["ridge", "elastic_net", "ridge_2", "elastic_net_2"]
    table = ensemble._read(X)
    first = np.column_stack([members[label].predict(table, 1) for label in ("ridge", "elastic_net")])
    wide = np.column_stack([X, first])
    second = [np.mean([model.predict(wide) for model in members[f"{label}_2"].models], axis=0) for label in ("ridge", "elastic_net")]  # fmt: skip
    assert np.allclose(ensemble.transform(X), np.column_stack([first, *second]), rtol=1e-12)
    assert np.allclose(ensemble.predict(X), np.column_stack([first, *second]).mean(axis=1), rtol=1e-12)
    assert list(ensemble.get_feature_names_out()) == list(members)
    assert ensemble.oof_predictions_.shape == (90, 4)


def test_out_of_fold_predictions_are_those_of_the_folds_models(rows):
    X, y = rows
    ensemble = fitted(X, y, [FOREST, "ridge"], finalize="bag")
    table = ensemble._read(X)
    for number, (_, test) in enumerate(ensemble._oof.plan.folds):
        known = {}
        for column, (label, member) in enumerate(ensemble.members_.items()):
            known[label] = member.predict_by(number, table, 1, known)
            assert np.allclose(known[label][test], ensemble.oof_predictions_[test, column], rtol=1e-12)
    assert ensemble.interval_method_ == "cv+"


@pytest.mark.parametrize("blender", ["mean", "best"])
@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_saved_loaded_pickled_and_served_alike(rows, tmp_path, blender, finalize):
    X, y = rows
    ensemble = fitted(X, y, blender="mean", finalize=finalize).reblend(blender)
    saved = ensemble.save(tmp_path / "model")
    loaded = load(saved)
    expected = ensemble.predict(X)
    assert np.array_equal(loaded.predict(X), expected)
    assert np.array_equal(loaded.transform(X), ensemble.transform(X))
    assert loaded.layers_ == 2
    assert loaded.second_layer_ == ensemble.second_layer_
    assert loaded.leaderboard_ == ensemble.leaderboard_
    assert np.array_equal(pickle.loads(pickle.dumps(ensemble)).predict(X), expected)
    runtime = Runtime(saved)
    assert np.array_equal(runtime.predict(ensemble._read(X)), expected)
    assert np.array_equal(runtime.interval(ensemble._read(X), 0.8), ensemble.predict_interval(X, 0.8))
    assert np.array_equal(loaded.refit(X).predict(X), ensemble.refit(X).predict(X))


def test_what_is_served_is_lean_and_needs_what_feeds_it(rows, tmp_path):
    X, y = rows
    ensemble = fitted(X, y)
    best = ensemble.reblend("best")
    if not any(best.members_[label].feeders for label, used in zip(best.members_, best.blender_.used(4), strict=True) if used):  # fmt: skip
        best = ensemble.drop_members("elastic_net_2").reblend("mean")
    reader = BundleReader(best.save(tmp_path / "model"))
    used = needed(best.members_, best.blender_.used(len(best.members_)))
    assert [entry["used"] for entry in reader.manifest["members"]] == used.tolist()
    assert used[:2].all()
    assert reader.lean


def test_pruning_keeps_what_feeds_the_members_in_use(rows):
    X, y = rows
    ensemble = fitted(X, y, ["ridge", "elastic_net"])
    only = np.array([False, False, True, False])
    blend = ensemble.reblend("weighted")
    blend.blender_.weights_ = only.astype(float)
    pruned = blend.prune()
    assert list(pruned.members_) == ["ridge", "elastic_net", "ridge_2"]
    assert np.array_equal(pruned.predict(X), blend.predict(X))
    assert list(pruned.prune().members_) == list(pruned.members_)
    assert [row["member"] for row in pruned.leaderboard_.members] == [
        row["member"] for row in blend.leaderboard_.members if row["member"] != "elastic_net_2"
    ]


def test_members_of_the_second_layer_can_be_dropped_and_the_first_only_with_them(rows):
    X, y = rows
    ensemble = fitted(X, y)
    with pytest.raises(ParameterError, match="'ridge_2', of the second layer, learns from 'ridge'"):
        ensemble.drop_members("ridge")
    less = ensemble.drop_members("ridge_2")
    assert list(less.members_) == ["ridge", "elastic_net", "elastic_net_2"]
    assert list(dict(ensemble.drop_members("ridge", "ridge_2", "elastic_net_2").members_)) == ["elastic_net"]
    assert less.second_layer_ == ensemble.second_layer_
    more = ensemble.add_members(["knn"], X)
    assert list(more.members_) == [*ensemble.members_, "knn"]
    assert np.isfinite(more.predict(X)).all()
    with pytest.raises(ParameterError, match="there is a member 'ridge_2' already"):
        ensemble.add_members([("ridge_2", "knn")], X)


def test_a_layer_that_was_left_out_since_is_not_said_to_be_there(rows):
    X, y = rows
    ensemble = fitted(X, y)
    told = f"{ensemble.second_layer_}; its members were left out since"
    dropped = ensemble.drop_members("ridge_2", "elastic_net_2")
    unused = ensemble.reblend("weighted")
    unused.blender_.weights_ = np.array([1.0, 0.0, 0.0, 0.0])
    for less in (dropped, unused.prune()):
        assert less.layers_ == 1
        assert less.second_layer_ == told
        assert [note for note in less.leaderboard_.notes if "second layer" in note] == [f"second layer: {told}"]


def test_refit_serves_one_model_of_each_layer(rows):
    X, y = rows
    ensemble = fitted(X, y, [FOREST, "ridge"])
    lean = ensemble.refit(X)
    assert {label: len(member.models) for label, member in lean.members_.items()} == dict.fromkeys(ensemble.members_, 1)
    for member in lean.members_.values():
        assert all(below is lean.members_[below.label] for below in getattr(member, "below", ()))
    oof = ensemble.oof_predictions_[:, :2]
    table = stacked(ensemble._read(X), oof, ["random_forest", "ridge"], ensemble._task)
    model = lean.members_["random_forest_2"].models[0]
    assert np.corrcoef(model.predict(table.features), y)[0, 1] > 0.9


def test_other_forms_of_the_target(rows):
    X, y = rows
    several = fitted(X, np.column_stack([y, -2 * y]))
    assert several.predict(X).shape == (90, 2)
    assert np.allclose(several.predict(X)[:, 1], -2 * several.predict(X)[:, 0], rtol=1e-6)
    labels = fitted(X, np.column_stack([y > 0, y > 1]).astype(int), ["knn", FOREST], kind=EnsembleClassifier)
    assert labels.predict_proba(X).shape == (90, 2)
    logs = fitted(X, np.exp(y), target_transform="log1p")
    assert len(logs.members_) == 4
    assert (logs.predict(X) > -1).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes(n_classes, tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X[y < n_classes], y[y < n_classes]
    ensemble = fitted(X, y, ["ridge", FOREST], kind=EnsembleClassifier, class_weight="balanced", calibrate="sigmoid")
    assert list(ensemble.members_) == ["ridge", "random_forest", "ridge_2", "random_forest_2"]
    found = ensemble.predict_proba(X)
    assert np.allclose(found.sum(axis=1), 1)
    assert ensemble.score(X, y) > 0.9
    assert np.array_equal(load(ensemble.save(tmp_path / "model")).predict_proba(X), found)


def test_frames_with_texts_dates_and_holes(rows, tmp_path):
    X, y = rows
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        town=rng.choice(["x", "y"], 90), day=pd.date_range("2024-01-01", periods=90), **{"prediction of ridge": 1.0}
    )
    frame.loc[3, "a"] = np.nan
    trees = ExtraTreesRegressor(5)
    ensemble = fitted(frame, y, ["ridge", ("trees", trees), learner("xgboost", n_rounds=5)])
    assert len(ensemble.members_) == 6
    loaded = load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(frame), ensemble.predict(frame))
    assert len(ensemble.feature_importances_) == 7
    assert np.isclose(ensemble.feature_importances_.sum(), 1)


def test_estimators_get_the_columns_in_the_users_container(rows):
    X, y = rows
    for frame in (pd.DataFrame(X), pd.DataFrame(X, columns=list("abcd"))):
        ensemble = fitted(frame, y, [("trees", ExtraTreesRegressor(5, random_state=0)), "ridge"])
        assert len(ensemble.members_) == 4
        assert np.isfinite(ensemble.predict(frame)).all()


def test_frames_of_many_columns_and_equal_names_of_rows(rows):
    X, y = rows
    wide = pd.DataFrame(np.tile(X, (1, 30)), index=np.zeros(90, dtype=int))
    ensemble = fitted(wide, y, [("trees", ExtraTreesRegressor(5, random_state=0)), "ridge"])
    assert len(ensemble.members_) == 4
    assert ensemble.predict(wide).shape == (90,)


def test_sparse_tables(rows):
    X, y = rows
    sparse = csr_matrix(np.where(np.abs(X) > 1, X, 0.0))
    ensemble = fitted(sparse, y, ["ridge", learner("xgboost", n_rounds=5)])
    assert len(ensemble.members_) == 4
    assert np.isfinite(ensemble.predict(sparse)).all()


def test_weights_count_in_both_layers(rows):
    X, y = rows
    weight = np.where(np.arange(90) % 9 == 0, 0.0, 1.0)
    wild = np.where(weight == 0, 1e6, y)
    cv = [(np.flatnonzero(np.arange(90) % 5 != k), np.flatnonzero(np.arange(90) % 5 == k)) for k in range(5)]
    calm, other = (fitted(X, target, cv=cv, weight=weight) for target in (y, wild))
    assert np.allclose(calm.predict(X), other.predict(X), rtol=1e-9)


def test_quantiles_go_with_it(rows):
    X, y = rows
    ensemble = fitted(X, y, quantiles=learner("lightgbm", n_rounds=3))
    low, high = ensemble.predict_interval(X, width="quantiles").T
    assert (low <= high).all()


def test_explained_by_estimates_alone(rows):
    X, y = rows
    ensemble = fitted(X, y)
    with pytest.raises(ParameterError, match="'ridge_2' cannot be explained: it is of the second layer"):
        ensemble.explain(X, method="exact")
    importances = ensemble.feature_importances_
    assert np.argmax(importances) == 0


def test_parameters_go_round():
    ensemble = EnsembleRegressor(["ridge", "knn"], layers=2, random_state=0)
    assert clone(ensemble).get_params()["layers"] == 2
    assert ensemble.set_params(layers=1).layers == 1
    assert from_spec(to_spec(ensemble.set_params(layers=2))).layers == 2
    spec = to_spec(ensemble)
    del spec["params"]["layers"]  # written before there were layers
    assert from_spec(spec).layers == 1
    assert configure(EnsembleRegressor(["ridge"]), {"layers": 2}).layers == 2


def test_other_blends_and_scores(rows):
    X, y = rows
    ensemble = fitted(X, y)
    for blender in ("weighted", "best", "meta-linear", "greedy"):
        other = ensemble.reblend(blender)
        assert other.oof_predictions_.shape == (90, 4)
        assert f"second layer: {ensemble.second_layer_}" in other.leaderboard_.notes
    board = ensemble.leaderboard(X, y)
    assert {row["member"] for row in board.members} >= set(ensemble.members_)
    assert board["blend"]["rmse"] == pytest.approx(np.sqrt(np.mean((ensemble.predict(X) - y) ** 2)))
    assert len(ensemble.diagnose().correlation) == 4
    assert ensemble.importances(X, y, n_repeats=1)[0]["column"] is not None


def test_the_graph_of_onnx_has_both_layers(rows, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X, y = rows
    ensemble = fitted(X, y, ["ridge", FOREST])
    session = runtime.InferenceSession(str(ensemble.to_onnx(tmp_path / "model.onnx")))
    assert np.allclose(session.run(None, {"X": X})[0].ravel(), ensemble.predict(X), rtol=1e-9)
