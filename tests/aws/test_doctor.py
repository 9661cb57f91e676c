"""`byoe sagemaker doctor`: what an account lacks is found, and told with what to do.

The comments name the reports of people who met it, as repository and number on GitHub.
"""

import json
import shlex
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from tests.aws.answers import Simulator, answer, refusal, refuse
from tests.aws.policies import ACCOUNT, REGION, as_list
from typer.testing import CliRunner

from byoe import sagemaker
from byoe.cli._app import app
from byoe.errors import ParameterError
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._trust import trusts_sagemaker

ME, ROLE = f"arn:aws:iam::{ACCOUNT}:user/me", f"arn:aws:iam::{ACCOUNT}:role/service-role/byoe"
USUAL = f"sagemaker-{REGION}-{ACCOUNT}"
IN = {"account": ACCOUNT, "region": REGION, "role": ROLE}
REGISTRY = "141502667606"
TYPE = "ml.m5.xlarge"


class Account:
    """An account in which all is well, and what can be wrong with it."""

    def __init__(self, session):
        self.session, self.simulator = session, Simulator(session)
        self.identity = {"Arn": ME, "Account": ACCOUNT, "UserId": "AIDAEXAMPLE:session"}
        self.iam, self.s3 = session.client("iam"), session.client("s3")
        self.iam.create_role(
            RoleName="byoe", Path="/service-role/", AssumeRolePolicyDocument=json.dumps(sagemaker.policy("trust"))
        )
        self.s3.create_bucket(Bucket=USUAL, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.simulator.policies = {ME: [sagemaker.policy(**IN)], ROLE: [sagemaker.policy("role", **IN)]}
        self.quotas = {f"{TYPE} for {use} usage": 4.0 for use in ("training job", "transform job", "endpoint")}
        self.defaults = {f"{TYPE} for spot training job usage": 0.0}
        self.images = {(REGISTRY, "sagemaker-scikit-learn")}
        self.refused = {}
        for name, give in {
            "sts.GetCallerIdentity": lambda _: self.identity,
            "service-quotas.ListServiceQuotas": lambda _: _quotas(self.quotas),
            "service-quotas.ListAWSDefaultServiceQuotas": lambda _: _quotas(self.defaults),
            "ecr.BatchGetImage": self._image,
        }.items():
            answer(session, name, give)

    def refuse(self, name, code, message, status=400):
        """Let one operation be refused from now on."""
        if name not in self.refused:
            refuse(self.session, name, lambda: self.refused[name])
        self.refused[name] = refusal(code, message, status)

    def _image(self, asked):
        if (asked["registryId"], asked["repositoryName"]) not in self.images:
            raise refusal("RepositoryNotFoundException", f"The repository with name {asked['repositoryName']!r} does not exist in the registry with id {asked['registryId']!r}")  # fmt: skip
        (one,) = asked["imageIds"]
        if one == {"imageTag": "gone"}:
            return {"images": [], "failures": [{"imageId": one, "failureCode": "ImageNotFound"}]}
        return {"images": [{"imageId": one}], "failures": []}

    def look(self, **given):
        return sagemaker.doctor(**{"role": "byoe", "session": self.session, **given})


def _quotas(limits):
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in limits.items()]}


@pytest.fixture
def account(session, monkeypatch):
    monkeypatch.setattr(Cloud, "image", lambda self: f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3")  # fmt: skip
    return Account(session)


def only(findings, check):
    (found,) = [one for one in findings if one.check == check]
    return found


def test_an_account_in_which_all_is_well(account):
    findings = account.look()
    assert [(one.check, one.status) for one in findings] == [
        *((check, "ok") for check in ("credentials", "region", "role", "trust", "your permissions", "its permissions")),
        *((check, "ok") for check in ("instance type", "quotas", "quotas", "image", "bucket")),
    ]
    assert findings.wrong == []
    assert [one.told for one in findings][:3] == [ME, REGION, ROLE]
    assert all(one.cure == "" for one in findings)
    assert only(findings, "bucket").told == f"'{USUAL}' is in {REGION}"
    assert "ok       role                 arn:aws:iam" in repr(findings)
    assert account.s3.list_objects_v2(Bucket=USUAL)["KeyCount"] == 0


@pytest.mark.parametrize("part", ["train", "endpoints", "predict", "scaling"])
def test_the_policy_of_a_part_and_of_the_doctor_is_enough_and_each_action_of_it_counts(account, part):
    printed = sagemaker.policy(only=part, **IN)
    account.simulator.policies[ME] = [printed]
    assert account.look(only=part).wrong == []
    for statement in printed["Statement"]:
        for action in as_list(statement["Action"]):
            left = [one for one in as_list(statement["Action"]) if one != action]
            others = [one for one in printed["Statement"] if one is not statement]
            changed = {**printed, "Statement": [*others, *([{**statement, "Action": left}] if left else [])]}
            account.simulator.policies[ME] = [changed]
            found = [one for one in account.look(only=part) if one.status != "ok"]
            assert found
            assert all(f"{action} on " in one.told and "no policy allows it" in one.told for one in found)
            assert all(f"{statement['Sid']!r} of `byoe sagemaker policy --only {part} --" in one.cure for one in found)


def test_what_most_can_go_without_is_not_wrong(account):
    printed = sagemaker.policy(only=["train", "endpoints"], **IN)
    optional = {"sagemaker:AddTags", "iam:GetRole", "sagemaker:InvokeEndpointAsync"}
    for statement in printed["Statement"]:
        statement["Action"] = [one for one in as_list(statement["Action"]) if one not in optional]
    account.simulator.policies[ME] = [printed]
    findings = account.look()
    assert findings.wrong == []
    cures = [one.cure for one in findings if one.check == "your permissions" and one.status == "unknown"]
    assert len(cures) == 8  # tags of six kinds, and two more
    assert cures[0].startswith("for tags add the statement 'Jobs' of")


def test_actions_of_the_role(account):
    printed = account.simulator.policies[ROLE][0]
    printed["Statement"] = [one for one in printed["Statement"] if one["Sid"] != "Images"]
    found = account.look().wrong
    assert {one.check for one in found} == {"its permissions"}
    assert f"ecr:BatchGetImage on arn:aws:ecr:{REGION}:{REGISTRY}:repository/sagemaker-scikit-learn" in found[-1].told
    assert found[-1].cure.startswith("add the statement 'Images' of `byoe sagemaker policy --for role --account")


def test_a_policy_of_other_names_and_another_bucket(account):
    account.s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": REGION})
    words = {**IN, "bucket": "mine", "prefix": "a/b", "names": "churn-"}
    account.simulator.policies = {ME: [sagemaker.policy(**words)], ROLE: [sagemaker.policy("role", **words)]}
    assert account.look(output="s3://mine/a/b", names="churn-").wrong == []
    found = account.look(output="s3://mine/a/b").wrong
    assert len(found) == 6  # jobs, tuning jobs, models, transform jobs, endpoints and configurations
    assert all(
        f":{ACCOUNT}:" in one.told and "/byoe-doctor are refused: no policy allows it" in one.told for one in found
    )


def test_the_commands_that_it_names_print_what_is_lacking(account):
    account.s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": REGION})
    given = {"output": "s3://mine", "names": "churn-"}
    account.simulator.policies = {ME: [], ROLE: []}
    for one in account.look(**given).wrong:
        assert one.cure.partition("`")[2] in str(one)  # in one line, to be copied
        words = shlex.split(one.cure.partition("`byoe ")[2].partition("`")[0])
        printed = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).output)
        account.simulator.policies[ROLE if "--for" in words else ME] = [printed]
    assert account.look(**given).wrong == []


@pytest.mark.parametrize(
    ("more", "why", "cure"),
    [
        # ecs-exec-checker #70: an administrator, whom the organisation's policies do not let do it.
        ({"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}, "the policies of the organisation do not allow it", "ask those who manage the organisation"),
        ({"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}, "the permissions boundary does not allow it", "to the boundary, too"),
        # aws-modern-application-workshop #253, DetectCoral #20: "with an explicit deny".
        ({"EvalDecision": "explicitDeny"}, "a policy denies it", "take it out of the statement that denies it"),
    ],
)  # fmt: skip
def test_who_forbids_it(account, more, why, cure):
    account.simulator.more = more
    found = account.look().wrong
    assert all(why in one.told and cure in one.cure for one in found)
    assert {one.check for one in found} == {"your permissions", "its permissions"}


def test_conditions_that_nobody_can_tell_beforehand(account):
    account.simulator.more = {"MissingContextValues": ["aws:SourceIp"]}
    findings = account.look()
    assert findings.wrong == []
    assert any("where conditions on aws:SourceIp decide" in one.told for one in findings)


def test_who_may_not_simulate(account):
    account.refuse("iam.SimulatePrincipalPolicy", "AccessDenied", "User is not authorized", 403)
    findings = account.look()
    assert findings.wrong == []
    for check, whose in (("your permissions", "--only train,endpoints"), ("its permissions", "--for role")):
        found = only(findings, check)
        assert found.status == "unknown"
        assert "iam:SimulatePrincipalPolicy is refused" in found.told
        assert f"compare its policies with `byoe sagemaker policy {whose} --account {ACCOUNT} --region" in found.cure


@pytest.mark.parametrize(
    ("arn", "status", "told"),
    [
        # newrelic-lambda-cli #96, ecs-exec-checker #10: "Invalid Entity Arn" for the ARN of a session.
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/byoe/me@example.com", "wrong", ROLE),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/not-to-be-seen/me", "unknown", "no entity"),
        (f"arn:aws:iam::{ACCOUNT}:root", "ok", "the root user may do everything"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/me", "unknown", "is neither"),
    ],
)
def test_who_asks(account, arn, status, told):
    account.identity["Arn"] = arn
    found = [one for one in account.look() if one.check == "your permissions"]
    assert found[0].status == status
    if told == "no entity":
        assert f"The entity arn:aws:iam::{ACCOUNT}:role/not-to-be-seen cannot be found" in found[0].told
    elif told == ROLE:  # whose policy is that of a role, and not that of a caller
        assert any(f"actions of {ROLE} are allowed" in one.told for one in found)
    else:
        assert told in found[0].told


def test_a_notebook_needs_no_role(account):
    account.identity["Arn"] = f"arn:aws:sts::{ACCOUNT}:assumed-role/byoe/SageMaker"
    account.simulator.policies[ROLE].append(sagemaker.policy(**IN))
    findings = account.look(role=None)
    assert findings.wrong == []
    assert only(findings, "role").told == ROLE


def test_without_credentials_nothing_else_is_asked(monkeypatch, tmp_path):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("CONFIG", "SHARED_CREDENTIALS"):
        monkeypatch.setenv(f"AWS_{name}_FILE", str(tmp_path / "none"))
    findings = sagemaker.doctor(role="byoe")
    assert [one.status for one in findings] == ["wrong", "ok"] + ["unknown"] * 8
    assert findings[0].told == "AWS knows nobody here: Unable to locate credentials"
    assert findings[0].cure == "Run `aws configure`, or set AWS_PROFILE"
    assert {one.cure for one in findings[2:]} == {"see to the credentials first"}
    misspelt = sagemaker.doctor(role="byoe", region="eu-wst-1")  # which is known without asking
    assert [one.check for one in misspelt.wrong] == ["credentials", "region"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    findings = sagemaker.doctor(role="byoe")
    assert [(one.check, one.status) for one in findings][:3] == [("region", "wrong"), ("credentials", "wrong"), ("role", "unknown")]  # fmt: skip
    assert len(findings) == 10
    findings = sagemaker.doctor(role="byoe", profile="theirs")
    assert "The config profile (theirs) could not be found" in findings[0].told
    assert len(findings) == 10


def test_without_a_region_what_is_the_same_everywhere_is_asked(session, monkeypatch, tmp_path):
    """As studio-lab-examples #30 and dask-cloudprovider #84 met it."""
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument=json.dumps(sagemaker.policy("trust")))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    findings = sagemaker.doctor(role="byoe")
    assert [one.check for one in findings.wrong] == ["region"]
    assert only(findings, "region").cure.startswith("set AWS_DEFAULT_REGION")
    assert [only(findings, check).status for check in ("credentials", "role", "trust", "bucket")] == ["ok"] * 3 + ["unknown"]  # fmt: skip
    assert only(findings, "bucket").cure == "see to the region first"
    findings = sagemaker.doctor(role="byoe", session=boto3.Session("a", "b"))
    assert [one.status for one in findings] == ["wrong"] + ["unknown"] * 9


@pytest.mark.parametrize(
    ("code", "status", "cure"),
    [
        ("ExpiredTokenException", "wrong", "sign in again"),
        ("InvalidClientTokenId", "wrong", "sign in again"),
        ("Throttling", "unknown", "wait for some minutes"),
    ],
)
def test_credentials_that_are_no_longer_valid(account, monkeypatch, code, status, cure):
    monkeypatch.setattr("byoe.sagemaker.aws._cloud._ATTEMPTS", 1)
    account.refuse("sts.GetCallerIdentity", code, "no", 403)
    findings = account.look()
    assert findings[0].status == status
    assert findings[0].cure.startswith(cure)
    assert only(findings, "region").status == "ok"  # which is known without asking
    others = [one for one in findings[1:] if one.check != "region"]
    assert all(one.cure == "see to the credentials first" for one in others)


def test_one_look_that_fails_does_not_end_the_others(account, monkeypatch):
    monkeypatch.setattr("byoe.sagemaker.aws._cloud._ATTEMPTS", 1)
    account.refuse("service-quotas.ListServiceQuotas", "ThrottlingException", "Rate exceeded")
    account.refuse("ecr.BatchGetImage", "ThrottlingException", "Rate exceeded")
    findings = account.look()
    assert findings.wrong == []
    for check in ("quotas", "image"):
        assert only(findings, check).status == "unknown"
        assert only(findings, check).cure.startswith("wait for some minutes")
    assert only(findings, "bucket").status == "ok"
    account.refuse("service-quotas.ListServiceQuotas", "AccessDeniedException", "not authorized")
    assert "`byoe sagemaker policy --only doctor` has what it reads" in only(account.look(), "quotas").cure


def test_a_region_that_there_is_not(cloud):
    cloud.check_region()
    cloud.region = "eu-west1"
    with pytest.raises(
        ParameterError, match="no SageMaker is known in region 'eu-west1'; take one such as 'eu-west-1'"
    ):
        cloud.check_region()


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


def test_the_command_tells_it_and_its_exit_status_says_whether_something_is_wrong(account, monkeypatch):
    monkeypatch.setattr(boto3, "Session", lambda: account.session)
    run = CliRunner().invoke
    done = run(app, ["sagemaker", "doctor", "--role", "byoe"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.startswith(f"ok       credentials          {ME}\n")
    account.quotas[f"{TYPE} for training job usage"] = 0.0
    done = run(app, ["sagemaker", "doctor", "--role", "byoe", "--only", "train"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "wrong    quotas" in done.output
    assert "-> ask for more in Service Quotas" in done.output
    done = run(app, ["sagemaker", "doctor", "--role", "byoe", "--json"], catch_exceptions=False)
    assert done.exit_code == 1
    assert {one["status"] for one in json.loads(done.output)} == {"ok", "wrong"}


def test_arguments_that_are_wrong_themselves(account):
    with pytest.raises(ParameterError, match="there is no part 'all'"):
        account.look(only="all")
    with pytest.raises(ParameterError, match="session has a region and credentials of its own"):
        account.look(region="us-east-1")


def test_no_way_to_the_network(account):
    refuse(account.session, "iam.SimulatePrincipalPolicy", lambda: EndpointConnectionError(endpoint_url="https://iam"))
    findings = account.look()
    assert only(findings, "your permissions").status == "unknown"
    assert only(findings, "your permissions").cure == "is there a way to the network from here?"
    assert only(findings, "bucket").status == "ok"
