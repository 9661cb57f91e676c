"""A pull of convex weights towards others, against what few rows make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..contracts._blender import OOF
from ..contracts._task import FloatArray

# How fast the weights that are pulled to fall with a member's loss, as a share of the smallest one.
_FALL = 5.0


@dataclass(frozen=True)
class Pull:
    """Adds ``strength`` times the squared distance from ``centre`` to a mean loss.

    Attributes
    ----------
    strength : float
    centre : array of shape (n_members,)
        Non-negative, summing to one.
    """

    strength: float
    centre: FloatArray

    def value(self, w: FloatArray) -> float:
        """Return what is added at weights."""
        return self.strength * float(((w - self.centre) ** 2).sum())

    def slope(self, w: FloatArray) -> FloatArray:
        """Return the gradient of it."""
        return 2 * self.strength * (w - self.centre)

    def stacked(self, A: FloatArray, b: FloatArray, times: float) -> tuple[FloatArray, FloatArray]:
        """Return ``A`` and ``b`` with rows by which ``||A w - b||²`` grows by so many times what is added."""
        root = np.sqrt(times * self.strength)
        return np.vstack([A, root * np.eye(len(self.centre))]), np.append(b, root * self.centre)


def pull_of(oof: OOF, rows: float) -> Pull:
    """Return the pull that has the force of so many rows.

    It is towards weights that fall exponentially with the members' own losses; its unit is the loss of their blend.

    Parameters
    ----------
    oof : OOF
        With a weight of rows that is not zero, and members that suit the metric.
    rows : float
    """
    centre = centre_of(oof)
    loss = abs(oof.loss(np.tensordot(oof.predictions, centre, axes=(1, 0))))
    return Pull(rows * loss / float(oof.weights.sum()) if np.isfinite(loss) else 0.0, centre)


def centre_of(oof: OOF) -> FloatArray:
    """Return weights that fall exponentially with the members' own losses, of shape (n_members,)."""
    losses = np.array([oof.loss(oof.predictions[:, member]) for member in range(oof.predictions.shape[1])])
    best = losses.min()
    if not np.isfinite(best):
        return np.full(len(losses), 1.0 / len(losses))
    above = losses - best
    shares = np.exp(-_FALL * above / abs(best)) if best != 0 else (above == 0).astype(np.float64)
    return np.asarray(shares / shares.sum(), dtype=np.float64)
