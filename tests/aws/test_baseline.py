"""The baseline of a job, as files in S3 for Model Monitor and as a part of a version in the registry."""

import hashlib
import io
import json
import tarfile

import pytest
from tests.aws.asked import only
from tests.aws.service_model import faults
from tests.monitor_schema import faults as faults_of_files

from byoe.errors import JobError
from byoe.sagemaker.aws._addresses import split


@pytest.fixture(scope="module")
def written(fitted, diabetes_frame, tmp_path_factory):
    """What a job writes as output."""
    folder = tmp_path_factory.mktemp("output")
    fitted.baseline(folder / "baseline", diabetes_frame.drop(columns="target"))
    (folder / "leaderboard.json").write_text("[]")
    return folder


@pytest.fixture
def put(session):
    """Put what a job has written beside its artifact; return nothing."""

    def put(job, folder):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(folder, ".")
        where, key = split(job.artifact.replace("model.tar.gz", "output.tar.gz"))
        session.client("s3").put_object(Bucket=where, Key=key, Body=packed.getvalue())

    return put


def test_the_files_are_beside_the_artifact(job, cloud, put, written):
    put(job, written)
    made = job.baseline()
    beside = job.artifact.rpartition("/")[0]
    assert made == (f"{beside}/baseline/statistics.json", f"{beside}/baseline/constraints.json")
    assert [cloud.get(address) for address in made] == [
        (written / "baseline" / name).read_bytes() for name in ("statistics.json", "constraints.json")
    ]
    assert faults_of_files(*(json.loads(cloud.get(address)) for address in made)) == []


def test_they_are_what_a_monitoring_job_is_given(job, put, written, session):
    put(job, written)
    made = job.baseline()
    request = {
        "JobDefinitionName": "churn-data",
        "DataQualityBaselineConfig": {
            "StatisticsResource": {"S3Uri": made.statistics},
            "ConstraintsResource": {"S3Uri": made.constraints},
        },
        "DataQualityAppSpecification": {"ImageUri": "monitor"},
        "DataQualityJobInput": {"EndpointInput": {"EndpointName": "churn", "LocalPath": "/opt/ml/processing/input"}},
        "DataQualityJobOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": "s3://mine/reports", "LocalPath": "/opt/ml/processing/output"}}
            ]
        },
        "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}},
        "RoleArn": job.role,
    }
    assert faults("CreateDataQualityJobDefinition", request) == []
    session.client("sagemaker").create_data_quality_job_definition(**request)


def test_what_somebody_has_changed_in_them_stays(job, cloud, put, written, session):
    put(job, written)
    bucket, key = split(job.baseline().constraints)
    session.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    assert cloud.get(job.baseline().constraints) == b"{}"


@pytest.mark.parametrize("output", ["nothing", "without one"])
def test_a_job_without_one_is_told(job, put, tmp_path, output):
    if output == "without one":
        (tmp_path / "leaderboard.json").write_text("[]")
        put(job, tmp_path)
    with pytest.raises(JobError, match=r"job byoe-1 has no baseline: s3://.*/output\.tar\.gz holds none"):
        job.baseline()
    assert "DriftCheckBaselines" not in job.register("churn").describe()


def test_a_job_that_has_not_ended_has_none(job, monkeypatch):
    monkeypatch.setattr(type(job), "status", "InProgress")
    with pytest.raises(JobError, match="has the status InProgress"):
        job.baseline()


def test_a_version_has_it_twice_as_the_registry_wants_it(job, cloud, put, written, registry):
    put(job, written)
    package = job.register("churn").describe()
    found = package["DriftCheckBaselines"]["ModelDataQuality"]
    assert (
        found
        == package["ModelMetrics"]["ModelDataQuality"]
        == only(registry.requests, "CreateModelPackage")["DriftCheckBaselines"]["ModelDataQuality"]
    )
    assert "ModelQuality" in package["ModelMetrics"]
    for part, address in zip(("Statistics", "Constraints"), job.baseline(), strict=True):
        digest = hashlib.sha256(cloud.get(address)).hexdigest()
        assert found[part] == {
            "ContentType": "application/json",
            "ContentDigest": f"sha256:{digest}",
            "S3Uri": address,
        }
