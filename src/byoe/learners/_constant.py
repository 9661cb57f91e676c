"""A model for training rows that hold nothing to learn, where a library refuses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, Task

_FILE = "constant.json"


class ConstantModel:
    """Predicts the mean of the training target, or the share of every class."""

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
            base = np.log(base[1] / base[0]) if len(base) == 2 else np.log(base)
        parts = np.zeros((X.shape[0], *base.shape, X.shape[1] + 1))
        parts[..., -1] = base
        return parts

    def save(self, folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(self.value.tolist()), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ConstantModel | None:
        """Read a saved one; None when the folder holds another model."""
        file = folder / _FILE
        return cls(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
