"""Intervals of conformalised quantiles: two models say where the blend's residual lies, out-of-fold rows how well.

The residual's outer quantiles, of learners with a loss for that, say how far a target may lie below the blend, and how
far above it. Both are multiplied by one number, such that the interval holds its share of the rows that did not teach
it (conformalised quantile regression: Romano, Patterson & Candès, 2019; scaled as by Kivaranovic, Johnson & Leeb, 2020,
with the blend in place of the median). So one pair of quantiles does for all levels, and a higher one contains a lower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._ranks import least_mass, masses, order_statistic

QUANTILES = "quantiles"
SHARES = (0.05, 0.95)
# Neither side is narrower than this part of the half of both, nor than this one of its mean: a blend that is outside of
# its quantiles, and rows whose residual never varied, would have none.
_OF_BOTH, _OF_MEAN = 0.1, 0.01


@dataclass(frozen=True)
class Sides:
    """How far from the blend the targets of some rows may lie, as quantile models say.

    Attributes
    ----------
    below, above : array of shape (n_rows,)
        Positive.
    least : float
        A part of both, for all rows.

    Examples
    --------
    >>> sides = Sides.of(np.array([[-1.0, 3.0], [2.0, 1.0]]), 0.0)
    >>> sides.below, sides.above
    (array([1.  , 0.05]), array([3., 2.]))
    """

    below: FloatArray
    above: FloatArray
    least: float

    @classmethod
    def of(cls, quantiles: FloatArray, least: float) -> Sides:
        """Return what quantiles of shape (n_rows, 2) say; those that cross are exchanged."""
        low, high = quantiles.min(axis=1), quantiles.max(axis=1)
        half = _OF_BOTH * (high / 2 - low / 2)
        return cls(np.maximum(-low, half) + least, np.maximum(high, half) + least, least)

    @classmethod
    def learn(cls, quantiles: FloatArray, mass: FloatArray) -> Sides:
        """Return the same of rows that a fit has kept, which say what the least is."""
        apart = np.abs(quantiles[:, 1] / 2 - quantiles[:, 0] / 2)
        mean = float(mass @ apart) / float(mass.sum())
        return cls.of(quantiles, _OF_MEAN * mean if mean > 0 else 1.0)

    def scores(self, residuals: FloatArray) -> FloatArray:
        """Return by what the sides must be multiplied to reach each residual."""
        return np.asarray(np.maximum(-residuals / self.below, residuals / self.above))

    def losses(self, residuals: FloatArray, times: FloatArray, level: float) -> FloatArray:
        """Return the interval scores of rows whose sides are multiplied."""
        beyond = np.maximum(-residuals - times * self.below, residuals - times * self.above)
        return np.asarray(times * (self.below + self.above) + 2.0 * np.maximum(beyond, 0.0) / (1.0 - level))


@dataclass(frozen=True)
class Known:
    """What quantile models that did not see a row say of it.

    Attributes
    ----------
    rows : array of shape (n_rows,), bool
        Which rows they say something of.
    sides : Sides
        Of these rows.
    residuals, mass : array of shape (n_known,)
        Of the blend; and how much each counts.
    folds : array of shape (n_known,)
        Number of the fold that predicts the row.
    new : float
        How much a new row counts.
    """

    rows: NDArray[np.bool_]
    sides: Sides
    residuals: FloatArray
    mass: FloatArray
    folds: IntArray
    new: float

    @classmethod
    def of(
        cls, quantiles: FloatArray, residuals: FloatArray, folds: IntArray, weight: FloatArray, groups: IntArray | None
    ) -> Known | None:
        """Return what is known of rows; ``quantiles`` are of shape (n_rows, 2), NaN where nothing is."""
        rows = np.asarray(np.isfinite(quantiles).all(axis=1))
        if not rows.any():
            return None
        mass, new = masses(weight[rows], None if groups is None else groups[rows])
        return cls(rows, Sides.learn(quantiles[rows], mass), residuals[rows], mass, folds[rows], new)

    def interval(
        self, centres: list[FloatArray], quantiles: list[FloatArray], level: float, *, by_fold: bool
    ) -> FloatArray:
        """Return the interval of new rows, of shape (n_new, 2).

        Parameters
        ----------
        centres : list of array of shape (n_new,)
            What the blend predicts: by fold, without what that fold holds; or one alone.
        quantiles : list of array of shape (n_new, 2)
            What the quantile models say, likewise.
        level : float
        by_fold : bool
            Whether it is the CV+ interval (Barber, Candès, Ramdas & Tibshirani, 2021) of them.
        """
        sides = [Sides.of(own, self.sides.least) for own in quantiles]
        below, above = (np.column_stack(own) for own in zip(*((one.below, one.above) for one in sides), strict=True))
        centre = np.column_stack(centres)
        folds = self.folds if by_fold else np.zeros(len(self.mass), dtype=np.int64)
        known = self.sides.scores(self.residuals), folds, self.mass, least_mass(level, self.mass, self.new)
        return np.column_stack([-order_statistic(-centre, below, *known), order_statistic(centre, above, *known)])

    def suffices(self, mass: FloatArray, parts: IntArray, least: float) -> bool:
        """Say whether there are rows enough to judge by, in more than one part."""
        return bool(mass[self.rows].sum() >= least) and len(np.unique(parts[self.rows])) > 1

    def losses(self, mass: FloatArray, parts: IntArray, levels: tuple[float, ...]) -> FloatArray:
        """Return interval scores, of shape (n_rows, n_levels): what each part is multiplied by, the others say."""
        mass, parts, scores = mass[self.rows], parts[self.rows], self.sides.scores(self.residuals)
        times = np.empty((len(scores), len(levels)))
        for part in np.unique(parts):
            inside = parts == part
            order = np.argsort(scores[~inside], kind="stable")
            until = np.cumsum(mass[~inside][order])
            rank = np.minimum(np.searchsorted(until, np.multiply(levels, until[-1])), len(until) - 1)
            times[inside] = scores[~inside][order][rank]
        losses = np.zeros((len(self.rows), len(levels)))
        for column, level in enumerate(levels):
            losses[self.rows, column] = self.sides.losses(self.residuals, times[:, column], level)
        return losses
