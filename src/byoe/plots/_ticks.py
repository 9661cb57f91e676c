"""Ticks whose labels do not touch. Imported where a picture is drawn, since matplotlib is optional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import AutoLocator, MaxNLocator

_STEPS = (1, 2, 2.5, 5, 10)
_FEWEST = 2
_BETWEEN = 2  # letters
_POINTS = 72  # to an inch


class RoomyLocator(AutoLocator):
    """Matplotlib's own ticks of an x axis, or fewer of them where their labels would touch.

    Matplotlib takes labels to be three times as wide as high, and those of large and of small numbers are wider.
    How wide the axes are is known when they are drawn.

    Parameters
    ----------
    letter : float
        How wide a digit of a label is, in points.
    """

    def __init__(self, letter: float) -> None:
        super().__init__()
        self._letter = letter

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return where the ticks are between two numbers."""
        found = super().tick_values(vmin, vmax)
        for most in range(len(found) - 2, _FEWEST - 1, -1):
            if self._fit(found, vmin, vmax):
                break
            found = MaxNLocator(most, steps=_STEPS).tick_values(vmin, vmax)
        return found

    def _fit(self, places: Sequence[float], vmin: float, vmax: float) -> bool:
        low, high = sorted((vmin, vmax))
        seen = [place for place in places if low <= place <= high]
        if len(seen) < _FEWEST or not isinstance(self.axis, Axis):
            return True
        longest = max(map(len, self.axis.get_major_formatter().format_ticks(seen)))
        axes = self.axis.axes
        points = axes.get_window_extent().width * _POINTS / axes.figure.dpi
        return bool((longest + _BETWEEN) * self._letter <= (seen[1] - seen[0]) / (high - low) * points)


def with_room(ax: Axes, letter: float) -> None:
    """Give the x axis ticks with room for labels of digits of that width, if matplotlib was to choose them."""
    if type(ax.xaxis.get_major_locator()) is AutoLocator:
        ax.xaxis.set_major_locator(RoomyLocator(letter))
