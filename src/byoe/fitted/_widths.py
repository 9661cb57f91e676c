"""How wide an interval is where: a model of the absolute out-of-fold residual, in a few numbers.

Residuals are divided by a scale before they are ranked, and the rank is multiplied by the scale at the new row
(normalised conformal prediction: Papadopoulos, Gammerman & Vovk, 2008). The scale follows what is known of a
new row without another model: the blend's prediction of it, and how far the members disagree about it. It is the
mean residual of rows that are alike in that (bins of equal mass, as in Vovk's Mondrian prediction, 2003), between
the middles of the bins a straight line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..contracts._task import FloatArray, IntArray
from ..errors import ParameterError
from ._quantiles import QUANTILES, Known

WIDTHS: Mapping[str, tuple[str, ...]] = {
    "constant": (),
    "prediction": ("prediction",),
    "disagreement": ("disagreement",),
    "both": ("prediction", "disagreement"),
}
MOST_PARTS = 20  # the folds of leaving out one row would make a scale each
_ROWS_EACH = 50  # of a bin, in rows of equal weight
_MOST_BINS = 20
_PRIOR = 3.0  # so many rows of the mean residual are in every bin from the start
_LEVELS = (0.5, 0.8, 0.9, 0.95)

Signals = Mapping[str, FloatArray]


def check_width(width: object) -> str:
    """Return the name, or raise a ParameterError."""
    names = ("auto", *WIDTHS, QUANTILES)
    if not isinstance(width, str) or width not in names:
        known = ", ".join(map(repr, names))
        raise ParameterError(f"width is {width!r}, expected one of {known}: what the width of an interval follows")
    return width


@dataclass(frozen=True)
class Stage:
    """A factor that depends on one signal: a line through points, level beyond the outer ones.

    Attributes
    ----------
    by : str
    at, factor : array of shape (n_bins,)
    """

    by: str
    at: FloatArray
    factor: FloatArray

    def __call__(self, signals: Signals) -> FloatArray:
        return np.asarray(np.interp(signals[self.by], self.at, self.factor))

    @classmethod
    def learn(cls, by: str, signal: FloatArray, residuals: FloatArray, mass: FloatArray) -> Stage:
        """Return the mean residual by the signal, in units of the mean of all; the mass is in rows of equal weight."""
        total = float(mass.sum())
        n_bins = int(np.clip(total // _ROWS_EACH, 1, _MOST_BINS))
        place = np.unique(signal, return_inverse=True)[1]  # ties stay together
        own = np.bincount(place, weights=mass)
        number = np.minimum(((np.cumsum(own) - own / 2) / total * n_bins).astype(np.int64), n_bins - 1)[place]
        filled, number = np.unique(number, return_inverse=True)
        here = np.bincount(number, weights=mass)
        middle = np.bincount(number, weights=mass * signal) / here
        mean = float(mass @ residuals) / total
        if not mean > 0 or len(filled) < 2:
            return cls(by, middle, np.ones(len(filled)))
        found = np.bincount(number, weights=mass * (residuals / mean))
        return cls(by, middle, (found + _PRIOR) / (here + _PRIOR))


@dataclass(frozen=True)
class Scale:
    """The product of its stages, a positive number for every row; without stages it is one.

    Examples
    --------
    >>> signal = {"prediction": np.repeat([1.0, 2.0], 500)}
    >>> scale = Scale.learn(("prediction",), signal, np.repeat([1.0, 3.0], 500), np.ones(1000))
    >>> scale({"prediction": np.array([1.0, 1.5, 2.0, 9.0])}).round(2)
    array([0.5, 1. , 1.5, 1.5])
    """

    stages: tuple[Stage, ...] = ()

    def __call__(self, signals: Signals) -> FloatArray:
        scale = np.ones(len(signals["prediction"]))
        for stage in self.stages:
            scale = scale * stage(signals)
        return scale

    @classmethod
    def learn(cls, by: tuple[str, ...], signals: Signals, residuals: FloatArray, mass: FloatArray) -> Scale:
        """Learn stage by stage, each from the residuals in units of those before it."""
        largest = residuals.max(initial=0.0)  # sums must not overflow, and only ratios matter
        scale, rest = cls(), residuals / largest if largest > 0 else residuals
        for name in by:
            stage = Stage.learn(name, signals[name], rest, mass)
            scale, rest = cls((*scale.stages, stage)), rest / stage(signals)
        return scale


@dataclass(frozen=True)
class Width:
    """The scale of one target's residuals, learned of all rows and without each part of them.

    Attributes
    ----------
    whole : Scale
    without : tuple of Scale
        By the number of the part that did not teach it.
    scores : array of shape (n_rows,)
        Absolute residuals in units of the scale that did not see the row.
    """

    whole: Scale
    without: tuple[Scale, ...]
    scores: FloatArray

    def of_fold(self, fold: int) -> Scale:
        """Return the scale that did not see a fold's rows; the whole one, where none of these counts."""
        part = fold % MOST_PARTS
        return self.without[part] if part < len(self.without) else self.whole

    @classmethod
    def learn(cls, name: str, signals: Signals, residuals: FloatArray, mass: FloatArray, parts: IntArray) -> Width:
        """Learn what a name of ``WIDTHS`` says, the mass being in rows of equal weight."""
        by = WIDTHS[name]
        scale = np.ones(len(residuals))
        without = []
        for part in range(int(parts.max(initial=-1)) + 1):
            inside = parts == part
            others = {key: signal[~inside] for key, signal in signals.items()}
            without.append(Scale.learn(by, others, residuals[~inside], mass[~inside]) if by else Scale())
            scale[inside] = without[-1]({key: signal[inside] for key, signal in signals.items()})
        whole = Scale.learn(by, signals, residuals, mass)
        return cls(whole, tuple(without), residuals / scale)


def choose(
    signals: Signals,
    residuals: FloatArray,
    mass: FloatArray,
    parts: IntArray,
    groups: IntArray | None,
    known: Known | None = None,
) -> str:
    """Return which of ``WIDTHS``, or ``"quantiles"``, is best on rows that did not teach it.

    Intervals of four levels are judged by the interval score (Gneiting & Raftery, 2007), in units of that of
    constant width. The scale and the rank for a part of the rows come from the other parts. Of those within one
    standard error of the best, paired by row or group, the first in the order of ``WIDTHS`` is taken, and quantiles
    last. Where these are known of some rows only, all are judged by these.

    Parameters
    ----------
    signals : mapping of str to array of shape (n_rows,)
    residuals : array of shape (n_rows,)
        Absolute ones.
    mass : array of shape (n_rows,)
        In rows (or groups) of equal weight.
    parts : array of shape (n_rows,)
    groups : array of shape (n_rows,) or None
    known : Known or None
        What quantile models say of the rows.
    """
    if mass.sum() < 2 * _ROWS_EACH or parts.max(initial=0) < 1:
        return "constant"
    varied = np.ptp(signals["disagreement"]) > 0
    losses = {
        name: _losses(name, signals, residuals, mass, parts)
        for name in WIDTHS
        if varied or "disagreement" not in WIDTHS[name]
    }
    judged = mass
    if known is not None and known.suffices(mass, parts, 2 * _ROWS_EACH):
        losses[QUANTILES] = known.losses(mass, parts, _LEVELS)
        judged = np.where(known.rows, mass, 0.0)
    usual = [np.average(losses["constant"][:, level], weights=judged) for level in range(len(_LEVELS))]
    if not min(usual) > 0:
        return "constant"
    share = judged / judged.sum()
    relative = {name: (loss / usual).mean(axis=1) for name, loss in losses.items()}
    best = min(relative, key=lambda name: float(share @ relative[name]))
    for name, loss in relative.items():
        difference = loss - relative[best]
        mean = float(share @ difference)
        own = share * (difference - mean)
        error = np.sqrt(np.sum((own if groups is None else np.bincount(groups, weights=own)) ** 2))
        if mean <= error:
            return name
    return best


def _losses(name: str, signals: Signals, residuals: FloatArray, mass: FloatArray, parts: IntArray) -> FloatArray:
    """Return the interval scores of rows, of shape (n_rows, n_levels)."""
    width = Width.learn(name, signals, residuals, mass, parts)
    losses = np.empty((len(residuals), len(_LEVELS)))
    for part, scale in enumerate(width.without):
        inside = parts == part
        order = np.argsort(width.scores[~inside], kind="stable")
        until = np.cumsum(mass[~inside][order])
        rank = np.minimum(np.searchsorted(until, np.multiply(_LEVELS, until[-1])), len(until) - 1)
        own = scale({key: signal[inside] for key, signal in signals.items()})
        half = np.outer(own, width.scores[~inside][order][rank])
        beyond = np.maximum(residuals[inside][:, None] - half, 0.0)
        losses[inside] = 2 * (half + beyond / (1.0 - np.asarray(_LEVELS)))
    return losses
