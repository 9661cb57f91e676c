"""Wall time, processor time and peak memory of a block of code, with the processes that it starts. Linux only."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_EVERY = 0.05
# Looking for new processes takes longer than looking at known ones.
_LOOK_AROUND = 10
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Context manager that measures its block.

    Memory is the most that 20 looks a second found in all processes together above what there was at
    the start. What processes share counts once. Pages of files, which is the code of libraries, do not
    count: the kernel takes and gives them as it likes, so that its own high-water mark tells little.
    """

    def __enter__(self) -> Self:
        gc.collect()
        with suppress(AttributeError, OSError):  # what was freed goes back, or the block would seem to need less
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self._family = _Family()
        self._cpu_of_others: dict[int, float] = {}
        self._before = self._most = self._memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self._cpu, self._started = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds = time.perf_counter() - self._started
        self._own_cpu = time.process_time() - self._cpu
        self._over.set()
        self._thread.join()
        self._most = max(self._most, self._memory())

    def result(self) -> dict[str, Any]:
        """Return wall seconds, processor seconds, and bytes: the most above the start, and at the start."""
        return {
            "seconds": self._seconds,
            "cpu_seconds": self._own_cpu + sum(self._cpu_of_others.values()),
            "peak_bytes": self._most - self._before,
            "before_bytes": self._before,
        }

    def _look(self) -> None:
        turn = 0
        while not self._over.wait(_EVERY):
            if turn % _LOOK_AROUND == 0:
                self._family.look_around()
            turn += 1
            self._most = max(self._most, self._memory())

    def _memory(self) -> int:
        own = _status("self")
        total, shared = own["RssAnon"], own["RssShmem"]
        for process in self._family.members:
            with suppress(OSError, KeyError, IndexError):  # it may have ended
                memory = _status(process)
                total += memory["RssAnon"]
                shared = max(shared, memory["RssShmem"])
                fields = _fields(process)
                self._cpu_of_others[process] = (int(fields[11]) + int(fields[12])) / _TICKS
        return total + shared


class _Family:
    """The processes that this one and its own have started."""

    def __init__(self) -> None:
        self.members: list[int] = []
        self._seen = _processes()
        self._parents = {os.getpid()}

    def look_around(self) -> None:
        """Add new processes; a process's parent has a lower number, save where numbers start anew."""
        found = _processes()
        for process in sorted(found - self._seen):
            with suppress(OSError):
                if int(_fields(process)[1]) in self._parents:
                    self.members.append(process)
                    self._parents.add(process)
        self._seen |= found


def _processes() -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def _status(process: Any) -> dict[str, int]:
    """Return the lines of a process's status that count memory, in bytes."""
    lines = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def _fields(process: int) -> list[str]:
    """Return what a process's stat has after its name: the state, the parent, …, processor time at 11 and 12."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
