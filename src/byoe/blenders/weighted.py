"""Convex weights, given or learned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._weighting import Weighting

_SMALLEST_PROBABILITY = 1e-15


class Weighted(Weighting):
    """A weighted mean of the members' predictions or probabilities.

    Without given weights they are learned from the out-of-fold predictions: non-negative,
    summing to one, and optimal for squared error (Breiman, 1996; van der Laan et al.,
    2007) or, for classes, for the log-loss.

    Parameters
    ----------
    weights : sequence of float, default=None
        One per member, non-negative; scaled to sum to one.

    Attributes
    ----------
    weights_ : array of shape (n_members,)

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> oof = OOF(np.array([[0.0, 2.0], [2.0, 4.0]]), np.array([0.5, 2.5]), Task("regression"))
    >>> blender("weighted").fit(oof).weights_.round(6)
    array([0.75, 0.25])
    """

    defaults = {"weights": None}

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        given = self.get_params()["weights"]
        if given is not None:
            _normalised(given, n_members)

    def fit(self, oof: OOF) -> Self:
        from ._simplex import least_squares, log_loss

        members = oof.predictions.shape[1]
        given = self.get_params()["weights"]
        if given is not None:
            self.weights_ = _normalised(given, members)
            return self
        weight = oof.weights
        if not weight.sum() > 0:
            raise ParameterError("weighted cannot learn from rows whose sample weights are all zero")
        if oof.task.is_classification:
            true_class = oof.predictions[np.arange(len(oof.y)), :, oof.y]
            self.weights_ = log_loss(np.maximum(true_class, _SMALLEST_PROBABILITY), weight)
        else:
            root = np.sqrt(weight)
            self.weights_ = least_squares(oof.predictions * root[:, None], oof.y * root)
        return self

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = super().restricted(kept)
        if self.get_params()["weights"] is not None:  # the given weights belong to members, too
            twin._given = {**self._given, "weights": twin.weights_.tolist()}
        return twin


def _normalised(given: Any, members: int) -> FloatArray:
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (members,):
        raise ParameterError(f"weighted got weights of shape {weights.shape} for {members} members; give one each")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ParameterError(f"weighted needs non-negative weights with a positive sum, got {given!r}")
    return np.asarray(weights / weights.sum(), dtype=np.float64)
