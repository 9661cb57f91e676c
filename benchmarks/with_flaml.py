"""Fit FLAML on a folder's training frame. Runs in an environment of its own, without byoe."""

from __future__ import annotations

import json
import pickle
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import costs
import numpy as np
import pandas as pd
from flaml import AutoML

# The stack is built of the best of each kind, within the same seconds.
WAYS: dict[str, dict[str, Any]] = {"flaml": {}, "flaml-ensemble": {"ensemble": True}}


def main(folder: Path) -> None:
    """Read job.json, train.parquet and test.parquet; write prediction.npy and result.json."""
    job = json.loads((folder / "job.json").read_text())
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    classes = job["n_classes"]
    search = AutoML()
    given = {
        "task": "classification" if classes else "regression",
        "metric": "log_loss" if classes else "rmse",
        "time_budget": job["time_limit"],
        "n_jobs": job["cores"],
        "seed": job["seed"],
        "verbose": 0,
        **WAYS[job["method"]],
    }
    X, y = train.drop(columns="target"), train["target"].to_numpy()
    _, fit_seconds = costs.timed(lambda: search.fit(X, y, **given))
    if search.model is None:
        raise RuntimeError(f"FLAML has found no model in {job['time_limit']:g} s")
    predict = search.predict_proba if classes else search.predict
    prediction, predict_seconds = costs.timed(lambda: np.asarray(predict(test)))

    def save(path: Path) -> None:
        path.write_bytes(pickle.dumps(search))

    found = costs.measured(fit_seconds, predict_seconds, predict, test, save)
    np.save(folder / "prediction.npy", prediction)
    names = ("flaml", "lightgbm", "xgboost", "catboost")
    versions = {f"{name} (FLAML's)" if name != "flaml" else name: _version(name) for name in names}
    (folder / "result.json").write_text(json.dumps({"costs": found, "versions": versions}))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
