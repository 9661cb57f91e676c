"""What is to be predicted, and the arrays that it is told in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..tools._distributions import both_columns, distributions

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
        Number of targets. For classes 1, or the number of labels that a row may have at the same
        time, each of two classes: a learner and a blender get one of them at a time.
    classes : array of shape (n_classes,) or None
        The classes as the user calls them, sorted; a code is a place among them. None where codes are all that
        is known.
    """

    kind: Literal["regression", "classification"]
    n_classes: int = 0
    n_outputs: int = 1
    classes: NDArray[Any] | None = field(default=None, compare=False, repr=False)

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def is_multilabel(self) -> bool:
        """Whether a row has any number of labels; what is predicted is the probability of each."""
        return self.is_classification and self.n_outputs > 1

    @property
    def of_one_output(self) -> Task:
        """The same for a single target or label."""
        return replace(self, n_outputs=1)

    @property
    def width(self) -> tuple[int, ...]:
        """The shape of one row's prediction: ``()``, ``(n_outputs,)`` or ``(n_classes,)``."""
        if self.n_outputs > 1:
            return (self.n_outputs,)
        return (self.n_classes,) if self.is_classification else ()

    def labels(self, codes: IntArray) -> NDArray[Any]:
        """Return what the user calls the classes of some codes; the codes where that is not known."""
        return codes if self.classes is None else self.classes[codes]

    def of_classes(self, present: IntArray | None) -> Task:
        """Return the task for rows in which only some classes are present, given by their codes; None for all."""
        if present is None:
            return self
        labels = None if self.classes is None else self.classes[present]
        return replace(self, n_classes=len(present), classes=labels)

    def as_json(self) -> dict[str, Any]:
        """Return what stands in files: all but the classes, which these hold beside it."""
        return {"kind": self.kind, "n_classes": self.n_classes, "n_outputs": self.n_outputs}

    def check(self, prediction: Any, n_rows: int, who: str, *, scores: bool = False) -> FloatArray:
        """Return a learner's or blender's prediction as float64, or say what is wrong with it.

        Probabilities are made to sum to one in every row, unless they are ``scores``: decision values or votes.
        """
        found = np.asarray(prediction)
        if found.dtype.kind not in "fiub":
            raise ValueError(f"{who} returned values of type {found.dtype}, expected numbers")
        values = found.astype(np.float64, copy=False)
        expected = (n_rows, *self.width)
        two_classes = self.n_classes == 2 and not self.is_multilabel and not scores
        single = two_classes and values.shape in ((n_rows,), (n_rows, 1))
        if values.shape != expected and not single:
            raise ValueError(f"{who} returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{who} returned {np.sum(~np.isfinite(values))} values that are not finite")
        if not self.is_classification or self.is_multilabel or scores:
            return values
        return distributions(both_columns(values.reshape(-1), who) if single else values, who)
