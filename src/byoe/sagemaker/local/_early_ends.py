"""What ends a trial, or a tuning job, on this machine before its time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ..shared._search import Search

# The median of fewer trials tells little.
_LEAST_TRIALS = 3
# A smaller share of the best value is no improvement, as for the service.
_IMPROVES = 0.01


class MedianRule:
    """The service's early stopping: a trial ends that is worse than the median of the earlier ones.

    A trial's score of its first folds is compared with the median of the running averages that the earlier trials had
    up to the same fold (the median stopping rule of Golovin et al., 2017). There must be three of them.

    Parameters
    ----------
    greater_is_better : bool
    """

    def __init__(self, greater_is_better: bool) -> None:
        self._sign = 1.0 if greater_is_better else -1.0
        self._earlier: list[Mapping[int, float]] = []

    def add(self, scores: Mapping[int, float]) -> None:
        """Take the scores of a trial that has ended, by the number of folds."""
        self._earlier.append(dict(scores))

    def stops_after(self, scores: Mapping[int, float]) -> int | None:
        """Return after how many folds a trial of these scores ends; None for one that goes on."""
        return next((done for done in sorted(scores) if self._is_worse(scores[done], done)), None)

    def _is_worse(self, value: float, done: int) -> bool:
        reached = [[one[fold] for fold in one if fold <= done] for one in self._earlier if max(one, default=0) >= done]
        if len(reached) < _LEAST_TRIALS:
            return False
        return self._sign * value < self._sign * statistics.median(map(statistics.fmean, reached))


class PrunerRule:
    """A trial ends when Optuna's pruner of its study says so.

    Parameters
    ----------
    trial : optuna.Trial
    """

    def __init__(self, trial: Any) -> None:
        self._trial = trial
        self._told: dict[int, bool] = {}

    def stops_after(self, scores: Mapping[int, float]) -> int | None:
        """Return after how many folds a trial of these scores ends; None for one that goes on."""
        for done in sorted(scores):
            if done not in self._told:
                self._trial.report(scores[done], done)
                self._told[done] = self._trial.should_prune()
            if self._told[done]:
                return done
        return None


def why_complete(search: Search, values: Sequence[float]) -> str:
    """Return why a search with the objectives of these finished trials, in their order, ends; empty when it goes on."""
    sign = 1.0 if search.greater_is_better else -1.0
    best, since = None, 0
    for value in values:
        since += 1
        if best is None or sign * (value - best) >= _IMPROVES * abs(best):
            since = 0
        if best is None or sign * value > sign * best:
            best = value
    if best is None:
        return ""
    if search.stop_at is not None and sign * best >= sign * search.stop_at:
        return f"{search.objective} {best:.4g} has reached stop_at={search.stop_at:g}"
    if isinstance(search.patience, int) and since >= search.patience:
        return f"{since} trials have not improved {search.objective} by {_IMPROVES:.0%}"
    return ""
