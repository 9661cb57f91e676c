"""What jobs and endpoints need of an account, looked at without changing anything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from ...errors import JobError, ParameterError
from ..shared._limits import check_count
from ._addresses import split
from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._finding import Finding
from ._machine import has_gpu
from ._permissions import ROLE, Right, Scope, partition_of, rights_of
from ._requests import FOLDER
from ._simulation import simulated
from ._trust import trusts_sagemaker

_ECR = re.compile(
    r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?"
)
_TINY = b"byoe"
_READS = ("s3:GetObject", "s3:ListBucket")
_MORE = "ask for more in Service Quotas, under Amazon SageMaker, or take another instance type"


@dataclass(frozen=True)
class Plan:
    """What is meant to be done in an account; the arguments are those of `doctor`."""

    role: str | None = None
    output: str | None = None
    image: str | None = None
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    spot: bool = False
    endpoint_instance_type: str | None = None
    parts: Sequence[str] = ("train", "endpoints")
    names: str = "byoe-"
    groups: str = "byoe-"
    write: bool = False
    data: str | None = None

    def __post_init__(self) -> None:
        check_count("instance_count", self.instance_count)


class Examination:
    """The looks at an account; each yields what it has found, and raises what AWS answers.

    Parameters
    ----------
    cloud : Cloud
    plan : Plan
    """

    def __init__(self, cloud: Cloud, plan: Plan) -> None:
        self._cloud, self._plan = cloud, plan

    def credentials(self) -> Iterator[Finding]:
        """Whose they are."""
        cure = "sign in as a user or a role: who has the root's keys has all of the account" if self._is_root else ""
        yield Finding("credentials", "ok", str(self._identity["Arn"]), cure)

    def region(self) -> Iterator[Finding]:
        """Whether SageMaker is there."""
        self._cloud.check_region()
        yield Finding("region", "ok", self._cloud.region)

    def role(self) -> Iterator[Finding]:
        """Whether there is the role that jobs take on."""
        if self._is_unnamed:
            yield Finding("role", "unknown", "no role is given", "give role=, the name or the ARN of one for SageMaker")
            return
        given = str(self._plan.role or "")
        try:
            told = self._described_role["Arn"]
        except DeniedError as error:
            if given.startswith("arn:"):
                raise
            why = f"the role {given!r} cannot be found by its name: {error}"
            yield Finding("role", "wrong", why, "give its ARN, or have iam:GetRole allowed for it")
            return
        if given.startswith("arn:") and given != told:
            yield Finding("role", "wrong", f"role is {given!r}, and the role of that name is {told}", f"give {told!r}")
        else:
            yield Finding("role", "ok", told)

    def trust(self) -> Iterator[Finding]:
        """Whether SageMaker may take the role on."""
        role = self._role_that_is_there
        if role is None:
            yield _without_role("trust")
            return
        trusts, arn = trusts_sagemaker(role.get("AssumeRolePolicyDocument") or {}, self._account), role["Arn"]
        cure = "let its trust policy hold what `byoe sagemaker policy --for trust` prints{}"
        if trusts:
            yield Finding("trust", "ok", "sagemaker.amazonaws.com may take the role on")
        elif trusts is None:
            why = f"whether sagemaker.amazonaws.com may take {arn} on depends on the conditions of its trust policy"
            yield Finding("trust", "unknown", why, cure.format(", or see to it that its conditions hold for jobs"))
        else:
            yield Finding("trust", "wrong", f"{arn} does not let sagemaker.amazonaws.com take it on", cure.format(""))

    def permissions(self) -> Iterator[Finding]:
        """Whether the caller may do what is planned."""
        check, policy = "your permissions", self._command(f"--only {','.join(self._plan.parts)}")
        if self._is_root:
            yield Finding(check, "ok", "the root user may do everything that the organisation allows")
        elif not re.fullmatch(r"[^/]+:(user|assumed-role)/.+", self._identity["Arn"]):
            why = f"IAM simulates users and roles, and {self._identity['Arn']} is neither"
            yield Finding(check, "unknown", why, f"compare what it may do with `{policy}`")
        else:
            rights = self._applying(rights_of(self._plan.parts))
            yield from simulated(
                self._cloud, check, self._entity, rights, self._scope, policy=policy, repository=self._repository
            )

    def role_permissions(self) -> Iterator[Finding]:
        """Whether the role may do what the platform does in its name."""
        check, policy, role = "its permissions", self._command("--for role"), self._role_that_is_there
        if role is None:
            yield _without_role(check)
            return
        yield from simulated(
            self._cloud, check, role["Arn"], ROLE, self._scope, policy=policy, repository=self._repository
        )

    def instance_type(self) -> Iterator[Finding]:
        """Whether there are such instances."""
        kinds = [("Training", self._plan.instance_type), ("ProductionVariant", self._plan.endpoint_instance_type)]
        for where, instance_type in kinds:
            if instance_type is not None:
                self._cloud.check_instance_type(instance_type, where)
        yield Finding("instance type", "ok", ", ".join(dict.fromkeys(one for _, one in kinds if one)))

    def quotas(self) -> Iterator[Finding]:
        """How many of them the account may have."""
        plan = self._plan
        spot = "spot training" if plan.spot else "training"
        wanted = {
            "train": (f"{plan.instance_type} for {spot} job usage", plan.instance_count),
            "endpoints": (f"{plan.instance_type} for transform job usage", 1),
        }
        needs = dict(need for part, need in wanted.items() if part in plan.parts)
        if plan.endpoint_instance_type is not None:
            needs[f"{plan.endpoint_instance_type} for endpoint usage"] = 1
        limits = self._limits(set(needs))
        for name, count in needs.items():
            limit = limits.get(name)
            if limit is None:
                why = f"Service Quotas has no {name!r} in {self._cloud.region}"
                yield Finding("quotas", "unknown", why, "see in the console whether the region has this instance type")
            elif limit < count:
                yield Finding("quotas", "wrong", f"{name!r} is {limit:g}, and {count} would be used", _MORE)
            else:
                yield Finding("quotas", "ok", f"{name!r} is {limit:g}")

    def image(self) -> Iterator[Finding]:
        """Whether the container's image is there."""
        image = self._image
        if image is None:
            why = f"{self._plan.instance_type} has a GPU, and the scikit-learn container has no variant for those"
            yield Finding("image", "wrong", why, "give image=, or an instance type without a GPU")
            return
        parts = _ECR.fullmatch(image)
        if parts is None:
            why = f"{image!r} is no address in Amazon ECR, and jobs fetch their containers there"
            yield Finding("image", "wrong", why, "push the image to ECR, and give its address there")
            return
        registry, region, repository, tag, digest = parts.groups()
        if region != self._cloud.region:
            why = f"{image!r} is in {region}, and jobs in {self._cloud.region} fetch images of their own region"
            yield Finding("image", "wrong", why, f"push the image to {self._cloud.region}, too")
            return
        try:
            answer = self._cloud.call(
                "ecr",
                "batch_get_image",
                registryId=registry,
                repositoryName=repository,
                imageIds=[{"imageDigest": digest} if digest else {"imageTag": tag or "latest"}],
            )
        except NotFoundError:
            why = f"there is no repository {repository!r} in registry {registry} in {region}"
            yield Finding("image", "wrong", why, "give the address of an image that is there, or push it")
        except DeniedError as error:
            shared = "resource-based policy" not in str(error)  # who cannot be asked may let the role in all the same
            cure = "let the repository's policy, and your own, allow ecr:BatchGetImage"
            yield Finding("image", "unknown" if shared else "wrong", str(error), cure)
        else:
            if answer.get("images"):
                yield Finding("image", "ok", image)
            else:
                why = f"there is no {image!r}: its repository is there, and holds no such image"
                yield Finding("image", "wrong", why, "give another tag, or push the image")

    def bucket(self) -> Iterator[Finding]:
        """Whether the bucket of `output` is there, in the region, and open."""
        address, cloud = self._output, self._cloud
        name, _ = split(address)
        try:
            region = cloud.region_of(name, address)
            if region not in (None, cloud.region):
                why = f"{name!r} is in {region}, and the session in {cloud.region}; SageMaker needs both in one"
                cure = f"give an output in {cloud.region}, or region={region!r}"
                yield Finding("bucket", "wrong", why, cure)
                return
            cloud.call("s3", "head_bucket", Bucket=name, **(cloud.owner_of_home if self._plan.output is None else {}))
        except DeniedError:
            why = f"{name!r} is there, and closed to you (403): it is another account's, or s3:ListBucket is refused"
            cure = "let your policy and that of the bucket allow s3:ListBucket, or give another output"
            yield Finding("bucket", "wrong", why, cure)
        except NotFoundError:
            if self._plan.output is not None:
                cure = f"make it (aws s3 mb s3://{name} --region {cloud.region}), or give another output"
                yield Finding("bucket", "wrong", f"there is no bucket {name!r}", cure)
            else:
                yield Finding("bucket", "ok", f"there is no {name!r} yet; the first job makes it")
        else:
            yield Finding("bucket", "ok", f"{name!r} is in {region or cloud.region}")
            if self._plan.write:
                yield from self._written(address)

    def data(self) -> Iterator[Finding]:
        """Whether the data are in the region, and the role may read them."""
        check, address, role = "data", str(self._plan.data), self._role_that_is_there
        self._cloud.check_bucket(address, check)
        if role is None:
            yield _without_role(check)
            return
        bucket, key = split(address)
        is_file = bool(PurePosixPath(key).suffix) and not key.endswith("/")
        scope = replace(self._scope, bucket=bucket, prefix=key.rpartition("/")[0] if is_file else key.strip("/"))
        rights = [right for right in ROLE if right.action in _READS]
        yield from simulated(
            self._cloud, check, role["Arn"], rights, scope, policy=self._command("--for role", scope, own=True)
        )

    def _written(self, address: str) -> Iterator[Finding]:
        """Put a tiny file, and remove it."""
        name, key = split(f"{address}/doctor-{self._identity['UserId'].partition(':')[0]}")
        try:
            self._cloud.call("s3", "put_object", Bucket=name, Key=key, Body=_TINY)
        except DeniedError as error:
            yield Finding("writing", "wrong", str(error), "let your policy and that of the bucket allow s3:PutObject")
            return
        try:
            self._cloud.call("s3", "delete_object", Bucket=name, Key=key)
        except JobError as error:
            why = f"a file of {len(_TINY)} bytes was written, and stays: {error}"
            yield Finding("writing", "ok", why, f"remove it: aws s3 rm s3://{name}/{key}")
        else:
            yield Finding("writing", "ok", "a file was written to it, and removed")

    @property
    def _identity(self) -> dict[str, Any]:
        return self._cloud.identity

    @property
    def _account(self) -> str:
        return str(self._identity["Account"])

    @property
    def _is_root(self) -> bool:
        return bool(re.fullmatch(r"arn:[a-z-]+:iam::\d+:root", self._identity["Arn"]))

    @property
    def _is_unnamed(self) -> bool:
        return self._plan.role is None and ":assumed-role/" not in self._identity["Arn"]

    @cached_property
    def _entity(self) -> str:
        """The ARN of the user or the role that asks: the simulator takes no sessions, and their ARNs have no paths."""
        arn = str(self._identity["Arn"])
        if ":assumed-role/" not in arn:
            return arn
        name = arn.split("/")[1]
        with suppress(DeniedError, NotFoundError):
            return str(self._cloud.call("iam", "get_role", RoleName=name)["Role"]["Arn"])
        return f"arn:{partition_of(self._cloud.region)}:iam::{self._account}:role/{name}"

    @cached_property
    def _described_role(self) -> dict[str, Any]:
        given = self._plan.role
        name = (given or self._identity["Arn"].split("/")[1]).rpartition("/")[2]
        if given is not None and given.startswith("arn:"):
            self._cloud.role(given)  # which refuses what is none, or another account's
        try:
            answer = self._cloud.call("iam", "get_role", RoleName=name)
        except NotFoundError as error:
            raise ParameterError(
                f"there is no role {name!r} in account {self._account}; give another one, or make it, with the "
                "policies that `byoe sagemaker policy --for trust` and `--for role` print"
            ) from error
        found: dict[str, Any] = answer["Role"]
        return found

    @cached_property
    def _role_that_is_there(self) -> dict[str, Any] | None:
        if not self._is_unnamed:
            with suppress(JobError, ParameterError):
                return self._described_role
        return None

    @cached_property
    def _output(self) -> str:
        """The address under which all is put; the usual bucket is not made here."""
        return f"{self._cloud.home}/{FOLDER}" if self._plan.output is None else self._plan.output.rstrip("/")

    @cached_property
    def _scope(self) -> Scope:
        bucket, prefix = split(self._output)
        account, region = self._account, self._cloud.region
        nameless = f"arn:{partition_of(region)}:iam::{account}:role/ROLE"
        role = (self._role_that_is_there or {"Arn": nameless})["Arn"]
        return Scope(region, account, bucket, prefix, role, self._plan.names, self._plan.groups)

    def _command(self, whose: str, scope: Scope | None = None, *, own: bool = False) -> str:
        """Return the command that prints a policy for what is planned, or for data in another bucket."""
        scope, plan = scope or self._scope, self._plan
        words = {"account": scope.account, "region": scope.region}
        words |= {"role": scope.role} if self._role_that_is_there else {}
        own = own or plan.output is not None or not self._cloud.at_home
        words |= {"bucket": scope.bucket, "prefix": scope.prefix} if own else {}
        words |= {} if plan.names == Plan.names else {"names": plan.names}
        words |= {} if plan.groups == Plan.groups else {"groups": plan.groups}
        return " ".join(
            ["byoe sagemaker policy", whose, *(f"--{word} {shlex.quote(value)}" for word, value in words.items())]
        )

    @cached_property
    def _image(self) -> str | None:
        if self._plan.image is None and has_gpu(self._plan.instance_type):
            return None
        return self._plan.image or self._cloud.image()

    @property
    def _repository(self) -> str | None:
        parts = None
        with suppress(ParameterError):
            parts = _ECR.fullmatch(self._image or "")
        return f"arn:{partition_of(parts[2])}:ecr:{parts[2]}:{parts[1]}:repository/{parts[3]}" if parts else None

    def _applying(self, rights: list[Right]) -> list[Right]:
        """Return rights without those on what there is not, or that is somebody else's to make."""
        of_role = {"role", "passed role"} if self._role_that_is_there is None else set()
        made = {"s3:CreateBucket"} if self._plan.output is not None else set()
        return [right for right in rights if not (of_role & set(right.kinds) or right.action in made)]

    def _limits(self, names: set[str]) -> Mapping[str, float]:
        """Return quotas by their names: those of the account, and else those that an account begins with."""
        limits: dict[str, float] = {}
        for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
            if names <= set(limits):
                break
            for page in self._cloud.pages("service-quotas", operation, ServiceCode="sagemaker"):
                for quota in page["Quotas"]:
                    if quota["QuotaName"] in names and "Value" in quota:
                        limits.setdefault(quota["QuotaName"], float(quota["Value"]))
        return limits


def _without_role(check: str) -> Finding:
    return Finding(check, "unknown", "there is no role to look at", "see to the role first")
