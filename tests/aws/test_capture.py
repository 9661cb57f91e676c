"""What was asked and answered is kept in S3: the service is told to, on endpoints and of transform jobs."""

import numpy as np
import pytest
from tests.aws.test_endpoints import left

import byoe
from byoe.errors import JobError, ParameterError

ON = {"instance_type": "ml.m5.large"}
HEADERS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json", "application/jsonlines"]}


@pytest.fixture
def job(completed_job):
    return completed_job


def captures(asked):
    """Return what configurations of endpoints say of it."""
    return [params.get("DataCaptureConfig") for name, params in asked if name == "CreateEndpointConfig"]


def test_an_endpoint_captures_below_its_output(job, session, bucket, asked):
    with byoe.sagemaker.deploy(job, **ON, data_capture=True):
        assert captures(asked) == [
            {
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"{bucket}/captured",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": HEADERS,
            }
        ]
    assert left(session) == []


def test_where_how_much_and_with_which_key_is_said(job, bucket, asked):
    with byoe.sagemaker.deploy(job, **ON, data_capture=f"{bucket}/seen/", capture_percent=20, output_key="a/b"):
        pass
    with byoe.sagemaker.deploy(job, **ON, data_capture=True, output=f"{bucket}/mine"):
        pass
    with byoe.sagemaker.deploy(job, **ON):
        pass
    first, second, third = captures(asked)
    assert first["DestinationS3Uri"] == f"{bucket}/seen"
    assert (first["InitialSamplingPercentage"], first["KmsKeyId"]) == (20, "a/b")
    assert second["DestinationS3Uri"] == f"{bucket}/mine/captured"
    assert "KmsKeyId" not in second
    assert third is None


def test_an_update_keeps_changes_and_ends_it(job, bucket, asked, updated):
    with byoe.sagemaker.deploy(job, **ON) as endpoint:
        endpoint.update(job, data_capture=f"{bucket}/seen", capture_percent=50, output_key="a/b")
        # Else the platform would keep what the endpoint had.
        assert updated["excluded"] == [{"VariantPropertyType": "DataCaptureConfig"}]
        endpoint.update(job)
        assert updated["excluded"] is None
        endpoint.update(job, data_capture=True, capture_percent=10, instance_count=2)
        properties = [one["VariantPropertyType"] for one in updated["excluded"]]
        assert properties == ["DesiredInstanceCount", "DataCaptureConfig"]
        endpoint.update(job, data_capture=False)
        assert updated["excluded"] == [{"VariantPropertyType": "DataCaptureConfig"}]
        endpoint.update(job)
    none, on, kept, fewer, off, still_off = captures(asked)
    assert (none, off, still_off) == (None, None, None)
    assert kept == on
    assert fewer == on | {"InitialSamplingPercentage": 10}


def test_deploy_under_a_live_name_says_it_as_well(job, bucket, asked, updated):
    byoe.sagemaker.deploy(job, **ON, name="churn")
    with byoe.sagemaker.deploy(job, name="churn", data_capture=True, output=f"{bucket}/mine"):
        assert [one and one["DestinationS3Uri"] for one in captures(asked)] == [None, f"{bucket}/mine/captured"]


def test_an_output_that_nothing_is_put_into_is_told(job, bucket, session, updated):
    given = {"data_capture": f"{bucket}/seen", "output": f"{bucket}/mine"}
    with pytest.raises(ParameterError, match="output is for the files of an asynchronous endpoint, and for what is"):
        byoe.sagemaker.deploy(job, **ON, **given)
    assert left(session) == []
    told = pytest.raises(ParameterError, match="endpoint churn stays with none; leave it out")
    with byoe.sagemaker.deploy(job, **ON, name="churn"), told:
        byoe.sagemaker.deploy(job, name="churn", **given)


def test_a_bucket_that_is_not_there_is_told_before_anything_is_made(job, session, asked):
    with pytest.raises(JobError, match="nowhere"):
        byoe.sagemaker.deploy(job, **ON, data_capture="s3://nowhere/x")
    assert left(session) == []
    with pytest.raises(JobError, match="nowhere"):
        byoe.sagemaker.transform(job, np.eye(3), data_capture="s3://nowhere/x")
    assert left(session) == []
    with byoe.sagemaker.deploy(job, **ON) as endpoint, pytest.raises(JobError, match="nowhere"):
        endpoint.update(job, data_capture="s3://nowhere/x")
    assert left(session) == []


@pytest.mark.parametrize(("given", "where"), [(True, "/captured/churn-1"), ("/seen/", "/seen")])
def test_a_transform_job_lists_what_it_read_and_wrote(job, bucket, asked, given, where):
    given = given if given is True else bucket + given
    byoe.sagemaker.transform(job, np.eye(3), name="churn-1", data_capture=given, output_key="a/b", wait=False)
    (request,) = [params for name, params in asked if name == "CreateTransformJob"]
    assert request["DataCaptureConfig"] == {"DestinationS3Uri": bucket + where, "KmsKeyId": "a/b"}
    assert request["TransformOutput"]["KmsKeyId"] == "a/b"


def test_a_transform_job_lists_nothing_by_itself(job, asked):
    byoe.sagemaker.transform(job, np.eye(3), wait=False)
    (request,) = [params for name, params in asked if name == "CreateTransformJob"]
    assert "DataCaptureConfig" not in request
