"""The diagram that a notebook shows: members side by side, and the blender below them."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._repr_html.estimator import _VisualBlock

from ..errors import ParameterError
from ..registry._members import labelled
from ._parameters import NestedParameters


def diagram(ensemble: NestedParameters) -> Any:
    """Return the block that scikit-learn draws for an ensemble, fitted or not."""
    try:
        pairs = labelled(ensemble.learners)
    except (ParameterError, TypeError):  # fit says what is wrong
        pairs = [("learners", repr(ensemble.learners))]
    members = _VisualBlock(
        "parallel",
        [_shown(given) for _, given in pairs],
        names=[label for label, _ in pairs],
        dash_wrapped=False,
    )
    blender = _VisualBlock("parallel", [_shown(ensemble.blender)], names=["blender"], dash_wrapped=False)
    return _VisualBlock("serial", [members, blender], dash_wrapped=False)


def _shown(given: Any) -> Any:
    return given if isinstance(given, (BaseEstimator, str)) else repr(given)
