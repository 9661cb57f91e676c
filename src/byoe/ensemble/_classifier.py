"""The ensemble for classes."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..blenders._calibrated import METHODS, Calibrated
from ..blenders._reweighted import Reweighted
from ..contracts._blender import Blender
from ..contracts._task import FloatArray, Task
from ..data._input import check_target
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._explanation import Explanation
from ..registry._members import as_blender
from ..registry._portfolios import DEFAULT
from ..tools._warnings import warn
from ._explaining import Request
from ._reporting import ReportingEnsemble


def _gives_probabilities(ensemble: EnsembleClassifier) -> bool:
    fitted = getattr(ensemble, "blender_", None)
    if (fitted or as_blender(ensemble.blender)).gives_probabilities:
        return True
    raise AttributeError("this blender votes for a class and gives no probabilities")


class EnsembleClassifier(ClassifierMixin, ReportingEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for classification: of two classes or more, or of labels that a row may have several of.

    The parameters and attributes are those of `EnsembleRegressor`, with these differences:
    an integer ``cv`` is stratified, the default metric is the log-loss (accuracy where the
    blender gives no probabilities), ``oof_predictions_`` has the shape
    (n_samples, n_members, n_classes), ``oof_blend_`` (n_samples, n_classes), and there is ``classes_``.

    Parameters
    ----------
    calibrate : bool or {"temperature", "sigmoid", "isotonic"}, default=False
        Map the blend's probabilities to observed frequencies, learned on cross-fitted
        predictions. True means ``"temperature"``, which never changes the predicted class;
        ``"isotonic"`` wants thousands of rows.
    class_weight : "balanced", mapping of class to float or None, default=None
        What the rows of each class count for members, early stopping and the blender, times their sample weight;
        ``"balanced"`` gives all classes the same weight together, found in each training part alone. Scores and
        calibration count rows as they are. Of one target, with members and a blender that take weights.
    threshold : float, str, scorer or None, default=None
        From which probability on the second of two classes, ``classes_[1]``, is predicted. A metric of predicted
        classes, such as ``"balanced_accuracy"`` or ``"f1"``, finds it on out-of-fold rows. None predicts the most
        probable class.

    Attributes
    ----------
    classes_ : array of shape (n_classes,) or (n_labels, 2)
        Texts, whole numbers or booleans, sorted. Of a target with several labels for a row, what no and yes
        are in each of its columns.
    threshold_ : float or None
        The threshold in use; None where the most probable class is predicted.
    feature_importances_ : array of shape ``(n_features_in_,)``
        How much each column matters to the members; see that of `EnsembleRegressor`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from byoe import EnsembleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ensemble = EnsembleClassifier(("ridge", "knn"), random_state=0).fit(X, y)
    >>> ensemble.predict_proba(X[:2]).shape
    (2, 3)
    """

    _classifies = True

    classes_: NDArray[Any]

    def __init__(
        self,
        learners: Any = DEFAULT,
        blender: Any = "auto",
        *,
        cv: Any = 5,
        metric: Any = "auto",
        finalize: str = "auto",
        early_stopping: bool | str = "auto",
        layers: int = 1,
        categorical: Any = "auto",
        calibrate: bool | str = False,
        class_weight: Any = None,
        threshold: Any = None,
        on_error: str = "raise",
        time_limit: float | None = None,
        memory_limit: int | str | None = None,
        store: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            learners,
            blender,
            cv=cv,
            metric=metric,
            finalize=finalize,
            early_stopping=early_stopping,
            layers=layers,
            categorical=categorical,
            on_error=on_error,
            time_limit=time_limit,
            memory_limit=memory_limit,
            store=store,
            callbacks=callbacks,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.calibrate = calibrate
        self.class_weight = class_weight
        self.threshold = threshold

    def _wrapped(self, blender: Blender, task: Task) -> Blender:
        class_weight = self._class_weight(task)
        if class_weight is not None:
            blender = Reweighted(blender, class_weight)
        return super()._wrapped(self._calibrated(blender), task)

    def _calibrated(self, blender: Blender) -> Blender:
        if self.calibrate is False:
            return blender
        method = METHODS[0] if self.calibrate is True else self.calibrate
        if method not in METHODS:
            raise ParameterError(
                f"calibrate is {self.calibrate!r}, expected True, False or one of {', '.join(map(repr, METHODS))}"
            )
        if self.class_weight is not None and method == METHODS[0]:
            warn(
                "calibrate='temperature' keeps the order of the probabilities of a row, so that it cannot bring those "
                "of weighted classes back to the rows as they are; 'sigmoid' and 'isotonic' do"
            )
        return Calibrated(blender, str(method))

    @property
    def threshold_(self) -> float | None:
        """From which probability on the second of two classes is predicted; None for the most probable class."""
        check_is_fitted(self, "members_")
        return self._threshold

    def with_threshold(self, threshold: Any, X: Any = None) -> Self:
        """Return a fitted ensemble that decides by another threshold; no learner and no blender is refitted.

        Parameters
        ----------
        threshold : float, str, scorer or None
            As for the constructor.
        X : array-like or frame, default=None
            The training features, only for a blender with ``passthrough``.

        Returns
        -------
        EnsembleClassifier
            A new one, which shares members and blender with this one, and whose scores are by the threshold.

        Raises
        ------
        ParameterError
            When it is no threshold, or there are not two classes with probabilities.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from byoe import EnsembleClassifier
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> ensemble = EnsembleClassifier(["ridge", "lightgbm"], "mean", random_state=0).fit(X, y)
        >>> careful = ensemble.with_threshold(0.9)
        >>> bool((careful.predict(X) == (ensemble.predict_proba(X)[:, 1] >= 0.9)).all())
        True
        """
        check_is_fitted(self, "members_")
        other = copy.copy(self)
        other.threshold = threshold
        if self._out_of_fold is None:
            other._decide_unscored()
            return other
        recipe = other._recipe()
        other._check_decision(self._task, self.blender_)
        other._score(*other._unfitted(recipe, X), recipe.metric_for(self._task))
        return other

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,), or (n_samples, n_labels)
            The most probable class, or the one with most votes; the lowest wins ties. By the threshold where there
            is one. Of several labels those that are more likely than not.
        """
        return self._predict_table(self._read(X))

    def _predict_table(self, table: Table) -> NDArray[Any]:
        return self._labels(self._blended(table))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows whose class is predicted right.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            In any form that `fit` takes; of several labels a row is right with all of them.
        sample_weight : array-like of shape (n_samples,), default=None
        """
        return float(super().score(X, check_target(y, classification=True), sample_weight))

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of every class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes), or (n_samples, n_labels)
            Columns in the order of ``classes_``; of several labels the probability of each.
        """
        return self._blended(self._read(X))

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> FloatArray:
        """Predict how much the blend speaks for a class, as scikit-learn's classifiers say it.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            For two classes the log-odds of the second one, in which it is predicted above zero (unless there is a
            ``threshold``). For more the
            logarithms of the probabilities in the order of ``classes_``, and of several labels the log-odds of
            each. A probability of zero counts as the smallest number above it, so that all values are finite.
        """
        p = self._blended(self._read(X))
        if self._task.is_multilabel:
            return _logs(p) - _logs(1.0 - p)
        logs = _logs(p)
        return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def explain(
        self,
        X: Any,
        *,
        output: str = "probability",
        method: str = "auto",
        background: Any = None,
        n_permutations: int = 5,
    ) -> Explanation | dict[str, Explanation]:
        """Tell what each column adds to each prediction.

        A blend of probabilities is no sum over columns. So what each column adds to it is estimated by the shap
        library (extra ``shap``), as `EnsembleRegressor.explain` does where nothing is exact. What is exact
        is the margin of a member's model: the log-odds of the second of two classes, or
        for more the scores whose softmax are the probabilities. Of a bagged member these are
        the means over its fold models. The mean of margins is not the margin of the mean
        probability, so that they do not give the member's prediction to the digit.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        output : {"probability", "margin"}, default="probability"
            What is explained: the probabilities of the blend, or the margins of the members that count.
        method, background, n_permutations
            As for `EnsembleRegressor.explain`; for probabilities nothing is ``"exact"``, and margins are.

        Returns
        -------
        Explanation, or for margins a dict of label to Explanation
            Of shape (n_samples, n_features + 1) for two classes, of the second one; for more
            (n_samples, n_classes, n_features + 1), and of several labels (n_samples, n_labels, n_features + 1).
            The last column is the base value.

        Raises
        ------
        ParameterError
            When a background is needed and ``X`` has fewer than 20 rows; or when a member with a weight has no
            additive margin.
        MissingExtraError
            When something is to be estimated and the extra is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from byoe import EnsembleClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> ensemble = EnsembleClassifier(("ridge", "elastic_net"), "mean", random_state=0).fit(X, y)
        >>> {label: margins.shape for label, margins in ensemble.explain(X[:2], output="margin").items()}
        {'ridge': (2, 3, 5), 'elastic_net': (2, 3, 5)}
        """
        if output not in ("probability", "margin"):
            raise ParameterError(f"output is {output!r}, expected 'probability' or 'margin'")
        request = Request(self, X, method, background, n_permutations)
        return request.of_margins() if output == "margin" else request.of_probabilities()


def _logs(probabilities: FloatArray) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return logs
