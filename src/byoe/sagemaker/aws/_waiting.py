"""Waiting for what the service does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")

JOB_ENDED = frozenset({"Completed", "Failed", "Stopped"})
SECONDS = 10.0  # between two questions


def until(ask: Callable[[], _Answer], ended: Callable[[_Answer], object]) -> _Answer:
    """Ask again and again, until an answer is the end; return that."""
    while not ended(answer := ask()):
        time.sleep(SECONDS)
    return answer
