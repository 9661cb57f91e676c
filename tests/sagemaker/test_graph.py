"""Jobs that save the graph, and endpoints of this machine that predict by it."""

import json
from importlib.metadata import version

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostRegressor
from sklearn.linear_model import Ridge

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import InputError, MissingExtraError, ParameterError
from byoe.sagemaker.in_job._serving_needs import blender_lines
from byoe.sagemaker.shared._checks import variant_of
from byoe.sagemaker.source import _folder
from byoe.sagemaker.source._folder import write_source

DATA = {"target": "target", "weight": None, "groups": None, "drop": []}
BOOSTED = EnsembleRegressor(["ridge", learner("lightgbm", n_estimators=5)], "mean", cv=3, random_state=0)
ODD = EnsembleRegressor(["ridge", ("ada", AdaBoostRegressor(n_estimators=3))], "mean", cv=3, random_state=0)


def names(file):
    return {line.rpartition("/")[2].partition("-")[0].partition("=")[0] for line in file.read_text().splitlines()}


@pytest.fixture(scope="module")
def graph_job(split, tmp_path_factory):
    output = tmp_path_factory.mktemp("jobs")
    return byoe.sagemaker.fit(BOOSTED, split[0], target="target", graph=True, output=output, logs=False)


@pytest.fixture(scope="module")
def odd_job(split, tmp_path_factory):
    output = tmp_path_factory.mktemp("jobs")
    return byoe.sagemaker.fit(ODD, split[0], target="target", graph=True, output=output, logs=False)


@pytest.fixture(scope="module")
def X(split):
    return split[1].drop(columns="target")


def test_the_source_tells_a_job_what_it_and_its_endpoints_install(tmp_path):
    source = write_source(variant_of(BOOSTED), tmp_path / "source", data=DATA, graph=True)
    job, both, graph = (source / name for name in ("requirements.txt", "serving.txt", "serving-onnx.txt"))
    assert f"onnxruntime=={version('onnxruntime')}" in graph.read_text().splitlines()
    assert names(graph) == {"onnxruntime", "byoe_ensemble"}
    assert {"onnx", "skl2onnx", "protobuf", "onnxruntime", "lightgbm"} <= names(job)
    # What an endpoint does not start with.
    assert not {"onnx", "skl2onnx", "protobuf"} & names(both)
    assert {"onnxruntime", "lightgbm", "byoe_ensemble"} <= names(both)
    assert json.loads((source / "spec.json").read_text())["graph"] is True
    file = byoe.sagemaker.dockerfile(source, "image:1")
    assert "COPY serving.txt" in file.read_text()
    assert "-r serving.txt" in file.read_text()


def test_who_asks_for_no_graph_pays_for_none(tmp_path):
    source = write_source(variant_of(BOOSTED), tmp_path / "source", data=DATA)
    assert not (source / "serving-onnx.txt").exists()
    assert not {"onnx", "skl2onnx", "protobuf", "onnxruntime"} & names(source / "requirements.txt")
    assert "graph" not in json.loads((source / "spec.json").read_text())


def test_what_makes_graphs_has_to_be_installed_here(tmp_path, monkeypatch):
    monkeypatch.setattr(_folder, "MAKES_GRAPHS", ("no_such_module",))
    with pytest.raises(MissingExtraError, match=r"a job that saves a graph needs 'no_such_module'.*\[onnx\]"):
        write_source(variant_of(BOOSTED), tmp_path / "source", data=DATA, graph=True)
    assert not (tmp_path / "source").exists()


def test_a_job_leaves_the_code_of_both_endpoints(graph_job):
    assert graph_job.has_graph
    assert "made the graph and compared it in" in graph_job.log
    assert names(graph_job.artifact / "code-onnx" / "requirements.txt") == {"onnxruntime", "byoe_ensemble"}
    (wheel,) = (graph_job.artifact / "code-onnx" / "wheels").iterdir()
    assert wheel.name.startswith("byoe_ensemble-")
    assert {"onnxruntime", "lightgbm"} <= names(graph_job.artifact / "code" / "requirements.txt")


@pytest.mark.parametrize("runtime", [None, "libraries", "onnx", "auto"])
def test_an_endpoint_predicts_by_what_it_is_told(graph_job, X, runtime):
    fitted = graph_job.ensemble()
    with byoe.sagemaker.deploy(graph_job, runtime=runtime) as endpoint:
        np.testing.assert_allclose(endpoint.predict(X), fitted.predict(X), rtol=1e-6)
        np.testing.assert_allclose(endpoint.predict(X.iloc[:1]), fitted.predict(X.iloc[:1]), rtol=1e-6)
        frame = endpoint.predict(X, outputs="interval")
        np.testing.assert_allclose(frame[["lower", "upper"]], fitted.predict_interval(X), rtol=1e-6)
        if runtime == "onnx":
            with pytest.raises(InputError, match="the graph gives no predictions of members"):
                endpoint.predict(X, outputs="members")
        else:
            np.testing.assert_allclose(endpoint.predict(X, outputs="members").iloc[:, 1:], fitted.transform(X))


def test_what_this_process_is_told_is_not_what_its_endpoints_are(graph_job, X, monkeypatch):
    monkeypatch.setenv("BYOE_RUNTIME", "onnx")
    with byoe.sagemaker.deploy(graph_job) as endpoint:
        assert endpoint.predict(X, outputs="members").shape == (len(X), 3)


def test_an_update_keeps_the_runtime_unless_another_is_given(graph_job, odd_job, X):
    with byoe.sagemaker.deploy(graph_job, name="by-the-graph", runtime="onnx") as endpoint:
        byoe.sagemaker.deploy(graph_job, name="by-the-graph")
        with pytest.raises(InputError, match="the graph gives no predictions of members"):
            endpoint.predict(X, outputs="members")
        with pytest.raises(ParameterError, match="runtime is 'onnx', and job .* holds no graph"):
            endpoint.update(odd_job)
        byoe.sagemaker.deploy(odd_job, name="by-the-graph", runtime="libraries")
        assert list(endpoint.predict(X, outputs="members").columns) == ["prediction", "members_ridge", "members_ada"]
        endpoint.update(odd_job)
        np.testing.assert_allclose(endpoint.predict(X), odd_job.ensemble().predict(X))


def test_a_job_is_not_lost_for_a_graph_that_cannot_be_made(odd_job, X, capsys):
    assert odd_job.status == "Completed"
    assert not odd_job.has_graph
    assert "no graph is saved: " in odd_job.log
    assert "member 'ada'" in odd_job.log
    assert not (odd_job.artifact / "code-onnx").exists()
    assert "onnxruntime" not in names(odd_job.artifact / "code" / "requirements.txt")
    with pytest.raises(ParameterError, match=r"holds no graph; train with graph=True \(.* the log says why"):
        byoe.sagemaker.deploy(odd_job, runtime="onnx")
    with byoe.sagemaker.deploy(odd_job, runtime="auto") as endpoint:
        np.testing.assert_allclose(endpoint.predict(X.iloc[:1]), odd_job.ensemble().predict(X.iloc[:1]))
    assert "holds no graph: its members' libraries predict" in capsys.readouterr().out


def test_trials_save_graphs_too(split, tmp_path):
    space = {"lightgbm__num_leaves": [4, 8]}
    tuning = byoe.sagemaker.tune(
        BOOSTED, space, split[0], target="target", max_jobs=2, strategy="Grid", graph=True, output=tmp_path
    )
    assert tuning.best_job.has_graph


def test_intervals_by_the_graph_ask_the_blender(diabetes, tmp_path):
    X, y = diabetes
    lines = [f"scikit-learn=={version('scikit-learn')}", f"skops=={version('skops')}", "lightgbm==1", "joblib==1"]
    stacked = EnsembleRegressor(["ridge", "knn"], Ridge(), cv=3, random_state=0).fit(X, y)
    assert lines[:2] == blender_lines(lines, stacked.save(tmp_path / "stacked"))[:2]
    assert "lightgbm==1" not in blender_lines(lines, tmp_path / "stacked")
    fitted = EnsembleRegressor(["ridge", "knn"], "weighted", cv=3, random_state=0, target_transform="log1p").fit(X, y)
    assert blender_lines(lines, fitted.save(tmp_path / "log")) == []
    plain = EnsembleRegressor(["ridge", "knn"], "weighted", cv=3, random_state=0).fit(X, y)
    assert blender_lines(lines, plain.save(tmp_path / "plain")) == []
