"""Fit AutoGluon on a folder's training frame. Runs in an environment of its own, without byoe."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor


def main(folder: Path) -> None:
    """Read job.json, train.parquet and test.parquet; write prediction.npy and result.json."""
    job = json.loads((folder / "job.json").read_text())
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    classes = job["n_classes"]
    started = time.perf_counter()
    predictor = TabularPredictor(
        "target",
        problem_type=("binary" if classes == 2 else "multiclass") if classes else "regression",
        eval_metric="log_loss" if classes else "root_mean_squared_error",
        path=folder / "model",
        verbosity=1,
    ).fit(
        train,
        presets="best_quality",
        time_limit=job["time_limit"],
        num_cpus=job["cores"],
        num_gpus=0,
        fit_strategy="sequential",
        # Folds and trial fits run in this process: workers of a cluster would not keep to its cores.
        ag_args_ensemble={"fold_fitting_strategy": "sequential_local"},
        ds_args={"memory_safe_fits": False, "enable_ray_logging": False},
    )
    fitted = time.perf_counter()
    if classes:
        # A class too rare for AutoGluon to learn has no column.
        prediction = predictor.predict_proba(test).reindex(columns=range(classes), fill_value=0.0).to_numpy()
    else:
        prediction = predictor.predict(test).to_numpy()
    done = time.perf_counter()
    np.save(folder / "prediction.npy", prediction)
    result = {
        "fit_seconds": fitted - started,
        "predict_seconds": done - fitted,
        # Without torch AutoGluon leaves its neural networks out.
        "versions": {"autogluon.tabular": version("autogluon.tabular"), "torch": _torch()},
    }
    (folder / "result.json").write_text(json.dumps(result))


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
