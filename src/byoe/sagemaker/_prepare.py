"""The folder of a job: its source, and the data that are not there as files yet."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from .shared._tables import as_files
from .source._folder import write_source

_OUTPUT = "byoe-jobs"


def folder_of(output: str | Path | None, name: str) -> Path:
    """Return the folder of a job on this machine."""
    if str(output).startswith("s3://"):
        raise ParameterError(f"output is {output!r}; a local job writes to a folder of this machine, not to S3")
    return Path(output or _OUTPUT).resolve() / name


@contextlib.contextmanager
def removed_if_failing(base: Path) -> Iterator[None]:
    """Leave nothing of a job that cannot start."""
    try:
        yield
    except BaseException:
        shutil.rmtree(base, ignore_errors=True)
        raise


def write_job_folder(
    base: Path,
    ensemble: Any,
    variants: list[Any],
    channels: Mapping[str, Any],
    data: Mapping[str, Any],
    shipped: Mapping[str, Any],
) -> tuple[Path, dict[str, Any]]:
    """Write the source folder and the channels of a job."""
    source = write_source(ensemble, base / "source", data=data, variants=variants, **shipped)
    return source, {name: as_files(table, base / "data" / name) for name, table in channels.items()}
