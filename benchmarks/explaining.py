"""Times ensemble.explain on many rows, against the libraries' own contributions of the same models.

Each booster is a bag of five, with byoe's defaults, of 5,000 simulated rows and 10 columns. The runs alternate; the
libraries explain fewer rows of the same table, and their time is that for a row (CatBoost, which prepares tables of its
own for each call, explains all).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from byoe import EnsembleRegressor
from byoe.learners import _by_tables

NAMES = ("xgboost", "lightgbm", "catboost")
LIBRARY_ROWS = {"xgboost": 300, "lightgbm": 500}


def friedman(n: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 10))
    y = 10 * np.sin(X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return X, y + rng.normal(size=n)


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_library(ensemble: Any, X: Any) -> float:
    """Return the seconds of explain where the libraries explain all rows."""
    usual, _by_tables.FEW_ROWS = _by_tables.FEW_ROWS, len(X) + 1
    try:
        return seconds(lambda: ensemble.explain(X))
    finally:
        _by_tables.FEW_ROWS = usual


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    X, y = friedman(5_000, 0)
    ensembles = {name: EnsembleRegressor([name], "mean", random_state=0).fit(X, y) for name in NAMES}
    print(f"| member | rows | libraries, ms a row ({options.threads} threads) | byoe, ms a row | ratio |")
    print("|---|---|---|---|---|")
    for n in options.rows:
        rows, _ = friedman(n, 1)
        total = np.zeros((options.runs, 2))
        for name, ensemble in ensembles.items():
            ensemble.n_jobs = options.threads
            few = LIBRARY_ROWS.get(name, n)
            times = np.array(
                [
                    (by_library(ensemble, rows[:few]) / few, seconds(partial(ensemble.explain, rows)) / n)
                    for _ in range(options.runs)
                ]
            )
            total += times
            show(name, n, times)
        show("all three", n, total)


def show(name: str, n: int, times: Any) -> None:
    library, own = 1e3 * np.median(times, axis=0)
    ratio = np.median(times[:, 0] / times[:, 1])
    print(f"| {name} | {n:,} | {library:.3g} | {own:.3g} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
