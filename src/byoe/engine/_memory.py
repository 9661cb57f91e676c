"""How much memory is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import psutil

# What stays free, for what is not counted: other processes.
_SHARE = 0.95


def free_memory(limit: int | None) -> float:
    """Return how many bytes a fit may still take; ``limit`` is the most that the process may have."""
    sizes = [_unused()]
    if (in_group := _unused_in_group()) is not None:
        sizes.append(in_group)
    if limit is not None:
        sizes.append(limit - _used())
    return _SHARE * min(sizes)


def fewer_at_once(needs: Sequence[float], held: float, free: float, most: int) -> tuple[int, float]:
    """Return how many tasks may run at once, and the bytes that these are expected to take.

    Parameters
    ----------
    needs : sequence of float
        Bytes of each task.
    held : float
        Bytes that are taken all the time.
    free : float
        Bytes.
    most : int
    """
    largest = sorted(needs, reverse=True)
    count = max(1, min(most, len(largest)))
    while count > 1 and held + sum(largest[:count]) > free:
        count -= 1
    return count, held + sum(largest[:count])


def _used() -> float:
    return float(psutil.Process().memory_info().rss)


def _unused() -> float:
    return float(psutil.virtual_memory().available)


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
