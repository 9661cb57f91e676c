"""Batch transform jobs, answered by moto; the files are predicted by the handlers that the container would run."""

import boto3
import numpy as np
import pandas as pd
import pytest
from tests.aws.answers import fails
from tests.aws.service_model import model
from typer.testing import CliRunner

import byoe
from byoe import EnsembleRegressor
from byoe.cli._app import app
from byoe.errors import InputError, JobError, ParameterError
from byoe.sagemaker.aws import _transform
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._transform import Transform
from byoe.sagemaker.aws._tuning import Tuning
from byoe.serving import input_fn, model_fn, output_fn, predict_fn

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1"
ROLE = "arn:aws:iam::123456789012:role/byoe"


@pytest.fixture
def job(cloud, bucket, monkeypatch):
    """A finished job on AWS."""
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": IMAGE},
        "RoleArn": ROLE,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/model.tar.gz"},
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    return Job("byoe-1", cloud)


@pytest.fixture(scope="module")
def frame(diabetes_frame):
    X = diabetes_frame.drop(columns="target")
    return X.assign(sex=np.where(X["sex"] > 0, "f", "m"))  # a column of texts


@pytest.fixture(scope="module")
def fitted(frame, diabetes_frame):
    return EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(frame, diabetes_frame["target"])


@pytest.fixture(scope="module")
def served(fitted, tmp_path_factory):
    return model_fn(str(fitted.save(tmp_path_factory.mktemp("served") / "model")))


def carry_out(cloud, session, transform, model):
    """Do what the platform does: each file is one request, and its answer a file."""
    found = transform.describe()
    assert found["TransformInput"]["SplitType"] == "None"
    rows = found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    kind, accept = found["TransformInput"]["ContentType"], found["TransformOutput"]["Accept"]
    sizes = []
    for file in cloud.keys(rows):
        body = cloud.get(rows + file)
        sizes.append(len(body))
        assert len(body) <= found["MaxPayloadInMB"] * 1024 * 1024
        answer, _ = output_fn(predict_fn(input_fn(body, kind), model), accept)
        place, key = split(f"{transform.output}{file or rows.rpartition('/')[2]}.out")
        session.client("s3").put_object(
            Bucket=place, Key=key, Body=answer if isinstance(answer, bytes) else answer.encode()
        )
    return sizes


def models(session):
    return [found["ModelName"] for found in session.client("sagemaker").list_models()["Models"]]


def test_rows_are_predicted_in_their_order_and_the_model_is_removed(
    job, cloud, session, asked, bucket, frame, fitted, served, monkeypatch
):
    monkeypatch.setattr(_transform, "_PIECE", 5000)  # bytes, for several pieces
    transform = byoe.sagemaker.transform(job, frame, wait=False, instance_count=2, tags={"team": "blue"})
    assert models(session) == [transform.name]
    assert len(carry_out(cloud, session, transform, served)) > 10
    np.testing.assert_array_equal(transform.predictions(), fitted.predict(frame))
    assert models(session) == []
    assert transform.wait() is transform  # what is gone is gone
    request = dict(asked)["CreateTransformJob"]
    assert request["TransformResources"] == {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}
    assert request["TransformOutput"]["S3OutputPath"] == f"{bucket}/transform/{transform.name}"
    assert request["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert dict(asked)["CreateModel"]["PrimaryContainer"]["ModelDataUrl"] == f"{bucket}/model.tar.gz"
    assert repr(transform) == f"Transform('{transform.name}', status='Completed')"


def test_a_transform_job_takes_on_another_role(job, session, asked, frame):
    session.client("iam").create_role(RoleName="server", AssumeRolePolicyDocument="{}")
    byoe.sagemaker.transform(job, frame, wait=False, role="server")
    assert dict(asked)["CreateModel"]["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/server"


def test_a_transform_job_is_found_again(cloud, session, bucket, monkeypatch, job, frame):
    transform = byoe.sagemaker.transform(job, frame, wait=False)
    monkeypatch.undo()  # there is no training job of that name
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert isinstance(byoe.sagemaker.attach(transform.name, session=session), Transform)


def test_a_file_of_this_machine(job, cloud, session, frame, fitted, served, tmp_path):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    transform = byoe.sagemaker.transform(job, tmp_path / "rows.csv", wait=False)
    carry_out(cloud, session, transform, served)
    np.testing.assert_allclose(transform.predictions(), fitted.predict(frame), rtol=1e-12)


def test_an_array_goes_as_numbers(job, cloud, session, asked, rng, tmp_path):
    X = rng.normal(size=(50, 3))
    numeric = EnsembleRegressor(("ridge",), "mean").fit(X, X[:, 0])
    transform = byoe.sagemaker.transform(job, X, wait=False)
    assert dict(asked)["CreateTransformJob"]["TransformInput"]["ContentType"] == "application/x-npy"
    carry_out(cloud, session, transform, model_fn(str(numeric.save(tmp_path / "model"))))
    np.testing.assert_array_equal(transform.predictions(), numeric.predict(X))


@pytest.mark.parametrize("end", ["", "/", "/a.csv"])
def test_files_at_an_address_are_requests_as_they_are(job, cloud, session, asked, frame, fitted, served, bucket, end):
    place, key = split(f"{bucket}/mine/a.csv")
    session.client("s3").put_object(Bucket=place, Key=key, Body=frame[:100].to_csv(index=False))
    address = f"{bucket}/mine{end}"
    transform = byoe.sagemaker.transform(job, address, wait=False)
    request = dict(asked)["CreateTransformJob"]
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == address
    assert request["TransformInput"]["ContentType"] == "text/csv"
    assert request["MaxPayloadInMB"] == 100
    with pytest.raises(JobError, match=r"has left no predictions for s3://.*/mine/?a?.*csv at s3://"):
        transform.predictions()
    if not end:  # the platform writes no double slash
        answer, _ = output_fn(
            predict_fn(input_fn(frame[:100].to_csv(index=False), "text/csv"), served), "application/x-npy"
        )
        where, name = split(f"{transform.output}a.csv.out")
        session.client("s3").put_object(Bucket=where, Key=name, Body=answer)
    else:
        carry_out(cloud, session, transform, served)
    np.testing.assert_allclose(transform.predictions(), fitted.predict(frame[:100]), rtol=1e-12)


def test_other_formats_are_read_by_others(job, cloud, session, frame, fitted, served):
    transform = byoe.sagemaker.transform(job, frame[:5], accept="text/csv", wait=False)
    carry_out(cloud, session, transform, served)
    with pytest.raises(ParameterError, match=f"asked for as text/csv; read them at {transform.output}"):
        transform.predictions()
    (name,) = cloud.keys(transform.output)
    np.testing.assert_allclose(
        np.loadtxt(cloud.get(transform.output + name).decode().splitlines()), fitted.predict(frame[:5])
    )


def test_no_model_is_left_of_a_job_that_cannot_start(job, session, cloud, frame, monkeypatch):
    fails(monkeypatch, cloud, create_transform_job=JobError("no such instances"))
    with pytest.raises(JobError, match="no such instances"):
        byoe.sagemaker.transform(job, frame)
    assert models(session) == []


def test_a_job_that_fails_tells_why_and_leaves_no_model(job, session, cloud, frame, monkeypatch):
    monkeypatch.setattr(Transform, "describe", failed(Transform.describe))
    with pytest.raises(
        JobError, match=r"transform job byoe-.* has the status Failed: ClientError: 400\nIts log is empty"
    ):
        byoe.sagemaker.transform(job, frame)
    assert models(session) == []


def failed(describe):
    return lambda self: describe(self) | {"TransformJobStatus": "Failed", "FailureReason": "ClientError: 400"}


def test_a_job_is_stopped_once(job, cloud, frame, asked, monkeypatch):
    stopped = []
    transform = byoe.sagemaker.transform(job, frame, wait=False)
    transform.stop()  # it has ended
    monkeypatch.setattr(Transform, "status", "InProgress")
    monkeypatch.setattr(cloud, "call", lambda service, operation, **request: stopped.append((operation, request)))
    transform.stop()
    assert stopped == [("stop_transform_job", {"TransformJobName": transform.name})]
    shape = model("sagemaker").operation_model("StopTransformJob").input_shape
    assert set(stopped[0][1]) == set(shape.required_members)


def test_of_a_tuning_job_the_best_one_predicts(job, cloud, frame, asked, monkeypatch):
    tuning = Tuning("byoe-tune", cloud)
    monkeypatch.setattr(Tuning, "wait", lambda self: self)
    monkeypatch.setattr(Tuning, "best_job", job)
    assert byoe.sagemaker.transform(tuning, frame).status == "Completed"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"content_type": "text/csv"}, "content_type is for files at an s3:// address"),
        ({"header": True}, "header is for CSV files, and data is neither"),
        ({"data": "s3://a/b", "header": True}, "header is for files of this machine"),
        (
            {"data": "s3://a/b", "content_type": "image/png"},
            "content_type is 'image/png', expected one of 'text/csv'",
        ),
        ({"accept": "image/png"}, "accept is 'image/png', expected one of 'application/json'"),
        ({"instance_count": 0}, "instance_count is 0, expected a positive integer"),
        ({"output": "here"}, "'here' is no S3 address"),
        ({"volume_gb": 5}, "serving has no option 'volume_gb'"),
        ({"data_capture": "here"}, "'here' is no S3 address"),
        ({"data_capture": 1}, "data_capture is 1, expected True, False, or an s3:// prefix"),
        ({"data_capture": "s3://mine/" + "x" * 1024}, "data_capture has 1034 characters, and of a prefix at most 1024"),
        ({"region": "us-east-1"}, "has no option 'region': what serves is where its job is"),
        ({"name": "a_b"}, "'a_b' cannot be the name of a transform job"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_uploaded(job, frame, asked, given, message):
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.transform(job, **{"data": frame, **given})
    assert not [name for name, _ in asked if name.startswith("Create")]


def test_no_rows(job, frame):
    with pytest.raises(InputError, match="there are no rows to predict"):
        byoe.sagemaker.transform(job, frame[:0])


def test_serving_has_fewer_options_than_a_job(job):
    with pytest.raises(ParameterError, match="serving has no option 'max_seconds'"):
        byoe.sagemaker.deploy(job, max_seconds=60)


def test_the_command(job, cloud, session, frame, fitted, served, tmp_path, monkeypatch):
    monkeypatch.setattr(boto3, "Session", lambda: session)
    wait = Transform.wait

    def run_first(self):
        carry_out(cloud, session, self, served)
        return wait(self)

    monkeypatch.setattr(Transform, "wait", run_first)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "predictions.csv"

    def told(*arguments):
        done = CliRunner().invoke(app, ["sagemaker", *map(str, arguments)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    lines = told("transform", "byoe-1", tmp_path / "rows.csv", "--out", out).splitlines()
    assert lines[0].startswith("transform job byoe-")
    assert lines[1] == f"wrote {len(frame)} predictions to {out}"
    np.testing.assert_allclose(pd.read_csv(out)["prediction"], fitted.predict(frame), rtol=1e-12)
    with pytest.raises(ParameterError, match="--out needs the predictions"):
        told("transform", "byoe-1", tmp_path / "rows.csv", "--out", out, "--no-wait")
    monkeypatch.setattr(byoe.sagemaker, "attach", lambda name, **_: Transform(name, cloud))
    with pytest.raises(
        ParameterError, match="x is a transform job; expected a training job, a tuning job or a model package"
    ):
        told("transform", "x", tmp_path / "rows.csv")
    with pytest.raises(ParameterError, match="x is a transform job; expected"):
        told("deploy", "x")
    name = lines[0].split()[2]
    assert told("attach", name).startswith(f"transform job {name} is Completed, predictions: s3://")
