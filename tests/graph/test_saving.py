"""A bundle with a graph: what is checked before it is written, and that no other one can take its place."""

import json
import shutil
import sys

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.errors import BundleError, InputError, MissingExtraError, ParameterError
from byoe.onnx import _checked


def test_the_manifest_tells_how_exact_it_is(saved, bag, diabetes):
    told = json.loads((saved / "manifest.json").read_text())
    assert told["graph"]["rows"] == len(diabetes[0])
    assert 0 < told["graph"]["difference"] < 1e-6  # XGBoost adds up in float32
    assert "graph.onnx" in told["files"]
    assert np.array_equal(byoe.load(saved).predict(diabetes[0]), bag.predict(diabetes[0]))


def test_of_many_rows_some_are_compared(bag, diabetes, tmp_path, monkeypatch):
    monkeypatch.setattr(_checked, "_MOST_ROWS", 50)
    path = bag.save(tmp_path / "model", graph=diabetes[0])
    assert json.loads((path / "manifest.json").read_text())["graph"]["rows"] == 50


@pytest.mark.parametrize("output", ["prediction", "models"])
def test_a_graph_that_predicts_otherwise_is_not_written(output, bag, diabetes, tmp_path, monkeypatch):
    X = diabetes[0]
    path = bag.save(tmp_path / "model")
    before = (path / "manifest.sha256").read_text()
    run = _checked.BlendGraph._run

    def wrong(self, name, values):
        found = run(self, name, values).copy()
        if name == output:
            found[(values == X[17]).all(axis=1)] *= 1 + 5e-5
        return found

    monkeypatch.setattr(_checked.BlendGraph, "_run", wrong)
    member = "" if output == "prediction" else " by member 'catboost'"
    with pytest.raises(
        ParameterError, match=rf"graph's prediction{member} of row 17 differs by \d.*1e-0[56] is allowed"
    ):
        bag.save(path, graph=X)
    assert (path / "manifest.sha256").read_text() == before
    assert not (path / "graph.onnx").exists()


def test_a_row_alone_is_compared_too(bag, diabetes, tmp_path, monkeypatch):
    """ONNX Runtime has other code for it."""
    run = _checked.BlendGraph._run
    monkeypatch.setattr(
        _checked.BlendGraph, "_run", lambda self, *asked: run(self, *asked) * (1 + (len(asked[1]) == 1))
    )
    with pytest.raises(ParameterError, match="prediction of row 0 differs"):
        bag.save(tmp_path / "model", graph=diabetes[0])


def test_a_vote_that_differs_is_refused(iris, tmp_path, monkeypatch):
    X, y = iris
    members = ["ridge", "knn", learner("xgboost", n_estimators=5)]
    fitted = EnsembleClassifier(members, byoe.blender("vote", voting="hard"), cv=3).fit(X, y)
    assert fitted.save(tmp_path / "model", graph=X)
    run = _checked.BlendGraph._run
    monkeypatch.setattr(_checked.BlendGraph, "_run", lambda self, *asked: run(self, *asked)[::-1])
    with pytest.raises(ParameterError, match="graph's label of row 0 differs"):
        fitted.save(tmp_path / "model", graph=X)


def test_it_is_checked_on_the_training_table_alone(bag, diabetes, tmp_path):
    with pytest.raises(InputError, match="with 441 rows, is not the table of 442 rows that the ensemble was fitted on"):
        bag.save(tmp_path / "model", graph=diabetes[0][:-1])
    without = byoe.load(bag.save(tmp_path / "model", oof=False))
    with pytest.raises(InputError, match="is not the table that the ensemble was fitted on"):
        without.save(tmp_path / "again", oof=False, graph=diabetes[0][:-1])
    assert without.save(tmp_path / "again", oof=False, graph=diabetes[0])


def test_what_has_no_graph_is_named(diabetes, tmp_path):
    X, y = diabetes
    odd = EnsembleRegressor(["ridge", ("ada", AdaBoostRegressor(n_estimators=2))], "mean", cv=3, random_state=0)
    with pytest.raises(ParameterError, match="member 'ada': the conversion of AdaBoostRegressor"):
        odd.fit(X, y).save(tmp_path / "model", graph=X)
    assert not (tmp_path / "model").exists()
    path = odd.drop_members("ada").save(tmp_path / "model", graph=X)
    assert byoe.load(path, runtime="onnx").predict(X).shape == y.shape


def test_a_bundle_of_other_weights_has_no_old_graph(bag, saved, diabetes):
    other = byoe.load(saved).reblend("best")
    other.save(saved)
    assert not (saved / "graph.onnx").exists()
    with pytest.raises(BundleError, match=r"holds no graph; save it with save\(path, graph=X\)"):
        byoe.load(saved, runtime="onnx")
    other.save(saved, graph=diabetes[0])
    assert np.allclose(byoe.load(saved, runtime="onnx").predict(diabetes[0]), other.predict(diabetes[0]), rtol=1e-6)


def test_another_graph_is_refused(bag, saved, diabetes, tmp_path):
    other = bag.reblend("best").save(tmp_path / "other", graph=diabetes[0])
    shutil.copy(other / "graph.onnx", saved / "graph.onnx")
    for runtime in ("onnx", "auto", "libraries"):
        with pytest.raises(BundleError, match=r"graph\.onnx is not the one that was saved"):
            byoe.load(saved, runtime=runtime)
    plain = bag.save(tmp_path / "plain")
    shutil.copy(other / "graph.onnx", plain / "graph.onnx")  # which the manifest does not list
    with pytest.raises(BundleError, match="holds no graph"):
        byoe.load(plain, runtime="onnx")


def test_the_extra_is_named(saved, bag, diabetes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"needs 'onnxruntime'.*byoe-ensemble\[onnx\]"):
        byoe.load(saved, runtime="onnx")
    with pytest.raises(MissingExtraError, match=r"byoe-ensemble\[onnx\]"):
        bag.save(tmp_path / "new", graph=diabetes[0])
    assert not (tmp_path / "new").exists()


def test_an_older_runtime_is_refused(saved, monkeypatch):
    monkeypatch.setattr("onnxruntime.__version__", "1.20.2")
    with pytest.raises(BundleError, match=r"onnxruntime 1\.20\.2 is installed, and graphs need 1\.21 or newer"):
        byoe.load(saved, runtime="onnx")


def test_a_sparse_table_is_refused(tmp_path):
    from scipy.sparse import random

    X = random(80, 6, 0.4, "csr", rng=np.random.default_rng(0))
    fitted = EnsembleRegressor(["ridge"], cv=3).fit(X, np.arange(80.0))
    with pytest.raises(ParameterError, match=r"sparse matrix cannot be exported; fit it on X\.toarray\(\)"):
        fitted.save(tmp_path / "model", graph=X)


def test_a_folder_that_holds_something_else_is_refused_before_the_graph_is_made(bag, diabetes, tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("keep me")
    monkeypatch.setattr(type(bag), "_checked_graph", None)
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        bag.save(tmp_path, graph=diabetes[0])
