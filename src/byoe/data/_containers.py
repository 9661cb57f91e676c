"""What features, targets and weights may come in, made one of the few kinds that the rest reads, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MappingView, Sequence, Set
from numbers import Number
from pathlib import PurePath
from types import ModuleType
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, need

_EXPECTED = "a frame, an array of two dimensions or a list of rows is expected"


def as_table(X: Any) -> Any:
    """Return features as a frame, an array, a list of rows or a sparse matrix.

    A masked cell is a missing one. Dicts of columns, lists of dicts and structured arrays become frames of pandas.

    Raises
    ------
    InputError
        Says what came, what is expected and what to do.
    """
    if isinstance(X, np.ndarray):
        return _of_array(X)
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # a matrix by keys is one, too
        return _of_columns(X)
    if isinstance(X, (list, tuple)):
        return _of_rows(X)
    if _is_of(X, "pyarrow", "RecordBatch"):
        import pyarrow as pa

        return pa.Table.from_batches([X])
    refused = _why_no_table(X)
    if refused is not None:
        raise InputError(f"X is {refused}; {_EXPECTED}")
    return X


def rows_of(X: Any, index: Any) -> Any:
    """Return some rows of what ``as_table`` returns, by their positions, in a container of the same kind."""
    if isinstance(X, (list, tuple)):
        return [X[place] for place in index]
    if hasattr(X, "iloc"):
        return X.iloc[index]
    if isinstance(X, np.ndarray):
        return X[index]
    if hasattr(X, "tocsr"):
        return X.tocsr()[index]
    return nw.from_native(X, eager_only=True)[index].to_native()


def as_column(values: Any, what: str) -> Any:
    """Return a target, weights or groups as what NumPy reads: a masked entry is NaN or None, a frame of one column it.

    Raises
    ------
    InputError
        Says what came, what is expected and what to do.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.names is not None:
            if len(values.dtype.names) > 1:
                raise InputError(f"{what} is a structured array of {len(values.dtype.names)} fields; pass one of them")
            values = values[values.dtype.names[0]]
        return _unmasked(values)
    if isinstance(values, Mapping):
        raise InputError(f"{what} is a dict; pass a list, an array or a series with an entry for each row")
    if _is_of(values, "pyarrow", "Array"):
        return values.to_numpy(zero_copy_only=False)
    refused = _why_not_here(values)
    if refused is not None:
        raise InputError(f"{what} is {refused}; a list, an array or a series with an entry for each row is expected")
    frame = nw.from_native(values, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(frame, nw.DataFrame) and len(frame.columns) == 1:
        frame = frame[frame.columns[0]]
        return frame.to_native() if hasattr(frame.to_native(), "iloc") else frame.to_numpy()
    return values


def as_array(values: Any, what: str) -> Any:
    """Return what ``as_column`` gave as an array; where it has one of its own kind, as that.

    NumPy would turn numbers and missing entries of a list into texts where one entry is a text, and booleans into
    numbers where one is a number: such a list is an array of objects.

    Raises
    ------
    InputError
        For lists of different lengths.
    """
    if hasattr(values, "shape"):
        return values
    try:
        if isinstance(values, Sequence):
            cells = np.array(values, dtype=object)
            kinds = {type(cell) for cell in cells.ravel().tolist()}
            if len(kinds) > 1 and not kinds <= {int, float}:
                return cells
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what} holds lists of different lengths; one entry for each row is expected") from error


def _unmasked(values: NDArray[Any]) -> NDArray[Any]:
    if not np.ma.isMaskedArray(values):
        return np.asarray(values)
    mask = np.ma.getmaskarray(values)
    data = np.asarray(values.data)
    if not mask.any():
        return data
    if data.dtype.kind in "biuf":
        return np.where(mask, np.nan, data.astype(np.float64))
    filled = data.astype(object)
    filled[mask] = None
    return filled


def _of_array(X: NDArray[Any]) -> Any:
    if X.dtype.names is not None:
        if X.ndim != 1:
            raise InputError(f"X is a structured array of {X.ndim} dimensions; one of shape (n_rows,) is expected")
        return _frame({name: _unmasked(X[name]) for name in X.dtype.names})
    if X.ndim > 2:
        raise InputError(
            f"X is an array of {X.ndim} dimensions, shape {X.shape}; make it two, as by X.reshape(len(X), -1)"
        )
    return _unmasked(X)


def _of_columns(X: Mapping[Any, Any]) -> Any:
    if not X:
        raise InputError(f"X is an empty dict; {_EXPECTED}")
    if all(isinstance(cell, (str, bytes)) or not hasattr(cell, "__len__") for cell in X.values()):
        raise InputError("X is a dict of a single row; put it into a list, as [X], for a table of one row")
    return _frame({name: _unmasked(cells) if isinstance(cells, np.ndarray) else cells for name, cells in X.items()})


def _of_rows(X: Sequence[Any]) -> Any:
    n_dicts = sum(isinstance(row, Mapping) for row in X)
    if n_dicts:
        if n_dicts < len(X):
            raise InputError("X is a list of which some rows are dicts and others are not; make all of them the same")
        return _frame(list(X))
    odd = next((number for number, row in enumerate(X) if not _is_row(row)), None)
    if odd is not None:
        raise InputError(
            f"row {odd} of X is of type {_told(X[odd])}; make it a list of cells, or a dict of them by column"
        )
    widths = [len(row) if isinstance(row, (list, tuple, np.ndarray)) else -1 for row in X]
    for number, width in enumerate(widths):
        if width != widths[0]:
            told = [f"{w} cells" if w >= 0 else "no list" for w in (widths[0], width)]
            raise InputError(f"the rows of X differ in length: row 0 has {told[0]}, row {number} has {told[1]}")
    return X


def _frame(cells: Any) -> Any:
    need("pandas", "data", "rows or columns in dicts")
    import pandas as pd

    try:
        return pd.DataFrame(cells)
    except (ValueError, TypeError) as error:
        raise InputError(f"X is no table: {error}; {_EXPECTED}") from error


def _why_no_table(X: Any) -> str | None:
    """Return what X is, and what to do about it, where it is no table."""
    refused = _why_not_here(X)
    if refused is not None:
        return refused
    if isinstance(nw.from_native(X, series_only=True, pass_through=True), nw.Series) or _is_of(X, "pyarrow", "Array"):
        example = "X.iloc[[0]] or row.to_frame().T" if hasattr(X, "iloc") else "frame[:1]"
        return f"a series ({_told(X)}): take a row as a frame by {example}, a column by X.to_frame() or frame[['name']]"
    if _is_of(X, "pandas", "Index"):
        return f"an index ({_told(X)}): pass its frame"
    if isinstance(X, (type, ModuleType)):
        return f"{X.__name__}, a {'class' if isinstance(X, type) else 'module'}"
    if isinstance(X, Set):
        return f"a {_told(X)}, whose rows have no order: pass a list of them"
    if isinstance(X, MappingView):
        return f"a {_told(X)}: pass list(…) of it"
    if not any(hasattr(X, name) for name in ("shape", "__array__", "__len__")):
        return f"of type {_told(X)}"
    return None


def _is_row(row: Any) -> bool:
    """Say whether NumPy may take something for a row, or for a cell of a list that has no rows."""
    return row is None or isinstance(row, (str, bytes, Number)) or hasattr(row, "__len__") or hasattr(row, "__array__")


def _why_not_here(values: Any) -> str | None:
    """Return what the values are, and what to do, where they are not in memory or not values at all."""
    if values is None:
        return "None"
    if isinstance(values, (str, bytes, PurePath)):
        return f"a text ({str(values)[:60]!r}): read a file first, as by pandas.read_csv or pandas.read_parquet"
    if isinstance(values, (bool, int, float, complex, np.generic)):
        return f"a single value ({values!r})"
    module = type(values).__module__
    if hasattr(values, "collect") and hasattr(values, "collect_schema"):
        return f"lazy ({_told(values)}): call .collect() first"
    if module.startswith("dask") and hasattr(values, "compute"):
        return f"lazy ({_told(values)}): call .compute() first"
    if ".groupby" in module or type(values).__name__.endswith("GroupBy"):
        return "the groups of a frame, not a frame: pass the frame, and its groups as groups="
    if isinstance(values, Iterator):
        return f"a {_told(values)}, which can be read once only: pass list(…) of it"
    return None


def _is_of(value: Any, package: str, name: str) -> bool:
    """Say whether a value is of a class of an optional package, or of one below it."""
    return any(kind.__name__ == name and kind.__module__.startswith(package) for kind in type(value).__mro__)


def _told(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}" if kind.__module__ != "builtins" else kind.__name__
