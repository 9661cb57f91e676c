"""Whether CatBoost should take more Newton steps in each leaf where it does not stop for long.

The model with which a fold finds its number of rounds, as byoe makes it, against one with
``leaf_estimation_iterations=1``, which is CatBoost's own default for several classes. Both learn from 85 % of at most
600 rows at a learning rate of 0.15, stop on the rest or after ``--rounds``, and predict at most 1,000 other rows.
``digits`` is scikit-learn's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from datasets import load
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from byoe import learner
from byoe.contracts._learner import StopRows
from byoe.plugins import Task

SETS = "iris,wine,vowel,letter,penbased,optdigits,digits,segment,yeast,page-blocks,rare-classes,car-choice"
WAYS = ({"leaf_estimation_iterations": 1}, {})
ROWS, OTHERS, PATIENCE = 600, 1_000, 50


def rows(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Return rows, codes of the classes, and how many levels each category has."""
    if name == "digits":
        X, y = load_digits(return_X_y=True, as_frame=True)
    else:
        data = load(name, rows=None, seed=seed)
        X, y = data.X.copy(), data.y
    levels = {}
    for place, column in enumerate(X.columns):
        if X[column].dtype == "category":
            levels[place] = X[column].nunique()
            X[column] = X[column].cat.codes
    return X.to_numpy(float), pd.factorize(y, sort=True)[0], levels


def measured(name: str, seed: int, most: int) -> list[tuple[float, float, int]]:
    """Return of each way the loss on other rows, the seconds of processor time, and the number of trees."""
    X, y, levels = rows(name, seed)
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=min(ROWS, int(0.6 * len(y))), random_state=seed, stratify=y
    )
    X_test, y_test = X_test[:OTHERS], y_test[:OTHERS]
    X, X_stop, y, y_stop = train_test_split(X, y, test_size=0.15, random_state=seed, stratify=y)
    classes = np.arange(y.max() + 1)
    found = []
    for way in WAYS:
        started = time.process_time()
        model = learner("catboost", learning_rate=0.15, iterations=most, **way).fit(
            X,
            y,
            task=Task("classification", len(classes)),
            sample_weight=None,
            seed=seed,
            threads=1,
            categorical=levels,
            stop=StopRows(X_stop, y_stop, None, PATIENCE),
        )
        seconds = time.process_time() - started
        loss = log_loss(y_test, np.clip(model.predict(X_test), 1e-15, 1), labels=classes)
        found.append((loss, seconds, model.model.tree_count_))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=SETS, help="names with commas")
    parser.add_argument("--rounds", type=int, default=3_334, help="the most; 3,334 is where byoe ends a search")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| set | loss, trees with one step | as byoe has it | change | processor time |\n|---|---|---|---|---|")
    changed = []
    for name in args.sets.split(","):
        (loss, seconds, trees), (own_loss, own_seconds, own_trees) = measured(name, args.seed, args.rounds)
        change = np.log(own_loss / loss)
        changed += [change] if own_trees != trees else []
        cells = f"{loss:.4f}, {trees} | {own_loss:.4f}, {own_trees} | {change:+.1%} | {own_seconds / seconds:.2f}"
        print(f"| `{name}` | {cells} |", flush=True)
    error = np.std(changed, ddof=1) / np.sqrt(len(changed))
    print(f"\nmean change where it searched again {np.mean(changed):+.1%} ± {error:.1%}, {len(changed)} sets")


if __name__ == "__main__":
    main()
