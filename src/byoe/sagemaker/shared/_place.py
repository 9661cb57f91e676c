"""A place that jobs run at and endpoints answer from: this machine, or a cloud."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...errors import ParameterError, did_you_mean
from ._handles import EndpointHandle, JobHandle, ModelsHandle, PipelineHandle, TransformHandle, TuningHandle
from ._search import Search
from ._steps import Steps


@dataclass(frozen=True)
class Where:
    """Where something is to run, and by what, as the user said; `fit`, `deploy` and `transform` tell what it means."""

    instance_type: str | None = None
    instance_count: int | tuple[int, int] | None = 1
    role: str | None = None
    image: str | None = None
    spot: bool = False
    vendor: bool = False
    session: Any = None
    output: str | Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    runtime: str | None = None


@dataclass(frozen=True)
class JobFiles:
    """What a job starts from.

    Attributes
    ----------
    name : str
    folder : Path
        The job's own, which holds the source folder and tables that were written for it.
    source : Path
    channels : mapping of str to Path, or what the place has for data at an address
        Files and folders, or data that are there already.
    hyperparameters : mapping
        JSON values.
    """

    name: str
    folder: Path
    source: Path
    channels: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True)
class Hosting:
    """How an endpoint is hosted, beside where; the arguments are those of `deploy`, and None was not given."""

    memory_mb: int | None
    max_concurrency: int | None
    provisioned_concurrency: int | None
    requests_per_instance: float | None
    asynchronous: bool
    rollout: Mapping[str, Any] = field(default_factory=dict)
    capture: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    shadow: Any = None
    watch: bool | None = None

    @property
    def several(self) -> bool:
        """Whether there are variants, or a shadow."""
        return bool(self.variants) or self.shadow is not None

    def serverless(self) -> dict[str, Any]:
        """Return the sizes of a serverless endpoint that were given."""
        names = ("memory_mb", "max_concurrency", "provisioned_concurrency")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Batch:
    """Rows to predict without an endpoint; the arguments are those of `transform`."""

    data: Any
    header: bool | None
    reading: Mapping[str, Any] | None
    content_type: str | None
    accept: str
    data_capture: bool | str = False


class Place(ABC):
    """A place that jobs run at and endpoints answer from; another cloud is another subclass.

    Attributes
    ----------
    where : Where
    """

    def __init__(self, where: Where) -> None:
        self.where = where

    @property
    def needs(self) -> dict[str, bool]:
        """What a source folder depends on: ``several`` hosts, ``vendor`` and ``gpu``."""
        return {}

    @abstractmethod
    def check(self, **more: Any) -> None:
        """Raise a ParameterError for what means nothing at this place; ``more`` may be false everywhere."""

    @abstractmethod
    def at_address(self, data: Any, channel: str) -> Any:
        """Return data that are at an address already in the form of this place, and None for all others.

        Raises
        ------
        ParameterError
            For an address that its jobs do not read.
        """

    @abstractmethod
    def check_search(self, search: Search) -> None:
        """Raise an error for a search that cannot be made at this place."""

    @abstractmethod
    def folder(self, kind: str, name: str) -> AbstractContextManager[Path]:
        """Give a job of a kind a folder to be written to and launched from; nothing is left of one that cannot start.

        Raises
        ------
        ParameterError
            When the name is taken.
        """

    @abstractmethod
    def launch(self, files: JobFiles) -> JobHandle:
        """Start a job."""

    @abstractmethod
    def launch_tuning(self, files: JobFiles, search: Search) -> TuningHandle:
        """Start a tuning job."""

    @abstractmethod
    def pipeline(self, files: JobFiles, steps: Steps, search: Search | None) -> PipelineHandle:
        """Make a pipeline, of a tuning job where there is a search; nothing is run."""

    @abstractmethod
    def together(self, jobs: Mapping[str, Any]) -> ModelsHandle:
        """Wait for jobs or tuning jobs of this place, and pack what they have made into one artifact."""

    @abstractmethod
    def serve(self, job: Any, hosting: Hosting) -> EndpointHandle:
        """Wait for a job or tuning job of this place, and serve what it has made."""

    @abstractmethod
    def transform(self, job: Any, batch: Batch) -> TransformHandle:
        """Wait for a job or tuning job of this place, and start to predict by what it has made."""


def taken(kind: str, name: str, where: str) -> ParameterError:
    """Return the error of a job whose name another one has."""
    return ParameterError(
        f"there is a {kind} {name!r} already {where}; give another name, or '{name}-' as a prefix, behind which the "
        "time is written"
    )


def check_options(
    options: Mapping[str, Any], known: Sequence[str], what: str, *, instead: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Raise a ParameterError for an option that nobody knows; ``instead`` says what to do without some."""
    for name in options:
        if name not in known and name in instead:
            raise ParameterError(f"{what} has no option {name!r}: {instead[name]}")
        if name not in known:
            raise ParameterError(f"{what} has no option {name!r}. {did_you_mean(name, known)}")
