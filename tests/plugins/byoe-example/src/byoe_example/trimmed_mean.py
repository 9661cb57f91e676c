"""A blender without any state."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from byoe.plugins import OOF, Blender, OnnxGraph


class TrimmedMean(Blender):
    """The mean without the lowest and the highest member."""

    tasks = frozenset({"regression"})
    weights = "exact"  # nothing is learned
    convex = True
    lean = True  # NumPy is all that it needs

    def fit(self, oof: OOF) -> Self:
        return self

    def predict(self, predictions: Any, X: Any = None) -> Any:
        if predictions.shape[1] < 3:
            return predictions.mean(axis=1)
        return np.sort(predictions, axis=1)[:, 1:-1].mean(axis=1)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        return self

    def to_onnx(self, graph: OnnxGraph, predictions: Mapping[int, str], features: str | None) -> str:
        """Add what is left of the sum without the two, over their number."""
        parts = list(predictions.values())
        if len(parts) < 3:
            return graph.mean(parts)
        rest = graph.op("Sub", graph.op("Sum", *parts), graph.op("Max", *parts))
        return graph.scale(graph.op("Sub", rest, graph.op("Min", *parts)), 1.0 / (len(parts) - 2))
