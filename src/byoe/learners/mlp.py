"""Multilayer perceptrons: networks for tables, or scikit-learn's, kept as their layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import cut_short, rounds_in_time, seconds_left
from ..contracts._learner import Model, StopRows
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._network_fits import OWN, bytes_of_bins, check_recipe, fit_networks, guess_seconds
from ._networks import FILE as NETWORKS
from ._networks import NetworksModel
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
    """Networks of dense layers for tables; or with any parameter of scikit-learn's perceptron, that one.

    Columns are scaled by their quartiles and bent so that no value is far off. The networks have
    rectified linear units, dropout, and a learning rate that falls along a cosine, after RealMLP (Holzmüller,
    Grinsztajn & Steinwart, 2024). How many passes over the rows are best is found inside the fold, as boosters find
    their rounds.

    Parameters
    ----------
    hidden_units : sequence of int, default=(128, 128)
        Units of each hidden layer.
    n_networks : int, default=2
        How many are averaged, each from another start.
    n_epochs : int, default=None
        Passes over the rows. None finds them, at most 60, or 20 of very many rows.
    lr : float, default=0.04
        Learning rate at the start.
    rows_per_batch : int, default=None
        Rows for each step. None takes 128, fewer of few rows.
    dropout : float, default=None
        Share of the hidden units that are left out in a step, in steps of 1/256. None takes 0.15 up to 2,500 rows to
        learn from; of more as much less, and none from 18,750 on.
    weight_decay : float, default=0.02
        By what share, times the learning rate, weights shrink in a step.
    n_bins : int, default=None
        Networks also get each column in so many bins between its quantiles, each with a number that says how far a
        value is through it (Gorishniy, Rubachev & Babenko, 2022): for effects that bend and jump, as trees learn
        them. Columns of two values, and sparse rows, have none.
    random_state : int, default=None
        Instead of the ensemble's seed.
    **params
        Those of ``sklearn.neural_network.MLPRegressor`` and ``MLPClassifier``, which are then fitted, with at most 500
        passes over the rows, fewer above 4,000 rows and at least 20. They go together with ``random_state`` alone.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("mlp", hidden_units=[64, 32], n_networks=4)
    MultilayerPerceptron(hidden_units=[64, 32], n_networks=4)
    >>> learner("mlp", solver="lbfgs", alpha=0.1)  # scikit-learn's
    MultilayerPerceptron(solver='lbfgs', alpha=0.1)
    """

    scaled = multi_output = leaves_rows_alone = lean = True
    needs = ()

    def parameter_names(self) -> frozenset[str]:
        return OWN | _of_scikit_learn() | {"random_state"}

    def check_names(self, names: Any) -> None:
        """Raise for names that are not known, or that belong to different kinds of networks."""
        super().check_names(names)
        own, others = sorted(OWN & {*names}), sorted({*names} - OWN - {"random_state"})
        if own and others:
            raise ParameterError(
                f"{self.name or 'mlp'}: {', '.join(map(repr, others))} belong to scikit-learn's perceptron, and "
                f"{', '.join(map(repr, own))} to byoe's networks; give parameters of one of them"
            )

    def check(self, task: Task) -> None:
        super().check(task)
        if not self._by_scikit_learn:
            check_recipe(self.name or "mlp", self.own_params())

    @property
    def _by_scikit_learn(self) -> bool:
        return bool(self._given.keys() - OWN - {"random_state"})

    @property
    def stops(self) -> bool:  # type: ignore[override]
        """Whether passes are looked for; scikit-learn's perceptron ends by itself."""
        return not self._by_scikit_learn

    @property
    def rounds_given(self) -> bool:
        return self.own_params().get("n_epochs") is not None

    @property
    def space(self) -> Mapping[str, Any]:  # type: ignore[override]
        """What a search may try, of the parameters of one kind of networks."""
        if self._by_scikit_learn:
            return {"alpha": (1e-5, 0.1, "log"), "learning_rate_init": (1e-4, 1e-2, "log")}
        return {"lr": (0.005, 0.2, "log"), "dropout": (0.0, 0.5), "weight_decay": (1e-3, 0.3, "log")}

    @property
    def rows_each(self) -> int:
        """Two where scikit-learn holds rows out to stop by."""
        return 2 if self.own_params().get("early_stopping") else 1

    @property
    def quiet(self) -> tuple[type[Warning], ...]:
        return () if "max_iter" in self.own_params() else self.quiet_in_time

    @property
    def quiet_in_time(self) -> tuple[type[Warning], ...]:
        if not self._by_scikit_learn:
            return ()
        from sklearn.exceptions import ConvergenceWarning

        return (ConvergenceWarning,)  # the limit's own warning tells of the passes that are missing

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        if self._by_scikit_learn:
            return 0.05 + 1e-5 * n_rows * n_columns
        return guess_seconds(self.own_params(), n_rows, n_columns, stopping=stopping)

    def memory(self, n_rows: int, n_columns: int, *, task: Task) -> float:
        return super().memory(n_rows, n_columns, task=task) + bytes_of_bins(self.own_params(), n_rows, n_columns)

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
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> Model:
        given: dict[str, Any] = {"task": task, "sample_weight": sample_weight, "seed": seed}
        if self._by_scikit_learn:
            return self._perceptron(X, y, threads=threads, **given)
        own = self.own_params()
        given["seed"] = seed if own.get("random_state") is None else int(own["random_state"])
        return fit_networks(own, X, y, stop=stop, rounds=rounds, **given)

    def _perceptron(self, X: Any, y: NDArray[Any], **given: Any) -> Model:
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
        if (folder / NETWORKS).is_file():
            return NetworksModel.load(folder / NETWORKS, task)
        return NetworkModel.load(folder / _FILE, task)

    def _model(self, estimator: Any, task: Task) -> Model:
        return NetworkModel.of(estimator, task)


def _of_scikit_learn() -> frozenset[str]:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    both = {*MLPRegressor().get_params(), *MLPClassifier().get_params()}
    return frozenset(both - {"warm_start", "verbose"})


def _passes(n_rows: int) -> int:
    """Return how often a fit of scikit-learn's goes through the rows."""
    return int(np.clip(_MOST_ROWS_SEEN // n_rows, 20, 500))
