"""The definition of a pipeline: plain JSON of the service, in which requests for jobs are the arguments of steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ..shared._steps import (
    APPROVAL,
    CHECK,
    DATA,
    INSTANCE_COUNT,
    INSTANCE_TYPE,
    REGISTER,
    REJECT,
    THRESHOLD,
    TRAIN,
    TUNE,
    Condition,
    Steps,
)

VERSION = "2020-12-01"
_TYPES = {str: "String", int: "Integer", float: "Float"}
# The service names what its steps make.
_OWN_NAMES = ("TrainingJobName", "HyperParameterTuningJobName")
_COMPARED = {
    "<": "LessThan",
    "<=": "LessThanOrEqualTo",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqualTo",
}
_PARAMETERS = "Parameters."
_BEST = f"Steps.{TUNE}.BestTrainingJob"


class Definition:
    """A definition of a pipeline in the making.

    Parameters
    ----------
    steps : Steps
    """

    def __init__(self, steps: Steps) -> None:
        self._of = steps
        self._parameters: dict[str, dict[str, Any]] = {}
        self._steps: list[dict[str, Any]] = []
        self._output = ""

    def tune(self, request: Mapping[str, Any]) -> None:
        """Add a tuning job, from a request for ``CreateHyperParameterTuningJob``."""
        self._output = request["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]
        self._job(TUNE, "Tuning", request, DATA)

    def train(self, request: Mapping[str, Any], tuned: Mapping[str, Any] | None = None) -> None:
        """Add a training job, from a request for ``CreateTrainingJob``.

        Parameters
        ----------
        request : mapping
        tuned : mapping or None
            What the tuning job before it searches: the job gets the best values, and its metrics are of test data.
        """
        request = copy.deepcopy(dict(request))
        for name in tuned or ():
            request["HyperParameters"][name] = {"Get": f"{_BEST}.TunedHyperParameters['{name}']"}
        self._job(TRAIN, "Training", request, DATA if tuned is None else {**DATA, "validation": DATA["test"]})

    def finish(self, package: Mapping[str, Any] | None) -> dict[str, Any]:
        """Add the condition and the registration, from a request for ``CreateModelPackage``; return all."""
        ends = [] if package is None else [self._registering(package)]
        condition = self._of.condition
        self._steps += ends if condition is None else [self._checking(condition, ends)]
        return {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": list(self._parameters.values()),
            "Steps": self._steps,
        }

    @property
    def artifact(self) -> dict[str, Any]:
        """Where the ``model.tar.gz`` will be."""
        if self._trains:
            return {"Get": f"Steps.{TRAIN}.ModelArtifacts.S3ModelArtifacts"}
        values = [self._output, {"Get": f"{_BEST}.TrainingJobName"}, "output/model.tar.gz"]
        return {"Std:Join": {"On": "/", "Values": values}}

    @property
    def job(self) -> dict[str, str]:
        """The ARN of the job that makes it."""
        return {"Get": f"Steps.{TRAIN}.TrainingJobArn" if self._trains else f"{_BEST}.TrainingJobArn"}

    @property
    def _trains(self) -> bool:
        return bool(self._steps[-1]["Name"] == TRAIN)

    def _parameter(self, name: str, default: str | int | float) -> dict[str, str]:
        self._parameters[name] = {"Name": name, "Type": _TYPES[type(default)], "DefaultValue": default}
        return {"Get": f"{_PARAMETERS}{name}"}

    def _job(self, name: str, kind: str, request: Mapping[str, Any], data: Mapping[str, str]) -> None:
        arguments = {key: copy.deepcopy(value) for key, value in request.items() if key not in _OWN_NAMES}
        job = arguments.get("TrainingJobDefinition", arguments)
        for channel in job["InputDataConfig"]:
            source = channel["DataSource"]["S3DataSource"]
            if channel["ChannelName"] in data:
                source["S3Uri"] = self._parameter(data[channel["ChannelName"]], source["S3Uri"])
        resources = job["ResourceConfig"]
        resources["InstanceType"] = self._parameter(INSTANCE_TYPE, resources["InstanceType"])
        if resources["InstanceCount"] > 1:  # what one host is sent, several could not work with
            resources["InstanceCount"] = self._parameter(INSTANCE_COUNT, resources["InstanceCount"])
        expiry = self._of.expiry
        cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": expiry}} if expiry else {}
        self._steps.append({"Name": name, "Type": kind, "Arguments": arguments, **cached})

    def _checking(self, condition: Condition, ends: list[dict[str, Any]]) -> dict[str, Any]:
        value = f"Steps.{TRAIN}.FinalMetricDataList['{condition.metric}'].Value"
        if not self._trains:
            value = f"{_BEST}.FinalHyperParameterTuningJobObjectiveMetric.Value"
        comparison = {
            "Type": _COMPARED[condition.comparison],
            "LeftValue": {"Get": value},
            "RightValue": self._parameter(THRESHOLD, condition.threshold),
        }
        failing = {"Name": REJECT, "Type": "Fail", "Arguments": {"ErrorMessage": condition.unmet()}}
        arguments = {"Conditions": [comparison], "IfSteps": ends, "ElseSteps": [failing]}
        return {"Name": CHECK, "Type": "Condition", "Arguments": arguments}

    def _registering(self, package: Mapping[str, Any]) -> dict[str, Any]:
        approval = self._parameter(APPROVAL, str(package["ModelApprovalStatus"]))
        return {"Name": REGISTER, "Type": "RegisterModel", "Arguments": {**package, "ModelApprovalStatus": approval}}


def is_made(definition: Mapping[str, Any]) -> bool:
    """Return whether a definition begins with a job of a source folder, under a name that byoe gives it."""
    (first, *_) = definition.get("Steps") or [{}]
    arguments = first.get("Arguments") or {}
    job = arguments.get("TrainingJobDefinition", arguments)
    given = job.get("HyperParameters") or job.get("StaticHyperParameters") or {}
    return first.get("Name") in (TRAIN, TUNE) and "sagemaker_submit_directory" in given


def parameters_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a definition with their defaults."""
    return {one["Name"]: one.get("DefaultValue") for one in definition.get("Parameters", ())}


def channels_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the parameters that say where data are, with the words of the channel of each but for the address."""
    for step in definition["Steps"]:
        job = step["Arguments"].get("TrainingJobDefinition", step["Arguments"])
        for channel in job.get("InputDataConfig", ()):
            source = dict(channel["DataSource"]["S3DataSource"])
            address = source.pop("S3Uri")
            if isinstance(address, Mapping) and str(address.get("Get")).startswith(_PARAMETERS):
                mode = {"InputMode": channel["InputMode"]} if "InputMode" in channel else {}
                yield address["Get"].removeprefix(_PARAMETERS), {**source, **mode}


def groups_of(definition: Mapping[str, Any]) -> list[str]:
    """Return the groups of the model registry that the steps of a definition put versions into."""
    found = []
    for step in definition["Steps"]:
        arguments = step["Arguments"]
        inner = [*arguments.get("IfSteps", ()), *arguments.get("ElseSteps", ())] or [step]
        found += [one["Arguments"]["ModelPackageGroupName"] for one in inner if one["Type"] == "RegisterModel"]
    return found
