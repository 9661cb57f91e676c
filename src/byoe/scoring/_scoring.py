"""How a fit is scored: the metric of predictions of the rows on which members and blend can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from ..contracts._task import FloatArray, IntArray
from ..errors import ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..tools._jackknife import parts_of, standard_error
from ..tools._warnings import warn, warnings_filtered
from ._metrics import Metric

# Rows that the error of a difference is estimated from, at most.
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Scoring:
    """A metric, and the one set of rows on which blend and members can be compared.

    Attributes
    ----------
    metric : Metric
    y : array of shape (n_rows,) or (n_rows, n_outputs)
    weight : array of shape (n_rows,) or None
    classes : array of shape (n_classes,) or None
    rows : array of shape (n_rows,), bool
        The rows that the blend is scored on; all covered rows if there are none.
    folds : tuple of arrays
        The rows of ``rows`` that each fold predicts.
    seed : int
    groups : array of shape (n_rows,) or None
        Rows of one group err alike.
    """

    metric: Metric
    y: NDArray[Any]
    weight: FloatArray | None
    classes: NDArray[Any] | None
    rows: NDArray[np.bool_]
    folds: tuple[IntArray, ...]
    seed: int = 0
    groups: NDArray[Any] | None = None

    @classmethod
    def of(cls, oof: OutOfFold, metric: Metric, *, seed: int, classes: NDArray[Any] | None) -> Scoring:
        """Return the scoring of a fit."""
        rows = oof.scored if oof.scored.any() else oof.coverage
        folds = tuple(test[rows[test]] for _, test in oof.plan.blend_folds(seed))
        return cls(metric, oof.y, oof.weight, classes, rows, folds, seed, oof.plan.groups)

    def value(self, prediction: FloatArray, rows: Any = None) -> float:
        """Return the metric of predictions of all rows, as tables show it: losses positive."""
        rows = self.rows if rows is None else rows
        weight = None if self.weight is None else self.weight[rows]
        return self.metric.value(self.y[rows], prediction[rows], classes=self.classes, sample_weight=weight)

    def fold_values(self, prediction: FloatArray) -> list[float | None]:
        """Return the metric in each fold; None where it is not defined."""
        return [self._fold_value(prediction, test) for test in self.folds]

    def _fold_value(self, prediction: FloatArray, test: IntArray) -> float | None:
        if self.weight is not None and not self.weight[test].any():
            return None
        # A fold may lack what a metric wants, such as a row of every class.
        with warnings_filtered(("ignore",), ("error", "", UndefinedMetricWarning)):
            try:
                return _finite(self.value(prediction, test))
            except (ParameterError, UndefinedMetricWarning):
                return None

    def spread(self, prediction: FloatArray) -> float | None:
        """Return the standard deviation of the metric over the folds in which it is defined."""
        defined = [value for value in self.fold_values(prediction) if value is not None]
        return float(np.std(defined)) if len(defined) > 1 else None

    def difference(self, first: FloatArray, second: FloatArray) -> tuple[float | None, float | None]:
        """Return by how much the metric of one prediction is above that of another, and the standard error of that.

        None where the metric does not suit one of them. The error is that of a jackknife over parts of the
        rows, or of whole groups; above 20,000 rows it is estimated from a seeded sample of them.
        """
        one, other = self.value_if_defined(first), self.value_if_defined(second)
        if one is None or other is None:
            return None, None
        sample, parts = self._parts
        of_first, of_second = self._by_rows(first, sample, one), self._by_rows(second, sample, other)
        with warnings_filtered(("ignore",), ("error", "", UndefinedMetricWarning)):
            try:
                error = standard_error(lambda kept: of_first(kept) - of_second(kept), parts)
            except (ParameterError, UndefinedMetricWarning):
                return one - other, None
        return one - other, _finite(error * math.sqrt(len(sample) / len(self._counting)))

    @cached_property
    def _parts(self) -> tuple[IntArray, IntArray]:
        """The rows that errors are estimated from, and the part that each of them is in."""
        sample = self._counting
        if len(sample) > _MOST_ROWS:
            sample = np.sort(np.random.default_rng(self.seed).choice(sample, _MOST_ROWS, replace=False))
        strata = self.y[sample] if self.y.ndim == 1 and self.classes is not None else None
        groups = None if self.groups is None else self.groups[sample]
        return sample, parts_of(len(sample), self.seed, strata=strata, groups=groups)

    def _by_rows(self, prediction: FloatArray, sample: IntArray, value: float) -> Callable[[IntArray], float]:
        """Return the metric of some of a sample's rows: from their losses, where it is their mean or the root of it."""
        loss = self.metric.row_loss
        if loss is not None and self.y.ndim == 1:
            weight = np.ones(len(self.y)) if self.weight is None else self.weight
            losses = np.zeros(len(self.y))
            losses[self.rows] = loss(self.y[self.rows], prediction[self.rows])
            mean = float(np.average(losses[self.rows], weights=weight[self.rows]))
            for form in (float, math.sqrt) if mean >= 0 else ():
                if math.isclose(form(mean), value, rel_tol=1e-9):
                    own, own_weight = losses[sample], weight[sample]
                    return lambda kept: form(own[kept] @ own_weight[kept] / own_weight[kept].sum())
        return lambda kept: self.value(prediction, sample[kept])

    @cached_property
    def _counting(self) -> IntArray:
        """The positions of the rows that are scored and have a weight."""
        return np.flatnonzero(self.rows if self.weight is None else self.rows & (self.weight > 0))

    def value_if_defined(self, prediction: FloatArray) -> float | None:
        """Return the metric, or None for predictions that it does not suit."""
        try:
            return _finite(self.value(prediction))
        except ParameterError:
            return None

    def blend_value(self, prediction: FloatArray) -> float | None:
        """Return the metric of the blend; None, with a warning, for one that it does not suit."""
        try:
            return _finite(self.value(prediction))
        except ParameterError as error:
            warn(f"{error} So the blend has no score{self._outside(prediction)}")
            return None

    def _outside(self, prediction: FloatArray) -> str:
        loss = self.metric.row_loss
        outside = 0 if loss is None else int((prediction[self.rows] <= loss.lowest).sum())
        if loss is None or not outside:
            return ""
        return (
            f": {outside} of its {int(self.rows.sum())} cross-validated predictions are not above {loss.lowest:g}. Use "
            "members that stay above it, such as boosters with that objective, and a blender of convex weights"
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
