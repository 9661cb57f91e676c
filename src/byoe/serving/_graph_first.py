"""A bundle that its graph predicts where that is faster, and its members' libraries elsewhere."""

from __future__ import annotations

from ..bundle._reader import BundleReader
from ..contracts._task import FloatArray
from ..data._table import Table
from ..fitted._graph import BlendGraph
from ._runtime import Runtime

FEW_ROWS = 100


class GraphFirstRuntime(Runtime):
    """A bundle whose graph predicts few rows, and whose members' libraries do all else."""

    _graph: BlendGraph

    def _read(self, reader: BundleReader) -> None:
        super()._read(reader)
        self._graph = reader.graph()

    def _blended(self, table: Table, predictions: FloatArray | None = None) -> FloatArray:
        if predictions is None and len(table) <= FEW_ROWS:
            return self._graph(table.values)
        return super()._blended(table, predictions)
