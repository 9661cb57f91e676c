"""What blenders that are weighted means have in common."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender, Linear
from ..contracts._task import FloatArray


class Weighting(Blender):
    """A weighted mean of predictions or probabilities; a subclass finds the weights.

    Attributes
    ----------
    weights_ : array of shape (n_members,)
        Non-negative, summing to one.
    """

    weights = "exact"
    convex = lean = True
    weights_: FloatArray

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        # Member by member, so that a row's blend depends neither on other rows nor on members without weight.
        total = np.zeros((len(predictions), *predictions.shape[2:]))
        for member in np.flatnonzero(self.weights_):
            total += self.weights_[member] * predictions[:, member]
        return total

    def linear(self, X: Any = None) -> Linear | None:
        return Linear(self.weights_)

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return np.asarray(self.weights_ != 0)

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = copy.copy(self)
        twin.weights_ = self.weights_[kept]
        return twin

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights_.tolist()}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self.weights_ = np.asarray(state["weights"], dtype=np.float64)
        return self
