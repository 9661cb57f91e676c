"""Warning filters for a while."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def warnings_filtered(*rules: tuple[Any, ...]) -> Iterator[None]:
    """Apply rules, each as ``warnings.filterwarnings`` takes it: action, message, category.

    Filters belong to the whole process, and threads that save and restore them mix them up. So
    nothing is changed outside the main thread, as in an ensemble that is fitted as a member.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        for rule in rules:
            warnings.filterwarnings(*rule)
        yield
