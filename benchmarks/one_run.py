"""Fit one method on one split of one data set, in a process of its own. Run by held_out.py."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def limit_cores(cores: int) -> None:
    """Keep this process, and what it starts, to some cores. Call before a numerical library is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        os.environ[name] = str(cores)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Return loss, costs and versions."""
    import methods

    data, split = split_of(job)
    outcome = methods.measure(job["method"], split)
    found = {
        "train_rows": len(split.y),
        "metric": data.metric,
        "loss": loss(split, outcome.prediction),
        **outcome.costs,
        "versions": outcome.versions,
    }
    for word, leaner in outcome.leaner.items():
        found[word] = {"loss": loss(split, leaner.prediction), **leaner.costs}
    if outcome.members:
        found["members"] = {label: loss(split, prediction) for label, prediction in outcome.members.items()}
    return found


def split_of(job: dict[str, Any]) -> tuple[Any, Any]:
    """Return the data set and its split: 70 % for training, stratified for classes."""
    import datasets
    import numpy as np
    from sklearn.model_selection import train_test_split
    from splits import Split

    data = datasets.load(job["set"], job["rows"], job["seed"])
    y, n_classes = data.y.to_numpy(), 0
    if data.task == "classification":
        classes, y = np.unique(y, return_inverse=True)
        n_classes = len(classes)
    X, X_test, y, y_test = train_test_split(
        data.X, y, test_size=0.3, random_state=job["seed"], stratify=y if n_classes else None
    )
    limits = job["cores"], job["time_limit"], job["pythons"]
    return data, Split(X, y, X_test, y_test, n_classes, job["seed"], *limits)


def loss(split: Any, prediction: Any) -> float:
    """Return the root mean squared error or, for classes, the log-loss."""
    import numpy as np
    from sklearn.metrics import log_loss, root_mean_squared_error

    prediction = np.asarray(prediction, dtype=np.float64)
    if not split.n_classes:
        return float(root_mean_squared_error(split.y_test, prediction))
    # Some libraries' rows sum to one in single precision only.
    prediction = prediction / prediction.sum(axis=1, keepdims=True)
    return float(log_loss(split.y_test, prediction, labels=range(split.n_classes)))


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    limit_cores(job["cores"])
    Path(sys.argv[2]).write_text(json.dumps(run(job)))
