"""Multilayer perceptron, fitted by scikit-learn on standardised columns and kept as its layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import cut_short, rounds_in_time, seconds_left
from ..contracts._learner import Model
from ..contracts._task import FloatArray, Task
from ._target import StandardTargetLearner, in_standard_units
from .linear import logistic, softmax

_MOST_ROWS_SEEN = 2_000_000
_FILE = "layers.npz"
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda values: values,
    "relu": lambda values: np.maximum(values, 0.0),
    "tanh": np.tanh,
    "logistic": logistic,
    "softmax": softmax,
}


class NetworkModel:
    """Layers of weights and offsets, and the scale of the target.

    Attributes
    ----------
    layers : list of (array of shape (n_in, n_out), array of shape (n_out,))
    activation, output : str
        What follows the hidden layers, and the last one.
    center, scale : array of shape (n_outputs,)
        Of the standardised target.
    passes : int
        That its fit took; 0 where it was read.
    """

    passes = 0

    def __init__(self, layers: Any, activation: str, output: str, center: Any, scale: Any, task: Task) -> None:
        self.layers = [(np.asarray(weights), np.asarray(offsets)) for weights, offsets in layers]
        self.activation, self.output = activation, output
        self.center, self.scale = np.asarray(center), np.asarray(scale)
        self.task = task

    @classmethod
    def of(cls, estimator: Any, task: Task) -> NetworkModel:
        """Return the model that a fitted estimator is."""
        network = getattr(estimator, "regressor_", estimator)
        scaler = getattr(estimator, "transformer_", None)
        center, scale = ([0.0], [1.0]) if scaler is None else (scaler.mean_, scaler.scale_)
        layers = list(zip(network.coefs_, network.intercepts_, strict=True))
        model = cls(layers, network.activation, network.out_activation_, center, scale, task)
        model.passes = network.n_iter_
        return model

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        values = X
        for weights, offsets in self.layers[:-1]:
            values = _ACTIVATIONS[self.activation](values @ weights + offsets)
        weights, offsets = self.layers[-1]
        values = _ACTIVATIONS[self.output](values @ weights + offsets)
        if self.task.is_classification:
            return np.column_stack([1.0 - values, values]) if values.shape[1] == 1 else np.asarray(values)
        values = values * self.scale + self.center
        return np.asarray(values[:, 0] if self.task.n_outputs == 1 else values)

    def save(self, folder: Path) -> None:
        arrays = {f"weights_{number}": weights for number, (weights, _) in enumerate(self.layers)}
        arrays |= {f"offsets_{number}": offsets for number, (_, offsets) in enumerate(self.layers)}
        np.savez(
            folder / _FILE,
            allow_pickle=False,
            activations=np.array([self.activation, self.output]),
            center=self.center,
            scale=self.scale,
            **arrays,
        )

    @classmethod
    def load(cls, file: Path, task: Task) -> NetworkModel:
        """Read what ``save`` wrote."""
        with np.load(file, allow_pickle=False) as arrays:
            count = sum(name.startswith("weights_") for name in arrays)
            layers = [(arrays[f"weights_{number}"], arrays[f"offsets_{number}"]) for number in range(count)]
            activation, output = arrays["activations"].tolist()
            return cls(layers, activation, output, arrays["center"], arrays["scale"], task)


class MultilayerPerceptron(StandardTargetLearner):
    """Multilayer perceptron; takes the parameters of scikit-learn's.

    The regression target is standardised inside the fold. There are at most 500 passes over
    the rows, fewer above 4,000 rows and at least 20.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("mlp", hidden_layer_sizes=[64, 32])
    MultilayerPerceptron(hidden_layer_sizes=[64, 32])
    """

    scaled = multi_output = leaves_rows_alone = lean = True
    needs = ()
    space = {"alpha": (1e-5, 0.1, "log"), "learning_rate_init": (1e-4, 1e-2, "log")}

    def parameter_names(self) -> frozenset[str]:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        both = {*MLPRegressor().get_params(), *MLPClassifier().get_params()}
        return frozenset(both - {"warm_start", "verbose"})

    @property
    def rows_each(self) -> int:
        """Two where rows are held out to stop by."""
        return 2 if self.own_params().get("early_stopping") else 1

    @property
    def quiet(self) -> tuple[type[Warning], ...]:
        return () if "max_iter" in self.own_params() else self.quiet_in_time

    @property
    def quiet_in_time(self) -> tuple[type[Warning], ...]:
        from sklearn.exceptions import ConvergenceWarning

        return (ConvergenceWarning,)  # the limit's own warning tells of the passes that are missing

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        return 0.05 + 1e-5 * n_rows * n_columns

    @property
    def ends_in_time(self) -> bool:
        return True

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
    ) -> Model:
        given: dict[str, Any] = {"task": task, "sample_weight": sample_weight, "seed": seed, "threads": threads}
        most = self.own_params().get("max_iter", _passes(len(y)))
        if math.isinf(seconds_left()) or not isinstance(most, Integral):  # which scikit-learn refuses
            return super().fit(X, y, **given)

        def _attempt(passes: int) -> NetworkModel:
            twin = type(self)(**{**self.own_params(), "max_iter": passes})
            return cast(NetworkModel, StandardTargetLearner.fit(twin, X, y, **given))

        planned = rounds_in_time(_attempt, int(most))
        model = _attempt(planned)
        if model.passes == planned < int(most):  # else it was done before
            cut_short(planned)
        return model

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        params = {"max_iter": _passes(len(y)), **self.own_params()}
        return MLPClassifier(**params) if task.is_classification else in_standard_units(MLPRegressor(**params))

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        return NetworkModel.load(folder / _FILE, task)

    def _model(self, estimator: Any, task: Task) -> Model:
        return NetworkModel.of(estimator, task)


def _passes(n_rows: int) -> int:
    """Return how often a fit goes through the rows."""
    return int(np.clip(_MOST_ROWS_SEEN // n_rows, 20, 500))
