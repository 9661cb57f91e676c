"""How many rounds, and how fast: what the boosters share when they stop early."""

from __future__ import annotations

from typing import Any

from ..contracts._learner import StopRows
from ..contracts._task import Task

LEARNING_RATE = 0.05
MOST_ROUNDS = 10_000
_FEWEST_ROWS_EACH = 100
_USUALLY_ENOUGH = 500


def enough_rows(levels: int, n_rows: int) -> bool:
    """Return whether there are 100 rows for each category, so that trees can split on sets of categories."""
    return n_rows >= _FEWEST_ROWS_EACH * levels


def take_rounds(
    given: dict[str, Any], rounds_name: str, rate_name: str, stop: StopRows | None, rounds: int | None, usual: int
) -> int:
    """Take the number of rounds out of the given parameters.

    Where early stopping finds that number, the cap is high and the learning rate low, unless
    the user gave them.
    """
    wanted = given.pop(rounds_name, None)
    if stop is None and rounds is None:
        return int(usual if wanted is None else wanted)
    given.setdefault(rate_name, LEARNING_RATE)
    if rounds is not None:
        return rounds
    return int(MOST_ROUNDS if wanted is None else wanted)


def guess_seconds(cell: float, rounds: Any, n_rows: int, n_columns: int, task: Task, *, stopping: bool) -> float:
    """Guess the seconds of a fit with one thread, from those that a round takes for a cell of the table."""
    number = _USUALLY_ENOUGH if stopping or not isinstance(rounds, int) else rounds
    trees = number * (task.n_classes if task.n_classes > 2 else 1)
    return trees * (5e-4 + cell * n_rows * n_columns)
