"""Tuning jobs on AWS, answered by moto."""

import datetime

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._tuning import Tuning

SPACE = {"eta": (0.01, 0.3, "log"), "xgboost__max_depth": (2, 8), "blender": ["mean", "weighted"]}


@pytest.fixture
def frame():
    X = np.random.default_rng(0).normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


def launch(frame, session, space=SPACE, **given):
    options = {
        "role": "arn:aws:iam::123456789012:role/byoe",
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1",
        "wait": False,
        "max_jobs": 4,
    }
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    return byoe.sagemaker.tune(
        ensemble, space, frame, target="y", instance_type="ml.m5.xlarge", session=session, **{**options, **given}
    )


def test_one_tuning_job_is_asked_for(frame, session, asked):
    given = {
        "hyperparameters": {"cv": 4},
        "max_parallel_jobs": 2,
        "seed": 3,
        "spot": True,
        "warm_start": ["byoe-tune-0"],
    }
    tuning = launch(frame, session, **given)
    (name, request), *more = asked
    assert (name, more) == ("CreateHyperParameterTuningJob", [])
    config, trial = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    assert request["HyperParameterTuningJobName"] == tuning.name
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "validation:rmse"}
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    assert config["RandomSeed"] == 3
    assert set(config["ParameterRanges"]) == {
        "ContinuousParameterRanges",
        "IntegerParameterRanges",
        "CategoricalParameterRanges",
    }
    assert trial["StaticHyperParameters"]["cv"] == "4"
    defined = [metric["Name"] for metric in trial["AlgorithmSpecification"]["MetricDefinitions"]]
    assert "validation:rmse" in defined
    assert trial["CheckpointConfig"]["S3Uri"].endswith(f"/checkpoints/{tuning.name}")
    assert request["WarmStartConfig"]["WarmStartType"] == "TransferLearning"


def test_a_tuning_job_is_attached_to_by_its_name(frame, session):
    tuning = launch(frame, session)
    again = byoe.sagemaker.attach(tuning.name, session=session)
    assert isinstance(again, Tuning)
    assert again.objective == "validation:rmse"


def test_a_grid_tries_lists_alone(frame, session, asked):
    launch(frame, session, {"blender": ["mean", "weighted"]}, strategy="Grid")
    assert asked[-1][1]["HyperParameterTuningJobConfig"]["Strategy"] == "Grid"
    count = len(asked)
    with pytest.raises(ParameterError, match="a grid takes lists"):
        launch(frame, session, strategy="Grid")
    with pytest.raises(ParameterError, match="Hyperband compares unfinished trials"):
        launch(frame, session, strategy="Hyperband")
    with pytest.raises(ParameterError, match="early_stopping compares unfinished trials"):
        launch(frame, session, early_stopping=True)
    assert len(asked) == count


class Said:
    """A service that says what a test wants."""

    region = "eu-west-1"

    def __init__(self, status="Completed", **more):
        self.described = {"HyperParameterTuningJobStatus": status, **more}
        self.stopped = []

    def call(self, service, operation, **request):
        if operation.startswith("stop"):
            self.stopped.append(request)
        return self.described

    def pages(self, service, operation, **request):
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        yield {
            "TrainingJobSummaries": [
                {
                    "TrainingJobName": "byoe-tune-001",
                    "TrainingJobStatus": "Completed",
                    "TrainingStartTime": start,
                    "TrainingEndTime": start + datetime.timedelta(seconds=90),
                    "TunedHyperParameters": {"eta": "0.05", "xgboost__max_depth": "4", "blender": '"mean"'},
                    "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:rmse", "Value": 55.5},
                }
            ]
        }
        yield {"TrainingJobSummaries": [{"TrainingJobName": "byoe-tune-002", "TrainingJobStatus": "InProgress"}]}


def test_trials_are_rows_and_the_best_one_is_a_job():
    tuning = Tuning("byoe-tune", Said(BestTrainingJob={"TrainingJobName": "byoe-tune-001"}))
    assert tuning.wait() is tuning
    first, second = tuning.trials
    assert first == {
        "number": 1,
        "job": "byoe-tune-001",
        "status": "Completed",
        "objective": 55.5,
        "seconds": 90.0,
        "params": {"eta": 0.05, "xgboost__max_depth": 4, "blender": "mean"},
        "failure": "",
    }
    assert (second["number"], second["objective"], second["seconds"], second["params"]) == (2, None, None, {})
    assert tuning.best_job.name == "byoe-tune-001"


def test_a_tuning_job_that_fails_or_has_no_result():
    with pytest.raises(JobError, match="tuning job byoe-tune has the status Failed: no quota"):
        Tuning("byoe-tune", Said("Failed", FailureReason="no quota")).wait()
    with pytest.raises(JobError, match=r"no trial of tuning job byoe-tune has a result \(status Failed\): no quota"):
        _ = Tuning("byoe-tune", Said("Failed", FailureReason="no quota")).best_job
    with pytest.raises(JobError, match=r"has a result \(status InProgress\): it has not ended; call wait\(\) first"):
        _ = Tuning("byoe-tune", Said("InProgress")).best_job
    first = {"TrainingJobName": "byoe-tune-001", "TrainingJobStatus": "Failed"}
    said = Said("Completed", FailureReason="")
    said.pages = lambda *_, **__: [{"TrainingJobSummaries": [first]}]
    failed = {"TrainingJobStatus": "Failed", "FailureReason": "InputError: no column 'y'"}
    said.call = lambda _, operation, **__: failed if operation == "describe_training_job" else said.described
    told = (
        r"no trial of tuning job byoe-tune has a result \(status Completed\): the first one: InputError: no column 'y'"
    )
    with pytest.raises(JobError, match=told):
        _ = Tuning("byoe-tune", said).best_job
    with pytest.raises(JobError, match=told):
        Tuning("byoe-tune", said).wait()


def test_a_tuning_job_that_fails_has_the_reason_of_its_first_trial_and_the_cure():
    capacity = "CapacityError: Unable to provision requested ML compute capacity."
    rows = [
        {"TrainingJobName": "byoe-tune-001", "TrainingJobStatus": "Stopped"},
        {"TrainingJobName": "byoe-tune-002", "TrainingJobStatus": "Failed", "FailureReason": capacity},
        {"TrainingJobName": "byoe-tune-003", "TrainingJobStatus": "Failed", "FailureReason": "another"},
    ]
    said = Said("Failed", FailureReason="All training jobs failed. ")
    said.pages = lambda *_, **__: [{"TrainingJobSummaries": rows}]
    tuning = Tuning("byoe-tune", said)
    assert [row["failure"] for row in tuning.trials] == ["", capacity, "another"]
    with pytest.raises(JobError, match="status Failed: All training jobs failed; the first one: CapacityError: .* capacity; AWS has none of these"):  # fmt: skip
        tuning.wait()


def test_a_tuning_job_that_was_stopped_early_is_no_error():
    assert Tuning("byoe-tune", Said("Stopped")).wait().status == "Stopped"


def test_a_tuning_job_is_stopped_once():
    ended, running = Said("Completed"), Said("InProgress")
    Tuning("byoe-tune", ended).stop()
    Tuning("byoe-tune", running).stop()
    assert ended.stopped == []
    assert running.stopped == [{"HyperParameterTuningJobName": "byoe-tune"}]
