"""The folder of a job: its source, and the data that are not there as files yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data._reading import Reading
from .shared._checks import Variant
from .shared._place import JobFiles
from .shared._tables import as_files, data_roles
from .source._folder import write_source


@dataclass(frozen=True)
class Asked:
    """What `fit`, `tune` and `pipeline` are asked alike, beside ensemble and tables; the attributes are as for `fit`.

    Attributes
    ----------
    how : Reading
        How files are read.
    logs_to : mapping or None
        Where the job logs to, checked.
    """

    target: str | int
    weight: str | int | None
    groups: str | int | None
    drop: Iterable[str | int]
    how: Reading
    dependencies: Iterable[str | Path]
    requirements: Iterable[str]
    hyperparameters: Mapping[str, Any] | None
    graph: bool
    logs_to: Mapping[str, Any] | None

    def roles(self, channels: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the columns of the channels are, checked."""
        return data_roles(
            channels, target=self.target, weight=self.weight, groups=self.groups, drop=self.drop, how=self.how
        )


@dataclass(frozen=True)
class Contents:
    """What a job is to do, checked.

    Attributes
    ----------
    base : Variant
        Of the ensemble as the user gave it.
    variants : sequence of Variant
        What hyperparameters may make of it.
    channels : mapping of str to frame, path or data at an address
    roles : mapping
        Of the columns.
    hyperparameters : mapping
    dependencies, requirements : iterable
        Of the user's own, as for `fit`.
    prune : float or None
        The tolerance with which members are left out after the fit.
    graph : bool
        Whether the graph is saved, too.
    fold_scores : mapping or None
        What the job prints before its end, as `write_source` takes it.
    tracking : mapping or None
        Where it logs to, as `write_source` takes it.
    """

    base: Variant
    variants: Sequence[Variant]
    channels: Mapping[str, Any]
    roles: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    dependencies: Iterable[str | Path]
    requirements: Iterable[str]
    prune: float | None = None
    graph: bool = False
    fold_scores: Mapping[str, Any] | None = None
    tracking: Mapping[str, Any] | None = None


def write_job_folder(contents: Contents, name: str, folder: Path, needs: Mapping[str, bool]) -> JobFiles:
    """Write the source folder and the channels of a job; ``needs`` is what its place makes of them."""
    source = write_source(
        contents.base,
        folder / "source",
        data=contents.roles,
        variants=contents.variants,
        dependencies=contents.dependencies,
        requirements=contents.requirements,
        prune=contents.prune,
        graph=contents.graph,
        fold_scores=contents.fold_scores,
        tracking=contents.tracking,
        **needs,
    )
    channels = {channel: as_files(table, folder / "data" / channel) for channel, table in contents.channels.items()}
    return JobFiles(name, folder, source, channels, contents.hyperparameters)
