"""How CatBoost finds the values of leaves where its number of rounds is found, and in how many rounds at most."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from ..contracts._task import Task
from ._boosting import LEARNING_RATE, MOST_ROUNDS

STEPS = 5
# Leaves of other losses may be of a kind that takes one step alone.
_LOSSES = frozenset({"RMSE", "Logloss", "MultiClass"})
# Rounds times learning rate. The loss of several classes that hardly overlap falls for thousands of rounds, and each
# of them takes as long as there are classes.
_LONGEST = 50.0


def take_steps(given: dict[str, Any], task: Task) -> None:
    """Let leaves be found in five steps, unless something else is given.

    CatBoost takes one, or ten for two classes, and is less accurate: benchmarks/README.md.
    """
    usual = "MultiClass" if task.n_classes > 2 else "Logloss" if task.is_classification else "RMSE"
    if given.get("loss_function", usual) in _LOSSES and "leaf_estimation_method" not in given:
        given.setdefault("leaf_estimation_iterations", STEPS)


def in_time(rounds: int, learning_rate: Any, task: Task) -> int:
    """Return for how many rounds at most a search goes on; a number of one's own stays."""
    rate = float(learning_rate) if isinstance(learning_rate, Real) else 0.0  # the library takes texts, too
    ours = task.n_classes > 2 and rounds * rate >= MOST_ROUNDS * LEARNING_RATE
    return math.ceil(_LONGEST / rate) if ours else rounds
