"""A fitted ensemble written as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle._writer import BundleContents, write
from ..errors import BundleError
from ._spec import to_spec

if TYPE_CHECKING:
    from ._base import BaseEnsemble


def save(ensemble: BaseEnsemble, path: str | Path, *, oof: bool = True, trusted: Sequence[str] | None = ()) -> Path:
    """Write a fitted ensemble; with ``trusted=None`` any type is written."""
    if oof and ensemble._out_of_fold is None:
        raise BundleError("the ensemble was loaded from a bundle without out-of-fold data; save it with oof=False")
    contents = BundleContents(
        ensemble,
        to_spec(ensemble, lenient=True),
        ensemble._record,
        ensemble.score_estimate_,
        ensemble.leaderboard_,
        ensemble._out_of_fold if oof else None,
    )
    return write(contents, path, trusted=trusted)
