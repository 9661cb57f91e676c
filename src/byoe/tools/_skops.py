"""Estimators in skops files, which are read if their types are trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import BundleError
from ._trust import advice, untrusted

SKOPS = "model.skops"


_REQUESTS = "_metadata_request"


def dump_skops(estimator: Any) -> bytes:
    """Return a fitted estimator as a skops file; requests of metadata, which it cannot hold, are left out."""
    from skops import io

    requests = [(state, state.pop(_REQUESTS)) for state in list(_states(estimator, set())) if _REQUESTS in state]
    try:
        return bytes(io.dumps(estimator))
    finally:
        for state, request in requests:
            state[_REQUESTS] = request


def _states(value: Any, seen: set[int]) -> Iterator[dict[str, Any]]:
    """Yield the attributes of each estimator that a value holds."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        inside: Any = value.values()
    elif isinstance(value, (list, tuple)) or (hasattr(value, "dtype") and value.dtype == object and value.ndim):
        inside = value
    elif hasattr(value, "get_params") and not isinstance(value, type) and hasattr(value, "__dict__"):
        yield vars(value)
        inside = list(vars(value).values())
    else:
        return
    for each in inside:
        yield from _states(each, seen)


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
