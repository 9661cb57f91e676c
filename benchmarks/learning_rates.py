"""Which learning rate boosters have where they find their number of rounds: alone, and in the default list.

A set gives three fifths of its rows, and at most 2,000, to the fit; the loss is of up to 4,000 others. The default's
members are fitted, and XGBoost and LightGBM with larger steps than the smallest, which all is compared with.
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
OTHERS = ("catboost", "ridge", "mlp")
SMALLEST = 0.05
RATES = {"xgboost": (SMALLEST, 0.1, 0.15, 0.2, 0.3), "lightgbm": (SMALLEST, 0.1, 0.15)}
BOTH = {"xgboost": 0.15, "lightgbm": 0.1}


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the changes of the losses on rows kept apart, and of the seconds."""
    members: list[Any] = [(one, one) for one in OTHERS]
    members += [(_label(one, rate), learner(one, learning_rate=rate)) for one in RATES for rate in RATES[one]]
    made = Fitted.of(load(name, seed=seed), members, MOST_TO_FIT, TESTED, seed)

    def blended(**rates: float) -> float:
        return made.blended([*OTHERS, *(_label(one, rates.get(one, SMALLEST)) for one in RATES)])

    before = blended()
    found: dict[str, Any] = {"set": name, "both": blended(**BOTH) / before - 1}
    for one, rates in RATES.items():
        first = _label(one, SMALLEST)
        for rate in rates[1:]:
            label = _label(one, rate)
            found[label] = {
                "alone": made.alone(label) / made.alone(first) - 1,
                "blend": blended(**{one: rate}) / before - 1,
                "fit": made.costs[label]["fit_seconds"] / made.costs[first]["fit_seconds"],
                "predict": made.costs[label]["predict_ms"] / made.costs[first]["predict_ms"],
            }
    return found


def _label(name: str, rate: float) -> str:
    return f"{name}-{100 * rate:.0f}"


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__, sets="choosing,categories"))


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured."""
    print("\n| | rate | loss alone | better | loss of the list | better | fit | predict |")
    print("|---|---|---|---|---|---|---|---|")
    for one, rates in RATES.items():
        for rate in rates[1:]:
            own = [line[_label(one, rate)] for line in found]
            changes = " | ".join(_changes([line[what] for line in own]) for what in ("alone", "blend"))
            times = " | ".join(
                f"{np.exp(np.mean(np.log([line[what] for line in own]))):.2f}" for what in ("fit", "predict")
            )
            print(f"| `{one}` | {rate:g} | {changes} | {times} |")
    both = " and ".join(f"{rate:g}" for rate in BOTH.values())
    print(f"| both | {both} | | | {_changes([line['both'] for line in found])} | | |")


def _changes(values: Sequence[float]) -> str:
    changes = 100 * np.array(values)
    error = changes.std(ddof=1) / np.sqrt(len(changes)) if len(changes) > 1 else np.nan
    return f"{changes.mean():+.2f} % ± {error:.2f} | {(changes < 0).sum()} of {len(changes)}"


if __name__ == "__main__":
    main()
