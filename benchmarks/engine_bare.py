"""The fits of the members by the libraries alone, in one thread each: what no engine can do without."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import catboost
import joblib
import lightgbm
import numpy as np
import xgboost
from engine_cases import MEMBERS
from engine_sides import folds

Fit = Callable[[Any, Any], tuple[Any, Any]]


def codes(X: Any) -> tuple[Any, list[int]]:
    """Return a table as one array of float64, and the positions of its columns of categories."""
    if isinstance(X, np.ndarray):
        return X, []
    columns = [X[name].cat.codes if X[name].dtype == "category" else X[name] for name in X]
    values = np.ascontiguousarray(np.column_stack(columns).astype(np.float64))
    return values, [i for i, name in enumerate(X) if X[name].dtype == "category"]


def one_by_one(X: Any, categories: list[int], y: Any) -> dict[str, Any]:
    """Fit one model after the other; return the seconds of each, and of what prepares each library."""
    parts: list[tuple[str, float]] = []
    predictions = {name: np.empty(len(y)) for name in MEMBERS}
    models = []
    for name in MEMBERS:
        started = time.perf_counter()
        fit = PREPARE[name](X, y, categories)
        parts.append((f"{name} prepared", time.perf_counter() - started))
        for train, test in folds().split(X):
            started = time.perf_counter()
            model, predictions[name][test] = fit(train, test)
            parts.append((name, time.perf_counter() - started))
            models.append((name, model))
    return {"parts": parts, "models": models, "oof": predictions}


def packed(X: Any, categories: list[int], y: Any) -> dict[str, Any]:
    """Fit as many models at once as there are cores."""
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        fits = dict(zip(MEMBERS, pool.map(lambda name: PREPARE[name](X, y, categories), MEMBERS), strict=True))
        parts = list(folds().split(X))
        found = pool.map(lambda task: (task[0], fits[task[0]](*task[1])[0]), product(MEMBERS, parts))
        return {"models": list(found)}


def _xgboost(X: Any, y: Any, categories: list[int]) -> Fit:
    given = dict(MEMBERS["xgboost"])
    rounds = given.pop("n_estimators")
    kinds = ["c" if i in categories else "q" for i in range(X.shape[1])]
    matrix = partial(
        xgboost.QuantileDMatrix, nthread=1, feature_types=kinds, enable_categorical=True, max_bin=given["max_bin"]
    )
    cuts = matrix(X)

    def fit(train: Any, test: Any) -> tuple[Any, Any]:
        model = xgboost.train({**given, "nthread": 1}, matrix(X[train], y[train], ref=cuts), rounds)
        return model, model.inplace_predict(X[test], validate_features=False)

    return fit


def _lightgbm(X: Any, y: Any, categories: list[int]) -> Fit:
    given = dict(MEMBERS["lightgbm"])
    rounds = given.pop("n_estimators")
    # What makes the models the same whatever the number of threads, as byoe has it.
    given |= {"deterministic": True, "force_col_wise": True, "num_threads": 1, "verbosity": -1}
    prepared = lightgbm.Dataset(X, params=given, categorical_feature=categories).construct()

    def fit(train: Any, test: Any) -> tuple[Any, Any]:
        data = prepared.subset([], params=given)
        data.used_indices = train.astype(np.int32)  # subset itself sorts a list of Python's numbers
        data.construct().set_label(y[train])
        model = lightgbm.train(given, data, rounds)
        return model, model.predict(X[test], num_threads=1)

    return fit


def _catboost(X: Any, y: Any, categories: list[int]) -> Fit:
    given = MEMBERS["catboost"]
    cells = X.astype(np.float32)
    if categories:
        import pandas as pd

        whole = {i: X[:, i].astype(np.int32) for i in categories}
        cells = pd.DataFrame({i: whole.get(i, column) for i, column in enumerate(X.T)}, copy=False)
    pool = catboost.Pool(cells, label=y, cat_features=categories or None, thread_count=1)
    pool.quantize(task_type="CPU", border_count=given["border_count"])

    def fit(train: Any, test: Any) -> tuple[Any, Any]:
        model = catboost.CatBoostRegressor(
            **given, thread_count=1, allow_writing_files=False, logging_level="Silent", random_seed=0
        )
        model.fit(pool.slice(train))
        return model, model.predict(cells.iloc[test] if categories else cells[test], thread_count=1)

    return fit


PREPARE: dict[str, Callable[[Any, Any, list[int]], Fit]] = {
    "catboost": _catboost,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
