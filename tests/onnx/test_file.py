"""The file: what is written, and when."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble as forests
from sklearn import linear_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from tests.onnx.graphs import FEW, MEMBERS, SINGLE, check, onnx, session

from byoe import EnsembleClassifier, EnsembleRegressor, blender, load

BUNDLES = Path(__file__).parents[1] / "bundles" / "format-2"


@pytest.mark.parametrize("classes", [False, True])
def test_a_loaded_ensemble_gives_the_same_graph(classes, diabetes, iris, tmp_path):
    members = [(f"m{i}", member) for i, member in enumerate(MEMBERS.values())]
    if classes:
        first = EnsembleClassifier(members, "mean", calibrate="isotonic", cv=2, random_state=0).fit(*iris)
    else:
        chosen = blender("meta-linear", passthrough=True)
        first = EnsembleRegressor(members, chosen, cv=2, random_state=0).fit(*diabetes)
    second = load(first.save(tmp_path / "bundle"))
    one, two = (each.to_onnx(tmp_path / "model.onnx").read_bytes() for each in (first, second))
    assert one == two


def test_bundles_that_were_kept_give_graphs(tmp_path):
    told = json.loads((BUNDLES / "expected.json").read_text())
    rows = pd.DataFrame(told["rows"]).assign(sold=lambda frame: pd.to_datetime(frame["sold"]))
    for kind in ("regression", "classification"):
        every = load(BUNDLES / kind).reblend("mean")
        check(every.drop_members("catboost"), rows, tmp_path, SINGLE)  # it splits on categories


def test_members_that_do_not_count_are_not_read(diabetes, tmp_path):
    X, y = diabetes
    fitted = EnsembleRegressor(FEW, blender("weighted", weights=[1, 0, 2]), cv=2).fit(X[::2], y[::2])
    loaded = load(fitted.save(tmp_path / "bundle"))
    shutil.rmtree(tmp_path / "bundle" / "members" / "knn")
    check(loaded, X, tmp_path)
    graph = (tmp_path / "model.onnx").read_bytes()
    assert fitted.to_onnx(tmp_path / "model.onnx").read_bytes() == graph
    assert fitted.prune().to_onnx(tmp_path / "model.onnx").read_bytes() == graph


def test_nodes_have_names_of_their_own(diabetes, tmp_path):
    """Those that a runtime merges keep them: 1.21 gives two the same name where there are none, and then fails."""
    X, y = diabetes
    members = [*FEW, make_pipeline(MinMaxScaler(), linear_model.LinearRegression())]
    fitted = EnsembleRegressor(members, "vote", cv=2).fit(X[::2], np.column_stack([y, -y])[::2])
    check(fitted, X, tmp_path)
    names = [node.name for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_members_without_weight_are_left_out(diabetes, tmp_path):
    """So they need no form in ONNX."""
    X, y = diabetes
    members = ["ridge", ("odd", forests.AdaBoostRegressor(n_estimators=2, random_state=0))]
    fitted = EnsembleRegressor(members, blender("weighted", weights=[1, 0]), cv=2).fit(X, y)
    check(fitted, X, tmp_path)
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert "TreeEnsemble" not in {node.op_type for node in nodes}


def test_the_metadata_encode_a_row(mixed, tmp_path):
    X, y = mixed
    fitted = EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y > np.median(y))
    graph = session(fitted.to_onnx(tmp_path / "model.onnx"))
    told = json.loads(graph.get_modelmeta().custom_metadata_map["byoe"])
    assert [column["name"] for column in told["columns"]] == list(X.columns)
    assert [column["kind"] for column in told["columns"]] == ["number", "category", "date", "category", "number"]
    assert told["classes"] == [False, True]
    row, cells = X.iloc[:1], []
    for column in told["columns"]:
        cell = row[column["name"]].iloc[0]
        if column["kind"] == "category":
            cell = np.nan if cell is None else column["categories"].index(cell)
        elif column["kind"] == "date":
            cell = (cell - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        cells.append(cell)
    found = graph.run(["probabilities"], {"X": np.array([cells], dtype=np.float64)})[0]
    assert np.allclose(found, fitted.predict_proba(row))


def test_it_is_written_whole_or_not_at_all(diabetes, tmp_path, monkeypatch):
    fitted = EnsembleRegressor(("ridge",), cv=2).fit(*diabetes)
    path = fitted.to_onnx(tmp_path / "new" / "model.onnx")
    before = path.read_bytes()

    def fail(*_, **__):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr(onnx.checker, "check_model", fail)
    with pytest.raises(onnx.checker.ValidationError, match="broken"):
        fitted.to_onnx(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
