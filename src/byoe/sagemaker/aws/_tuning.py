"""A tuning job on AWS: a handle that knows its name, and asks the service for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from ...errors import JobError
from ..shared._failures import ending, without_best
from ..shared._search import WARM_STARTS
from ._cloud import Cloud
from ._faults import with_cure
from ._job import Job
from ._package import Package
from ._waiting import JOB_ENDED, until


class Tuning:
    """A tuning job on AWS.

    Attributes
    ----------
    name : str
    """

    kind: ClassVar[str] = "tuning job"
    place: ClassVar[str] = "aws"

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        self.cloud = cloud

    def __repr__(self) -> str:
        return f"Tuning({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the tuning job."""
        return self.cloud.call(
            "sagemaker", "describe_hyper_parameter_tuning_job", HyperParameterTuningJobName=self.name
        )

    @property
    def resource(self) -> Any:
        """The SDK's ``HyperParameterTuningJob``, with what the service says of the tuning job now."""
        return self.cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word: InProgress, Completed, Failed, Stopping or Stopped."""
        return str(self.describe()["HyperParameterTuningJobStatus"])

    @property
    def objective(self) -> str:
        """The metric that trials are compared by, such as ``"validation:rmse"``."""
        config = self.describe()["HyperParameterTuningJobConfig"]
        return str(config["HyperParameterTuningJobObjective"]["MetricName"])

    @property
    def trials(self) -> list[dict[str, Any]]:
        """One row for each trial, in the order of their start.

        ``number``, ``job``, ``status``, ``objective`` (None where there is none yet), ``seconds``,
        ``params`` and ``failure``: why it has failed, and nothing where it has not.
        """
        pages = self.cloud.pages(
            "sagemaker",
            "list_training_jobs_for_hyper_parameter_tuning_job",
            HyperParameterTuningJobName=self.name,
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        return [
            _row(number, found)
            for number, found in enumerate((found for page in pages for found in page["TrainingJobSummaries"]), start=1)
        ]

    @property
    def best_job(self) -> Job:
        """The job with the best objective of those that have completed: one that was stopped may have no model.

        With an identical warm start it may be one of an earlier tuning job.

        Raises
        ------
        JobError
            When no trial has one.
        """
        found = self.describe()
        best = _best(found)
        if best and best.get("TrainingJobStatus", "Completed") == "Completed":
            return Job(best["TrainingJobName"], self.cloud)
        tunings = [self, *(Tuning(name, self.cloud) for name in _identical_parents(found))] if best else []
        rows = (row for tuning in tunings for row in tuning.trials)
        done = [row for row in rows if row["status"] == "Completed" and row["objective"] is not None]
        if not done:
            raise without_best(self.name, found["HyperParameterTuningJobStatus"], self._reason(found))
        goal = found["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"]
        pick = max if goal == "Maximize" else min
        return Job(pick(done, key=lambda row: row["objective"])["job"], self.cloud)

    def _reason(self, found: dict[str, Any]) -> str:
        """Return why there is no result: what the service says, which is little, and what the first trial says."""
        told = with_cure(str(found.get("FailureReason", ""))).rstrip(". ")
        return "; ".join(reason for reason in (told, self._first_failure()) if reason)

    def _first_failure(self) -> str:
        failed = (row for row in self.trials if row["status"] == "Failed")
        failures = (row["failure"] or Job(row["job"], self.cloud).failure for row in failed)
        return next((f"the first one: {with_cure(reason)}" for reason in failures if reason), "")

    def wait(self) -> Tuning:
        """Wait until the tuning job ends. An interrupt ends the waiting, not the job.

        Raises
        ------
        JobError
            When it has failed, or all its trials have: with the reason of the first one.
        """
        status = until(lambda: self.status, JOB_ENDED.__contains__)
        found = self.describe()
        if status == "Failed":
            raise JobError(ending(self.kind, self.name, status, self._reason(found)))
        if status == "Completed" and not _best(found):
            raise without_best(self.name, status, self._reason(found))
        return self

    def completed(self) -> Job:
        """Wait, and return the best job."""
        return self.wait().best_job.wait()

    def register(
        self,
        group: str,
        *,
        approve: bool | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Package:
        """Register what the best job of a completed tuning job has made; the arguments are those of `Job.register`.

        Raises
        ------
        ParameterError
            Before anything is made.
        JobError
            When the tuning job has not ended, or has no result, or AWS refuses.
        """
        if self.status not in JOB_ENDED:
            raise JobError(ending(self.kind, self.name, self.status, ""))
        return self.best_job.register(group, approve=approve, description=description, metadata=metadata)

    def stop(self) -> None:
        """Ask the service to stop the tuning job. Does nothing when it has ended."""
        if self.status not in JOB_ENDED:
            self.cloud.call("sagemaker", "stop_hyper_parameter_tuning_job", HyperParameterTuningJobName=self.name)


def _best(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the best trial of all that the service compares: after an identical warm start the parents' too."""
    return found.get("OverallBestTrainingJob") or found.get("BestTrainingJob")


def _identical_parents(found: Mapping[str, Any]) -> list[str]:
    start = found.get("WarmStartConfig", {})
    if start.get("WarmStartType") != WARM_STARTS["identical"]:
        return []
    return [parent["HyperParameterTuningJobName"] for parent in start["ParentHyperParameterTuningJobs"]]


def _row(number: int, found: dict[str, Any]) -> dict[str, Any]:
    metric = found.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    started, ended = found.get("TrainingStartTime"), found.get("TrainingEndTime")
    return {
        "number": number,
        "job": found["TrainingJobName"],
        "status": found["TrainingJobStatus"],
        "objective": metric.get("Value"),
        "seconds": (ended - started).total_seconds() if started and ended else None,
        "params": {name: _value(text) for name, text in found.get("TunedHyperParameters", {}).items()},
        "failure": str(found.get("FailureReason", "")),
    }


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
