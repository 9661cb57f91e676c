"""Blenders around other blenders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from ..contracts._blender import Blender
from ..contracts._row_loss import RowLoss


class WrappingBlender(Blender):
    """A blender that has others do the blending.

    A subclass writes ``fit``, ``predict``, ``parts``, and how a bundle describes it: ``described``,
    ``described_parts`` and ``restored``. Its parts write their own state.

    Parameters
    ----------
    inner : Blender
        Not fitted; clones of it are.
    """

    inner: Blender
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, inner: Blender) -> None:
        super().__init__()
        self.inner = inner
        self.name, self.origin = inner.name, inner.origin
        self.weights = inner.weights

    @property
    def passthrough(self) -> Any:
        return self.inner.passthrough

    @property
    def takes_scores(self) -> bool:
        return self.inner.takes_scores

    @property
    def gives_probabilities(self) -> bool:
        return self.inner.gives_probabilities

    def goes_by(self, loss: RowLoss) -> bool:
        return self.inner.goes_by(loss)

    def described(self, parts: list[Any]) -> Any:
        """Return the fitted blender as JSON values, of the descriptions of its parts."""
        raise TypeError(f"{type(self).__name__} does not define described")

    @classmethod
    def described_parts(cls, description: Any) -> list[Any] | None:
        """Return the descriptions of the parts; None for a description that is not of this class."""
        raise TypeError(f"{cls.__name__} does not define described_parts")

    @classmethod
    def restored(cls, description: Any, parts: Sequence[Blender]) -> Self:
        """Return the fitted blender of a description, and of its parts."""
        raise TypeError(f"{cls.__name__} does not define restored")

    def __repr__(self) -> str:
        return repr(self.inner)
