"""The input, validated and described once."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_array, column_or_1d, validate_data

from ..contracts._task import FloatArray, Task
from ..errors import InputError
from ..tools._labels import codes_of, shown
from ._cells import is_missing
from ._classes import as_codes_of_labels, as_labels, target_of_classes
from ._column import Column
from ._containers import as_array, as_column, as_table
from ._form import TableForm
from ._inferred import Inferred, inferred
from ._names_kept import labels_of, names_to_compare
from ._numbers import CellError, chosen_categories, dated, describe, encode, raw_columns
from ._shown import shown_array
from ._table import Table, in_form, told_too_large, too_large


def learn_table(X: Any, categorical: Any = "auto", owner: str = "Ensemble") -> tuple[TableForm, Table]:
    """Validate the features of a fit, and describe them.

    Parameters
    ----------
    X : array-like, frame or sparse matrix of shape (n_rows, n_features)
    categorical : "auto" or list of column names or positions
        Columns to treat as categories beside those of texts and categories.
    owner : str
        Who is told of in messages.

    Raises
    ------
    InputError
        Says what is wrong with the table.
    """
    return infer_table(X, categorical, owner)[:2]


def infer_table(X: Any, categorical: Any = "auto", owner: str = "Ensemble") -> tuple[TableForm, Table, Inferred]:
    """Do what `learn_table` does, and tell what was inferred of the columns."""
    X = as_table(X)
    numbers, raw, checker = _validated(X, None, owner)
    n_features = int(checker.n_features_in_)
    names = getattr(checker, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    labels = labels_of(raw) or names
    chosen = chosen_categories(categorical, labels, n_features)
    if chosen and raw is None:
        raw = _numbers_as_columns(numbers)
    columns = describe(raw, chosen) if raw is not None else (Column("number"),) * n_features
    dtypes = ("float64",) * n_features if numbers is not None else _dtypes(raw, columns)
    form = TableForm(columns, dtypes, names, bool(issparse(X)), labels)
    table = _table(X, numbers, raw, form, single=set(dtypes) == {"Float32"})
    return form, table, inferred(form, table, raw, chosen)


def read_table(X: Any, form: TableForm, owner: str = "Ensemble") -> Table:
    """Validate the features of rows to predict, which must be of the form of those of the fit.

    Raises
    ------
    InputError
        Says what is wrong with the table.
    """
    X = as_table(X)
    numbers, raw, _ = _validated(X, form, owner)
    if raw is None and any(column.kind == "category" for column in form.columns):
        raw = _numbers_as_columns(numbers)
    return _table(X, numbers, raw, form)


def _table(X: Any, numbers: Any, raw: Any, form: TableForm, *, single: bool = False) -> Table:
    if raw is None:
        values = in_form(numbers, sparse=form.sparse)
        _check_sizes(values, form)
        return Table(values, values, form.columns, form.labels)
    try:
        kind = np.dtype(np.float32 if single else np.float64)
        values = shown_array(X, form.columns, kind)
        if values is None:
            values = encode(raw, form.columns, form.dtypes, kind)
        values = check_array(values, dtype=kind, order="C", ensure_all_finite=False)
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(str(error)) from error
    if form.sparse:  # all its columns are numbers
        values = in_form(values, sparse=True)
        _check_sizes(values, form)
        return Table(values, values, form.columns, form.labels)
    _check_sizes(values, form)
    plain = isinstance(X, (list, tuple, np.ndarray))
    if plain and all(column.kind == "number" and not column.was_text for column in form.columns):
        return Table(values, values, form.columns, form.labels)
    return Table(values, np.array(X, dtype=object) if plain else X, form.columns, form.labels)


def _check_sizes(values: Any, form: TableForm) -> None:
    """Refuse what is infinite, or too large for the float32 in which most learners keep their rows."""
    dense = isinstance(values, np.ndarray)
    found = too_large(values if dense else values.data[None, :])
    if found is None:
        return
    row, column = found
    if not dense:
        row, column = int(np.searchsorted(values.indptr, column, side="right")) - 1, int(values.indices[column])
    value = values[row, column]
    name = f"number {column}" if form.names is None else repr(form.names[column])
    what = "infinity" if np.isinf(value) else f"{value:g}, a value too large for float32"
    raise InputError(told_too_large(what, name, row))


def _validated(X: Any, form: TableForm | None, owner: str) -> tuple[Any, Any, Any]:
    """Return the table as numbers, or the cells of its columns where they are of any kind; and who knows their names.

    scikit-learn checks names and numbers of columns against an estimator, whose class its messages name.
    """
    if hasattr(X, "iloc"):
        _check_names(list(X.columns))
    checker = _checker(owner)()
    raw = None if issparse(X) else raw_columns(X)
    if raw is not None and not raw:
        raise InputError(f"X has no columns: 0 feature(s) (shape={tuple(X.shape)}) while a minimum of 1 is required")
    if form is not None:
        checker.n_features_in_ = len(form)
        X, names = names_to_compare(X, raw, form)
        if names is not None:
            checker.feature_names_in_ = np.asarray(names, dtype=object)
    try:
        if raw is None:
            return _read_numbers(checker, X, form is None), None, checker
        validate_data(checker, X, skip_check_array=True, reset=form is None)
    except ValueError as error:
        raise InputError(str(error)) from error
    except TypeError as error:
        raise CellError(f"X holds what is no number: {error}") from error
    return None, raw, checker


@cache
def _checker(owner: str) -> type[Any]:
    return type(owner, (BaseEstimator,), {})


def _dtypes(raw: Any, columns: tuple[Column, ...]) -> tuple[str, ...]:
    """Return the type of every column, as its container calls it; of dates whether they are durations, and a zone."""
    return tuple(
        _dated_dtype(cells) if column.kind == "date" and not column.order else _dtype(cells)
        for (_, cells), column in zip(raw, columns, strict=True)
    )


def _dtype(cells: Any) -> str:
    if isinstance(cells, nw.Series) and cells.dtype in (nw.Categorical, nw.Enum):
        categories = getattr(getattr(cells.to_native(), "dtype", None), "categories", None)
        return f"Categorical({getattr(categories, 'dtype', 'String')})"  # other containers have texts only
    return str(cells.dtype)


def _dated_dtype(cells: Any) -> str:
    if isinstance(cells, nw.Series) and cells.dtype in (nw.Datetime, nw.Date, nw.Duration):
        return str(cells.dtype)
    if dated(cells) == "duration":
        return "Duration(time_unit='us')"
    # narwhals does not know every zone of pandas.
    zone = getattr(getattr(cells.to_native(), "dtype", None), "tz", None) if isinstance(cells, nw.Series) else None
    return f"Datetime(time_unit='us', time_zone={None if zone is None else str(zone)!r})"


def describe_target(y: Any) -> dict[str, Any]:
    """Return the names and the type of a target, as its container calls them."""
    frame = nw.from_native(y, allow_series=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return {"names": list(map(str, frame.columns)), "dtype": str(next(iter(frame.schema.values())))}
    if isinstance(frame, nw.Series):
        return {"names": [str(frame.name)] if frame.name is not None else None, "dtype": str(frame.dtype)}
    return {"names": None, "dtype": str(np.asarray(y).dtype)}


def _read_numbers(estimator: Any, X: Any, reset: bool) -> Any:
    sparse = bool(issparse(X))  # of dense rows infinity is told of by column and row
    kinds: Any = [np.float64, np.float32] if reset and not sparse else np.float64
    values = validate_data(
        estimator, X, accept_sparse="csr", dtype=kinds, order="C", ensure_all_finite=sparse, reset=reset
    )
    return _canonical(values) if issparse(values) else values


def _canonical(values: Any) -> csr_matrix:
    """Return a CSR matrix that stores each cell once, in order, and no zeros; the user's stays as it is."""
    # Many estimators take no 64-bit indices.
    index = np.int32 if max(values.nnz, values.shape[1]) <= np.iinfo(np.int32).max else np.int64
    parts = values.data, values.indices.astype(index), values.indptr.astype(index)
    own = csr_matrix(parts, shape=values.shape)
    if not (own.has_canonical_format and values.data.all() and values.data.flags.writeable):
        own = own.copy()
        own.sum_duplicates()
        own.eliminate_zeros()
    return own


def _numbers_as_columns(values: Any) -> list[tuple[str, Any]]:
    if issparse(values):
        raise InputError("a sparse matrix holds numbers only; pass a frame for columns of categories")
    return [(f"number {i}", column) for i, column in enumerate(values.T)]


def _check_names(names: list[Any]) -> None:
    if any(isinstance(name, tuple) for name in names):
        raise InputError("the columns have names of several levels (a MultiIndex); give each one name")
    kinds = sorted({"texts" if isinstance(name, str) else type(name).__name__ for name in names})
    if "texts" in kinds and len(kinds) > 1:
        raise InputError(
            f"the columns are called by {' and '.join(kinds)}; give them names of one kind: X.columns = "
            "X.columns.astype(str)"
        )
    twice = sorted(str(name) for name, times in Counter(names).items() if times > 1)
    if twice:
        raise InputError(f"several columns have the same name: {', '.join(twice[:5])}; rename them")


def read_weights(sample_weight: Any, table: Table) -> FloatArray | None:
    """Validate sample weights, of shape (n_rows,)."""
    if sample_weight is None:
        return None
    given = _as_weights(sample_weight)
    try:
        given = given if np.ndim(given) else np.full(len(table), given, dtype=np.float64)
        weights: FloatArray = _check_sample_weight(
            given, np.zeros((len(table), 1)), dtype=np.float64, ensure_non_negative=True
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"sample_weight: {error}") from error
    return weights


def _as_weights(given: Any) -> Any:
    """Return one number, or one array of them; what is no number is refused."""
    if isinstance(given, (bool, np.bool_, str)):
        raise InputError(f"sample_weight is {given!r}, expected a number for each row")
    if isinstance(given, (int, float, np.number)) or (isinstance(given, np.ndarray) and given.ndim == 0):
        return np.asarray(given).item()
    values = np.asarray(as_array(as_column(given, "sample_weight"), "sample_weight"))
    if values.dtype.kind in "mM":
        raise InputError(f"sample_weight holds values of type {values.dtype}, expected numbers")
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def read_target(
    y: Any, n_rows: int, sample_weight: FloatArray | None, *, classification: bool
) -> tuple[NDArray[Any], Task, NDArray[Any] | None]:
    """Validate the target.

    Returns
    -------
    y : array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or int64 codes of the classes; of several labels 1 where a row has a label.
    task : Task
    classes : array of shape (n_classes,) or None
        Of several labels what stands for no and for yes.
    """
    y = check_target(y, classification=classification)
    if len(y) != n_rows:
        raise InputError(f"X has {n_rows} rows and y has {len(y)} (inconsistent numbers of samples)")
    if classification and y.ndim == 2:
        codes, classes = as_codes_of_labels(y)
        return codes, Task("classification", 2, y.shape[1], classes=classes), classes
    if classification:
        classes, places = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"the target holds one class only ({shown(classes)}); a classifier needs two")
        if sample_weight is not None and len(np.unique(places[sample_weight > 0])) < 2:
            raise InputError("the rows with a positive sample_weight hold one class only; a classifier needs two")
        return places.astype(np.int64), Task("classification", len(classes), classes=classes), classes
    return y, Task("regression", n_outputs=1 if y.ndim == 1 else y.shape[1]), None


def read_known_target(y: Any, n_rows: int, task: Task) -> NDArray[Any]:
    """Validate the target of rows that a fitted ensemble is to be scored on.

    Returns
    -------
    array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or int64 codes of the classes that were fitted.
    """
    y = check_target(y, classification=task.is_classification)
    if len(y) != n_rows:
        raise InputError(f"X has {n_rows} rows and y has {len(y)} (inconsistent numbers of samples)")
    width = 1 if y.ndim == 1 else y.shape[1]
    if width != task.n_outputs:
        raise InputError(f"y has {width} columns, and the ensemble was fitted on {task.n_outputs}")
    if task.classes is None:
        return np.asarray(y)
    codes = codes_of(y.ravel().tolist(), task.classes)
    unknown = sorted({str(label) for label, code in zip(y.ravel().tolist(), codes, strict=True) if code is None})
    if unknown:
        raise InputError(f"y holds {shown(unknown)}, and the classes are {shown(task.classes)}")
    return np.asarray(codes, dtype=np.int64).reshape(y.shape)


def _check_not_dated(y: Any) -> None:
    """Refuse dates and durations, whose numbers are seconds or nanoseconds as their type has it."""
    frame = nw.from_native(y, eager_only=True, allow_series=True, pass_through=True)
    columns = list(frame.iter_columns()) if isinstance(frame, nw.DataFrame) else [frame]
    for cells in columns:
        if isinstance(cells, nw.Series) and cells.dtype in (nw.Categorical, nw.Enum):  # which may be of dates
            cells = np.array(cells.to_list(), dtype=object)
        elif not isinstance(cells, nw.Series):
            cells = np.asarray(cells)
            cells = cells if cells.dtype.kind in "MmO" else np.zeros(0)
        try:
            kind = dated(cells.ravel() if isinstance(cells, np.ndarray) else cells)
        except ValueError as error:
            raise InputError(f"the target {error}") from error
        if kind is not None:
            raise InputError(
                f"the target holds {kind}s; turn them into numbers of a unit that you choose, such as days since a "
                "date: for pandas (y - start) / pd.Timedelta('1D')"
            )


def check_target(y: Any, *, classification: bool) -> NDArray[Any]:
    """Return the target as an array without holes; of float64 for regression."""
    y = as_column(y, "y")
    if classification:
        y = target_of_classes(y)
    else:
        y = as_array(y, "y")
        _check_not_dated(y)
    several = len(y.shape) == 2 and y.shape[1] > 1
    try:
        y = np.asarray(y) if several else column_or_1d(y, warn=True)
    except ValueError as error:
        raise InputError(f"the target cannot be read: {error} A value for each row is expected") from error
    if y.dtype.kind in "biuf":
        holes = np.isnan(y)
    else:
        cells = y.astype(object)
        holes = np.array([is_missing(value) for value in cells.ravel().tolist()]).reshape(cells.shape)
    holes = holes if y.ndim == 1 else holes.any(axis=1)
    missing = np.flatnonzero(holes)
    if len(missing):
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise InputError(
            f"Input y contains NaN: the target is missing in {len(missing)} of {len(y)} rows (rows {shown}). "
            "Drop these rows; byoe never guesses a target"
        )
    if classification and several:
        return np.asarray(y)
    if classification:
        return as_labels(np.asarray(y))
    return _target_of_numbers(y)


def _target_of_numbers(y: NDArray[Any]) -> FloatArray:
    try:
        values = np.asarray(y, dtype=np.float64)
    except OverflowError as error:
        raise InputError(f"the target holds a number beyond those of float64 ({error}); scale it") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"the target is not numeric ({error}); use EnsembleClassifier to predict classes") from error
    if np.isnan(values).any():  # of texts
        raise InputError("Input y contains NaN, as a text; drop these rows: byoe never guesses a target")
    if not np.isfinite(values).all():
        raise InputError("Input y contains infinity: the target must be finite in every row")
    return values
