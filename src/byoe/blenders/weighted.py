"""Convex weights, given or learned."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ._weighting import Weighting


class Weighted(Weighting):
    """A weighted mean of the members' predictions or probabilities.

    Without given weights they are learned from the out-of-fold predictions: non-negative,
    summing to one, and optimal for the ensemble's metric (Breiman, 1996; van der Laan et al.,
    2007). How, depends on the metric:

    - squared error, R², Brier score: exactly, by non-negative least squares; log-loss: by
      Newton steps, to a KKT residual of 1e-8.
    - absolute and percentage error, pinball losses, Poisson deviance, which are convex: by a level
      bundle method (Lemaréchal, Nemirovskii & Nesterov, 1995), to within 1e-7 of the minimum.
    - all others, such as the area under the ROC curve, F-scores, the gamma deviance or a function of one's own: by a
      search that starts from the best of the weights of the squared error or the log-loss, the mean and the members,
      with no guarantee. Where the metric is no mean over rows, or is the accuracy, it is the mean of five searches
      on halves of the rows, which follow its jumps less closely.

    A member that leaves where the metric is defined, such as a negative prediction for a Poisson
    deviance, gets no weight unless all do.

    Parameters
    ----------
    weights : sequence of float, default=None
        One per member, non-negative; scaled to sum to one.
    pull : float, default=30.0
        Of how many rows a pull has the force that is against what few rows make of the weights. It adds to the sum
        of the rows' losses ``pull`` times the squared distance from weights that are proportional to
        ``exp(-5 (l - l_best) / |l_best|)`` of the members' own losses ``l``, in units of the mean loss of these
        weights' blend. 0 for none.

    Attributes
    ----------
    weights_ : array of shape (n_members,)

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> oof = OOF(np.array([[0.0, 2.0], [2.0, 4.0]]), np.array([0.5, 2.5]), Task("regression"))
    >>> blender("weighted", pull=0).fit(oof).weights_.round(6)
    array([0.75, 0.25])
    """

    defaults = {"weights": None, "pull": 30.0}

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        given = self.get_params()["weights"]
        if given is not None:
            _normalised(given, n_members)
        pull = self.get_params()["pull"]
        if isinstance(pull, bool) or not isinstance(pull, Real) or not 0 <= float(pull) < np.inf:
            raise ParameterError(f"weighted: pull is {pull!r}, expected a number that is not negative")

    def fit(self, oof: OOF) -> Self:
        from ._learned_weights import learned_weights

        self.check(oof.task, oof.predictions.shape[1])
        given = self.get_params()["weights"]
        if given is not None:
            self.weights_ = _normalised(given, oof.predictions.shape[1])
            return self
        if not oof.weights.sum() > 0:
            raise ParameterError("weighted cannot learn from rows whose sample weights are all zero")
        self.weights_ = learned_weights(oof, float(self.get_params()["pull"]))
        return self

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = super().restricted(kept)
        if self.get_params()["weights"] is not None:  # the given weights belong to members, too
            twin._given = {**self._given, "weights": twin.weights_.tolist()}
        return twin


def _normalised(given: Any, members: int) -> FloatArray:
    weights = np.asarray(given, dtype=np.float64)
    if weights.shape != (members,):
        raise ParameterError(f"weighted got weights of shape {weights.shape} for {members} members; give one each")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ParameterError(f"weighted needs non-negative weights with a positive sum, got {given!r}")
    return np.asarray(weights / weights.sum(), dtype=np.float64)
