"""A graph, and how far its predictions are from those of its ensemble."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._graph import BlendGraph, CheckedGraph
from ..fitted._predicting import Predicting
from ._export import graph_of

_TOLERANCE = 1e-6
# Of single models, which intervals ask: the rounding of float32 averages out in a blend alone.
_OF_MODELS = 1e-5
_MOST_ROWS = 10_000
_ALONE = 5  # ONNX Runtime has other code for a row alone


def checked_graph(ensemble: Predicting, table: Table, *, models: bool) -> CheckedGraph:
    """Return the graph of a fitted ensemble, which predicts rows of a table as the ensemble does.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    table : Table
        That of the fit. Of more than 10,000 rows as many are compared, at equal distances.
    models : bool
        Whether the graph tells what each model predicts, too, where it can.

    Raises
    ------
    ParameterError
        Names what has no form in ONNX, or where predictions differ.
    """
    data = graph_of(ensemble, models=models)
    rows = np.unique(np.linspace(0, len(table) - 1, _MOST_ROWS).astype(np.int64)) if len(table) > _MOST_ROWS else None
    seen = table if rows is None else table.some(rows)
    graph = BlendGraph(data, ensemble._task)
    largest = 0.0
    for what, own, other, allowed in _pairs(ensemble, graph, seen):
        apart = np.abs(own - other) / _size(ensemble, own)
        difference = float(apart.max(initial=0.0))
        if not difference <= allowed:
            place = int(np.argmax(apart.reshape(len(apart), -1).max(axis=1)))
            row = place if rows is None else int(rows[place])
            raise ParameterError(
                f"the graph's {what} of row {row} differs by {difference:.1e} of the largest one, and "
                f"{allowed:g} is allowed; nothing was written. Save without a graph, and predict by the libraries"
            )
        largest = max(largest, difference)
    return CheckedGraph(data, len(seen), largest)


def _pairs(
    ensemble: Predicting, graph: BlendGraph, table: Table
) -> Iterator[tuple[str, FloatArray, FloatArray, float]]:
    """Yield what is compared: its name, as the ensemble has it, as the graph does, and how far these may be apart."""
    threads = ensemble._threads(table)
    blended, own = ensemble._blended(table), graph(table.values, threads)
    if ensemble.blender_.gives_probabilities or not ensemble._task.is_classification:
        yield "prediction", blended, own, _TOLERANCE
        alone = [graph(table.values[row : row + 1]) for row in range(min(_ALONE, len(table)))]
        yield "prediction", blended[: len(alone)], np.concatenate(alone), _TOLERANCE
    else:
        chosen = ensemble._codes(blended)
        yield "label", np.eye(own.shape[1])[chosen], own, _TOLERANCE
    if graph.members:
        for label, found in graph.of_models(table.values, threads).items():
            for number in range(found.shape[1]):
                what = f"prediction by member {label!r}"
                yield what, ensemble.members_[label].predict_by(number, table, threads), found[:, number], _OF_MODELS


def _size(ensemble: Predicting, values: FloatArray) -> FloatArray | float:
    """Return what differences are a share of: of each target the largest prediction."""
    if ensemble._task.is_classification:
        return 1.0
    sizes: FloatArray = np.abs(values).max(axis=0, initial=0.0)
    return np.where(sizes > 0, sizes, 1.0)
