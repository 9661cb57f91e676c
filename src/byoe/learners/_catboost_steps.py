"""How CatBoost finds the values of leaves where its number of rounds is found."""

from __future__ import annotations

from typing import Any

from ..contracts._task import Task

_STEPS = 5
# Leaves of other losses may be of a kind that takes one step alone.
_LOSSES = frozenset({"RMSE", "Logloss", "MultiClass"})


def take_steps(given: dict[str, Any], task: Task) -> None:
    """Let leaves be found in five steps, unless something else is given.

    CatBoost takes one, or ten for two classes, and is less accurate: benchmarks/README.md.
    """
    usual = "MultiClass" if task.n_classes > 2 else "Logloss" if task.is_classification else "RMSE"
    if given.get("loss_function", usual) in _LOSSES and "leaf_estimation_method" not in given:
        given.setdefault("leaf_estimation_iterations", _STEPS)
