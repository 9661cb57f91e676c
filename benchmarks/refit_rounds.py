"""Whether a model of all rows should have more rounds than the folds found, since it learns from more rows.

Each booster alone, on at most 2,600 rows of a set, with a bag of five folds; then `refit` with the mean number of their
rounds, as byoe has it, and with an eighth and a quarter more. The loss is of the other rows, log-loss or root mean
squared error, against the mean number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import numpy as np
from datasets import load
from set_by_set import set_by_set
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.ensemble import _variants

BOOSTERS = ("lightgbm", "xgboost", "catboost")
TIMES = (1.0, 1.125, 1.25)
ROWS = 4_000


def _more(times: float) -> Callable[[Any], list[int]]:
    mean = _variants.mean_rounds
    return lambda by_fold: [max(1, round(times * number)) for number in mean(by_fold)]


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the log changes of the loss in percent, by booster and number of rounds."""
    data = load(name, rows=ROWS, seed=seed)
    classes = data.task == "classification"
    stratify = data.y if classes else None
    X, others, y, truth = train_test_split(data.X, data.y, test_size=0.35, random_state=seed, stratify=stratify)
    kind, metric = (EnsembleClassifier, "log_loss") if classes else (EnsembleRegressor, "rmse")
    found: dict[str, Any] = {"set": name, "seed": seed}
    for booster in BOOSTERS:
        bag, losses = kind([booster], "mean", random_state=seed).fit(X, y), []
        for times in TIMES:
            with patch.object(_variants, "mean_rounds", _more(times)):
                losses.append(abs(bag.refit(X).leaderboard(others, truth)["blend"][metric]))
        found[booster] = [100 * float(np.log(loss / losses[0])) for loss in losses[1:]]
    return found


def main() -> None:
    """Print the table: the mean over sets, with its standard error."""
    rows = set_by_set(measured, __doc__, sets="choosing:14", seeds=2)
    names = list(dict.fromkeys(row["set"] for row in rows))
    print("| booster | " + " | ".join(f"x {times:g}" for times in TIMES[1:]) + " |")
    print("|---|" + "---|" * len(TIMES[1:]))
    for booster in BOOSTERS:
        by_set = np.array([np.mean([row[booster] for row in rows if row["set"] == name], axis=0) for name in names])
        error = by_set.std(axis=0, ddof=1) / np.sqrt(len(by_set))
        cells = (f"{mean:+.1f}% ± {own:.1f}%" for mean, own in zip(by_set.mean(axis=0), error, strict=True))
        print(f"| {booster} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
