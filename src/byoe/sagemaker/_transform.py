"""`transform`: many rows predicted by a job, without an endpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from ..serving._media import ANSWER_TYPES, CONTENT_TYPES
from .aws._job import Job
from .aws._launch import SERVING_OPTIONS, check_options, launch_transform
from .aws._transform import PIECE_MB, Transform
from .aws._tuning import Tuning
from .local._job import LocalJob
from .local._tuning import LocalTuning
from .shared._limits import check_count
from .shared._names import new_name
from .shared._payload import ACCEPT, payloads

_SUFFIX = {"application/json": "json", "application/x-npy": "npy"}
_PIECE = PIECE_MB * 1024 * 1024 - 1024  # bytes


def transform(
    job: Job | Tuning | LocalJob | LocalTuning,
    data: Any,
    *,
    instance_type: str | None = None,
    instance_count: int = 1,
    header: bool | None = None,
    content_type: str | None = None,
    accept: str = ACCEPT,
    output: str | None = None,
    wait: bool = True,
    **options: Any,
) -> Transform:
    """Predict many rows on AWS by a batch transform job, which has no endpoint and ends with the last row.

    Parameters
    ----------
    job : Job or Tuning
        Of a tuning job the best one predicts. One of this machine is refused.
    data : frame or array-like of shape (n_rows, n_features), file, folder, or ``s3://`` address
        What is here is uploaded in pieces, with the names of its columns. Each file at an address
        is one request: at most 100 MB, and of CSV each with its own header or none.
    instance_type : str, default=None
        None takes that of the job.
    instance_count : int, default=1
        The files are shared out among so many instances.
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks. Not for addresses.
    content_type : str, default=None
        Of the files at an address: ``"text/csv"``, which None stands for, ``"application/json"``,
        ``"application/jsonlines"``, ``"application/x-npy"``, ``"application/x-parquet"`` or
        ``"application/vnd.apache.arrow.stream"``. Options may follow a semicolon, such as
        ``"text/csv; outputs=interval"``.
    accept : {"application/x-npy", "text/csv", "application/json", "application/jsonlines"}, default="application/x-npy"
        Of the predictions. The handle's ``predictions()`` reads the default.
    output : str, default=None
        An ``s3://`` prefix, ``byoe`` in SageMaker's usual bucket unless it is given; the predictions
        are put in ``transform/<name>`` under it.
    wait : bool, default=True
        Wait for the end, and raise when the job fails. Otherwise the handle's ``wait()`` does, and
        removes the model that the job needs.
    **options
        As in `fit`: ``subnets``, ``security_groups``, ``output_key``, ``volume_key``, ``isolated``,
        ``environment``, ``tags``.

    Returns
    -------
    Transform

    Raises
    ------
    ParameterError, InputError
        Before anything is uploaded.
    JobError
        When the job or the transform job fails.
    """
    if isinstance(job, (LocalJob, LocalTuning)):
        raise ParameterError(
            "batch transform is for jobs on AWS, and this one ran on this machine; "
            "job.ensemble().predict(data) predicts as many rows"
        )
    check_options(options, local=False, output=output, known=(*SERVING_OPTIONS, "output_key"))
    there = isinstance(data, str) and data.startswith("s3://")
    if content_type is not None and not there:
        raise ParameterError("content_type is for files at an s3:// address; what is here is sent as byoe sends it")
    if header is not None and there:
        raise ParameterError("header is for files of this machine; the container looks at each file at an address")
    for name, given, known in (
        ("content_type", content_type or CONTENT_TYPES[0], CONTENT_TYPES),
        ("accept", accept, ANSWER_TYPES),
    ):
        if given.partition(";")[0].strip() not in known:
            raise ParameterError(f"{name} is {given!r}, expected one of {', '.join(map(repr, known))}")
    check_count("instance_count", instance_count)
    with tempfile.TemporaryDirectory() as folder:
        rows: Path | str
        if there:
            rows, kind = data, content_type or CONTENT_TYPES[0]
        else:
            rows = Path(folder)
            kind = _write(data, rows, header)
        chosen = job.wait().best_job if isinstance(job, Tuning) else job
        chosen.wait()
        started = launch_transform(
            chosen,
            new_name(),
            rows,
            instance_type=instance_type,
            count=instance_count,
            content_type=kind,
            accept=accept,
            output=output,
            options=options,
        )
    return started.wait() if wait else started


def _write(data: Any, folder: Path, header: bool | None) -> str:
    """Write rows as files that are a request each, in the order of their names; return their content type."""
    bodies = payloads(data, _PIECE, header=header)
    kind = bodies[0][1]
    digits = len(str(len(bodies)))
    for number, (body, _) in enumerate(bodies):
        (folder / f"rows-{number:0{digits}}.{_SUFFIX[kind]}").write_bytes(body)
    return kind
