"""Whether a booster's fold models should learn from the rows on which their number of rounds was found.

``early_stopping="auto"`` against ``"hold-out"``, each booster alone, on sets that were not chosen for judging. A set
gives three fifths of at most 5,000 rows to the fit, and the loss is of the rest.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence

import numpy as np
from datasets import expand, load
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import ColumnWarning, LeakageWarning

BOOSTERS = ("catboost", "lightgbm", "xgboost", "hist_gradient_boosting")
WAYS = ("hold-out", "auto")
ROWS = 5_000


def measured(name: str, booster: str, seed: int) -> list[tuple[float, float]]:
    """Return the loss on unseen rows and the seconds of processor time of each way."""
    data = load(name, rows=ROWS, seed=seed)
    classes = data.task == "classification"
    X, X_test, y, y_test = train_test_split(
        data.X, data.y, test_size=0.4, random_state=seed, stratify=data.y if classes else None
    )
    Ensemble = EnsembleClassifier if classes else EnsembleRegressor
    found = []
    for way in WAYS:
        started = time.process_time()
        ensemble = Ensemble([booster], "best", early_stopping=way, random_state=seed, n_jobs=1).fit(X, y)
        seconds = time.process_time() - started
        found.append((ensemble.leaderboard(X_test, y_test)["blend"][data.metric], seconds))
    return found


def row(booster: str, found: Sequence[Sequence[tuple[float, float]]]) -> str:
    """Return a line of the table, of one booster or all."""
    loss, seconds = (np.log([[one[i] for one in pair] for pair in found]) for i in (0, 1))
    change = loss[:, 1] - loss[:, 0]
    error = change.std(ddof=1) / np.sqrt(len(change))
    time_ratio = np.exp((seconds[:, 1] - seconds[:, 0]).mean())
    return (
        f"| {booster} | {100 * change.mean():+.2f} % ± {100 * error:.2f} | {100 * np.median(change):+.2f} % "
        f"| {(change < 0).sum()} of {len(change)} | {time_ratio:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="choosing:18", help="names with commas, choosing, judging, or choosing:N")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--boosters", default=",".join(BOOSTERS[:3]))
    args = parser.parse_args()
    for ignored in (ColumnWarning, LeakageWarning):
        warnings.simplefilter("ignore", ignored)
    boosters = args.boosters.split(",")
    found: dict[str, list[list[tuple[float, float]]]] = {booster: [] for booster in boosters}
    for name in expand(args.sets.split(",")):
        for seed in range(args.seeds):
            for booster in boosters:
                pair = measured(name, booster, seed)
                found[booster].append(pair)
                print(name, seed, booster, *(f"{loss:.5g} in {seconds:.1f} s" for loss, seconds in pair), flush=True)
    print("\n| booster | mean change of the loss | median | better | processor time |\n|---|---|---|---|---|")
    for booster in boosters:
        print(row(booster, found[booster]))
    print(row("all", [pair for pairs in found.values() for pair in pairs]))


if __name__ == "__main__":
    main()
