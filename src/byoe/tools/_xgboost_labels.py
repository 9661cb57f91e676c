"""XGBoost's classifiers as scikit-learn's are: fitted on labels, and answering in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray


class _Labelled:
    """Codes stand behind the labels, as XGBoost wants them."""

    def fit(self, X: Any, y: Any, *, eval_set: Any = None, **options: Any) -> Self:
        labels, codes = np.unique(np.asarray(y), return_inverse=True)
        if eval_set is not None:
            eval_set = [(rows, np.searchsorted(labels, np.asarray(target))) for rows, target in eval_set]
        vars(self).pop("labels_", None)  # while it is fitted the classes are codes
        super().fit(X, codes, eval_set=eval_set, **options)  # type: ignore[misc]
        self.labels_ = labels
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels that it was fitted on."""
        return np.asarray(vars(self).get("labels_", super().classes_))  # type: ignore[misc]

    def predict(self, X: Any, *, output_margin: bool = False, **options: Any) -> NDArray[Any]:
        found = super().predict(X, output_margin=output_margin, **options)  # type: ignore[misc]
        return np.asarray(found if output_margin else self.labels_[np.asarray(found).astype(np.int64)])


class XGBClassifier(_Labelled, xgboost.XGBClassifier):  # type: ignore[misc]  # xgboost has no types
    """XGBoost's classifier of any labels."""


class XGBRFClassifier(_Labelled, xgboost.XGBRFClassifier):  # type: ignore[misc]
    """XGBoost's random forest of any labels."""


_OF_LABELS = {xgboost.XGBClassifier: XGBClassifier, xgboost.XGBRFClassifier: XGBRFClassifier}


def take_labels(estimator: Any) -> None:
    """Let XGBoost's classifiers inside an unfitted estimator, and in what a search of it tries, take labels."""
    for part in _inside(estimator):
        if type(part) in _OF_LABELS:
            part.__class__ = _OF_LABELS[type(part)]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        parts = list(value.get_params(deep=False).values())
    else:
        return
    for part in parts:
        yield from _inside(part)
