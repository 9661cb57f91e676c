"""``byoe sagemaker pipeline`` and ``start``, in a stand-in for pipelines."""

import json

import pytest
from tests.aws.pipelines import wrong_in
from typer.testing import CliRunner

from byoe.cli._app import app
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._faults import NotFoundError


@pytest.fixture
def run(session, monkeypatch, aws):
    def done(*arguments):
        found = CliRunner().invoke(app, ["sagemaker", *map(str, arguments)], catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.output

    return done


@pytest.fixture
def data(diabetes_frame, tmp_path):
    diabetes_frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


OPTIONS = ("--target", "target", "--task", "regression", "--learners", "ridge,knn", "--blender", "mean", "--seed", 0)
ON = ("--instance-type", "ml.m5.xlarge", "--role", "byoe")


def test_a_pipeline_by_commands(run, pipelines, data):
    made = ("pipeline", "churn", data, *OPTIONS, *ON, "--condition", "validation:rmse <= 60", "--register", "churn")
    definition = json.loads(run(*made, "--definition"))
    assert wrong_in(definition) == []
    assert pipelines.there == {}
    told = run(*made, "--approve", "--cache", "30d")
    assert told.startswith("pipeline churn is Active\n")
    assert "ApprovalStatus  Approved" in told
    told = run("start", "churn", "Threshold=58", "InstanceType=ml.m5.2xlarge")
    assert told.startswith("execution churn/execution/x00000000001 is Succeeded\n")
    assert "Succeeded" in run("attach", "churn", "--kind", "pipeline")
    (arn,) = pipelines._executions
    assert "Register" in run("attach", arn)
    assert run("deploy", arn).startswith("endpoint byoe-")
    with pytest.raises(JobError, match="validation:rmse is not <= the parameter Threshold; it is 54.25"):
        run("start", "churn", "Threshold=50")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--condition", "rmse<60"), "--condition is 'rmse<60', expected three words such as 'validation:rmse <= 60'"),
        (("--definition",), "--definition is for AWS; give an --instance-type"),
        (("--max-jobs", 3), "max_jobs is for tuning; give a space"),
    ],
)
def test_commands_that_cannot_be(run, data, tmp_path, given, message):
    with pytest.raises(ParameterError, match=message):
        run("pipeline", "churn", data, *OPTIONS, "--output", tmp_path / "jobs", *given)


def test_what_is_started_is_a_pipeline(run, pipelines, data):
    run("pipeline", "churn", data, *OPTIONS, *ON)
    run("start", "churn", "--no-wait")
    (arn,) = pipelines._executions
    with pytest.raises(ParameterError, match=r"is a pipeline execution; expected a pipeline"):
        run("start", arn)
    with pytest.raises(NotFoundError, match="there is no pipeline 'other' in eu-west-1"):
        run("start", "other")
    with pytest.raises(ParameterError, match="'Threshold' is not NAME=VALUE"):
        run("start", "churn", "Threshold")
