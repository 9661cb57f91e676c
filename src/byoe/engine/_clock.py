"""How long tasks take, and the time limit."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from numbers import Real
from typing import Any

from ..errors import ParameterError

# What stays free of the time, for what is not counted: the blend.
_SHARE = 0.95
# Seconds that a task takes on the smallest table.
_LEAST = 0.02


class Clock:
    """Expects how long tasks take, by a guess and by what has been measured since.

    Parameters
    ----------
    guesses : dict of label to float
        Seconds of a member's task, where nothing is known yet. Only their ratios matter once a
        task is finished.
    tasks : dict of label to int
        How many tasks each member has.
    at_once : int
        How many tasks run at the same time.
    time_limit : float or None
        Seconds from now, within which the tasks are to end.

    Attributes
    ----------
    at_once : int
    """

    def __init__(
        self, guesses: Mapping[str, float], tasks: Mapping[str, int], at_once: int, time_limit: float | None
    ) -> None:
        self._guesses = {label: max(_LEAST, guess) for label, guess in guesses.items()}
        self._left = Counter(tasks)
        self._waiting = Counter(tasks)
        self.at_once = at_once
        self._started = time.monotonic()
        self._limit = None if time_limit is None else _SHARE * time_limit
        self._measured: dict[str, list[float]] = {label: [] for label in guesses}
        self._hopeless: set[str] = set()
        self._complete = False
        self._running = 0
        self._lock = threading.Lock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def remaining(self) -> float | None:
        """Seconds until all tasks should be done; None before the first one is."""
        with self._lock:
            if not any(self._measured.values()):
                return None
            return sum(count * self._expected(label) for label, count in self._left.items()) / self.at_once

    def start(self, label: str) -> bool:
        """Return whether a task of a member may start: whether the member can be complete in time.

        The member that should be first goes on in any case, so that there is an ensemble.
        """
        with self._lock:
            if label in self._hopeless:
                return False
            rounds = math.ceil(self._waiting[label] / self.at_once)
            in_time = self._limit is None or self.elapsed + rounds * self._expected(label) <= self._limit
            if not in_time and not self._is_first(label):
                self._hopeless.add(label)
                return False
            self._waiting[label] -= 1
            self._running += 1
            return True

    def reuse(self, label: str) -> None:
        """Take note of a task that need not be done."""
        with self._lock:
            self._waiting[label] -= 1
            self._left[label] -= 1
            self._complete |= not self._left[label] and label not in self._hopeless

    def finish(self, label: str, seconds: float, *, failed: bool = False) -> None:
        """Take note of a task that is finished; of one that failed only that it is over."""
        with self._lock:
            self._left[label] -= 1
            self._running -= 1
            if failed and self._limit is not None:
                self._hopeless.add(label)
            else:
                self._measured[label].append(seconds)
            self._complete |= not self._left[label] and label not in self._hopeless

    def over(self) -> bool:
        """Return whether time is up while something is fitted, and there is a member to make do with."""
        late = self._limit is not None and self.elapsed > self._limit
        return late and self._complete and self._running > 0

    def _is_first(self, label: str) -> bool:
        possible = [other for other in self._guesses if other not in self._hopeless]
        return not self._complete and label == min(possible, key=lambda other: self._guesses[other])

    def _expected(self, label: str) -> float:
        own = self._measured[label]
        if own:
            return sum(own) / len(own)
        known = [(len(found) * self._guesses[other], sum(found)) for other, found in self._measured.items() if found]
        guessed, measured = (sum(column) for column in zip(*known, strict=True)) if known else (1.0, 1.0)
        return self._guesses[label] * measured / guessed


def read_time_limit(time_limit: Any) -> float | None:
    """Validate ``time_limit``."""
    if time_limit is None:
        return None
    if isinstance(time_limit, bool) or not isinstance(time_limit, Real) or not float(time_limit) > 0:
        raise ParameterError(f"time_limit is {time_limit!r}, expected a positive number of seconds, or None")
    return float(time_limit)
