"""What is compared: byoe's presets, boosters alone, scikit-learn's ensembles of them, AutoGluon, FLAML.

A method whose name ends with ``@limit`` is told how many seconds it has; any other takes what it takes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import by_hand
import costs
import joblib
import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray
from splits import LEANER, Outcome, Split

LIMITED = "@limit"
# What `byoe-best` is pruned with: the share of its error that is worth all of its time.
TOLERANCE = 0.01
# What is given to byoe's estimators beside the seed and the limit.
BYOE: dict[str, dict[str, Any]] = {
    "byoe": {},
    "byoe-fast": {"learners": "fast"},
    "byoe-best": {"learners": "best"},
    "byoe-layers": {"layers": 2},
}
# Libraries in environments of their own, and the scripts that run there.
WORKERS = {"autogluon": "with_autogluon.py", "flaml": "with_flaml.py"}
GROUPS = {
    "unlimited": list(BYOE),
    "limited": [name + LIMITED for name in BYOE],
    "members": [f"{library}-{setting}" for setting in by_hand.SETTINGS for library in by_hand.LIBRARIES],
    "tuned": [f"{library}-tuned" for library in by_hand.LIBRARIES],
    "sklearn": [f"stack-{setting}" for setting in by_hand.SETTINGS],
    "mean": [f"mean-{setting}" for setting in by_hand.SETTINGS],
    "autogluon": [
        "autogluon-best@limit",
        "autogluon-medium@limit",
        "autogluon-boosters@limit",
        "autogluon-boosters",
    ],
    "flaml": ["flaml@limit", "flaml-ensemble@limit"],
}
METHODS = tuple(method for group in GROUPS.values() for method in group)


def expand(names: list[str]) -> list[str]:
    """Return the methods that names of groups and of methods stand for."""
    unknown = [name for name in names if name not in GROUPS and name not in METHODS]
    if unknown:
        raise ValueError(f"unknown methods {', '.join(unknown)}; known are {', '.join([*GROUPS, *METHODS])}")
    return list(dict.fromkeys(method for name in names for method in GROUPS.get(name, [name])))


def is_limited(method: str) -> bool:
    """Return whether a method is told its seconds."""
    return method.endswith(LIMITED)


def worker(method: str) -> str | None:
    """Return the library whose environment a method needs; None for this one."""
    kind = method.removesuffix(LIMITED).split("-")[0]
    return kind if kind in WORKERS else None


def measure(method: str, split: Split) -> Outcome:
    """Fit a method on the training part and predict the test part."""
    if kind := worker(method):
        return _elsewhere(kind, method.removesuffix(LIMITED), split)
    ours = method.startswith("byoe")
    model = _byoe(split, method) if ours else by_hand.made(method, split)
    predict = model.predict_proba if split.n_classes else model.predict
    with _threads(method):
        _, fit_seconds = costs.timed(lambda: model.fit(split.X, split.y))
    save = model.save if ours else lambda path: joblib.dump(model, path)
    outcome = _outcome(predict, save, fit_seconds, split, by_hand.versions(*(["byoe-ensemble"] if ours else [])))
    if method == "byoe":
        outcome.members = _member_predictions(model, split)
    if method.startswith("byoe-best"):
        outcome.leaner = _leaner(model, fit_seconds, split)
    return outcome


def _outcome(
    predict: Callable[[Any], Any],
    save: Callable[[Path], Any],
    fit_seconds: float,
    split: Split,
    versions: dict[str, str],
) -> Outcome:
    prediction, predict_seconds = costs.timed(lambda: np.asarray(predict(split.X_test)))
    return Outcome(prediction, costs.measured(fit_seconds, predict_seconds, predict, split.X_test, save), versions)


def _leaner(ensemble: Any, fit_seconds: float, split: Split) -> dict[str, Outcome]:
    """Return what becomes of an ensemble that is pruned once it is fitted, and then refitted; both take time on top."""
    found = {}
    for word, change in zip(LEANER, (lambda one: one.prune(TOLERANCE), lambda one: one.refit(split.X)), strict=True):
        ensemble, seconds = costs.timed(partial(change, ensemble))
        fit_seconds += seconds
        predict = ensemble.predict_proba if split.n_classes else ensemble.predict
        found[word] = _outcome(predict, ensemble.save, fit_seconds, split, {})
    return found


def _threads(method: str) -> AbstractContextManager[Any]:
    """Let scikit-learn's ensembles fit in threads: processes would start and import for every fit."""
    return parallel_config("threading") if method.startswith(("stack", "mean")) else nullcontext()


def _byoe(split: Split, method: str) -> Any:
    from byoe import EnsembleClassifier, EnsembleRegressor

    kind = EnsembleClassifier if split.n_classes else EnsembleRegressor
    given = BYOE[method.removesuffix(LIMITED)]
    return kind(random_state=split.seed, time_limit=split.time_limit, **given)


def _member_predictions(ensemble: Any, split: Split) -> dict[str, NDArray[Any]]:
    """Return what each member predicts alone, fitted and served as in the ensemble."""
    values = ensemble.transform(split.X_test)
    labels = list(ensemble.members_)
    if split.n_classes == 2:
        return {label: np.column_stack([1 - column, column]) for label, column in zip(labels, values.T, strict=True)}
    if split.n_classes:
        return dict(zip(labels, np.split(values, len(labels), axis=1), strict=True))
    return dict(zip(labels, values.T, strict=True))


def _elsewhere(kind: str, method: str, split: Split) -> Outcome:
    """Run a method in the environment that has it; frames go there and predictions come back as files."""
    if not split.pythons.get(kind):
        raise ValueError(f"give the interpreter of an environment with {kind}: --{kind}-python PATH")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split.X.assign(target=split.y).to_parquet(folder / "train.parquet")
        split.X_test.to_parquet(folder / "test.parquet")
        job = {
            "method": method,
            "n_classes": split.n_classes,
            "time_limit": split.time_limit,
            "cores": split.cores,
            "seed": split.seed,
        }
        (folder / "job.json").write_text(json.dumps(job))
        script = Path(__file__).with_name(WORKERS[kind])
        done = subprocess.run([split.pythons[kind], str(script), str(folder)], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            # Its last line says why, which a traceback of this process would hide.
            raise RuntimeError(f"{kind}, exit status {done.returncode}:\n{done.stderr.strip()[-1500:]}")
        result = json.loads((folder / "result.json").read_text())
        return Outcome(np.load(folder / "prediction.npy"), **result)
