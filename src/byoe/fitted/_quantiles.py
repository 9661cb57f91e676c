"""Intervals of conformalised quantiles: two models say where the blend's residual lies, out-of-fold rows how well.

The residual's outer quantiles, of learners with a loss for that, make a band around the blend. It is moved until it
holds the share of the rows that did not teach it (Romano, Patterson & Candès, 2019), by its own width times a number
for all rows (Sesia & Candès, 2020): so it gets narrower or wider everywhere, where the models are too careful or too bold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray, IntArray
from ._ranks import least_mass, masses, order_statistic

QUANTILES = "quantiles"
SHARES = (0.05, 0.95)
_LEAST = 0.04  # of the mean half-width, so that a band of no width can be moved, too


@dataclass(frozen=True)
class Band:
    """Where the residuals of some rows lie, as quantile models say.

    Attributes
    ----------
    low, high : array of shape (n_rows,)
        The quantiles of ``SHARES``, in order.
    least : float
        Half the width that each row has beyond its own.
    """

    low: FloatArray
    high: FloatArray
    least: float

    @classmethod
    def learn(cls, quantiles: FloatArray, mass: FloatArray) -> Band:
        """Return the band of rows that a fit has kept; ``quantiles`` are of shape (n_rows, 2)."""
        made = cls.of(quantiles, 0.0)
        mean = float(mass @ made.scale) / float(mass.sum())
        return replace(made, least=_LEAST * mean if mean > 0 else 1.0)

    @classmethod
    def of(cls, quantiles: FloatArray, least: float) -> Band:
        """Return the band of new rows; quantiles that cross are exchanged."""
        return cls(quantiles.min(axis=1), quantiles.max(axis=1), least)

    @property
    def scale(self) -> FloatArray:
        """By what the bounds of each row are moved: half the width of its band."""
        return self.high / 2 - self.low / 2 + self.least

    def edges(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the band of another level, as far out as the quantiles of a normal distribution would be.

        Examples
        --------
        >>> band = Band.of(np.array([[-1.0, 3.0]]), 0.0)
        >>> band.edges(0.9), band.edges(0.5)[1].round(2)
        ((array([-1.]), array([3.])), array([1.23]))
        """
        normal = NormalDist()
        stretch = normal.inv_cdf((1.0 + level) / 2.0) / normal.inv_cdf(SHARES[1])
        return stretch * self.low, stretch * self.high

    def scores(self, residuals: FloatArray, level: float) -> FloatArray:
        """Return how far each residual is outside the band, or as a negative number inside, in units of the scale."""
        low, high = self.edges(level)
        return np.asarray(np.maximum(low - residuals, residuals - high) / self.scale)


@dataclass(frozen=True)
class Known:
    """What quantile models that did not see a row say of it.

    Attributes
    ----------
    rows : array of shape (n_rows,), bool
        Which rows they say something of.
    band : Band
        Of these rows.
    residuals, mass : array of shape (n_known,)
        Of the blend; and how much each counts.
    folds : array of shape (n_known,)
        Number of the fold that predicts the row.
    new : float
        How much a new row counts.
    """

    rows: NDArray[np.bool_]
    band: Band
    residuals: FloatArray
    folds: IntArray
    mass: FloatArray
    new: float

    @classmethod
    def of(
        cls, quantiles: FloatArray, residuals: FloatArray, folds: IntArray, weight: FloatArray, groups: IntArray | None
    ) -> Known | None:
        """Return what is known of rows; ``quantiles`` are of shape (n_rows, 2), NaN where nothing is."""
        rows = np.isfinite(quantiles).all(axis=1)
        if not rows.any():
            return None
        mass, new = masses(weight[rows], None if groups is None else groups[rows])
        return cls(rows, Band.learn(quantiles[rows], mass), residuals[rows], folds[rows], mass, new)

    def interval(
        self, centres: list[FloatArray], quantiles: list[FloatArray], level: float, *, by_fold: bool
    ) -> FloatArray:
        """Return the interval of new rows, of shape (n_new, 2); bounds that cross are both put into the middle.

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
        bands = [Band.of(own, self.band.least) for own in quantiles]
        edges = [band.edges(level) for band in bands]
        scales = np.column_stack([band.scale for band in bands])
        below = np.column_stack([centre + low for centre, (low, _) in zip(centres, edges, strict=True)])
        above = np.column_stack([centre + high for centre, (_, high) in zip(centres, edges, strict=True)])
        folds = self.folds if by_fold else np.zeros(len(self.mass), dtype=np.int64)
        known = self.band.scores(self.residuals, level), folds, self.mass, least_mass(level, self.mass, self.new)
        lower, upper = -order_statistic(-below, scales, *known), order_statistic(above, scales, *known)
        crossed = lower > upper
        lower[crossed] = upper[crossed] = (lower[crossed] + upper[crossed]) / 2
        return np.column_stack([lower, upper])

    def suffices(self, mass: FloatArray, parts: IntArray, least: float) -> bool:
        """Say whether there are rows enough to judge by, in more than one part."""
        return bool(mass[self.rows].sum() >= least) and len(np.unique(parts[self.rows])) > 1

    def losses(self, mass: FloatArray, parts: IntArray, levels: tuple[float, ...]) -> FloatArray:
        """Return interval scores, of shape (n_rows, n_levels): each part's band is moved by what the others say."""
        losses = np.zeros((len(self.rows), len(levels)))
        for column, level in enumerate(levels):
            losses[self.rows, column] = self._losses(mass[self.rows], parts[self.rows], level)
        return losses

    def _losses(self, mass: FloatArray, parts: IntArray, level: float) -> FloatArray:
        scores, (low, high) = self.band.scores(self.residuals, level), self.band.edges(level)
        moved = np.empty(len(scores))
        for part in np.unique(parts):
            inside = parts == part
            order = np.argsort(scores[~inside], kind="stable")
            until = np.cumsum(mass[~inside][order])
            rank = min(int(np.searchsorted(until, level * until[-1])), len(until) - 1)
            moved[inside] = scores[~inside][order][rank] * self.band.scale[inside]
        lower, upper = low - moved, high + moved
        beyond = np.maximum(np.maximum(lower - self.residuals, self.residuals - upper), 0.0)
        return np.maximum(upper - lower, 0.0) + 2.0 * beyond / (1.0 - level)
