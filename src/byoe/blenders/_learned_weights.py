"""Convex weights that are best by the ensemble's metric, each kind of loss with a method of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ..contracts._blender import OOF
from ..contracts._row_loss import SMALLEST_PROBABILITY, BrierScore, LogLoss, RowLoss, SquaredError
from ..contracts._task import FloatArray
from ._descent import minimise_convex, search
from ._pull import Pull, pull_of
from ._simplex import least_squares, log_loss

_MOST_ROWS = 20_000
_HALVES = 5
_FINE, _COARSE = (0.5, 0.25, 0.125, 0.06, 0.03, 0.015), (0.5, 0.25, 0.125)


def learned_weights(oof: OOF, pull: float = 0.0) -> FloatArray:
    """Return non-negative weights that sum to one, of shape (n_members,).

    Parameters
    ----------
    oof : OOF
    pull : float, default=0.0
        Of how many rows a pull towards the better members has the force.
    """
    members = oof.predictions.shape[1]
    suited = oof.suited
    weights = np.zeros(members)
    oof = replace(oof, predictions=oof.predictions[:, suited])
    weights[suited] = _learned(oof, pull_of(oof, pull) if pull else _none(oof))
    return weights


def _learned(oof: OOF, pull: Pull) -> FloatArray:
    loss = oof.row_loss
    if isinstance(loss, (SquaredError, LogLoss)):
        return _usual(oof, pull)
    if isinstance(loss, BrierScore):
        return _brier(oof, pull)
    if loss is not None and loss.convex:
        convex = partial(_value_and_slope, oof, loss, pull)
        members = oof.predictions.shape[1]
        if np.isfinite(convex(np.full(members, 1.0 / members))[0]):
            return minimise_convex(convex, members)[0]
        # In some row no member predicts what the loss has a value for.
        return search(partial(_mean, _sample(oof), loss, pull), _starts(oof, pull), _FINE)
    return _searched(_sample(oof), pull)


def _searched(oof: OOF, pull: Pull) -> FloatArray:
    """Return weights found by a search from the best of the usual ones, the mean and the members.

    Where a metric jumps from row to row, the mean of searches on halves of the rows: it follows them less closely.
    """
    starts = _starts(oof, pull)
    if oof.row_loss is not None and oof.row_loss.watched:
        return search(partial(_value, oof, pull), starts, _FINE)
    rng, n = np.random.default_rng(oof.seed), len(oof.y)
    halves = [oof.rows(np.sort(rng.permutation(n)[: -(-n // 2)])) for _ in range(_HALVES)]
    return np.asarray(np.mean([search(partial(_value, half, pull), starts, _COARSE) for half in halves], axis=0))


def _starts(oof: OOF, pull: Pull) -> list[FloatArray]:
    members = oof.predictions.shape[1]
    return [_usual(oof, pull), np.full(members, 1.0 / members), *np.eye(members)]


def _usual(oof: OOF, pull: Pull) -> FloatArray:
    """Return the weights of the squared error, or for classes of the log-loss."""
    if oof.task.is_classification:
        true_class = oof.predictions[np.arange(len(oof.y)), :, oof.y]
        return log_loss(np.maximum(true_class, SMALLEST_PROBABILITY), oof.weights, pull)
    root = np.sqrt(oof.weights)
    return least_squares(*pull.stacked(oof.predictions * root[:, None], oof.y * root, times=float(oof.weights.sum())))


def _brier(oof: OOF, pull: Pull) -> FloatArray:
    """Return the weights of the squared error of all probabilities."""
    n_classes = oof.predictions.shape[2]
    root = np.repeat(np.sqrt(oof.weights), n_classes)
    flat = oof.predictions.swapaxes(1, 2).reshape(len(root), -1)
    target = np.eye(n_classes)[oof.y].ravel() * root
    return least_squares(*pull.stacked(flat * root[:, None], target, times=float(oof.weights.sum())))


def _value_and_slope(oof: OOF, loss: RowLoss, pull: Pull, w: FloatArray) -> tuple[float, FloatArray]:
    share, blend = oof.weights / oof.weights.sum(), oof.predictions @ w
    losses = loss(oof.y, blend)
    if not np.isfinite(losses).all():  # where it has no slope either
        return np.inf, np.zeros(len(w))
    slope = oof.predictions.T @ (share * loss.slope(oof.y, blend))
    return float(share @ losses) + pull.value(w), slope + pull.slope(w)


def _mean(oof: OOF, loss: RowLoss, pull: Pull, w: FloatArray) -> float:
    return loss.mean(oof.y, oof.predictions @ w, oof.weights) + pull.value(w)


def _value(oof: OOF, pull: Pull, w: FloatArray) -> float:
    return oof.loss(np.tensordot(oof.predictions, w, axes=(1, 0))) + pull.value(w)


def _none(oof: OOF) -> Pull:
    members = oof.predictions.shape[1]
    return Pull(0.0, np.full(members, 1.0 / members))


def _sample(oof: OOF) -> OOF:
    """Return the rows that a search looks at: a seeded sample of many."""
    if len(oof.y) <= _MOST_ROWS:
        return oof
    return oof.rows(np.sort(np.random.default_rng(oof.seed).permutation(len(oof.y))[:_MOST_ROWS]))
