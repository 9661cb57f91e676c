"""A form in ONNX: what models and blenders may write of themselves, and what they write into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from numpy.typing import ArrayLike


class OnnxGraph(Protocol):
    """A graph in the making. Values go by names: each method adds nodes, and returns the name of what they give.

    All numbers are float64, in matrices with a row for each row of the table.
    """

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Add a node of any operator (opset 18); return the name of its output, or a list of several."""
        ...

    def constant(self, value: ArrayLike, dtype: Any = ...) -> str:
        """Add an array, of float64 unless told otherwise."""
        ...

    def integers(self, *values: int) -> str:
        """Add a list of whole numbers, as shapes and axes are."""
        ...

    def add(self, x: str, value: ArrayLike) -> str:
        """Add a constant."""
        ...

    def scale(self, x: str, value: ArrayLike) -> str:
        """Multiply by a constant."""
        ...

    def divide(self, x: str, value: ArrayLike) -> str:
        """Divide by a constant."""
        ...

    def linear(self, x: str, coef: ArrayLike, intercept: ArrayLike) -> str:
        """Return ``x @ coef.T + intercept`` for coefficients (n_terms, n_columns) and intercepts (n_terms,)."""
        ...

    def columns(self, x: str, places: Sequence[int]) -> str:
        """Take columns."""
        ...

    def join(self, parts: Sequence[str]) -> str:
        """Put matrices side by side."""
        ...

    def mean(self, parts: Sequence[str]) -> str:
        """Return the mean of matrices of the same shape."""
        ...

    def total(self, x: str, axis: int = 1, *, keep: bool = True) -> str:
        """Sum along an axis."""
        ...

    def repeated(self, row: ArrayLike, like: str) -> str:
        """Return a constant row as often as another matrix has rows."""
        ...

    def filled(self, x: str, fill: ArrayLike) -> str:
        """Put values, one for all columns or one for each, in the place of missing cells."""
        ...

    def cast(self, x: str, to: int = ...) -> str:
        """Convert to another type of number, by its number in ONNX; float64 unless told otherwise."""
        ...

    def link(self, x: str, function: str) -> str:
        """Apply ``"logistic"``, ``"softmax"``, ``"exp"``, ``"tanh"``, ``"relu"`` or ``"identity"``."""
        ...

    def both(self, second: str) -> str:
        """Return the probabilities of two classes from a column with the second one's."""
        ...


@runtime_checkable
class ModelToOnnx(Protocol):
    """A model that can write itself as nodes of ONNX, found by the presence of its method."""

    def to_onnx(self, graph: OnnxGraph, x: str) -> str:
        """Add what predicts; return the name of the predictions.

        ``x`` is a matrix of the columns that the model was fitted on. The predictions have the shape
        (n_rows, 1), (n_rows, n_outputs) or (n_rows, n_classes), and are float64. A ParameterError gives
        the reason why this model has no such form. A model that computes in float32 has a true attribute
        ``single_precision``, and `check_learner` compares accordingly.
        """
        ...


@runtime_checkable
class BlenderToOnnx(Protocol):
    """A fitted blender that can write itself as nodes of ONNX, found by the presence of its method."""

    def to_onnx(self, graph: OnnxGraph, predictions: Mapping[int, str], features: str | None) -> str:
        """Add what blends; return the name of the blend.

        ``predictions`` holds those of the members that it uses, by their place: matrices of the shape
        (n_rows, 1), or (n_rows, n_classes), and so is the blend. ``features`` is what is passed
        through, of shape (n_rows, n_passed). A ParameterError gives the reason why it has no such form.
        """
        ...
