"""Whether what runs here is the fit of a member: for an ensemble that is one, whose ensemble has told of the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_within: ContextVar[bool] = ContextVar("byoe_within_a_member", default=False)


@contextmanager
def within_a_member() -> Iterator[None]:
    """Let what runs in this context be known as the fit of a member."""
    before = _within.set(True)
    try:
        yield
    finally:
        _within.reset(before)


def is_within_a_member() -> bool:
    """Return whether this runs inside the fit of a member."""
    return _within.get()
