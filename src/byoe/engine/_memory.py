"""How much memory is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

# What stays free, for what is not counted: other processes.
_SHARE = 0.95


def free_memory(limit: int | None) -> float | None:
    """Return how many bytes a fit may still take; None where the system does not tell.

    ``limit`` is the most that the process may have.
    """
    known = [_unused(), _unused_in_group()]
    if limit is not None and (used := _used()) is not None:
        known.append(limit - used)
    found = [size for size in known if size is not None]
    return _SHARE * min(found) if found else None


def fewer_at_once(needs: Sequence[float], held: float, free: float | None, most: int) -> tuple[int, float]:
    """Return how many tasks may run at once, and the bytes that these are expected to take.

    Parameters
    ----------
    needs : sequence of float
        Bytes of each task.
    held : float
        Bytes that are taken all the time.
    free : float or None
    most : int
    """
    largest = sorted(needs, reverse=True)
    count = max(1, min(most, len(largest)))
    while free is not None and count > 1 and held + sum(largest[:count]) > free:
        count -= 1
    return count, held + sum(largest[:count])


def _used() -> float | None:
    return _status("VmRSS", "/proc/self/status")


def _unused() -> float | None:
    return _status("MemAvailable", "/proc/meminfo")


def _status(name: str, file: str) -> float | None:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", Path(file).read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else 1024.0 * int(found[1])


def _unused_in_group(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return what a control group leaves, without the files that are only cached."""
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit = (root / most).read_text().strip()
            taken = int((root / used).read_text())
            stat = (root / Path(most).parent / "memory.stat").read_text()
        except (OSError, ValueError):
            continue
        cached = re.search(r"^(?:total_)?inactive_file (\d+)", stat, re.MULTILINE)
        return None if limit == "max" else float(int(limit) - taken + (int(cached[1]) if cached else 0))
    return None
