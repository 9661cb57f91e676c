"""Endpoints and transform jobs by the graph: what is asked of AWS, and what is refused before."""

import io
import tarfile

import pytest
from tests.aws.asked import only
from tests.aws.test_endpoints import left
from tests.aws.test_update import requests
from typer.testing import CliRunner

import byoe
from byoe.cli._app import app
from byoe.errors import ParameterError

FOLDER = "SAGEMAKER_SUBMIT_DIRECTORY"


@pytest.fixture(scope="module")
def with_graph(fitted, diabetes_frame, tmp_path_factory):
    """An artifact whose bundle holds a graph."""
    X = diabetes_frame.drop(columns="target")
    bundle = fitted.save(tmp_path_factory.mktemp("graph") / "model", graph=X)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(bundle, ".")
    return packed.getvalue()


@pytest.fixture
def graph_job(run_job, with_graph):
    return run_job("byoe-graph", with_graph)


def variables(asked):
    """Return what tells each model that was made how to predict."""
    environments = [request["PrimaryContainer"]["Environment"] for request in requests(asked, "CreateModel")]
    return [(one[FOLDER].removeprefix("/opt/ml/model/"), one.get("BYOE_RUNTIME")) for one in environments]


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (None, ("code", None)),
        ("libraries", ("code", None)),
        ("onnx", ("code-onnx", "onnx")),
        ("auto", ("code", "auto")),
    ],
)
@pytest.mark.parametrize("what", ["job", "package"])
def test_a_model_serves_by_the_code_of_its_runtime(graph_job, session, asked, runtime, expected, what):
    trained = graph_job if what == "job" else graph_job.register("churn", approve=True)
    assert trained.has_graph
    with byoe.sagemaker.deploy(trained, runtime=runtime, environment={"A": "b"}) as endpoint:
        assert endpoint.status == "InService"
        assert variables(asked) == [expected]
        assert only(asked, "CreateModel")["PrimaryContainer"]["Environment"]["A"] == "b"
    assert left(session) == []


@pytest.mark.parametrize("what", ["job", "package"])
def test_without_a_graph_onnx_is_refused_before_anything_is_made(job, session, asked, uploaded, diabetes_frame, what):
    trained = job if what == "job" else job.register("churn", approve=True)
    rows, before = diabetes_frame.drop(columns="target"), list(uploaded)
    kind, name = ("job", "byoe-1") if what == "job" else ("model package", "churn/1")
    for start in (
        lambda: byoe.sagemaker.deploy(trained, runtime="onnx"),
        lambda: byoe.sagemaker.transform(trained, rows, runtime="onnx"),
    ):
        with pytest.raises(ParameterError, match=f"{kind} {name} holds no graph; train with graph=True"):
            start()
    assert requests(asked, "CreateModel") == []
    assert uploaded == before
    assert left(session) == []


def test_without_a_graph_auto_says_so_and_serves_by_the_libraries(job, asked, capsys):
    with byoe.sagemaker.deploy(job, runtime="auto"):
        assert variables(asked) == [("code", "auto")]
    assert "[byoe] job byoe-1 holds no graph: its members' libraries predict\n" in capsys.readouterr().out


@pytest.mark.parametrize("door", [byoe.sagemaker.deploy, byoe.sagemaker.transform])
def test_another_word_is_refused_before_the_job_is_waited_for(door, job, asked):
    asked.clear()
    rows = () if door is byoe.sagemaker.deploy else ([[0.0]],)
    with pytest.raises(ParameterError, match="runtime is 'onyx'. Did you mean 'onnx'"):
        door(job, *rows, runtime="onyx")
    assert asked == []


def test_an_update_keeps_the_runtime_unless_another_is_given(graph_job, job, asked, updated, session):
    endpoint = byoe.sagemaker.deploy(graph_job, name="churn", runtime="onnx", environment={"A": "b"})
    byoe.sagemaker.deploy(graph_job, name="churn")
    endpoint.update(graph_job, environment={})
    endpoint.update(graph_job, runtime="auto")
    with pytest.raises(ParameterError, match="runtime is 'onnx', and job byoe-1 holds no graph"):
        endpoint.update(job, runtime="onnx")
    endpoint.update(job)
    byoe.sagemaker.deploy(graph_job, name="churn", runtime="libraries")
    graph, both, libraries = ("code-onnx", "onnx"), ("code", "auto"), ("code", None)
    assert variables(asked) == [graph, graph, graph, both, both, libraries]
    environments = [request["PrimaryContainer"]["Environment"] for request in requests(asked, "CreateModel")]
    assert [one.get("A") for one in environments[:3]] == ["b", "b", None]
    endpoint.delete()
    assert left(session) == []


def test_an_endpoint_by_the_graph_takes_no_job_without_one(graph_job, job, asked, updated, session):
    with byoe.sagemaker.deploy(graph_job, name="churn", runtime="onnx") as endpoint:
        with pytest.raises(ParameterError, match="holds no graph; .*, or set runtime='libraries' or 'auto'"):
            endpoint.update(job)
        assert len(left(session)) == 3
        assert len(requests(asked, "CreateModel")) == 1


def test_rows_are_transformed_by_the_graph(graph_job, asked, diabetes_frame):
    byoe.sagemaker.transform(graph_job, diabetes_frame.drop(columns="target"), runtime="onnx", wait=False)
    assert variables(asked) == [("code-onnx", "onnx")]


def test_the_commands(graph_job, asked, diabetes_frame, tmp_path):
    file = tmp_path / "rows.csv"
    diabetes_frame.drop(columns="target").to_csv(file, index=False)
    for words in (("deploy", graph_job.name), ("transform", graph_job.name, str(file), "--no-wait")):
        done = CliRunner().invoke(app, ["sagemaker", *words, "--runtime", "onnx"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert variables(asked) == [("code-onnx", "onnx")] * 2


def test_each_of_several_variants_is_by_the_runtime(graph_job, job, asked, session):
    where = {"instance_type": "ml.m5.large", "runtime": "onnx"}
    with pytest.raises(ParameterError, match="job byoe-1 holds no graph"):
        byoe.sagemaker.deploy({"current": graph_job, "new": job}, **where)
    assert requests(asked, "CreateModel") == []
    with byoe.sagemaker.deploy({"current": graph_job, "new": graph_job}, **where):
        assert variables(asked) == [("code-onnx", "onnx")] * 2
    assert left(session) == []
