"""A pipeline on AWS: a handle that has its definition, and starts executions."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from ...errors import JobError, ParameterError
from ..shared._steps import APPROVAL, INSTANCE_COUNT, INSTANCE_TYPE, check_parameters
from ._addresses import split
from ._channels import channel_at, check_channel
from ._cloud import Cloud
from ._execution import Execution
from ._faults import NotFoundError
from ._machine import has_gpu
from ._package import APPROVALS
from ._pipeline_definition import channels_of, groups_of, is_made, parameters_of
from ._register import make_group


class Pipeline:
    """A pipeline of SageMaker: it trains, checks and registers whenever it is started, without this machine.

    Attributes
    ----------
    name : str
    cloud : Cloud
    """

    kind: ClassVar[str] = "pipeline"
    place: ClassVar[str] = "aws"

    def __init__(self, name: str, cloud: Cloud, made: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.cloud = cloud
        self._made = made  # a request that the service has not had yet
        self._definition: dict[str, Any] | None = None if made is None else json.loads(made["PipelineDefinition"])

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the pipeline."""
        return self.cloud.call("sagemaker", "describe_pipeline", PipelineName=self.name)

    @property
    def resource(self) -> Any:
        """The SDK's ``Pipeline``, with what the service says of the pipeline now."""
        return self.cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word, Active or Deleting; Deleted where there is none of its name."""
        try:
            return str(self.describe()["PipelineStatus"])
        except NotFoundError:
            return "Deleted"

    @property
    def definition(self) -> dict[str, Any]:
        """Its steps and parameters, as the service's JSON schema of pipelines has them."""
        if self._definition is None:
            self._definition = json.loads(self.describe()["PipelineDefinition"])
        return self._definition

    def to_json(self) -> str:
        """Return the definition as a text, for review or for other tools."""
        return json.dumps(self.definition, indent=1)

    @property
    def parameters(self) -> dict[str, Any]:
        """What an execution can be given, with the defaults."""
        return parameters_of(self.definition)

    def upsert(self) -> Pipeline:
        """Let the service have the pipeline: a new one, or in the place of one of its name.

        The groups that it registers models in are made as well. Executions that run go on with what they have begun.

        Raises
        ------
        ParameterError
            When there is a pipeline of its name that byoe has not made.
        JobError
            When AWS refuses; of a new pipeline nothing is left then.
        """
        if self._made is None:
            return self
        request = {key: value for key, value in self._made.items() if key != "Tags"}
        there = None
        with suppress(NotFoundError):
            there = json.loads(self.describe()["PipelineDefinition"])
        if there is None:
            self.cloud.call("sagemaker", "create_pipeline", **self._made, ClientRequestToken=_token())
        elif is_made(there):
            self.cloud.call("sagemaker", "update_pipeline", **request)
        else:
            raise ParameterError(
                f"there is a pipeline {self.name!r} already, and byoe has not made it; give another name"
            )
        try:
            for group in groups_of(self.definition):  # which only its executions need
                make_group(self.cloud, group)
        except BaseException:
            if there is None:
                with suppress(JobError):  # what has failed first is told
                    self.delete()
            raise
        self._made = None
        return self

    def start(self, **parameters: Any) -> Execution:
        """Start an execution; what the service does not have yet, it is given first.

        Parameters
        ----------
        **parameters
            In the place of the defaults in ``parameters``, such as ``TrainData="s3://bucket/june/"``.

        Returns
        -------
        Execution

        Raises
        ------
        ParameterError
            For a parameter that there is not, or of another kind.
        JobError
            When there is no such pipeline any more, or AWS refuses.
        """
        given = self._checked(parameters)
        self.upsert()
        arn = self.cloud.call(
            "sagemaker",
            "start_pipeline_execution",
            PipelineName=self.name,
            PipelineParameters=[{"Name": name, "Value": str(value)} for name, value in given.items()],
            ClientRequestToken=_token(),
        )["PipelineExecutionArn"]
        return Execution(str(arn), self.cloud)

    def _checked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        given, known = check_parameters(parameters, self.parameters), self.parameters
        if lacking := [name for name, default in known.items() if default is None and name not in given]:
            raise ParameterError(
                f"pipeline {self.name} has no default for {', '.join(lacking)}; give start({lacking[0]}=…)"
            )
        for name, value in given.items():
            if name == APPROVAL and value not in APPROVALS.values():
                raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, APPROVALS.values()))}")
            if name == INSTANCE_TYPE:
                self.cloud.check_instance_type(value, "Training")
                if has_gpu(value) != has_gpu(known[name]):
                    raise ParameterError(
                        f"{name} is {value!r}, and the pipeline was made for {known[name]!r}: what a job installs "
                        "depends on whether there is a GPU; make the pipeline with that instance_type"
                    )
            if str(known[name]).startswith("s3://"):
                split(value)  # which refuses what is no address
        hosts = given.get(INSTANCE_COUNT, known.get(INSTANCE_COUNT, 1))
        for name, words in channels_of(self.definition):
            if name in given or INSTANCE_COUNT in given:
                channel = channel_at({**words, "S3Uri": given.get(name, known[name])}, name)
                assert channel is not None
                check_channel(self.cloud, name, channel, hosts=hosts)
        return given

    @property
    def executions(self) -> list[dict[str, Any]]:
        """One row for each execution, the newest first: ``status``, ``started``, ``failure`` and ``arn``."""
        pages = self.cloud.pages("sagemaker", "list_pipeline_executions", PipelineName=self.name)
        return [
            {
                "status": found["PipelineExecutionStatus"],
                "started": found["StartTime"],
                "failure": found.get("PipelineExecutionFailureReason", ""),
                "arn": found["PipelineExecutionArn"],
            }
            for page in pages
            for found in page["PipelineExecutionSummaries"]
        ]

    def delete(self) -> None:
        """Remove the pipeline; what it has trained and registered stays. Does nothing for one that is gone."""
        with suppress(NotFoundError):
            self.cloud.call("sagemaker", "delete_pipeline", PipelineName=self.name, ClientRequestToken=_token())


def _token() -> str:
    """Return what tells the service that a request which comes twice is one."""
    return secrets.token_hex(16)
