"""A fitted ensemble written as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..bundle._writer import write
from ..errors import BundleError
from ._spec import to_spec


def save(ensemble: Any, path: str | Path, *, oof: bool = True, trusted: Sequence[str] | None = ()) -> Path:
    """Write a fitted ensemble; with ``trusted=None`` any type is written."""
    if oof and not hasattr(ensemble, "_plan"):
        raise BundleError("the ensemble was loaded from a bundle without out-of-fold data; save it with oof=False")
    return write(ensemble, to_spec(ensemble, lenient=True), path, oof=oof, trusted=trusted)
