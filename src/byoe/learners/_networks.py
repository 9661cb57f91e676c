"""Fitted networks of dense layers, as arrays: what they predict, and their file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray, Task
from .linear import softmax

FILE = "networks.npz"
FLAT = 3.0  # which no column's values go beyond, in its own scale
FAR = 1e9  # beyond which all values are the same
_APART = 1e-9  # quartiles, of the range
_NEAR = 1e-6  # edges of bins that are one, in a column's own scale
_ROWS = 4096  # predicted at a time

Layers = list[tuple[NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True)
class Bins:
    """Bins between quantiles of columns, each with a number of its own (Gorishniy, Rubachev & Babenko, 2022).

    Attributes
    ----------
    columns : array of shape (n_bins,)
        Of which column each bin is.
    lower, width : array of shape (n_bins,)
        A value becomes ``clip((z - lower) / width, 0, 1) - 0.5``.
    """

    columns: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    lower: FloatArray = field(default_factory=lambda: np.empty(0))
    width: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def between(cls, edges: Mapping[int, FloatArray]) -> Bins:
        """Return the bins between edges, which are told by the place of their column."""
        if not edges:
            return cls()
        columns = np.repeat(list(edges), [len(one) - 1 for one in edges.values()])
        pairs = [(one[:-1], np.diff(one)) for one in edges.values()]
        lower, width = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        return cls(columns, lower, width)

    def transform(self, values: FloatArray) -> FloatArray:
        """Return rows of shape (n_rows, n_bins)."""
        return np.asarray(np.clip((values[:, self.columns] - self.lower) / self.width, 0.0, 1.0) - 0.5)


@dataclass(frozen=True)
class Inputs:
    """What becomes of the columns: in a robust scale, and bent so that none is beyond 3; bins of them behind.

    Attributes
    ----------
    center, scale : array of shape (n_columns,)
        A value becomes ``z = (x - center) * scale``, and that ``z / sqrt(1 + (z / 3)**2)``.
    bins : Bins
        Of ``z``.
    """

    center: FloatArray
    scale: FloatArray
    bins: Bins = field(default_factory=Bins)

    @classmethod
    def of(cls, X: Any, n_bins: int = 0) -> Inputs:
        """Learn from training rows: the median, and the distance of the quartiles or if that is zero half the range.

        Columns of two values, and sparse ones, stay in the scale that they have, and have no bins.
        """
        width = X.shape[1]
        center, scale, edges = np.zeros(width), np.ones(width), dict[int, FloatArray]()
        if not isinstance(X, np.ndarray):
            return cls(center, scale)
        for place, column in enumerate(X.T):
            low, lower, middle, upper, high = np.quantile(column, [0.0, 0.25, 0.5, 0.75, 1.0])
            if ((column == low) | (column == high)).all():
                continue
            center[place] = middle
            apart = upper - lower > _APART * (high - low)
            scale[place] = 1.0 / (upper - lower) if apart else 2.0 / (high - low)
            if n_bins:
                edges[place] = _edges(_scaled(column, center[place], scale[place]), n_bins)
        return cls(center, scale, Bins.between(edges))

    @property
    def width(self) -> int:
        """How many columns transformed rows have."""
        return len(self.center) + len(self.bins.columns)

    def transform(self, X: Any) -> FloatArray:
        """Return dense rows of shape (n_rows, width)."""
        values = _scaled(X if isinstance(X, np.ndarray) else X.toarray(), self.center, self.scale)
        bent = np.asarray(values / np.sqrt(1.0 + (values / FLAT) ** 2))
        return np.hstack([bent, self.bins.transform(values)]) if len(self.bins.columns) else bent

    def in_single(self, X: Any) -> NDArray[np.float32]:
        """Return the same as networks learn from it; a part at a time, as what comes on the way takes more."""
        found = np.empty((X.shape[0], self.width), dtype=np.float32)
        for start in range(0, X.shape[0], _ROWS):
            found[start : start + _ROWS] = self.transform(X[start : start + _ROWS])
        return found


def _scaled(values: FloatArray, center: Any, scale: Any) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(np.clip((values - center) * scale, -FAR, FAR))  # whose squares are in range


def _edges(column: FloatArray, n_bins: int) -> FloatArray:
    """Return quantiles that are apart."""
    found = np.quantile(column, np.linspace(0.0, 1.0, min(n_bins, len(column)) + 1))
    return np.asarray(found[np.append(True, np.diff(found) > _NEAR)])


class NetworksModel:
    """Networks whose predictions are averaged.

    Attributes
    ----------
    inputs : Inputs
    networks : list of list of (array of shape (n_in, n_out), array of shape (n_out,))
        The layers of each; all but the last are followed by rectified linear units, the last one by a softmax for
        classes.
    center, scale : array of shape (n_outputs,)
        Of the standardised target.
    rounds : int
        The passes over the rows that the first one took; 0 where it was read.
    """

    rounds = 0

    def __init__(self, inputs: Inputs, networks: Sequence[Layers], center: Any, scale: Any, task: Task) -> None:
        self.inputs = inputs
        self.networks = [[(_double(weights), _double(offsets)) for weights, offsets in one] for one in networks]
        self.center, self.scale = _double(center), _double(scale)
        self.task = task

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        parts = [self._rows(self.inputs.transform(X[start : start + _ROWS])) for start in range(0, X.shape[0], _ROWS)]
        width = self.task.n_classes if self.task.is_classification else len(self.center)
        found = np.concatenate(parts) if parts else np.empty((0, width))
        if self.task.is_classification:
            return found
        found = found * self.scale + self.center
        return np.asarray(found[:, 0] if self.task.n_outputs == 1 else found)

    def _rows(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.mean([self._one(layers, values) for layers in self.networks], axis=0))

    def _one(self, layers: Layers, values: FloatArray) -> FloatArray:
        for weights, offsets in layers[:-1]:
            values = np.maximum(values @ weights + offsets, 0.0)
        weights, offsets = layers[-1]
        values = values @ weights + offsets
        return softmax(values) if self.task.is_classification else values

    def save(self, folder: Path) -> None:
        arrays = {
            f"{kind}_{network}_{layer}": array.astype(np.float32)  # as which they were learned
            for network, layers in enumerate(self.networks)
            for layer, pair in enumerate(layers)
            for kind, array in zip(("weights", "offsets"), pair, strict=True)
        }
        bins = self.inputs.bins
        np.savez(
            folder / FILE,
            allow_pickle=False,
            inputs=np.array([self.inputs.center, self.inputs.scale]),
            target=np.array([self.center, self.scale]),
            bins=np.array([bins.columns, bins.lower, bins.width]),
            **arrays,
        )

    @classmethod
    def load(cls, file: Path, task: Task) -> NetworksModel:
        """Read what ``save`` wrote."""
        with np.load(file, allow_pickle=False) as arrays:
            places = [name.split("_")[1:] for name in arrays if name.startswith("weights_")]
            networks = [list(_layers(arrays, number, places)) for number in sorted({int(one) for one, _ in places})]
            columns, lower, width = arrays["bins"] if "bins" in arrays else np.empty((3, 0))  # as older files have none
            center, scale = arrays["inputs"]
            inputs = Inputs(center, scale, Bins(columns.astype(np.intp), lower, width))
            center, scale = arrays["target"]
            return cls(inputs, networks, center, scale, task)


def _layers(arrays: Any, network: int, places: Sequence[Sequence[str]]) -> Iterator[tuple[Any, Any]]:
    for layer in sorted(int(layer) for one, layer in places if int(one) == network):
        yield arrays[f"weights_{network}_{layer}"], arrays[f"offsets_{network}_{layer}"]


def _double(values: Any) -> FloatArray:
    return np.asarray(values, dtype=np.float64)
