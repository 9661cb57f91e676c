"""Calls to AWS, answered by moto; every request is checked strictly against the service's own model."""

import json
import re
import tarfile

import boto3
import numpy as np
import pytest
from tests.aws.answers import refusal, refuse

import byoe
from byoe import EnsembleRegressor, load
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._faults import DeniedError, NotFoundError
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Channel, Machine
from byoe.sagemaker.aws._requests import training_request
from byoe.sagemaker.aws._upload import pack, upload_channels, upload_source
from byoe.sagemaker.shared._metric_lines import metric_definitions

ROLE = "arn:aws:iam::123456789012:role/byoe"


def test_the_usual_bucket_is_made_once(cloud, session):
    assert cloud.bucket() == "sagemaker-eu-west-1-123456789012"
    assert cloud.bucket() == "sagemaker-eu-west-1-123456789012"
    assert [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]] == [cloud.bucket()]


def test_the_usual_bucket_has_to_be_the_accounts_own(session):
    seen = []
    session.events.register("provide-client-params.s3.HeadBucket", lambda params, **_: seen.append({**params}))
    cloud = Cloud(session)
    cloud.bucket()
    assert seen == [{"Bucket": "sagemaker-eu-west-1-123456789012", "ExpectedBucketOwner": "123456789012"}]
    refuse(session, "s3.HeadBucket", lambda: refusal("403", "Forbidden", 403))  # of one that somebody else has taken
    with pytest.raises(DeniedError, match="sagemaker-eu-west-1-123456789012"):
        Cloud(session).bucket()


def test_a_role_by_name_and_by_arn(cloud, session):
    made = session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    assert cloud.role("byoe") == made
    assert cloud.role(ROLE) == ROLE
    with pytest.raises(NotFoundError, match="did not tell the role 'nobody' .*give the ARN of one that is there"):
        cloud.role("nobody")
    with pytest.raises(ParameterError, match="role is None, and arn:aws:sts.* is no role"):
        cloud.role(None)


def test_no_region_is_told(monkeypatch, tmp_path):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ParameterError, match="there is no AWS region: set AWS_DEFAULT_REGION"):
        Cloud()


def test_no_credentials_are_told(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(JobError, match=r"AWS knows nobody here: Unable to locate credentials. Run `aws configure`"):
        Cloud(boto3.Session(region_name="eu-west-1")).account()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredTokenException", "the AWS credentials are no longer valid .*sign in again"),
        ("AccessDeniedException", r"AWS refused get_caller_identity \(AccessDeniedException\): not you"),
        ("ResourceNotFound", "get_caller_identity: not you"),
    ],
)
def test_what_aws_refuses_is_told_with_its_reason(session, code, message):
    cloud = Cloud(session)
    from botocore.stub import Stubber

    with Stubber(cloud._client("sts")) as stub:
        stub.add_client_error("get_caller_identity", code, "not you")
        with pytest.raises(JobError, match=message):
            cloud.account()


@pytest.mark.parametrize("address", ["bucket/key", "s3://", "https://bucket/key"])
def test_addresses(address):
    assert split("s3://bucket/a/b") == ("bucket", "a/b")
    with pytest.raises(ParameterError, match="expected s3://bucket/prefix"):
        split(address)


def keys(session, bucket):
    found = session.client("s3").list_objects_v2(Bucket=split(bucket)[0])
    return [entry["Key"] for entry in found.get("Contents", [])]


def test_the_same_data_are_uploaded_once(cloud, session, bucket, tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("1,2\n")
    (folder / "deep" / "b.csv").write_text("3,4\n")
    first = upload_channels(
        cloud, {"train": folder, "validation": folder / "a.csv", "more": Channel("s3://other/x/")}, bucket
    )
    names = keys(session, bucket)
    assert {name.rpartition("/")[2] for name in names} == {"a.csv", "b.csv"}
    assert len(names) == 3
    assert upload_channels(cloud, {"train": folder}, bucket)["train"] == first["train"]
    assert keys(session, bucket) == names
    assert not cloud.put(folder / "a.csv", f"{first['train'].address}a.csv")
    assert first["train"].content_type == "text/csv"
    assert first["more"] == Channel("s3://other/x/")
    (folder / "a.csv").write_text("1,5\n")
    assert upload_channels(cloud, {"train": folder}, bucket)["train"] != first["train"]


def test_the_same_source_makes_the_same_bytes(cloud, session, bucket, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "wheels").mkdir(parents=True)
        (tmp_path / name / "wheels" / "x.whl").write_bytes(b"wheel")
        (tmp_path / name / "train.py").write_text("print(1)\n")
    packed = [pack(tmp_path / name, tmp_path / f"{name}.tar.gz").read_bytes() for name in ("one", "two")]
    assert packed[0] == packed[1]
    address = upload_source(cloud, tmp_path / "one", bucket)
    assert upload_source(cloud, tmp_path / "two", bucket) == address
    cloud.unpack(address, tmp_path / "again")
    assert (tmp_path / "again" / "wheels" / "x.whl").read_bytes() == b"wheel"


def test_an_archive_cannot_write_outside_of_its_folder(cloud, bucket, tmp_path):
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        (tmp_path / "x").write_text("x")
        archive.add(tmp_path / "x", "../outside.txt")
    cloud.put(tmp_path / "evil.tar.gz", f"{bucket}/evil.tar.gz")
    with pytest.raises(tarfile.OutsideDestinationError):
        cloud.unpack(f"{bucket}/evil.tar.gz", tmp_path / "place")
    assert not (tmp_path / "outside.txt").exists()


# -- a job ---------------------------------------------------------------------------------


@pytest.fixture
def job(cloud, bucket, asked):
    request = training_request(
        "byoe-1",
        Machine("123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1", ROLE),
        source=f"{bucket}/code/sourcedir.tar.gz",
        hyperparameters={"cv": 4},
        channels={"train": Channel(f"{bucket}/train/")},
        output=f"{bucket}/output",
        metrics=metric_definitions(["validation:rmse", "member:ridge:rmse"]),
    )
    cloud.call("sagemaker", "create_training_job", **request)
    assert [name for name, _ in asked] == ["CreateTrainingJob"]
    return Job("byoe-1", cloud)


def answer(job, monkeypatch, **changes):
    """Let the service say something else of the job."""
    call = job.cloud.call

    def changed(service, operation, **request):
        found = call(service, operation, **request)
        return found | changes if operation == "describe_training_job" else found

    monkeypatch.setattr(job.cloud, "call", changed)


def write_log(session, job, lines):
    logs = session.client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
    stream = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": f"{job.name}/algo-1-1"}
    logs.create_log_stream(**stream)
    import time

    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(**stream, logEvents=events)


def test_a_job_tells_its_state_its_metrics_and_its_model(job, asked, session, cloud, bucket, tmp_path, monkeypatch):
    assert job.log == ""
    lines = [
        "[byoe] read 330 rows",
        "[byoe] fitted 2 members in 12.50 s",
        "validation:rmse=55.123456789012345;",
        "member:ridge:rmse=57.5;",
    ]
    write_log(session, job, lines)
    X = np.random.default_rng(0).normal(size=(60, 2))
    made = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, X[:, 0])
    pack(made.save(tmp_path / "model"), tmp_path / "model.tar.gz")
    cloud.put(tmp_path / "model.tar.gz", f"{bucket}/output/byoe-1/output/model.tar.gz")
    answer(
        job,
        monkeypatch,
        TrainingJobStatus="Completed",
        AlgorithmSpecification=asked[0][1]["AlgorithmSpecification"],  # of which moto forgets a part
        ModelArtifacts={"S3ModelArtifacts": f"{bucket}/output/byoe-1/output/model.tar.gz"},
        BillableTimeInSeconds=42,
        TrainingTimeInSeconds=40,
    )
    size = sum(cloud.size(channel["DataSource"]["S3DataSource"]["S3Uri"]) for channel in asked[0][1]["InputDataConfig"])
    found = job.savings(price_per_hour=3600.0)
    assert (found.members, found.seconds, found.bytes, found.money) == (2, 28.875, size, pytest.approx(28.875))
    heard = []
    assert job.wait(on_line=heard.append) is job
    assert heard == lines
    assert job.log.splitlines() == lines
    assert job.metrics == {"validation:rmse": 55.123456789012345, "member:ridge:rmse": 57.5}
    assert job.hyperparameters == {"cv": "4"}
    assert job.billable_seconds == 42
    assert job.seconds == 40.0
    assert np.array_equal(job.ensemble().predict(X), made.predict(X))
    assert np.array_equal(load(tmp_path / "model").predict(X), made.predict(X))
    job.stop()  # it has ended, so that nothing is asked


def test_a_failed_job_tells_why(job, session, monkeypatch):
    write_log(session, job, ["line one", "line two"])
    answer(job, monkeypatch, TrainingJobStatus="Failed", FailureReason="AlgorithmError: InputError: no column 'y'")
    with pytest.raises(JobError, match=r"job byoe-1 has the status Failed: AlgorithmError: InputError: no column 'y'\nThe end of its log:\nline one\nline two") as caught:  # fmt: skip
        job.wait()
    assert caught.value.job is job
    with pytest.raises(JobError):
        _ = job.artifact


@pytest.mark.parametrize(
    ("status", "more", "told"),
    [
        ("InProgress", {}, "InProgress: it has not ended; call wait() first"),
        ("Stopped", {}, "Stopped: it was stopped before its end"),
        ("Stopped", {"SecondaryStatus": "MaxRuntimeExceeded"}, "Stopped: it took longer than max_seconds"),
    ],
)
def test_a_job_without_a_model_tells_why(job, monkeypatch, status, more, told):
    answer(job, monkeypatch, TrainingJobStatus=status, **more)
    with pytest.raises(JobError) as caught:
        _ = job.artifact
    assert str(caught.value) == f"job byoe-1 has the status {told}\nIts log is empty."


def test_a_job_that_is_not_there(cloud):
    with pytest.raises(NotFoundError, match="describe_training_job"):
        _ = Job("byoe-none", cloud).status


def test_hyperparameters_of_the_request_are_json(job, asked):
    _, request = asked[0]
    assert json.loads(request["HyperParameters"]["cv"]) == 4


# -- byoe.sagemaker.fit on AWS ---------------------------------------------------------------


@pytest.fixture
def frame():
    import pandas as pd

    X = np.random.default_rng(0).normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


def launch(frame, session, **given):
    options = {"role": ROLE, "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1", "wait": False}
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    return byoe.sagemaker.fit(
        ensemble, frame, target="y", session=session, **{"instance_type": "ml.m5.xlarge", **options, **given}
    )


def test_fit_uploads_what_the_job_needs_and_starts_it(frame, session, asked, tmp_path):
    job = launch(frame, session, validation=frame[:9], hyperparameters={"cv": 4}, volume_gb=50, tags={"team": "blue"})
    (name, request), *more = asked
    assert (name, more) == ("CreateTrainingJob", [])
    assert request["TrainingJobName"] == job.name
    assert request["ResourceConfig"]["VolumeSizeInGB"] == 50
    assert "CheckpointConfig" not in request
    root = "s3://sagemaker-eu-west-1-123456789012/byoe"
    assert request["OutputDataConfig"]["S3OutputPath"] == f"{root}/output"
    addresses = [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request["InputDataConfig"]]
    assert all(address.startswith(f"{root}/data/") for address in addresses)
    assert addresses[0] != addresses[1]
    source = json.loads(request["HyperParameters"]["sagemaker_submit_directory"])
    Cloud(session).unpack(source, tmp_path / "code")
    assert (tmp_path / "code" / "train.py").is_file()
    spec = json.loads((tmp_path / "code" / "spec.json").read_text())
    assert spec["data"]["target"] == "y"
    requirements = (tmp_path / "code" / "requirements.txt").read_text()
    assert "xgboost-cpu==" in requirements
    defined = [metric["Name"] for metric in request["AlgorithmSpecification"]["MetricDefinitions"]]
    assert defined[0] == "validation:rmse"


def test_the_same_table_is_uploaded_once_for_all_jobs(frame, session, asked):
    for _ in range(2):
        launch(frame, session)
    first, second = (request["InputDataConfig"] for name, request in asked if name == "CreateTrainingJob")
    assert first == second


def test_addresses_are_used_as_they_are_and_spot_jobs_keep_checkpoints(session, asked):
    session.client("s3").create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    job = launch("s3://mine/table/", session, output="s3://mine/jobs/", spot=True, max_seconds=600)
    request = asked[-1][1]
    assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://mine/table/"
    assert request["CheckpointConfig"]["S3Uri"] == f"s3://mine/jobs/checkpoints/{job.name}"
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] == 1200


def test_a_bucket_that_is_not_there_is_told(frame, session, asked):
    with pytest.raises(
        JobError, match=r"there is no bucket 'nobodys' \(s3://nobodys/jobs\); make it \(aws s3 mb s3://nobodys\)"
    ):
        launch(frame, session, output="s3://nobodys/jobs")
    assert asked == []


def test_a_job_is_attached_to_by_its_name(frame, session):
    job = launch(frame, session)
    again = byoe.sagemaker.attach(job.name, session=session)
    assert again.name == job.name
    assert again.status == job.status
    with pytest.raises(
        JobError, match="there is no training job, tuning job, endpoint or transform job 'byoe-none' in eu-west-1"
    ):
        byoe.sagemaker.attach("byoe-none", session=session)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"volume": 3}, "a job has no option 'volume'. Did you mean 'volume_gb'"),
        (
            {"data_capture": True},
            "a job has no option 'data_capture': it is of what serves a model, so give it to byoe",
        ),
        ({"output": "folder"}, "'folder' is no S3 address"),
        ({"subnets": ("s-1",)}, "subnets and security_groups belong together"),
        ({"hyperparameters": {"store": "it's"}}, "an apostrophe"),
        (
            {"isolated": True, "image": None},
            "isolated=True leaves the container no network to install from; set vendor=True",
        ),
        ({"instance_type": "ml.g5.xlarge", "image": None}, "the scikit-learn container has no variant for GPUs"),
        ({"warm_start": ("a",)}, "a job has no option 'warm_start'"),
        ({"instance_count": 0}, "instance_count is 0, expected a positive integer"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(frame, session, asked, given, message):
    with pytest.raises(ParameterError, match=message):
        launch(frame, session, **given)
    assert asked == []


@pytest.mark.parametrize(
    ("name", "value"), [("volume_gb", 3), ("role", ROLE), ("spot", True), ("image", "x"), ("instance_count", 2)]
)
def test_options_of_aws_mean_nothing_here(frame, name, value):
    with pytest.raises(ParameterError, match=f"{name} is for jobs on AWS, and instance_type is 'local'"):
        byoe.sagemaker.fit(EnsembleRegressor(("ridge",)), frame, target="y", **{name: value})


@pytest.mark.parametrize(("name", "value"), [("autotune", True), ("max_cost", 3.0)])
def test_options_of_a_tuning_job_of_aws_mean_nothing_here(frame, name, value):
    price = {"price_per_hour": 1.0} if name == "max_cost" else {}
    with pytest.raises(ParameterError, match=f"{name} is for jobs on AWS, and instance_type is 'local'"):
        byoe.sagemaker.tune(
            EnsembleRegressor(("ridge",)), {"ridge__alpha": (0.1, 1.0)}, frame, target="y", **{name: value}, **price
        )


def test_the_newest_container_of_a_region(cloud):
    assert re.fullmatch(
        r"\d{12}\.dkr\.ecr\.eu-west-1\.amazonaws\.com/sagemaker-scikit-learn:1\.9-0-cpu-py3", cloud.image()
    )


def test_a_region_without_a_container(session):
    with pytest.raises(
        ParameterError,
        match=r"no container for scikit-learn 1.9-0 is known in mars-1 \(Unsupported region: mars-1\); give its address as image",
    ):
        Cloud(boto3.Session(region_name="mars-1")).image()


@pytest.mark.parametrize("where", ["Training", "ProductionVariant", "Transform"])
def test_types_of_instances(cloud, where):
    cloud.check_instance_type("ml.m5.xlarge", where)
    with pytest.raises(ParameterError, match="instance_type is 'm5.xlarge', expected one such as .*'ml.m5.xlarge'"):
        cloud.check_instance_type("m5.xlarge", where)
    with pytest.raises(
        ParameterError, match="instance_type is 'GPU', expected one such as 'ml.m5.xlarge'; if it is newer"
    ):
        cloud.check_instance_type("GPU", where)
