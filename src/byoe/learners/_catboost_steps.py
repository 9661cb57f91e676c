"""How CatBoost grows trees where its number of rounds is found, and in how many rounds at most."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from ..contracts._task import Task
from ._boosting import MOST_ROUNDS

STEPS = 5
# Up to so many levels a column has one bit for each; and of more than two classes.
BITS, BITS_OF_CLASSES = 6, 10
# Leaves of other losses may be of a kind that takes one step alone.
_LOSSES = frozenset({"RMSE", "Logloss", "MultiClass"})
# Rounds times learning rate. The loss of several classes that hardly overlap falls for thousands of rounds, and each
# of them takes as long as there are classes.
_LONGEST = 50.0
_HASTY = math.ceil(MOST_ROUNDS / 3)  # of a search in steps three times as large


def take_steps(given: dict[str, Any], task: Task) -> None:
    """Let leaves be found in five steps, unless something else is given.

    CatBoost takes one, or ten for two classes, and is less accurate: benchmarks/README.md.
    """
    usual = "MultiClass" if task.n_classes > 2 else "Logloss" if task.is_classification else "RMSE"
    if given.get("loss_function", usual) in _LOSSES and "leaf_estimation_method" not in given:
        given.setdefault("leaf_estimation_iterations", STEPS)


def take_bits(given: dict[str, Any], task: Task) -> None:
    """Let columns of few levels be split level by level, unless something else is given.

    CatBoost averages targets by level and by combinations of levels, which takes up to five times as long, ten times
    and more where there are several classes, and is no more accurate: benchmarks/README.md.
    """
    given.setdefault("one_hot_max_size", BITS_OF_CLASSES if task.n_classes > 2 else BITS)


def in_time(rounds: int, own: Any, learning_rate: Any, task: Task) -> int:
    """Return for how many rounds at most a search goes on; a number of one's own stays.

    Parameters
    ----------
    rounds : int
    own : int or None
        What was given, by the user or by a search in larger steps.
    """
    rate = float(learning_rate) if isinstance(learning_rate, Real) else 0.0  # the library takes texts, too
    free = task.n_classes > 2 and rate > 0 and own in (None, _HASTY)
    return min(rounds, math.ceil(_LONGEST / rate)) if free else rounds
