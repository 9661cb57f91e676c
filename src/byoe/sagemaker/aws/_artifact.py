"""The ``model.tar.gz`` of a job: what it holds, and the ensemble in it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...bundle._manifest import MANIFEST
from ...errors import JobError
from ._cloud import Cloud


def read_artifact(cloud: Cloud, address: str) -> tuple[str, dict[str, Any]]:
    """Return the digest and the manifest of the bundle in an artifact, without the rest of it."""
    data = cloud.packed(address, MANIFEST).get(MANIFEST)
    if data is None:
        raise JobError(f"{address} holds no {MANIFEST}: byoe has not made it")
    manifest: dict[str, Any] = json.loads(data)
    return hashlib.sha256(data).hexdigest(), manifest


def load_artifact(cloud: Cloud, address: str, trusted: Sequence[str], sha256: str | None = None) -> Any:
    """Download an artifact and load the fitted ensemble; the arguments behind the address are those of `byoe.load`."""
    from ..._load import load

    with tempfile.TemporaryDirectory() as folder:
        ensemble = load(cloud.unpack(address, Path(folder)), trusted=trusted, sha256=sha256)
        for member in ensemble.members_.values():
            member.models[:]  # the folder will be gone when a member without weight is asked for
    return ensemble
