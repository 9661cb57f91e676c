"""Fits of single configurations on single sets, each in a process of its own, and what is kept of them."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from data_sets import division

from portfolios.candidates import Candidate

TRAIN, TEST = 2_000, 4_000
SEED = 0
FOLDS = 5
# Processor seconds after which a configuration is given up on a set of TRAIN rows; of more rows as many times more.
PATIENCE = 120
_TESTED_SHARE = 0.3
_ASKED = 1_000
_SPLIT = "split.json"


def in_turns(names: Sequence[str]) -> list[str]:
    """Return sets so that the tasks take turns, and of each task those first that cost least."""
    sizes = {name: size for half in division.read().values() for name, size in half.items()}
    by_task: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: _cells(sizes[name])):
        by_task.setdefault(division.stratum(sizes[name])[0], []).append(name)
    place = {name: (i + 0.5) / len(found) for found in by_task.values() for i, name in enumerate(found)}
    return sorted(place, key=place.__getitem__)


def _cells(size: dict[str, int]) -> int:
    return min(size["rows"], TRAIN) * size["columns"] * (size["classes"] if size["classes"] > 2 else 1)


@dataclass(frozen=True)
class Split:
    """How many training rows of a set there are at most, and the seed of which rows and of the fits."""

    rows: int = TRAIN
    seed: int = SEED

    @property
    def patience(self) -> int:
        """Processor seconds after which a configuration is given up."""
        return round(PATIENCE * max(1.0, self.rows / TRAIN))

    @property
    def suffix(self) -> str:
        """What follows the name of a set in the table of what was measured."""
        return "" if self.rows == TRAIN else f"@{self.rows}"


def split(name: str, which: Split = Split()) -> tuple[Any, Any, Any, Any, str]:
    """Return training and test rows of a set, targets (of classes their codes), and the task."""
    from datasets import load
    from sklearn.model_selection import train_test_split

    data = load(name, rows=which.rows + TEST, seed=which.seed)
    classes = data.task == "classification"
    y = np.unique(data.y.to_numpy(), return_inverse=True)[1] if classes else data.y.to_numpy(dtype=np.float64)
    train = min(which.rows, round(len(y) * (1 - _TESTED_SHARE)))
    X, X_test, y, y_test = train_test_split(
        data.X, y, train_size=train, random_state=which.seed, stratify=y if classes else None
    )
    return X, X_test[:TEST], y, y_test[:TEST], data.task


def measured(candidate: Candidate, data: tuple[Any, ...], seed: int = SEED) -> dict[str, Any]:
    """Return predictions of rows that the models did not see, and what fitting and predicting cost."""
    from byoe import EnsembleClassifier, EnsembleRegressor, learner

    X, X_test, y, y_test, task = data
    classes = task == "classification"
    member = (candidate.label, learner(candidate.learner, **candidate.params))
    ensemble = (EnsembleClassifier if classes else EnsembleRegressor)(
        [member], "best", cv=FOLDS, n_jobs=1, random_state=seed
    )
    started = time.process_time()
    ensemble.fit(X, y)
    seconds = time.process_time() - started
    # A call has a cost of its own, which few rows would show instead of theirs.
    asked = X_test.iloc[np.resize(np.arange(len(X_test)), max(len(X_test), _ASKED))]
    started = time.process_time()
    prediction = (ensemble.predict_proba if classes else ensemble.predict)(asked)
    predict_ms = 1e6 * (time.process_time() - started) / len(asked)
    prediction = prediction[: len(X_test)]
    oof = ensemble.oof_predictions_
    return {
        "oof": np.asarray(oof[:, 0], dtype=np.float32) if classes else np.asarray(oof[:, 0]),
        "test": np.asarray(prediction, dtype=np.float32) if classes else np.asarray(prediction),
        "y": y,
        "y_test": y_test,
        "folds": ensemble._oof.plan.test_fold,
        "seconds": seconds,
        "predict_ms": predict_ms,
        "bytes": _bytes(ensemble),
    }


def _bytes(ensemble: Any) -> int:
    """Return the size of what is served."""
    with tempfile.TemporaryDirectory() as folder:
        ensemble.save(Path(folder, "saved"), oof=False)
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def measure(
    names: Sequence[str], candidates: Sequence[Candidate], out: Path, again: bool = False, which: Split = Split()
) -> None:
    """Measure what is missing, set by set, and keep it as files below ``out``.

    Every set has a folder, and every configuration a file in it; one that failed or took too long has its reason
    in a file of the same name that ends in ``.txt``.

    Raises
    ------
    ValueError
        If what is there was measured with other rows or another seed.
    """
    _remember(out, which)
    _import_libraries()
    for name in names:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [one for one in candidates if again or not _done(folder, one)]
        if not wanted:
            continue
        data = split(name, which)
        started = time.monotonic()
        for candidate in wanted:
            if candidate.suits(data[-1]):
                _measure_apart(candidate, data, folder, which)
        print(f"{name}: {len(wanted)} configurations in {time.monotonic() - started:.0f} s", flush=True)


def split_of(folder: Path) -> Split:
    """Return how what is in a folder was measured."""
    return Split(**json.loads((folder / _SPLIT).read_text()))


def _remember(out: Path, which: Split) -> None:
    if not (out / _SPLIT).exists():
        out.mkdir(parents=True, exist_ok=True)
        (out / _SPLIT).write_text(json.dumps(asdict(which)))
    there = split_of(out)
    if there != which:
        raise ValueError(f"{out} was measured with {there}, and now {which} is asked for: give another folder")


def _done(folder: Path, candidate: Candidate) -> bool:
    """Return whether it was measured as it is, or given up."""
    asked = folder / f"{candidate.label}.json"
    return asked.exists() and json.loads(asked.read_text()) == _description(candidate)


def _description(candidate: Candidate) -> list[Any]:
    return [candidate.learner, candidate.params]


def _measure_apart(candidate: Candidate, data: tuple[Any, ...], folder: Path, which: Split) -> None:
    """Measure in a fork, which is ended by the system when its processor time is over."""
    kept, reason = folder / f"{candidate.label}.npz", folder / f"{candidate.label}.txt"
    for stale in (kept, reason, folder / f"{candidate.label}.json"):
        stale.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):  # a fork never goes back into its parent's loop
            resource.setrlimit(resource.RLIMIT_CPU, (which.patience, which.patience + 1))
            status = _keep(candidate, data, which, kept, reason)
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        reason.write_text(
            f"stopped by signal {os.WTERMSIG(status)}, after {which.patience} s of processor time or for memory"
        )
    (folder / f"{candidate.label}.json").write_text(json.dumps(_description(candidate)))


def _keep(candidate: Candidate, data: tuple[Any, ...], which: Split, kept: Path, reason: Path) -> int:
    warnings.simplefilter("ignore")
    try:
        found = measured(candidate, data, which.seed)
    except Exception:
        reason.write_text(traceback.format_exc()[-3000:])
        return 1
    partial = kept.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, **found)
    partial.rename(kept)
    return 0


def _import_libraries() -> None:
    """Import what fits import, so that no fit counts it."""
    import catboost  # noqa: F401
    import lightgbm  # noqa: F401
    import sklearn.calibration  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import sklearn.neural_network  # noqa: F401
    import sklearn.svm  # noqa: F401
    import xgboost  # noqa: F401

    import byoe  # noqa: F401
    from byoe import EnsembleRegressor

    EnsembleRegressor(["ridge"], "best", n_jobs=1).fit(np.eye(20), np.arange(20.0))
    sys.stdout.flush()
