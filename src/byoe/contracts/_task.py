"""What is to be predicted, and the arrays that it is told in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["exact", "approximate", "none"]


LEVELS: tuple[Level, ...] = ("exact", "approximate", "none")


FloatArray = NDArray[np.float64]


IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    kind : {"regression", "classification"}
    n_classes : int
        Number of classes; 0 for regression.
    n_outputs : int
        Number of targets; 1 for classification.
    """

    kind: Literal["regression", "classification"]
    n_classes: int = 0
    n_outputs: int = 1

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def width(self) -> tuple[int, ...]:
        """The shape of one row's prediction: ``()``, ``(n_outputs,)`` or ``(n_classes,)``."""
        if self.is_classification:
            return (self.n_classes,)
        return () if self.n_outputs == 1 else (self.n_outputs,)

    def check(self, prediction: Any, n_rows: int, who: str) -> FloatArray:
        """Return a learner's or blender's prediction as float64, or say what is wrong with it."""
        found = np.asarray(prediction)
        if found.dtype.kind not in "fiub":
            raise ValueError(f"{who} returned values of type {found.dtype}, expected numbers")
        values = found.astype(np.float64, copy=False)
        expected = (n_rows, *self.width)
        if values.shape != expected:
            raise ValueError(f"{who} returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{who} returned {np.sum(~np.isfinite(values))} values that are not finite")
        return values
