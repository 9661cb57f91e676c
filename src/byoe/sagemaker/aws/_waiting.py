"""Waiting for what the service does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ._faults import NotNowError

_Answer = TypeVar("_Answer")

CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})  # what an endpoint does
JOB_ENDED = frozenset({"Completed", "Failed", "Stopped"})
SECONDS = 10.0  # between two questions
_MISSED = 30  # questions in a row that may be left without an answer


def until(ask: Callable[[], _Answer], ended: Callable[[_Answer], object]) -> _Answer:
    """Ask again and again, until an answer is the end; return that. A while without answers does not end it."""
    missed = 0
    while True:
        try:
            answer = ask()
        except NotNowError:
            missed += 1
            if missed > _MISSED:
                raise
        else:
            missed = 0
            if ended(answer):
                return answer
        time.sleep(SECONDS)
