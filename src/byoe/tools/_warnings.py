"""Warnings that show the user's line, and filters for a while."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._forks import speaks_for_main

_BYOE = f"{Path(__file__).parents[1]}{os.sep}"


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and show the line outside byoe that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BYOE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


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
