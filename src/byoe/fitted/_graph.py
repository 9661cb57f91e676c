"""The graph of a fitted ensemble, as ONNX Runtime computes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..contracts._task import FloatArray, Task
from ..errors import BundleError, InputError, ParameterError, did_you_mean, need

RUNTIMES = ("auto", "libraries", "onnx")
_OLDEST = (1, 21)  # whose trees add up in float64
# Nearest neighbours compare all rows of a batch with all that they keep.
_ROWS_AT_ONCE = 1_000


def check_runtime(runtime: Any) -> str:
    """Return the name of what computes predictions, or raise a ParameterError."""
    if not isinstance(runtime, str) or runtime not in RUNTIMES:
        raise ParameterError(f"runtime is {runtime!r}. {did_you_mean(str(runtime), RUNTIMES)}")
    return runtime


def can_run() -> bool:
    """Say whether ONNX Runtime is installed."""
    return find_spec("onnxruntime") is not None


@dataclass(frozen=True)
class CheckedGraph:
    """A graph that was compared with its ensemble.

    Attributes
    ----------
    data : bytes
    rows : int
        Of the training table, by which it was compared.
    difference : float
        The largest one: as a share of the largest prediction, or of a probability.
    """

    data: bytes
    rows: int
    difference: float


class BlendGraph:
    """The blend of an ensemble, computed by ONNX Runtime with one thread for few rows.

    Parameters
    ----------
    data : bytes
        That ``to_onnx`` has made.
    task : Task

    Attributes
    ----------
    gives_probabilities : bool
    members : mapping of str to int
        Of how many models of which members the graph tells predictions: of none where intervals need none.
    """

    def __init__(self, data: bytes, task: Task) -> None:
        onnxruntime = library()
        options = onnxruntime.SessionOptions()
        # Threads of its own would wait for work between requests. Where there are many rows, each of ours takes some.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of kinds of its own
            raise BundleError(f"ONNX Runtime {onnxruntime.__version__} cannot read the graph: {error}") from error
        told = json.loads(self._session.get_modelmeta().custom_metadata_map["byoe"])
        self._task, self._outputs = task, {output.name for output in self._session.get_outputs()}
        self._classes: list[Any] = told.get("classes", [])
        self.members: Mapping[str, int] = told.get("models", {})

    @property
    def gives_probabilities(self) -> bool:
        return "probabilities" in self._outputs

    def __call__(self, values: FloatArray, threads: int = 1) -> FloatArray:
        """Return the blend of rows: values, probabilities, or one for the class that a vote chooses.

        Parameters
        ----------
        values : array of shape (n_rows, n_columns)
            As those of a `Table`.
        threads : int, default=1
            For more rows than a thousand.
        """
        if not self._task.is_classification or self.gives_probabilities:
            output = "probabilities" if self._task.is_classification else "prediction"
            blend: FloatArray = self._computed(output, values, threads)
            return blend
        codes = {label: code for code, label in enumerate(self._classes)}
        chosen = [codes[label] for label in self._computed("label", values, threads).tolist()]
        votes: FloatArray = np.eye(len(codes))[chosen]
        return votes

    def of_models(self, values: FloatArray, threads: int = 1) -> dict[str, FloatArray]:
        """Return by member what each of its models predicts, of shape (n_rows, n_models[, n_outputs])."""
        if not self.members:
            return {}
        found: FloatArray = self._computed("models", values, threads)
        n_outputs = self._task.n_outputs
        each = found.reshape(len(found), -1, n_outputs) if n_outputs > 1 else found
        ends = np.cumsum(list(self.members.values()))
        return dict(zip(self.members, np.split(each, ends[:-1], axis=1), strict=True))

    def _computed(self, output: str, values: FloatArray, threads: int) -> Any:
        if len(values) <= _ROWS_AT_ONCE:
            return self._run(output, values)
        parts = [values[start : start + _ROWS_AT_ONCE] for start in range(0, len(values), _ROWS_AT_ONCE)]
        if threads < 2:
            return np.concatenate([self._run(output, part) for part in parts])
        from concurrent.futures import ThreadPoolExecutor  # which brings logging, and most rows do not need either

        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(lambda part: self._run(output, part), parts)))

    def _run(self, output: str, values: FloatArray) -> Any:
        found = self._session.run([output], {"X": np.ascontiguousarray(values)})[0]
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise InputError(
                f"the graph predicts {np.sum(~np.isfinite(found))} values that are not finite: rows are too far from "
                "all that it has learned from"
            )
        return found


def library() -> Any:
    """Import ONNX Runtime, in a version that computes as byoe's graphs want it."""
    found = need("onnxruntime", "onnx", "to predict by a graph")
    if tuple(map(int, re.findall(r"\d+", found.__version__)[:2])) < _OLDEST:
        raise BundleError(
            f"onnxruntime {found.__version__} is installed, and graphs need {_OLDEST[0]}.{_OLDEST[1]} or newer, whose "
            "trees add up in float64; upgrade it"
        )
    return found
