"""How a split plan is made, of ``cv`` and groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.validation import check_array

from ..contracts._task import FloatArray, IntArray, Task
from ..data._table import as_float64
from ..errors import InputError, ParameterError
from ..tools._warnings import warnings_filtered
from ._groups import groups_for, read_groups
from ._plan import SplitPlan, mask, repeats


def make_plan(cv: Any, values: FloatArray, y: NDArray[Any], groups: Any, task: Task, seed: int) -> SplitPlan:
    """Make and check the plan of a fit."""
    n_rows = len(y)
    groups = None if groups is None else read_groups(groups, n_rows)
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        splitter = _splitter(int(cv), n_rows, y, groups, task, seed)
        pairs = _split(splitter, values, y, groups)
    elif hasattr(cv, "split") and not isinstance(cv, (str, bytes)):
        pairs = _split(cv, values, y, groups)
    elif hasattr(cv, "__iter__") and not isinstance(cv, (str, bytes)):
        pairs = cv
    else:
        raise ParameterError(
            f"cv is {cv!r}, expected a number of folds, a scikit-learn splitter or an iterable of "
            "(train, test) index pairs"
        )
    try:
        folds = tuple(_checked(i, pair, n_rows) for i, pair in enumerate(pairs))
    except TypeError as error:
        raise ParameterError(f"cv is {cv!r}, and its folds cannot be read one after the other: {error}") from error
    if not folds:
        raise ParameterError("cv gave no folds; at least one (train, test) pair is needed")
    return SplitPlan(folds, n_rows, groups)


def _split(splitter: Any, values: FloatArray, y: NDArray[Any], groups: Any) -> list[Any]:
    # byoe counts the groups that are torn apart, and keeps the others for the blender. A class with fewer rows than
    # there are folds is in every training part all the same, unless it has one row only, which is an error.
    told = ("ignore", "The groups parameter is ignored"), ("ignore", "The least populated class in y has only")
    try:
        with warnings_filtered(*told):
            if not type(splitter).__module__.startswith("sklearn."):  # it may write into rows that are the user's own
                values = as_float64(values).copy()
            return list(splitter.split(values, y, groups_for(splitter, groups)))
    except Exception as error:
        advice = "; give them to fit as groups=" if groups is None and "groups" in str(error) else ""
        name = type(splitter).__name__
        raise ParameterError(f"cv is {name}, which cannot split: {type(error).__name__}: {error}{advice}") from error


def _splitter(cv: int, n_rows: int, y: NDArray[Any], groups: Any, task: Task, seed: int) -> Any:
    if cv < 2:
        raise ParameterError(f"cv={cv}: at least two folds are needed")
    if n_rows < cv:
        raise InputError(f"{cv} folds need at least {cv} rows, got {n_rows} (n_samples={n_rows}); lower cv")
    stratified = task.is_classification and not task.is_multilabel
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < cv:
            raise InputError(f"{cv} folds need at least {cv} groups, got {n_groups}; lower cv")
        kind = StratifiedGroupKFold if stratified else GroupKFold
        return kind(cv, shuffle=True, random_state=seed)
    if stratified:
        rarest = int(np.bincount(y).min())
        if rarest < 2:
            raise InputError(
                "the rarest class has one row, so that no fold can both learn and predict it; drop it, merge it "
                "with another class or pass cv as a splitter"
            )
        if np.bincount(y).max() >= cv:
            return StratifiedKFold(cv, shuffle=True, random_state=seed)
    return KFold(cv, shuffle=True, random_state=seed)


def _checked(number: int, pair: Any, n_rows: int) -> tuple[IntArray, IntArray]:
    try:
        train, test = (_indices(part, n_rows) for part in pair)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"fold {number + 1} of cv is not a (train, test) pair of row indices below {n_rows}: {error}"
        ) from error
    if not len(train) or not len(test):
        raise ParameterError(f"fold {number + 1} of cv has an empty {'test' if len(train) else 'training'} part")
    if repeats(test):
        raise ParameterError(f"fold {number + 1} of cv predicts a row more than once; give every test row once")
    shared = np.sort(test[mask(train, n_rows)[test]])
    if len(shared):
        raise ParameterError(
            f"fold {number + 1} of cv trains on rows that it also predicts ({len(shared)} of them, the first is row "
            f"{shared[0]}); its out-of-fold predictions would have seen their target"
        )
    return train, test


def _indices(part: Any, n_rows: int) -> IntArray:
    part = np.asarray(part)
    if part.dtype == bool and part.shape == (n_rows,):
        part = np.flatnonzero(part)
    index = check_array(part, ensure_2d=False, ensure_min_samples=0, dtype=None)
    if index.ndim != 1 or (len(index) and index.dtype.kind not in "iu"):
        raise ValueError(f"got an array of shape {index.shape} and type {index.dtype}")
    if len(index) and (index.min() < 0 or index.max() >= n_rows):
        raise ValueError(f"indices run from {index.min()} to {index.max()}")
    return np.asarray(index, dtype=np.int64)
