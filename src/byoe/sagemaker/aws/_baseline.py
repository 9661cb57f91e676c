"""The baseline that a job has written, as files in S3, where the service's monitors and its registry look for it."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...scoring._baseline import CONSTRAINTS, STATISTICS, Baseline
from ..shared._failures import without_baseline
from ..shared._names import BASELINE
from ._cloud import Cloud
from ._faults import NotFoundError

_ARCHIVE = "output.tar.gz"


def put_baseline(cloud: Cloud, name: str, artifact: str) -> Baseline:
    """Put a job's baseline beside its artifact, and return the addresses; files that are there stay as they are.

    Parameters
    ----------
    cloud : Cloud
    name : str
        Of the job.
    artifact : str
        Address of its ``model.tar.gz``; the archive beside it holds what it has written.

    Raises
    ------
    NotFoundError
        When it has written none.
    """
    beside = artifact.rpartition("/")[0]
    files = [f"{BASELINE}/{file}" for file in (STATISTICS, CONSTRAINTS)]
    there = cloud.keys(f"{beside}/{BASELINE}/")
    missing = [file for file in files if file.removeprefix(f"{BASELINE}/") not in there]
    for file, content in _contents(cloud, name, f"{beside}/{_ARCHIVE}", missing).items():
        _put(cloud, f"{beside}/{file}", content)
    return Baseline(*(f"{beside}/{file}" for file in files))


def _contents(cloud: Cloud, name: str, archive: str, files: list[str]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    with suppress(NotFoundError):
        contents = cloud.packed(archive, *files) if files else {}
    if len(contents) < len(files):
        raise NotFoundError(without_baseline(name, archive))
    return contents


def _put(cloud: Cloud, address: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "baseline.json")
        file.write_bytes(content)
        cloud.put(file, address)


def data_quality(cloud: Cloud, name: str, artifact: str) -> dict[str, Any]:
    """Return the ``ModelDataQuality`` of a version in the registry; nothing for a job without a baseline."""
    try:
        made = put_baseline(cloud, name, artifact)
    except NotFoundError:
        return {}
    return {
        "ModelDataQuality": {
            part: {
                "ContentType": "application/json",
                "ContentDigest": f"sha256:{hashlib.sha256(cloud.get(str(address))).hexdigest()}",
                "S3Uri": address,
            }
            for part, address in zip(("Statistics", "Constraints"), made, strict=True)
        }
    }
