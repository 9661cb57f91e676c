"""A training job on AWS: a handle that knows its name, and asks the service for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ...bundle._manifest import GRAPH
from ...scoring._baseline import Baseline
from ..shared._failures import need_completed
from ..shared._metric_lines import read_metrics
from ..shared._savings import Savings, savings
from ._artifact import load_artifact, read_artifact
from ._baseline import put_baseline
from ._channels import bytes_of
from ._cloud import Cloud
from ._faults import with_cure
from ._log_tail import LogTail
from ._machine import has_gpu
from ._package import Package
from ._register import register
from ._waiting import JOB_ENDED, until

_LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# Of a job that the platform has stopped, by its secondary status.
_TOO_LONG = {
    "MaxRuntimeExceeded": "it took longer than max_seconds",
    "MaxWaitTimeExceeded": "it took longer than max_wait_seconds",
}


class Job:
    """A training job on AWS.

    Attributes
    ----------
    name : str
    cloud : Cloud
    """

    kind: ClassVar[str] = "job"
    place: ClassVar[str] = "aws"

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        self.cloud = cloud
        self._described: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Job({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the job."""
        if self._described.get("TrainingJobStatus") not in JOB_ENDED:
            self._described = self.cloud.call("sagemaker", "describe_training_job", TrainingJobName=self.name)
        return self._described

    @property
    def resource(self) -> Any:
        """The SDK's ``TrainingJob``, with what the service says of the job now."""
        return self.cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word: InProgress, Completed, Failed, Stopping or Stopped."""
        return str(self.describe()["TrainingJobStatus"])

    @property
    def hyperparameters(self) -> dict[str, str]:
        """The job's hyperparameters, as the JSON texts that the platform passes."""
        found = self.describe().get("HyperParameters", {})
        return {name: value for name, value in found.items() if not name.startswith("sagemaker_")}

    @property
    def seconds(self) -> float:
        """Seconds that the instances have worked; 0 before the end."""
        return float(self.describe().get("TrainingTimeInSeconds", 0.0))

    @property
    def billable_seconds(self) -> int | None:
        """Seconds that are paid for, of all instances; None before the end."""
        found = self.describe()
        seconds = found.get("BillableTimeInSeconds")
        return None if seconds is None else int(seconds) * int(found["ResourceConfig"]["InstanceCount"])

    @property
    def log(self) -> str:
        """What the job has printed so far, on all its hosts."""
        return self.cloud.log(_LOG_GROUP, f"{self.name}/")

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that the log holds, in full precision; the service itself keeps half of the digits."""
        definitions = self.describe().get("AlgorithmSpecification", {}).get("MetricDefinitions", [])
        return read_metrics(self.log, definitions)

    @property
    def failure(self) -> str:
        """Why the job has failed, as its failure file says; empty when it has not."""
        return str(self.describe().get("FailureReason", ""))

    @property
    def image(self) -> str:
        """Address of the container image that the job ran in."""
        return str(self.describe()["AlgorithmSpecification"]["TrainingImage"])

    @property
    def serving_image(self) -> str:
        """Address of the image that serves: the same, or for a job on a GPU the usual one, which has a server."""
        return self.cloud.image() if has_gpu(self.instance_type) else self.image

    @property
    def role(self) -> str:
        """ARN of the role that the job has taken on."""
        return str(self.describe()["RoleArn"])

    @property
    def instance_type(self) -> str:
        """Type of the instances that the job ran on."""
        return str(self.describe()["ResourceConfig"]["InstanceType"])

    @property
    def artifact(self) -> str:
        """Address of the ``model.tar.gz`` of a completed job."""
        self._need_completed()
        return str(self.describe()["ModelArtifacts"]["S3ModelArtifacts"])

    @property
    def origin(self) -> str:
        """What a model that serves is made from: the artifact."""
        return self.artifact

    @property
    def has_graph(self) -> bool:
        """Whether it was trained with ``graph=True`` and a graph could be made, which an endpoint can predict by."""
        return GRAPH in read_artifact(self.cloud, self.artifact)[1]["files"]

    def savings(self, price_per_hour: float | None = None) -> Savings:
        """Return what this job has saved, against one job for each member, as far as it was measured.

        Parameters
        ----------
        price_per_hour : float, default=None
            Of one instance, in any currency; None leaves money out.
        """
        self._need_completed()
        found = self.describe()
        return savings(
            self.log,
            billable=float(self.billable_seconds or 0),
            seconds=self.seconds,
            instances=int(found["ResourceConfig"]["InstanceCount"]),
            size=sum(bytes_of(self.cloud, channel) for channel in found["InputDataConfig"]),
            price_per_hour=price_per_hour,
        )

    def ensemble(self, *, trusted: Sequence[str] = ()) -> Any:
        """Download and load the fitted ensemble; ``trusted`` names classes of your own, as for `byoe.load`."""
        return load_artifact(self.cloud, self.artifact, trusted)

    def baseline(self) -> Baseline:
        """Put the baseline that the job has written of its training table into S3, beside the artifact.

        It is what the ensemble's own ``baseline`` makes. Files that are there already stay as they are, with what
        somebody has changed in them.

        Returns
        -------
        Baseline
            The addresses ``statistics`` and ``constraints``, as Model Monitor wants them.

        Raises
        ------
        JobError
            When the job has not completed, or has written none.
        """
        return put_baseline(self.cloud, self.name, self.artifact)

    def register(
        self,
        group: str,
        *,
        approve: bool | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Package:
        """Register what a completed job has made, as the next version in a group of the model registry.

        The version has the endpoint's container, the metrics, the baseline, the digest of the ensemble and the job that
        made it.
        Each call makes a version, also for a job that has one.

        Parameters
        ----------
        group : str
            Name of the model package group, which is made if it is not there, or its ARN.
        approve : bool, default=None
            True approves the version, so that it may be deployed; False rejects it; None leaves that to somebody,
            by the handle's ``approve()`` and ``reject(reason)``.
        description : str, default=None
            At most 1024 characters, in one line.
        metadata : mapping of str to str, default=None
            Of your own, such as ``{"ticket": "ML-17"}``: at most 48 pairs, names of 128 characters and values of 256.

        Returns
        -------
        Package

        Raises
        ------
        ParameterError
            Before anything is made.
        JobError
            When the job has not completed, or AWS refuses.
        """
        return register(self, group, approve=approve, description=description, metadata=metadata)

    def wait(self, *, logs: bool = False, on_line: Callable[[str], None] | None = None) -> Job:
        """Wait until the job ends. An interrupt ends the waiting, not the job.

        Parameters
        ----------
        logs : bool, default=False
            Print the log as it grows.
        on_line : callable, default=None
            Called with every line of the log.

        Raises
        ------
        JobError
            When the job has failed; it has the reason and the end of the log, and the job as its
            attribute ``job``.
        """
        listeners = [listener for listener in (print if logs else None, on_line) if listener]
        tail = LogTail(self.cloud, _LOG_GROUP, f"{self.name}/")

        def ask() -> str:
            """Return the status, and pass new lines of the log on."""
            status = self.status
            if listeners:
                for line in tail.lines():
                    for listener in listeners:
                        listener(line)
            return status

        until(ask, JOB_ENDED.__contains__)
        self._need_completed()
        return self

    def completed(self) -> Job:
        """Wait, and return the job."""
        return self.wait()

    def stop(self) -> None:
        """Ask the service to stop the job. Does nothing when it has ended."""
        if self.status not in JOB_ENDED:
            self.cloud.call("sagemaker", "stop_training_job", TrainingJobName=self.name)

    def _need_completed(self) -> None:
        too_long = _TOO_LONG.get(str(self.describe().get("SecondaryStatus")), "")
        need_completed(self, with_cure(self.failure) or too_long)
