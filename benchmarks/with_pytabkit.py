"""Fit a network of pytabkit on a folder's training frame. Runs in an environment of its own, without byoe."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pytabkit.models.sklearn import sklearn_interfaces


def main(folder: Path) -> None:
    """Read job.json, train.parquet and test.parquet; write prediction.npy and seconds.json, of the processor."""
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(1)
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    y = train.pop("target").to_numpy()
    train, test = filled(train, test)
    kind = getattr(sklearn_interfaces, f"{job['network']}_{'Classifier' if job['classes'] else 'Regressor'}")
    more = {"val_metric_name": "cross_entropy"} if job["classes"] else {}
    started = time.process_time()
    model = kind(device="cpu", random_state=0, n_threads=1, **more).fit(train, y)
    seconds = time.process_time() - started
    np.save(folder / "prediction.npy", model.predict_proba(test) if job["classes"] else model.predict(test).ravel())
    (folder / "seconds.json").write_text(json.dumps(seconds))


def filled(train: pd.DataFrame, test: pd.DataFrame) -> list[Any]:
    """Return tables without missing cells, which pytabkit refuses: medians of the training rows, and a category."""
    frames = [train.copy(), test.copy()]
    for column in train:
        if isinstance(train[column].dtype, pd.CategoricalDtype):
            texts = [frame[column].astype(object).fillna("").astype(str) for frame in frames]
            levels = pd.CategoricalDtype(sorted(set(texts[0]) | set(texts[1])))
            for frame, cells in zip(frames, texts, strict=True):
                frame[column] = cells.astype(levels)
        else:
            median = train[column].astype(float).median()
            for frame in frames:
                frame[column] = frame[column].astype(float).fillna(median)
    return frames


if __name__ == "__main__":
    main(Path(sys.argv[1]))
