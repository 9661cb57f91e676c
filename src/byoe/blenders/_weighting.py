"""What blenders that are weighted means have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .._blending import Blender, Linear
from .._contracts import FloatArray


class Weighting(Blender):
    """A weighted mean of predictions or probabilities; a subclass finds the weights.

    Attributes
    ----------
    weights_ : array of shape (n_members,)
        Non-negative, summing to one.
    """

    convex = True
    weights_: FloatArray

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        return np.asarray(np.tensordot(predictions, self.weights_, axes=(1, 0)), dtype=np.float64)

    def linear(self, X: Any = None) -> Linear:
        return Linear(self.weights_)

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights_.tolist()}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self.weights_ = np.asarray(state["weights"], dtype=np.float64)
        return self
