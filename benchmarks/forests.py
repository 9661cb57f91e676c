"""Whether the probabilities of forests should be drawn towards the shares of the classes.

Forests of 100 trees with the usual smoothing against none, alone in an ensemble of five folds, on sets that were not
chosen for judging: out-of-fold log-loss, which the blend goes by, and that of other rows.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from datasets import expand, load
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, learner
from byoe.errors import ColumnWarning, LeakageWarning

FORESTS = ("random_forest", "extra_trees")
ROWS = 3_000


def measured(name: str, forest: str, smoothing: float) -> tuple[float, float]:
    """Return the out-of-fold log-loss and that of rows which took no part."""
    data = load(name, rows=ROWS, seed=0)
    X, X_test, y, y_test = train_test_split(data.X, data.y, test_size=0.4, random_state=0, stratify=data.y)
    own = learner(forest, smoothing=smoothing)
    ensemble = EnsembleClassifier([own], "best", random_state=0, n_jobs=1).fit(X, y)
    return ensemble.score_estimate_, -ensemble.leaderboard(X_test, y_test)["blend"]["log_loss"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="choosing", help="names with commas, choosing, judging, or choosing:N")
    for ignored in (ColumnWarning, LeakageWarning):
        warnings.simplefilter("ignore", ignored)
    changes: dict[str, list[list[float]]] = {forest: [] for forest in FORESTS}
    print("| set | " + " | ".join(f"{forest}, out of fold | other rows" for forest in FORESTS) + " |")
    print("|---|" + "---|---|" * len(FORESTS))
    for name in expand(parser.parse_args().sets.split(",")):
        if load(name, rows=100, seed=0).task != "classification":
            continue
        cells = []
        for forest in FORESTS:
            before, after = (np.abs(measured(name, forest, smoothing)) for smoothing in (0.0, 0.3))
            changes[forest].append(list(np.log(after / before)))
            cells += [f"{was:.4f} to {now:.4f}" for was, now in zip(before, after, strict=True)]
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)
    for forest in FORESTS:
        found = 100 * np.array(changes[forest])
        error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        print(
            forest, "log change in %:", *(f"{m:+.1f} ± {e:.1f}" for m, e in zip(found.mean(axis=0), error, strict=True))
        )


if __name__ == "__main__":
    main()
