"""Endpoints and batch transform: what was trained is served by the container's real serving stack."""

import io
import json
import tarfile

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError, JobError
from byoe.sagemaker.aws import _waiting


@pytest.fixture(scope="module")
def jobs(platform, on_aws, tables):
    """Two jobs, whose models differ."""
    train, _ = tables
    ensemble = EnsembleRegressor(("ridge", "lightgbm"), "weighted", cv=3, random_state=0)
    started = [
        byoe.sagemaker.fit(ensemble, train, target="target", wait=False, hyperparameters={"cv": folds}, **on_aws)
        for folds in (3, 4)
    ]
    return [job.wait() for job in started]


@pytest.fixture
def damaged(jobs, platform):
    """A job whose artifact holds no model."""
    address = jobs[1].artifact
    content = platform.place.get(address)
    packed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as whole, tarfile.open(fileobj=packed, mode="w:gz") as part:
        for member in whole.getmembers():
            if member.isfile() and member.name != "manifest.json":
                part.addfile(member, whole.extractfile(member))
    platform.place.put(address, packed.getvalue())
    yield jobs[1]
    platform.place.put(address, content)


@pytest.mark.parametrize("where", [{"memory_mb": 2048}, {"instance_type": "ml.m5.large"}])
def test_an_endpoint_answers_frames_and_arrays_and_refuses_what_is_wrong(platform, jobs, tables, where):
    job, (_, rows) = jobs[0], tables
    expected = job.ensemble().predict(rows)
    with byoe.sagemaker.deploy(job, **where) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), expected)
        np.testing.assert_allclose(endpoint.predict(rows[rows.columns[::-1]]), expected)
        np.testing.assert_allclose(endpoint.predict(rows.to_numpy()), expected)
        np.testing.assert_allclose(endpoint.predict(rows.iloc[:1]), expected[:1])
        with pytest.raises(InputError, match="answered 400: .*bmi"):
            endpoint.predict(rows.drop(columns="bmi"))
        with pytest.raises(InputError, match="answered 400"):
            endpoint.predict(rows.to_numpy()[:, :3])
        assert "Booting worker" in endpoint.log
        assert "BuildBackendWarning" not in endpoint.log  # what the toolkit packs by itself is told of at length
    assert platform.left() == []


def test_large_data_are_sent_in_pieces(platform, jobs, tables):
    job, (_, rows) = jobs[0], tables
    many = np.tile(rows.to_numpy(), (600, 1))
    assert many.nbytes > 5 * 1024 * 1024
    with byoe.sagemaker.deploy(job) as endpoint:
        found = endpoint.predict(many)
    np.testing.assert_allclose(found, np.tile(job.ensemble().predict(rows), 600))


def test_an_asynchronous_endpoint_answers_by_files(platform, jobs, tables, monkeypatch):
    monkeypatch.setattr(_waiting, "SECONDS", 0.2)
    job, (_, rows) = jobs[0], tables
    bounds = {"instance_count": (0, 2), "requests_per_instance": 3}
    with byoe.sagemaker.deploy(job, asynchronous=True, **bounds) as endpoint:
        many = np.tile(rows.to_numpy(), (800, 1))  # more than a request to another endpoint may have
        found = endpoint.predict(many)
        np.testing.assert_allclose(found, np.tile(job.ensemble().predict(rows), 800))
        with pytest.raises(InputError, match="refused the request: .*bmi"):
            endpoint.predict(rows.drop(columns="bmi"))
    assert platform.left() == []


def test_a_live_endpoint_gets_another_model(platform, jobs, tables):
    (first, second), (_, rows) = jobs, tables
    assert not np.allclose(first.ensemble().predict(rows), second.ensemble().predict(rows))
    with byoe.sagemaker.deploy(first, tags={"team": "blue"}, name="diabetes") as endpoint:
        assert endpoint.name == "diabetes"
        tags = [{"Key": "team", "Value": "red"}]
        byoe.sagemaker.deploy(second, name="diabetes", memory_mb=4096, environment={"A": "b"}, tags=tags)
        np.testing.assert_allclose(endpoint.predict(rows), second.ensemble().predict(rows))
        assert len(platform.left()) == 3
        fitted = second.ensemble()
        frame = endpoint.predict(rows, outputs=["interval", "members"], level=0.8)
        assert list(frame.columns) == ["prediction", "lower", "upper", "members_ridge", "members_lightgbm"]
        assert list(frame.index) == list(rows.index)
        np.testing.assert_allclose(frame[["lower", "upper"]], fitted.predict_interval(rows, level=0.8))
        np.testing.assert_allclose(frame[["members_ridge", "members_lightgbm"]], fitted.transform(rows))
        again = byoe.sagemaker.attach(endpoint.name)
        np.testing.assert_allclose(again.predict(rows), second.ensemble().predict(rows))
    assert platform.left() == []


def test_a_model_that_cannot_be_loaded_gets_no_endpoint(platform, damaged):
    with pytest.raises(JobError, match="did not pass the ping health check") as failed:
        byoe.sagemaker.deploy(damaged)
    assert "it holds no manifest.json" in str(failed.value)
    assert platform.left() == []


def test_a_live_endpoint_keeps_its_model_when_another_cannot_be_loaded(platform, jobs, damaged, tables):
    first, (_, rows) = jobs[0], tables
    with byoe.sagemaker.deploy(first) as endpoint:
        with pytest.raises(JobError, match="has kept its model: .*did not pass the ping health check"):
            endpoint.update(damaged)
        np.testing.assert_allclose(endpoint.predict(rows), first.ensemble().predict(rows))
        assert len(platform.left()) == 3
    assert platform.left() == []


def test_rows_are_predicted_by_batch_transform(platform, jobs, tables):
    job, (_, rows) = jobs[0], tables
    expected = job.ensemble().predict(rows)
    transform = byoe.sagemaker.transform(job, rows)
    np.testing.assert_allclose(transform.predictions(), expected)
    # Files that are there already, each with a header of its own.
    platform.place.put("s3://sagemaker-eu-west-1-123456789012/rows/a.csv", rows[:50].to_csv(index=False).encode())
    platform.place.put("s3://sagemaker-eu-west-1-123456789012/rows/b.csv", rows[50:].to_csv(index=False).encode())
    there = "s3://sagemaker-eu-west-1-123456789012/rows/"
    written = byoe.sagemaker.transform(job, there, accept="application/json")
    answers = [platform.place.get(f"{written.output}{name}.csv.out") for name in "ab"]
    found = [value for answer in answers for value in json.loads(answer)["predictions"]]
    np.testing.assert_allclose(found, expected)
    assert platform.left() == []


def test_a_transform_job_that_fails_tells_why(platform, jobs, tables):
    _, rows = tables
    with pytest.raises(JobError, match="was answered with 400: .*bmi"):
        byoe.sagemaker.transform(jobs[0], rows.drop(columns="bmi"))
    assert platform.left() == []
