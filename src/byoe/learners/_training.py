"""Training of dense networks on tables, in single precision with numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._networks import Inputs, Layers

Single = NDArray[np.float32]

_BETAS, _TINY = (0.9, 0.99), 1e-8
_OFFSETS_RATE, _SCALES_RATE = 0.1, 6.0  # of the learning rate, as in RealMLP
_PREDICTED = 4096
_BYTE = 256


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; the parameters of `byoe.learners.mlp.MultilayerPerceptron`."""

    hidden_units: tuple[int, ...]
    lr: float
    rows_per_batch: int
    dropout: float
    weight_decay: float


class Network:
    """Weights and offsets of the layers, behind a factor for each column, all in one vector.

    Hidden layers of rectified linear units start from normal weights of variance ``2 / n_in`` (He et al., 2015), the
    last layer from zero. A layer's weights take
    steps in proportion to ``1 / sqrt(n_in)``: RealMLP (Holzmüller et al., 2024), after Jacot et al. (2018).
    """

    def __init__(self, widths: tuple[int, ...], rng: np.random.Generator) -> None:
        pairs = list(pairwise(widths))
        shapes = [(widths[0],), *(shape for n_in, n_out in pairs for shape in ((n_in, n_out), (n_out,)))]
        self.values = np.concatenate([np.zeros(int(np.prod(shape)), dtype=np.float32) for shape in shapes])
        self.gradient, self.rates, self.decays = (np.zeros_like(self.values) for _ in range(3))
        parts = [list(_parts(vector, shapes)) for vector in (self.values, self.gradient, self.rates, self.decays)]
        (self.scales, *values), (self.scales_gradient, *gradients), rates, decays = parts
        self.layers: Layers = list(zip(values[::2], values[1::2], strict=True))
        self.gradients: Layers = list(zip(gradients[::2], gradients[1::2], strict=True))
        self.scales[:], rates[0][:], decays[0][:] = 1.0, _SCALES_RATE, 1.0
        for number, (weights, offsets) in enumerate(self.layers):
            n_in = max(1, len(weights))
            rates[1 + 2 * number][:], decays[1 + 2 * number][:] = 1.0 / np.sqrt(n_in), 1.0
            rates[2 + 2 * number][:] = _OFFSETS_RATE
            if number < len(pairs) - 1:
                weights[:] = rng.standard_normal(weights.shape, dtype=np.float32) * np.float32(np.sqrt(2.0 / n_in))
                offsets[:] = rng.standard_normal(offsets.shape, dtype=np.float32)

    def scores(self, rows: Single) -> Single:
        """Return what the last layer gives, of shape (n_rows, n_outputs)."""
        parts = [self._forward(rows[start : start + _PREDICTED]) for start in range(0, len(rows), _PREDICTED)]
        return np.concatenate(parts)

    def _forward(self, rows: Single) -> Single:
        values = rows * self.scales
        for weights, offsets in self.layers[:-1]:
            values = np.maximum(values @ weights + offsets, 0.0)
        weights, offsets = self.layers[-1]
        return np.asarray(values @ weights + offsets)

    def backward(
        self, rows: Single, residuals: Callable[[Single], Single], drop: Callable[[int], Single | None]
    ) -> None:
        """Set the gradient of a loss, of whose derivatives by the scores ``residuals`` tells.

        ``drop`` gives the factors of a layer's units of that width, or None.
        """
        inputs, slopes = [rows * self.scales], []
        for weights, offsets in self.layers[:-1]:
            values = inputs[-1] @ weights + offsets
            slope, kept = (values > 0).astype(np.float32), drop(values.shape[1])
            slopes.append(slope if kept is None else slope * kept)
            inputs.append(values * slopes[-1])
        weights, offsets = self.layers[-1]
        back = residuals(inputs[-1] @ weights + offsets)
        for number in range(len(self.layers) - 1, -1, -1):
            by_weights, by_offsets = self.gradients[number]
            np.matmul(inputs[number].T, back, out=by_weights)
            np.sum(back, axis=0, out=by_offsets)
            back = back @ self.layers[number][0].T
            if number:
                back *= slopes[number - 1]
        np.sum(back * rows, axis=0, out=self.scales_gradient)

    def finished(self) -> Layers:
        """Return the layers, with the factors of the columns in the first one."""
        (weights, offsets), *others = self.layers
        layers = [(weights * self.scales[:, None], offsets), *others]
        return [(weights.copy(), offsets.copy()) for weights, offsets in layers]


class Adam:
    """Steps against the gradient (Kingma & Ba, 2015); weights decay apart from it (Loshchilov & Hutter, 2019)."""

    def __init__(self, network: Network, weight_decay: float) -> None:
        self._network, self._weight_decay, self._steps = network, weight_decay, 0
        self._mean, self._square = np.zeros_like(network.values), np.zeros_like(network.values)

    def step(self, rate: float) -> None:
        """Take one step."""
        network, (first, second) = self._network, _BETAS
        self._steps += 1
        self._mean += np.float32(1 - first) * (network.gradient - self._mean)
        self._square += np.float32(1 - second) * (network.gradient**2 - self._square)
        network.values *= 1 - np.float32(rate * self._weight_decay) * network.decays
        length = rate * np.sqrt(1 - second**self._steps) / (1 - first**self._steps)
        network.values -= np.float32(length) * network.rates * self._mean / (np.sqrt(self._square) + np.float32(_TINY))


@dataclass(frozen=True)
class Sample:
    """Rows that networks learn from.

    Attributes
    ----------
    inputs : Inputs
    X : array of shape (n_rows, n_columns or inputs.width), or a sparse matrix
    transformed : bool
        Whether it is, by the inputs; else a batch is when it is taken.
    targets : array of shape (n_rows, n_outputs)
        Standardised ones, or one and zeros for classes.
    weight : array of shape (n_rows,) or None
        Of mean one.
    classes : bool
        Whether the loss is the cross-entropy instead of the squared error.
    seed : int
    """

    inputs: Inputs
    X: Any
    transformed: bool
    targets: Single
    weight: Single | None
    classes: bool
    seed: int

    def rows(self, batch: Any) -> Single:
        """Return some rows as networks take them."""
        if self.transformed:
            return np.asarray(self.X[batch])
        return self.inputs.in_single(self.X[batch])


def passes(sample: Sample, recipe: Recipe, planned: int, number: int = 0) -> Iterator[Network]:
    """Train a network, and give it after every pass over the rows.

    ``planned`` is the number of passes in which the learning rate falls to zero, along a cosine (Loshchilov & Hutter,
    2017); ``number`` which network it is of those of one seed.
    """
    rng = np.random.default_rng((sample.seed, number))
    network = Network((sample.inputs.width, *recipe.hidden_units, sample.targets.shape[1]), rng)
    adam, n_rows, done = Adam(network, recipe.weight_decay), len(sample.targets), 0
    batches = max(1, round(n_rows / recipe.rows_per_batch))
    for _ in range(planned):
        for batch in np.array_split(rng.permutation(n_rows), batches):  # of the same size, for none to count more
            drop = _dropping(recipe.dropout, len(batch), rng)
            network.backward(sample.rows(batch), _residuals(sample, batch), drop)
            done += 1
            adam.step(recipe.lr * 0.5 * (1 + np.cos(np.pi * done / (planned * batches))))
        yield network


def _residuals(sample: Sample, batch: Any) -> Callable[[Single], Single]:
    factor = np.float32((1.0 if sample.classes else 2.0) / len(batch))
    factors = factor if sample.weight is None else factor * sample.weight[batch, None]
    targets = sample.targets[batch]
    return lambda scores: ((shares(scores) if sample.classes else scores) - targets) * factors


def _dropping(share: float, n_rows: int, rng: np.random.Generator) -> Callable[[int], Single | None]:
    """Return a function that gives zeros for a share of the units, and for the others what keeps the mean."""
    least = min(_BYTE - 1, round(share * _BYTE))  # single bytes, since random numbers take much of a step
    if not least:
        return lambda _: None
    kept = np.float32(_BYTE / (_BYTE - least))
    return lambda width: (rng.integers(0, _BYTE, (n_rows, width), dtype=np.uint8) >= least) * kept


def shares(scores: Single) -> Single:
    """Return the softmax of every row, in single precision."""
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def _parts(vector: Single, shapes: list[Any]) -> Iterator[Single]:
    start = 0
    for shape in shapes:
        length = int(np.prod(shape))
        yield vector[start : start + length].reshape(shape)
        start += length
