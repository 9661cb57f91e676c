"""The two sides of the engine's benchmark, byoe and scikit-learn's stacking, and what their models say of the work."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import joblib
import numpy as np
from engine_cases import FOLDS, MEMBERS, UNUSUAL
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold


def folds() -> KFold:
    """Return the folds of all sides."""
    return KFold(FOLDS, shuffle=True, random_state=0)


def byoe(finalize: str, members: int) -> Any:
    """Return byoe's ensemble of the three boosters, or of so many LightGBMs."""
    from byoe import EnsembleRegressor, learner

    learners = [(name, learner(name, **parameters)) for name, parameters in MEMBERS.items()]
    if members:
        parameters = MEMBERS["lightgbm"]
        learners = [(f"m{seed}", learner("lightgbm", random_state=seed, **parameters)) for seed in range(members)]
    return EnsembleRegressor(
        learners, LinearRegression(), cv=folds(), finalize=finalize, early_stopping=False, random_state=0
    )


def stack(setting: str, X: Any) -> Any:
    """Return scikit-learn's stacking of the libraries' own classes in one of its settings."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import StackingRegressor
    from xgboost import XGBRegressor

    cores = joblib.cpu_count()
    threads = cores if setting in ("sklearn-threads", "sklearn-both") else 1
    jobs = None if setting == "sklearn-threads" else cores
    # A tuple, because scikit-learn cannot clone CatBoost with a list.
    categories = tuple(X.select_dtypes("category")) if hasattr(X, "select_dtypes") else None
    catboost = {"cat_features": categories, "thread_count": threads, "verbose": False, "allow_writing_files": False}
    members = [
        ("catboost", CatBoostRegressor(**MEMBERS["catboost"], **catboost)),
        ("xgboost", XGBRegressor(**MEMBERS["xgboost"], enable_categorical=True, n_jobs=threads)),
        ("lightgbm", LGBMRegressor(**MEMBERS["lightgbm"], n_jobs=threads, verbosity=-1)),
    ]
    return StackingRegressor(members, LinearRegression(), cv=folds(), n_jobs=jobs)


def backend(setting: str) -> AbstractContextManager[Any]:
    """Return the context in which scikit-learn's jobs are threads, for the setting that has it so."""
    return joblib.parallel_config("threading") if setting == UNUSUAL else nullcontext()


def native(model: Any) -> list[tuple[str, Any]]:
    """Return the libraries' models in a fitted ensemble of either side, with the names of the libraries."""
    if hasattr(model, "members_"):
        found = [
            (type(m.learner).__name__.lower(), fold.models[0]) for m in model.members_.values() for fold in m.models
        ]
        return [(name, one.model if name == "catboost" else one.booster) for name, one in found]
    made = model.named_estimators_
    boosters = {"xgboost": made["xgboost"].get_booster(), "lightgbm": made["lightgbm"].booster_}
    return list({"catboost": made["catboost"], **boosters}.items())


def work(models: list[tuple[str, Any]]) -> dict[str, dict[str, int]]:
    """Read from the models how much work they were: of each library the largest numbers over its models.

    ``rounds`` are the trees, ``leaves`` the most of one tree, ``limit`` the most that were allowed,
    ``bins`` the most that a column could have, and ``edges`` the most that the trees split one column at.
    """
    readers = {"catboost": _read_catboost, "xgboost": _read_xgboost, "lightgbm": _read_lightgbm}
    found: dict[str, dict[str, int]] = {}
    for name, model in models:
        read = readers[name](model)
        last = found.setdefault(name, read)
        found[name] = {key: max(value, last[key]) for key, value in read.items()}
    return found


def check(found: dict[str, dict[str, int]]) -> None:
    """Raise when models have not the rounds, the limit of leaves or the bins that all sides are to have."""
    named = {
        "catboost": ("iterations", lambda given: 2 ** given["depth"], "border_count"),
        "xgboost": ("n_estimators", lambda given: 2 ** given["max_depth"], "max_bin"),
        "lightgbm": ("n_estimators", lambda given: given["num_leaves"], "max_bin"),
    }
    for name, read in found.items():
        rounds, limit, bins = named[name]
        given = MEMBERS[name]
        expected = {"rounds": given[rounds], "limit": limit(given), "bins": given[bins]}
        differing = {key: (read[key], value) for key, value in expected.items() if read[key] != value}
        if differing or read["leaves"] > read["limit"] or read["edges"] > read["bins"]:
            raise ValueError(f"the models of {name} are not the work that was asked for: {read}, expected {expected}")


def _read_catboost(model: Any) -> dict[str, int]:
    given = model.get_all_params()
    return {
        "rounds": int(model.tree_count_),
        "leaves": int(max(model.get_tree_leaf_counts())),
        "limit": 2 ** int(given["depth"]),
        "bins": int(given["border_count"]),
        "edges": max((len(borders) for borders in model.get_borders().values()), default=0),
    }


def _read_xgboost(booster: Any) -> dict[str, int]:
    config = json.loads(booster.save_config())["learner"]["gradient_booster"]["tree_train_param"]
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    edges: dict[int, set[float]] = {}
    leaves = 0
    for tree in trees:
        inner = np.array(tree["left_children"]) >= 0
        leaves = max(leaves, int((~inner).sum()))
        numbers = inner & (np.array(tree["split_type"]) == 0)
        columns, places = np.array(tree["split_indices"])[numbers], np.array(tree["split_conditions"])[numbers]
        for column, place in zip(columns.tolist(), places.tolist(), strict=True):
            edges.setdefault(column, set()).add(place)
    return {
        "rounds": int(booster.num_boosted_rounds()),
        "leaves": leaves,
        "limit": 2 ** int(config["max_depth"]),
        "bins": int(config["max_bin"]),
        "edges": max(map(len, edges.values()), default=0),
    }


def _read_lightgbm(booster: Any) -> dict[str, int]:
    text = booster.model_to_string()
    given = dict(
        line.strip("[]").split(": ", 1)
        for line in text.partition("\nparameters:")[2].splitlines()
        if line.startswith("[") and ": " in line
    )
    edges: dict[str, set[str]] = {}
    leaves = 0
    for tree in text.partition("\nend of trees")[0].split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        leaves = max(leaves, int(lines["num_leaves"]))
        parts = (lines.get(name, "").split() for name in ("split_feature", "threshold", "decision_type"))
        for column, place, kind in zip(*parts, strict=True):
            if int(kind) % 2 == 0:  # a number; categories are odd
                edges.setdefault(column, set()).add(place)
    return {
        "rounds": int(booster.num_trees()),
        "leaves": leaves,
        "limit": int(given["num_leaves"]),
        "bins": int(given["max_bin"]),
        "edges": max(map(len, edges.values()), default=0),
    }
