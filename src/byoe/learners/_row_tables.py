"""How rows find their places in tables of contributions, and what they find there adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray

# At a time, so that what is read of them stays in a core's cache.
ROWS = 2048

_Batch = TypeVar("_Batch")


class Questions:
    """Whether the cells of rows are below thresholds.

    Parameters
    ----------
    feature, threshold : arrays of shape (n,)
        The column that each question is about, and with what it is compared.
    missing : array of shape (n,), bool
        Whether NaN counts as below.

    Notes
    -----
    They are answered column by column; ``place`` says where in ``order`` a question stands.
    """

    def __init__(self, feature: IntArray, threshold: NDArray[Any], missing: NDArray[np.bool_]) -> None:
        keys = feature * 2 + missing
        self.order = np.argsort(keys, kind="stable")
        self.place = np.argsort(self.order, kind="stable")
        keys = keys[self.order]
        edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
        self._runs = [
            (int(keys[start] // 2), bool(keys[start] % 2), slice(start, end), threshold[self.order[start:end], None])
            for start, end in pairwise(edges)
        ]

    def answer(self, columns: NDArray[Any], out: NDArray[np.bool_]) -> None:
        """Answer for rows given as columns, of shape (n_features, n_rows), into an array of shape (n, n_rows)."""
        for feature, missing, part, thresholds in self._runs:
            if missing:  # a comparison with NaN never holds
                np.greater_equal(columns[feature], thresholds, out=out[part])
                np.logical_not(out[part], out=out[part])
            else:
                np.less(columns[feature], thresholds, out=out[part])


def patterns(answers: NDArray[np.bool_], sources: IntArray) -> NDArray[np.unsignedinteger]:
    """Return bits that stand at ``sources``, of shape (n_bits, n), as numbers of shape (n, n_rows)."""
    kind = np.uint8 if len(sources) <= 8 else np.uint16
    found: NDArray[np.unsignedinteger] = np.zeros((sources.shape[1], answers.shape[1]), dtype=kind)
    for rows in sources[::-1]:
        found += found
        found |= answers[rows]
    return found


def summed(
    work: Callable[[_Batch], FloatArray],
    batches: Sequence[_Batch],
    targets: Sequence[int | slice],
    shape: tuple[int, ...],
    threads: int,
) -> FloatArray:
    """Add up what batches give, each to its target, in their order whatever the number of threads."""
    total = np.zeros(shape)
    if threads == 1 or len(batches) == 1:
        for target, batch in zip(targets, batches, strict=True):
            total[target] += work(batch)
        return total
    with ThreadPoolExecutor(threads) as pool:
        for target, part in zip(targets, pool.map(work, batches), strict=True):
            total[target] += part
    return total
