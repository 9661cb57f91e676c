"""Fit AutoGluon on a folder's training frame. Runs in an environment of its own, without byoe."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import costs
import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor

WAYS: dict[str, dict[str, Any]] = {
    "autogluon-best": {"presets": "best_quality"},
    "autogluon-medium": {"presets": "medium_quality"},
    # What byoe's default has, as AutoGluon does it: the same three boosters, five folds, one layer.
    "autogluon-boosters": {
        "hyperparameters": {"GBM": {}, "CAT": {}, "XGB": {}},
        "num_bag_folds": 5,
        "num_bag_sets": 1,
        "num_stack_levels": 0,
        "dynamic_stacking": False,
    },
}


def main(folder: Path) -> None:
    """Read job.json, train.parquet and test.parquet; write prediction.npy and result.json."""
    job = json.loads((folder / "job.json").read_text())
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    predictor, fit_seconds = costs.timed(lambda: fitted(folder, train, job))

    def predict(rows: pd.DataFrame) -> Any:
        if not job["n_classes"]:
            return predictor.predict(rows).to_numpy()
        # A class too rare for AutoGluon to learn has no column.
        found = predictor.predict_proba(rows).reindex(columns=range(job["n_classes"]), fill_value=0.0)
        return found.to_numpy()

    prediction, predict_seconds = costs.timed(lambda: predict(test))
    # Models stay in memory for the calls that are timed, as a server would have it.
    predictor.persist(max_memory=None)
    found = costs.measured(
        fit_seconds, predict_seconds, predict, test, lambda path: predictor.clone_for_deployment(str(path))
    )
    np.save(folder / "prediction.npy", prediction)
    # Without torch AutoGluon leaves its neural networks out.
    versions = {"autogluon.tabular": version("autogluon.tabular"), "torch": _torch()}
    (folder / "result.json").write_text(json.dumps({"costs": found, "versions": versions}))


def fitted(folder: Path, train: pd.DataFrame, job: dict[str, Any]) -> TabularPredictor:
    """Return the fitted predictor.

    In few seconds AutoGluon's trial fit, which tells whether a second layer helps, may train no model, and the real fit
    is then refused because the trial's is still in its place. It is made anew, without a trial, in what time is left.
    """
    started = time.monotonic()
    try:
        return _predictor(folder / "model", job).fit(train, **_settings(job))
    except AssertionError as error:
        if "already fit" not in str(error):
            raise
    left = job["time_limit"] - (time.monotonic() - started)
    return _predictor(folder / "again", job).fit(
        train, **_settings(job) | {"time_limit": left, "dynamic_stacking": False}
    )


def _predictor(path: Path, job: dict[str, Any]) -> TabularPredictor:
    classes = job["n_classes"]
    return TabularPredictor(
        "target",
        problem_type=("binary" if classes == 2 else "multiclass") if classes else "regression",
        eval_metric="log_loss" if classes else "root_mean_squared_error",
        path=path,
        verbosity=1,
    )


def _settings(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "time_limit": job["time_limit"],
        "num_cpus": job["cores"],
        "num_gpus": 0,
        "fit_strategy": "sequential",
        # Folds and trial fits run in this process: workers of a cluster would not keep to its cores.
        "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"},
        "ds_args": {"memory_safe_fits": False, "enable_ray_logging": False},
        **WAYS[job["method"]],
    }


def _torch() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
