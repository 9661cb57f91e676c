"""Learners whose models are scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner, Model
from ..contracts._task import FloatArray, Level, Task
from ..errors import ParameterError
from ..tools._answers import answers, columns_of, own_classes
from ..tools._estimators import (
    THREAD_PARAMETERS,
    as_numbers,
    by_label,
    has_catboost,
    is_catboost,
    is_ensemble,
    is_pipeline,
    last_step,
    linear_terms,
    set_seed,
    set_threads,
)
from ..tools._routing import fit_with
from ..tools._skops import SKOPS, dump_skops, load_skops

INNER = "ensemble"


class EstimatorModel:
    """A fitted scikit-learn estimator in the shape of a ``Model``."""

    rounds: int

    def __init__(
        self,
        estimator: Any,
        task: Task,
        *,
        scaled: bool = False,
        frozen: bool = False,
        thread_parameters: Collection[str] = THREAD_PARAMETERS,
        labelled: bool = False,
    ) -> None:
        self.estimator = estimator
        self.task = task
        self.classes = task.classes if labelled else None  # that it answers in; None of codes
        self.scaled = scaled
        self.single_precision = is_ensemble(estimator)  # some member of it may be
        self._thread_parameters = thread_parameters
        self._frozen = frozen  # the user's own object, which keeps its parameters

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        options = {}
        if is_catboost(self.estimator):  # it takes no new parameters once fitted
            options = {"thread_count": threads}
        elif not self._frozen and not has_catboost(self.estimator):
            # Forests add up their trees in the order of arrival: the last bit would change from call to call.
            forest = type(last_step(self.estimator)).__module__ == "sklearn.ensemble._forest"
            set_threads(self.estimator, 1 if forest else threads, self._thread_parameters)
        if not self.task.is_classification:
            return self._one_column(as_numbers(self.estimator.predict(X, **options)))
        # One that was fitted on codes has its classes in their order.
        codes = own_classes(self.estimator, np.arange(self.task.n_classes))
        return answers(self.estimator, X, codes if self.classes is None else self.classes, **options)

    @property
    def columns(self) -> list[int | None] | None:
        """Which class each of the estimator's own is; None for a regression, or where they are in their order."""
        if self.classes is None:
            return None
        return columns_of(own_classes(self.estimator, self.classes), self.classes, type(self.estimator).__name__)

    def _one_column(self, prediction: FloatArray) -> FloatArray:
        """Return the prediction of one target as one number a row, which some give as a column."""
        column = self.task.n_outputs == 1 and prediction.ndim == 2 and prediction.shape[1] == 1
        return prediction[:, 0] if column else prediction

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        name = type(self.estimator).__name__
        if is_ensemble(self.estimator) and not self.task.is_classification:
            return np.asarray(self.estimator.explain(X, method="exact"))
        if is_pipeline(self.estimator):
            raise ParameterError("a pipeline has no contributions of its input columns, since its steps change them")
        terms = linear_terms(self.estimator)
        if terms is None or terms[0].shape[1] != X.shape[1]:
            raise ParameterError(
                f"{name} has no additive contributions; linear estimators have, and the learners catboost, xgboost "
                "and lightgbm"
            )
        try:
            values = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{name} takes columns that are not numbers, so it is not linear in them") from error
        coef, intercept = terms
        parts = np.empty((*values.shape[:1], len(coef), values.shape[1] + 1))
        parts[:, :, :-1] = values[:, None] * coef
        parts[:, :, -1] = intercept
        return parts if len(coef) > 1 else parts[:, 0]

    def importances(self) -> FloatArray | None:
        own = getattr(self.estimator, "feature_importances_", None)
        if own is not None:
            return np.asarray(own, dtype=np.float64)
        # Coefficients of columns in different units do not compare.
        terms = linear_terms(self.estimator) if self.scaled else None
        if terms is None:
            return None
        sizes = np.abs(terms[0])
        if not self.task.is_classification:  # nor do those of targets in different units
            totals = sizes.sum(axis=1, keepdims=True)
            sizes = sizes / np.where(totals > 0, totals, 1.0)
        return np.asarray(sizes.sum(axis=0), dtype=np.float64)

    def save(self, folder: Path) -> None:
        if is_ensemble(self.estimator):  # an ensemble in an ensemble is a bundle in a bundle
            self.estimator._save_inside(folder / INNER)
            return
        (folder / SKOPS).write_bytes(dump_skops(self.estimator))


class EstimatorLearner(Learner):
    """A learner whose models are scikit-learn estimators.

    A subclass writes ``estimator``.

    Attributes
    ----------
    thread_parameters : frozenset of str
        Parameters, at any depth of the estimator, that say how many threads it may use.
    """

    weights: Level = "approximate"
    sparse = True
    needs: ClassVar[tuple[str, ...]] = ("scikit-learn", "skops")
    thread_parameters: ClassVar[frozenset[str]] = THREAD_PARAMETERS

    def values_by_label(self) -> dict[str, Any]:
        """Return the given parameters among ``by_label``, and those that scikit-learn's estimators hold by label."""
        return {**by_label(self.own_params()), **super().values_by_label()}

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        """Return a new, unfitted estimator for the task; ``y`` is the training part's target.

        It is empty where a saved ensemble, which a learner may be made of, is read.
        """
        raise TypeError(f"{type(self).__name__} does not define estimator")

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
    ) -> Model:
        estimator = self._seeded(task, y, seed, threads)
        self._fit_estimator(estimator, X, y, sample_weight, seed)
        return self._model(estimator, task)

    def _fit_estimator(
        self, estimator: Any, X: Any, y: NDArray[Any], sample_weight: FloatArray | None, seed: int
    ) -> None:
        fit_with(estimator, X, y, sample_weight=sample_weight)

    def _seeded(self, task: Task, y: NDArray[Any], seed: int, threads: int) -> Any:
        """Return a new estimator with the seed and the number of threads of a fit."""
        estimator = self.estimator(task, y)
        set_seed(estimator, seed)
        set_threads(estimator, threads, self.thread_parameters)
        return estimator

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        if (folder / INNER).is_dir():
            inner = self._ensemble(task)._read_inside(folder / INNER, trusted)
            return EstimatorModel(inner, task, labelled=self.labelled)
        data = (folder / SKOPS).read_bytes()
        return self._model(load_skops(data, self.trusts(), trusted), task)

    def trusts(self) -> frozenset[str]:
        """Return the top-level packages whose classes a saved model may hold: those that the learner declares."""
        return self.packages()

    def _ensemble(self, task: Task) -> Any:
        """Return the unfitted ensemble that the models are."""
        return self.estimator(task, np.empty(0))

    def _model(self, estimator: Any, task: Task) -> Model:
        return EstimatorModel(
            estimator, task, scaled=self.scaled, thread_parameters=self.thread_parameters, labelled=self.labelled
        )
