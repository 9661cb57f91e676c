"""The blender, fitted on all covered rows, and cross-fitted for its honest predictions."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender, fit_clone
from ..contracts._deadline import Deadline, part_of_time, until
from ..contracts._task import FloatArray
from ..errors import BudgetWarning
from ..fitted._failing import Named, checked_blend
from ..folds._plan import SplitPlan
from ..tools._forks import after_fork
from ..tools._warnings import warn
from ._resources import Resources
from ._threads import one_thread

_LEAST = 1.0  # seconds, in which most blenders are compared


@dataclass(frozen=True)
class Blend:
    """A fitted blender with its cross-validation.

    Attributes
    ----------
    blender : Blender
        Fitted on all covered rows; the chosen one, where the blender chooses.
    prediction : array of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_outputs)
        What blenders that did not see a row make of it; averaged over repeated folds.
    scored : array of shape (n_rows,), bool
        Which rows have such a prediction.
    held_out : tuple of Blender
        The blenders behind it, in the order of ``plan.blend_folds``.
    """

    blender: Blender
    prediction: FloatArray
    scored: NDArray[np.bool_]
    held_out: tuple[Blender, ...]


class BlendingInTime:
    """Lets blenders know what is left of a time limit, and warns of what they have not tried for a blend that came out.

    Parameters
    ----------
    resources : Resources
    """

    def __init__(self, resources: Resources) -> None:
        self._limit, seconds = resources.time_limit, resources.seconds
        elapsed = 0.0 if resources.started is None else time.monotonic() - resources.started
        self._deadline = None if seconds is None else Deadline(max(_LEAST, seconds - elapsed))
        self._holding = until(self._deadline)

    def __enter__(self) -> None:
        self._holding.__enter__()

    def __exit__(self, *exception: Any) -> None:
        self._holding.__exit__(*exception)
        if exception[0] is None and self._deadline is not None and self._deadline.skipped:
            names = ", ".join(sorted(self._deadline.skipped))
            warn(
                f"the time_limit of {self._limit:g} s left no time to compare all blenders: {names} were not tried on "
                "all folds. reblend('auto') tries them, and fits no member again",
                BudgetWarning,
            )


def fit_blend(blender: Blender, oof: OOF, plan: SplitPlan) -> Blend:
    """Fit a blender on all covered rows, and cross-fit it for its honest predictions.

    Parameters
    ----------
    blender : Blender
        Not fitted; clones of it are.
    oof : OOF
        Of all rows of the plan; rows that are not covered are not used.

    Returns
    -------
    Blend
    """
    # One thread: on so few columns more of them only wait for each other.
    with one_thread(), Named(f"blender {blender.name}{blender.origin}", "failed"):
        return after_fork(lambda: _fit_blend(blender, oof, plan))


def _fit_blend(blender: Blender, oof: OOF, plan: SplitPlan) -> Blend:
    task = oof.task
    sums, counts = np.zeros((plan.n_rows, *task.width)), np.zeros(plan.n_rows, dtype=np.int64)
    folds = plan.blend_folds(oof.seed)
    oof = replace(oof, folds=tuple(folds))
    held_out = []
    for number, (train, test) in enumerate(folds):
        with part_of_time(len(folds) + 1 - number):
            held_out.append(fit_clone(blender, oof.rows(train)).in_use)
        features = None if oof.X is None else oof.X[test]
        blended = held_out[-1].predict(oof.predictions[test], features)
        blended = checked_blend(blender, blended, len(test), task)
        np.add.at(sums, test, blended)
        np.add.at(counts, test, 1)
    divisor = np.maximum(counts, 1).reshape(-1, *([1] * (sums.ndim - 1)))
    served = fit_clone(blender, oof.rows(np.flatnonzero(plan.coverage)))
    return Blend(served.in_use, sums / divisor, counts > 0, tuple(held_out))
