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

import boto3
import numpy as np
import pytest
from tests.aws.policies import allows
from tests.aws.registry import RefusedError
from tests.aws.service_model import faults
from tests.aws.test_endpoints import MACHINE, left
from tests.aws.test_permissions import IN
from tests.aws.test_update import updated  # noqa: F401  a fixture

import byoe
from byoe import EnsembleRegressor
from byoe.errors import BundleError, JobError, ParameterError
from byoe.sagemaker import policy
from byoe.sagemaker.aws._cloud import Cloud, split
from byoe.sagemaker.aws._faults import DeniedError, NotFoundError, NotNowError
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Channel
from byoe.sagemaker.aws._package import Package, PackageGroup
from byoe.sagemaker.aws._register import check_metadata
from byoe.sagemaker.aws._requests import model_request, serving_environment, training_request
from byoe.sagemaker.aws._tuning import Tuning
from byoe.sagemaker.local._job import LocalJob
from byoe.sagemaker.local._tuning import LocalTuning
from byoe.sagemaker.shared._metric_lines import metric_definitions, metric_line

METRICS = {"validation:rmse": 54.25, "validation:r2": 0.5, "member:ridge:rmse": 55.5}
OTHERS = "arn:aws:sagemaker:eu-west-1:999999999999:model-package/churn/1"


@pytest.fixture(scope="module")
def fitted(diabetes_frame):
    X = diabetes_frame.drop(columns="target")
    return EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, diabetes_frame["target"])


@pytest.fixture(scope="module")
def bundle(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("registry") / "model")


@pytest.fixture(scope="module")
def artifact(bundle):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(bundle, ".")
    return packed.getvalue()


@pytest.fixture
def aws(session, registry, monkeypatch):
    """What a fresh process would find."""
    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    monkeypatch.setattr(Cloud, "image", lambda self: MACHINE.image)
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")


@pytest.fixture
def make(aws, cloud, bucket, session, artifact, monkeypatch):
    """Return a completed job, whose artifact and log are there."""
    logs, describe = {}, Job.describe

    def described(self):
        found = describe(self)
        found["AlgorithmSpecification"]["MetricDefinitions"] = metric_definitions(METRICS)  # moto has some of its own
        return found

    monkeypatch.setattr(Job, "describe", described)
    monkeypatch.setattr(Job, "log", property(lambda self: logs[self.name]))

    def run(name="byoe-1", packed=artifact, metrics=METRICS, channels=("train",), instance_type="ml.m5.xlarge"):
        machine = type(MACHINE)(MACHINE.image, MACHINE.role, instance_type=instance_type)
        request = training_request(
            name,
            machine,
            source=f"{bucket}/code/source.tar.gz",
            hyperparameters={},
            channels={channel: Channel(f"{bucket}/data/{channel}/") for channel in channels},
            output=f"{bucket}/output",
            metrics=metric_definitions(METRICS),
        )
        cloud.call("sagemaker", "create_training_job", **request)
        job = Job(name, cloud)
        where, key = split(job.artifact)
        session.client("s3").put_object(Bucket=where, Key=key, Body=packed)
        logs[name] = "\n".join(metric_line(*metric) for metric in metrics.items())
        return job

    return run


@pytest.fixture
def job(make):
    return make()


@pytest.fixture
def uploaded(session):
    found = []
    session.events.register("provide-client-params.s3.PutObject", lambda params, **_: found.append(params["Key"]))
    return found


def only(requests, operation):
    (found,) = [request for name, request in requests if name == operation]
    return found


def foreign(cloud, approved="Approved"):
    """Return a version that somebody else has registered."""
    cloud.call("sagemaker", "create_model_package_group", ModelPackageGroupName="theirs")
    spec = {"Containers": [{"Image": MACHINE.image, "ModelDataUrl": "s3://theirs/model.tar.gz"}]}
    return cloud.call(
        "sagemaker",
        "create_model_package",
        ModelPackageGroupName="theirs",
        ModelApprovalStatus=approved,
        InferenceSpecification=spec,
    )["ModelPackageArn"]


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


def test_the_spread_over_folds_is_not_that_of_validation_data(make, cloud):
    package = make(channels=("train", "validation")).register("churn")
    source = package.describe()["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    report = json.loads(cloud.get(source))
    assert report["regression_metrics"]["rmse"]["standard_deviation"] == "NaN"
    assert report["rows"] == "validation data"


def test_metrics_whose_log_is_gone_are_those_that_the_service_keeps(make, capsys, monkeypatch):
    job = make(metrics={})
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


def test_a_job_on_a_gpu_serves_without_one(make):
    spec = make(instance_type="ml.g5.xlarge").register("churn").describe()["InferenceSpecification"]
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
def test_an_artifact_that_is_not_byoes_is_not_registered(make, registry, packed, message):
    if packed is None:
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w:gz").close()
        packed = empty.getvalue()
    job = make(packed=packed)
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
    call = cloud.call

    def denied(service, operation, **request):
        if operation == "create_model_package_group":
            raise DeniedError("AWS refused create_model_package_group of churn (AccessDeniedException): no")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", denied)
    with pytest.raises(DeniedError, match="refused create_model_package_group of churn"):
        job.register("churn")


def test_jobs_of_this_machine_have_no_registry():
    job = LocalJob.__new__(LocalJob)
    job.base = Path("jobs/byoe-1")
    with pytest.raises(ParameterError, match=r"register\('churn'\) is for jobs on AWS, and this one ran on this machine; keep its folder, jobs/byoe-1/model, or train it on AWS"):  # fmt: skip
        job.register("churn", approve=True)
    with pytest.raises(ParameterError, match="keep the folder of its best job"):
        LocalTuning.__new__(LocalTuning).register("churn")


# Handles


def test_a_version_is_found_by_its_arn_and_by_its_number(job, session):
    package = job.register("churn")
    for name in (package.arn, "churn/1"):
        again = byoe.sagemaker.attach(name, session=session)
        assert isinstance(again, Package)
        assert (again.arn, again.metrics) == (package.arn, METRICS)
    group = byoe.sagemaker.attach("churn", kind="model package group", session=session)
    assert isinstance(group, PackageGroup)
    assert repr(group) == "PackageGroup('churn', status='Completed')"
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn"
    assert byoe.sagemaker.attach(arn, session=session).name == "churn"


@pytest.mark.parametrize(
    ("name", "kind", "error", "message"),
    [
        ("churn/7", None, NotFoundError, "group churn has no version 7; there are: 1"),
        ("none/1", None, NotFoundError, "none does not exist"),
        ("churn/x", None, ParameterError, "'churn/x' names no version of a model; expected GROUP/NUMBER"),
        ("a_b/1", None, ParameterError, "'a_b' cannot be the name of a model package group"),
        ("churn", "model package", ParameterError, "'churn' names no version of a model"),
        ("none", "model package group", NotFoundError, "there is no model package group 'none' in eu-west-1"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/7", None, NotFoundError, "there is no model package 'arn:.*/churn/7' in eu-west-1"),
        ("arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/1", None, ParameterError, "is in us-east-1, and the session in eu-west-1; give region='us-east-1'"),
        (OTHERS, None, DeniedError, "is not of account 123456789012, whose credentials you use, and not shared with it; share its group"),
        ("churn", "package", ParameterError, "kind is 'package', expected .*'model package', 'model package group'"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_registry(job, session, name, kind, error, message):
    job.register("churn")
    with pytest.raises(error, match=message):
        byoe.sagemaker.attach(name, kind=kind, session=session)


def test_versions_are_approved_and_rejected_with_a_reason(job, registry):
    package = job.register("churn", metadata={"ticket": "ML-17"})
    assert package.reject("worse on new customers") is package
    assert (package.status, package.reason) == ("Rejected", "worse on new customers")
    assert package.approve().status == "Approved"
    assert package.approve("it is better after all").reason == "it is better after all"
    assert package.metadata == {"ticket": "ML-17"}
    for wrong in ("two\nlines", 3):
        with pytest.raises(ParameterError, match="reason is"):
            package.reject(wrong)
    package.delete()
    package.delete()  # what is gone is gone
    assert package.status == "Deleted"


def test_a_group_lists_its_versions_and_has_a_newest_one(job, cloud, registry):
    first, second, *_, last = [
        job.register("churn", approve=number < 2, description=f"no. {number}") for number in range(5)
    ]
    group = PackageGroup("churn", cloud)
    assert [(row["version"], row["status"], row["description"]) for row in group.versions] == [
        *((number + 1, "Approved" if number < 2 else "Rejected", f"no. {number}") for number in range(5))
    ]
    assert group.version(3).name == "churn/3"
    assert group.latest().arn == group.completed().arn == second.arn
    assert group.latest(approved=None).arn == group.latest(approved=False).arn == last.arn
    with pytest.raises(
        JobError, match="group churn has the versions 1, 2, 3, 4, 5, and AWS removes empty groups alone"
    ):
        group.delete()
    for package in (first, second):
        package.reject()
    with pytest.raises(ParameterError, match="group churn has no approved version: 1 is Rejected, 2 is Rejected"):
        group.latest()
    for row in group.versions:
        group.version(row["version"]).delete()
    with pytest.raises(ParameterError, match="group churn has no version: there is none at all"):
        group.latest(approved=None)
    group.delete()
    group.delete()  # what is gone is gone
    assert (group.status, registry.left) == ("Deleted", [])


def test_the_ensemble_of_a_version_is_the_one_that_was_registered(job, session, fitted, diabetes_frame, tmp_path):
    package = job.register("churn")
    X = diabetes_frame.drop(columns="target")
    np.testing.assert_array_equal(package.ensemble().predict(X), fitted.predict(X))
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w:gz") as archive:
        archive.add(fitted.reblend("weighted").save(tmp_path / "other"), ".")
    where, key = split(package.artifact)
    session.client("s3").put_object(Bucket=where, Key=key, Body=other.getvalue())
    with pytest.raises(BundleError, match="it is another bundle, or changed"):
        package.ensemble()


# Serving


@pytest.mark.parametrize("how", ["handle", "arn", "number", "group", "arn of the group"])
def test_an_approved_version_is_deployed(job, session, asked, how):
    package = job.register("churn", approve=True)
    group = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn"
    given = {
        "handle": package,
        "arn": package.arn,
        "number": "churn/1",
        "group": PackageGroup("churn", package.cloud),
        "arn of the group": group,
    }[how]
    with byoe.sagemaker.deploy(given, environment={"A": "b"}, tags={"team": "blue"}) as endpoint:
        assert endpoint.status == "InService"
        assert only(asked, "CreateModel")["Tags"] == [{"Key": "team", "Value": "blue"}]
        assert only(asked, "CreateModel")["ModelName"].startswith("byoe-20")
        container = only(asked, "CreateModel")["PrimaryContainer"]
        assert container == {"ModelPackageName": package.arn, "Environment": {**serving_environment(), "A": "b"}}
        assert only(asked, "CreateModel")["ExecutionRoleArn"] == MACHINE.role
    assert left(session) == []


@pytest.mark.usefixtures("updated")
def test_an_endpoint_of_a_name_goes_from_a_job_to_a_version_and_on(job, session, asked):
    endpoint = byoe.sagemaker.deploy(job, name="churn")
    package = job.register("churn", approve=True)
    byoe.sagemaker.deploy(package, name="churn")
    job.register("churn", approve=True)
    endpoint.update("churn/2", memory_mb=4096)
    served = [
        request["PrimaryContainer"].get("ModelPackageName", "")[-7:] for name, request in asked if name == "CreateModel"
    ]
    assert served == ["", "churn/1", "churn/2"]
    assert len(left(session)) == 3
    endpoint.delete()


def test_a_group_says_which_version_is_deployed(job, cloud, capsys):
    for approve in (True, True, None):
        job.register("churn", approve=approve)
    byoe.sagemaker.deploy(PackageGroup("churn", cloud))
    assert "package churn/2 is the newest approved one of its group" in capsys.readouterr().out


def test_instances_serve_a_version(job, asked):
    package = job.register("churn", approve=True)
    byoe.sagemaker.deploy(package, asynchronous=True)
    (variant,) = only(asked, "CreateEndpointConfig")["ProductionVariants"]
    assert variant["InstanceType"] == "ml.m5.xlarge"  # that of the job


def test_rows_are_predicted_by_a_version(job, asked, diabetes_frame):
    package = job.register("churn", approve=True)
    rows = diabetes_frame.drop(columns="target")
    byoe.sagemaker.transform(package.arn, rows, wait=False)
    assert only(asked, "CreateModel")["PrimaryContainer"]["ModelPackageName"] == package.arn
    assert only(asked, "CreateTransformJob")["TransformResources"]["InstanceType"] == "ml.m5.xlarge"


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
@pytest.mark.parametrize("door", ["deploy", "transform", "update"])
def test_what_is_not_approved_is_refused_before_anything_is_made(
    job, session, asked, uploaded, diabetes_frame, status, door
):
    endpoint = byoe.sagemaker.deploy(job)
    package = job.register("churn")
    if status == "Rejected":
        package.reject("worse than before")
    asked.clear(), uploaded.clear()
    doors = {
        "deploy": lambda: byoe.sagemaker.deploy(package.arn),
        "transform": lambda: byoe.sagemaker.transform(package, diabetes_frame.drop(columns="target")),
        "update": lambda: endpoint.update("churn/1"),
    }
    why = r"Rejected \(worse than before\)" if status == "Rejected" else status
    with pytest.raises(ParameterError, match=rf"package churn/1 has the status {why}, and AWS deploys approved ones alone; .*attach\('arn.*churn/1'\)\.approve\(\)"):  # fmt: skip
        doors[door]()
    assert [name for name, _ in asked if name.startswith("Create")] == uploaded == []


def test_the_service_refuses_what_is_not_approved_as_well(job, cloud):
    package = job.register("churn")
    with pytest.raises(JobError, match="is not approved for deployment"):
        cloud.call("sagemaker", "create_model", **model_request("byoe-1", MACHINE, package.arn))


def test_a_version_of_somebody_else_is_found_and_approved_and_not_deployed(aws, cloud, session):
    arn = foreign(cloud, "PendingManualApproval")
    package = byoe.sagemaker.attach(arn, session=session)
    assert (package.approve().status, package.digest, package.metrics) == ("Approved", "", {})
    with pytest.raises(ParameterError, match="package theirs/1 is not one of byoe's: its metadata lack 'byoe:digest'"):
        byoe.sagemaker.deploy(package)
    assert package.job == ""


def test_a_version_that_another_account_shares_is_deployed_with_a_role_of_ones_own(job, registry, session, asked):
    own = job.register("churn", approve=True)
    there = own.describe()
    elsewhere = "arn:aws:sagemaker:eu-west-1:999999999999:training-job/byoe-1"
    registry.shared[OTHERS] = {
        key: value for key, value in registry._packages[own.arn].items() if key != "ModelPackageArn"
    } | {"ModelPackageArn": OTHERS, "MetadataProperties": {"GeneratedBy": elsewhere}}
    package = byoe.sagemaker.attach(OTHERS, session=session)
    assert package.digest == there["CustomerMetadataProperties"]["byoe:digest"]
    with pytest.raises(ParameterError, match="role is None, and that of the job which has made package churn/1 is not known here; give role"):  # fmt: skip
        byoe.sagemaker.deploy(package)
    with byoe.sagemaker.deploy(package, role="byoe"):
        assert only(asked, "CreateModel")["PrimaryContainer"]["ModelPackageName"] == OTHERS


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


def test_who_may_not_look_at_versions_is_told_which_action_that_is(job, registry, session):
    package = job.register("churn", approve=True)
    refusal = f"User is not authorized to perform: sagemaker:DescribeModelPackage on resource: {package.arn}"
    registry.failing["DescribeModelPackage"] = RefusedError(refusal, "AccessDeniedException")
    with pytest.raises(DeniedError, match=r"refused describe_model_package of arn.*not authorized to perform: sagemaker:DescribeModelPackage"):  # fmt: skip
        byoe.sagemaker.deploy("churn/1")


@pytest.mark.parametrize("text", ["churn", "byoe-20260131-120000-1a2b3c"])
def test_a_bare_name_is_not_deployed(aws, text):
    with pytest.raises(ParameterError, match=rf"job is '{text}', expected a handle, an ARN, or a version in the registry such as 'churn/3'"):  # fmt: skip
        byoe.sagemaker.deploy(text)


def test_a_version_that_is_gone_is_not_deployed(job):
    package = job.register("churn", approve=True)
    package.delete()
    with pytest.raises(NotFoundError, match="there is no package churn/1 in eu-west-1"):
        byoe.sagemaker.deploy(package)


def test_the_registry_is_allowed(recorder, job):
    recorder.calls.clear()
    package = job.register("churn").approve()
    package.delete()
    byoe.sagemaker.attach("churn", kind="model package group").delete()
    printed = policy(only="registry", groups="churn", **IN)
    actions = set()
    for operation, action, resource, context in recorder.asked():
        actions.add(action)
        assert allows(printed, action, resource, context), (operation, action, resource)
    assert {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage", "s3:PutObject"} < actions


def test_a_version_is_no_endpoint(aws):
    with pytest.raises(ParameterError, match="'churn/1' names a version in the registry, and kind is 'endpoint'"):
        byoe.sagemaker.attach("churn/1", kind="endpoint")
