"""What ``prune`` costs and saves: loss on rows kept apart, time to predict and members left, by tolerance.

A set gives at most 500 rows to the fit of ``learners="best"``, whose boosters have at most 150 rounds; the loss is of
at most 2,000 others, and the time is that of predicting these, of processors, the least of three times.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import load
from set_by_set import set_by_set
from two_layers import row_losses

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.registry._portfolios import PORTFOLIOS

ROWS_TO_FIT, ROWS_TO_TEST, MOST_ROUNDS = 500, 2_000, 150
TOLERANCES = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.05)
BOOSTERS = ("catboost", "xgboost", "lightgbm", "hist_gradient_boosting")


def members() -> list[tuple[str, Any]]:
    """Return the members of ``"best"``, the boosters with fewer rounds."""
    return [
        (label, learner(name, **params, **({"n_rounds": MOST_ROUNDS} if name in BOOSTERS else {})))
        for label, (name, params) in without_rounds(PORTFOLIOS["best"]).items()
    ]


def without_rounds(listed: dict[str, Any]) -> dict[str, Any]:
    """Return a portfolio without numbers of rounds."""
    return {
        label: (name, {key: value for key, value in params.items() if key != "iterations"})
        for label, (name, params) in listed.items()
    }


def fitted(name: str, seed: int) -> tuple[Any, Any, Any]:
    """Return an ensemble of a set, and rows that it has not seen with their target."""
    data = load(name, rows=ROWS_TO_FIT + ROWS_TO_TEST, seed=seed)
    X, X_test, y, y_test = data.split(ROWS_TO_FIT, seed)
    Ensemble = EnsembleClassifier if data.task == "classification" else EnsembleRegressor
    return Ensemble(members(), early_stopping=True, n_jobs=1, random_state=seed).fit(X, y), X_test, y_test


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return losses, seconds to predict and members of a set, by tolerance."""
    started = time.process_time()
    whole, X, y = fitted(name, seed)
    return {"set": name, "fit": time.process_time() - started, "by": by_tolerance(whole, X, y)}


def by_tolerance(whole: Any, X: Any, y: Any) -> dict[str, Any]:
    """Return what becomes of an ensemble, by tolerance."""
    found = {}
    for tolerance in TOLERANCES:
        started = time.process_time()
        pruned = whole.prune(tolerance)
        seconds = time.process_time() - started
        loss = float(np.mean(row_losses(pruned, X, y)))
        found[str(tolerance)] = {
            "loss": loss if hasattr(whole, "classes_") else np.sqrt(loss),
            "estimate": abs(pruned.score_estimate_),
            "predict": least_time(pruned, X),
            "members": list(pruned.members_),
            "prune": seconds,
        }
    return found


def least_time(ensemble: Any, X: Any) -> float:
    """Return the least of three times to predict, in seconds of processors."""
    times = []
    for _ in range(3):
        started = time.process_time()
        ensemble.predict(X)
        times.append(time.process_time() - started)
    return min(times)


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured."""
    print("\n| tolerance | members | time to predict | loss on new rows | better | worse | cross-validated |")
    print("|---|---|---|---|---|---|---|")
    for tolerance in map(str, TOLERANCES):
        ours, whole = [one["by"][tolerance] for one in found], [one["by"]["0.0"] for one in found]
        change, estimate, times = (
            np.log([one[what] / other[what] for one, other in zip(ours, whole, strict=True)])
            for what in ("loss", "estimate", "predict")
        )
        change, estimate, share = 100 * change, 100 * estimate, np.exp(times.mean())
        error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
        print(
            f"| {tolerance} | {np.mean([len(one['members']) for one in ours]):.1f} | {share:.2f} "
            f"| {change.mean():+.2f} % ± {error:.2f} | {(change < 0).sum()} | {(change > 0).sum()} "
            f"| {estimate.mean():+.2f} % |"
        )
    seconds = [max(one["prune"] for one in each["by"].values()) / each["fit"] for each in found]
    print(f"\npruning took {np.median(seconds):.2f} of the time of the fit, at most {max(seconds):.2f}")


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__))


if __name__ == "__main__":
    main()
