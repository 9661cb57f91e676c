"""The unit in which a model has its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ._task import FloatArray

# The octave below which a mean weight is raised to about one.
_LEAST_OCTAVE = -4
# A spread from 1/4 to a million is ordinary: there no tolerance of a library shows in its models.
_ORDINARY = (2.0**-2, 2.0**20)
# Single precision has seven digits; beyond so many spreads from zero fewer than five are left.
_FAR = 2.0**7


@dataclass(frozen=True)
class Unit:
    """A model in this unit is fitted on ``(y - center) / scale``, and predicts that.

    Attributes
    ----------
    center, scale : array of shape () or, for several targets at once, (n_outputs,)

    Examples
    --------
    >>> import numpy as np
    >>> unit = Unit.of(np.array([1.0, 2.0, 3.0]) * 1e-9)
    >>> unit.into(np.array([4e-9]))
    array([8.58993459])
    >>> unit.back(unit.into(np.array([4e-9])))
    array([4.e-09])
    """

    center: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, y: FloatArray, weight: FloatArray | None = None) -> Self:
        """Return the unit for a training part's targets, of shape (n_rows,) or (n_rows, n_outputs).

        One target stays as it is where its standard deviation lies between 1/4 and 2**20 and its mean
        is at most 128 of these from zero. Else the scale is a power of two, so that dividing by it loses
        no digit, and the center a multiple of one. Targets that are fitted together are each divided by
        their own standard deviation, so that none counts more for its unit.
        """
        size = np.abs(y).max(axis=0)
        power = np.frexp(np.where(size > 0, size, 1.0))[1]  # so that no square is too large or too small
        first = np.ldexp(y[0], -power)
        apart = np.ldexp(y, -power) - first
        mean = np.average(apart, axis=0, weights=weight)
        spread = np.sqrt(np.average((apart - mean) ** 2, axis=0, weights=weight))
        mean = first + mean
        varies = spread > 0
        octave = np.ldexp(1.0, np.frexp(np.where(varies, spread, 1.0))[1] - 1)
        nearest = np.where(varies, np.round(mean / octave) * octave, mean)
        center = np.ldexp(np.where(np.abs(mean) > _FAR * spread, nearest, 0.0), power)
        spread, octave = np.ldexp(spread, power), np.ldexp(octave, power)
        ordinary = (spread >= _ORDINARY[0]) & (spread <= _ORDINARY[1])
        scale = spread if y.ndim > 1 else np.where(ordinary, 1.0, octave)
        return cls(center, np.where(varies, scale, 1.0))

    @property
    def is_plain(self) -> bool:
        """Whether it is the target's own."""
        return bool((self.center == 0).all() and (self.scale == 1).all())

    def into(self, y: FloatArray) -> FloatArray:
        """Return targets in this unit."""
        return np.asarray((y - self.center) / self.scale)

    def back(self, values: FloatArray) -> FloatArray:
        """Return predictions of a model in this unit in that of the target."""
        return np.asarray(values * self.scale + self.center)

    def contributions(self, values: FloatArray) -> FloatArray:
        """Return what columns add to predictions, and last the base value, in the unit of the target."""
        parts = values * self.scale[..., None]
        parts[..., -1] += self.center
        return np.asarray(parts)

    def state(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"center": self.center.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """Return what ``state`` has told."""
        return cls(np.asarray(state["center"], dtype=np.float64), np.asarray(state["scale"], dtype=np.float64))


def of_ordinary_size(weight: FloatArray | None) -> FloatArray | None:
    """Return weights whose mean is below 1/32, such as those that sum to one, multiplied by a power of two.

    A leaf must hold a least sum of them, which small weights never reach, and penalties are against it.
    """
    if weight is None or not weight.any():
        return weight
    octave = int(np.frexp(weight[weight > 0].mean())[1])
    return np.ldexp(weight, -octave) if octave < _LEAST_OCTAVE else weight
