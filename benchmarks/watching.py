"""What it costs an endpoint to count rows outside of what training held: the handlers with the counts and without.

python benchmarks/watching.py
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes

from byoe import EnsembleRegressor, learner
from byoe.serving._handlers import input_fn, model_fn, output_fn, predict_fn

MEMBERS = {
    "ridge": ["ridge"],
    "three boosters of 300 rounds": [learner(name, n_rounds=300) for name in ("catboost", "xgboost", "lightgbm")],
}
REPEATS = {1: 1000, 1000: 60}
JSON = "application/json"


def seconds(model: Any, body: str) -> float:
    """Return how long one request takes, from the body to the answer."""
    started = time.perf_counter()
    output_fn(predict_fn(input_fn(body, JSON), model), JSON)
    return time.perf_counter() - started


def compared(bundle: Path, n_rows: int, rows: list[list[float]]) -> tuple[float, float]:
    """Return the median seconds with and without counts, of requests that take turns."""
    watching, blind = model_fn(str(bundle)), model_fn(str(bundle))
    blind.watch = blind.log = None
    body = json.dumps(rows[:n_rows])
    sides: tuple[list[float], list[float]] = ([], [])
    for number in range(REPEATS[n_rows] + 20):
        for place in (0, 1) if number % 2 else (1, 0):
            taken = seconds((watching, blind)[place], body)
            if number >= 20:  # the first ones warm up
                sides[place].append(taken)
    return statistics.median(sides[0]), statistics.median(sides[1])


def main() -> None:
    """Print a row of a table for each model and size of a request."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    rows = np.tile(X.to_numpy(), (3, 1)).tolist()
    print("| members | rows | with counts, ms | without, ms | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, members in MEMBERS.items():
            bundle = EnsembleRegressor(members, "mean", random_state=0).fit(X, y).save(Path(folder) / name)
            for n_rows in REPEATS:
                on, off = compared(bundle, n_rows, rows)
                print(f"| {name} | {n_rows:,} | {1e3 * on:.3f} | {1e3 * off:.3f} | {on / off:.2f} |")


if __name__ == "__main__":
    main()
