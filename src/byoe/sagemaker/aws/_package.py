"""The model registry: a version of a model, and the group of its versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar

from ...bundle._manifest import GRAPH
from ...errors import JobError, ParameterError
from ..shared._limits import a, check_line, check_name
from ._artifact import load_artifact, read_artifact
from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._quality import metrics_of

# In the metadata of a version.
OURS = "byoe:"
DIGEST, VERSION, PIPELINE = f"{OURS}digest", f"{OURS}version", f"{OURS}pipeline"
# What the service calls an approval, by what the arguments call it.
APPROVALS = {True: "Approved", False: "Rejected", None: "PendingManualApproval"}


class Package:
    """A version in a group of the model registry: a model package of SageMaker.

    Attributes
    ----------
    arn : str
    cloud : Cloud
    """

    kind: ClassVar[str] = "model package"
    place: ClassVar[str] = "aws"

    def __init__(self, arn: str, cloud: Cloud) -> None:
        self.arn = arn
        self.cloud = cloud

    def __repr__(self) -> str:
        return f"Package({self.name!r}, status={self.status!r})"

    @property
    def name(self) -> str:
        """Group and version, such as ``"churn/3"``."""
        return self.arn.partition(":model-package/")[2]

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the version."""
        return self.cloud.call("sagemaker", "describe_model_package", ModelPackageName=self.arn)

    @property
    def resource(self) -> Any:
        """The SDK's ``ModelPackage``, with what the service says of the version now."""
        return self.cloud.resource(self.kind, self.arn)

    @cached_property
    def _registered(self) -> dict[str, Any]:
        """What the service says of the version, asked once: all but what is decided on it stays as it was made."""
        return self.describe()

    @property
    def status(self) -> str:
        """The platform's word: PendingManualApproval, Approved, Rejected or Deleted; before it is there, that state."""
        try:
            found = self.describe()
        except NotFoundError:
            return "Deleted"
        made = str(found["ModelPackageStatus"])
        return str(found.get("ModelApprovalStatus", made)) if made == "Completed" else made

    @property
    def reason(self) -> str:
        """What was said when it was approved or rejected; empty where nothing was."""
        return str(self.describe().get("ApprovalDescription", ""))

    @property
    def description(self) -> str:
        """What it was registered with."""
        return str(self._registered.get("ModelPackageDescription", ""))

    @property
    def metadata(self) -> dict[str, str]:
        """The pairs that it was registered with, beside byoe's own."""
        return {key: value for key, value in self._metadata.items() if not key.startswith(OURS)}

    @property
    def digest(self) -> str:
        """SHA-256 of the ensemble, as `byoe.load` takes it; empty where a pipeline, or not byoe, has registered it."""
        return self._metadata.get(DIGEST, "")

    @property
    def pipeline(self) -> str:
        """Name of the pipeline of byoe that has registered it; empty where that was none."""
        return self._metadata.get(PIPELINE, "")

    @property
    def _metadata(self) -> dict[str, str]:
        return self._registered.get("CustomerMetadataProperties") or {}

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the job, under the names that they have there; empty where there are none of byoe's."""
        if self.pipeline:  # which writes no report: half of the digits are what the service keeps of the job's
            job = self._known_job
            if job is None:
                raise JobError(
                    f"the metrics of package {self.name} are those of its job {self.job}, which is gone or not to be "
                    "seen by these credentials; take those of its account"
                )
            return {one["MetricName"]: float(one["Value"]) for one in job.get("FinalMetricDataList", [])}
        sources = self._registered.get("ModelMetrics") or {}
        statistics = sources.get("ModelQuality", {}).get("Statistics")
        if not statistics or not self.digest:  # of others, whatever their report is
            return {}
        return metrics_of(self.cloud.get(statistics["S3Uri"]))

    @property
    def job(self) -> str:
        """ARN of the training job that has made it; empty where that is not told."""
        return str((self._registered.get("MetadataProperties") or {}).get("GeneratedBy", ""))

    @property
    def artifact(self) -> str:
        """Address of its ``model.tar.gz``."""
        return str(self._container["ModelDataUrl"])

    @property
    def has_graph(self) -> bool:
        """Whether it was trained with ``graph=True`` and a graph could be made, which an endpoint can predict by."""
        return GRAPH in read_artifact(self.cloud, self.artifact)[1]["files"]

    @property
    def serving_image(self) -> str:
        """Address of the image that serves."""
        return str(self._container["Image"])

    @property
    def _container(self) -> dict[str, Any]:
        (container, *_) = self._registered.get("InferenceSpecification", {}).get("Containers") or [{}]
        if lacking := [word for word in ("Image", "ModelDataUrl") if word not in container]:
            raise JobError(
                f"package {self.name} has no {' and no '.join(lacking)} to serve by, so that byoe has not made it; "
                "take a version that a job or a pipeline of byoe has registered"
            )
        return dict(container)

    @property
    def origin(self) -> str:
        """What a model that serves is made from: the version itself, so that AWS knows where it serves."""
        return self.arn

    @property
    def role(self) -> str:
        """ARN of the role that its job has taken on."""
        return str(self._of_job("role")["RoleArn"])

    @property
    def instance_type(self) -> str:
        """Type of the instances that its job ran on."""
        return str(self._of_job("instance_type")["ResourceConfig"]["InstanceType"])

    @cached_property
    def _described_job(self) -> dict[str, Any]:
        return self.cloud.call("sagemaker", "describe_training_job", TrainingJobName=self.job.rpartition("/")[2])

    @property
    def _known_job(self) -> dict[str, Any] | None:
        """What is told of its job; None for one of others, or that is gone."""
        if f":{self.cloud.account()}:" in self.job:
            with suppress(NotFoundError, DeniedError):
                return self._described_job
        return None

    def _of_job(self, wanted: str) -> dict[str, Any]:
        if (job := self._known_job) is not None:
            return job
        raise ParameterError(
            f"{wanted} is None, and that of the job which has made package {self.name} is not known here; give {wanted}"
        )

    def ensemble(self, *, trusted: Sequence[str] = ()) -> Any:
        """Download and load the fitted ensemble, which has to be the one that was registered, if its digest is known.

        Parameters
        ----------
        trusted : sequence of str, default=()
            Classes of your own, as for `byoe.load`.
        """
        return load_artifact(self.cloud, self.artifact, trusted, self.digest or None)

    def approve(self, reason: str | None = None) -> Package:
        """Approve the version, so that it may be deployed; it may have been rejected before."""
        return self._decide(True, reason)

    def reject(self, reason: str | None = None) -> Package:
        """Reject the version, so that it is not deployed. Endpoints that serve it go on."""
        return self._decide(False, reason)

    def _decide(self, approved: bool, reason: str | None) -> Package:
        said = {} if reason is None else {"ApprovalDescription": check_line("reason", reason)}
        status = APPROVALS[approved]
        self.cloud.call(
            "sagemaker", "update_model_package", ModelPackageArn=self.arn, ModelApprovalStatus=status, **said
        )
        return self

    def delete(self) -> None:
        """Remove the version; artifact and endpoints stay. Does nothing for one that is gone."""
        with suppress(NotFoundError):
            self.cloud.call("sagemaker", "delete_model_package", ModelPackageName=self.arn)

    def completed(self) -> Package:
        """Return the version, if it may be served.

        Raises
        ------
        ParameterError
            When it is not approved, or byoe has not registered it.
        """
        status = self.status
        if status == "Deleted":
            raise NotFoundError(f"there is no package {self.name} in {self.cloud.region}")
        if not (self.digest or self.pipeline):
            raise ParameterError(
                f"package {self.name} is not one of byoe's: its metadata lack {DIGEST!r}; deploy it by what has "
                "registered it"
            )
        if status == APPROVALS[True]:
            return self
        why = f" ({self.reason})" if self.reason else ""
        raise ParameterError(
            f"package {self.name} has the status {status}{why}, and AWS deploys approved ones alone; take another "
            f"version, or approve it: byoe.sagemaker.attach({self.arn!r}).approve()"
        )


class PackageGroup:
    """A group of the model registry, with the versions of a model: a model package group of SageMaker.

    Deployed, it stands for its newest approved version.

    Attributes
    ----------
    name : str
        Or its ARN, where it is of another account.
    cloud : Cloud
    """

    kind: ClassVar[str] = "model package group"
    place: ClassVar[str] = "aws"

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        self.cloud = cloud

    def __repr__(self) -> str:
        return f"PackageGroup({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the group."""
        return self.cloud.call("sagemaker", "describe_model_package_group", ModelPackageGroupName=self.name)

    @property
    def resource(self) -> Any:
        """The SDK's ``ModelPackageGroup``, with what the service says of the group now."""
        return self.cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word: Pending, InProgress, Completed, Failed, Deleting, DeleteFailed or Deleted."""
        try:
            return str(self.describe()["ModelPackageGroupStatus"])
        except NotFoundError:
            return "Deleted"

    @property
    def versions(self) -> list[dict[str, Any]]:
        """One row for each version, the oldest first.

        ``version``, ``status``, ``created``, ``description`` and ``arn``.
        """
        return [
            {
                "version": int(found["ModelPackageVersion"]),
                "status": found.get("ModelApprovalStatus", found["ModelPackageStatus"]),
                "created": found["CreationTime"],
                "description": found.get("ModelPackageDescription", ""),
                "arn": found["ModelPackageArn"],
            }
            for found in self._listed("Ascending")
        ]

    def version(self, number: int) -> Package:
        """Return a version by its number.

        Raises
        ------
        JobError
            When there is none.
        """
        rows = self.versions
        for row in rows:
            if row["version"] == number:
                return Package(row["arn"], self.cloud)
        there = ", ".join(str(row["version"]) for row in rows) or "none"
        raise NotFoundError(f"group {self.name} has no version {number}; there are: {there}")

    def latest(self, approved: bool | None = True) -> Package:
        """Return the newest version.

        Parameters
        ----------
        approved : bool or None, default=True
            True for the newest of the approved ones; False for that of the rejected ones; None for that of all.

        Raises
        ------
        ParameterError
            When there is none.
        """
        chosen = {} if approved is None else {"ModelApprovalStatus": APPROVALS[approved]}
        for found in self._listed("Descending", **chosen):
            return Package(found["ModelPackageArn"], self.cloud)
        said = ", ".join(f"{row['version']} is {row['status']}" for row in self.versions) or "there is none at all"
        word = "" if approved is None else f"{APPROVALS[approved].lower()} "
        raise ParameterError(f"group {self.name} has no {word}version: {said}")

    def completed(self) -> Package:
        """Return the newest approved version, and say which that is."""
        newest = self.latest().completed()
        print(f"[byoe] package {newest.name} is the newest approved one of its group", flush=True)
        return newest

    def delete(self) -> None:
        """Remove the group, which may have no versions any more. Does nothing for one that is gone.

        Raises
        ------
        JobError
            When it has versions: remove these first.
        """
        try:
            self.cloud.call("sagemaker", "delete_model_package_group", ModelPackageGroupName=self.name)
        except NotFoundError:
            pass
        except JobError:
            if there := [row["version"] for row in self.versions]:
                raise JobError(
                    f"group {self.name} has the versions {', '.join(map(str, there))}, and AWS removes empty groups "
                    "alone; delete() them first, each by version(number)"
                ) from None
            raise

    def _listed(self, order: str, **chosen: str) -> Iterator[dict[str, Any]]:
        for page in self.cloud.pages(
            "sagemaker",
            "list_model_packages",
            ModelPackageGroupName=self.name,
            SortBy="CreationTime",
            SortOrder=order,
            **chosen,
        ):
            yield from page["ModelPackageSummaryList"]


def group_name(given: str, cloud: Cloud) -> str:
    """Return the name of a group, or its ARN if another account has it.

    Raises
    ------
    ParameterError
        For what cannot be one.
    """
    if not isinstance(given, str):
        raise ParameterError(f"group is {given!r}, expected the name of a model package group, or its ARN")
    if not given.startswith("arn:"):
        return check_name(PackageGroup.kind, given)
    kind, name = cloud.of_arn(given)
    if kind != PackageGroup.kind:
        raise ParameterError(f"group is {given!r}, the ARN of a {kind}; expected that of a {PackageGroup.kind}")
    return name if f":{cloud.account()}:" in given else given


def registered(text: str, cloud: Cloud) -> Package | PackageGroup:
    """Return what has an ARN of the registry, or is called ``"churn/3"``.

    Raises
    ------
    ParameterError
        For what is neither, and for an ARN of another region.
    JobError
        When there is no such version, or another account does not share it.
    """
    if not text.startswith("arn:"):
        group, _, number = text.partition("/")
        if not number.isdecimal():
            raise ParameterError(f"{text!r} names no version of a model; expected GROUP/NUMBER, such as 'churn/3'")
        return PackageGroup(check_name(PackageGroup.kind, group), cloud).version(int(number))
    kind = cloud.of_arn(text)[0]
    if kind not in (Package.kind, PackageGroup.kind):
        raise ParameterError(f"{text!r} is the ARN of {a(kind)}; give its handle: byoe.sagemaker.attach({text!r})")
    found = Package(text, cloud) if kind == Package.kind else PackageGroup(group_name(text, cloud), cloud)
    if f":{(account := cloud.account())}:" not in text:
        try:
            found.describe()
        except (NotFoundError, DeniedError) as error:
            raise DeniedError(
                f"{text!r} is not of account {account}, whose credentials you use, and not shared with it; share its "
                "group (aws sagemaker put-model-package-group-policy), or give profile= or a session of its account"
            ) from error
    return found
