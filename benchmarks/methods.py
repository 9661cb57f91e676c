"""What is compared: byoe untouched, single libraries, scikit-learn's ensembles of them, AutoGluon."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from numpy.typing import NDArray

LIBRARIES = ("xgboost", "lightgbm", "catboost")
# What each library does untouched, and the same rounds and learning rate for all three.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "500x0.05": {"n_estimators": 500, "learning_rate": 0.05},
}
GROUPS = {
    "byoe": ["byoe"],
    "best": ["byoe-best"],
    "members": [f"{library}-{setting}" for setting in SETTINGS for library in LIBRARIES],
    "sklearn": [f"stack-{setting}" for setting in SETTINGS],
    "mean": [f"mean-{setting}" for setting in SETTINGS],
    "autogluon": ["autogluon"],
}
METHODS = tuple(method for group in GROUPS.values() for method in group)


@dataclass(frozen=True)
class Split:
    """One training and one test part, and what a method may use.

    Attributes
    ----------
    X, X_test : frame
    y, y_test : array
        Of classes the codes 0, 1, …
    n_classes : int
        0 for regression.
    """

    X: pd.DataFrame
    y: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]
    n_classes: int
    seed: int
    cores: int
    time_limit: float
    autogluon_python: str | None = None


@dataclass
class Outcome:
    """Predictions for the test part: values of shape (n,), or probabilities of shape (n, n_classes)."""

    prediction: NDArray[Any]
    fit_seconds: float
    predict_seconds: float
    versions: dict[str, str]
    members: dict[str, NDArray[Any]] = field(default_factory=dict)


def _version(name: str) -> str:
    """Return the version of a distribution; of XGBoost also where it is the one without GPU code."""
    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-cpu")


def expand(names: list[str]) -> list[str]:
    """Return the methods that names of groups and of methods stand for."""
    unknown = [name for name in names if name not in GROUPS and name not in METHODS]
    if unknown:
        raise ValueError(f"unknown methods {', '.join(unknown)}; known are {', '.join([*GROUPS, *METHODS])}")
    return list(dict.fromkeys(method for name in names for method in GROUPS.get(name, [name])))


def measure(method: str, split: Split) -> Outcome:
    """Fit a method on the training part and predict the test part."""
    if method == "autogluon":
        return _autogluon(split)
    model = _byoe(split, method) if method.startswith("byoe") else _made_by_hand(method, split)
    started = time.perf_counter()
    with _threads(method):
        model.fit(split.X, split.y)
    fitted = time.perf_counter()
    prediction = (model.predict_proba if split.n_classes else model.predict)(split.X_test)
    done = time.perf_counter()
    packages = ("scikit-learn", *LIBRARIES) + (("byoe-ensemble",) if method.startswith("byoe") else ())
    versions = {name: _version(name) for name in packages}
    outcome = Outcome(np.asarray(prediction), fitted - started, done - fitted, versions)
    if method == "byoe":
        outcome.members = _member_predictions(model, split)
    return outcome


def _threads(method: str) -> AbstractContextManager[Any]:
    """Let scikit-learn's ensembles fit in threads: processes would start and import for every fit."""
    return parallel_config("threading") if method.startswith(("stack", "mean")) else nullcontext()


def _byoe(split: Split, method: str) -> Any:
    from byoe import EnsembleClassifier, EnsembleRegressor

    kind = EnsembleClassifier if split.n_classes else EnsembleRegressor
    given = {"learners": "best"} if method == "byoe-best" else {}
    return kind(random_state=split.seed, **given)


def _member_predictions(ensemble: Any, split: Split) -> dict[str, NDArray[Any]]:
    """Return what each member predicts alone, fitted and served as in the ensemble."""
    values = ensemble.transform(split.X_test)
    labels = list(ensemble.members_)
    if split.n_classes == 2:
        return {label: np.column_stack([1 - column, column]) for label, column in zip(labels, values.T, strict=True)}
    if split.n_classes:
        return dict(zip(labels, np.split(values, len(labels), axis=1), strict=True))
    return dict(zip(labels, values.T, strict=True))


def _made_by_hand(method: str, split: Split) -> Any:
    kind, _, setting = method.partition("-")
    if kind in LIBRARIES:
        return _library(kind, split, setting)
    # As many fits at once as there are cores for, and the cores shared out among them:
    # boosters that fight over cores are many times slower.
    jobs = min(split.cores, len(LIBRARIES))
    share = replace(split, cores=split.cores // jobs)
    libraries = [(name, _library(name, share, setting)) for name in LIBRARIES]
    make = _stack if kind == "stack" else _mean
    return make(libraries, jobs, split)


def _library(name: str, split: Split, setting: str) -> Any:
    """Return a library's scikit-learn estimator, which gets categories as the library wants them."""
    makers: dict[str, Callable[[Split, dict[str, Any]], Any]] = {
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "catboost": _catboost,
    }
    return makers[name](split, SETTINGS[setting])


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
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    kind = CatBoostClassifier if split.n_classes else CatBoostRegressor
    model = kind(
        # A tuple, because scikit-learn cannot clone CatBoost with a list.
        cat_features=tuple(split.X.select_dtypes("category")),
        thread_count=split.cores,
        random_seed=split.seed,
        verbose=False,
        allow_writing_files=False,
        **setting,
    )
    return make_pipeline(FunctionTransformer(_name_missing_categories), model)


def _name_missing_categories(X: pd.DataFrame) -> pd.DataFrame:
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


def _autogluon(split: Split) -> Outcome:
    """Run AutoGluon in the environment that has it; frames go there and predictions come back as files."""
    if split.autogluon_python is None:
        raise ValueError("give the interpreter of an environment with AutoGluon: --autogluon-python PATH")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split.X.assign(target=split.y).to_parquet(folder / "train.parquet")
        split.X_test.to_parquet(folder / "test.parquet")
        job = {"n_classes": split.n_classes, "time_limit": split.time_limit, "cores": split.cores}
        (folder / "job.json").write_text(json.dumps(job))
        worker = Path(__file__).with_name("with_autogluon.py")
        subprocess.run([split.autogluon_python, str(worker), str(folder)], check=True)
        result = json.loads((folder / "result.json").read_text())
        return Outcome(np.load(folder / "prediction.npy"), **result)
