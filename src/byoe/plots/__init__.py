"""Pictures of a fitted ensemble, each drawn into matplotlib axes.

Needs the extra ``plots``. Every function draws into the axes that it is given, or into a new
figure, and returns the axes. Nothing is shown, saved or set: the style in use holds.
"""

from ._board import error_correlation, leaderboard, weights
from ._classes import confusion, precision_recall, reliability, roc
from ._columns import importances, partial_dependence
from ._contributions import contributions
from ._greedy import greedy_path
from ._regression import predictions, residuals
from ._tuning import tuning_history

__all__ = [
    "confusion",
    "contributions",
    "error_correlation",
    "greedy_path",
    "importances",
    "leaderboard",
    "partial_dependence",
    "precision_recall",
    "predictions",
    "reliability",
    "residuals",
    "roc",
    "tuning_history",
    "weights",
]
