"""The target of a classification: labels of one type, each a class."""

from __future__ import annotations

from collections import Counter
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..errors import InputError

_ONE_EACH = (
    "EnsembleClassifier predicts one class for each row. Fit one for each column: "
    "sklearn.multioutput.MultiOutputClassifier(EnsembleClassifier(…)), or ClassifierChain, where each column knows "
    "those before it"
)


def one_target(y: Any) -> Any:
    """Return a target of one column, or raise for one that holds several labels for each row."""
    if issparse(y):
        raise InputError(f"the target is a sparse matrix of shape {y.shape}, several labels for each row. {_ONE_EACH}")
    try:
        # pandas' own whole numbers and booleans are whole numbers and booleans, where none is missing.
        if type(y).__module__.partition(".")[0] == "pandas":
            values: Any = np.asarray(y.to_numpy())
        else:
            values = y if hasattr(y, "shape") else np.asarray(y)
    except ValueError as error:
        raise InputError(
            f"the target holds lists of different lengths, several labels for each row. {_ONE_EACH}"
        ) from error
    if len(values.shape) != 2 or values.shape[1] < 2:
        return y if len(values.shape) == 2 else values
    cells = np.asarray(values)
    indicator = cells.dtype.kind in "biuf" and bool(np.isin(cells, (0, 1)).all())
    what = "labels as columns of 0 and 1 (multilabel)" if indicator else "targets at once (multi-output)"
    raise InputError(f"y has the shape {values.shape}: {values.shape[1]} {what}. {_ONE_EACH}")


def as_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Return the labels of all rows in one type that sorts: booleans, numbers without fractions, or texts.

    Raises
    ------
    InputError
        For fractions, types that do not compare, and those that files cannot hold.
    """
    y = _of_one_type(y) if y.dtype.kind == "O" else y
    kind = y.dtype.kind
    if kind == "f":
        if np.isinf(y).any():
            raise InputError("Input y contains infinity: a class is a text, a whole number or a boolean")
        broken = y[y != np.floor(y)]
        if len(broken):
            raise InputError(
                f"Unknown label type: continuous. The target holds fractions, such as {float(broken[0])!r}: use "
                "EnsembleRegressor to predict numbers, or make classes of them (numpy.digitize)"
            )
    elif kind == "S":
        raise InputError("the labels are bytes; make them texts: numpy.char.decode(y)")
    elif kind not in "biuUOT":
        raise InputError(
            f"Unknown label type: {y.dtype}. A class is a text, a whole number or a boolean; for dates use "
            "their text, or EnsembleRegressor on their number"
        )
    return y.astype(object) if kind == "T" else y


def _of_one_type(y: NDArray[Any]) -> NDArray[Any]:
    cells = y.tolist()
    kinds = Counter(map(_kind, cells))
    if set(kinds) == {"text"}:
        return y
    if set(kinds) == {"boolean"}:
        return y.astype(bool)
    if set(kinds) == {"whole number"}:
        if min(cells) < np.iinfo(np.int64).min or max(cells) > np.iinfo(np.int64).max:
            raise InputError("the labels are numbers beyond 64 bits; make them texts: y.astype(str)")
        return y.astype(np.int64)
    if set(kinds) <= {"whole number", "number"}:
        return y.astype(np.float64)
    if len(kinds) == 1:
        found = type(cells[0]).__name__
        if isinstance(cells[0], (list, set, frozenset)):
            raise InputError(f"the target holds a {found} for each row, several labels. {_ONE_EACH}")
        fix = "numpy.char.decode(y.astype(bytes))" if found == "bytes" else "y.astype(str)"
        raise InputError(
            f"Unknown label type: {found}. A class is a text, a whole number or a boolean; make the labels texts: {fix}"
        )
    counts = ", ".join(f"{kind} in {count} rows" for kind, count in kinds.most_common())
    raise InputError(
        f"Unknown label type: mixed. The target has labels of different types ({counts}), which have no order; make "
        "all of them texts or all of them numbers"
    )


def _kind(label: Any) -> str:
    for kinds, name in (
        (str, "text"),
        ((bool, np.bool_), "boolean"),
        (Integral, "whole number"),
        (Real, "number"),
    ):
        if isinstance(label, kinds):
            return name
    return type(label).__name__
