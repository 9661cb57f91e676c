"""What the doctor looks at one by one: roles and their trust, instances, images and buckets.

The comments name the reports of people who met it, as repository and number on GitHub.
"""

import json
from urllib.parse import quote

import pytest
from tests.aws.account import IN, REGISTRY, ROLE, TYPE, USUAL, only
from tests.aws.answers import answer
from tests.aws.policies import ACCOUNT, REGION

from byoe import sagemaker
from byoe.sagemaker.aws._trust import trusts_sagemaker

ROLES = [
    ("no-such", "there is no role 'no-such' in account", "give another one, or make it"),  # predictive-maintenance #3
    ("arn:aws:iam::999999999999:role/byoe", "of account 999999999999, and the credentials are of account", "give one of these"),
    (f"arn:aws:iam::{ACCOUNT}:user/byoe", "expected the name of a role", "mend that"),
    # sagemaker-python-sdk #43: the ARN without the path "service-role/", which no role has.
    (f"arn:aws:iam::{ACCOUNT}:role/byoe", f"and the role of that name is {ROLE}", f"give '{ROLE}'"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "told", "cure"), ROLES)
def test_roles_that_no_job_can_have(account, role, told, cure):
    found = only(account.look(role=role), "role")
    assert found.status == "wrong"
    assert told in found.told
    assert found.cure.startswith(cure)
    if "no-such" in role:
        assert [one.check for one in account.look(role=role).wrong] == ["role"]


def test_a_role_that_may_not_be_looked_at(account):
    account.refuse("iam.GetRole", "AccessDenied", "not authorized to perform: iam:GetRole", 403)
    assert only(account.look(), "role").cure == "give its ARN, or have iam:GetRole allowed for it"
    findings = account.look(role=ROLE)
    assert [only(findings, check).status for check in ("role", "trust", "its permissions")] == ["unknown"] * 3
    assert only(account.look(role=None), "role").cure.startswith("give role=")


def statement(**more):
    return {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole", **more}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        (statement(), True),
        ([statement(Principal={"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]})], True),
        ([statement(Action=["sts:AssumeRole", "sts:TagSession"])], True),
        ([statement(Action="sts:*")], True),
        ([statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})], True),
        ([statement(Condition={"StringEquals": {"aws:SourceAccount": "9" * 12}})], False),
        ([statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*"}})], None),
        ([statement(), statement(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*"}})], True),
        ([statement(), statement(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})], None),
        ([statement(), statement(Effect="Deny")], False),
        ([statement(Principal={"Service": "ec2.amazonaws.com"})], False),  # astronomer/docs #1695
        ([statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})], False),
        ([statement(Action="sts:AssumeRoleWithSAML")], False),
        ([], False),
    ],
)
def test_who_may_take_the_role_on(account, statements, trusted):
    assert trusts_sagemaker({"Statement": statements}, ACCOUNT) is trusted
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    role = account.iam.get_role(RoleName="byoe")["Role"] | {"AssumeRolePolicyDocument": quote(document)}
    answer(account.session, "iam.GetRole", lambda _: {"Role": role})
    found = only(account.look(), "trust")
    assert found.status == {True: "ok", False: "wrong", None: "unknown"}[trusted]
    assert ("`byoe sagemaker policy --for trust`" in found.cure) is not trusted


def test_instances_that_there_are_not_or_not_for_you(account):
    found = only(account.look(instance_type="ml.m5.xlage"), "instance type")
    assert found.status == "wrong"
    assert "'ml.m5.xlarge'" in found.told
    # jupyter-notebooks #1, amazon-sagemaker-developer-guide #70, sagemaker-custom-project-templates #51
    account.quotas[f"{TYPE} for training job usage"] = 0.0
    (found,) = account.look().wrong
    assert found.told == "'ml.m5.xlarge for training job usage' is 0, and 1 would be used"
    assert found.cure.startswith("ask for more in Service Quotas")
    account.quotas |= {f"{TYPE} for training job usage": 2.0, "ml.m5.large for endpoint usage": 0.0}
    (found,) = account.look(instance_count=3).wrong
    assert found.told == "'ml.m5.xlarge for training job usage' is 2, and 3 would be used"
    (found,) = account.look(spot=True).wrong
    assert found.told == "'ml.m5.xlarge for spot training job usage' is 0, and 1 would be used"
    (found,) = account.look(endpoint_instance_type="ml.m5.large").wrong
    assert found.told == "'ml.m5.large for endpoint usage' is 0, and 1 would be used"
    del account.quotas[f"{TYPE} for transform job usage"]
    (found,) = [one for one in account.look() if one.status == "unknown"]
    assert found.told == f"Service Quotas has no '{TYPE} for transform job usage' in {REGION}"


IMAGES = [
    # sagemaker-scikit-learn-container #114: "manifest unknown: Requested image not found"
    (f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:gone", "wrong", "holds no such image"),
    # amazon-sagemaker-examples #2534: "Cannot find repository … in registry ID"
    (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/custompipeline/preprocessor:1", "wrong", "there is no repository 'custompipeline/preprocessor'"),
    (f"{REGISTRY}.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1", "wrong", "fetch images of their own region"),
    ("python:3.12", "wrong", "is no address in Amazon ECR"),
    (f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn@sha256:{'0' * 64}", "ok", "@sha256:"),
    (f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn", "ok", "scikit-learn"),
]  # fmt: skip


@pytest.mark.parametrize(("image", "status", "told"), IMAGES)
def test_images(account, image, status, told):
    found = only(account.look(image=image), "image")
    assert found.status == status
    assert told in found.told
    assert bool(found.cure) is (status == "wrong")


@pytest.mark.parametrize(
    ("message", "status"),
    [
        # sagemaker-python-sdk #4064
        ("not authorized to perform: ecr:BatchGetImage because no resource-based policy allows the action", "wrong"),
        ("not authorized to perform: ecr:BatchGetImage because no identity-based policy allows the action", "unknown"),
    ],
)
def test_an_image_that_is_not_shared(account, message, status):
    account.refuse("ecr.BatchGetImage", "AccessDeniedException", message)
    assert only(account.look(), "image").status == status


def test_a_gpu_needs_an_image(account):
    assert only(account.look(instance_type="ml.g5.xlarge"), "image").cure.startswith("give image=")


def test_a_bucket_of_another_region(account, session):
    """As amazon-sagemaker-examples #3881 met it: "bucket must be in the same region as the job"."""
    session.client("s3", region_name="us-east-1").create_bucket(Bucket="there")
    found = only(account.look(output="s3://there/a"), "bucket")
    assert found.status == "wrong"
    assert found.told.startswith(f"'there' is in us-east-1, and the session in {REGION}")
    assert found.cure == f"give an output in {REGION}, or region='us-east-1'"


@pytest.mark.parametrize(
    ("output", "code", "status", "told"),
    [
        ("s3://theirs/a", 403, "wrong", "'theirs' is there, and closed to you (403)"),
        ("s3://theirs/a", 404, "wrong", "there is no bucket 'theirs'"),
        (None, 404, "ok", f"there is no '{USUAL}' yet; the first job makes it"),
        (None, 403, "wrong", "closed to you (403)"),
        ("s3://theirs/a", 301, "wrong", "bucket 'theirs' is in another region than the session"),
        ("theirs", 200, "wrong", "'theirs' is no S3 address"),
    ],
)
def test_buckets(account, output, code, status, told):
    if code != 200:
        account.refuse("s3.HeadBucket", str(code), "no", code)
    findings = account.look(output=output)
    assert only(findings, "bucket").status == status
    assert told in only(findings, "bucket").told


def test_writing_is_tried_if_that_is_asked_for(account):
    findings = account.look(write=True)
    assert only(findings, "writing").told == "a file was written to it, and removed"
    assert account.s3.list_objects_v2(Bucket=USUAL)["KeyCount"] == 0
    account.refuse("s3.DeleteObject", "AccessDenied", "no", 403)
    assert (
        only(account.look(write=True), "writing").cure == f"remove it: aws s3 rm s3://{USUAL}/byoe/doctor-AIDAEXAMPLE"
    )
    account.refuse("s3.PutObject", "AccessDenied", "no", 403)
    findings = account.look(write=True)
    assert only(findings, "bucket").status == "ok"
    assert only(findings, "writing").status == "wrong"
    assert only(findings, "writing").cure == "let your policy and that of the bucket allow s3:PutObject"


@pytest.mark.parametrize("where", ["s3://theirs/churn/train.csv", "s3://theirs/churn/", "s3://theirs/churn"])
def test_data_that_the_role_may_not_read(account, where):
    account.s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": REGION})
    data = {"data": where}
    assert [one.check for one in account.look()].count("data") == 0
    found = [one for one in account.look(**data) if one.check == "data"]
    assert {one.status for one in found} == {"wrong"}
    assert any("s3:GetObject on arn:aws:s3:::theirs/churn/" in one.told for one in found)
    assert any("s3:ListBucket on arn:aws:s3:::theirs is" in one.told for one in found)
    assert all("--bucket theirs --prefix churn" in one.cure for one in found)
    account.simulator.policies[ROLE].append(sagemaker.policy("role", **IN, bucket="theirs", prefix="churn"))
    assert only(account.look(**data), "data").status == "ok"
    assert only(account.look(**data, role=None), "data").cure == "see to the role first"


def test_data_that_are_elsewhere(account):
    found = only(account.look(data="s3://no-such-bucket/train/"), "data")
    assert found.status == "wrong"
    assert "no-such-bucket" in found.told
    far = account.session.client("s3", region_name="us-west-2")
    far.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    found = only(account.look(data="s3://far/train/"), "data")
    assert found.status == "wrong"
    assert "us-west-2" in found.told + found.cure
    assert only(account.look(data="train.csv"), "data").status == "wrong"
