"""What was measured on a set, in the form in which lists of configurations are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from data_sets import division
from numpy.typing import NDArray

from portfolios.candidates import Candidate

Array = NDArray[np.float64]
_LEAST = 1e-15
# Of classes the table has at most so many rows, of each kind, and probabilities in steps of their log-odds.
_MOST = 1_000
_STEP, _MIDDLE = 0.125, 128


@dataclass(frozen=True)
class Measured:
    """One set, and what every configuration did there.

    Only the probability of the true class counts for the log-loss, and only the error for the squared error, also of a
    blend; so they are all that is kept.

    Attributes
    ----------
    name : str
        Of the set, and behind an @ how many training rows it was to have, if not the usual number.
    kind : {"regression", "binary", "multiclass"}
    there : array of shape (n_candidates,), bool
        Which were measured; others do not suit the task, failed or took too long.
    oof, test : array of shape (n_rows, n_candidates)
        Of rows that no model saw: probabilities of the true class, or errors. Zero where nothing was measured.
    seconds, predict_ms, size : array of shape (n_candidates,)
        Of a fit with five folds, of 1,000 rows, and bytes; NaN where nothing was measured.
    rows : tuple of int
        How many rows of training and of the test there were; ``oof`` and ``test`` of a table have fewer.
    n_classes : int
        0 for regression.
    """

    name: str
    kind: str
    there: NDArray[np.bool_]
    oof: Array
    test: Array
    seconds: Array
    predict_ms: Array
    size: Array
    rows: tuple[int, int]
    n_classes: int = 0

    @property
    def set(self) -> str:
        """The name of the set."""
        return self.name.partition("@")[0]

    def losses(self, weights: Array, on_test: bool = True) -> Array:
        """Return the loss of blends with weights of shape (n_blends, n_candidates): RMSE or log-loss."""
        blended = (self.test if on_test else self.oof) @ weights.T
        if self.kind == "regression":
            return np.sqrt((blended**2).mean(axis=0))
        return -np.log(np.clip(blended, _LEAST, 1.0)).mean(axis=0)

    def singles(self) -> Array:
        """Return the loss of every configuration alone, NaN where it was not measured."""
        return np.where(self.there, self.losses(np.eye(len(self.there))), np.nan)


def measured_in(folder: Path, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that were measured on any set of a folder."""
    labels = {file.stem for file in folder.glob("*/*.json")}
    return [one for one in candidates if one.label in labels]


def read(folder: Path, candidates: Sequence[Candidate], wanted: Sequence[Candidate] | None = None) -> list[Measured]:
    """Return the sets on which all that is wanted and suits them was measured: all candidates, or some of them."""
    needed = {one.label for one in (candidates if wanted is None else wanted)}
    halves = division.read()
    sizes = {name: size for half in halves.values() for name, size in half.items()}
    found = []
    for name in sizes:
        if (folder / name).is_dir() and (one := _read_set(folder / name, sizes[name], candidates, needed)):
            found.append(one)
    return found


def _read_set(folder: Path, size: dict[str, int], candidates: Sequence[Candidate], needed: Set[str]) -> Measured | None:
    kind = division.stratum(size)[0]
    task = "regression" if kind == "regression" else "classification"
    arrays = []
    for candidate in candidates:
        file = folder / f"{candidate.label}.npz"
        wanted = candidate.suits(task) and candidate.label in needed
        if wanted and not (file.exists() or file.with_suffix(".txt").exists()):
            return None
        arrays.append(np.load(file) if file.exists() else None)
    there = np.array([one is not None for one in arrays])
    oof, test = (
        np.column_stack([_seen(one[part], one[target]) if one is not None else 0 * first for one in arrays])
        for part, target in (("oof", "y"), ("test", "y_test"))
        for first in [next(one[target] for one in arrays if one is not None).astype(float)]
    )
    seconds, predict_ms, bytes_ = (
        np.array([np.nan if one is None else float(one[what]) for one in arrays])
        for what in ("seconds", "predict_ms", "bytes")
    )
    rows = (len(oof), len(test))
    return Measured(folder.name, kind, there, oof, test, seconds, predict_ms, bytes_, rows, size["classes"])


def _seen(prediction: NDArray[np.float64], y: NDArray[np.float64]) -> Array:
    """Return the errors, or the probabilities of the true classes."""
    if prediction.ndim == 1:
        return np.asarray(prediction - y, dtype=np.float64)
    prediction = prediction.astype(np.float64)
    return np.asarray(prediction[np.arange(len(y)), y.astype(int)] / prediction.sum(axis=1))


def write_table(sets: Sequence[Measured], candidates: Sequence[Candidate], file: Path) -> None:
    """Write what the choice needs, small enough to be kept beside it.

    Squared errors of blends follow from the products of the members' errors; of classes a sample of the rows is kept.
    Sets that were read from a table are written as they are.
    """
    arrays: dict[str, NDArray[np.generic]] = {"candidates": _texts(candidates)}
    for one in sets:
        small = _roots if one.kind == "regression" else _steps
        costs = np.array([one.seconds, one.predict_ms, one.size], dtype=np.float32)
        parts = {"oof": small(one.oof), "test": small(one.test), "costs": costs, "rows": np.array(one.rows)}
        arrays |= {f"{one.name}/{what}": part for what, part in parts.items()}
    with file.open("wb") as opened:
        np.savez_compressed(opened, **arrays)


def read_table(file: Path, candidates: Sequence[Candidate]) -> list[Measured]:
    """Return the sets of a table."""
    sizes = {name: size for half in division.read().values() for name, size in half.items()}
    with np.load(file) as arrays:
        if not np.array_equal(arrays["candidates"], _texts(candidates)):
            raise ValueError(
                f"{file} is of other configurations than those of candidates.py: remove it, measure these, and collect"
            )
        names = [name.removesuffix("/rows") for name in arrays.files if name.endswith("/rows")]
        return [_of_table(name, sizes[name.partition("@")[0]], arrays) for name in names]


def _texts(candidates: Sequence[Candidate]) -> NDArray[np.str_]:
    return np.array([json.dumps([one.label, one.learner, one.params]) for one in candidates])


def _of_table(name: str, size: dict[str, int], arrays: Mapping[str, NDArray[np.generic]]) -> Measured:
    kind = division.stratum(size)[0]
    oof, test, costs = (np.asarray(arrays[f"{name}/{what}"], dtype=np.float64) for what in ("oof", "test", "costs"))
    if kind != "regression":
        oof, test = _probabilities(oof), _probabilities(test)
    seconds, predict_ms, bytes_ = costs
    there = ~np.isnan(seconds)
    n_train, n_test = (int(count) for count in arrays[f"{name}/rows"])
    return Measured(
        *(name, kind, there, there * oof, there * test, seconds, predict_ms, bytes_), (n_train, n_test), size["classes"]
    )


def _roots(errors: Array) -> NDArray[np.float32]:
    """Return as many rows as columns, whose products with each other have the means of those of the errors."""
    values, vectors = np.linalg.eigh(errors.T @ errors / len(errors))
    return np.asarray(np.sqrt(np.maximum(values, 0.0) * len(values))[:, None] * vectors.T, dtype=np.float32)


def _steps(probabilities: Array) -> NDArray[np.uint8]:
    rows = np.random.default_rng(0).permutation(len(probabilities))[:_MOST]
    taken = np.clip(probabilities[np.sort(rows)], _LEAST, 1 - _LEAST)
    return np.asarray(np.clip(np.round(np.log(taken / (1 - taken)) / _STEP) + _MIDDLE, 0, 255), dtype=np.uint8)


def _probabilities(steps: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-_STEP * (steps - _MIDDLE))))
