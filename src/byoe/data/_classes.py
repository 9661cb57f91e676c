"""The target of a classification: labels of one type, each a class."""

from __future__ import annotations

from collections import Counter
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..errors import InputError
from ._containers import as_array

_ONE_EACH = (
    "EnsembleClassifier predicts one class for each row, or labels of which a row may have several, as columns of 0 "
    "and 1 (sklearn.preprocessing.MultiLabelBinarizer makes these). For several columns of classes fit one for each: "
    "sklearn.multioutput.MultiOutputClassifier(EnsembleClassifier(…)), or ClassifierChain, where each column knows "
    "those before it"
)


def target_of_classes(y: Any) -> Any:
    """Return a target of one column, or of several labels as a matrix; raise for several columns of classes."""
    if issparse(y):
        y = y.toarray()
    # pandas' own whole numbers and booleans are whole numbers and booleans, where none is missing.
    of_pandas = type(y).__module__.partition(".")[0] == "pandas"
    try:
        values: Any = np.asarray(y.to_numpy()) if of_pandas else as_array(y, "y")
    except InputError as error:
        raise InputError(
            f"the target holds lists of different lengths, several labels for each row. {_ONE_EACH}"
        ) from error
    if len(values.shape) != 2 or values.shape[1] < 2:
        return values
    if not _is_indicator(np.asarray(values)):
        raise InputError(
            f"y has the shape {values.shape}: {values.shape[1]} targets at once (multi-output). {_ONE_EACH}"
        )
    return values


def _is_indicator(cells: NDArray[Any]) -> bool:
    try:
        numbers = cells.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return bool(((numbers == 0) | (numbers == 1) | np.isnan(numbers)).all())


def as_codes_of_labels(y: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return a matrix of 0 and 1 without holes as whole numbers, and what no and yes are in the user's type."""
    codes = y.astype(np.int64)
    same = np.flatnonzero(codes.min(axis=0) == codes.max(axis=0))
    if len(same):
        raise InputError(
            f"label {same[0]} is in {'every' if codes[0, same[0]] else 'no'} row: there is nothing to learn of it; "
            "leave its column out of the target"
        )
    return codes, np.array([0, 1]).astype(y.dtype if y.dtype.kind in "biuf" else np.int64)


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
