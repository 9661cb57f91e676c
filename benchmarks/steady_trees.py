"""What pulling LightGBM's leaves towards zero and towards their parents does: alone, and in the default list.

A set gives three fifths of its rows, and at most 2,000, to the fit; the loss is of up to 4,000 others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import load
from fitted_once import Fitted
from set_by_set import set_by_set

from byoe import learner

MOST_TO_FIT, TESTED = 2_000, 4_000
OTHERS = ("catboost", "xgboost", "ridge", "mlp")
STEADY = {"reg_lambda": 5.0, "path_smooth": 10.0, "min_child_samples": 10, "learning_rate": 0.15}


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the changes of the losses on rows kept apart, and of the costs."""
    members: list[Any] = [(one, one) for one in (*OTHERS, "lightgbm")]
    members.append(("steady", learner("lightgbm", **STEADY)))
    made = Fitted.of(load(name, seed=seed), members, MOST_TO_FIT, TESTED, seed)
    usual, steady = [*OTHERS, "lightgbm"], [*OTHERS, "steady"]
    costs = made.costs
    seconds = [sum(costs[one]["fit_seconds"] for one in labels) for labels in (steady, usual)]
    return {
        "set": name,
        "alone": made.alone("steady") / made.alone("lightgbm") - 1,
        "list": made.blended(steady) / made.blended(usual) - 1,
        **{cost: costs["steady"][cost] / costs["lightgbm"][cost] for cost in ("fit_seconds", "predict_ms")},
        "fit_of_list": seconds[0] / seconds[1],
    }


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__, sets="choosing,categories"))


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured."""
    print("\n| | mean change | median | better |\n|---|---|---|---|")
    for what in ("alone", "list"):
        changes = 100 * np.array([line[what] for line in found])
        error = changes.std(ddof=1) / np.sqrt(len(changes)) if len(changes) > 1 else np.nan
        better = f"{(changes < 0).sum()} of {len(changes)}"
        print(f"| loss, {what} | {changes.mean():+.2f} % ± {error:.2f} | {np.median(changes):+.2f} % | {better} |")
    for what in ("fit_seconds", "fit_of_list", "predict_ms"):
        ratios = np.array([line[what] for line in found])
        print(f"| `{what}` | {np.exp(np.log(ratios).mean()):.2f} times | {np.median(ratios):.2f} times | |")


if __name__ == "__main__":
    main()
