"""Whether boosters lose anything when the table is prepared once for all folds, and not for each of them.

The out-of-fold loss of CatBoost, XGBoost and LightGBM, fitted on rows of a prepared table, over that of the same
learners without the capability, which get copies of the rows. ``python benchmarks/prepared_quality.py`` prints a
Markdown table.
"""

from __future__ import annotations

import argparse
import statistics

import datasets

from byoe import EnsembleClassifier, EnsembleRegressor, learner

NAMES = ("catboost", "xgboost", "lightgbm")


def _declines(*_):
    return False


def on_copies(name):
    """Return a learner without the capability, under the name of the one that has it."""
    kind = type(learner(name))
    made = type(kind.__name__, (kind,), {"can_prepare": _declines})()
    made.name = name
    return made


def losses(data, learners, seed):
    """Return the out-of-fold loss of each learner."""
    kind = EnsembleClassifier if data.task == "classification" else EnsembleRegressor
    ensemble = kind(list(zip(NAMES, learners, strict=True)), "mean", random_state=seed).fit(data.X, data.y)
    rows = {row["member"]: row for row in ensemble.leaderboard_}
    metric = next(key for key in ensemble.leaderboard_[0] if key not in ("member", "spread"))
    return [rows[name][metric] for name in NAMES]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default="abalone,diamonds,diabetes,friedman,rare-classes")
    given = parser.parse_args()
    print(f"| data | {' | '.join(NAMES)} |\n|{'---|' * (len(NAMES) + 1)}")
    for name in given.sets.split(","):
        ratios = []
        for seed in range(given.seeds):
            data = datasets.load(name, given.rows, seed)
            prepared, copies = (losses(data, [make(one) for one in NAMES], seed) for make in (learner, on_copies))
            ratios.append([a / b - 1 for a, b in zip(prepared, copies, strict=True)])
        cells = [
            f"{100 * statistics.mean(column):+.1f} ± {100 * statistics.stdev(column) / len(column) ** 0.5:.1f} %"
            for column in zip(*ratios, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
