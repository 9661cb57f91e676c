"""Whether one model of all rows loses less than the mean of the folds' models, or the mean of both does.

The default list is fitted with bags of its boosters on three fifths of the rows of a set, and at most 4,000, and then
refitted. The loss is of up to 4,000 others, root mean squared error or log-loss, against that of the bags.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from datasets import load
from set_by_set import set_by_set

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.fitted._models import FittedMember
from byoe.plugins import OOF, Task

MOST_TO_FIT, TESTED = 4_000, 4_000
BAGGED = ("catboost", "lightgbm", "xgboost")
# The share of the log-loss of a guess that divides the sets of classes.
LEFT = 0.5


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the change of the losses on rows kept apart, and what the fits of all rows take."""
    data = load(name, seed=seed)
    X, X_test, y, y_test = data.split(MOST_TO_FIT, seed)
    X_test, y_test = X_test[:TESTED], y_test[:TESTED]
    classes = data.task == "classification"
    times = [time.process_time()]
    bag = (EnsembleClassifier if classes else EnsembleRegressor)(random_state=seed, n_jobs=1).fit(X, y)
    times.append(time.process_time())
    bag.members_ = {label: _of_folds(member) for label, member in bag.members_.items()}
    one = bag.refit(X)
    times.append(time.process_time())
    task = Task("classification", len(bag.classes_)) if classes else Task("regression")
    truth = np.searchsorted(bag.classes_, y_test) if classes else y_test.to_numpy(dtype=np.float64)

    labels = list(one.members_)
    of_bags, of_all = (made._member_predictions(made._read(X_test)) for made in (bag, one))
    rows = OOF(of_all, truth, task)

    def change(made: Any, before: Any) -> float:
        ratio = rows.loss(made) / rows.loss(before)
        return 100 * float(np.log(ratio)) / (1 if classes else 2)

    def blended(share: float) -> float:
        made = of_bags.copy()
        for place, label in enumerate(labels):
            if label in BAGGED:
                made[:, place] += share * (of_all - of_bags)[:, place]
        return change(one.blender_.predict(made), one.blender_.predict(of_bags))

    guess = np.mean(truth) if not classes else np.bincount(truth) / len(truth)
    guessed = rows.loss(np.broadcast_to(guess, (len(truth), *np.shape(guess))))
    alone = {
        f"{label}, {share:g}": change((share * of_all + (1 - share) * of_bags)[:, place], of_bags[:, place])
        for place, label in enumerate(labels)
        if label in BAGGED
        for share in (0.5, 1.0)
    }
    return {
        "set": name,
        "rows": len(y),
        "classes": task.n_classes,
        "left": rows.loss(one.blender_.predict(of_bags)) / guessed,
        **{f"list, {share:g}": blended(share) for share in (0.25, 0.5, 0.75, 1.0)},
        **alone,
        "fit": (times[2] - times[1]) / (times[1] - times[0]),
    }


def _of_folds(member: FittedMember) -> FittedMember:
    return member if member.finalize != "both" else replace(member, finalize="bag", models=member.models[:-1])


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__, sets="choosing,categories"))


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured: rows are what is served, with the share of the model of all rows."""
    groups = {
        "regression": [line for line in found if not line["classes"]],
        f"classes, below {LEFT:g} of a guess": [one for one in found if one["classes"] and one["left"] < LEFT],
        "other classes": [one for one in found if one["classes"] and one["left"] >= LEFT],
    }
    print("\n| | " + " | ".join(groups) + " |\n" + "|---" * (1 + len(groups)) + "|")
    shares = [f"list, {share:g}" for share in (0.25, 0.5, 0.75, 1.0)]
    for what in (*shares, *(f"{label}, {share:g}" for label in BAGGED for share in (0.5, 1.0)), "fit"):
        cells = (_told([line[what] for line in lines if what in line], what == "fit") for lines in groups.values())
        print(f"| {what} | " + " | ".join(cells) + " |")


def _told(values: Sequence[float], is_ratio: bool) -> str:
    if is_ratio or len(values) < 2:
        return f"{np.median(values):.2f}" if values else ""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):+.2f} % ± {error:.2f}, {sum(value < 0 for value in values)} of {len(values)}"


if __name__ == "__main__":
    main()
