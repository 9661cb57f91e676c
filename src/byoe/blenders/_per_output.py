"""Several targets or labels: one blender for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender, fit_clone
from ..contracts._deadline import part_of_time
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
        self.inner.check(task.of_one_output, n_members)

    def fit(self, oof: OOF) -> Self:
        self.blenders_, count = [], oof.predictions.shape[2]
        for number, one in enumerate(outputs(oof)):
            with part_of_time(count - number):
                self.blenders_.append(fit_clone(self.inner, one))
        return self

    @classmethod
    def of(cls, blenders: list[Blender]) -> Self:
        """Return the fitted blender that these make."""
        made = cls(blenders[0])
        made.blenders_ = blenders
        return made

    @property
    def in_use(self) -> Blender:
        return self.of([blender.in_use for blender in self.blenders_])

    @property
    def weights_(self) -> FloatArray:
        """The weights of the blenders, of shape (n_members, n_outputs)."""
        return np.column_stack([blender.weights_ for blender in self.blenders_])  # type: ignore[attr-defined]

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        return np.column_stack([blender.predict(predictions[:, :, i], X) for i, blender in enumerate(self.blenders_)])

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return np.asarray(np.any([blender.used(n_members) for blender in self.blenders_], axis=0))

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        return self.of([blender.restricted(kept) for blender in self.blenders_])

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
    def restored(cls, description: Any, parts: Sequence[Blender]) -> Self:
        return cls.of(list(parts))

    def __sklearn_clone__(self) -> Self:
        from sklearn.base import clone

        return type(self)(clone(self.inner))


class PerLabel(PerOutput):
    """Blends the probability of every label by a blender of two classes.

    Attributes
    ----------
    blenders_ : list of Blender
        One for each label.
    weights_ : array of shape (n_members, n_labels)
        Where the blenders are weightings.
    """

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        blended = [
            blender.predict(_of_two_classes(predictions[:, :, i]), X)[:, 1] for i, blender in enumerate(self.blenders_)
        ]
        return np.column_stack(blended)

    def described(self, parts: list[Any]) -> Any:
        return {"labels": parts}

    @classmethod
    def described_parts(cls, description: Any) -> list[Any] | None:
        found: list[Any] | None = description.get("labels")
        return found


def _of_two_classes(probabilities: FloatArray) -> FloatArray:
    return np.stack([1.0 - probabilities, probabilities], axis=-1)


def outputs(oof: OOF) -> list[OOF]:
    """Return what a blender of each target, or of each label, learns from."""
    task = oof.task
    if task.n_outputs == 1:
        return [oof]
    made = []
    for output in range(task.n_outputs):
        own = oof.predictions[:, :, output]
        own = _of_two_classes(own) if task.is_multilabel else own
        metric = getattr(oof.metric, "of_one_output", oof.metric)
        made.append(replace(oof, predictions=own, y=oof.y[:, output], task=task.of_one_output, metric=metric))
    return made
