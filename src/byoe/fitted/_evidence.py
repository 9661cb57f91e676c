"""What intervals are made of: the residuals of the rows that a fit has kept, and what is known of these rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, IntArray
from ..tools._jackknife import parts_of
from ._out_of_fold import OutOfFold
from ._quantiles import QUANTILES, Known
from ._ranks import masses
from ._widths import MOST_PARTS, Signals, Width, choose


class Evidence:
    """Residuals and signals of the rows that have a cross-validated blend and a weight.

    Parameters
    ----------
    oof : OutOfFold
    blender : Blender
        The one in use.

    Attributes
    ----------
    rows : array of shape (n_rows,)
        Their numbers in the fit.
    groups : array of shape (n_rows,) or None
        Where groups are the units, their codes.
    mass : array of shape (n_rows,)
        How much each residual counts.
    new : float
        How much a new row does.
    folds : array of shape (n_rows,)
        Number of the fold that predicts the row.
    targets : list of (signals, array of shape (n_rows,))
        Of each target the signals and the absolute residuals.
    said : list of Known or None
        Of each target what quantile models say of these rows.
    positive : array of shape (n_outputs,), bool
        Which targets are nowhere negative.
    """

    def __init__(self, oof: OutOfFold, blender: Blender) -> None:
        self.oof, self.blender = oof, blender
        plan, weight = oof.plan, oof.weights
        self.rows = np.flatnonzero(oof.scored & (weight > 0))
        self.groups = None if plan.whole_groups is None else plan.whole_groups[self.rows]
        self.mass, self.new = masses(weight[self.rows], self.groups)
        self.folds = plan.test_fold[self.rows]
        self.shares = shares(blender, oof.predictions.shape[1])
        y, blend = by_target(oof.y[self.rows]), by_target(oof.blend[self.rows])
        self.positive = np.array([len(one) > 0 and bool(one.min() >= 0) for one in y])
        self.targets: list[tuple[Signals, FloatArray]] = [
            ({"prediction": prediction, "disagreement": apart}, np.abs(own - prediction))
            for own, prediction, apart in zip(y, blend, self.disagreement(oof.predictions[self.rows]), strict=True)
        ]
        self.said: list[Known | None] = [None] * len(y)
        if oof.quantiles is not None:
            rows = self.folds, weight[self.rows], self.groups
            self.said = [
                Known.of(own, actual - prediction, *rows)
                for own, actual, prediction in zip(by_target(oof.quantiles[self.rows], dims=2), y, blend, strict=True)
            ]
        self._widths: dict[tuple[int, str], Width] = {}

    def disagreement(self, predictions: FloatArray) -> list[FloatArray]:
        """Return by target how far the members' predictions, of shape (n_rows, n_members[, n_outputs]), lie apart."""
        every = [predictions] if predictions.ndim == 2 else np.moveaxis(predictions, 2, 0)
        return [disagreement(one, share) for one, share in zip(every, self.shares, strict=True)]

    @property
    def parts(self) -> IntArray:
        """The part of every row: its fold, or where there is one fold alone a part drawn."""
        if len(np.unique(self.folds)) > 1:
            return self.folds % MOST_PARTS
        return parts_of(len(self.rows), 0, groups=self.groups)

    @cached_property
    def best(self) -> list[str]:
        """By target the width that is best on rows that its scale did not see."""
        mass = self.mass / self.new
        return [
            choose(*target, mass, self.parts, self.groups, said)
            for target, said in zip(self.targets, self.said, strict=True)
        ]

    def width(self, target: int, name: str) -> Width:
        """Return the scales of a target, learned once."""
        key = target, name
        if key not in self._widths:
            self._widths[key] = Width.learn(name, *self.targets[target], self.mass / self.new, self.parts)
        return self._widths[key]

    def masses(self, target: int, name: str) -> tuple[FloatArray, float]:
        """Return how much each residual counts that a width of some name is made of, and how much a new row does."""
        said = self.said[target] if name == QUANTILES else None
        return (self.mass, self.new) if said is None else (said.mass, said.new)


def by_target(values: FloatArray, *, dims: int = 1) -> list[FloatArray]:
    """Return arrays of one or of several targets: of shape (n_rows,), or with two dimensions (n_rows, …)."""
    return [values] if values.ndim == dims else [values[..., target] for target in range(values.shape[-1])]


def shares(blender: Blender, n_members: int) -> list[FloatArray]:
    """Return by target how much each member counts where they disagree: its weight, if there are weights.

    Members that the blend does not use do not count, so that an ensemble without them is the same.
    """
    found = []
    for own in blender.of_each_target():
        weights: Any = getattr(own, "weights_", None)
        share = np.abs(weights) if weights is not None and np.ndim(weights) == 1 else own.used(n_members) * 1.0
        found.append(np.asarray(share / share.sum() if share.sum() > 0 else share, dtype=np.float64))
    return found


def disagreement(predictions: FloatArray, share: FloatArray) -> FloatArray:
    """Return the standard deviation of predictions of shape (n_rows, n_members), each member counting its share.

    Examples
    --------
    >>> disagreement(np.array([[1.0, 3.0, 99.0]]), np.array([0.5, 0.5, 0.0]))
    array([1.])
    """
    # Member by member, so that it depends neither on other rows nor on members without a share.
    mean, square = np.zeros(len(predictions)), np.zeros(len(predictions))
    for member in np.flatnonzero(share):
        mean += share[member] * predictions[:, member]
    for member in np.flatnonzero(share):
        square += share[member] * (predictions[:, member] - mean) ** 2
    return np.sqrt(square)
