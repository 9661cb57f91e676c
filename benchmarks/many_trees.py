"""LightGBM's predictions of 1,000 rows by a part of the trees after the other, beside those of its own predict.

``python benchmarks/many_trees.py`` fits 2,000 rows of some sets with several numbers of rounds, with one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from datasets import load

from byoe import learner
from byoe.plugins import Task

SETS = ("power-plant", "spambase", "segment", "letter")
ROUNDS = (100, 300, 1000)
ROWS = 1_000
_TIMES = 5


def least(predict: Callable[[], Any]) -> float:
    """Return the least milliseconds of some calls."""
    found = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        predict()
        found.append(time.perf_counter() - started)
    return 1e3 * min(found)


def main() -> None:
    """Print the table."""
    print("| data set | classes | trees | LightGBM, ms | in parts, ms | ratio |\n|---|---|---|---|---|---|")
    for name in SETS:
        data = load(name, rows=2_000, seed=0)
        classes = data.task == "classification"
        y = np.unique(data.y.to_numpy(), return_inverse=True)[1] if classes else data.y.to_numpy(dtype=np.float64)
        task = Task(data.task, n_classes=len(np.unique(y)) if classes else 0)
        X = data.X.to_numpy(dtype=np.float64)
        rows = np.ascontiguousarray(X[np.arange(ROWS) % len(X)])
        for rounds in ROUNDS:
            made = learner("lightgbm", n_estimators=rounds, learning_rate=0.03)
            model = made.fit(X, y, task=task, sample_weight=None, seed=0, threads=1)
            own = least(lambda model=model, rows=rows: model.booster.predict(rows, num_threads=1))
            parts = least(lambda model=model, rows=rows: model.predict(rows))
            print(
                f"| `{name}` | {task.n_classes or '–'} | {model.booster.num_trees():,} | {own:.1f} | {parts:.1f} "
                f"| {parts / own:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
