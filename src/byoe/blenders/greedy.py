"""Ensemble selection: members are added one by one, with replacement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

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
    path_ : array of shape (n_steps,), int
        Which member was taken at each step, by its place; -1 for one that was pruned. Of several bags
        that of all members.
    path_losses_ : array of shape (n_steps,)
        The loss of the mean of all that were taken up to a step, on the rows that it learned from. The
        first step with the least one is where the selection ends.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> oof = OOF(np.array([[0.0, 2.0], [2.0, 4.0]]), np.array([0.5, 2.5]), Task("regression"))
    >>> greedy = blender("greedy", steps=3).fit(oof)
    >>> greedy.weights_
    array([0.75, 0.25])
    >>> greedy.path_, greedy.path_losses_
    (array([0, 0, 1, 0]), array([0.25      , 0.25      , 0.02777778, 0.        ]))
    """

    defaults = {"steps": 50, "bags": 1}
    path_: IntArray
    path_losses_: FloatArray

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
            path, losses = _select(trials, pool, members, params["steps"])
            taken = path[: int(np.argmin(losses)) + 1]
            total += np.bincount(taken, minlength=members) / len(taken)
            if bag == 0:
                self.path_, self.path_losses_ = path, losses
        self.weights_ = total / total.sum()
        return self

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = super().restricted(kept)
        twin.path_ = np.where(kept, np.cumsum(kept) - 1, -1)[self.path_]
        return twin

    def state(self) -> dict[str, Any]:
        losses = [loss if np.isfinite(loss) else None for loss in self.path_losses_.tolist()]
        return {**super().state(), "path": self.path_.tolist(), "path_losses": losses}

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        super().restore(state, trusted=trusted)
        # The first bundles have no path.
        self.path_ = np.asarray(state.get("path", []), dtype=np.int64)
        losses = state.get("path_losses", [])
        self.path_losses_ = np.array([np.inf if loss is None else loss for loss in losses], dtype=np.float64)
        return self


def _select(
    trials: Callable[[FloatArray], FloatArray], pool: IntArray, members: int, steps: int
) -> tuple[IntArray, FloatArray]:
    """Return the members in the order in which they are taken from the pool, the best one first, and the losses."""
    single: FloatArray = np.eye(members)[pool]
    starts: FloatArray = np.cumsum(single, axis=0)
    losses = trials(starts)
    size = int(np.argmin(losses)) + 1
    path, reached = [*pool[:size]], [*losses[:size]]
    counts = starts[size - 1]
    for _ in range(steps):
        losses = trials(counts + single)
        step = int(np.argmin(losses))
        counts = counts + single[step]
        path.append(pool[step])
        reached.append(losses[step])
    return np.array(path, dtype=np.int64), np.array(reached)


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

    if oof.row_loss is not None and oof.row_loss.of_true_class:
        true_class = oof.predictions[np.arange(len(oof.y)), :, oof.y]
        oof = replace(oof, predictions=true_class[:, :, None], y=np.zeros_like(oof.y))

    def by_metric(counts: FloatArray) -> FloatArray:
        w = counts / counts.sum(axis=1, keepdims=True)
        return np.array([oof.loss(np.tensordot(oof.predictions, one, axes=(1, 0))) for one in w])

    return by_metric
