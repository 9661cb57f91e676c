"""`EnsembleRegressor` and `EnsembleClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from ._base import BaseEnsemble
from ._contracts import FloatArray
from ._explain import explain, explain_margins, feature_importances
from ._members import as_blender
from ._table import Table
from .errors import ParameterError


class EnsembleRegressor(RegressorMixin, BaseEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for regression.

    Every member predicts each row by a model that did not see it; the blender learns from
    these out-of-fold predictions alone (Wolpert, 1992; van der Laan et al., 2007).

    Parameters
    ----------
    learners : sequence or mapping, default=("catboost", "xgboost", "lightgbm")
        Registered names, estimator instances, configured learners, ``(label, any of these)``
        pairs; or a mapping of registered name to parameters. ``"drop"`` as the second item
        of a pair leaves the member out.
    blender : str, Blender or estimator, default="auto"
        A registered name (``"mean"``, ``"weighted"``, ``"meta-linear"``, ``"vote"``,
        ``"greedy"``, …), a configured blender, or any scikit-learn regressor as the
        meta-model. ``"auto"`` learns convex weights, unless cross-validation finds another
        blender or a single member clearly better.
    cv : int, splitter or iterable of index pairs, default=5
        An integer is shuffled and seeded, and keeps ``groups`` together.
    metric : str or scorer, default="auto"
        For ``score_estimate_`` and ``leaderboard_``: the root mean squared error, in units
        of the target, unless told otherwise.
    finalize : {"auto", "bag", "refit"}, default="auto"
        Serve the mean of a member's fold models, or one model refitted on all rows. ``auto``
        bags trees and refits linear and distance models.
    on_error : {"raise", "skip"}, default="raise"
        Whether a failing member ends the fit, or is left out and reported in ``failures_``.
    callbacks : callable or sequence of callables, default=None
        Each is called with a ``Progress`` after every finished task.
    n_jobs : int, default=None
        Cores to use; None means all that the process may use.
    random_state : int, RandomState or None, default=None
        Seed of the folds and of every task.
    verbose : int, default=0
        Above 0, a line is printed for every finished task.

    Attributes
    ----------
    members_ : dict of label to FittedMember
    blender_ : Blender
        The fitted one in use, ``auto``'s choice included; ``blender_.weights_`` of shape
        (n_members,) where it is a weighting.
    oof_predictions_ : array of shape (n_samples, n_members)
        In units of the target; NaN where no fold predicts a row.
    coverage_ : array of shape (n_samples,), bool
        Which rows have an out-of-fold prediction.
    failures_ : list
        Label, fold, error and traceback of members that were left out.
    leaderboard_ : list of dict
        The blend's cross-validated and the members' out-of-fold metric (losses positive),
        weight, number of models and seconds.
    score_estimate_ : float
        The blend's cross-validated score: every row is predicted by fold models and a
        blender that did not see it. In scikit-learn's sign, greater is better.
    n_features_in_ : int
    feature_names_in_ : array of shape ``(n_features_in_,)``
        Only when fitted on a frame.
    feature_importances_ : array of shape ``(n_features_in_,)``
        How much each column matters to the members; see the property.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    >>> ensemble.predict(X[:2]).shape
    (2,)
    >>> bool(-ensemble.score_estimate_ < y.std())
    True
    """

    _classifies = False

    def predict(self, X: Any) -> FloatArray:
        """Predict the target.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            In units of the target.
        """
        return self._predict_table(self._read(X))

    def _predict_table(self, table: Table) -> FloatArray:
        return self._blended(table)

    def explain(self, X: Any) -> FloatArray:
        """Tell what each column adds to each prediction.

        The contributions of trees are their SHAP values (Lundberg & Lee, 2017) by the path-
        dependent TreeSHAP of the boosters' own libraries (Lundberg et al., 2020); those of a
        linear model are its terms, an encoded column's being given to the column that it was
        made of. They are averaged over fold models and blended as the predictions are.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_features + 1)
            In units of the target; the last column is the base value, and each row sums to
            its prediction up to rounding, which is in single precision for XGBoost. For several
            targets of shape (n_samples, n_outputs, n_features + 1).

        Raises
        ------
        ParameterError
            When the blend is not linear; or when a member with a weight has no contributions
            in units of the target, as neighbours, forests, or boosters with a log link.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge", "elastic_net"), random_state=0).fit(X, y)
        >>> contributions = ensemble.explain(X[:3])
        >>> contributions.shape
        (3, 11)
        >>> bool(abs(contributions.sum(axis=1) - ensemble.predict(X[:3])).max() < 1e-9)
        True
        """
        return explain(self, self._read(X))

    @property
    def feature_importances_(self) -> FloatArray:
        """How much each column matters, of shape (n_features,), non-negative and summing to one.

        Each member's own measure: the total gain of XGBoost and LightGBM, CatBoost's
        ``PredictionValuesChange``, the impurity decrease of forests, the absolute coefficients
        of ``ridge`` and ``elastic_net`` on standardised columns, and otherwise an estimator's
        ``feature_importances_``. Each is scaled to sum to one, encoded columns are added up,
        and the mean is taken over fold models, and then over members by their absolute weight
        in the blend, all the same where it is not linear. Members that tell nothing are left
        out of the mean; when all are, this is an AttributeError.
        """
        return feature_importances(self)


def _gives_probabilities(ensemble: EnsembleClassifier) -> bool:
    fitted = getattr(ensemble, "blender_", None)
    if (fitted or as_blender(ensemble.blender)).gives_probabilities:
        return True
    raise AttributeError("this blender votes for a class and gives no probabilities")


class EnsembleClassifier(ClassifierMixin, BaseEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for classification, of two classes or more.

    The parameters and attributes are those of `EnsembleRegressor`, with these differences:
    an integer ``cv`` is stratified, the default metric is the log-loss (accuracy where the
    blender gives no probabilities), ``oof_predictions_`` has the shape
    (n_samples, n_members, n_classes), and there is ``classes_``.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        Labels of any type, sorted.
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

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            The most probable class, or the one with most votes; the lowest wins ties.
        """
        return self._predict_table(self._read(X))

    def _predict_table(self, table: Table) -> NDArray[Any]:
        return np.asarray(self.classes_[self._blended(table).argmax(axis=1)])

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of every class.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._blended(self._read(X))

    def explain(self, X: Any, *, output: str = "probability") -> dict[str, FloatArray]:
        """Tell what each column adds to each member's margin.

        Neither a probability nor a blend of probabilities or votes is a sum over columns. What
        is one is the margin of a member's model: the log-odds of the second of two classes, or
        for more the scores whose softmax are the probabilities. Of a bagged member these are
        the means over its fold models. The mean of margins is not the margin of the mean
        probability, so that they do not give the member's prediction to the digit.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        output : {"margin"}
            Has to be given, so that nobody takes margins for probabilities.

        Returns
        -------
        dict of label to array
            Of the members whose weight is not zero: shape (n_samples, n_features + 1) for two
            classes, (n_samples, n_classes, n_features + 1) for more; the last column is the base
            value.

        Raises
        ------
        ParameterError
            Without ``output="margin"``, or when such a member has no additive margin.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from byoe import EnsembleClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> ensemble = EnsembleClassifier(("ridge", "elastic_net"), "mean", random_state=0).fit(X, y)
        >>> {label: margins.shape for label, margins in ensemble.explain(X[:2], output="margin").items()}
        {'ridge': (2, 3, 5), 'elastic_net': (2, 3, 5)}
        """
        if output != "margin":
            raise ParameterError(
                f"output is {output!r}, expected 'margin': a blend of probabilities or votes has no additive "
                "contributions; explain(X, output='margin') gives those of each member on its margin (log-odds)"
            )
        return explain_margins(self, self._read(X))

    @property
    def feature_importances_(self) -> FloatArray:
        """How much each column matters, as `EnsembleRegressor` defines it."""
        return feature_importances(self)
