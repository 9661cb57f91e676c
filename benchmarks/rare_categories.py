"""Columns with many categories, of few rows each: how XGBoost and LightGBM take them, against target means alone.

A set gives three fifths of its rows, and at most 5,000, to the fit; the loss is of up to 10,000 others. The default's
members are fitted, and XGBoost and LightGBM once more as they were before: with target means in the place of categories
that have fewer than 100 rows each. Both lists are blended by ``"auto"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import load
from fitted_once import Fitted
from set_by_set import set_by_set

from byoe.learners._boosting import enough_rows
from byoe.learners.lightgbm import LightGBM
from byoe.learners.xgboost import XGBoost

SETS = "categories,groups,flights,covid-tests,lending-club,trump-vote,college-earnings"
MOST_TO_FIT, TESTED = 5_000, 10_000
OTHERS = ("catboost", "ridge", "mlp")
MANY = 16


class XGBoostBefore(XGBoost):
    """XGBoost with codes of those categories only that have 100 rows each."""

    name = "xgboost_before"

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether there are 100 rows for each."""
        return enough_rows(levels, n_rows)


class LightGBMBefore(LightGBM):
    """LightGBM with codes of those categories only that have 100 rows each."""

    name = "lightgbm_before"

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether there are 100 rows for each."""
        return enough_rows(levels, n_rows)


BEFORE = {"xgboost": XGBoostBefore(max_cat_to_onehot=4), "lightgbm": LightGBMBefore()}


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the changes of the losses on rows kept apart, and of the seconds."""
    data = load(name, seed=seed)
    members: list[Any] = [(one, one) for one in (*OTHERS, *BEFORE)]
    members += [(f"{library}_before", one) for library, one in BEFORE.items()]
    made = Fitted.of(data, members, MOST_TO_FIT, TESTED, seed)
    now, before = [*OTHERS, *BEFORE], [*OTHERS, *(f"{library}_before" for library in BEFORE)]
    seconds = {label: line["fit_seconds"] for label, line in made.costs.items()}
    found: dict[str, Any] = {"set": name, "rows": made.rows}
    X = data.split(MOST_TO_FIT, seed)[0]
    found["categories"] = sorted({X[c].nunique() for c in X.select_dtypes("category")} - set(range(MANY + 1)))
    for library in BEFORE:
        found[library] = made.alone(library) / made.alone(f"{library}_before") - 1
        found[f"{library} seconds"] = seconds[library] / seconds[f"{library}_before"]
    found["default"] = made.blended(now) / made.blended(before) - 1
    return found | {"default seconds": sum(seconds[one] for one in now) / sum(seconds[one] for one in before)}


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__, sets=SETS))


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured."""
    what = ("xgboost", "lightgbm", "default")
    print("\n| set | rows | categories | `xgboost` | `lightgbm` | default | time |\n|---|---|---|---|---|---|---|")
    for one in found:
        changes = " | ".join(f"{100 * one[name]:+.1f} %" for name in what)
        times = ", ".join(f"{one[f'{name} seconds']:.1f}" for name in what)
        levels = ", ".join(f"{n:,}" for n in one["categories"])
        print(f"| `{one['set']}` | {one['rows']:,} | {levels} | {changes} | {times} |")
    cells = []
    for name in what:
        changes = 100 * np.array([one[name] for one in found])
        error = changes.std(ddof=1) / np.sqrt(len(changes))
        cells.append(f"{changes.mean():+.1f} % ± {error:.1f}, {(changes < 0).sum()} better")
    times = ", ".join(f"{np.exp(np.mean(np.log([one[f'{name} seconds'] for one in found]))):.1f}" for name in what)
    print(f"| mean | | | {' | '.join(cells)} | {times} |")


if __name__ == "__main__":
    main()
