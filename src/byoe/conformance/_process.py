"""What code does to its process beside what it returns: text, threads, pickles."""

from __future__ import annotations

import ctypes
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


class WorkingThreads:
    """How many threads of this process work until the end; a context manager.

    The time that each thread has had a core is told by the kernel (Linux), so that neither
    other processes nor threads that wait count.

    Attributes
    ----------
    count : int
        Threads that did at least a tenth of the work.
    processes : int
        Child processes that did so.
    """

    count = 0
    processes = 0

    @staticmethod
    def can_be_told() -> bool:
        """Return whether this system tells of threads."""
        return any(_times().values())

    def __enter__(self) -> WorkingThreads:
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
        own = self._watcher.native_id
        worked = {task: spent - self._before.get(task, 0) for task, spent in self._last.items() if task != own}
        least = max(_LEAST, _SHARE * sum(worked.values()))
        self.count = sum(spent > least for task, spent in worked.items() if task > 0)
        self.processes = sum(spent > least for task, spent in worked.items() if task < 0)

    def _watch(self) -> None:
        while not self._end.wait(_EVERY):
            self._note()

    def _note(self) -> None:
        for task, spent in _times().items():
            self._last[task] = max(spent, self._last.get(task, 0))


def _times() -> dict[int, int]:
    """Return the nanoseconds that each thread of this process, and each child process, has had a core.

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


def _spent(file: Path) -> int:
    try:
        return int(file.read_text().split()[0])
    except (OSError, IndexError):  # it has just ended
        return 0


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
