"""Whether other rows to stop on, or none, would find a better number of rounds where rows are few.

XGBoost and LightGBM learn from at most 600 rows, as many rounds as a search in haste found on rows inside, four times
with other rows, and the prediction is the mean of the four models, as in a bag. Ways: 15 % of the rows, as byoe has it;
30 %; the mean number of two searches for each model; a quarter more or a fifth less rounds; and the library's own
number at its own learning rate. The loss is of at most 1,500 other rows, log-loss or root mean squared error, against
the first way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from datasets import load
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from byoe import learner
from byoe.contracts._learner import StopRows
from byoe.plugins import Task

SETS = (
    "segment,yeast,page-blocks,diabetes,oj,german-credit,biomass,rare-classes,breast-cancer,airfoil,vowel,car-prices,"
    "cells,framingham,saratoga"
)
BOOSTERS = ("lightgbm", "xgboost")
ROWS, OTHERS, SEARCHES, PATIENCE, HASTE, RATE, MOST = 600, 1_500, 4, 50, 3.0, 0.05, 10_000


def rounds_found(booster: str, X: np.ndarray, y: np.ndarray, task: Task, share: float) -> list[float]:
    """Return the number of rounds for all rows, of each search."""
    hasty = learner(booster, learning_rate=RATE).in_haste(HASTE)
    found = []
    for seed in range(SEARCHES):
        classes = y if task.is_classification else None
        inside, held = train_test_split(np.arange(len(y)), test_size=share, random_state=seed, stratify=classes)
        stop = StopRows(X[held], y[held], None, PATIENCE)
        model = hasty.fit(X[inside], y[inside], task=task, sample_weight=None, seed=0, threads=1, stop=stop)
        found.append(model.rounds * HASTE * len(y) / len(inside))
    return found


def predicting(model: Any, booster: str, X: np.ndarray) -> Callable[[int], np.ndarray]:
    """Return what predicts with the first few rounds of a model."""
    import xgboost

    def predict(rounds: int) -> np.ndarray:
        if booster == "lightgbm":
            found = model.booster.predict(X, num_iteration=rounds, num_threads=1)
        else:
            found = model.booster.predict(xgboost.DMatrix(X), iteration_range=(0, rounds))
        return np.asarray(found, dtype=float)

    return predict


def measured(name: str, booster: str, seed: int) -> dict[str, float]:
    """Return the loss of each way."""
    data = load(name, seed=seed)
    X = data.X.copy()
    for column in X.select_dtypes("category"):
        X[column] = X[column].cat.codes
    classes = data.task == "classification"
    y = pd.factorize(data.y, sort=True)[0] if classes else data.y.to_numpy(float)
    task = Task(data.task, len(np.unique(y)) if classes else 0)
    size = min(ROWS, int(0.6 * len(y)))
    parts = train_test_split(X.to_numpy(float), y, train_size=size, random_state=seed, stratify=y if classes else None)
    X, X_test, y, y_test = parts[0], parts[1][:OTHERS], parts[2], parts[3][:OTHERS]

    def loss(prediction: np.ndarray) -> float:
        if not classes:
            return float(root_mean_squared_error(y_test, prediction))
        return float(log_loss(y_test, prediction, labels=np.arange(task.n_classes)))

    usual = rounds_found(booster, X, y, task, 0.15)
    ways = {
        "15 %": usual,
        "30 %": rounds_found(booster, X, y, task, 0.3),
        "mean of two": [(one + other) / 2 for one, other in zip(usual, usual[1:] + usual[:1], strict=True)],
        "x 1.25": [1.25 * one for one in usual],
        "x 0.8": [0.8 * one for one in usual],
    }
    most = min(MOST, int(max(map(max, ways.values()))) + 1)
    own = {"task": task, "sample_weight": None, "seed": 0, "threads": 1}
    predict = predicting(learner(booster, learning_rate=RATE).fit(X, y, rounds=most, **own), booster, X_test)
    found = {
        way: loss(np.mean([predict(int(np.clip(round(one), 1, most))) for one in rounds], axis=0))
        for way, rounds in ways.items()
    }
    plain = learner(booster).fit(X, y, **own).predict(X_test)
    return {**found, "the library's own": loss(plain)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=SETS, help="names with commas")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    columns = []
    for booster in BOOSTERS:
        losses = pd.DataFrame([measured(name, booster, args.seed) for name in args.sets.split(",")])
        change = np.log(losses.div(losses["15 %"], axis=0)).drop(columns="15 %")
        error = change.std() / np.sqrt(len(change))
        columns.append([f"{change[way].mean():+.1%} ± {error[way]:.1%}" for way in change])
        ways = list(change)
    print(f"| rows to stop on, rounds | {' | '.join(BOOSTERS)} |\n|---|---|---|")
    for way, *cells in zip(ways, *columns, strict=True):
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
