"""What the boosters have in common: what they take, how many rounds, and how fast."""

from __future__ import annotations

from typing import Any, ClassVar

from ..contracts._learner import Learner, StopRows
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


class Booster(Learner):
    """Gradient-boosted trees by a library's native interface.

    Attributes
    ----------
    usual_rounds : int
        The library's default.
    cell_seconds : float
        What a round takes for a cell of the table, with one thread.
    cell_bytes, row_bytes : float
        Memory for a cell of the table; and for a row and class.
    """

    finalize = "bag"
    weights = "approximate"  # bins count rows
    missing = categorical = sparse = stops = leaves_rows_alone = lean = True
    usual_rounds: ClassVar[int] = 100
    cell_seconds: ClassVar[float]
    cell_bytes: ClassVar[float]
    row_bytes: ClassVar[float] = 40.0

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        rounds = self.own_params().get(self.shared["n_rounds"], self.usual_rounds)
        return guess_seconds(self.cell_seconds, rounds, n_rows, n_columns, task, stopping=stopping)

    def memory(self, n_rows: int, n_columns: int, *, task: Task) -> float:
        return n_rows * (self.cell_bytes * n_columns + self.row_bytes * max(1, task.n_classes))

    def _chosen(self) -> dict[str, Any]:
        """Return the parameters that are set to something."""
        return {key: value for key, value in self.own_params().items() if value is not None}
