"""A blender that learns with the weights of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from ..contracts._blender import OOF, Blender, fit_clone
from ..contracts._task import FloatArray, Task
from ..tools._class_weight import ClassWeight, reweighted
from ._wrapping import WrappingBlender


class Reweighted(WrappingBlender):
    """A blender that is fitted as its members are: with the weights of rows times those of their classes.

    What the classes count is found in the rows that it learns from, as a fold finds it in its training part.

    Attributes
    ----------
    inner_ : Blender
        The fitted blender, which alone is used and saved.
    """

    inner_: Blender

    def __init__(self, inner: Blender, class_weight: ClassWeight) -> None:
        super().__init__(inner)
        self.class_weight = class_weight

    @property
    def in_use(self) -> Blender:
        return self.inner_.in_use

    def check(self, task: Task, n_members: int) -> None:
        self.inner.check(task, n_members)

    def fit(self, oof: OOF) -> Self:
        self.inner_ = fit_clone(self.inner, with_class_weights(oof, self.class_weight))
        return self

    def predict(self, predictions: FloatArray, X: object = None) -> FloatArray:
        return self.inner_.predict(predictions, X)

    def __sklearn_clone__(self) -> Reweighted:
        from sklearn.base import clone

        return Reweighted(clone(self.inner), self.class_weight)


def with_class_weights(oof: OOF, class_weight: ClassWeight | None) -> OOF:
    """Return what a blender learns from, each row weighted by its class."""
    if class_weight is None:
        return oof
    every = np.arange(len(oof.y))
    return replace(oof, sample_weight=reweighted(class_weight, oof.y, oof.sample_weight, every, oof.task.n_classes))
