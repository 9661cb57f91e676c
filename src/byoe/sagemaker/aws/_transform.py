"""A batch transform job on AWS: many rows predicted without an endpoint."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import JobError, ParameterError
from ...serving._media import ANSWER_TYPES, CONTENT_TYPES
from ..shared._failures import need_completed
from ..shared._payload import ACCEPT, payloads, read_answer
from ..shared._place import Batch
from ._cloud import Cloud
from ._faults import NotFoundError, with_cure
from ._machine import Machine
from ._requests import model_request, transform_request
from ._waiting import JOB_ENDED, until

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
# Megabytes of a file: of one that byoe has made, and the most that the service takes.
_PIECE_MB, _MOST_MB = 6, 100
_PIECE = _PIECE_MB * 1024 * 1024 - 1024  # bytes
_SUFFIX = {"application/json": "json", "application/x-npy": "npy"}


class Transform:
    """A batch transform job on AWS.

    Parameters
    ----------
    name : str
    cloud : Cloud, default=None
        By default what the environment and ``~/.aws`` say.

    Attributes
    ----------
    name : str
    """

    kind: ClassVar[str] = "transform job"

    def __init__(self, name: str, cloud: Cloud | None = None) -> None:
        self.name = name
        self._cloud = cloud or Cloud()

    def __repr__(self) -> str:
        return f"Transform({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the job."""
        return self._cloud.call("sagemaker", "describe_transform_job", TransformJobName=self.name)

    @property
    def resource(self) -> Any:
        """The SDK's ``TransformJob``, with what the service says of the transform job now."""
        return self._cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word: InProgress, Completed, Failed, Stopping or Stopped."""
        return str(self.describe()["TransformJobStatus"])

    @property
    def output(self) -> str:
        """Address of the predictions: a file for each file of rows, with ``.out`` behind its name."""
        return str(self.describe()["TransformOutput"]["S3OutputPath"]).rstrip("/") + "/"

    @property
    def log(self) -> str:
        """What its containers have printed."""
        return self._cloud.log(_LOG_GROUP, f"{self.name}/")

    def wait(self) -> Transform:
        """Wait until the job ends, and remove its model. An interrupt ends the waiting, not the job.

        Raises
        ------
        JobError
            When it has failed or was stopped; with the reason and the end of its log.
        """
        until(lambda: self.status, JOB_ENDED.__contains__)
        with suppress(NotFoundError):
            self._cloud.call("sagemaker", "delete_model", ModelName=self.describe()["ModelName"])
        need_completed(self, with_cure(self.describe().get("FailureReason", "")))
        return self

    def stop(self) -> None:
        """Ask the service to stop the job. Does nothing when it has ended."""
        if self.status not in JOB_ENDED:
            self._cloud.call("sagemaker", "stop_transform_job", TransformJobName=self.name)

    def predictions(self) -> NDArray[Any]:
        """Wait, and download the predictions.

        Returns
        -------
        array of shape (n_rows,)
            In the order of the rows; those of several files in the order of the files' names.

        Raises
        ------
        JobError
            When the job has failed, or there are no predictions for some of the files.
        ParameterError
            When predictions in another format were asked for.
        """
        self.wait()
        described = self.describe()
        accept = described["TransformOutput"].get("Accept")
        if accept != ACCEPT:
            raise ParameterError(f"the predictions were asked for as {accept}; read them at {self.output}")
        rows = described["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        there = self._cloud.keys(self.output)
        found = []
        for file in self._cloud.keys(rows):
            # The platform repeats a file's path below the address that the rows are at.
            name = f"{file or rows.rpartition('/')[2]}.out".lstrip("/")
            if name not in there:
                raise JobError(f"transform job {self.name} has left no predictions for {rows}{file} at {self.output}")
            found.append(read_answer(self._cloud.get(self.output + name)))
        return np.concatenate(found)


def is_address(data: Any) -> bool:
    """Return whether rows are files that are in S3 already."""
    return isinstance(data, str) and data.startswith("s3://")


def check_batch(batch: Batch) -> None:
    """Raise a ParameterError for rows or predictions in a form that no transform job takes."""
    there = is_address(batch.data)
    if batch.content_type is not None and not there:
        raise ParameterError("content_type is for files at an s3:// address; what is here is sent as byoe sends it")
    if (batch.header is not None or batch.reading) and there:
        name = "reading" if batch.header is None else "header"
        raise ParameterError(f"{name} is for files of this machine; the container looks at each file at an address")
    for name, value, known in (
        ("content_type", batch.content_type or CONTENT_TYPES[0], CONTENT_TYPES),
        ("accept", batch.accept, ANSWER_TYPES),
    ):
        if value.partition(";")[0].strip() not in known:
            raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, known))}")


def write_rows(batch: Batch, folder: Path) -> tuple[Path | str, str]:
    """Return where rows are and their content type: an address, or a folder that they are written into.

    The files are a request each, in the order of their names.
    """
    if is_address(batch.data):
        return batch.data, batch.content_type or CONTENT_TYPES[0]
    bodies = payloads(batch.data, _PIECE, header=batch.header, reading=batch.reading)
    content_type = bodies[0][1]
    digits = len(str(len(bodies)))
    for number, (body, _) in enumerate(bodies):
        (folder / f"rows-{number:0{digits}}.{_SUFFIX[content_type]}").write_bytes(body)
    return folder, content_type


def create_transform(
    name: str,
    cloud: Cloud,
    machine: Machine,
    origin: str,
    *,
    rows: str,
    content_type: str,
    accept: str,
    output: str,
    runtime: str = "libraries",
    whole_files: bool,
    part: str | None = None,
    captured: str | None = None,
) -> Transform:
    """Make a model and start a job that predicts files by it; no model is left of a job that cannot start.

    Parameters
    ----------
    name : str
    cloud : Cloud
    machine : Machine
    origin : str
        As for `model_request`.
    rows, output : str
        Addresses of the files and for the predictions.
    content_type, accept : str
        Of the files and of the predictions.
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        What predicts.
    whole_files : bool
        Whether the files are the user's, and as long as the service takes them.
    part : str, default=None
        Name of the model; None gives it that of the job.
    captured : str, default=None
        As for `transform_request`.
    """
    part = part or name
    request = transform_request(
        name,
        machine,
        part,
        rows=rows,
        content_type=content_type,
        accept=accept,
        output=output,
        payload_mb=_MOST_MB if whole_files else _PIECE_MB,
        captured=captured,
    )
    cloud.call("sagemaker", "create_model", **model_request(part, machine, origin, runtime=runtime))
    try:
        cloud.call("sagemaker", "create_transform_job", **request)
    except BaseException:
        with suppress(JobError):  # what has failed first is told
            cloud.call("sagemaker", "delete_model", ModelName=part)
        raise
    return Transform(name, cloud)
