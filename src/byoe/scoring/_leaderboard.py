"""The leaderboard: one row per member and one for the blend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, IntArray
from ..errors import ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..tools._forks import after_fork
from ..tools._listing import Listing
from ..tools._warnings import warn, warnings_filtered
from ._metrics import Metric


class Leaderboard(Listing):
    """The blend and then the members, best first, as dictionaries; printed as a table.

    Losses are shown as positive numbers; None stands for what is not defined.
    ``pandas.DataFrame(leaderboard)`` makes a frame.

    Examples
    --------
    >>> from byoe.scoring._leaderboard import Leaderboard
    >>> Leaderboard([{"member": "ridge", "rmse": 1.25}])
    member  rmse
    ridge   1.25
    """


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
    """

    metric: Metric
    y: NDArray[Any]
    weight: FloatArray | None
    classes: NDArray[Any] | None
    rows: NDArray[np.bool_]
    folds: tuple[IntArray, ...]

    @classmethod
    def of(cls, oof: OutOfFold, metric: Metric, *, seed: int, classes: NDArray[Any] | None) -> Scoring:
        """Return the scoring of a fit."""
        rows = oof.scored if oof.scored.any() else oof.coverage
        folds = tuple(test[rows[test]] for _, test in oof.plan.blend_folds(seed))
        return cls(metric, oof.y, oof.weight, classes, rows, folds)

    def value(self, prediction: FloatArray, rows: Any = None) -> float:
        """Return the metric of predictions of all rows, as tables show it: losses positive."""
        rows = self.rows if rows is None else rows
        weight = None if self.weight is None else self.weight[rows]
        return self.metric.value(self.y[rows], prediction[rows], classes=self.classes, sample_weight=weight)

    def spread(self, prediction: FloatArray) -> float | None:
        """Return the standard deviation of the metric over the folds in which it is defined."""
        values = []
        for test in self.folds:
            if self.weight is not None and not self.weight[test].any():
                continue
            # A fold may lack what a metric wants, such as a row of every class.
            with warnings_filtered(("ignore",), ("error", "", UndefinedMetricWarning)):
                try:
                    values.append(self.value(prediction, test))
                except (ParameterError, UndefinedMetricWarning):
                    continue
        defined = [value for value in values if math.isfinite(value)]
        return float(np.std(defined)) if len(defined) > 1 else None

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


def board(
    ensemble: Predicting, record: FitRecord, scoring: Scoring, features: FloatArray | None
) -> tuple[float, Leaderboard]:
    """Return the score estimate and the leaderboard of an ensemble whose blender is fitted."""
    oof = ensemble._oof
    name = scoring.metric.name
    blend, spread = None, None
    if oof.scored.any():
        blend, spread = scoring.blend_value(oof.blend), scoring.spread(oof.blend)
    weights = getattr(ensemble.blender_, "weights_", None)
    rows: list[dict[str, Any]] = []
    for column, (label, member) in enumerate(ensemble.members_.items()):
        prediction = oof.predictions[:, column]
        scored = member.learner.gives_probabilities or not scoring.metric.needs_probabilities
        rows.append(
            {
                "member": label,
                name: scoring.value_if_defined(prediction) if scored else None,
                "spread": scoring.spread(prediction) if scored else None,
                "in_sample": None,
                "weight": None if weights is None else float(np.mean(weights[column])),
                "finalize": member.finalize,
                "models": len(member.models),
                "fit_seconds": record.fit_seconds[label],
                "predict_ms": record.predict_seconds[label] * len(member.models) * 1e6,
            }
        )
    rows.sort(key=lambda row: math.inf if row[name] is None else -scoring.metric.score(row[name]))
    first = {
        "member": "blend",
        name: blend,
        "spread": spread,
        "in_sample": _in_sample(oof.predictions, ensemble.blender_, scoring, features),
        "weight": None,
        "finalize": None,
        **{key: sum(row[key] for row in rows) for key in ("models", "fit_seconds", "predict_ms")},
    }
    estimate = math.nan if blend is None else scoring.metric.score(blend)
    return estimate, Leaderboard([first, *rows])


def _in_sample(
    predictions: FloatArray, blender: Blender, scoring: Scoring, features: FloatArray | None
) -> float | None:
    """Return the metric of the blender on rows that it has learned from."""
    known = predictions[scoring.rows]
    passed = None if features is None else features[scoring.rows]
    blended = after_fork(lambda: blender.predict(known, passed))
    prediction = np.zeros((len(scoring.y), *blended.shape[1:]))
    prediction[scoring.rows] = blended
    return scoring.value_if_defined(prediction)
