"""Any scikit-learn estimator as the meta-model."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np

from ..contracts._blender import OOF, Blender, Linear
from ..contracts._task import FloatArray, IntArray, Task
from ..errors import ParameterError
from ..tools._answers import answers, columns_of, own_classes, votes
from ..tools._estimators import (
    THRESHOLDS,
    as_numbers,
    copied,
    gives_probabilities,
    is_kind,
    last_step,
    linear_terms,
    set_seed,
    tags_of,
)
from ..tools._routing import fit_with, takes
from ..tools._skops import dump_skops, load_skops
from ._labels import prepare_labels


class MetaModel(Blender):
    """A scikit-learn estimator fitted on the members' out-of-fold predictions.

    It gets exactly the meta-features that scikit-learn's Stacking would give it: the
    predictions of shape (n_rows, n_members); for two classes the probability of the second
    one; for more, all probabilities side by side.
    """

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.user_estimator = estimator
        self.name = type(estimator).__name__
        self.weights = "approximate" if takes(estimator, "sample_weight") else "none"
        self._n_classes = 0
        self._columns: list[int] = []  # the codes of the estimator's own classes

    @property
    def takes_scores(self) -> bool:
        return True

    @property
    def gives_probabilities(self) -> bool:
        return gives_probabilities(self.user_estimator)

    def check(self, task: Task, n_members: int) -> None:
        wanted = "classifier" if task.is_classification else "regressor"
        if tags_of(self.user_estimator).estimator_type != wanted:
            raise ParameterError(
                f"blender {type(self.user_estimator).__name__} is not a {wanted}, and this is a {task.kind} ensemble"
            )
        last = last_step(self.user_estimator)
        if is_kind(last, THRESHOLDS) and last.response_method == "decision_function":
            raise ParameterError(
                f"blender {self.name}: response_method='decision_function' has its threshold on another scale than the "
                "blend's probabilities; leave it 'auto', or 'predict_proba'"
            )

    def fit(self, oof: OOF) -> Self:
        self.check(oof.task, oof.predictions.shape[1])
        self._n_classes = oof.task.n_classes
        self.estimator_ = copied(self.user_estimator)
        set_seed(self.estimator_, oof.seed)
        task, y = oof.task, oof.y
        if task.is_classification:
            y, known = prepare_labels(self.estimator_, oof)
        fit_with(self.estimator_, meta_features(oof.predictions, task), y, sample_weight=oof.sample_weight)
        if task.is_classification:
            own = own_classes(self.estimator_, np.unique(y))
            self._columns = [code for code in columns_of(own, known, self.name) if code is not None]
        return self

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        task = Task("classification", self._n_classes) if self._n_classes else Task("regression")
        inputs = meta_features(predictions, task)
        if not self._n_classes:
            found = as_numbers(self.estimator_.predict(inputs))
            return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
        own = own_classes(self.estimator_, np.arange(len(self._columns)))[np.argsort(self._columns)]
        ask = answers if self.gives_probabilities else votes
        blended = np.zeros((len(inputs), self._n_classes))
        blended[:, sorted(self._columns)] = ask(self.estimator_, inputs, own)
        return blended

    def choose(self, blended: FloatArray) -> IntArray:
        """Return the most probable classes, or what lies above the threshold of an estimator that has one."""
        last = last_step(self.estimator_)
        if not is_kind(last, THRESHOLDS):
            return super().choose(blended)
        threshold = getattr(last, "best_threshold_", getattr(last, "threshold", 0.5))
        own = list(own_classes(last, np.arange(2)))
        # A threshold that was tuned is for the class that its scorer calls positive.
        label = getattr(
            last, "pos_label", getattr(getattr(last, "_curve_scorer", None), "_kwargs", {}).get("pos_label")
        )
        place = 1 if label is None else own.index(label)
        positive, other = self._columns[place], self._columns[1 - place]
        above = blended[:, positive] >= (0.5 if threshold == "auto" else threshold)
        return np.where(above, positive, other)

    @property
    def columns(self) -> list[int]:
        """The codes of the classes of the fitted estimator, in the order of its own."""
        return self._columns

    def linear(self, X: Any = None) -> Linear | None:
        terms = None if self._n_classes else linear_terms(self.estimator_)
        return None if terms is None else Linear(terms[0][0], float(terms[1][0]))

    def state(self) -> dict[str, Any]:
        file = base64.b64encode(dump_skops(self.estimator_)).decode("ascii")
        return {"skops": file, "n_classes": self._n_classes, "columns": self._columns}

    def skops_files(self) -> list[bytes]:
        return [base64.b64decode(self.state()["skops"])]

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self.estimator_ = load_skops(base64.b64decode(state["skops"]), frozenset(), trusted)
        self._n_classes = state["n_classes"]
        # Of a time when a meta-model was fitted on codes.
        codes = getattr(self.estimator_, "classes_", ()) if self._n_classes else ()
        self._columns = state["columns"] if "columns" in state else [int(code) for code in codes]
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return cast(dict[str, Any], self.user_estimator.get_params(deep=deep))

    def set_params(self, **params: Any) -> Self:
        self.user_estimator.set_params(**params)
        return self

    def __sklearn_clone__(self) -> MetaModel:
        return MetaModel(copied(self.user_estimator))

    def __repr__(self) -> str:
        return repr(self.user_estimator)


def meta_features(predictions: FloatArray, task: Task) -> FloatArray:
    """Lay predictions out side by side, as scikit-learn's Stacking does."""
    if predictions.ndim == 2:
        return predictions
    kept = predictions[:, :, 1:] if task.n_classes == 2 and not task.is_multilabel else predictions
    return kept.reshape(len(kept), -1)
