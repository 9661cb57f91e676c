"""What code does to its process beside what it returns: text, threads, pickles."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

_TASKS = Path("/proc/self/task")
_EVERY = 0.002
# What a thread must do to count as working: of all the work, and in nanoseconds.
_SHARE, _LEAST = 0.1, 2_000_000


@contextmanager
def printed() -> Iterator[list[str]]:
    """Collect what is written to the standard output, by Python or by a native library, until the end."""
    found: list[str] = []
    sys.stdout.flush()
    kept = os.dup(1)
    text = StringIO()
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            with redirect_stdout(text):
                yield found
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            found.append(text.getvalue() + file.read().decode(errors="replace"))


class WorkingThreads:
    """How many threads of this process work until the end; a context manager.

    The time that each thread has had a core is told by the kernel (Linux), so that neither
    other processes nor threads that wait count.

    Attributes
    ----------
    count : int
        Threads that did at least a tenth of the work.
    processes : int
        Child processes that were seen.
    """

    count = 0
    processes = 0

    @staticmethod
    def can_be_told() -> bool:
        """Return whether this system tells of threads."""
        return _times() != {}

    def __enter__(self) -> WorkingThreads:
        self._before = _times()
        self._last = dict(self._before)
        self._children = _children()
        self._seen: set[int] = set()
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._last |= _times()
        self._end.set()
        self._watcher.join()
        own = self._watcher.native_id
        worked = [spent - self._before.get(thread, 0) for thread, spent in self._last.items() if thread != own]
        total = sum(worked)
        self.count = sum(spent > max(_LEAST, _SHARE * total) for spent in worked)
        self.processes = len(self._seen)

    def _watch(self) -> None:
        while not self._end.wait(_EVERY):
            self._last |= _times()
            self._seen |= _children() - self._children


def _times() -> dict[int, int]:
    """Return the nanoseconds that each thread of this process has had a core."""
    return {thread: int(text.split()[0]) for thread, text in _told_of_threads("schedstat") if text.strip()}


def _children() -> set[int]:
    return {int(child) for _, text in _told_of_threads("children") for child in text.split()}


def _told_of_threads(what: str) -> Iterator[tuple[int, str]]:
    if not _TASKS.is_dir():
        return
    for task in list(_TASKS.iterdir()):
        with suppress(OSError):  # a thread that has just ended
            yield int(task.name), (task / what).read_text()


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
        _listening.remove(found)
