"""The ensemble for regression."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..data._table import Table
from ..fitted._explanation import Explanation
from ..fitted._intervals import method_of, predict_interval, width_of
from ..folds._plan import SplitPlan
from ..registry._portfolios import DEFAULT
from ._explaining import Request
from ._quantiles import quantile_learners
from ._recipe import Recipe
from ._reporting import ReportingEnsemble
from ._target_transform import wanted_transforms


class EnsembleRegressor(RegressorMixin, ReportingEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for regression.

    Every member predicts each row by a model that did not see it; the blender learns from
    these out-of-fold predictions alone (Wolpert, 1992; van der Laan et al., 2007).

    Parameters
    ----------
    learners : sequence, mapping or {"fast", "default", "best"}, default="default"
        Registered names, estimator instances, configured learners, ``(label, any of these)``
        pairs; or a mapping of registered name to parameters. ``"drop"`` as the second item
        of a pair leaves the member out. A word is a portfolio, a list that was chosen by many data sets: few
        members that are quick to fit and to ask, the usual ones, or a long list for those who have time.
    blender : str, Blender or estimator, default="auto"
        A registered name (``"mean"``, ``"weighted"``, ``"meta-linear"``, ``"vote"``,
        ``"greedy"``, …), a configured blender, or any scikit-learn regressor as the
        meta-model. ``"auto"`` learns convex weights, and a slope and an intercept for the blend as a whole, unless
        cross-validation finds another blender or a single member better.
    cv : int, splitter or iterable of index pairs, default=5
        An integer is shuffled and seeded, and keeps ``groups`` together.
    metric : str, scorer or callable, default="auto"
        For ``score_estimate_`` and ``leaderboard_``, and what the blend is steered by: the root mean
        squared error, in units of the target, unless told otherwise. A name of scikit-learn's scorers, a
        scorer, a function of ``sklearn.metrics``, or a callable ``(estimator, X, y)``. One that cannot score
        the target is a ParameterError before anything is fitted.
    finalize : {"auto", "bag", "refit", "both"}, default="auto"
        Serve the mean of a member's fold models, one model refitted on all rows, or the mean of both. ``auto``
        bags trees and refits linear and distance models and networks; boosters that find their number of rounds have
        both, in a regression, and of classes where these can be told apart.
    early_stopping : {"auto", True, False, "hold-out"}, default="auto"
        Boosters find their number of rounds, and networks that of their passes, on rows inside the training part of
        each fold, and then learn from all of it; a refit takes the mean of the folds. ``auto`` does so for members
        whose number of rounds is not given; with True a given number is only the most. ``"hold-out"`` fits once, and
        never learns from the rows inside: faster, and on average less accurate.
    layers : {1, 2}, default=1
        With 2 the learners are fitted once more, on the columns and on what the members of the first layer predict for
        rows that they did not see. The members of this second layer, such as ``catboost_2``, stay only where the
        blend of both layers has a clearly better cross-validated score; ``layers_`` and ``second_layer_`` tell. Wants
        folds that predict every row once, such as those of an integer ``cv``, and takes two to four times as long.
    categorical : "auto" or list of column names or positions, default="auto"
        Columns to treat as categories beside those of categories, and of texts that are neither dates nor numbers.
    target_transform : {"auto", "log1p"}, transformer or None, default=None
        The scale on which members are fitted. What they predict comes back in units of the target, before it
        is blended, scored or told to anyone. ``"log1p"`` is the logarithm of one more than the target; a transformer
        of scikit-learn, with ``inverse_transform``, is fitted on each fold's training rows alone; ``"auto"``
        tries the logarithm of a target that is never negative and skewed, and each member has it where rows held
        out inside its training part say that it is better. Members then stop by their own loss on that scale, and
        their contributions are estimated ones.
    quantiles : bool, str, learner or estimator, default=False
        Whether two more models learn where the blend's residual lies, its quantiles of 5 % and 95 %, for intervals
        that adapt to the row (``width="quantiles"`` of `predict_interval`). True takes the first member whose learner
        has a loss for quantiles; a text is the label of a member or the name of a learner. Members, blend and
        predictions stay what they are, unless they share a time limit.
    on_error : {"raise", "skip"}, default="raise"
        Whether a failing member ends the fit, or is left out and reported in ``failures_``.
    time_limit : float, default=None
        Seconds. Boosters, forests and networks end in time with what they have; other members there is no time for are
        left out. ``"default"`` and ``"best"`` go on with further members while there is time.
    memory_limit : int or str, default=None
        What counts as free for the process, in bytes or as ``"8GB"``: less is fitted at once to keep to it, and a
        warning tells where even one fit is expected to take more. None means what is free.
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
        1 shows what was inferred of columns, and bars in a notebook and on a terminal, elsewhere a line for every
        member; 2 a line for every task.

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
    columns_ : list of dict
        What was made of each column: kind, type, share of missing cells, how many different values, and notes.
    layers_ : int
        How many layers there are: 2 where a second one was kept.
    second_layer_ : str
        Whether the second layer was kept, and why; empty where none was asked for.
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
    interval_width_ : {"constant", "prediction", "disagreement", "both", "quantiles"}
        What their width follows, unless it is told; a list for several targets.
    target_transform_ : str, list of str or None
        On which scale members were fitted, or tried to be with ``"auto"``: ``"log1p"``, the class of a transformer, or
        None for the target's own. A list for several targets.
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
        layers: int = 1,
        categorical: Any = "auto",
        target_transform: Any = None,
        quantiles: Any = False,
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
        self.target_transform = target_transform
        self.quantiles = quantiles

    def _transforms(self, y: NDArray[Any], weight: FloatArray | None, plan: SplitPlan) -> tuple[Any, ...]:
        return wanted_transforms(self.target_transform, y, weight, plan)

    def _checked(self) -> Recipe:
        recipe = super()._checked()
        self._quantile_learners(recipe)
        return recipe

    def _quantile_learners(self, recipe: Recipe) -> dict[str, Learner]:
        return quantile_learners(self.quantiles, self.learners, recipe.learners)

    @property
    def target_transform_(self) -> str | list[str | None] | None:
        """On which scale members were fitted, or ``"auto"`` tried; None for the target's own, a list for several."""
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

        No learner is fitted here. If all members are bagged, and every row is in the test part of one
        fold, the method is CV+ (Barber, Candès, Ramdas & Tibshirani, 2021): the fold models and
        a blender that did not see fold k predict the new row, for every k; the bounds are order
        statistics of these predictions less, and plus, the absolute residuals of fold k.
        Otherwise it is the prediction, less and plus an order statistic of all absolute
        residuals of the cross-fitted blend. ``interval_method_`` says which.

        Unless the width is constant, the residuals are ranked in units of a scale (normalised conformal
        prediction; Papadopoulos, Gammerman & Vovk, 2008): the mean residual of rows of which the same
        is known, learned without the fold of the row. Where no training target is negative, no bound is.

        With ``"quantiles"``, for which a fit with ``quantiles=True`` has models, the sides of the interval are the
        distances from the blend to the residual's quantiles of 5 % and 95 %, multiplied by one number for all rows:
        that which holds the level on rows that did not teach it (conformalised quantile regression; Romano, Patterson
        & Candès, 2019). So the interval need not be symmetric.

        The page "Prediction intervals" of the documentation says what is guaranteed, and what
        was measured instead. With ``groups``, the interval is for a row of a new group. Sample
        weights say how much a row counts in the population that the interval is for.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        level : float, default=0.9
            The share of new rows whose target should be inside; above 0 and below 1.
        width : {"auto", "constant", "prediction", "disagreement", "both", "quantiles"}, default="auto"
            What the width follows: nothing, the blend's prediction, how far the members disagree, both, or models of
            the residual's quantiles. With
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
            When the level is not a number between 0 and 1, or the width not one of these; or for
            ``"quantiles"`` where none were fitted.

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

    def explain(self, X: Any, *, method: str = "auto", background: Any = None, n_permutations: int = 5) -> Explanation:
        """Tell what each column adds to each prediction.

        The contributions of trees are their SHAP values (Lundberg & Lee, 2017) by path-dependent TreeSHAP
        (Lundberg et al., 2020); those of a linear model are its terms, an encoded column's being given to the
        column that it was made of. They are averaged over fold models and blended as the predictions are.

        What has no such contributions (neighbours, forests, perceptrons, pipelines, a log link, a transformed target;
        or a blend that is no sum) is explained by the shap library (extra ``shap``) from its predictions: each
        column's cells are exchanged for those of background rows in random orders (Štrumbelj & Kononenko, 2014).
        That takes ``n_permutations * (2 * n_features + 1) * n_background`` predictions of a row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        method : {"auto", "exact", "permutation"}, default="auto"
            ``"auto"`` estimates for the members that have no exact contributions, and for the blend as a whole if
            it is not linear. ``"exact"`` refuses there. ``"permutation"`` explains the blend as a whole.
        background : array-like or frame, default=None
            Rows that stand for a column that is not known, 20 to 100 of them; None takes at most 50 rows of ``X``.
            Only for what is estimated.
        n_permutations : int, default=5
            Orders of the columns, each walked forwards and backwards. Only for what is estimated; one is
            enough for what no more than two columns bring about together.

        Returns
        -------
        Explanation of shape (n_samples, n_features + 1)
            An array, in units of the target; the last column is the base value, and each row sums to
            its prediction up to rounding, which is in single precision for XGBoost. For several
            targets of shape (n_samples, n_outputs, n_features + 1). It knows its ``columns``, ``base_values``,
            ``unit`` and ``methods``, and has ``to_frame()``, ``importances()`` and ``to_shap()``.

        Raises
        ------
        ParameterError
            When a background is needed and ``X`` has fewer than 20 rows; with ``method="exact"`` when the blend
            is not linear, or a member with a weight has no contributions in units of the target.
        MissingExtraError
            When something is to be estimated and the extra is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", random_state=0).fit(X, y)
        >>> contributions = ensemble.explain(X[:3])
        >>> contributions.shape, contributions.methods
        ((3, 11), {'ridge': 'exact', 'elastic_net': 'exact'})
        >>> bool(abs(contributions.sum(axis=1) - ensemble.predict(X[:3])).max() < 1e-9)
        True
        """
        return Request(self, X, method, background, n_permutations).of_regression()
