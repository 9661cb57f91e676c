"""The diagnosis: the leaderboard with what takes longer than a fit should."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ..blenders._per_output import outputs
from ..blenders._reweighted import with_class_weights
from ..contracts._blender import OOF, Blender
from ..contracts._task import FloatArray, IntArray, Task
from ..engine._blend import fit_blend
from ..errors import ParameterError
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..tools._class_weight import ClassWeight
from ._leaderboard import Leaderboard
from ._scoring import Scoring

_RESAMPLES = 200
_FEWER = 40
_MOST_ROWS = 5_000
_TAIL = 0.05

_ROUNDING = 1e-12


class Diagnosis(Leaderboard):
    """The leaderboard with further columns, and the members' residual correlation.

    Attributes
    ----------
    correlation : array of shape (n_members, n_members)
        In the order of ``labels``.
    labels : list of str
        The members, in the order of ``members_``.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe.scoring._diagnosis import Diagnosis
    >>> Diagnosis([{"member": "ridge", "bytes": 6448}], np.array([[1.0, 0.5], [0.5, 1.0]]), ["ridge", "knn"])
    member  bytes
    ridge   6.4 kB
    <BLANKLINE>
    residual correlation  ridge  knn
    ridge                 1      0.5
    knn                   0.5    1
    """

    def __init__(
        self, rows: list[dict[str, Any]], correlation: FloatArray, labels: list[str], notes: Sequence[str] = ()
    ) -> None:
        super().__init__(rows, notes)
        self.correlation = correlation
        self.labels = labels

    def _table(self) -> Leaderboard:
        rows = zip(self.labels, self.correlation.tolist(), strict=True)
        return Leaderboard(
            [{"residual correlation": label, **dict(zip(self.labels, row, strict=True))} for label, row in rows]
        )

    def __repr__(self) -> str:
        return f"{super().__repr__()}\n\n{self._table()!r}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + self._table()._repr_html_()


def diagnose(
    ensemble: Predicting,
    record: FitRecord,
    leaderboard: Leaderboard,
    *,
    blender: Blender,
    features: FloatArray | None,
    scoring: Scoring,
    class_weight: ClassWeight | None = None,
) -> Diagnosis:
    """Return the diagnosis of a fitted ensemble.

    Parameters
    ----------
    ensemble : Predicting
    record : FitRecord
    leaderboard : Leaderboard
        The ensemble's.
    blender : Blender
        Not fitted: the one that the ensemble was fitted with.
    features : array of shape (n_rows, n_features) or None
        Only for a blender with ``passthrough``.
    scoring : Scoring
    class_weight : "balanced", dict of code to float or None
        With which the blender learned.
    """
    metric = scoring.metric
    if metric.name != record.metric:
        raise ParameterError(
            f"the ensemble was scored with the metric {record.metric!r}, and metric is now {metric.name!r}; "
            "set it back with set_params(metric=...), since a bundle cannot hold a function, or call reblend"
        )
    out_of_fold, task, labels = ensemble._oof, ensemble._task, list(ensemble.members_)
    oof = out_of_fold.to_blend(task, record.seed, features, metric)
    # Rows without weight teach nothing.
    known = np.flatnonzero(out_of_fold.coverage & (out_of_fold.weights > 0))
    learned = oof.rows(known)
    groups = None if out_of_fold.plan.groups is None else out_of_fold.plan.groups[known]
    intervals = _weight_intervals(ensemble.blender_, with_class_weights(learned, class_weight), groups)
    losses = _without(out_of_fold, blender, oof, scoring)
    sizes = [_size(member) for member in ensemble.members_.values()]
    extra = dict(zip(labels, zip(intervals, losses, sizes, strict=True), strict=True))
    first, *rows = leaderboard
    board = [_extended(first, (None, None), None, sum(sizes))]
    board += [_extended(row, *extra.get(row["member"], ((None, None), None, None))) for row in rows]
    correlation = residual_correlation(learned.predictions, learned.y, task, learned.sample_weight)
    return Diagnosis(board, correlation, labels, leaderboard.notes)


def _extended(row: dict[str, Any], interval: tuple[Any, Any], loss: float | None, size: int | None) -> dict[str, Any]:
    items = list(row.items())
    place = list(row).index("weight")
    weight = [("weight_low", interval[0]), ("weight_high", interval[1])]
    return dict([*items[:place], ("loses_without", loss), items[place], *weight, *items[place + 1 :], ("bytes", size)])


def _weight_intervals(blender: Blender, oof: OOF, groups: NDArray[Any] | None) -> list[tuple[Any, Any]]:
    """Return the 5 % and 95 % points of every member's weight over bootstrap samples."""
    fitted = getattr(blender, "weights_", None)
    n_members = oof.predictions.shape[1]
    if fitted is None:
        return [(None, None)] * n_members
    parts = list(zip(blender.of_each_target(), outputs(oof), strict=True))
    units = np.arange(len(oof.y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    share = min(1.0, _MOST_ROWS / len(units))
    sampled = [
        np.mean([clone(part).fit(_resampled(one, index)).weights_ for part, one in parts], axis=0)
        for index in _bootstrap(units, share, oof.seed, _FEWER if oof.row_loss is None else _RESAMPLES)
    ]
    weights = np.asarray(fitted, dtype=np.float64).reshape(n_members, -1).mean(axis=1)
    # Fewer rows than there are vary more, by the root of the share (Bickel et al., 1997).
    root = np.sqrt(share)
    low, high = (1 - root) * weights + root * np.quantile(sampled, [_TAIL, 1 - _TAIL], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _bootstrap(units: IntArray, share: float, seed: int, samples: int) -> Iterator[IntArray]:
    """Yield samples of rows: of whole units, with replacement, a share of all units in each."""
    order = np.argsort(units, kind="stable")
    counts = np.bincount(units)
    starts = np.cumsum(counts) - counts
    rng = np.random.default_rng(seed)
    for _ in range(samples):
        drawn = rng.integers(len(counts), size=max(1, round(share * len(counts))))
        sizes = counts[drawn]
        first = np.repeat(starts[drawn] - (np.cumsum(sizes) - sizes), sizes)
        yield order[first + np.arange(sizes.sum())]


def _resampled(oof: OOF, index: IntArray) -> OOF:
    """Return rows of an OOF without folds; unlike for its ``rows``, they may repeat."""
    return replace(
        oof,
        predictions=oof.predictions[index],
        y=oof.y[index],
        sample_weight=None if oof.sample_weight is None else oof.sample_weight[index],
        X=None if oof.X is None else oof.X[index],
    )


def _without(out_of_fold: OutOfFold, blender: Blender, oof: OOF, scoring: Scoring) -> list[float | None]:
    """Return how much worse the cross-validated blend is without each member; the learners stay as they are."""
    n_members = oof.predictions.shape[1]
    unknown: list[float | None] = [None] * n_members
    if n_members == 1 or not out_of_fold.scored.any():
        return unknown
    try:
        blender.check(oof.task, n_members - 1)
    except ParameterError:  # such as weights that are given for all members
        return unknown
    score = scoring.metric.score
    full = score(scoring.value(out_of_fold.blend))
    losses: list[float | None] = []
    for member in range(n_members):
        fewer = replace(oof, predictions=np.delete(oof.predictions, member, axis=1))
        loss = full - score(scoring.value(fit_blend(blender, fewer, out_of_fold.plan).prediction))
        losses.append(loss if abs(loss) > _ROUNDING * abs(full) else 0.0)
    return losses


def _size(member: FittedMember) -> int:
    """Return the bytes of a member's files in a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        for number, model in enumerate(member.models):
            place = Path(folder, str(number))
            place.mkdir()
            model.save(place)
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def residual_correlation(
    predictions: FloatArray, y: NDArray[Any], task: Task, sample_weight: FloatArray | None = None
) -> FloatArray:
    """Return how alike the members' errors are.

    A residual is the target minus the prediction, or one minus the probability of the true
    class. Several targets count together, each in units of its standard deviation.

    Parameters
    ----------
    predictions : array of shape (n_rows, n_members[, n_classes | n_outputs])
    y : array of shape (n_rows,) or (n_rows, n_outputs)
    task : Task
    sample_weight : array of shape (n_rows,), default=None

    Returns
    -------
    array of shape (n_members, n_members)
        Pearson correlations. A member with constant residuals has 0 with all others.

    Examples
    --------
    >>> import numpy as np
    >>> from byoe.scoring._diagnosis import residual_correlation
    >>> from byoe.plugins import Task
    >>> residual_correlation(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2), Task("regression"))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    n_rows, n_members = predictions.shape[:2]
    weight = np.ones(n_rows) if sample_weight is None else sample_weight
    if task.is_classification and not task.is_multilabel:
        residuals = 1 - predictions[np.arange(n_rows), :, y]
    elif task.n_outputs > 1:
        scale = np.std(y, axis=0)
        errors = (y[:, None] - predictions) / np.where(scale > 0, scale, 1.0)
        residuals = errors.swapaxes(1, 2).reshape(-1, n_members)
        weight = np.repeat(weight, task.n_outputs)
    else:
        residuals = y[:, None] - predictions
    centred = residuals - np.average(residuals, axis=0, weights=weight)
    deviation = np.sqrt(np.average(centred**2, axis=0, weights=weight))
    varies = deviation > 1e-12 * np.abs(residuals).max(axis=0)
    units = centred / np.where(varies, deviation, 1.0) * varies
    correlation = np.clip((units * weight[:, None]).T @ units / weight.sum(), -1.0, 1.0)
    correlation = (correlation + correlation.T) / 2
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation, dtype=np.float64)
