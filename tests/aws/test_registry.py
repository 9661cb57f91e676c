"""The model registry: jobs become versions, which are approved, found again, served and removed.

What people met, beside what the service says of its API:

- sagemaker-python-sdk #5063, #4139, airflow #28024: a group that is there, or is not, stops a registration
- sagemaker-python-sdk #3726: a group of another account, given by its ARN, is to be made
- amazon-sagemaker-examples #1438: "ARN should be scoped to correct region"
- amazon-sagemaker-examples #2289: what is no ARN reaches the service, which answers with its pattern
- sagemaker-python-sdk #3301, #3397, #3457, #3581: variables of a package and of its model get in each other's way
- sagemaker-python-sdk #3447, #3891: a model of a package loses its tags, or is called "1"
- sagemaker-python-sdk #4032, workbench #90: versions have no tags, and their origin is not recorded
- sagemaker-python-sdk #3071: an estimator of scikit-learn cannot be registered by its own method
- amazon-sagemaker-developer-guide #148: a package without the variables that its container serves by
- ml-edge-getting-started #18: who deploys may not look at the package
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from tests.aws.answers import fails
from tests.aws.asked import only
from tests.aws.registry import METRICS, OTHERS, RefusedError
from tests.aws.service_model import faults

import byoe
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._faults import DeniedError, NotFoundError, NotNowError
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._register import check_metadata
from byoe.sagemaker.aws._tuning import Tuning
from byoe.sagemaker.local._job import LocalJob
from byoe.sagemaker.local._tuning import LocalTuning

# Registering


def test_a_job_becomes_a_version(job, registry, cloud, bundle, asked):
    package = job.register("churn", description="with the rows of May", metadata={"ticket": "ML-17"})
    assert package.name == "churn/1"
    assert package.arn == "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1"
    assert (package.status, package.reason) == ("PendingManualApproval", "")
    assert repr(package) == "Package('churn/1', status='PendingManualApproval')"
    assert package.description == "with the rows of May"
    assert package.metadata == {"ticket": "ML-17"}
    assert package.digest == hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert package.job == "arn:aws:sagemaker:eu-west-1:123456789012:training-job/byoe-1"
    assert package.metrics == job.metrics == METRICS
    request = only(registry.requests, "CreateModelPackage")
    assert request["CustomerMetadataProperties"]["byoe:version"] == byoe.__version__
    assert [name for name, _ in asked if name.startswith("Create")] == [
        *("CreateTrainingJob", "CreateModelPackageGroup", "CreateModelPackage")
    ]


def test_a_version_serves_as_the_job_would(job, registry, asked):
    spec = job.register("churn").describe()["InferenceSpecification"]
    byoe.sagemaker.deploy(job).delete()
    assert spec["Containers"] == [only(asked, "CreateModel")["PrimaryContainer"]]
    assert {"text/csv", "application/x-npy", "application/x-parquet"} < set(spec["SupportedContentTypes"])
    assert "text/csv" in spec["SupportedResponseMIMETypes"]
    for types in (spec["SupportedTransformInstanceTypes"], spec["SupportedRealtimeInferenceInstanceTypes"]):
        assert {"ml.m5.xlarge", "ml.c7i.4xlarge"} < set(types)
        assert not [one for one in types if one.split(".")[1][0] in "pgid" or one.startswith(("ml.m7g", "ml.trn"))]


def test_the_metrics_are_in_the_form_of_the_service(job, cloud, fitted):
    statistics = job.register("churn").describe()["ModelMetrics"]["ModelQuality"]["Statistics"]
    content = cloud.get(statistics["S3Uri"])
    assert statistics["ContentDigest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert statistics["S3Uri"].rpartition("/")[0] == job.artifact.rpartition("/")[0]
    report = json.loads(content)
    spread = fitted.leaderboard_["blend"]["spread"]
    assert report["regression_metrics"] == {
        "rmse": {"value": 54.25, "standard_deviation": pytest.approx(spread)},
        "mse": {"value": 54.25**2, "standard_deviation": "NaN"},
        "r2": {"value": 0.5, "standard_deviation": "NaN"},
    }
    assert report["leaderboard"][0]["member"] == "blend"


def test_the_spread_over_folds_is_not_that_of_validation_data(run_job, cloud):
    package = run_job(channels=("train", "validation")).register("churn")
    source = package.describe()["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    report = json.loads(cloud.get(source))
    assert report["regression_metrics"]["rmse"]["standard_deviation"] == "NaN"
    assert report["rows"] == "validation data"


def test_metrics_whose_log_is_gone_are_those_that_the_service_keeps(run_job, capsys, monkeypatch):
    job = run_job(metrics={})
    assert job.register("churn").metrics == {"train:progress": 100.0}  # which moto tells of all jobs
    described = {key: value for key, value in job.describe().items() if key != "FinalMetricDataList"}
    monkeypatch.setattr(Job, "describe", lambda self: described)
    assert job.register("churn").metrics == {}
    assert "job byoe-1 tells no metrics any more, and its version has none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("approve", "status"), [(True, "Approved"), (False, "Rejected"), (None, "PendingManualApproval")]
)
def test_a_version_is_approved_by_name(job, approve, status):
    assert job.register("churn", approve=approve).status == status


def test_a_job_that_is_registered_again_is_another_version_and_that_is_said(job, registry, capsys):
    assert job.register("churn").name == "churn/1"
    assert capsys.readouterr().out == ""
    assert job.register("churn").name == "churn/2"
    assert "package churn/1 is this ensemble already: it gets another version" in capsys.readouterr().out
    registry.failing["DescribeModelPackage"] = RefusedError("no", "AccessDeniedException")
    assert job.register("churn").name == "churn/3"
    assert capsys.readouterr().out == ""


def test_the_best_job_of_a_tuning_job_is_registered(job, cloud, monkeypatch):
    told = {"HyperParameterTuningJobStatus": "InProgress", "BestTrainingJob": {"TrainingJobName": job.name}}
    monkeypatch.setattr(Tuning, "describe", lambda self: told)
    with pytest.raises(JobError, match=r"tuning job tune-1 has the status InProgress: it has not ended; call wait\(\)"):
        Tuning("tune-1", cloud).register("churn")
    told["HyperParameterTuningJobStatus"] = "Completed"
    package = Tuning("tune-1", cloud).register("churn", approve=True, metadata={"of": "a tuning"})
    assert (package.status, package.metadata) == ("Approved", {"of": "a tuning"})
    assert package.job.endswith(":training-job/byoe-1")


def test_a_job_on_a_gpu_serves_without_one(run_job):
    spec = run_job(instance_type="ml.g5.xlarge").register("churn").describe()["InferenceSpecification"]
    assert "ml.g5.xlarge" not in spec["SupportedRealtimeInferenceInstanceTypes"]


# What cannot be registered


@pytest.mark.parametrize(
    ("group", "given", "message"),
    [
        ("churn_models", {}, "'churn_models' cannot be the name of a model package group: .*'churn-models' could be"),
        ("c" * 64, {}, "it may have 63 characters"),
        ("", {}, "cannot be the name of a model package group"),
        (None, {}, "group is None, expected the name of a model package group, or its ARN"),
        (OTHERS, {}, "the ARN of a model package; expected that of a model package group"),
        ("arn:aws:s3:::bucket", {}, "is no ARN of SageMaker's"),
        ("churn", {"approve": "yes"}, "approve is 'yes', expected True, False, or None where somebody is to decide"),
        ("churn", {"description": "d" * 1025}, "description has 1025 characters, at most 1024 fit"),
        ("churn", {"description": "two\nlines"}, "AWS takes one line there"),
        ("churn", {"description": 3}, "description is 3, expected a text"),
        ("churn", {"metadata": ["a"]}, r"metadata is \"\['a'\]\", expected pairs of texts such as"),
        ("churn", {"metadata": {"rows": 330}}, r"metadata\['rows'\] is 330, expected pairs of texts .*; write '330'"),
        ("churn", {"metadata": {7: "a"}}, "a name in metadata is 7"),
        ("churn", {"metadata": {f"n{i}": "v" for i in range(49)}}, "metadata has 49 pairs, and AWS takes 48 beside byoe's two"),
        ("churn", {"metadata": {"k" * 129: "v"}}, "a name in metadata has 129 characters, expected 1 to 128"),
        ("churn", {"metadata": {"k": "v" * 257}}, r"metadata\['k'\] has 257 characters, expected 1 to 256"),
        ("churn", {"metadata": {"k": ""}}, r"metadata\['k'\] has 0 characters"),
        ("churn", {"metadata": {"k": "a;b"}}, r"metadata\['k'\] is 'a;b'; AWS takes letters, digits, spaces"),
        ("churn", {"metadata": {"Byoe:digest": "x"}}, "has the name 'Byoe:digest', and those with 'byoe:' are byoe's"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_made(job, registry, uploaded, group, given, message):
    with pytest.raises(ParameterError, match=message):
        job.register(group, **given)
    assert (registry.left, uploaded) == ([], [])


def test_the_limits_of_metadata_are_those_of_the_service(job):
    most = {f"n{i:03}".ljust(128, "x"): "v" * 256 for i in range(48)}
    assert job.register("churn", metadata=most).metadata == most
    assert check_metadata(None) == {}
    entry = {"CustomerMetadataProperties": {"k" * 129: "v"}}
    assert faults("CreateModelPackage", entry) == [
        "CreateModelPackage.CustomerMetadataProperties key: 129 is more than 128"
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("Failed", "job byoe-1 has the status Failed: AlgorithmError: no rows"),
        ("InProgress", r"job byoe-1 has the status InProgress: it has not ended; call wait\(\) first"),
        ("Stopped", "job byoe-1 has the status Stopped: it was stopped before its end"),
    ],
)
def test_a_job_without_a_model_is_not_registered(job, registry, monkeypatch, uploaded, status, message):
    reason = {"FailureReason": "AlgorithmError: no rows"} if status == "Failed" else {}
    described = job.describe() | {"TrainingJobStatus": status} | reason
    monkeypatch.setattr(Job, "describe", lambda self: described)
    with pytest.raises(JobError, match=message):
        job.register("churn")
    assert (registry.left, uploaded) == ([], [])


@pytest.mark.parametrize(
    ("packed", "message"), [(b"none", "is no whole tar.gz"), (None, "holds no manifest.json: byoe")]
)
def test_an_artifact_that_is_not_byoes_is_not_registered(run_job, registry, packed, message):
    if packed is None:
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w:gz").close()
        packed = empty.getvalue()
    job = run_job(packed=packed)
    with pytest.raises(JobError, match=rf"s3://.*/byoe-1/output/model.tar.gz {message}"):
        job.register("churn")
    assert registry.left == []


@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_left_of_a_version_that_aws_refuses(job, cloud, registry, monkeypatch, there):
    if there:
        job.register("churn")
    before, call = registry.left, cloud.call

    def busy(service, operation, **request):
        if operation == "create_model_package":
            raise NotNowError("AWS is too busy for create_model_package of churn (ThrottlingException: Rate exceeded)")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", busy)
    with pytest.raises(NotNowError, match="too busy for create_model_package of churn"):
        job.register("churn")
    assert registry.left == before


def test_a_throttled_request_is_told_with_its_group(job, registry):
    registry.failing["CreateModelPackage"] = RefusedError("Rate exceeded", "ThrottlingException")
    with pytest.raises(
        NotNowError, match="AWS is too busy for create_model_package of churn .ThrottlingException: Rate"
    ):
        job.register("churn")
    assert registry.left == []


def test_somebody_else_may_make_the_group_at_the_same_time(job, cloud, registry, monkeypatch):
    call = cloud.call

    def late(service, operation, **request):
        if operation == "describe_model_package_group" and not registry.left:
            try:
                return call(service, operation, **request)
            finally:
                call(service, "create_model_package_group", **request)
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", late)
    assert job.register("churn").name == "churn/1"


def test_who_may_not_make_groups_is_told_so(job, cloud, monkeypatch):
    fails(
        monkeypatch,
        cloud,
        create_model_package_group=DeniedError(
            "AWS refused create_model_package_group of churn (AccessDeniedException): no"
        ),
    )
    with pytest.raises(DeniedError, match="refused create_model_package_group of churn"):
        job.register("churn")


def test_jobs_of_this_machine_have_no_registry():
    job = LocalJob.__new__(LocalJob)
    job.base = Path("jobs/byoe-1")
    with pytest.raises(ParameterError, match=r"register\('churn'\) is for jobs on AWS, and this one ran on this machine; keep its folder, jobs/byoe-1/model, or train it on AWS"):  # fmt: skip
        job.register("churn", approve=True)
    with pytest.raises(ParameterError, match="keep the folder of its best job"):
        LocalTuning.__new__(LocalTuning).register("churn")


def test_a_version_goes_into_a_group_that_another_account_shares(job, registry):
    group = "arn:aws:sagemaker:eu-west-1:999999999999:model-package-group/churn"
    with pytest.raises(NotFoundError, match="there is no model package group arn.*999999999999.*, or it is not shared with account 123456789012"):  # fmt: skip
        job.register(group)
    registry.shared[group] = {
        "ModelPackageGroupName": "churn",
        "ModelPackageGroupArn": group,
        "CreationTime": 0,
        "CreatedBy": {},
        "ModelPackageGroupStatus": "Completed",
    }
    package = job.register(group)
    assert package.arn == OTHERS
    assert only(registry.requests, "CreateModelPackage")["ModelPackageGroupName"] == group
