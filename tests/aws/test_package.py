"""Versions in the model registry: found again, approved, served and removed."""

import io
import tarfile

import numpy as np
import pytest
from tests.aws.asked import only
from tests.aws.policies import allows
from tests.aws.registry import METRICS, OTHERS, RefusedError
from tests.aws.test_endpoints import MACHINE, left
from tests.aws.test_permissions import IN

import byoe
from byoe.errors import BundleError, JobError, ParameterError
from byoe.sagemaker import policy
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._faults import DeniedError, NotFoundError
from byoe.sagemaker.aws._package import Package, PackageGroup
from byoe.sagemaker.aws._requests import model_request, serving_environment


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
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1", "job", ParameterError, "kind is 'job', and 'arn:.*/churn/1' is the ARN of a model package; leave kind out"),
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


def test_what_stays_of_a_version_is_asked_for_once(job, registry):
    package = job.register("churn")
    registry.requests.clear()
    _ = package.description, package.metadata, package.digest, package.metrics, package.artifact
    _ = package.serving_image, package.role, package.instance_type
    assert [name for name, _ in registry.requests] == ["DescribeModelPackage"]
    package.approve()
    assert package.status == "Approved"


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


def test_a_version_without_a_container_says_so(job, registry, session):
    own = job.register("churn", approve=True)
    registry.shared[OTHERS] = {
        key: value for key, value in registry._packages[own.arn].items() if key != "InferenceSpecification"
    } | {"ModelPackageArn": OTHERS}
    package = byoe.sagemaker.attach(OTHERS, session=session)
    for part in ("artifact", "has_graph", "serving_image"):
        with pytest.raises(JobError, match="package churn/1 has no Image and no ModelDataUrl to serve by"):
            getattr(package, part)


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


def test_an_update_by_the_arn_of_a_job_says_where_its_handle_is(job):
    arn = job.describe()["TrainingJobArn"]
    endpoint = byoe.sagemaker.deploy(job)
    with pytest.raises(
        ParameterError, match=rf"is the ARN of a job; give its handle: byoe.sagemaker.attach\('{arn}'\)"
    ):
        endpoint.update(arn)


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
