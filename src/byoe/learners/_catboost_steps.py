"""How many Newton steps CatBoost takes in each leaf, for classes that it would go on and on to separate.

With one step, the usual for several classes, the loss of a set whose classes hardly overlap falls for
thousands of rounds. With five it falls as far in a fraction of them. Where classes do overlap they overfit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..contracts._cancelling import cancelled
from ..contracts._deadline import seconds_left
from ..contracts._task import Task

STEPS = 5
_NAME = "leaf_estimation_iterations"
_LONG = 45.0  # rounds times learning rate after which a loss that still falls calls for more steps


def may_take_more(given: Mapping[str, Any], task: Task) -> bool:
    """Return whether the number of steps is left to us, and the loss is the usual one of several classes."""
    own = {_NAME, "leaf_estimation_method", "eval_metric"} & given.keys()
    usual = given.get("loss_function", "MultiClass") == "MultiClass" and given.get("task_type") != "GPU"
    return task.n_classes > 2 and usual and not own


def with_more(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with more steps in each leaf, and as many times fewer rounds."""
    return {**params, _NAME: STEPS, "iterations": math.ceil(params["iterations"] / STEPS)}


def long(params: Mapping[str, Any]) -> int:
    """Return after how many rounds of one step, at this learning rate, it is time for more."""
    return max(1, round(_LONG / max(float(params["learning_rate"]), 1e-6)))


def searched(train: Callable[[Mapping[str, Any]], Any], params: Mapping[str, Any]) -> tuple[Any, int]:
    """Return a model that has stopped on the rows it watches, and how many steps it takes in each leaf.

    It starts with one step. Where it has not stopped after many rounds it starts again with more, and those are kept
    unless their loss is higher.
    """
    most = params["iterations"]
    first = train({**params, "iterations": min(most, long(params))})
    if most <= long(params) or _rounds(first) < long(params) or _in_a_hurry():
        return first, 1
    second = train(with_more(params))
    if _loss(second) <= _loss(first):
        return second, STEPS
    return (first if _in_a_hurry() else train(params)), 1


def _rounds(model: Any) -> int:
    """Return how many rounds a fit took, those after the best one included."""
    return len(next(iter(model.get_evals_result()["validation"].values())))


def _loss(model: Any) -> float:
    return float(next(iter(model.get_best_score()["validation"].values())))


def _in_a_hurry() -> bool:
    return cancelled() or seconds_left() <= 0
