"""What a method gets of a data set, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpy.typing import NDArray

# What an ensemble is once members have left that are not worth their time, and with one model of each that stays.
LEANER = ("pruned", "refitted")


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
    time_limit : float or None
        Seconds to fit. None for a method that takes what it takes.
    pythons : dict
        Interpreters of other environments, by the name of the library that is in each.
    """

    X: pd.DataFrame
    y: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]
    n_classes: int
    seed: int
    cores: int
    time_limit: float | None = None
    pythons: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """Predictions for the test part: values of shape (n,), or probabilities of shape (n, n_classes).

    Attributes
    ----------
    costs : dict
        What `costs.measured` returns.
    members : dict
        Predictions of the parts of an ensemble.
    leaner : dict
        Outcomes of what the same ensemble becomes by a word of `LEANER`.
    """

    prediction: NDArray[Any]
    costs: dict[str, float | None]
    versions: dict[str, str]
    members: dict[str, NDArray[Any]] = field(default_factory=dict)
    leaner: dict[str, Outcome] = field(default_factory=dict)
