"""Estimators in skops files, which are read if their types are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import BundleError
from ._trust import advice, untrusted

SKOPS = "model.skops"


def unknown_types(data: bytes, packages: frozenset[str], trusted: Sequence[str] | None) -> list[str]:
    """Return the types that a skops file holds and that are not trusted; with None, by skops itself."""
    from skops import io

    found = io.get_untrusted_types(data=data)
    return list(found) if trusted is None else untrusted(found, trusted, packages)


def load_skops(data: bytes, packages: frozenset[str], trusted: Sequence[str]) -> Any:
    """Read a skops file whose types byoe knows, or that come from known packages, or are named as trusted."""
    from skops import io

    if refused := unknown_types(data, packages, trusted):
        raise BundleError(f"the saved estimator holds types that byoe does not know: {advice(refused, 'load it')}")
    try:
        return io.loads(data, trusted=io.get_untrusted_types(data=data))
    except (ImportError, AttributeError) as error:
        raise BundleError(
            f"the saved estimator cannot be read here: {error}. Install what brings it, in the version that wrote it, "
            "or fit it again"
        ) from error
