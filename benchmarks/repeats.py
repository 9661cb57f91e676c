"""What repeats of the folds gain: an ensemble with the models of two and of four cross-fits of its members, and of one.

As in the time that a preset leaves of a limit the blend keeps its weights; beside that they are learned anew from the
means of the out-of-fold predictions. More folds at once, whose models see more rows, are what else the time could be
spent on. A set gives three fifths of at most 1,500 rows, and at most 600, to the fit; the loss is of the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from datasets import load
from set_by_set import set_by_set

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.fitted._models import FittedMember

ROWS, MOST_TO_FIT, TIMES, MORE_FOLDS = 1_500, 600, 4, (10, 15)
SETS = "breast-cancer,oj,friedman,biomass,airfoil,car-prices,diabetes,german-credit,segment,wine-quality"


def members() -> list[Any]:
    """Return members of some variety that take little time."""
    quick = {"learning_rate": 0.2, "depth": 5, "border_count": 32, "leaf_estimation_iterations": 2}
    return [
        learner("xgboost", max_depth=4, learning_rate=0.12, max_bin=64),
        "ridge",
        learner("catboost", **quick),
        learner("lightgbm", learning_rate=0.1),
        "mlp",
    ]


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return by how many per cent the loss on unseen rows changes."""
    data = load(name, rows=ROWS, seed=seed)
    X, X_test, y, y_test = data.split(MOST_TO_FIT, seed)
    Ensemble = EnsembleClassifier if data.task == "classification" else EnsembleRegressor

    def fitted(state: int, **folds: int) -> Any:
        return Ensemble(members(), n_jobs=1, random_state=100 * seed + state, **folds).fit(X, y)

    fits = [fitted(state) for state in range(TIMES)]

    def loss(made: Sequence[Any]) -> float:
        return float(np.mean([one.leaderboard(X_test, y_test)["blend"][data.metric] for one in made]))

    before = loss(fits)
    found: dict[str, Any] = {"set": name, "rows": len(y)}
    for times in (2, 4):
        groups = [fits[start : start + times] for start in range(0, TIMES, times)]
        kept = [joined(group) for group in groups]
        found[f"{times} times"] = 100 * (loss(kept) / before - 1)
        anew = [blended_anew(one, group) for one, group in zip(kept, groups, strict=True)]
        found[f"{times} times, blended anew"] = 100 * (loss(anew) / before - 1)
    for state, n_folds in enumerate(MORE_FOLDS, start=TIMES):
        other = fitted(state, cv=n_folds)
        found[f"{n_folds} folds"] = 100 * (loss([other]) / before - 1)
        found[f"once, and with {n_folds} folds"] = 100 * (loss([joined([one, other]) for one in fits]) / before - 1)
    return found


def joined(fits: Sequence[Any]) -> Any:
    """Return the first of some fits with the models of all."""
    other = copy.copy(fits[0])
    other.members_ = {
        label: reduce(FittedMember.repeated, [one.members_[label] for one in fits]) for label in fits[0].members_
    }
    return other


def blended_anew(ensemble: Any, fits: Sequence[Any]) -> Any:
    """Return an ensemble whose blend learns from the means of what the members of some fits say out of fold."""
    other = copy.copy(ensemble)
    mean = np.mean([one._oof.predictions for one in fits], axis=0)
    other._out_of_fold, other._profile = replace(ensemble._oof, predictions=mean), None
    other._blend_anew(None)
    return other


def main() -> None:
    """Print the table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in set_by_set(measured, __doc__, sets=SETS, seeds=3):
        found.setdefault(one["set"], []).append(one)
    print("\n| cross-fitted | mean change of the loss | median | better | worse | worst |\n|---|---|---|---|---|---|")
    repeated = [f"{times} times{how}" for how in ("", ", blended anew") for times in (2, 4)]
    for what in [*repeated, *(how.format(n) for how in ("{} folds", "once, and with {} folds") for n in MORE_FOLDS)]:
        change = np.array([np.mean([one[what] for one in own]) for own in found.values()])
        error = change.std(ddof=1) / np.sqrt(len(change))
        print(
            f"| {what} | {change.mean():+.2f} % ± {error:.2f} | {np.median(change):+.2f} % | {(change < 0).sum()} "
            f"| {(change > 0).sum()} | {change.max():+.2f} % |"
        )


if __name__ == "__main__":
    main()
