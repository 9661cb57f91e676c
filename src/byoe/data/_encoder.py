"""Numbers for learners that take no categories, no missing cells, or want scaled columns.

All of it is learned from the training rows of a fold: medians, scales, and the target
statistics of categories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import MOST_ONE_HOT, Learner
from ..contracts._task import FloatArray, IntArray, Task
from ._table import Table

Folds = Sequence[tuple[IntArray, IntArray]]


def needs_encoding(learner: Learner, table: Table) -> bool:
    """Say whether a learner is given encoded rows of this table."""
    shapes = [(levels, len(table)) for levels in table.categorical.values()]
    categories = any(not learner.takes_category(*shape) or learner.takes_means(*shape) for shape in shapes)
    if learner.frames:  # an estimator of the user's sees the data as they are, if it can take them
        no_numbers = categories or any(column.kind == "date" or column.was_text for column in table.columns)
        return learner.encoded and (no_numbers or (table.holes and not learner.missing))
    return categories or not learner.missing or learner.scaled


def one_hot_codes(learner: Learner, table: Table) -> dict[int, IntArray]:
    """Return the values that get a column of 0 and 1 each, by feature: of small categories, and of seasons.

    Seasons do so for learners that want scaled columns, to which twelve months are no straight line.
    """
    codes = {
        i: np.arange(levels)
        for i, levels in table.feature_categories.items()
        if levels <= MOST_ONE_HOT and not learner.takes_category(levels, len(table))
    }
    return {**codes, **table.seasons} if learner.scaled else codes


@dataclass(frozen=True)
class Encoder:
    """Turns rows of a table into numbers for one model.

    A category with at most 16 values becomes a column of 0 and 1 for each, and one for
    missing cells if the training rows have some. One with more values becomes the mean
    target of its value, shrunk towards the mean of all (Micci-Barreca, 2001); a column for
    each class where there are more than two. Its code follows where the learner takes both. For a
    learner that wants scaled columns, months, weekdays and hours become columns of 0 and 1, too.

    Attributes
    ----------
    fill : array of shape (n_features,)
        What a missing number becomes: the median, or NaN to leave it.
    one_hot : dict of column to codes that have a column of their own
        Code -1 stands for a missing cell.
    means : dict of column to array of shape (n_codes + 2, n_targets)
        Mean target by code; the last two rows are for unknown codes and missing cells.
    coded : set of columns
        Those of ``means`` whose codes follow.
    center, scale : array of shape (n_encoded,)
    """

    fill: FloatArray
    one_hot: Mapping[int, IntArray]
    means: Mapping[int, FloatArray]
    center: FloatArray
    scale: FloatArray
    coded: frozenset[int] = frozenset()

    @property
    def sources(self) -> IntArray:
        """The feature that each encoded column comes from, of shape (n_encoded,)."""
        widths = [self._width(i) for i in range(len(self.fill))]
        return np.repeat(np.arange(len(widths)), widths)

    def _width(self, i: int) -> int:
        if i in self.one_hot:
            return len(self.one_hot[i])
        return self.means[i].shape[1] + (i in self.coded) if i in self.means else 1

    def codes(self, categorical: Mapping[int, int]) -> dict[int, int]:
        """Return where the columns of categories that are left as codes have gone."""
        places = {int(source): place for place, source in enumerate(self.sources)}
        encoded = self.one_hot.keys() | self.means.keys() - self.coded
        return {places[i]: n for i, n in categorical.items() if i not in encoded}

    def transform(self, X: Any, means: Mapping[int, FloatArray] | None = None) -> Any:
        """Encode rows of shape (n_rows, n_features).

        ``means`` replaces the encoded columns of target means, for the rows of the fit.
        """
        return self._scaled(self._numbers(X, means or {}))

    def _numbers(self, X: Any, means: Mapping[int, FloatArray]) -> Any:
        if not isinstance(X, np.ndarray):  # a sparse matrix, of numbers without missing cells
            return X
        if not self.one_hot and not self.means:
            return np.where(np.isnan(X), self.fill, X)
        return np.hstack([self._column(i, column, means) for i, column in enumerate(X.T)])

    def _scaled(self, encoded: Any) -> Any:
        if not isinstance(encoded, np.ndarray):
            return encoded if (self.scale == 1.0).all() else encoded.multiply(1.0 / self.scale).tocsr()
        encoded -= self.center
        encoded /= self.scale
        return encoded

    def _column(self, i: int, column: FloatArray, means: Mapping[int, FloatArray]) -> FloatArray:
        if i in self.one_hot:
            codes = np.where(np.isnan(column), -1, column)
            return np.asarray(codes[:, None] == self.one_hot[i], dtype=np.float64)
        value = np.where(np.isnan(column), self.fill[i], column)[:, None]
        if i not in self.means:
            return value
        own = means[i] if i in means else self.means[i][_places(column, len(self.means[i]) - 2)]
        return np.hstack([own, value]) if i in self.coded else own

    def state(self) -> dict[str, Any]:
        """Return the encoder as plain JSON values."""
        return {
            "fill": [None if np.isnan(value) else value for value in self.fill.tolist()],
            "one_hot": {str(i): codes.tolist() for i, codes in self.one_hot.items()},
            "means": {str(i): means.tolist() for i, means in self.means.items()},
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "coded": sorted(self.coded),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Encoder:
        """Take back what ``state`` returned."""
        return cls(
            np.array([np.nan if value is None else value for value in state["fill"]]),
            {int(i): np.array(codes, dtype=np.int64) for i, codes in state["one_hot"].items()},
            {int(i): np.array(means, dtype=np.float64) for i, means in state["means"].items()},
            np.array(state["center"], dtype=np.float64),
            np.array(state["scale"], dtype=np.float64),
            frozenset(state.get("coded", ())),  # of bundles before there were any
        )


def fit_encoder(
    learner: Learner,
    X: Any,
    y: NDArray[Any],
    *,
    task: Task,
    sample_weight: FloatArray | None,
    table: Table,
    folds: Callable[[], Folds],
) -> tuple[Encoder, Any]:
    """Learn an encoder from training rows, and encode these.

    Parameters
    ----------
    learner : Learner
        What it declares says what is encoded.
    X : array of shape (n_rows, n_features)
    y : array of shape (n_rows,) or (n_rows, n_outputs)
    task : Task
    sample_weight : array of shape (n_rows,) or None
        For the scale; medians and target means count every row once.
    table : Table
        Of all rows: which features are categories and seasons.
    folds : function that returns a sequence of (train, test) pairs
        Asked for only where there are target means. The training rows get the mean target of
        their category from other rows than themselves (as in CatBoost and scikit-learn's
        ``TargetEncoder``); a row that these folds do not test gets the mean of all.

    Returns
    -------
    encoder : Encoder
    encoded : array of shape (n_rows, n_encoded)
    """
    n_features = X.shape[1]
    fill = np.full(n_features, np.nan)
    if not learner.missing and isinstance(X, np.ndarray):
        fill = _medians(X)
    one_hot, means, held_out, coded = {}, {}, {}, set()
    for i, codes in one_hot_codes(learner, table).items():
        one_hot[i] = np.r_[codes, -1] if not len(codes) or np.isnan(X[:, i]).any() else codes
    for i, levels in table.feature_categories.items():
        if learner.takes_category(levels, len(table)):
            fill[i] = np.nan if learner.missing else levels
            if not learner.takes_means(levels, len(table)):
                continue
            coded.add(i)
        if i not in one_hot:
            means[i], held_out[i] = _target_means(X[:, i], y, task, levels, folds())
    plain = Encoder(fill, one_hot, means, np.zeros(1), np.ones(1), frozenset(coded))
    encoded = plain._numbers(X, held_out)
    width = encoded.shape[1]
    if not learner.scaled:
        return replace(plain, center=np.zeros(width), scale=np.ones(width)), encoded
    center, scale = _standard(encoded, sample_weight)
    # Columns of 0 and 1 have a scale already.
    numbers = ~np.isin(plain.sources, list(one_hot))
    encoder = replace(plain, center=np.where(numbers, center, 0.0), scale=np.where(numbers, scale, 1.0))
    return encoder, encoder._scaled(encoded)


def _medians(X: FloatArray) -> FloatArray:
    known = ~np.isnan(X)
    if known.all():
        return np.median(X, axis=0)
    empty = ~known.any(axis=0)
    medians = np.zeros(X.shape[1])
    medians[~empty] = np.nanmedian(X[:, ~empty], axis=0)
    return medians


def _standard(encoded: Any, sample_weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    from sklearn.preprocessing import StandardScaler

    with np.errstate(invalid="ignore"):  # with weights the variance of a constant may come out below zero
        scaler = StandardScaler(with_mean=isinstance(encoded, np.ndarray)).fit(encoded, sample_weight=sample_weight)
    center = np.zeros(encoded.shape[1]) if scaler.mean_ is None or not scaler.with_mean else scaler.mean_
    return center, scaler.scale_


def _target_means(
    column: FloatArray, y: NDArray[Any], task: Task, levels: int, folds: Folds
) -> tuple[FloatArray, FloatArray]:
    """Return the mean target by code, and of each training row by other rows than itself."""
    places = _places(column, levels)
    targets = _targets(y, task)
    means = _shrunk(places, targets, levels)
    held_out = np.broadcast_to(targets.mean(axis=0), targets.shape).copy()
    for train, test in folds:
        held_out[test] = _shrunk(places[train], targets[train], levels)[places[test]]
    return means, held_out


def _targets(y: NDArray[Any], task: Task) -> FloatArray:
    if not task.is_classification or task.is_multilabel:
        return np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    if task.n_classes == 2:
        return np.asarray(y == 1, dtype=np.float64)[:, None]
    return np.asarray(y[:, None] == np.arange(task.n_classes), dtype=np.float64)


def _shrunk(places: IntArray, targets: FloatArray, levels: int) -> FloatArray:
    from sklearn.preprocessing import TargetEncoder

    n_places = levels + 2
    columns = []
    for target in targets.T:
        mean = float(target.mean())
        column = np.full(n_places, mean)
        if np.ptp(target) > 0:
            encoder = TargetEncoder(target_type="continuous").fit(places[:, None], target)
            column[encoder.categories_[0]] = encoder.encodings_[0]
        columns.append(column)
    return np.column_stack(columns)


def _places(column: FloatArray, levels: int) -> IntArray:
    """Return codes as row numbers of a table of means: unknown ones and missing cells come last."""
    return np.where(np.isnan(column), levels + 1, np.minimum(column, levels)).astype(np.int64)
