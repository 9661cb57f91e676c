"""Make one measurement of the engine's benchmark, in a process of its own. Run by engine.py."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine_cases import Run
from one_run import limit_cores

# On how many of the training rows the error of a fitted ensemble is looked at.
_LOOK = 10_000
_CHANGES = 5


def measure(run: Run, data: str) -> dict[str, Any]:
    """Return what a run measured on the data in a file, with their size."""
    import joblib
    import numpy as np

    X, y = joblib.load(data)
    shape = {"n_rows": X.shape[0], "n_columns": X.shape[1], "data_bytes": int(np.prod(X.shape)) * 8}
    return shape | METHODS[run.method](run, X, y)


def _byoe(run: Run, X: Any, y: Any) -> dict[str, Any]:
    import engine_sides

    ensemble = engine_sides.byoe(run.method.removeprefix("byoe-"), run.members)
    found = _fitted(ensemble, X, y)
    if run.method == "byoe-refit" and not (run.members or run.busy):
        found |= _changed(ensemble, X)
    if run.method == "byoe-bag":
        columns = ensemble.oof_predictions_.T
        found["oof_rmse"] = {label: _rmse(column, y) for label, column in zip(ensemble.members_, columns, strict=True)}
    return found


def _changed(ensemble: Any, X: Any) -> dict[str, Any]:
    """Return what it takes to change a fitted ensemble: the seconds of each try."""

    def seconds(change: Callable[[], Any]) -> float:
        started = time.perf_counter()
        change()
        return time.perf_counter() - started

    return {
        "reblend_seconds": {
            name: [seconds(lambda name=name: ensemble.reblend(name)) for _ in range(_CHANGES)]
            for name in ("weighted", "meta-linear")
        },
        "add_seconds": seconds(lambda: ensemble.add_members(["ridge"], X)),
    }


def _stack(run: Run, X: Any, y: Any) -> dict[str, Any]:
    import engine_sides

    with engine_sides.backend(run.method):
        return _fitted(engine_sides.stack(run.method, X), X, y)


def _fitted(ensemble: Any, X: Any, y: Any) -> dict[str, Any]:
    import engine_sides
    from engine_watch import Watch

    with Watch() as watch:
        ensemble.fit(X, y)
    work = engine_sides.work(engine_sides.native(ensemble))
    engine_sides.check(work)
    return watch.result() | {"work": work, "rmse": _rmse(ensemble.predict(X[:_LOOK]), y[:_LOOK])}


def _bare(run: Run, X: Any, y: Any) -> dict[str, Any]:
    import engine_bare
    import engine_sides
    from engine_watch import Watch

    values, categories = engine_bare.codes(X)
    fit = engine_bare.packed if run.method == "bare-packed" else engine_bare.one_by_one
    with Watch() as watch:
        found = fit(values, categories, y)
    found["work"] = engine_sides.work(found.pop("models"))
    engine_sides.check(found["work"])
    if "oof" in found:
        found["oof_rmse"] = {name: _rmse(column, y) for name, column in found.pop("oof").items()}
    return watch.result() | found


def _rmse(prediction: Any, y: Any) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(y, prediction))


METHODS: dict[str, Callable[[Run, Any, Any], dict[str, Any]]] = {
    "byoe-refit": _byoe,
    "byoe-bag": _byoe,
    "sklearn-threads": _stack,
    "sklearn-processes": _stack,
    "sklearn-both": _stack,
    "sklearn-threading": _stack,
    "bare": _bare,
    "bare-packed": _bare,
}


if __name__ == "__main__":
    job, data, result = sys.argv[1:]
    run = json.loads(job)
    limit_cores(run.pop("cores"))
    # What every side needs is there before the clock starts.

    Path(result).write_text(json.dumps(measure(Run(**run), data)))
