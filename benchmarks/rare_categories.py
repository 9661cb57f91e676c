"""Columns with many categories, of few rows each: how XGBoost and LightGBM take them, against target means alone.

A set gives three fifths of its rows, and at most 5,000, to the fit; the loss is of up to 10,000 others. The default's
members are fitted, and XGBoost and LightGBM once more as they were before: with target means in the place of categories
that have fewer than 100 rows each. Both lists are blended by ``"auto"``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import load
from set_by_set import set_by_set

from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.learners._boosting import enough_rows
from byoe.learners.lightgbm import LightGBM
from byoe.learners.xgboost import XGBoost
from byoe.plugins import OOF, Task

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


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the losses on rows kept apart, and the seconds of the fits."""
    data = load(name, seed=seed)
    X, X_test, y, y_test = data.split(MOST_TO_FIT, seed)
    X_test, y_test = X_test[:TESTED], y_test[:TESTED]
    classes = data.task == "classification"
    members = [*((label, label) for label in (*OTHERS, "xgboost", "lightgbm"))]
    members += [("xgboost_before", XGBoostBefore(max_cat_to_onehot=4)), ("lightgbm_before", LightGBMBefore())]
    made = (EnsembleClassifier if classes else EnsembleRegressor)(members, "mean", random_state=seed, n_jobs=1)
    made.fit(X, y)
    P = dict(zip(made.members_, np.moveaxis(made._member_predictions(made._read(X_test)), 1, 0), strict=True))
    task = Task("classification", len(made.classes_)) if classes else Task("regression")
    oof = OOF(made.oof_predictions_, made._oof.y, task, folds=made._oof.plan.folds)
    y_test = np.searchsorted(made.classes_, y_test) if classes else y_test.to_numpy(dtype=np.float64)
    fresh = OOF(np.stack(list(P.values()), axis=1), y_test, task)

    def loss(predicted: Any) -> float:
        found = fresh.loss(predicted)
        return found if classes else float(np.sqrt(found))

    def blended(*labels: str) -> float:
        places = [list(P).index(label) for label in (*OTHERS, *labels)]
        own = dataclasses.replace(oof, predictions=oof.predictions[:, places])
        return loss(blender("auto").fit(own).predict(fresh.predictions[:, places]))

    seconds = {label: made.leaderboard_[label]["fit_seconds"] for label in P}
    found: dict[str, Any] = {"set": name, "rows": len(y)}
    found["categories"] = sorted({X[c].nunique() for c in X.select_dtypes("category")} - set(range(MANY + 1)))
    for library in ("xgboost", "lightgbm"):
        found[library] = loss(P[library]) / loss(P[f"{library}_before"]) - 1
        found[f"{library} seconds"] = seconds[library] / seconds[f"{library}_before"]
    found["default"] = blended("xgboost", "lightgbm") / blended("xgboost_before", "lightgbm_before") - 1
    ours = sum(seconds[label] for label in (*OTHERS, "xgboost", "lightgbm"))
    before = sum(seconds[label] for label in (*OTHERS, "xgboost_before", "lightgbm_before"))
    return found | {"default seconds": ours / before}


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
