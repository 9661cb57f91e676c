"""A graph of ONNX in the making: nodes, constants, and the formulas that several models share.

All numbers are float64, so that what is left of a difference to the models is rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import need

# The first release of ONNX with trees that add up in float64, and what goes with it.
OPSETS = {"": 18, "ai.onnx.ml": 5}
IR_VERSION = 9
FLOAT, INT64, DOUBLE = 1, 7, 11


class NotExportableError(Exception):
    """The reason why something has no form in ONNX; what collects the reasons tells the user."""


def library(name: str = "onnx") -> Any:
    """Import a library of the extra."""
    return need(name, "onnx", "to_onnx")


class Graph:
    """Nodes in the order of their computation; values go by names.

    Attributes
    ----------
    nodes, constants : list
        Messages of ONNX.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        """Return a name that nothing has yet."""
        self._count += 1
        return f"{stem}_{self._count}"

    def constant(self, value: ArrayLike, dtype: Any = np.float64) -> str:
        """Add an array, or find it among those that were added."""
        array: NDArray[Any] = np.ascontiguousarray(value, dtype=dtype).reshape(np.shape(value))
        key = (str(array.dtype), array.shape, array.tobytes())
        if array.dtype.kind == "O" or key not in self._known:
            self._known[key] = self.name("constant")
            self.constants.append(library("onnx.numpy_helper").from_array(array, self._known[key]))
        return self._known[key]

    def integers(self, *values: int) -> str:
        """Add a list of whole numbers, as shapes and axes are."""
        return self.constant(np.array(values, dtype=np.int64), np.int64)

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Add a node; return the name of its output, or a list of several."""
        names = [self.name(kind.lower()) for _ in range(outputs)]
        # Without names of nodes ONNX Runtime 1.21 refuses a graph in which it merges nodes of a kind twice.
        made = library("onnx.helper").make_node(kind, list(inputs), names, name=names[0], domain=domain, **attributes)
        self.nodes.append(made)
        return names[0] if outputs == 1 else names

    # -- formulas --------------------------------------------------------------------

    def add(self, x: str, value: ArrayLike) -> str:
        """Add a constant, unless it is zero."""
        return str(self.op("Add", x, self.constant(value))) if np.any(value) else x

    def scale(self, x: str, value: ArrayLike) -> str:
        """Multiply by a constant, unless it is one."""
        return x if np.all(np.equal(value, 1.0)) else str(self.op("Mul", x, self.constant(value)))

    def divide(self, x: str, value: ArrayLike) -> str:
        """Divide by a constant, unless it is one."""
        return x if np.all(np.equal(value, 1.0)) else str(self.op("Div", x, self.constant(value)))

    def cast(self, x: str, to: int = DOUBLE) -> str:
        """Convert to another type of number."""
        return str(self.op("Cast", x, to=to))

    def single(self, x: str) -> str:
        """Round to float32, as libraries do that compare in it."""
        return self.cast(self.cast(x, FLOAT))

    def columns(self, x: str, places: Sequence[int]) -> str:
        """Take columns."""
        return str(self.op("Gather", x, self.integers(*places), axis=1))

    def join(self, parts: Sequence[str]) -> str:
        """Put matrices side by side."""
        return parts[0] if len(parts) == 1 else str(self.op("Concat", *parts, axis=1))

    def mean(self, parts: Sequence[str], weights: Sequence[int] | None = None) -> str:
        """Return the mean of values of the same shape, which count the same unless there are weights."""
        if len(parts) == 1:
            return parts[0]
        weights = weights or [1] * len(parts)
        weighted = [self.scale(part, float(weight)) for part, weight in zip(parts, weights, strict=True)]
        return self.divide(self.op("Sum", *weighted), float(sum(weights)))

    def total(self, x: str, axis: int = 1, *, keep: bool = True) -> str:
        """Sum along an axis."""
        return str(self.op("ReduceSum", x, self.integers(axis), keepdims=int(keep)))

    def product(self, x: str, matrix: ArrayLike) -> str:
        """Multiply by a constant matrix."""
        # Not MatMul: some runtimes merge it with a factor beside it, which they round to float32.
        return str(self.op("Gemm", x, self.constant(matrix)))

    def linear(self, x: str, coef: ArrayLike, intercept: ArrayLike) -> str:
        """Return ``x @ coef.T + intercept`` for coefficients (n_terms, n_columns) and intercepts (n_terms,)."""
        found = self.product(x, np.transpose(np.asarray(coef, dtype=np.float64)))
        return self.add(found, np.asarray(intercept, dtype=np.float64))

    def link(self, x: str, function: str) -> str:
        """Apply a function by the name that scikit-learn's networks have for it."""
        if function == "identity":
            return x
        operators = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp"}
        if function == "softmax":
            return str(self.op("Softmax", x, axis=1))
        if function not in operators:
            raise NotExportableError(f"the function {function!r} is not known")
        return str(self.op(operators[function], x))

    def probabilities(self, scores: str, function: str) -> str:
        """Return the probabilities of scores; a logistic one is of the second of two classes."""
        found = self.link(scores, function)
        return self.both(found) if function == "logistic" else found

    def both(self, second: str) -> str:
        """Return the probabilities of two classes from a column with the second one's."""
        return self.join([self.op("Sub", self.constant(1.0), second), second])

    def layers(
        self, x: str, coefs: Sequence[ArrayLike], intercepts: Sequence[ArrayLike], activation: str, output: str
    ) -> str:
        """Return what a perceptron gives, for coefficients of shape (n_inputs, n_units) a layer.

        ``output`` is the function of the last layer.
        """
        for number, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True), 1):
            x = self.linear(x, np.transpose(np.asarray(coef)), intercept)
            if number < len(coefs):
                x = self.link(x, activation)
        return self.probabilities(x, output)

    def filled(self, x: str, fill: ArrayLike) -> str:
        """Put values in the place of missing cells."""
        if np.isnan(fill).all():
            return x
        return str(self.op("Where", self.op("IsNaN", x), self.constant(fill), x))

    def scatter(self, x: str, places: Sequence[int], width: int) -> str:
        """Put columns to their places among ``width``, zero elsewhere."""
        selection = np.zeros((len(places), width))
        selection[np.arange(len(places)), list(places)] = 1.0
        return self.product(x, selection)

    def with_row(self, x: str, width: int) -> str:
        """Add a row of zeros: of no row, some runtimes stop the process in TopK, and refuse other operators."""
        return str(self.op("Concat", x, self.constant(np.zeros((1, width))), axis=0))

    def without_row(self, x: str) -> str:
        """Take the last row away."""
        return str(self.op("Slice", x, self.integers(0), self.integers(-1), self.integers(0)))

    def repeated(self, row: ArrayLike, like: str) -> str:
        """Return a constant row as often as another matrix has rows."""
        values = np.atleast_2d(np.asarray(row, dtype=np.float64))
        rows = self.op("Shape", like, start=0, end=1)
        shape = self.op("Concat", rows, self.integers(values.shape[1]), axis=0)
        return str(self.op("Expand", self.constant(values), shape))
