"""Seconds that are left, as they are shown: they fall, while what is expected jumps with every task that is done."""

from __future__ import annotations

# How far what is shown may be above what is expected, and below: by a factor, and a second that nobody minds.
_ABOVE, _BELOW, _SECOND = 1.5, 2.0, 1.0


class Countdown:
    """Smooths the seconds that the rest of a fit is expected to take.

    What is shown falls faster than time passes where less is expected, and slower where more is, so that
    both reach zero at once. Only where it is less than half of what is expected it is set anew.

    Examples
    --------
    >>> from byoe.engine._countdown import Countdown
    >>> left = Countdown()
    >>> [left(expected, now) for expected, now in [(30.0, 0.0), (40.0, 10.0), (20.0, 20.0), (0.0, 30.0)]]
    [30.0, 24.0, 16.0, 0.0]
    """

    def __init__(self) -> None:
        self._shown: float | None = None
        self._at = 0.0

    def __call__(self, expected: float | None, now: float) -> float | None:
        """Return the seconds to show.

        Parameters
        ----------
        expected : float or None
            Seconds that are left from now on; None while nobody knows.
        now : float
            On a clock that only goes forward.
        """
        if expected is None:
            return None
        shown, passed = expected, max(0.0, now - self._at)
        if self._shown is not None and expected > 0:
            steady = min(self._shown * expected / (expected + passed), expected * _ABOVE)
            shown = steady if expected <= _BELOW * steady + _SECOND else expected
        self._shown, self._at = shown, now
        return shown
