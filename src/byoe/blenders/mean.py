"""The plain mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .._contracts import OOF, Blender, FloatArray


class Mean(Blender):
    """Every member counts the same; for classes, the mean of the probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> fitted = blender("mean").fit(OOF(np.array([[1.0, 3.0]]), np.array([2.0]), Task("regression")))
    >>> fitted.predict(np.array([[4.0, 6.0]]))
    array([5.])
    """

    def fit(self, oof: OOF) -> Self:
        members = oof.predictions.shape[1]
        self.weights_ = np.full(members, 1.0 / members)
        return self

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        blended: FloatArray = predictions.mean(axis=1)
        return blended

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights_.tolist()}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self.weights_ = np.asarray(state["weights"], dtype=np.float64)
        return self
