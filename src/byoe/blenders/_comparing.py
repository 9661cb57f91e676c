"""Candidates compared on rows that they did not see, by a metric and its standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender
from ..contracts._deadline import seconds_left, skip
from ..contracts._row_loss import LogLoss, SquaredError
from ..contracts._task import FloatArray, IntArray
from ..tools._jackknife import parts_of, standard_error


def usual_name(oof: OOF) -> str:
    """Return the name of the blender that others must be better than.

    What is adjusted by the squared error or the log-loss is no better by another metric for certain, and may leave
    where that is defined. Nor are a slope and an offset of earlier rows those of later ones.
    """
    in_time = all(train.max() < test.min() for train, test in oof.folds if len(train) and len(test))
    suits = isinstance(oof.row_loss, (SquaredError, LogLoss)) and not (oof.folds and in_time)
    return "adjusted" if suits else "weighted"


@dataclass(frozen=True)
class Comparison:
    """Cross-validated losses of candidates.

    Attributes
    ----------
    losses : dict of str to float
        By the metric; infinite where it does not suit the predictions.
    error : callable
        Returns the standard error of the difference between the losses of two candidates.
    """

    losses: dict[str, float]
    error: Callable[[str, str], float]


def compare(candidates: Mapping[str, Blender], oof: OOF, usual: str) -> Comparison:
    """Cross-validate candidates on the folds of an OOF.

    Where time is short, those that would take too much of it are not tried: their loss is infinite. So is that of the
    usual one where all others are not.

    Where the metric is a mean over rows, differences are paired by row, or by group, whose rows err together. Of
    another one, the error of a difference is that of a jackknife over parts of the rows or groups (Shao & Wu, 1989).
    """
    held_out = _HeldOut(candidates, oof, usual)
    return _by_metric(held_out, oof) if oof.row_loss is None else _by_rows(held_out, oof)


def _by_rows(held_out: _HeldOut, oof: OOF) -> Comparison:
    sums = {name: np.zeros(len(oof.y)) for name in held_out.candidates}
    for name, test, unseen, prediction in held_out:
        sums[name][test] += unseen.row_losses(prediction)
    counts = _times_tested(oof)
    scored = counts > 0
    weight = oof.weights[scored] / oof.weights[scored].sum()
    losses = {name: total[scored] / counts[scored] for name, total in sums.items()}
    means = {name: float(weight @ loss) for name, loss in losses.items()}
    groups = None if oof.groups is None else oof.groups[scored]
    return Comparison(held_out.without_skipped(means), partial(_error_by_rows, losses, oof.weights[scored], groups))


def _error_by_rows(
    losses: Mapping[str, FloatArray], weight: FloatArray, groups: NDArray[Any] | None, first: str, second: str
) -> float:
    difference, share = losses[first] - losses[second], weight / weight.sum()
    if groups is not None:
        names, codes = np.unique(groups, return_inverse=True)
        if len(names) < 2:  # of which nothing can be told
            return np.inf
        by_group = np.bincount(codes, share * (difference - share @ difference))
        return float(np.sqrt(by_group @ by_group * len(names) / (len(names) - 1)))
    # A row of weight two is that row twice.
    return float(np.sqrt(share @ (difference - share @ difference) ** 2 / weight.sum()))


def _by_metric(held_out: _HeldOut, oof: OOF) -> Comparison:
    sums = {name: np.zeros((len(oof.y), *oof.predictions.shape[2:])) for name in held_out.candidates}
    for name, test, _, prediction in held_out:
        sums[name][test] += prediction
    counts = _times_tested(oof)
    scored = np.flatnonzero(counts)
    divisor = counts[scored].reshape(-1, *([1] * (oof.predictions.ndim - 2)))
    predicted = {name: total[scored] / divisor for name, total in sums.items()}
    judged = oof.rows(scored)
    tried = {name: prediction for name, prediction in predicted.items() if name not in held_out.skipped}
    losses = {name: judged.loss(prediction) for name, prediction in tried.items()}
    return Comparison(held_out.without_skipped(losses), partial(_error_by_parts, predicted, judged))


def _error_by_parts(predicted: Mapping[str, FloatArray], judged: OOF, first: str, second: str) -> float:
    def _difference(rows: IntArray) -> float:
        rest = judged.rows(rows)
        return rest.loss(predicted[first][rows]) - rest.loss(predicted[second][rows])

    strata = judged.y if judged.task.is_classification else None
    return standard_error(_difference, parts_of(len(judged.y), judged.seed, strata=strata, groups=judged.groups))


class _HeldOut:
    """What each candidate predicts for the test rows of each fold.

    Attributes
    ----------
    candidates : mapping of str to Blender
    skipped : set of str
        Those for which there was no time.
    """

    def __init__(self, candidates: Mapping[str, Blender], oof: OOF, usual: str) -> None:
        self.candidates, self.skipped = candidates, set[str]()
        self._oof, self._usual = oof, usual

    def __iter__(self) -> Iterator[tuple[str, IntArray, OOF, FloatArray]]:
        from sklearn.base import clone

        seconds = dict.fromkeys(self.candidates, 0.0)
        others = [name for name in self.candidates if name != self._usual]
        for number, (train, test) in enumerate(self._oof.folds):
            learned, unseen = self._oof.rows(train), self._oof.rows(test)
            # Each further fold takes as long as the last one, and the fit on all rows a little longer.
            to_come = len(self._oof.folds) - number + 1
            for name in (*others, self._usual):
                if name != self._usual and name not in self.skipped and seconds_left() <= seconds[name] * to_come:
                    skip(name)
                    self.skipped.add(name)
                elif name == self._usual and self.skipped.issuperset(others):  # nothing is left to compare it to
                    self.skipped.add(name)
                if name in self.skipped:
                    continue
                started = time.monotonic()
                prediction = clone(self.candidates[name]).fit(learned).predict(unseen.predictions)
                seconds[name] = time.monotonic() - started
                yield name, test, unseen, prediction

    def without_skipped(self, losses: Mapping[str, float]) -> dict[str, float]:
        """Return the losses, in which those of candidates that were not tried are infinite."""
        return {name: np.inf if name in self.skipped else losses[name] for name in self.candidates}


def _times_tested(oof: OOF) -> FloatArray:
    counts = np.zeros(len(oof.y))
    for _, test in oof.folds:
        counts[test] += 1
    return counts
