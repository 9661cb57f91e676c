"""Which data sets may choose something and which may judge it, written down in division.json."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("division.json")
HALVES = ("choosing", "judging")
# Sets that choose beside the half, and were never to be divided.
BESIDE = "categories"
# Rows below which a set is small, and medium.
SIZES = (1500, 10_000)
SEED = 21

Sizes = dict[str, dict[str, int]]
Division = dict[str, Sizes]


def read() -> Division:
    """Return the written division: of each half, and beside them, the sets with their rows, columns and classes."""
    found: Division = json.loads(FILE.read_text())
    return found


def write(division: Division) -> None:
    """Write a division, a line for each set."""
    halves = []
    for half, sets in division.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(sizes)}" for name, sizes in sets.items()]
        halves.append(f"  {json.dumps(half)}: {{\n" + ",\n".join(lines) + "\n  }")
    FILE.write_text("{\n" + ",\n".join(halves) + "\n}\n")


def divide(sizes: Sizes, used: set[str], before: Division) -> Division:
    """Divide data sets by a seeded rule, and leave those that are divided already in their half.

    Sets that something was chosen by go to the choosing half. Of the others of the same task and size, in an order
    drawn at random, each goes to the half that has fewer of them. The first sets of a half are balanced too: tasks
    and sizes take turns.
    """
    half_of = {name: half for half, sets in before.items() for name in sets if name in sizes}
    half_of |= dict.fromkeys(used - set(half_of), "choosing")
    order = sorted(sizes)
    random.Random(SEED).shuffle(order)  # noqa: S311 (no secret)
    for name in order:
        if name not in half_of:
            half_of[name] = _half_with_fewer(stratum(sizes[name]), half_of, sizes)
    return {half: _in_turns([name for name in order if half_of[name] == half], sizes) for half in HALVES}


def stratum(size: dict[str, int]) -> tuple[str, int]:
    """Return the task and the size of a set."""
    task = "regression" if not size["classes"] else "binary" if size["classes"] == 2 else "multiclass"
    return task, sum(size["rows"] >= limit for limit in SIZES)


def _half_with_fewer(kind: tuple[str, int], half_of: dict[str, str], sizes: Sizes) -> str:
    alike = Counter(half for name, half in half_of.items() if stratum(sizes[name]) == kind)
    of_task = Counter(half for name, half in half_of.items() if stratum(sizes[name])[0] == kind[0])
    return min(reversed(HALVES), key=lambda half: (alike[half], of_task[half]))


def _in_turns(names: list[str], sizes: Sizes) -> Sizes:
    """Spread the sets of each task and size evenly over the order."""
    count = Counter(stratum(sizes[name]) for name in names)
    seen: Counter[Any] = Counter()
    place = {}
    for name in names:
        kind = stratum(sizes[name])
        place[name] = ((seen[kind] + 0.5) / count[kind], kind)
        seen[kind] += 1
    return {name: sizes[name] for name in sorted(names, key=lambda name: place[name])}
