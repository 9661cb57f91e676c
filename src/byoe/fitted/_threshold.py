"""From which probability on the second of two classes is predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ..folds._plan import SplitPlan


def by_row(thresholds: Sequence[float], plan: SplitPlan, seed: int, served: float) -> FloatArray:
    """Return the threshold of every row: the mean of those of the folds that predict it, of shape (n_rows,).

    Each was found without the rows of its fold. Of a row that no fold predicts, and where there are none, it is the
    served one.
    """
    sums, counts = np.zeros(plan.n_rows), np.zeros(plan.n_rows)
    if thresholds:
        for (_, test), threshold in zip(plan.blend_folds(seed), thresholds, strict=True):
            np.add.at(sums, test, threshold)
            np.add.at(counts, test, 1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), served)


def decided(probabilities: FloatArray, threshold: float | FloatArray) -> NDArray[np.int64]:
    """Return the codes of the predicted classes, of shape (n_rows,)."""
    return np.asarray(probabilities[:, 1] >= threshold, dtype=np.int64)


def labelled(probabilities: FloatArray, threshold: float | FloatArray | None) -> FloatArray:
    """Return what a metric of predicted classes looks at: votes by a threshold, or without one the probabilities."""
    return probabilities if threshold is None else as_votes(decided(probabilities, threshold))


def as_votes(codes: NDArray[np.int64]) -> FloatArray:
    """Return predicted classes in the form of probabilities, for a metric that looks at the most probable class."""
    return np.eye(2)[codes]
