"""What code does to its process beside what it returns: text, threads, pickles."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts._task import IntArray

_TASKS = Path("/proc/self/task")
_EVERY = 0.002
# Of the work of the thread that works most: what another must do to count.
_SHARE = 0.1
_NOTHING = np.zeros(2, dtype=np.int64)
# Threads at work while this one sleeps for so many seconds, below which nothing is; and how often that is looked at.
_IDLE, _ASLEEP, _LOOKS = 0.2, 0.02, 500


@contextmanager
def printed() -> Iterator[list[str]]:
    """Collect what is written to the standard output, by Python or by a native library, until the end."""
    found: list[str] = []
    _flush()
    kept = os.dup(1)
    text = StringIO()
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            with redirect_stdout(text):
                yield found
        finally:
            _flush()
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            found.append(text.getvalue() + file.read().decode(errors="replace"))


def _flush() -> None:
    """Write out what Python and the C library hold back."""
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            with suppress(ValueError, OSError):
                stream.flush()
    with suppress(OSError, AttributeError, TypeError):  # where there is no such library
        ctypes.CDLL(None).fflush(None)


class WorkAtOnce:
    """How many threads of this process, and of its children, work at once until the end; a context manager.

    The kernel (Linux) tells how long each thread has had a core or waited for one, so that a
    machine that others use too changes little, and threads that take turns are one. Those
    that look up now and then whether another is done do not count.

    Attributes
    ----------
    threads : float
        Threads that work or could work, on the mean over the time: 1 for one thread.
    """

    threads = 0.0

    @staticmethod
    def can_be_told() -> bool:
        """Return whether this system tells of threads."""
        return any(spent.any() for spent in _times().values())

    def __enter__(self) -> WorkAtOnce:
        # The clock starts before the counters are read, and stops after: one thread that waits for a core in
        # between, which a short fit on a busy machine does, would be more than one.
        self._started = time.perf_counter_ns()
        self._before = _times()
        self._last = dict(self._before)
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._note()
        self._end.set()
        self._watcher.join()
        passed = time.perf_counter_ns() - self._started
        spent = [now - self._before.get(task, _NOTHING) for task, now in self._last.items()]
        most = max((work for work, _ in spent), default=0)
        self.threads = sum(work + wait for work, wait in spent if work > _SHARE * most) / passed

    def _watch(self) -> None:
        while not self._end.wait(_EVERY):
            self._note()

    def _note(self) -> None:
        own = self._watcher.native_id
        for task, spent in _times().items():
            if task != own:
                self._last[task] = np.maximum(spent, self._last.get(task, _NOTHING))


def wait_until_idle() -> None:
    """Wait for threads that an earlier fit has left at work, but not for long."""
    for _ in range(_LOOKS):
        with WorkAtOnce() as seen:
            time.sleep(_ASLEEP)
        if seen.threads < _IDLE:
            break


def _times() -> dict[int, IntArray]:
    """Return the nanoseconds that each thread of this process, and each child, has had a core, and waited for one.

    A child goes by its negative number.
    """
    found = {thread: _spent(Path(f"/proc/self/task/{thread}/schedstat")) for thread in _threads()}
    return found | {-child: _spent(Path(f"/proc/{child}/schedstat")) for child in _children()}


def _threads() -> list[int]:
    return [int(task.name) for task in _TASKS.iterdir()] if _TASKS.is_dir() else []


def _children() -> set[int]:
    found: set[int] = set()
    for thread in _threads():
        with suppress(OSError):  # a thread that has just ended
            found |= set(map(int, (_TASKS / str(thread) / "children").read_text().split()))
    return found


def _spent(file: Path) -> IntArray:
    try:
        found = file.read_text().split()
    except OSError:
        found = []
    return np.array(found[:2], dtype=np.int64) if len(found) > 1 else _NOTHING  # it has just ended


_listening: list[set[str]] = []
_hooked = threading.Event()


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and _listening:
        for found in _listening:
            found.add(f"{arguments[0]}.{arguments[1]}")


@contextmanager
def unpickled() -> Iterator[set[str]]:
    """Collect the names of classes and functions that are read from pickles in this process, until the end."""
    if not _hooked.is_set():  # an audit hook stays for good
        sys.addaudithook(_heard)
        _hooked.set()
    found: set[str] = set()
    _listening.append(found)
    try:
        yield found
    finally:
        _listening[:] = [one for one in _listening if one is not found]  # others may be equal


def is_pickle(data: bytes) -> bool:
    """Return whether bytes look like a pickle of one of the protocols in use: how it begins and how it ends."""
    return len(data) > 2 and data[0] == 0x80 and 2 <= data[1] <= 5 and data.endswith(b".")
