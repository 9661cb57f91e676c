"""Write the bundles of the present format that `test_formats.py` keeps: ``python tests/make_bundles.py``.

To be run once for each format, by the first version that writes it, with what is new in it.
"""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.bundle._manifest import FORMAT


def table():
    """Return columns of every kind, some cells of which are missing, and a target."""
    rng = np.random.default_rng(0)
    n = 90
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "rooms": rng.integers(1, 6, n),
            "town": rng.choice(["Oslo", "Bonn", "Rome"], n),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
        }
    )
    frame.loc[::9, "town"] = None
    frame.loc[::7, "size"] = np.nan
    return frame, frame["size"].fillna(0) + 2 * (frame["town"] == "Oslo") + 0.1 * rng.normal(size=n)


def main():
    frame, y = table()
    labels = np.array(["high", "low", "mid"], dtype=object)[np.digitize(y, [0, 1])]
    small = [learner("xgboost", n_estimators=3, max_depth=3), learner("lightgbm", n_estimators=3, num_leaves=4)]
    folder = Path(__file__).parent / "bundles" / f"format-{FORMAT}"
    shutil.rmtree(folder, ignore_errors=True)
    both = {"cv": 3, "random_state": 0, "finalize": "both"}
    regression = EnsembleRegressor([*small, "ridge", "knn"], "mean", **both).fit(frame, y)
    regression.save(folder / "regression")
    classes = EnsembleClassifier([*small, "ridge"], "weighted", calibrate=True, **both).fit(frame, labels)
    classes.save(folder / "classification")
    inner = EnsembleRegressor(["ridge", "knn"], "mean", cv=3)
    layers = EnsembleRegressor([("inner", inner), "ridge"], "weighted", cv=3, random_state=0).fit(frame[["rooms"]], y)
    layers.save(folder / "layers")
    rows = frame.head(12)
    cells = [
        {name: None if pd.isna(cell) else str(cell.date()) if name == "sold" else cell for name, cell in row.items()}
        for row in rows.to_dict("records")
    ]
    expected = {
        "rows": cells,
        "predictions": regression.predict(rows).tolist(),
        "labels": classes.predict(rows).tolist(),
        "layers": layers.predict(rows[["rooms"]]).tolist(),
        "probabilities": classes.predict_proba(rows).tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of a network that has not converged
    main()
