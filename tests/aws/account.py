"""An account as the doctor sees it: answers of moto, and those that moto does not give."""

import json

from tests.aws.answers import Simulator, answer, refusal, refuse
from tests.aws.policies import ACCOUNT, REGION

from byoe import sagemaker

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


def only(findings, check):
    """Return the finding of a check that has one."""
    (found,) = [one for one in findings if one.check == check]
    return found
