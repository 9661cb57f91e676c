"""What cross-fitting ``ridge`` costs from moments of the rows, and on copies of the rows.

Five folds and the refit, as in a fit of an ensemble with this member alone, without its blender. Run with
``python benchmarks/ridge_shortcut.py``; it prints a Markdown table.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from sklearn.model_selection import KFold

from byoe import learner
from byoe.data._input import learn_table
from byoe.engine._crossfit import cross_fit
from byoe.engine._resources import Resources
from byoe.engine._rows import Rows
from byoe.folds._splits import make_plan
from byoe.plugins import Task

TASK = Task("regression")
Ridge = type(learner("ridge"))


class OnRows(Ridge):
    """The same learner without the capability."""

    def can_fit_moments(self, task):
        """Refuse."""
        return False


def simulate(n_rows, n_columns):
    """Return the data of a fit; the columns depend on each other, and have means and scales of their own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    X += rng.normal(size=(n_rows, 1))
    X = X * rng.lognormal(sigma=2, size=n_columns) + 10 * rng.normal(size=n_columns)
    y = X @ rng.normal(size=n_columns) + rng.normal(size=n_rows)
    plan = make_plan(KFold(5, shuffle=True, random_state=0), X, y, None, TASK, 0)
    return Rows(learn_table(X)[1], y, None, TASK, plan)


def measure(kind, data, n_jobs):
    """Return CPU seconds, wall seconds and out-of-fold predictions."""
    cpu, wall = time.process_time(), time.perf_counter()
    fitted = cross_fit({"ridge": kind()}, data, finalize={"ridge": "refit"}, seed=0, resources=Resources(n_jobs))
    return time.process_time() - cpu, time.perf_counter() - wall, fitted.oof


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, nargs="+", default=[30, 300])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--n-jobs", type=int, default=1)
    given = parser.parse_args()
    print("| rows × columns | seconds | on rows | from moments | ratio | largest difference |")
    print("|---|---|---|---|---|---|")
    for n_columns in given.columns:
        data = simulate(given.rows, n_columns)
        taken, oof = {OnRows: [], Ridge: []}, {}
        for kind in [OnRows, Ridge] * given.runs:
            *seconds, oof[kind] = measure(kind, data, given.n_jobs)
            taken[kind].append(seconds)
        apart = np.abs(oof[Ridge] - oof[OnRows]).max() / data.y.std()
        for place, name in enumerate(["CPU", "wall"]):
            slow, quick = (statistics.median(run[place] for run in taken[kind]) for kind in (OnRows, Ridge))
            size = f"{given.rows:,} × {n_columns}"
            print(f"| {size} | {name} | {slow:.3f} | {quick:.3f} | {quick / slow:.2f} | {apart:.0e} |", flush=True)


if __name__ == "__main__":
    main()
