"""Boosters by their own classes, and scikit-learn's ensembles of them, as one would write them by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import train_test_split
from splits import Split

LIBRARIES = ("xgboost", "lightgbm", "catboost")
# What each library does untouched, and the same rounds and learning rate for all three.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "500x0.05": {"n_estimators": 500, "learning_rate": 0.05},
}
# Defaults that were tuned on 118 data sets, for classes and for regression: Holzmüller, Grinsztajn & Steinwart (2024),
# Better by default: strong pre-tuned MLPs and boosted trees on tabular data. Rounds are the best of 1,000.
TUNED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "xgboost": (
        {
            "learning_rate": 0.08,
            "max_depth": 6,
            "min_child_weight": 5e-6,
            "reg_lambda": 0.0,
            "subsample": 0.65,
            "colsample_bylevel": 0.9,
        },
        {"learning_rate": 0.05, "max_depth": 9, "min_child_weight": 2.0, "reg_lambda": 0.0, "subsample": 0.7},
    ),
    "lightgbm": (
        {"learning_rate": 0.04, "num_leaves": 50, "min_child_samples": 40, "subsample": 0.75},
        {"learning_rate": 0.05, "num_leaves": 100, "min_child_samples": 3, "subsample": 0.7},
    ),
    "catboost": (
        {
            "learning_rate": 0.08,
            "max_depth": 7,
            "l2_leaf_reg": 1e-5,
            "subsample": 0.9,
            "random_strength": 0.8,
            "one_hot_max_size": 15,
            "leaf_estimation_iterations": 1,
        },
        {
            "learning_rate": 0.09,
            "max_depth": 9,
            "l2_leaf_reg": 1e-5,
            "subsample": 0.9,
            "random_strength": 0.0,
            "one_hot_max_size": 20,
            "leaf_estimation_iterations": 20,
        },
    ),
}
_SHARED: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 1000, "early_stopping_rounds": 300},
    "lightgbm": {
        "n_estimators": 1000,
        "early_stopping_round": 300,
        "subsample_freq": 1,
        "min_child_weight": 1e-7,
    },
    "catboost": {
        "n_estimators": 1000,
        "early_stopping_rounds": 300,
        "boosting_type": "Plain",
        "bootstrap_type": "Bernoulli",
        "border_count": 254,
    },
}
_WATCHED = 0.2


class Watching(BaseEstimator):
    """A booster that takes the best of its rounds on a fifth of the rows, which it does not learn from."""

    def __init__(self, booster: Any, classes: bool, seed: int) -> None:
        self.booster = booster
        self.classes = classes
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on four fifths of the rows."""
        X, watched, y, known = train_test_split(
            X, y, test_size=_WATCHED, random_state=self.seed, stratify=y if self.classes else None
        )
        booster = clone(self.booster)
        if "eval_X" in signature(booster.fit).parameters:  # LightGBM's, which deprecates the other
            self.booster_ = booster.fit(X, y, eval_X=watched, eval_y=known)
        else:
            quiet = {"verbose": False} if "verbose" in signature(booster.fit).parameters else {}
            self.booster_ = booster.fit(X, y, eval_set=[(watched, known)], **quiet)
        return self

    def predict(self, X: Any) -> Any:
        """Predict values."""
        return self.booster_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        """Predict probabilities."""
        return self.booster_.predict_proba(X)


def made(method: str, split: Split) -> Any:
    """Return the estimator of a method such as ``xgboost-default`` or ``stack-500x0.05``."""
    kind, _, setting = method.partition("-")
    if kind in LIBRARIES:
        return library(kind, split, setting)
    # As many fits at once as there are cores for, and the cores shared out among them:
    # boosters that fight over cores are many times slower.
    jobs = min(split.cores, len(LIBRARIES))
    share = replace(split, cores=split.cores // jobs)
    libraries = [(name, library(name, share, setting)) for name in LIBRARIES]
    make = _stack if kind == "stack" else _mean
    return make(libraries, jobs, split)


def library(name: str, split: Split, setting: str) -> Any:
    """Return a library's scikit-learn estimator, which gets categories as the library wants them."""
    makers: dict[str, Callable[[Split, dict[str, Any]], Any]] = {
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "catboost": _catboost,
    }
    if setting != "tuned":
        return _named_missing(name, makers[name](split, SETTINGS[setting]))
    booster = makers[name](split, {**_SHARED[name], **TUNED[name][not split.n_classes]})
    return _named_missing(name, Watching(booster, bool(split.n_classes), split.seed))


def _xgboost(split: Split, setting: dict[str, Any]) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if split.n_classes else XGBRegressor
    return kind(enable_categorical=True, n_jobs=split.cores, random_state=split.seed, **setting)


def _lightgbm(split: Split, setting: dict[str, Any]) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if split.n_classes else LGBMRegressor
    return kind(n_jobs=split.cores, random_state=split.seed, verbosity=-1, **setting)


def _catboost(split: Split, setting: dict[str, Any]) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if split.n_classes else CatBoostRegressor
    return kind(
        # A tuple, because scikit-learn cannot clone CatBoost with a list.
        cat_features=tuple(split.X.select_dtypes("category")),
        thread_count=split.cores,
        random_seed=split.seed,
        verbose=False,
        allow_writing_files=False,
        **setting,
    )


def _named_missing(name: str, model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(name_missing_categories), model) if name == "catboost" else model


def name_missing_categories(X: pd.DataFrame) -> pd.DataFrame:
    """Make missing a level of its own: CatBoost refuses NaN among categories."""
    categories = X.select_dtypes("category").astype(object)
    return X.assign(**{name: column.where(column.notna(), "(missing)") for name, column in categories.items()})


def _stack(libraries: list[tuple[str, Any]], jobs: int, split: Split) -> Any:
    from sklearn.ensemble import StackingClassifier, StackingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = {"n_splits": 5, "shuffle": True, "random_state": split.seed}
    if split.n_classes:
        final = LogisticRegression(max_iter=1000)
        return StackingClassifier(libraries, final, cv=StratifiedKFold(**folds), n_jobs=jobs)
    return StackingRegressor(libraries, RidgeCV(), cv=KFold(**folds), n_jobs=jobs)


def _mean(libraries: list[tuple[str, Any]], jobs: int, split: Split) -> Any:
    from sklearn.ensemble import VotingClassifier, VotingRegressor

    if split.n_classes:
        return VotingClassifier(libraries, voting="soft", n_jobs=jobs)
    return VotingRegressor(libraries, n_jobs=jobs)


def versions(*more: str) -> dict[str, str]:
    """Return the versions of scikit-learn and the boosters here."""
    return {name: _version(name) for name in ("scikit-learn", *LIBRARIES, *more)}


def _version(name: str) -> str:
    """Return the version of a distribution; of XGBoost also where it is the one without GPU code."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-cpu")
