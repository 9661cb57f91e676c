"""The diagram that a notebook shows: members side by side, and the blender below them."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._repr_html.estimator import _VisualBlock

from ..errors import ParameterError
from ..registry._members import labelled
from ..scoring._leaderboard import BLEND
from ._parameters import NestedParameters


def diagram(ensemble: NestedParameters) -> Any:
    """Return the block that scikit-learn draws for an ensemble; once fitted, with weights and scores."""
    try:
        pairs = labelled(ensemble.learners)
    except (ParameterError, TypeError):  # fit says what is wrong
        pairs = [("learners", repr(ensemble.learners))]
    board = getattr(ensemble, "leaderboard_", None)
    told = {} if board is None else {row["member"]: _told(row) for row in (board[0], *board.members)}
    members = _VisualBlock(
        "parallel",
        [_shown(given) for _, given in pairs],
        names=[label + told.get(label, "") for label, _ in pairs],
        dash_wrapped=False,
    )
    blender = ensemble.blender if board is None else ensemble.blender_.name
    below = _VisualBlock("parallel", [_shown(blender)], names=["blender" + told.get(BLEND, "")], dash_wrapped=False)
    return _VisualBlock("serial", [members, below], dash_wrapped=False)


def _told(row: dict[str, Any]) -> str:
    """Return the weight and the metric of a row of a leaderboard, its second column."""
    metric = list(row)[1]
    weight = "" if row["weight"] is None else f", weight {row['weight']:.2f}"
    return weight + ("" if row[metric] is None else f", {metric} {row[metric]:.4g}")


def _shown(given: Any) -> Any:
    return given if isinstance(given, (BaseEstimator, str)) else repr(given)
