"""Majority and median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from ..contracts._blender import OOF, Blender
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError


class Vote(Blender):
    """For classes, the majority; for regression, the median of the members.

    Parameters
    ----------
    voting : {"hard", "soft"}, default="hard"
        ``"hard"`` counts each member's most probable class, and the lowest class wins ties;
        it gives no probabilities. ``"soft"`` averages the probabilities. The median of a
        regression has only one form.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> vote = blender("vote").fit(OOF(np.zeros((1, 3)), np.zeros(1), Task("regression")))
    >>> vote.predict(np.array([[1.0, 2.0, 30.0]]))
    array([2.])
    """

    weights = "exact"  # nothing is learned
    convex = lean = True
    defaults = {"voting": "hard"}

    @property
    def gives_probabilities(self) -> bool:
        return bool(self.get_params()["voting"] == "soft")

    @property
    def takes_scores(self) -> bool:
        return not self.gives_probabilities

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        voting = self.get_params()["voting"]
        if voting not in ("hard", "soft"):
            raise ParameterError(f"vote: voting is {voting!r}, expected 'hard' or 'soft'")

    def fit(self, oof: OOF) -> Self:
        self.check(oof.task, oof.predictions.shape[1])
        return self

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        if predictions.ndim == 2:
            return np.asarray(np.median(predictions, axis=1), dtype=np.float64)
        if self.gives_probabilities:
            return np.asarray(predictions.mean(axis=1), dtype=np.float64)
        votes = predictions.argmax(axis=2)
        classes = np.arange(predictions.shape[2])
        return np.asarray((votes[:, :, None] == classes).mean(axis=1), dtype=np.float64)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        return self
