"""What a second layer learns from: predictions that saw neither a row's own fold nor another one.

A model of the second layer that is to predict fold ``k`` must know nothing of its rows, also not through the
first layer. So what it gets of its training rows, those of a fold ``j``, is predicted by models that were trained
without ``j`` and without ``k``: one for every two folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray
from ..folds._pairs import plan_of_pairs
from ..folds._plan import SplitPlan
from ._crossfit import CrossFit, Failure, cross_fit
from ._resources import Resources
from ._rows import Rows
from ._tasks import TaskStore


@dataclass(frozen=True)
class PairPredictions:
    """Predictions of some members, by models that saw neither of two folds.

    Attributes
    ----------
    plan : SplitPlan
        Of the fit.
    labels : tuple of str
        The members that have all of them.
    oof : array of shape (n_rows, n_members[, n_classes | n_outputs])
        Their out-of-fold predictions on the plan.
    of_pairs : dict of (fold, fold) to (rows, array of shape (n_of_both, n_members[, …]))
    seconds : dict of label to float
        Fitting time.
    failures : list of Failure
    cut : bool
        Whether models have fewer rounds than they should, for lack of time.
    """

    plan: SplitPlan
    labels: tuple[str, ...]
    oof: FloatArray
    of_pairs: Mapping[tuple[int, int], tuple[IntArray, FloatArray]]
    seconds: Mapping[str, float]
    failures: Sequence[Failure]
    cut: bool = False

    def without(self, fold: int) -> FloatArray:
        """Return predictions of all rows for the model that is to predict a fold.

        Those of its training rows are of models that saw neither it nor the fold of the row; those of the
        fold itself are of models that saw all the other folds.
        """
        found = self.oof.copy()
        own = np.zeros(self.plan.n_rows, dtype=bool)
        own[self.plan.folds[fold][1]] = True
        for pair, (rows, predictions) in self.of_pairs.items():
            if fold in pair:
                others = ~own[rows]
                found[rows[others]] = predictions[others]
        return found


def pair_predictions(
    learners: Mapping[str, Learner],
    data: Rows,
    oof: Mapping[str, FloatArray],
    *,
    stopping: Mapping[str, str],
    seed: int,
    resources: Resources,
    stored: TaskStore | None = None,
) -> PairPredictions:
    """Fit members on the rows of neither of every two folds.

    Parameters
    ----------
    learners : dict of label to Learner
    data : Rows
        With the plan of the fit, a partition of at least three folds.
    oof : dict of label to array of shape (n_rows[, n_classes | n_outputs])
        The out-of-fold predictions of these members on that plan.
    stopping, seed, resources, stored
        As for `cross_fit`.
    """
    plan, pairs = plan_of_pairs(data.plan)
    none = dict.fromkeys(learners, "none")
    rows = replace(data, plan=plan)
    done = cross_fit(learners, rows, finalize=none, stopping=stopping, seed=seed, resources=resources, stored=stored)
    labels = tuple(done.members)
    of_pairs = {pair: (plan.folds[i][1], _of_members(done, labels, i)) for i, pair in enumerate(pairs)}
    known = np.stack([oof[label] for label in labels], axis=1)
    cut = any(outcome.cut for (label, _), outcome in done.arrived.items() if label in labels)
    failures = [_of_pair(failure, *pairs[failure.fold]) if failure.fold >= 0 else failure for failure in done.failures]
    return PairPredictions(data.plan, labels, known, of_pairs, done.seconds, failures, cut)


def _of_pair(failure: Failure, fold: int, other: int) -> Failure:
    """Return a failure as one of the first of two folds, with the other in its text."""
    return replace(failure, fold=fold, error=f"without folds {fold + 1} and {other + 1}: {failure.error}")


def _of_members(done: CrossFit, labels: Sequence[str], fold: int) -> FloatArray:
    """Return what the members' models of a fold predict for its rows; there is none that failed."""
    return np.stack([_oof(done, label, fold) for label in labels], axis=1)


def _oof(done: CrossFit, label: str, fold: int) -> FloatArray:
    found = done.arrived[label, fold].oof
    assert found is not None
    return found
