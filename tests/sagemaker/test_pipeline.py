"""Pipelines on this machine: jobs are run, the condition is looked at, and nothing is registered."""

import json

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError, JobError, ParameterError

ENSEMBLE = EnsembleRegressor(("ridge", "knn"), "mean", cv=3, random_state=0)
CONDITION = ("validation:rmse", "<=", 60.0)


@pytest.fixture
def make(split, tmp_path):
    def made(name="churn", **given):
        tables = dict(zip(("train", "validation"), split, strict=True))
        return byoe.sagemaker.pipeline(
            name, ENSEMBLE, **{**tables, "target": "target", "output": tmp_path / "jobs", **given}
        )

    return made


def told(execution):
    return [(row["step"], row["status"], row["made"]) for row in execution.steps]


def test_a_job_is_trained_checked_and_served(make, split):
    pipeline = make(condition=CONDITION, register="churn", approve=True)
    assert list(pipeline.parameters) == ["TrainData", "ValidationData", "Threshold"]
    assert pipeline.upsert() is pipeline
    execution = pipeline.start().wait()
    assert told(execution) == [
        *[
            ("Train", "Succeeded", "churn-execution-1-train"),
            ("Check", "Succeeded", "True"),
            ("Register", "Skipped", ""),
        ]
    ]
    assert "the model registry is AWS's" in execution.steps[-1]["failure"]
    assert execution.job.metrics["validation:rmse"] < 60
    rows = split[1].drop(columns="target")
    with byoe.sagemaker.deploy(execution) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows[:3]), execution.job.ensemble().predict(rows[:3]))
    assert repr(execution) == "LocalExecution('churn/execution/1', status='Succeeded')"


def test_an_execution_has_data_and_a_threshold_of_its_own(make, split, tmp_path):
    pipeline = make(condition=CONDITION)
    few = tmp_path / "few.csv"
    split[0].iloc[:100].to_csv(few, index=False)
    good, bad = pipeline.start(TrainData=str(few)), pipeline.start(Threshold=1)
    good.wait()
    assert "read 100 rows" in good.job.log
    message = r"pipeline execution churn/execution/2 has the status Failed: validation:rmse is not <= 1; it is 5\d\.\d+"
    with pytest.raises(JobError, match=message):
        bad.wait()
    with pytest.raises(JobError, match=message):
        byoe.sagemaker.deploy(bad)
    assert told(bad)[-1] == ("Check", "Failed", "False")
    assert [row["status"] for row in pipeline.executions] == ["Failed", "Succeeded"]


def test_the_best_ensemble_is_scored_on_test_data(make, split):
    train, test = split
    space = {"ridge__alpha": [0.1, 100.0]}
    pipeline = make(
        train=train, validation=None, test=test, space=space, max_jobs=2, strategy="Grid", condition=CONDITION
    )
    execution = pipeline.start().wait()
    assert [row["step"] for row in execution.steps] == ["Tune", "Train", "Check"]
    best = execution.tuning.best["params"]
    assert execution.job.hyperparameters["ridge__alpha"] == best["ridge__alpha"]
    predicted = execution.job.ensemble().predict(test.drop(columns="target"))
    rmse = np.sqrt(np.mean((predicted - test["target"]) ** 2))
    assert execution.job.metrics["validation:rmse"] == pytest.approx(rmse, rel=1e-6)


def test_the_best_trial_goes_on_without_test_data(make):
    execution = make(space={"ridge__alpha": [0.1, 100.0]}, max_jobs=2, strategy="Grid").start()
    assert execution.completed().name == execution.tuning.best["job"]
    assert execution.job is execution.tuning.best_job


def test_a_job_that_fails_is_told(make, split):
    execution = make(train=split[0].assign(target="much")).start()
    with pytest.raises(
        JobError, match="pipeline execution churn/execution/1 has the status Failed: job .* has the status"
    ):
        execution.wait()
    assert told(execution) == [("Train", "Failed", "churn-execution-1-train")]


def test_a_stopped_execution(make):
    execution = make().start()
    execution.stop()
    execution.stop()
    assert execution.status == "Stopped"
    with pytest.raises(JobError, match="was stopped before its end"):
        execution.wait()


def test_a_job_that_begins_while_its_execution_is_stopped_is_stopped_too(make):
    pipeline = make()
    launch = pipeline._launch

    def late(files):
        job = launch(files)
        pipeline._executions[-1]._stopping.set()  # as by a stop() that has seen no job yet
        return job

    pipeline._launch = late
    execution = pipeline.start()
    with pytest.raises(JobError, match="was stopped before its end"):
        execution.wait()
    assert told(execution) == [("Train", "Stopped", "churn-execution-1-train")]


def test_a_search_that_is_stopped_has_not_succeeded(make):
    pipeline = make(space={"ridge__alpha": (0.1, 10.0)}, max_jobs=2, seed=0)
    launch = pipeline._launch_tuning

    def late(files, search):
        tuning = launch(files, search)
        pipeline._executions[-1]._stopping.set()
        return tuning

    pipeline._launch_tuning = late
    execution = pipeline.start()
    with pytest.raises(JobError, match="was stopped before its end"):
        execution.wait()
    assert told(execution) == [("Tune", "Stopped", "churn-execution-1-tune")]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"TrainData": "june.csv"}, InputError, "TrainData is 'june.csv', and there is no such file or folder"),
        ({"InstanceType": "ml.m5.xlarge"}, ParameterError, "the pipeline has no parameter 'InstanceType'"),
        ({"Threshold": True}, ParameterError, "Threshold of the condition is True, expected a number"),
    ],
)
def test_what_cannot_be_started(make, given, error, message):
    pipeline = make(condition=CONDITION)
    with pytest.raises(error, match=message):
        pipeline.start(**given)
    assert pipeline.executions == []
    assert not list(pipeline._files.folder.glob("execution-*"))  # else none could be started any more


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"role": "byoe"}, "role is for jobs on AWS, and instance_type is 'local'"),
        ({"name": "churn models"}, "cannot be the name of a pipeline"),
        ({"space": {"ridge__alpha": [1.0]}, "max_cost": 1.0, "price_per_hour": 1.0}, "max_cost is for jobs on AWS"),
    ],
)
def test_what_cannot_be(make, tmp_path, given, message):
    with pytest.raises(ParameterError, match=message):
        make(**given)
    assert not (tmp_path / "jobs").exists()


def test_its_jobs_log_to_a_server_and_those_of_a_tuning_job_without_models(make, tmp_path, monkeypatch):
    monkeypatch.setattr("byoe.mlflow._client.check_reachable", lambda uri: None)
    for name, space in (("alone", None), ("tuned", {"ridge__alpha": (0.1, 10.0)})):
        make(space=space, output=tmp_path / name, tracking="http://127.0.0.1:9", experiment="churn")
        (spec,) = (tmp_path / name).glob("**/spec.json")
        wanted = {"uri": "http://127.0.0.1:9", "models": space is None, "experiment": "churn"}
        assert json.loads(spec.read_text())["tracking"] == wanted
