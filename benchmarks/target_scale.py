"""Whether members should have the logarithm of a skewed target, and who is to say so.

``target_transform`` None, ``"log1p"`` and ``"auto"`` with LightGBM and ridge regression. At most 1,000 of 3,000 rows
are for the fit, and the root mean squared error is of the others. The sets are those with a target that is never
negative, whose skewness is above 1 and at least halved by the logarithm: with others ``"auto"`` does nothing.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from datasets import load
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from byoe import EnsembleRegressor
from byoe.errors import ColumnWarning, LeakageWarning

SETS = "abalone,biomass,car-prices,check-times,diamonds,residential"
WAYS = (None, "log1p", "auto")


def measured(name: str, seed: int) -> list[tuple[float, float]]:
    """Return the error on unseen rows and the seconds of processor time of each way."""
    data = load(name, rows=3_000, seed=seed)
    rows = min(1_000, int(0.6 * len(data.y)))
    X, X_test, y, y_test = train_test_split(data.X, data.y, train_size=rows, random_state=seed)
    found = []
    for way in WAYS:
        started = time.process_time()
        made = EnsembleRegressor(["lightgbm", "ridge"], target_transform=way, random_state=seed, n_jobs=1).fit(X, y)
        seconds = time.process_time() - started
        found.append((root_mean_squared_error(y_test, made.predict(X_test)), seconds))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=SETS, help="names with commas")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    for ignored in (ColumnWarning, LeakageWarning):
        warnings.simplefilter("ignore", ignored)
    print('| set | `"log1p"` | `"auto"` | processor time of `"auto"` |\n|---|---|---|---|')
    changes = []
    for name in args.sets.split(","):
        found = np.log([measured(name, seed) for seed in range(args.seeds)])  # by seed, way, error and time
        change = found[:, 1:, 0] - found[:, :1, 0]
        ratio = np.exp((found[:, 2, 1] - found[:, 0, 1]).mean())
        changes.append(change.mean(axis=0))
        cells = " | ".join(", ".join(f"{one:+.1%}" for one in way) for way in change.T)
        print(f"| `{name}` | {cells} | {ratio:.1f} |", flush=True)
    error = np.std(changes, axis=0, ddof=1) / np.sqrt(len(changes))
    cells = " | ".join(f"{mean:+.1%} ± {one:.1%}" for mean, one in zip(np.mean(changes, axis=0), error, strict=True))
    print(f"| mean | {cells} | |")


if __name__ == "__main__":
    main()
