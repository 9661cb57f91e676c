"""The ensemble for regression."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..contracts._task import FloatArray
from ..data._table import Table
from ..fitted._explain import explain, feature_importances
from ..fitted._intervals import method_of, predict_interval, width_of
from ..folds._plan import SplitPlan
from ..registry._portfolios import DEFAULT
from ._after_fit import ChangeableEnsemble
from ._target_transform import wanted_transforms


class EnsembleRegressor(RegressorMixin, ChangeableEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for regression.

    Every member predicts each row by a model that did not see it; the blender learns from
    these out-of-fold predictions alone (Wolpert, 1992; van der Laan et al., 2007).

    Parameters
    ----------
    learners : sequence, mapping or "best", default=("catboost", "xgboost", "lightgbm", "ridge", "mlp")
        Registered names, estimator instances, configured learners, ``(label, any of these)``
        pairs; or a mapping of registered name to parameters. ``"drop"`` as the second item
        of a pair leaves the member out. ``"best"`` is a list of fourteen members for those
        who have time.
    blender : str, Blender or estimator, default="auto"
        A registered name (``"mean"``, ``"weighted"``, ``"meta-linear"``, ``"vote"``,
        ``"greedy"``, …), a configured blender, or any scikit-learn regressor as the
        meta-model. ``"auto"`` learns convex weights, unless cross-validation finds another
        blender or a single member better.
    cv : int, splitter or iterable of index pairs, default=5
        An integer is shuffled and seeded, and keeps ``groups`` together.
    metric : str, scorer or callable, default="auto"
        For ``score_estimate_`` and ``leaderboard_``, and what the blend is steered by: the root mean
        squared error, in units of the target, unless told otherwise. A name of scikit-learn's scorers, a
        scorer, a function of ``sklearn.metrics``, or a callable ``(estimator, X, y)``. One that cannot score
        the target is a ParameterError before anything is fitted.
    finalize : {"auto", "bag", "refit"}, default="auto"
        Serve the mean of a member's fold models, or one model refitted on all rows. ``auto``
        bags trees and refits linear and distance models.
    early_stopping : {"auto", True, False}, default="auto"
        Boosters find their number of rounds on rows inside the training part of each fold;
        a refit takes the mean of the folds. ``auto`` does so for members whose number of
        rounds is not given; with True a given number is only the most.
    categorical : "auto" or list of column names or positions, default="auto"
        Columns to treat as categories beside those of texts and categories.
    target_transform : {"auto", "log1p"}, transformer or None, default=None
        The scale on which members are fitted. What they predict comes back in units of the target, before it
        is blended, scored or told to anyone. ``"log1p"`` is the logarithm of one more than the target; a transformer
        of scikit-learn, with ``inverse_transform``, is fitted on each fold's training rows alone; ``"auto"``
        takes the logarithm of a target that is never negative and skewed. Members then stop by their own
        loss on that scale, and there are no contributions to explain.
    on_error : {"raise", "skip"}, default="raise"
        Whether a failing member ends the fit, or is left out and reported in ``failures_``.
    time_limit : float, default=None
        Seconds. What goes by rounds ends in time with those it has; other members there is no time for are left out.
    memory_limit : int or str, default=None
        The most that the process may take, in bytes or as ``"8GB"``, by fitting less at once;
        None means what is free.
    store : str, Path or Store, default=None
        A folder that keeps every finished task, so that a fit that was killed resumes, and one
        that is changed does only what is new. ``byoe.Store`` sets a limit other than 5 GB.
    callbacks : callable or sequence of callables, default=None
        Each is called with a ``Progress`` after every finished task.
    n_jobs : int, default=None
        Cores to use; None means all that the process may use.
    random_state : int, RandomState or None, default=None
        Seed of the folds and of every task. With None it is drawn; with a ``store``, drawn once
        for the same data and folds.
    verbose : int, default=0
        1 shows bars in a notebook and on a terminal, and elsewhere a line for every member; 2 a line for every task.

    Attributes
    ----------
    members_ : dict of label to FittedMember
    blender_ : Blender
        The fitted one in use, ``auto``'s choice included; ``blender_.weights_`` of shape
        (n_members,) where it is a weighting.
    oof_predictions_ : array of shape (n_samples, n_members)
        In units of the target; NaN where no fold predicts a row.
    oof_blend_ : array of shape (n_samples,) or (n_samples, n_outputs)
        The blend's own cross-validated predictions, which ``score_estimate_`` is the score of; NaN where there
        are none.
    coverage_ : array of shape (n_samples,), bool
        Which rows have an out-of-fold prediction.
    failures_ : list
        Label, fold, error and traceback of members that were left out.
    leaderboard_ : list of dict
        The blend's cross-validated and the members' out-of-fold metric (losses positive), its
        standard deviation over the folds, the blend's metric on the rows that it has learned
        from, weights, number of models, seconds to fit and milliseconds to predict 1,000 rows.
        ``diagnose()`` returns more.
    score_estimate_ : float
        The blend's cross-validated score: every row is predicted by fold models and a
        blender that did not see it. In scikit-learn's sign, greater is better.
    interval_method_ : {"cv+", "residual"}
        How `predict_interval` makes its intervals.
    interval_width_ : {"constant", "prediction", "disagreement", "both"}
        What their width follows, unless it is told; a list for several targets.
    target_transform_ : str, list of str or None
        On which scale members were fitted: ``"log1p"``, the class of a transformer, or None for the target's own. A
        list for several targets.
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
    >>> rmse = ((ensemble.oof_blend_ - y) ** 2).mean() ** 0.5
    >>> bool(abs(rmse + ensemble.score_estimate_) < 1e-9)
    True
    """

    _classifies = False

    def __init__(
        self,
        learners: Any = DEFAULT,
        blender: Any = "auto",
        *,
        cv: Any = 5,
        metric: Any = "auto",
        finalize: str = "auto",
        early_stopping: bool | str = "auto",
        categorical: Any = "auto",
        target_transform: Any = None,
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
        self.target_transform = target_transform

    def _transforms(self, y: NDArray[Any], weight: FloatArray | None, plan: SplitPlan) -> tuple[Any, ...]:
        return wanted_transforms(self.target_transform, y, weight, plan)

    @property
    def target_transform_(self) -> str | list[str | None] | None:
        """On which scale members were fitted; None for the target's own, and a list for several targets."""
        check_is_fitted(self, "members_")
        names = list(self._record.transforms) or [None] * self._task.n_outputs
        return names[0] if self._task.n_outputs == 1 else names

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

    @property
    def interval_method_(self) -> str:
        """``"cv+"`` if all members are bagged over a partition of the rows, else ``"residual"``."""
        check_is_fitted(self, "members_")
        return method_of(self)

    @property
    def interval_width_(self) -> str | list[str]:
        """What the width of an interval follows; chosen on the out-of-fold rows when first asked for.

        A list for several targets.
        """
        check_is_fitted(self, "members_")
        return width_of(self)

    def predict_interval(self, X: Any, level: float = 0.9, width: str = "auto") -> FloatArray:
        """Predict an interval that should hold the target of a new row with a given probability.

        No learner is fitted. If all members are bagged, and every row is in the test part of one
        fold, the method is CV+ (Barber, Candès, Ramdas & Tibshirani, 2021): the fold models and
        a blender that did not see fold k predict the new row, for every k; the bounds are order
        statistics of these predictions less, and plus, the absolute residuals of fold k.
        Otherwise it is the prediction, less and plus an order statistic of all absolute
        residuals of the cross-fitted blend. ``interval_method_`` says which.

        Unless the width is constant, the residuals are ranked in units of a scale (normalised conformal
        prediction; Papadopoulos, Gammerman & Vovk, 2008): the mean residual of rows of which the same
        is known, learned without the fold of the row. Where no training target is negative, no bound is.

        The page "Prediction intervals" of the documentation says what is guaranteed, and what
        was measured instead. With ``groups``, the interval is for a row of a new group. Sample
        weights say how much a row counts in the population that the interval is for.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        level : float, default=0.9
            The share of new rows whose target should be inside; above 0 and below 1.
        width : {"auto", "constant", "prediction", "disagreement", "both"}, default="auto"
            What the width follows: nothing, the blend's prediction, how far the members disagree, or both. With
            ``"auto"`` it is what does best by the interval score (Gneiting & Raftery, 2007) on out-of-fold
            rows that the scale did not see, and what is simpler within one standard error of that;
            ``interval_width_`` says which.

        Returns
        -------
        array of shape (n_samples, 2), or (n_samples, n_outputs, 2) for several targets
            Each target alone. Lower and upper bound, in units of the target. Infinite, with a warning, where there
            are too few rows (or groups) for the level. Below a level of one half, CV+ may give
            a lower bound above the upper one: then no value is inside.

        Raises
        ------
        ParameterError
            When the level is not a number between 0 and 1, or the width not one of these.

        Warns
        -----
        UserWarning
            When the rows are too few, or the folds are in the order of time: then new rows are
            not exchangeable with the training rows, which either method assumes.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge", "knn"), finalize="bag", random_state=0).fit(X[:300], y[:300])
        >>> lower, upper = ensemble.predict_interval(X[300:], level=0.8).T
        >>> bool(abs(((lower <= y[300:]) & (y[300:] <= upper)).mean() - 0.8) < 0.1)
        True
        >>> ensemble.interval_method_
        'cv+'
        """
        return predict_interval(self, self._read(X), level, width=width)

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
