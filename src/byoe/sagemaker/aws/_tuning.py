"""A tuning job on AWS: a handle that knows its name, and asks the service for the rest."""

from __future__ import annotations

import json
import time
from typing import Any

from ...errors import JobError
from ._cloud import Cloud
from ._job import Job

_ENDED = frozenset({"Completed", "Failed", "Stopped"})
_POLL_SECONDS = 15.0


class Tuning:
    """A tuning job on AWS.

    Attributes
    ----------
    name : str
    """

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        self._cloud = cloud

    def __repr__(self) -> str:
        return f"Tuning({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the tuning job."""
        return self._cloud.call(
            "sagemaker", "describe_hyper_parameter_tuning_job", HyperParameterTuningJobName=self.name
        )

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

        ``number``, ``job``, ``status``, ``objective`` (None where there is none yet), ``seconds``
        and ``params``.
        """
        pages = self._cloud.pages(
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
        """The job with the best objective.

        Raises
        ------
        JobError
            When no trial has one.
        """
        found = self.describe()
        best = found.get("BestTrainingJob")
        if not best:
            raise JobError(
                f"no trial of tuning job {self.name} has a result (status {found['HyperParameterTuningJobStatus']}"
                f"{': ' + found['FailureReason'] if found.get('FailureReason') else ''})"
            )
        return Job(best["TrainingJobName"], self._cloud)

    def wait(self) -> Tuning:
        """Wait until the tuning job ends. An interrupt ends the waiting, not the job.

        Raises
        ------
        JobError
            When it has failed.
        """
        while (status := self.status) not in _ENDED:
            time.sleep(_POLL_SECONDS)
        if status == "Failed":
            reason = self.describe().get("FailureReason", "")
            raise JobError(f"tuning job {self.name} has failed: {reason}")
        return self

    def stop(self) -> None:
        """Ask the service to stop the tuning job. Does nothing when it has ended."""
        if self.status not in _ENDED:
            self._cloud.call("sagemaker", "stop_hyper_parameter_tuning_job", HyperParameterTuningJobName=self.name)


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
    }


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
