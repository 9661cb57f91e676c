"""What several jobs on AWS have made, in one artifact."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ...errors import ParameterError
from ...tools._digests import file_digest
from ..shared._together import merge
from ._cloud import Cloud
from ._upload import pack


class Models:
    """Ensembles of several jobs, for one endpoint on AWS.

    Attributes
    ----------
    name : str
    cloud : Cloud
    artifact, origin : str
        Address of the ``model.tar.gz`` that holds them.
    models : list of str
        The names that they are asked for by.
    has_graph : bool
        Whether each holds a graph.
    serving_image : str
        Of the jobs.
    """

    kind: ClassVar[str] = "set of models"
    place: ClassVar[str] = "aws"

    def __init__(self, name: str, artifact: str, jobs: Mapping[str, Any], *, has_graph: bool) -> None:
        first = next(iter(jobs.values()))
        self.name = name
        self.cloud: Cloud = first.cloud
        self.artifact = self.origin = artifact
        self.models = list(jobs)
        self.has_graph = has_graph
        self.serving_image: str = first.serving_image
        self._first = first

    def __repr__(self) -> str:
        return f"Models({self.name!r}, models={self.models!r})"

    # Asked for only where no other is given: of a version in the registry its job may not be known.

    @property
    def role(self) -> str:
        """ARN of the role of the first job."""
        return str(self._first.role)

    @property
    def instance_type(self) -> str:
        """The instance of the first job."""
        return str(self._first.instance_type)

    def completed(self) -> Models:
        """Return it: the jobs have ended before it was made."""
        return self


def pack_models(name: str, jobs: Mapping[str, Any], prefix: str) -> Models:
    """Bring what completed jobs have made to S3 as one artifact, under the digest of its content."""
    cloud: Cloud = next(iter(jobs.values())).cloud
    _check_alike("regions", {called: job.cloud.region for called, job in jobs.items()})
    _check_alike("container images", {called: job.serving_image for called, job in jobs.items()})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        unpacked = {called: cloud.unpack(job.artifact, place / "jobs" / called) for called, job in jobs.items()}
        has_graph = merge(unpacked, place / "together")
        packed = pack(place / "together", place / "model.tar.gz")
        address = f"{prefix}/together/{file_digest(packed)[:32]}/model.tar.gz"
        cloud.put(packed, address)
    return Models(name, address, jobs, has_graph=has_graph)


def _check_alike(what: str, told: Mapping[str, str]) -> None:
    if len(set(told.values())) > 1:
        listed = ", ".join(f"{name!r} {value}" for name, value in told.items())
        raise ParameterError(f"the models of an endpoint share one container, and these have several {what}: {listed}")
