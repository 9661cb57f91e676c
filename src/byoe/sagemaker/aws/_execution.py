"""An execution of a pipeline on AWS: a handle that knows its ARN, and asks the service for the rest."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any, ClassVar

from ...errors import JobError
from ..shared._failures import ending
from ..shared._steps import EXECUTION_ENDED
from ._cloud import Cloud
from ._faults import NotFoundError, with_cure
from ._job import Job
from ._package import Package
from ._tuning import Tuning
from ._waiting import until


class Execution:
    """An execution of a pipeline.

    Deployed, it stands for the version that it has registered, or for the job where it registers none.

    Attributes
    ----------
    arn : str
    cloud : Cloud
    """

    kind: ClassVar[str] = "pipeline execution"
    place: ClassVar[str] = "aws"

    def __init__(self, arn: str, cloud: Cloud) -> None:
        self.arn = arn
        self.cloud = cloud

    def __repr__(self) -> str:
        return f"Execution({self.name!r}, status={self.status!r})"

    @property
    def name(self) -> str:
        """Name of the pipeline, and what the service calls the execution, such as ``"churn/execution/4hx2j9ab"``."""
        return self.arn.partition(":pipeline/")[2]

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the execution."""
        return self.cloud.call("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=self.arn)

    @property
    def resource(self) -> Any:
        """The SDK's ``PipelineExecution``, with what the service says of the execution now."""
        return self.cloud.resource(self.kind, self.arn)

    @property
    def status(self) -> str:
        """The platform's word: Executing, Stopping, Stopped, Failed or Succeeded; Deleted where there is none."""
        try:
            return str(self.describe()["PipelineExecutionStatus"])
        except NotFoundError:
            return "Deleted"

    @property
    def steps(self) -> list[dict[str, Any]]:
        """One row for each step that has begun, in that order.

        ``step``, ``status``, ``seconds`` (None before its end), ``cached``: whether it was taken from an earlier
        execution, ``made``: the ARN of what it has made, or what a condition came to, and ``failure``: why it has
        failed, and nothing where it has not.
        """
        return [_row(found) for found in self._steps]

    @property
    def _steps(self) -> list[dict[str, Any]]:
        pages = self.cloud.pages(
            "sagemaker", "list_pipeline_execution_steps", PipelineExecutionArn=self.arn, SortOrder="Ascending"
        )
        return [found for page in pages for found in page["PipelineExecutionSteps"]]

    def _made(self, kind: str) -> str:
        """Return the ARN of what a step of a kind has made; nothing where there is none."""
        arns = (found.get("Metadata", {}).get(kind, {}).get("Arn", "") for found in self._steps)
        return str(next(filter(None, arns), ""))

    @property
    def tuning(self) -> Tuning | None:
        """The tuning job; None before it has begun, and where there is none."""
        arn = self._made("TuningJob")
        if not arn:
            return None
        # Names in ARNs are lower-case, by which the service finds a job, but not its log.
        return Tuning(str(Tuning(_name_in(arn), self.cloud).describe()["HyperParameterTuningJobName"]), self.cloud)

    @property
    def job(self) -> Job:
        """The training job whose model it is about: of a tuning job the best one, unless that is trained again.

        Raises
        ------
        JobError
            Before it has begun.
        """
        if arn := self._made("TrainingJob"):
            return Job(str(Job(_name_in(arn), self.cloud).describe()["TrainingJobName"]), self.cloud)
        tuning = self.tuning
        if tuning is None:
            raise JobError(ending(self.kind, self.name, self.status, "no job of it has begun"))
        return tuning.best_job

    @property
    def package(self) -> Package:
        """The version that it has registered.

        Raises
        ------
        JobError
            When it has registered none, or not yet.
        """
        if arn := self._made("RegisterModel"):
            return Package(arn, self.cloud)
        raise JobError(ending(self.kind, self.name, self.status, f"it has registered no model{self._why()}"))

    def wait(self) -> Execution:
        """Wait until the execution ends. An interrupt ends the waiting, not the execution.

        Raises
        ------
        JobError
            When it has not succeeded, with the reason: also where the condition does not hold.
        """
        status = until(lambda: self.status, lambda status: status in EXECUTION_ENDED or status == "Deleted")
        if status == "Succeeded":
            return self
        told = str(self.describe().get("FailureReason", "")) if status != "Deleted" else ""
        raise JobError(ending(self.kind, self.name, status, self._why().removeprefix(": ") or with_cure(told)))

    def _why(self) -> str:
        """Return what the steps that failed say, and for a condition the metrics."""
        reasons = []
        for found in self._steps:
            if found["StepStatus"] != "Failed":
                continue
            told = found.get("Metadata", {}).get("Fail", {}).get("ErrorMessage")
            if told is None:
                reasons.append(f"step {found['StepName']}: {with_cure(str(found.get('FailureReason', 'no reason')))}")
            else:
                reasons.append(f"{told}; {self._metric(str(told).partition(' ')[0])}")
        return f": {'; '.join(reasons)}" if reasons else ""

    def _metric(self, name: str) -> str:
        with suppress(JobError):
            described = self.job.describe()
            for one in described.get("FinalMetricDataList", ()):
                if one["MetricName"] == name:
                    return f"it is {float(one['Value']):.6g}"
        return "its value is in the log of the job"

    def completed(self) -> Package | Job:
        """Wait, and return what may be served: the version that was registered, if it is approved, else the job."""
        self.wait()
        if not self._made("RegisterModel"):
            return self.job.completed()
        return self.package.completed()

    def stop(self) -> None:
        """Ask the service to stop the execution and its jobs. Does nothing when it has ended."""
        if self.status == "Executing":
            token = secrets.token_hex(16)
            self.cloud.call(
                "sagemaker", "stop_pipeline_execution", PipelineExecutionArn=self.arn, ClientRequestToken=token
            )


def _name_in(arn: str) -> str:
    return arn.rpartition("/")[2]


def _row(found: dict[str, Any]) -> dict[str, Any]:
    metadata = found.get("Metadata", {})
    started, ended = found.get("StartTime"), found.get("EndTime")
    made = next((one.get("Arn") or one.get("Outcome") for one in metadata.values()), None)
    return {
        "step": found["StepName"],
        "status": found["StepStatus"],
        "seconds": (ended - started).total_seconds() if started and ended else None,
        "cached": bool(found.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")),
        "made": made or "",
        "failure": str(metadata.get("Fail", {}).get("ErrorMessage") or found.get("FailureReason", "")),
    }
