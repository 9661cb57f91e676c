"""`byoe sagemaker doctor`: what an account lacks is found, and told with what to do.

The comments name the reports of people who met it, as repository and number on GitHub.
"""

import json
import shlex

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from tests.aws.account import IN, ME, REGISTRY, ROLE, TYPE, USUAL, only
from tests.aws.answers import refuse
from tests.aws.policies import ACCOUNT, REGION, as_list
from typer.testing import CliRunner

from byoe import sagemaker
from byoe.cli._app import app
from byoe.errors import ParameterError


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
