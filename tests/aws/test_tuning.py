"""Tuning jobs on AWS, answered by moto."""

import datetime
import io
import json
import tarfile

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


def launch(frame, session, space=SPACE, ensemble=None, **given):
    options = {
        "role": "arn:aws:iam::123456789012:role/byoe",
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1",
        "wait": False,
        "max_jobs": 4,
    }
    ensemble = ensemble or EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
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
    launch(frame, session, hyperparameters={"cv": 4}, name="byoe-tune-0")
    asked.clear()
    tuning = launch(frame, session, **given)
    request = asked[-1][1]
    assert [name for name, _ in asked if name.startswith("Create")] == ["CreateHyperParameterTuningJob"]
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
    assert len(asked) == count


def source_of(request, session):
    """Return the specification that a tuning job's trials read."""
    address = json.loads(request["TrainingJobDefinition"]["StaticHyperParameters"]["sagemaker_submit_directory"])
    bucket, _, key = address.removeprefix("s3://").partition("/")
    packed = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return json.load(archive.extractfile("spec.json"))


def test_unfinished_trials_are_compared_by_what_they_print(frame, session, asked):
    launch(frame, session, strategy="hyperband")
    request = asked[-1][1]
    assert request["HyperParameterTuningJobConfig"]["StrategyConfig"]["HyperbandStrategyConfig"]["MaxResource"] == 6
    assert source_of(request, session)["fold_scores"] == {"objective": "validation:rmse", "each": True}
    for given in ({"early_stopping": True}, {"autotune": True}):
        launch(frame, session, **given)
        assert source_of(asked[-1][1], session)["fold_scores"] == {"objective": "validation:rmse", "each": False}
    launch(frame, session)
    assert "fold_scores" not in source_of(asked[-1][1], session)


def test_trials_that_are_compared_have_the_same_folds(frame, session, asked):
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean")
    for given, seed in (
        ({}, None),
        ({"early_stopping": True}, "0"),
        ({"early_stopping": True, "seed": np.int64(7)}, "7"),
    ):
        launch(frame, session, ensemble=ensemble, **given)
        fixed = asked[-1][1]["TrainingJobDefinition"]["StaticHyperParameters"]
        assert fixed.get("random_state") == seed


def test_trials_are_as_many_as_a_budget_pays_for(frame, session, asked, capsys):
    launch(frame, session, max_cost=1.0, price_per_hour=0.5, max_seconds=3480)
    limits = asked[-1][1]["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits["MaxNumberOfTrainingJobs"] == 2
    assert "[byoe] max_cost pays for 2 of 4 trials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_cost": 1.0, "price_per_hour": 0.5},
            "max_cost is 1, which pays for 7200 s of ml.m5.xlarge at 0.5 an hour",
        ),
        (
            {"max_cost": 1.0, "price_per_hour": 0.5, "max_seconds": "900"},
            "max_seconds is '900', expected a positive integer",
        ),
        ({"max_cost": 1.0, "price_per_hour": 0.5, "max_seconds": -120}, "max_seconds is -120, expected a positive"),
        ({"seed": -1}, "seed is -1, expected an integer from 0 to"),
        ({"keep_alive_seconds": 60}, "keep_alive_seconds is for training jobs"),
        ({"time_limit": 60}, "time_limit is 60 s, and a tuning job on AWS may take 120 to 15768000 s"),
        ({"strategy": "Hyperband", "early_stopping": True}, "Hyperband stops trials by a rule of its own"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(frame, session, asked, given, message):
    with pytest.raises(ParameterError, match=message):
        launch(frame, session, **given)
    assert asked == []


def test_an_earlier_tuning_job_is_looked_for_before_anything_is_uploaded(frame, session, asked):
    with pytest.raises(
        ParameterError, match="warm_start names 'nowhere', and there is no such tuning job in eu-west-1"
    ):
        launch(frame, session, warm_start="nowhere")
    assert session.client("s3").list_buckets()["Buckets"] == []
    first = launch(frame, session)
    launch(frame, session, warm_start=first, warm_start_type="identical")
    start = asked[-1][1]["WarmStartConfig"]
    assert start["ParentHyperParameterTuningJobs"] == [{"HyperParameterTuningJobName": first.name}]
    with pytest.raises(ParameterError, match="the service wants as many. One of them alone has eta"):
        launch(frame, session, {"blender": ["mean", "weighted"]}, warm_start=[first])


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


@pytest.mark.parametrize(("goal", "best"), [("Minimize", "byoe-tune-003"), ("Maximize", "byoe-tune-001")])
def test_the_best_job_is_one_that_has_a_model(goal, best):
    rows = [
        {"TrainingJobName": f"byoe-tune-{number:03}", "TrainingJobStatus": status}
        | {"FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:rmse", "Value": value}}
        for number, status, value in (
            (1, "Completed", 3.0),
            (2, "Stopped", 1.0),
            (3, "Completed", 2.0),
            (4, "Stopped", 9.0),
        )
    ]
    config = {"HyperParameterTuningJobObjective": {"Type": goal, "MetricName": "validation:rmse"}}
    said = Said(BestTrainingJob=rows[1], HyperParameterTuningJobConfig=config)
    said.pages = lambda *_, **__: [{"TrainingJobSummaries": rows}]
    assert Tuning("byoe-tune", said).best_job.name == best
    said.pages = lambda *_, **__: [{"TrainingJobSummaries": rows[1:2]}]
    with pytest.raises(JobError, match="no trial of tuning job byoe-tune has a result"):
        _ = Tuning("byoe-tune", said).best_job


@pytest.mark.parametrize(
    ("kind", "overall", "best"),
    [
        ("IdenticalDataAndAlgorithm", "Completed", "parent-002"),
        ("IdenticalDataAndAlgorithm", "Stopped", "parent-001"),
        ("TransferLearning", None, "byoe-tune-001"),
    ],
)
def test_after_an_identical_warm_start_the_best_job_may_be_a_parents(kind, overall, best):
    def row(name, status, value):
        metric = {"MetricName": "validation:rmse", "Value": value}
        return {
            "TrainingJobName": name,
            "TrainingJobStatus": status,
            "FinalHyperParameterTuningJobObjectiveMetric": metric,
        }

    rows = {
        "byoe-tune": [row("byoe-tune-001", "Completed", 3.0)],
        "parent": [row("parent-001", "Completed", 2.0), row("parent-002", overall, 1.0)],
    }
    said = Said(
        HyperParameterTuningJobConfig={"HyperParameterTuningJobObjective": {"Type": "Minimize"}},
        WarmStartConfig={
            "WarmStartType": kind,
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        },
        BestTrainingJob=rows["byoe-tune"][0],
        **({"OverallBestTrainingJob": rows["parent"][1]} if overall else {}),
    )
    said.pages = lambda *_, HyperParameterTuningJobName, **__: [
        {"TrainingJobSummaries": rows[HyperParameterTuningJobName]}
    ]
    tuning = Tuning("byoe-tune", said)
    assert tuning.best_job.name == best
    if overall:
        del said.described["BestTrainingJob"]  # none of this tuning job's own
        assert tuning.wait().best_job.name == best


def test_a_tuning_job_that_was_stopped_early_is_no_error():
    assert Tuning("byoe-tune", Said("Stopped")).wait().status == "Stopped"


def test_a_tuning_job_is_stopped_once():
    ended, running = Said("Completed"), Said("InProgress")
    Tuning("byoe-tune", ended).stop()
    Tuning("byoe-tune", running).stop()
    assert ended.stopped == []
    assert running.stopped == [{"HyperParameterTuningJobName": "byoe-tune"}]
