"""What a fitted model costs: seconds, bytes on disk, memory. Also run where byoe is not installed."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS, CALLS = 1000, 3


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns and its seconds."""
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def measured(
    fit_seconds: float,
    predict_seconds: float,
    predict: Callable[[pd.DataFrame], Any],
    X: pd.DataFrame,
    save: Callable[[Path], Any],
) -> dict[str, float | None]:
    """Return all costs of a model that was fitted and has predicted the test part.

    Parameters
    ----------
    fit_seconds, predict_seconds : float
    predict : callable
        Predicts a frame.
    X : frame
        Rows to predict, again and again where they are fewer than 1,000.
    save : callable
        Writes what is needed to predict to a path in an empty folder.

    Returns
    -------
    dict
        ``fit_seconds``, ``predict_seconds``, ``predict_1000_ms`` (median of three calls), ``artifact_bytes`` and
        ``peak_mb`` (of the process that fits; None where the system does not tell).
    """
    # Before the rest, which may take memory too.
    peak = peak_megabytes()
    rows = X.iloc[np.resize(np.arange(len(X)), ROWS)].reset_index(drop=True)
    calls = [timed(lambda: predict(rows))[1] for _ in range(CALLS)]
    with tempfile.TemporaryDirectory() as name:
        save(Path(name, "artifact"))
        size = folder_bytes(Path(name))
    return {
        "fit_seconds": round(fit_seconds, 3),
        "predict_seconds": round(predict_seconds, 4),
        "predict_1000_ms": round(1000 * statistics.median(calls), 2),
        "artifact_bytes": size,
        "peak_mb": peak,
    }


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def peak_megabytes() -> float | None:
    """Return the most memory that this process has held so far, where Linux tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return round(int(found[0]) / 1024, 1) if found else None
