"""The input, validated and described once; every task takes rows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from ._contracts import FloatArray, Task
from .errors import InputError


@dataclass(frozen=True)
class Table:
    """The features of a data set.

    Attributes
    ----------
    values : array of shape (n_rows, n_features), float64
        NaN marks a missing value.
    native : frame or array
        What the user passed, for learners that want frames.
    """

    values: FloatArray
    native: Any

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: Any, *, frames: bool) -> Any:
        """Return some rows, as an array or in the user's container."""
        if frames and self.native is not self.values:
            return _safe_indexing(self.native, index)
        return self.values[index]

    def all(self, *, frames: bool) -> Any:
        """Return all rows, as an array or in the user's container."""
        return self.native if frames else self.values


def read_table(estimator: Any, X: Any, *, reset: bool) -> Table:
    """Validate features; with ``reset`` remember their names and number on the estimator."""
    if hasattr(X, "iloc"):
        _check_names(list(X.columns))
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        _check_numeric(
            [(name, str(dtype)) for name, dtype in frame.schema.items() if not _is_number(dtype, frame[name])], reset
        )
    elif isinstance(X, (list, np.ndarray)) and np.asarray(X).ndim == 2 and np.asarray(X).dtype.kind in "OUS":
        columns = np.asarray(X, dtype=object).T
        _check_numeric([(f"number {i}", "text") for i, column in enumerate(columns) if _has_text(column)], reset)
    try:
        values = validate_data(estimator, X, dtype=np.float64, order="C", ensure_all_finite="allow-nan", reset=reset)
    except ValueError as error:
        raise InputError(str(error)) from error
    native = X if isinstance(frame, nw.DataFrame) else values
    return Table(values, native)


def _check_names(names: list[Any]) -> None:
    if any(isinstance(name, tuple) for name in names):
        raise InputError("the columns have names of several levels (a MultiIndex); give each one name")
    if len(set(names)) < len(names):
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        raise InputError(f"several columns have the same name: {', '.join(twice[:5])}; rename them")


def _is_number(dtype: Any, column: Any) -> bool:
    if dtype == nw.Object:  # numbers that pandas holds as Python objects
        return not _has_text(column.to_numpy())
    return bool(dtype.is_numeric() or dtype == nw.Boolean)


def _has_text(values: Any) -> bool:
    try:
        np.asarray(values, dtype=np.float64)
    except ValueError:
        return True
    except TypeError:  # neither text nor a number: scikit-learn says what it is
        return False
    return False


def _check_numeric(wrong: list[tuple[str, str]], reset: bool) -> None:
    if not wrong:
        return
    names = ", ".join(f"{name!r} ({dtype})" for name, dtype in wrong[:5]) + (", …" if len(wrong) > 5 else "")
    if reset:
        raise InputError(
            f"these columns are not numeric: {names}. Encode them as numbers or drop them; a missing cell is NaN"
        )
    raise InputError(
        f"these columns were numeric when the ensemble was fitted and are not now: {names}. "
        "Convert them to numbers, as they were in training"
    )


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ == "NAType":
        return True
    return bool(value != value)


def read_weights(sample_weight: Any, table: Table) -> FloatArray | None:
    """Validate sample weights, of shape (n_rows,)."""
    if sample_weight is None:
        return None
    try:
        weights: FloatArray = _check_sample_weight(
            sample_weight, table.values, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        raise InputError(f"sample_weight: {error}") from error
    return weights


def read_target(y: Any, *, classification: bool) -> tuple[NDArray[Any], Task, NDArray[Any] | None]:
    """Validate the target.

    Returns
    -------
    y : array of shape (n_rows,)
        float64, or int64 codes of the classes.
    task : Task
    classes : array of shape (n_classes,) or None
    """
    y = check_target(y, classification=classification)
    if classification:
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"the target holds one class only ({classes[0]!r}); a classifier needs two")
        return codes.astype(np.int64), Task("classification", len(classes)), classes
    return y, Task("regression"), None


def check_target(y: Any, *, classification: bool) -> NDArray[Any]:
    """Return the target as an array without holes; of float64 for regression."""
    y = column_or_1d(y, warn=True)
    missing = np.flatnonzero([_is_missing(value) for value in y.tolist()])
    if len(missing):
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise InputError(
            f"Input y contains NaN: the target is missing in {len(missing)} of {len(y)} rows (rows {shown}). "
            "Drop these rows; byoe never guesses a target"
        )
    if classification:
        check_classification_targets(y)
        return np.asarray(y)
    try:
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"the target is not numeric ({error}); use EnsembleClassifier to predict classes") from error
    if not np.isfinite(values).all():
        raise InputError("Input y contains infinity: the target must be finite in every row")
    return values
