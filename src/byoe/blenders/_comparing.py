"""Candidates compared on rows that they did not see, by a metric and its standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..contracts._blender import OOF, Blender
from ..contracts._task import FloatArray, IntArray
from ..tools._jackknife import parts_of, standard_error


@dataclass(frozen=True)
class Comparison:
    """Cross-validated losses of candidates.

    Attributes
    ----------
    losses : dict of str to float
        By the metric; infinite where it does not suit the predictions.
    n_rows : int
        How many rows they are of.
    error : callable
        Returns the standard error of the difference between the losses of two candidates.
    """

    losses: dict[str, float]
    n_rows: int
    error: Callable[[str, str], float]


def compare(candidates: Mapping[str, Blender], oof: OOF) -> Comparison:
    """Cross-validate candidates on the folds of an OOF.

    Where the metric is a mean over rows, differences are paired by row. Of another one, the error of a difference
    is that of a jackknife over parts of the rows (Shao & Wu, 1989).
    """
    return _by_metric(candidates, oof) if oof.row_loss is None else _by_rows(candidates, oof)


def _by_rows(candidates: Mapping[str, Blender], oof: OOF) -> Comparison:
    sums = {name: np.zeros(len(oof.y)) for name in candidates}
    for name, test, unseen, prediction in _held_out(candidates, oof):
        sums[name][test] += unseen.row_losses(prediction)
    counts = _times_tested(oof)
    scored = counts > 0
    weight = oof.weights[scored] / oof.weights[scored].sum()
    losses = {name: total[scored] / counts[scored] for name, total in sums.items()}
    means = {name: float(weight @ loss) for name, loss in losses.items()}
    return Comparison(means, int(scored.sum()), partial(_error_by_rows, losses, weight))


def _error_by_rows(losses: Mapping[str, FloatArray], weight: FloatArray, first: str, second: str) -> float:
    difference = losses[first] - losses[second]
    # The weighted mean's standard error; with equal weights the usual one.
    return float(np.sqrt(np.sum(weight**2 * (difference - weight @ difference) ** 2)))


def _by_metric(candidates: Mapping[str, Blender], oof: OOF) -> Comparison:
    sums = {name: np.zeros((len(oof.y), *oof.predictions.shape[2:])) for name in candidates}
    for name, test, _, prediction in _held_out(candidates, oof):
        sums[name][test] += prediction
    counts = _times_tested(oof)
    scored = np.flatnonzero(counts)
    divisor = counts[scored].reshape(-1, *([1] * (oof.predictions.ndim - 2)))
    predicted = {name: total[scored] / divisor for name, total in sums.items()}
    judged = oof.rows(scored)
    losses = {name: judged.loss(prediction) for name, prediction in predicted.items()}
    return Comparison(losses, len(scored), partial(_error_by_parts, predicted, judged))


def _error_by_parts(predicted: Mapping[str, FloatArray], judged: OOF, first: str, second: str) -> float:
    def _difference(rows: IntArray) -> float:
        rest = judged.rows(rows)
        return rest.loss(predicted[first][rows]) - rest.loss(predicted[second][rows])

    strata = judged.y if judged.task.is_classification else None
    return standard_error(_difference, parts_of(len(judged.y), judged.seed, strata=strata))


def _held_out(candidates: Mapping[str, Blender], oof: OOF) -> Iterator[tuple[str, IntArray, OOF, FloatArray]]:
    """Yield what each candidate predicts for the test rows of each fold."""
    from sklearn.base import clone

    for train, test in oof.folds:
        learned, unseen = oof.rows(train), oof.rows(test)
        for name, blender in candidates.items():
            yield name, test, unseen, clone(blender).fit(learned).predict(unseen.predictions)


def _times_tested(oof: OOF) -> FloatArray:
    counts = np.zeros(len(oof.y))
    for _, test in oof.folds:
        counts[test] += 1
    return counts
