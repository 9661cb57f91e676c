"""`transform`: many rows predicted by a job, without an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..fitted._graph import check_runtime
from ._attach import handle_of
from ._places import place_of
from .aws._execution import Execution
from .aws._job import Job
from .aws._package import Package, PackageGroup
from .aws._transform import Transform
from .aws._tuning import Tuning
from .local._job import LocalJob
from .local._tuning import LocalTuning
from .shared._payload import ACCEPT
from .shared._place import Batch, Where


def transform(
    job: Job | Tuning | Execution | Package | PackageGroup | LocalJob | LocalTuning | str,
    data: Any,
    *,
    instance_type: str | None = None,
    instance_count: int = 1,
    header: bool | None = None,
    reading: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    accept: str = ACCEPT,
    runtime: str | None = None,
    role: str | None = None,
    output: str | None = None,
    name: str | None = None,
    data_capture: bool | str = False,
    wait: bool = True,
    **options: Any,
) -> Transform:
    """Predict many rows on AWS by a batch transform job, which has no endpoint and ends with the last row.

    Parameters
    ----------
    job : Job, Tuning, Execution, Package, PackageGroup or str
        Of a tuning job the best one predicts, of a group its newest approved version, of a pipeline's execution what it
        has registered; a text is as for `deploy`. A job of this machine is refused.
    data : frame or array-like of shape (n_rows, n_features), file, folder, or ``s3://`` address
        What is here is uploaded in pieces, with the names of its columns. Each file at an address
        is one request: at most 100 MB, and of CSV each with its own header or none.
    instance_type : str, default=None
        None takes that of the job.
    instance_count : int, default=1
        The files are shared out among so many instances.
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks. Not for addresses.
    reading : mapping, default=None
        How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.
        Not for addresses.
    content_type : str, default=None
        Of the files at an address: ``"text/csv"``, which None stands for, ``"application/json"``,
        ``"application/jsonlines"``, ``"application/x-npy"``, ``"application/x-parquet"`` or
        ``"application/vnd.apache.arrow.stream"``. Options may follow a semicolon, such as
        ``"text/csv; outputs=interval"``.
    accept : {"application/x-npy", "text/csv", "application/json", "application/jsonlines"}, default="application/x-npy"
        Of the predictions. The handle's ``predictions()`` reads the default.
    runtime : {"libraries", "onnx", "auto"}, default=None
        What predicts, as for `deploy`. None stands for ``"libraries"``.
    role : str, default=None
        Name or ARN of the role that the transform job takes on. None takes that of the job.
    output : str, default=None
        An ``s3://`` prefix, ``byoe`` in SageMaker's usual bucket unless it is given; the predictions
        are put in ``transform/<name>`` under it.
    name : str, default=None
        Of the transform job, which no other one may have; one that ends with ``-`` is a prefix, as for `fit`.
    data_capture : bool or str, default=False
        Whether the service keeps lists of what was read and written, as its monitors want them: in
        ``captured/<name>`` under ``output``, or at an ``s3://`` prefix.
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
    check_runtime(runtime or "libraries")
    where = Where(instance_type, instance_count, role, output=output, options=options, name=name, runtime=runtime)
    handle: Any = handle_of(job)  # which is of its own place, as no type can say
    started = place_of(handle, where).transform(
        handle, Batch(data, header, reading, content_type, accept, data_capture)
    )
    return started.wait() if wait else started
