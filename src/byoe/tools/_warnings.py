"""Warnings that show the user's line, what was warned of for a while, and filters."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ._forks import speaks_for_main

_BYOE = f"{Path(__file__).parents[1]}{os.sep}"
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and show the line outside byoe that led here."""
    if (heard := _heard.get()) is not None and text not in heard:
        heard.append(text)
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BYOE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


@contextmanager
def hearing() -> Iterator[list[str]]:
    """Yield a list that takes what byoe warns of meanwhile, each text once; the warnings are given as ever."""
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


@contextmanager
def warnings_filtered(*rules: tuple[Any, ...]) -> Iterator[None]:
    """Apply rules, each as ``warnings.filterwarnings`` takes it: action, message, category.

    Filters belong to the whole process, and threads that save and restore them mix them up. So
    nothing is changed outside the main thread, as in an ensemble that is fitted as a member.
    """
    if not speaks_for_main():
        yield
        return
    with warnings.catch_warnings():
        for rule in rules:
            warnings.filterwarnings(*rule)
        yield
