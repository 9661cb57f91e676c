"""A model for training rows that hold nothing to learn, where a library refuses them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ._learner import Learner, Model
from ._task import FloatArray, Task

_FILE = "constant.json"


class ConstantModel:
    """The mean of the training target, or the share of every class, for every row.

    For a learner whose library refuses rows of which nothing can be learned, such as constant columns
    or a constant target: `fit` returns ``ConstantModel.of(y, task, sample_weight)``. Such a model is
    saved and loaded for the learner, whose ``load`` is not asked.

    Parameters
    ----------
    value : float, or array of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np
    >>> from byoe.plugins import ConstantModel, Task
    >>> ConstantModel.of(np.array([1.0, 2.0]), Task("regression"), None).predict(np.zeros((3, 1)))
    array([1.5, 1.5, 1.5])
    """

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value, dtype=np.float64)

    @classmethod
    def of(cls, y: NDArray[Any], task: Task, sample_weight: FloatArray | None) -> ConstantModel:
        """Return the model of a training part."""
        if not task.is_classification:
            return cls(np.average(y, weights=sample_weight))
        counts = np.bincount(y, weights=sample_weight, minlength=task.n_classes)
        return cls(counts / counts.sum())

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        return np.broadcast_to(self.value, (X.shape[0], *self.value.shape)).copy()

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        base = self.value
        if base.ndim:  # shares of classes
            if not base.all():
                raise ParameterError(
                    "a label is in every training row of a fold or in none, and its margin is not finite; with "
                    "finalize='refit' the model sees all rows"
                )
            base = np.log(base[1] / base[0]) if len(base) == 2 else np.log(base)
        parts = np.zeros((X.shape[0], *base.shape, X.shape[1] + 1))
        parts[..., -1] = base
        return parts

    def save(self, folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(self.value.tolist()), encoding="utf-8")


def load_model(learner: Learner, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
    """Read a saved model: a constant one, or else one that the learner reads itself."""
    file = folder / _FILE
    if file.is_file():
        return ConstantModel(json.loads(file.read_text(encoding="utf-8")))
    return learner.load(folder, task=task, trusted=trusted)
