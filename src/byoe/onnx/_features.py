"""The features of a table as nodes of ONNX: its columns, and the parts of dates."""

from __future__ import annotations

from collections.abc import Sequence

from ..data._calendar import calendar
from ..data._column import Column
from ._graph import Graph


def features(graph: Graph, x: str, columns: Sequence[Column]) -> str:
    """Return what learners get of a table's columns, computed as `data._features.with_parts` does it."""
    if not any(column.parts for column in columns):
        return x
    found = []
    for i, column in enumerate(columns):
        own = graph.columns(x, [i])
        found += [own, *(calendar(own, column.parts, _OnGraph(graph)) if column.parts else ())]
    return graph.join(found)


class _OnGraph:
    """The operations of `data._calendar.Numbers`, as nodes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def add(self, x: str, value: float) -> str:
        """Add a number."""
        return self._graph.add(x, value)

    def scale(self, x: str, factor: float) -> str:
        """Multiply by a number."""
        return self._graph.scale(x, factor)

    def divide(self, x: str, divisor: float) -> str:
        """Divide by a number."""
        return self._graph.divide(x, divisor)

    def plus(self, x: str, y: str) -> str:
        """Add two columns."""
        return str(self._graph.op("Add", x, y))

    def minus(self, x: str, y: str) -> str:
        """Take one column from another."""
        return str(self._graph.op("Sub", x, y))

    def floor(self, x: str) -> str:
        """Round down."""
        return str(self._graph.op("Floor", x))

    def size(self, x: str) -> str:
        """Return absolute values."""
        return str(self._graph.op("Abs", x))
