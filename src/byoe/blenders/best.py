"""The best single member."""

from __future__ import annotations

from typing import Self

import numpy as np

from ..contracts._blender import OOF
from ._weighting import Weighting


class Best(Weighting):
    """The member with the smallest out-of-fold loss, alone; the first of them on ties.

    The discrete Super Learner (van der Laan et al., 2007).

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> oof = OOF(np.array([[0.0, 2.1], [2.0, 4.1]]), np.array([2.0, 4.0]), Task("regression"))
    >>> blender("best").fit(oof).weights_
    array([0., 1.])
    """

    def fit(self, oof: OOF) -> Self:
        losses = [oof.loss(oof.predictions[:, member]) for member in range(oof.predictions.shape[1])]
        self.weights_ = np.zeros(len(losses))
        self.weights_[int(np.argmin(losses))] = 1.0
        return self
