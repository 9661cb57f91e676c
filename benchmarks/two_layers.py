"""What a second layer gains and takes: ``layers=2`` against ``layers=1``, on sets that were not chosen for judging.

A set gives three fifths of at most 4,000 rows, and at most 1,500, to the fit; the loss is of the rest. Where the second
layer is not kept, it is fitted once more and kept whatever cross-validation says, which tells what the rule costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from datasets import load
from set_by_set import set_by_set

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble import _second_layer

ROWS, MOST_TO_FIT = 4_000, 1_500
RULE = ("_ERRORS", "_ERRORS_OF_FEW", "_LEAST_GAIN")


def members() -> list[Any]:
    """Return members of some variety that take little time."""
    return [
        learner("lightgbm", learning_rate=0.1),
        learner("xgboost", learning_rate=0.1),
        "ridge",
        learner("extra_trees", n_estimators=100),
    ]


def measured(name: str, seed: int) -> dict[str, Any]:
    """Return the losses on unseen rows, with the error of their difference, and the seconds of processor time."""
    data = load(name, rows=ROWS, seed=seed)
    classes = data.task == "classification"
    X, X_test, y, y_test = data.split(MOST_TO_FIT, seed)
    Ensemble = EnsembleClassifier if classes else EnsembleRegressor

    def fitted(layers: int) -> tuple[Any, float, float, np.ndarray]:
        started = time.process_time()
        ensemble = Ensemble(members(), layers=layers, n_jobs=1, random_state=seed).fit(X, y)
        seconds = time.process_time() - started
        loss = ensemble.leaderboard(X_test, y_test)["blend"][data.metric]
        return ensemble, seconds, loss, row_losses(ensemble, X_test, y_test)

    _, alone, before, losses = fitted(1)
    two, seconds, after, others = fitted(2)
    forced = after
    if two.layers_ == 1:
        with ruled_out():
            _, _, forced, others = fitted(2)
    change = others - losses
    # In units of the loss that is shown: the root of a mean changes half as much, as a share.
    error = change.std(ddof=1) / np.sqrt(len(change)) / losses.mean() / (1 if classes else 2)
    found = {"set": name, "rows": len(y), "loss": before, "as served": after, "always": forced, "error": error}
    return found | {"kept": two.layers_ == 2, "time": seconds / alone, "told": two.second_layer_}


@contextmanager
def ruled_out() -> Iterator[None]:
    """Keep every second layer."""
    before = {name: getattr(_second_layer, name) for name in RULE}
    for name in RULE:
        setattr(_second_layer, name, -np.inf)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(_second_layer, name, value)


def row_losses(ensemble: Any, X: Any, y: Any) -> np.ndarray:
    """Return the squared error of every row, or the negative logarithm of the true class's probability."""
    if not hasattr(ensemble, "classes_"):
        return (ensemble.predict(X) - np.asarray(y)) ** 2
    found = ensemble.predict_proba(X)
    place = np.searchsorted(ensemble.classes_, np.asarray(y).astype(ensemble.classes_.dtype))
    return -np.log(np.clip(found[np.arange(len(place)), place], 1e-15, None))


def row(what: str, found: Sequence[dict[str, Any]], which: str) -> str:
    """Return a line of the table, of some of the sets."""
    change = np.log([one[which] / one["loss"] for one in found])
    error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
    clear = 2 * np.array([one["error"] for one in found])
    mean = f"{100 * change.mean():+.2f} % ± {100 * error:.2f}"
    return (
        f"| {what} | {len(found)} | {mean} | {100 * np.median(change):+.2f} % "
        f"| {(change < 0).sum()} | {(change > 0).sum()} | {(change < -clear).sum()} | {(change > clear).sum()} |"
    )


def main() -> None:
    """Print the table."""
    tell(set_by_set(measured, __doc__))


def tell(found: Sequence[dict[str, Any]]) -> None:
    """Print the table of what was measured."""
    print("\n| sets | number | loss | median | better | worse | clearly better | clearly worse |")
    print("|---|---|---|---|---|---|---|---|")
    kept = [one for one in found if one["kept"]]
    for what, some, which in (
        ("all, as served", found, "as served"),
        ("where it is kept", kept, "as served"),
        ("where it is not kept, if it were", [one for one in found if not one["kept"]], "always"),
        ("all, if it were always kept", found, "always"),
    ):
        if some:
            print(row(what, some, which))
    times = [one["time"] for one in found]
    print(f"\nprocessor time: {np.exp(np.mean(np.log(times))):.1f} times, {min(times):.1f} to {max(times):.1f}")


if __name__ == "__main__":
    main()
