"""What additive contributions owe: they add up to the prediction, and belong to columns of the input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts._task import FloatArray, IntArray, Task
from ..errors import ParameterError

_TOLERANCE = 1e-8
_TOLERANCE_SINGLE = 1e-4  # sums of thousands of trees in float32


def to_inputs(values: FloatArray, sources: IntArray) -> FloatArray:
    """Add up the contributions of encoded columns by the input column that each comes from.

    Parameters
    ----------
    values : array of shape (..., n_encoded + 1)
        The last column, the base value, is left as it is.
    sources : array of shape (n_encoded,)
        In ascending order; every input column has at least one.

    Returns
    -------
    array of shape (..., n_features + 1)
    """
    starts = np.flatnonzero(np.diff(sources, prepend=-1))
    return np.concatenate([np.add.reduceat(values[..., :-1], starts, axis=-1), values[..., -1:]], axis=-1)


def check_sums(
    sums: FloatArray, prediction: FloatArray, size: FloatArray, why: str, tolerance: float = _TOLERANCE
) -> None:
    """Raise a ParameterError where sums of contributions are not the predictions.

    Parameters
    ----------
    sums, prediction : array of shape (n_rows,) or (n_rows, n_outputs)
    size : array of the same shape
        The sums of the absolute contributions, which rounding errors grow with.
    why : str
        What the reason is, for the message.
    tolerance : float
        Relative to ``size``.
    """
    gaps = np.abs(sums - prediction)
    if not (gaps <= tolerance * size).all():  # also where they are NaN
        raise ParameterError(
            f"the contributions do not add up to the predictions (they are off by up to {gaps.max():.3g}); {why}"
        )


def check_model(values: FloatArray, prediction: FloatArray, task: Task, model: Any) -> None:
    """Raise a ParameterError where a model's contributions do not give what it predicts.

    Parameters
    ----------
    values : array of shape (n_rows, [n_outputs | n_classes,] n_columns + 1)
    prediction : array of shape (n_rows,), (n_rows, n_outputs) or (n_rows, n_classes)
    task : Task
    model : Model
    """
    objective = getattr(model, "objective", None)
    told = f"the objective {objective!r}" if objective else type(getattr(model, "estimator", model)).__name__
    tolerance = _TOLERANCE_SINGLE if getattr(model, "single_precision", False) else _TOLERANCE
    inexact = "or the library's own values are not exact with these parameters"
    sums, size = values.sum(axis=-1), np.abs(values).sum(axis=-1)
    if not task.is_classification:
        why = f"{told} has a link function, such as the logarithm, and adds up on another scale, {inexact}"
        check_sums(sums, prediction, size, why, tolerance)
        return
    from scipy.special import expit, softmax

    why = f"{told} gives probabilities that are not the logistic function of a margin, {inexact}"
    if task.n_classes == 2:
        prediction, probabilities = prediction[:, 1], expit(sums)
    else:
        probabilities = softmax(sums, axis=1)
    check_sums(probabilities, prediction, np.ones_like(prediction), why, tolerance)
