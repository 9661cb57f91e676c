"""The plain mean."""

from __future__ import annotations

from typing import Self

import numpy as np

from ..contracts._blender import OOF
from ._weighting import Weighting


class Mean(Weighting):
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
