"""The diagram that a notebook shows: members side by side, and the blender below them."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._repr_html.estimator import _VisualBlock

from ..errors import ParameterError
from ..registry._members import labelled
from ._parameters import NestedParameters


def diagram(ensemble: NestedParameters) -> Any:
    """Return the block that scikit-learn draws for an ensemble; once fitted, with the weights and the score."""
    try:
        pairs = labelled(ensemble.learners)
    except (ParameterError, TypeError):  # fit says what is wrong
        pairs = [("learners", repr(ensemble.learners))]
    board = getattr(ensemble, "leaderboard_", None)
    told = {} if board is None else {row["member"]: _weight(row) for row in board.members}
    members = _VisualBlock(
        "parallel",
        [_shown(given) for _, given in pairs],
        names=[label + told.get(label, "") for label, _ in pairs],
        dash_wrapped=False,
    )
    used, title = (ensemble.blender, "blender") if board is None else (ensemble.blender_.name, _scored(board[0]))
    blender = _VisualBlock("parallel", [_shown(used)], names=[title], dash_wrapped=False)
    return _VisualBlock("serial", [members, blender], dash_wrapped=False)


def _weight(row: dict[str, Any]) -> str:
    return "" if row["weight"] is None else f": {row['weight']:.2f}"


def _scored(row: dict[str, Any]) -> str:
    """Return a heading with the metric, which is the second column of a leaderboard."""
    metric = list(row)[1]
    return "blender" if row[metric] is None else f"blender: {metric} {row[metric]:.4g}"


def _shown(given: Any) -> Any:
    return given if isinstance(given, (BaseEstimator, str)) else repr(given)
