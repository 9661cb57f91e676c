"""Simulated data sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification, make_friedman1

from data_sets.source import Source


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


def _simulated(make: Callable[[int], pd.DataFrame], task: str, about: str) -> Source:
    return Source("", "", "y", task, "none needed", about, used=True, make=make)


SOURCES: dict[str, Source] = {
    "friedman": _simulated(_friedman, "regression", "Friedman's first function among noise columns"),
    "groups": _simulated(_groups, "regression", "effects of a column of 500 levels"),
    "rare-classes": _simulated(_rare_classes, "classification", "five classes, the rarest one row in seventy"),
}
