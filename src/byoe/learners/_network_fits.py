"""Fits of networks: how many passes, which are kept, and when time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import cut_short, out_of_time, rounds_of, seconds_left
from ..contracts._learner import StopRows
from ..contracts._row_loss import SMALLEST_PROBABILITY
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._boosting import watched_loss
from ._networks import Inputs, NetworksModel
from ._training import Network, Recipe, Sample, Single, passes
from .linear import softmax

OWN = frozenset("hidden_units n_networks n_epochs lr rows_per_batch dropout weight_decay n_bins".split())

_MOST_EPOCHS, _FEWEST_EPOCHS, _MOST_ROWS_SEEN = 60, 20, 2_000_000
_NETWORKS = 2
_LARGEST_BATCH, _SMALLEST_BATCH = 128, 32
# Dropout of few rows; of more it falls as they grow, and what is next to none is left out, which saves a quarter.
_DROPOUT, _FEW_ROWS, _LEAST_DROPOUT = 0.15, 2_500, 0.02
_PATIENCE = 0.25  # of all passes
# What a search for the number of passes may take of the time that is left: the model is fitted after it.
_SEARCH = 0.5
# How many passes show how long one takes, and after which share of the time one is enough for that.
_FEW, _TRIED = 4, 0.02
_ROUNDING = 1e-14
_MOST_CELLS = 2**27  # half a gigabyte; of more a batch is transformed when it is taken
_STEP_SECONDS, _FLOP_SECONDS = 2e-4, 3e-11


def check_recipe(who: str, given: Mapping[str, Any]) -> None:
    """Raise a ParameterError for values that no network can have."""
    hidden = given.get("hidden_units")
    if hidden is not None and not (_is_list(hidden) and all(_is_whole(size) for size in hidden)):
        raise ParameterError(f"{who}: hidden_units is {hidden!r}, expected a list of positive whole numbers")
    for name in ("n_networks", "n_epochs", "rows_per_batch", "n_bins"):
        if given.get(name) is not None and not _is_whole(given[name]):
            raise ParameterError(f"{who}: {name} is {given[name]!r}, expected a positive whole number")
    seed = given.get("random_state")
    if seed is not None and not (isinstance(seed, int | np.integer) and not isinstance(seed, bool) and seed >= 0):
        raise ParameterError(f"{who}: random_state is {seed!r}, expected a whole number that is not negative")
    for name, most in (("lr", math.inf), ("dropout", 1.0), ("weight_decay", math.inf)):
        value = given.get(name)
        if value is not None and not (_is_number(value) and 0 <= value < most):
            bounds = "a number from 0 to below 1" if name == "dropout" else "a number that is not negative"
            raise ParameterError(f"{who}: {name} is {value!r}, expected {bounds}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) > 0


def most_epochs(given: Mapping[str, Any], n_rows: int) -> int:
    """Return how often a fit goes through the rows at most."""
    own = given.get("n_epochs")
    return int(np.clip(_MOST_ROWS_SEEN // max(1, n_rows), _FEWEST_EPOCHS, _MOST_EPOCHS) if own is None else own)


def recipe_of(given: Mapping[str, Any], n_rows: int) -> Recipe:
    """Return the recipe of given parameters for so many rows."""
    own = {name: value for name, value in given.items() if value is not None}
    size = int(np.clip(n_rows // 2, _SMALLEST_BATCH, _LARGEST_BATCH))
    return Recipe(
        tuple(int(width) for width in own.get("hidden_units", (128, 128))),
        float(own.get("lr", 0.04)),
        min(n_rows, int(own.get("rows_per_batch", size))),
        float(own.get("dropout", usual_dropout(n_rows))),
        float(own.get("weight_decay", 0.02)),
    )


def usual_dropout(n_rows: int) -> float:
    """Return the share of the hidden units that are left out where so many rows are learned from."""
    share = _DROPOUT * min(1.0, _FEW_ROWS / max(1, n_rows))
    return share if share >= _LEAST_DROPOUT else 0.0


def guess_seconds(given: Mapping[str, Any], n_rows: int, n_columns: int, *, stopping: bool) -> float:
    """Guess how long a fit takes."""
    recipe, epochs = recipe_of(given, n_rows), most_epochs(given, n_rows)
    widths = (n_columns * (1 + (given.get("n_bins") or 0)), *recipe.hidden_units, 1)
    numbers = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    each = epochs * (n_rows / recipe.rows_per_batch * _STEP_SECONDS + 6 * n_rows * numbers * _FLOP_SECONDS)
    return 0.02 + each * ((given.get("n_networks") or _NETWORKS) + (0.3 if stopping else 0.0))


def bytes_of_bins(given: Mapping[str, Any], n_rows: int, n_columns: int) -> float:
    """Guess how much memory a fit takes for bins of columns."""
    n_bins = given.get("n_bins") or 0
    return 4.0 * n_rows * n_columns * n_bins if n_rows * n_columns * (1 + n_bins) <= _MOST_CELLS else 0.0


def fit_networks(
    given: Mapping[str, Any],
    X: Any,
    y: NDArray[Any],
    *,
    task: Task,
    sample_weight: FloatArray | None,
    seed: int,
    stop: StopRows | None,
    rounds: int | None,
) -> NetworksModel:
    """Fit networks to rows.

    Parameters
    ----------
    given : mapping
        Checked parameters.
    stop : StopRows or None
        Where given, networks are kept as they were after the pass with the least loss there.
    rounds : int or None
        How many passes there are to be; None for as many as there may be. So the model's ``rounds`` are counted, also
        where there was time for fewer: those of `most_epochs` after which the learning rate would be as low.
    """
    most = most_epochs(given, len(y))
    wanted = most if rounds is None else max(1, min(rounds, most))
    inputs, (center, scale) = Inputs.of(X, given.get("n_bins") or 0), _standard(y, task, sample_weight)
    at_once = isinstance(X, np.ndarray) and len(X) * inputs.width <= _MOST_CELLS
    sample = Sample(
        inputs,
        inputs.in_single(X) if at_once else X,
        at_once,
        _targets(y, task, center, scale),
        None if sample_weight is None else (sample_weight / sample_weight.mean()).astype(np.float32),
        task.is_classification,
        seed,
    )
    recipe = recipe_of(given, len(y))
    watch = None if stop is None else _Watch(stop, inputs, task, center, scale)
    share = 1.0 if stop is None else _SEARCH
    planned = _in_time(sample, recipe, wanted, share)
    # The learning rate falls as far as in the search, in fewer passes where there is time for fewer.
    schedule = round(most * planned / wanted)
    fits = partial(_one, sample, recipe, planned, schedule)
    networks, done = _several(fits, given.get("n_networks") or _NETWORKS, watch)
    if planned < wanted:
        cut_short(done)
    model = NetworksModel(inputs, [network.finished() for network in networks], center, scale, task)
    model.rounds = max(1, round(done * most / schedule))
    return model


def _in_time(sample: Sample, recipe: Recipe, wanted: int, share: float) -> int:
    """Return how many passes there is time for, by a few that are tried: by one, where that takes long."""
    if math.isinf(seconds_left()) or wanted <= _FEW:
        return wanted
    started, enough, each = time.monotonic(), _TRIED * max(0.0, seconds_left()), math.inf
    for done, _ in enumerate(passes(sample, recipe, _FEW), start=1):
        took = time.monotonic() - started
        each = took / done
        if took > enough:
            break
    return rounds_of(wanted, each, share)


def _several(fit: Callable[..., tuple[Network, int]], number: int, watch: _Watch | None) -> tuple[list[Network], int]:
    """Train so many networks, or as many as there is time for, and return them with the passes of the first.

    Where they are watched, one is enough to find the number of passes.
    """
    started = time.monotonic()
    first, done = fit(watch)
    took, networks = time.monotonic() - started, [first]
    for place in range(1, number if watch is None else 1):
        if seconds_left() < took:
            cut_short(done)
            break
        networks.append(fit(None, place)[0])
    return networks, done


def _one(
    sample: Sample, recipe: Recipe, number: int, planned: int, watch: _Watch | None, place: int = 0
) -> tuple[Network, int]:
    """Train a network for a number of the planned passes; return it with those that it has learned from.

    One that is watched is kept as it was after its best pass.
    """
    patience = 0 if watch is None else min(watch.stop.patience, max(4, math.ceil(_PATIENCE * planned)))
    least, best, kept, done = math.inf, 0, None, 0
    for network in passes(sample, recipe, planned, place):
        done += 1
        if watch is not None:
            loss = watch(network)
            if loss < least or kept is None:
                least, best, kept = loss, done, network.values.copy()
            elif done - best >= patience:
                break
        if done == number or out_of_time(done):
            break
    if kept is None:
        return network, done
    network.values[:] = kept
    return network, best


class _Watch:
    """The loss of networks on rows that they do not learn from."""

    def __init__(self, stop: StopRows, inputs: Inputs, task: Task, center: FloatArray, scale: FloatArray) -> None:
        self.stop, self._task, self._center, self._scale = stop, task, center, scale
        self._rows = inputs.in_single(stop.X)
        self._targets = _targets(stop.y, task, center, scale)
        self._by_metric = stop.loss is not None and task.n_outputs == 1

    def __call__(self, network: Network) -> float:
        scores = network.scores(self._rows).astype(np.float64)
        found = softmax(scores) if self._task.is_classification else scores
        if self._by_metric:
            found = found if self._task.is_classification else (found * self._scale + self._center)[:, 0]
            return watched_loss(self.stop, self._task, self.stop.y, self.stop.sample_weight, found)
        if self._task.is_classification:
            losses = -np.log(np.maximum(found[self._targets > 0], SMALLEST_PROBABILITY))
        else:
            losses = ((found - self._targets) ** 2).mean(axis=1)
        return float(np.average(losses, weights=self.stop.sample_weight))


def _standard(y: NDArray[Any], task: Task, sample_weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each target; of classes nothing is known."""
    if task.is_classification:
        return np.zeros(1), np.ones(1)
    columns = np.reshape(y, (len(y), -1))
    center = np.average(columns, axis=0, weights=sample_weight)
    away = columns - center
    scale = np.abs(away).max(axis=0)
    scale[scale <= np.abs(center) * _ROUNDING] = 0.0  # a constant, whose mean is rounded
    whole = np.where(scale > 0, scale, 1.0)
    deviation = np.sqrt(np.average((away / whole) ** 2, axis=0, weights=sample_weight))  # squares stay in range
    return center, np.where((scale > 0) & (deviation > 0), deviation * whole, 1.0)


def _targets(y: NDArray[Any], task: Task, center: FloatArray, scale: FloatArray) -> Single:
    if task.is_classification:
        return np.asarray(np.asarray(y)[:, None] == np.arange(task.n_classes), dtype=np.float32)
    return np.asarray((np.reshape(y, (len(y), -1)) - center) / scale, dtype=np.float32)
