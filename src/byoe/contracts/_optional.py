"""What a learner may do beyond the least, found by the presence of its methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from ._learner import Model, StopRows
from ._task import FloatArray, IntArray, Task


@runtime_checkable
class Prepares(Protocol):
    """A learner that brings the table into a form of its own once, and trains on rows of that.

    What is shared by the folds may be structure only: edges of bins and codes of categories,
    nothing that is computed from targets, and no statistic of the columns.
    """

    def prepare(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        categorical: Mapping[int, int] | None = None,
    ) -> Any:
        """Return the table in the form that ``fit_rows`` wants; the arguments are those of ``fit``.

        Of a fit whose rows have weights of zero it gets the other rows only.
        """
        ...

    def can_prepare(self, X: Any) -> bool:
        """Return whether that is possible and worth while, with these parameters and this kind of table."""
        ...

    def fit_rows(
        self,
        prepared: Any,
        rows: IntArray,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> Model:
        """Fit one model on some rows of what was prepared; it predicts as one of ``fit`` does.

        Targets and weights are those of the rows. The ``X`` of ``stop`` holds numbers of rows, too.
        """
        ...


@dataclass(frozen=True)
class Moments:
    """What least squares need to know of their rows.

    Attributes
    ----------
    weight : float
        Sum of the weights; the number of rows where there are none.
    mean : array of shape (n_columns,)
        Weighted means of the columns.
    target_mean : array of shape (n_outputs,)
    gram : array of shape (n_columns, n_columns)
        Weighted sums of the products of two columns, each less its mean.
    products : array of shape (n_columns, n_outputs)
        Weighted sums of the products of a column and a target, each less its mean.
    squares : array of shape (n_outputs,)
        Weighted sums of the squared targets, each less its mean.
    """

    weight: float
    mean: FloatArray
    target_mean: FloatArray
    gram: FloatArray
    products: FloatArray
    squares: FloatArray


@runtime_checkable
class SolvesMoments(Protocol):
    """A learner whose models follow from sums over the rows, so that it needs no rows.

    For regression. The sums of all rows are made once, and those of each fold's training part
    follow from them; statistics of other rows than these never reach the learner.
    """

    def can_fit_moments(self, task: Task) -> bool:
        """Return whether that is possible with these parameters."""
        ...

    def fit_moments(self, moments: Moments, *, task: Task, seed: int, threads: int) -> Model | None:
        """Fit one model; it predicts as one of ``fit`` does, up to rounding.

        The columns are those that ``fit`` would get: encoded, and where the learner declares
        ``scaled`` standardised. None where rounding could show, for instance where columns depend
        on each other: then ``fit`` is called with the rows.
        """
        ...
