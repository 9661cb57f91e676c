"""Several targets: one blender for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender, fit_clone
from ..contracts._task import FloatArray, Task
from ._wrapping import WrappingBlender


class PerOutput(WrappingBlender):
    """Blends every target by a blender of its own.

    Attributes
    ----------
    blenders_ : list of Blender
        One for each target.
    weights_ : array of shape (n_members, n_outputs)
        Where the blenders are weightings.
    """

    blenders_: list[Blender]

    def check(self, task: Task, n_members: int) -> None:
        self.inner.check(replace(task, n_outputs=1), n_members)

    def fit(self, oof: OOF) -> Self:
        self.blenders_ = [fit_clone(self.inner, one) for one in outputs(oof)]
        return self

    @classmethod
    def of(cls, blenders: list[Blender]) -> PerOutput:
        """Return the fitted blender that these make."""
        made = cls(blenders[0])
        made.blenders_ = blenders
        return made

    @property
    def in_use(self) -> Blender:
        return PerOutput.of([blender.in_use for blender in self.blenders_])

    @property
    def weights_(self) -> FloatArray:
        """The weights of the blenders, of shape (n_members, n_outputs)."""
        return np.column_stack([blender.weights_ for blender in self.blenders_])  # type: ignore[attr-defined]

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        return np.column_stack([blender.predict(predictions[:, :, i], X) for i, blender in enumerate(self.blenders_)])

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return np.asarray(np.any([blender.used(n_members) for blender in self.blenders_], axis=0))

    def restricted(self, kept: NDArray[np.bool_]) -> PerOutput:
        return PerOutput.of([blender.restricted(kept) for blender in self.blenders_])

    def parts(self) -> list[Blender]:
        return self.blenders_

    def of_each_target(self) -> list[Blender]:
        return self.blenders_

    def described(self, parts: list[Any]) -> list[Any]:
        return parts

    @classmethod
    def described_parts(cls, description: Any) -> list[Any] | None:
        return description if isinstance(description, list) else None

    @classmethod
    def restored(cls, description: Any, parts: Sequence[Blender]) -> PerOutput:
        return cls.of(list(parts))

    def __sklearn_clone__(self) -> PerOutput:
        from sklearn.base import clone

        return PerOutput(clone(self.inner))


def outputs(oof: OOF) -> list[OOF]:
    """Return what a blender of each target learns from."""
    if oof.task.n_outputs == 1:
        return [oof]
    task = replace(oof.task, n_outputs=1)
    return [
        replace(oof, predictions=oof.predictions[:, :, output], y=oof.y[:, output], task=task)
        for output in range(oof.task.n_outputs)
    ]
