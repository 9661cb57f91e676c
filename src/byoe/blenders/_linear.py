"""Is an estimator linear, so that coefficients say all about it? Found out before anything is fitted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ..tools._estimators import check_meta_model, copied, linear_terms, wants_codes
from ._labels import prepare_labels

_ROWS = 60


def fit(estimator: Any, X: FloatArray, y: NDArray[Any], oof: OOF) -> Any:
    """Return a copy of an estimator, fitted with the weights and to the labels of some out-of-fold predictions."""
    weights = {} if oof.sample_weight is None else {"sample_weight": oof.sample_weight}
    model = copied(estimator)
    target = prepare_labels(model, oof)[0] if oof.task.is_classification else y
    return model.fit(X, target, **weights)


def check_is_estimator(estimator: Any) -> None:
    """Raise a ParameterError for what is no estimator that scikit-learn's tools tell what it does."""
    try:
        check_meta_model(estimator)
    except ParameterError as error:
        raise ParameterError(f"meta-linear: {error}") from error


def check(estimator: Any, task: Task) -> None:
    """Raise a ParameterError for an estimator that a fit on a few made-up rows shows not to be linear.

    One that cannot be fitted on these is not judged: it may want other data.
    """
    random = np.random.default_rng(0)
    X = random.normal(size=(_ROWS, 2))
    if task.is_classification:
        codes = random.permutation(_ROWS) % task.n_classes
        y = codes if task.classes is None or wants_codes(estimator) else task.labels(codes)
    else:
        y = np.exp(X[:, 0] / 2) + random.random(_ROWS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = copied(estimator).fit(X, y)
            predicted = fitted.predict(X)
    except Exception:
        return
    name = type(estimator).__name__
    advice = f"Give it as the blender itself, blender={name}(…), where it sees the members' predictions alone"
    terms = linear_terms(fitted)
    if terms is None or terms[0].shape[1] != X.shape[1]:
        raise ParameterError(
            f"meta-linear: {name} is no linear model: once fitted it has no coef_ and intercept_ of its inputs. "
            f"{advice}, or leave estimator out for the linear model that meta-linear brings"
        )
    if not task.is_classification and not np.allclose(X @ terms[0][0] + terms[1][0], np.ravel(predicted), rtol=1e-6):
        raise ParameterError(
            f"meta-linear: {name} predicts something else than its coef_ and intercept_ give, as with a link function. "
            f"{advice}"
        )
