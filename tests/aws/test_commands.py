"""``byoe sagemaker …`` for AWS, answered by moto."""

import io
import json
import tarfile

import boto3
import numpy as np
import pandas as pd
import pytest
from tests.aws.asked import only
from tests.aws.test_endpoints import MACHINE, left, make
from tests.aws.test_together import packed  # noqa: F401  (a fixture)
from typer.testing import CliRunner

from byoe import EnsembleRegressor, sagemaker
from byoe.cli._app import app
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._tuning import Tuning


@pytest.fixture
def byoe(asked, session, cloud, monkeypatch):
    """Return what a command prints."""
    monkeypatch.setattr(boto3, "Session", lambda: session)
    monkeypatch.setattr(Cloud, "image", lambda self: MACHINE.image)
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")

    def run(*arguments):
        done = CliRunner().invoke(app, ["sagemaker", *map(str, arguments)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.fixture
def data(diabetes_frame, tmp_path):
    file = tmp_path / "data.csv"
    diabetes_frame.to_csv(file, index=False)
    return file


ON_AWS = ("--instance-type", "ml.m5.large", "--role", "byoe", "--no-wait")
ENSEMBLE = ("--target", "target", "--task", "regression", "--learners", "ridge,knn", "--blender", "mean")


def test_a_job_is_started_with_what_the_options_say_and_found_again(byoe, asked, data):
    told = byoe(
        "fit",
        data,
        *ENSEMBLE,
        *ON_AWS,
        "--spot",
        "--instance-count",
        2,
        "--hyperparameter",
        "knn__n_neighbors=7",
        "--output",
        "s3://mine/here",
        "--name",
        "churn",
    )
    request = only(asked, "CreateTrainingJob")
    assert told.startswith(f"job {request['TrainingJobName']} is ")
    assert request["TrainingJobName"] == "churn"
    assert request["EnableManagedSpotTraining"] is True
    assert request["ResourceConfig"]["InstanceCount"] == 2
    assert request["HyperParameters"]["knn__n_neighbors"] == "7"
    assert request["OutputDataConfig"]["S3OutputPath"] == "s3://mine/here/output"
    with pytest.raises(ParameterError, match="there is a training job 'churn' already in eu-west-1"):
        byoe("fit", data, *ENSEMBLE, *ON_AWS, "--name", "churn")
    assert byoe("attach", request["TrainingJobName"]).startswith(f"job {request['TrainingJobName']} is ")


@pytest.fixture(autouse=True)
def _bucket_of_mine(session):
    where = {"LocationConstraint": "eu-west-1"}
    session.client("s3").create_bucket(Bucket="mine", CreateBucketConfiguration=where)


def test_a_tuning_job_gets_the_ranges_of_the_options(byoe, asked, data, monkeypatch):
    row = {"number": 1, "job": "byoe-tune-1", "status": "InProgress", "objective": None}
    monkeypatch.setattr(Tuning, "trials", [row])  # moto does not list them
    told = byoe(
        *("tune", data, *ENSEMBLE, *ON_AWS, "--max-jobs", 3, "--name", "churn-tune"),
        *(
            "--space",
            "knn__n_neighbors=2..9",
            "--space",
            "ridge__alpha=0.01..10:log",
            "--space",
            "blender=mean,weighted",
        ),
    )
    request = only(asked, "CreateHyperParameterTuningJob")
    assert told.startswith(f"tuning job {request['HyperParameterTuningJobName']} is ")
    assert "objective validation:rmse" in told
    assert request["HyperParameterTuningJobName"] == "churn-tune"
    assert "byoe-tune-1" in told
    assert "failure" not in told
    monkeypatch.setattr(Tuning, "trials", [row | {"status": "Failed", "failure": "InputError: no column 'y'"}])
    assert "InputError: no column 'y'" in byoe("attach", "churn-tune")
    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    (integer,), (real,), (choice,) = (
        ranges[f"{kind}ParameterRanges"] for kind in ("Integer", "Continuous", "Categorical")
    )
    assert (integer["Name"], integer["MinValue"], integer["MaxValue"]) == ("knn__n_neighbors", "2", "9")
    assert (real["Name"], real["ScalingType"]) == ("ridge__alpha", "Logarithmic")
    assert choice["Values"] == ['"mean"', '"weighted"']


@pytest.mark.parametrize(
    ("patience", "criteria"),
    [
        ("auto", {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}),
        ("4", {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4}}),
    ],
)
def test_patience_is_a_number_or_auto(byoe, asked, data, monkeypatch, patience, criteria):
    monkeypatch.setattr(Tuning, "trials", [])  # moto does not list them
    call = ("tune", data, *ENSEMBLE, *ON_AWS, "--space", "blender=mean,weighted", "--patience")
    byoe(*call, patience)
    config = only(asked, "CreateHyperParameterTuningJob")["HyperParameterTuningJobConfig"]
    assert config["TuningJobCompletionCriteria"] == criteria
    with pytest.raises(ParameterError, match="patience is 'soon', expected a number of trials from 3 on, 'auto' or"):
        byoe(*call, "soon")


def test_how_trials_are_compared_and_what_ends_them_are_options(byoe, asked, data, monkeypatch):
    monkeypatch.setattr(Tuning, "trials", [])  # moto does not list them
    call = ("tune", data, *ENSEMBLE, *ON_AWS, "--space", "ridge__alpha=0.1..1")
    byoe(
        *(*call, "--name", "first", "--strategy", "Random", "--max-jobs", 5, "--max-parallel-jobs", 2, "--seed", 3),
        *("--early-stopping", "--stop-at", 50, "--time-limit", 600, "--max-cost", 75, "--price-per-hour", 1),
    )
    request = only(asked, "CreateHyperParameterTuningJob")
    config = request["HyperParameterTuningJobConfig"]
    assert (config["Strategy"], config["RandomSeed"], config["TrainingJobEarlyStoppingType"]) == ("Random", 3, "Auto")
    assert config["TuningJobCompletionCriteria"] == {"TargetObjectiveMetricValue": 50.0}
    limits = {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 600}
    assert config["ResourceLimits"] == limits  # of a day each
    asked.clear()
    warm = ("--warm-start", "first", "--warm-start-type", "identical")
    byoe(*call, "--autotune", "--seed", 3, *warm)
    request = only(asked, "CreateHyperParameterTuningJob")
    assert request["Autotune"] == {"Mode": "Enabled"}
    assert request["WarmStartConfig"] == {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "first"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }


@pytest.mark.parametrize("text", ["eta", "eta="])
def test_a_space_that_cannot_be_read(byoe, data, text):
    with pytest.raises(ParameterError, match=rf"--space '{text}' is not NAME=LOW..HIGH"):
        byoe("tune", data, *ENSEMBLE, "--space", text)


def test_an_endpoint_is_told_of_asked_and_removed(byoe, cloud, session, bucket, tmp_path, monkeypatch):
    further = {"interval": [[0.0, None]] * 3, "members": {"ridge": [1.0] * 3}}

    def invoke(self, endpoint, body, content_type, *, accept, variant=""):
        if "outputs" in content_type:
            wanted = next(name for name in further if f"outputs={name}" in content_type)
            return json.dumps(
                {"predictions": [1.0] * 3, wanted: further[wanted], "names": {wanted: ["lower", "upper"]}}
            )
        answer = io.BytesIO()
        np.save(answer, np.sum(json.loads(body)["data"], axis=1))
        return answer.getvalue()

    monkeypatch.setattr(Cloud, "invoke", invoke)
    make(cloud, bucket)
    assert byoe("attach", "byoe-1") == "endpoint byoe-1 is InService\n"
    pd.DataFrame(np.eye(3), columns=list("abc")).to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "deep" / "predictions.csv"
    assert byoe("predict", "byoe-1", tmp_path / "rows.csv", "--out", out) == f"wrote 3 predictions to {out}\n"
    assert out.read_text() == "prediction\n1.0\n1.0\n1.0\n"
    for wanted, columns in (
        (("interval", "--level", 0.8), "prediction,lower,upper"),
        (("members",), "prediction,members_ridge"),
    ):
        byoe("predict", "byoe-1", tmp_path / "rows.csv", "--out", out, "--outputs", *wanted)
        assert out.read_text().splitlines()[0] == columns
    with pytest.raises(ParameterError, match="there is no output 'intervals'"):
        byoe("predict", "byoe-1", tmp_path / "rows.csv", "--out", out, "--outputs", "intervals")
    with pytest.raises(ParameterError, match="byoe-1 is an endpoint already"):
        byoe("deploy", "byoe-1")
    for _ in range(2):  # what is gone is gone
        assert byoe("delete", "byoe-1") == "there is no endpoint byoe-1 any more\n"
    assert left(session) == []
    with pytest.raises(
        JobError, match="there is no training job, tuning job, endpoint or transform job 'byoe-1' in eu-west-1"
    ):
        byoe("attach", "byoe-1")


def test_a_job_is_deployed_by_its_name_and_is_no_endpoint(byoe, session, bucket, data, tmp_path):
    name = byoe("fit", data, *ENSEMBLE, *ON_AWS).split()[1]
    with pytest.raises(
        ParameterError, match=f"{name} is a job, not an endpoint; deploy it first: byoe sagemaker deploy"
    ):
        byoe("predict", name, data, "--out", tmp_path / "out.csv")
    told = byoe("deploy", name, "--memory-mb", 2048, "--name", "churn-")
    assert told.startswith("endpoint churn-20")
    byoe("delete", told.split()[1])
    told = byoe("deploy", name, "--memory-mb", 2048)
    assert told.startswith("endpoint byoe-")
    assert told.endswith(" is InService\n")
    assert len(left(session)) == 3
    on = ("--instance-type", "ml.m5.large", "--requests-per-instance", 60)
    assert byoe("deploy", name, *on, "--instance-count", "1..3").endswith(" is InService\n")
    (bounds,) = session.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (bounds["MinCapacity"], bounds["MaxCapacity"]) == (1, 3)
    with pytest.raises(ParameterError, match=r"--instance-count is '1-3', expected a number or LOW..HIGH"):
        byoe("deploy", name, *on, "--instance-count", "1-3")
    with pytest.raises(ParameterError, match="step_percent is 60, expected a whole number from 1 to 50"):
        byoe("deploy", name, "--rollout", "canary", "--alarm", "a", "--alarm", "b", "--step-percent", 60)
    with pytest.raises(ParameterError, match=r"alarms is of endpoints on instances, and byoe-.* is serverless"):
        byoe("deploy", name, "--alarm", "a", "--alarm", "b")
    with pytest.raises(ParameterError, match=r"data_capture is of endpoints on instances, and byoe-.* is serverless"):
        byoe("deploy", name, "--data-capture", "on")
    told = byoe("deploy", name, *on[:2], "--data-capture", f"{bucket}/seen", "--capture-percent", 20)
    described = session.client("sagemaker").describe_endpoint_config(EndpointConfigName=told.split()[1])
    assert described["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    assert described["DataCaptureConfig"]["DestinationS3Uri"] == f"{bucket}/seen"


def test_a_shadow_and_weights(byoe, cloud, session, asked, data, tmp_path):
    name = byoe("fit", data, *ENSEMBLE, *ON_AWS).split()[1]
    byoe("deploy", name, "--instance-type", "ml.m5.large", "--shadow", name, "--name", "shaded")
    (config,) = [params for operation, params in asked if operation == "CreateEndpointConfig"]
    assert [one["VariantName"] for one in config["ShadowProductionVariants"]] == ["Shadow"]
    with pytest.raises(ParameterError, match="endpoint shaded has one variant, which answers all requests"):
        byoe("shift", "shaded", "AllTraffic=1")
    with pytest.raises(ParameterError, match="endpoint shaded has no variant 'new'. Known: AllTraffic."):
        byoe("predict", "shaded", data, "--out", tmp_path / "out.csv", "--variant", "new")
    variants = {one: sagemaker.attach(name, kind="job", session=session) for one in ("current", "new")}
    sagemaker.deploy(variants, name="shared", instance_type="ml.m5.large")
    assert byoe("shift", "shared", "current=9", "new=0.5") == "endpoint shared shares requests by current=9, new=0.5\n"
    told = byoe("alarm", "shared", "ModelLatency", "--above", 500_000, "--variant", "new")
    assert told == "alarm shared/new-ModelLatency is set\n"
    with pytest.raises(ParameterError, match="endpoint shaded writes no metrics of its own"):
        byoe("alarm", "shaded", "RowsOutside")
    with pytest.raises(ParameterError, match="'new' is not VARIANT=WEIGHT, such as new=1"):
        byoe("shift", "shared", "current=1", "new")


def test_several_are_deployed_together(byoe, cloud, session, data, packed, asked, tmp_path, monkeypatch):  # noqa: F811
    def invoke(self, endpoint, body, content_type, *, accept, variant=""):
        assert content_type.endswith("; model=north")
        answer = io.BytesIO()
        np.save(answer, np.ones(3))
        return answer.getvalue()

    monkeypatch.setattr(Cloud, "invoke", invoke)
    name = byoe("fit", data, *ENSEMBLE, *ON_AWS).split()[1]
    bucket, key = split(Job(name, cloud).artifact)
    session.client("s3").put_object(Bucket=bucket, Key=key, Body=packed)
    assert byoe("deploy", f"north={name},south={name}", "--name", "all") == "endpoint all is InService\n"
    (model,) = [params for operation, params in asked if operation == "CreateModel"]
    assert "/together/" in model["PrimaryContainer"]["ModelDataUrl"]
    pd.DataFrame(np.eye(3), columns=list("abc")).to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "out.csv"
    byoe("predict", "all", tmp_path / "rows.csv", "--out", out, "--model", "north")
    assert out.read_text() == "prediction\n1.0\n1.0\n1.0\n"
    with pytest.raises(ParameterError, match="'north=a,north=b' names a model more than once"):
        byoe("deploy", "north=a,north=b")


def test_a_baseline_is_put_into_s3(byoe, data, session, registry, diabetes_frame, tmp_path):
    name = byoe("fit", data, *ENSEMBLE, *ON_AWS).split()[1]
    X = diabetes_frame.drop(columns="target")
    EnsembleRegressor(("ridge",), random_state=0).fit(X, diabetes_frame["target"]).baseline(tmp_path / "baseline", X)
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        archive.add(tmp_path, ".")
    where, key = split(Job(name, Cloud(session)).artifact)
    session.client("s3").put_object(
        Bucket=where, Key=key.replace("model.tar.gz", "output.tar.gz"), Body=written.getvalue()
    )
    statistics, constraints = byoe("baseline", name).splitlines()
    folder = f"s3://{where}/{key.rpartition('/')[0]}/baseline"
    assert statistics == f"statistics: {folder}/statistics.json"
    assert constraints == f"constraints: {folder}/constraints.json"


def test_a_job_is_registered_approved_and_deployed(byoe, asked, registry, data, artifact, session):
    name = byoe("fit", data, *ENSEMBLE, *ON_AWS).split()[1]
    where, key = split(Job(name, Cloud(session)).artifact)
    session.client("s3").put_object(Bucket=where, Key=key, Body=artifact)
    told = byoe("register", name, "churn", "--description", "of May", "--metadata", "ticket=ML-17")
    assert told.startswith("package churn/1 is PendingManualApproval\n")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1"
    assert told.endswith(f"ARN: {arn}\n")
    request = only(registry.requests, "CreateModelPackage")
    assert request["ModelPackageDescription"] == "of May"
    assert request["CustomerMetadataProperties"]["ticket"] == "ML-17"
    with pytest.raises(ParameterError, match="package churn/1 has the status PendingManualApproval"):
        byoe("deploy", "churn/1")
    assert byoe("reject", arn, "--reason", "too slow").startswith("package churn/1 is Rejected: too slow\n")
    assert byoe("approve", "churn/1").startswith("package churn/1 is Approved")
    assert byoe("attach", "churn/1").startswith("package churn/1 is Approved")
    listed = byoe("attach", "churn", "--kind", "model package group", "--logs")
    assert listed.startswith("group churn is Completed\n")
    assert "Approved" in listed
    assert byoe("deploy", "churn/1").endswith(" is InService\n")
    assert only(asked, "CreateModel")["PrimaryContainer"]["ModelPackageName"] == arn
    assert "transform job" in byoe("transform", arn, data, "--no-wait")
    asked.clear()
    byoe("transform", arn, f"s3://{where}/rows/", "--content-type", "application/x-parquet", "--no-wait")
    assert only(asked, "CreateTransformJob")["TransformInput"]["ContentType"] == "application/x-parquet"
    told = byoe("register", name, "churn", "--approve")
    assert "package churn/2 is Approved" in told
    for arguments, message in (
        (("register", "churn/1", "churn"), "churn/1 is a model package; expected a training job"),
        (("register", name, "churn", "--metadata", "ticket"), "--metadata 'ticket' is not NAME=VALUE"),
        (("approve", name), f"'{name}' names no version of a model"),
        (
            ("approve", arn.replace("package/churn/1", "package-group/churn")),
            "is a model package group; expected a version",
        ),
    ):
        with pytest.raises(ParameterError, match=message):
            byoe(*arguments)


def test_data_in_s3_are_described_in_the_words_of_the_service(byoe, asked, session):
    session.client("s3").put_object(Bucket="mine", Key="list.json", Body=b'[{"prefix": "s3://mine/rows/"}, "a.csv"]')
    listed = "S3Uri=s3://mine/list.json,S3DataType=ManifestFile,InputMode=File"
    byoe("fit", "s3://mine/rows/", *ENSEMBLE, *ON_AWS, "--validation", listed, "--input-mode", "FastFile")
    train, validation = only(asked, "CreateTrainingJob")["InputDataConfig"]
    assert (train["InputMode"], validation["InputMode"]) == ("FastFile", "File")
    assert validation["DataSource"]["S3DataSource"]["S3DataType"] == "ManifestFile"
    with pytest.raises(ParameterError, match="input_mode is 'fastfile'. Did you mean 'FastFile'"):
        byoe("fit", "s3://mine/rows/", *ENSEMBLE, *ON_AWS, "--input-mode", "fastfile")
