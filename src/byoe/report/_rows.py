"""Rows that were not in the fit, and what the ensemble says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..fitted._explanation import Explanation, Importances
from ..scoring._drift import Drift
from ..scoring._leaderboard import Leaderboard


@dataclass(frozen=True)
class Rows:
    """Rows that were passed to a report, and what the ensemble says of them.

    Attributes
    ----------
    count : int
    of_fit : bool
        Whether they are the very rows of the fit.
    some : array-like or frame
        As many of them as pictures show.
    few : array-like or frame
        As many as are predicted over and over.
    y : array of shape (n_some,) or (n_some, n_outputs), or None
    board : Leaderboard or None
        Scores of all rows; None without a target, and for rows of the fit.
    drift : Drift or None
    importances : Importances or None
    explanation : Explanation or None
    """

    count: int
    of_fit: bool
    some: Any
    few: Any
    y: Any = None
    board: Leaderboard | None = None
    drift: Drift | None = None
    importances: Importances | None = None
    explanation: Explanation | None = None
