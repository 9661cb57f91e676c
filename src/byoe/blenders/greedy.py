"""Ensemble selection: members are added one by one, with replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from ..contracts._blender import OOF
from ..contracts._row_loss import SquaredError
from ..contracts._task import FloatArray, IntArray, Task
from ..errors import ParameterError
from ._weighting import Weighting


class Greedy(Weighting):
    """Greedy forward selection with replacement, for any metric (Caruana et al., 2004, 2006).

    It starts from the best number of members taken in the order of their own losses, then
    adds at every step the member that helps most, and returns the best step.

    Parameters
    ----------
    steps : int, default=50
        Members to add, counted with repetition.
    bags : int, default=1
        Repeat on random halves of the members and average the weights, against overfitting
        of a large pool.

    Attributes
    ----------
    weights_ : array of shape (n_members,)
        How often each member was taken, over all.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> oof = OOF(np.array([[0.0, 2.0], [2.0, 4.0]]), np.array([0.5, 2.5]), Task("regression"))
    >>> blender("greedy").fit(oof).weights_
    array([0.75, 0.25])
    """

    defaults = {"steps": 50, "bags": 1}

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        for name in ("steps", "bags"):
            value = self.get_params()[name]
            if not isinstance(value, int) or value < 1:
                raise ParameterError(f"greedy: {name} is {value!r}, expected a positive integer")

    def fit(self, oof: OOF) -> Self:
        self.check(oof.task, oof.predictions.shape[1])
        params = self.get_params()
        members = oof.predictions.shape[1]
        trials = _trials(oof)
        suited = oof.suited
        rng = np.random.default_rng(oof.seed)
        # Halves of the ranks, not of the places: the same members are drawn in whatever order they stand.
        ranked = np.argsort(trials(np.eye(members)), kind="stable")
        ranked = ranked[suited[ranked]]
        total = np.zeros(members)
        for bag in range(params["bags"]):
            whole = bag == 0 or len(ranked) < 3
            pool = ranked if whole else ranked[np.sort(rng.permutation(len(ranked))[: -(-len(ranked) // 2)])]
            counts = _select(trials, pool, members, params["steps"])
            total += counts / counts.sum()
        self.weights_ = total / total.sum()
        return self


def _select(trials: Callable[[FloatArray], FloatArray], pool: IntArray, members: int, steps: int) -> FloatArray:
    """Return how often each member of the pool, the best one first, is taken."""
    single: FloatArray = np.eye(members)[pool]
    starts: FloatArray = np.cumsum(single, axis=0)
    losses = trials(starts)
    best, loss = starts[int(np.argmin(losses))], float(losses.min())
    counts = best
    for _ in range(steps):
        candidates = counts + single
        losses = trials(candidates)
        counts = candidates[int(np.argmin(losses))]
        if losses.min() < loss:
            best, loss = counts, float(losses.min())
    return np.asarray(best, dtype=np.float64)


def _trials(oof: OOF) -> Callable[[FloatArray], FloatArray]:
    """Return a function from rows of counts, (n_trials, n_members), to the losses of their means."""
    if isinstance(oof.row_loss, SquaredError):
        # The squared error needs the rows once: it is a quadratic form of the weights.
        weight = oof.weights
        errors = oof.predictions - oof.y[:, None]
        gram = (errors * weight[:, None]).T @ errors / weight.sum()

        def quadratic(counts: FloatArray) -> FloatArray:
            w = counts / counts.sum(axis=1, keepdims=True)
            return np.asarray(np.einsum("ti,ij,tj->t", w, gram, w), dtype=np.float64)

        return quadratic

    def by_metric(counts: FloatArray) -> FloatArray:
        w = counts / counts.sum(axis=1, keepdims=True)
        return np.array([oof.loss(np.tensordot(oof.predictions, one, axes=(1, 0))) for one in w])

    return by_metric
