"""What fitted classifiers answer, brought into columns of the classes in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PluginError
from ._distributions import Floats, both_columns
from ._estimators import as_numbers
from ._labels import codes_of, shown


def answers(estimator: Any, X: Any, known: NDArray[Any], **options: Any) -> Floats:
    """Return the probabilities of a fitted classifier, or else its decision values or votes.

    Parameters
    ----------
    estimator : object
        With ``predict_proba``, ``decision_function`` or ``predict``.
    X : array-like or frame of shape (n_rows, n_features)
    known : array of shape (n_classes,)
        The labels of the classes.
    options : dict
        What ``predict_proba`` and ``predict`` get besides.

    Returns
    -------
    array of shape (n_rows, n_classes)
        Zeros for a class that the estimator does not know.
    """
    own, who = own_classes(estimator, known), type(estimator).__name__
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(X, **options)
        names = _column_names(found, known)
        values = _numbers(found, f"{who}.predict_proba")
        if len(own) == 2 and (values.ndim == 1 or values.shape[1:] == (1,)):
            values = both_columns(values.reshape(-1), f"{who}.predict_proba")
        return _in_order(values, own if names is None else names, known, who)
    if hasattr(estimator, "decision_function"):
        scores = _numbers(estimator.decision_function(X), f"{who}.decision_function")
        if scores.ndim == 1 or scores.shape[1:] == (1,):
            scores = np.column_stack([-scores.reshape(-1), scores.reshape(-1)])
        return _in_order(scores, own, known, who)
    return votes(estimator, X, known, **options)


def votes(estimator: Any, X: Any, known: NDArray[Any], **options: Any) -> Floats:
    """Return one for the class that a classifier predicts, zero for the others, of shape (n_rows, n_classes)."""
    told, places = np.unique(np.asarray(estimator.predict(X, **options)).ravel(), return_inverse=True)
    codes = codes_of(told, known)
    strange = [label for label, code in zip(told, codes, strict=True) if code is None]
    if strange:
        raise PluginError(f"{type(estimator).__name__}.predict returned {shown(strange)}, expected {shown(known)}")
    return np.asarray(np.array(codes)[places][:, None] == np.arange(len(known)), dtype=np.float64)


def own_classes(estimator: Any, known: NDArray[Any]) -> NDArray[Any]:
    """Return the ``classes_`` of an estimator, or the known ones where it has none."""
    own = getattr(estimator, "classes_", None)
    return known if own is None else np.asarray(own).ravel()


def columns_of(own: Sequence[Any] | NDArray[Any], known: NDArray[Any], who: str) -> list[int | None]:
    """Return which class each of an estimator's own is; None of one that is left out, as it is no class.

    Raises
    ------
    PluginError
        Where some are no classes, and some of the classes are not there.
    """
    codes = codes_of(own, known)
    if None in codes and len({code for code in codes if code is not None}) < len(known):
        raise PluginError(
            f"{who} has the classes_ {shown(own)}, and it was fitted on {shown(known)}; an estimator answers in the "
            "labels that it was fitted on"
        )
    return codes


def _in_order(values: Floats, own: Any, known: NDArray[Any], who: str) -> Floats:
    if values.ndim != 2 or values.shape[1] != len(own):
        return values  # who checks the shape says so
    codes = columns_of(own, known, who)
    if codes == list(range(len(known))):
        return values
    ordered = np.zeros((len(values), len(known)))
    for column, code in enumerate(codes):
        if code is not None:
            ordered[:, code] = values[:, column]
    return ordered


def _column_names(found: Any, known: NDArray[Any]) -> list[Any] | None:
    """Return the names of a frame's columns, where they are the labels of all classes."""
    columns = getattr(found, "columns", None)
    if columns is None or type(columns).__name__ == "RangeIndex":  # numbers that nobody gave
        return None
    names = list(columns)
    codes = codes_of(names, known)
    return names if None not in codes and len(set(codes)) == len(known) else None


def _numbers(found: Any, who: str) -> Floats:
    try:
        values = as_numbers(found)
        if values.dtype.kind not in "biuf":
            raise TypeError(f"values of type {values.dtype}")
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{who} returned what are no numbers: {error}") from error
