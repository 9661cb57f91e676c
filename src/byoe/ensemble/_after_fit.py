"""What a fitted ensemble can be turned into without fitting its members again."""

from __future__ import annotations

import copy
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..data._input import read_known_target, read_weights
from ..errors import InputError, ParameterError
from ..registry._classes import check_classes
from ..registry._members import check_members
from ..scoring._board import board_of_rows
from ..scoring._diagnosis import Diagnosis, diagnose
from ..scoring._leaderboard import Leaderboard
from ._all_rows import serve_all_rows
from ._pruning import read_predict_ms, read_tolerance, worth_their_time
from ._recipe import Recipe
from ._variants import pruned, refitted, with_members, without_members
from ._watching import WatchingEnsemble


class ChangeableEnsemble(WatchingEnsemble):
    """Another blender, more members or fewer; and a closer look."""

    def reblend(self, blender: Any, X: Any = None) -> Self:
        """Return a fitted ensemble with another blender on the same members; no learner is refitted.

        Parameters
        ----------
        blender : str, Blender or scikit-learn estimator
        X : array-like or frame, default=None
            The training features, only for a blender with ``passthrough``.

        Returns
        -------
        EnsembleRegressor or EnsembleClassifier
            A new one, which shares the fitted members with this one.
        """
        check_is_fitted(self, "members_")
        other = copy.copy(self)
        other.blender = blender
        other._blend_anew(X)
        return other

    def add_members(self, learners: Any, X: Any) -> Self:
        """Return a fitted ensemble with further members; only these are fitted, on the same folds.

        With the same seed it is the ensemble that a fit of all members together gives, where no folds were repeated in
        time that was left and no second layer was kept. A member that the fit has left out may join under its label.

        Parameters
        ----------
        learners : sequence or mapping
            As for the constructor.
        X : array-like or frame of shape (n_samples, n_features)
            The table that the ensemble was fitted on.

        Returns
        -------
        EnsembleRegressor or EnsembleClassifier
            A new one, blended again, which shares the fitted members with this one.

        Raises
        ------
        InputError
            When ``X`` is another table.
        ParameterError
            When a member has the label already.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge",), random_state=0).fit(X, y)
        >>> list(ensemble.add_members(["knn"], X).members_)
        ['ridge', 'knn']
        """
        check_is_fitted(self, "members_")
        table = self._training_table(X)
        other = with_members(self, learners, table)
        other._blend_anew(X)
        serve_all_rows(other, other._rows_of_fit(table), other._resources(), set(other.members_) - set(self.members_))
        return other

    def drop_members(self, *labels: str, X: Any = None) -> Self:
        """Return a fitted ensemble without some members, blended again; nothing is fitted but the blender.

        Parameters
        ----------
        *labels : str
        X : array-like or frame, default=None
            The training features, only for a blender with ``passthrough``.

        Returns
        -------
        EnsembleRegressor or EnsembleClassifier
            A new one; this one is not changed.
        """
        check_is_fitted(self, "members_")
        other = without_members(self, labels)
        other._blend_anew(X)
        return other

    def prune(self, tolerance: float = 0.0, *, predict_ms: float | None = None, X: Any = None) -> Self:
        """Return a fitted ensemble without members that are not worth their time; nothing is fitted but the blender.

        By default those leave that the blend gives no weight, and it predicts the same, to the bit. With a tolerance
        or a bound others leave, too: one after the other, each time the one that saves most time for what its leaving
        loses, while the rest is blended again. Times are those of the leaderboard; a note of it says who left, what
        that cost and what it saved. The score estimate is then that of the new blend, a touch too good, since the
        same rows have chosen its members; without tolerance and bound it is still that of the whole procedure.

        What is saved of it is smaller, and needs the libraries of its members only.

        Parameters
        ----------
        tolerance : float, default=0.0
            By which share the error of the cross-validated blend may grow if all time is saved, and in proportion for
            less: with 0.01 a member that takes half of the time stays if the error grows by 0.5 % without it. The
            error is the distance to the metric of perfect predictions: a loss itself, ``1 - roc_auc``, ``1 - r2``.
            The cross-validated one and that in sample both keep to it.
        predict_ms : float, default=None
            Milliseconds that 1,000 rows may take, instead of a tolerance: members leave until the others keep to it.
        X : array-like or frame, default=None
            The training features, only with a tolerance or a bound for a blender with ``passthrough``.

        Returns
        -------
        EnsembleRegressor or EnsembleClassifier
            A new one, which shares its members with this one.

        Raises
        ------
        ParameterError
            When no member is as fast as ``predict_ms``, the blender was given the members' weights, or the metric
            does not tell how far the blend is from perfect.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor, learner
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge", "knn", "svm"), "best", random_state=0).fit(X, y)
        >>> pruned = ensemble.prune()
        >>> list(pruned.members_), bool((pruned.predict(X) == ensemble.predict(X)).all())
        (['ridge'], True)
        >>> forest = learner("random_forest", n_estimators=20)
        >>> slow = EnsembleRegressor(("ridge", forest), "weighted", random_state=0).fit(X, y)
        >>> fast = slow.prune(0.01)
        >>> list(fast.members_), fast.score_estimate_ >= 1.01 * slow.score_estimate_
        (['ridge'], True)
        """
        check_is_fitted(self, "members_")
        tolerance = read_tolerance(tolerance)
        if predict_ms is None:
            return worth_their_time(self, tolerance, None, X) if tolerance else pruned(self)
        if tolerance:
            raise ParameterError("tolerance and predict_ms are two ways to say how much may be left out; give one")
        return worth_their_time(self, 0.0, read_predict_ms(predict_ms), X)

    def refit(self, X: Any) -> Self:
        """Return a fitted ensemble that serves one model of each member, fitted on all rows, instead of a bag.

        Of the same size as a bag's one fold model, it is several times smaller and faster, and of
        trees a little less accurate. Where early stopping found the numbers of rounds of the folds,
        their mean is used. The weights of the blend stay.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            The table that the ensemble was fitted on.

        Returns
        -------
        EnsembleRegressor or EnsembleClassifier
            A new one; members that are not bagged are shared with this one.

        Raises
        ------
        InputError
            When ``X`` is another table.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("lightgbm", "ridge"), random_state=0).fit(X, y)
        >>> lean = ensemble.refit(X)
        >>> [len(one.members_["lightgbm"].models) for one in (ensemble, lean)]
        [6, 1]
        """
        check_is_fitted(self, "members_")
        return refitted(self, self._training_table(X))

    def leaderboard(self, X: Any, y: Any, *, sample_weight: Any = None) -> Leaderboard:
        """Return how good the blend, every member and a guess without features are on other rows.

        Pass rows that were not in the fit: on those ``leaderboard_`` is honest, and this is not.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        Leaderboard
            The metric, the difference to the best member with its standard error, the weight in the blend, and the
            milliseconds that 1,000 rows take.

        Raises
        ------
        InputError
            When the rows are not like those of the fit, or hold an unknown class.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X[:300], y[:300])
        >>> board = ensemble.leaderboard(X[300:], y[300:])
        >>> board["blend"]["rmse"] < board["baseline"]["rmse"]
        True
        """
        table = self._read(X)
        weight = read_weights(sample_weight, table)
        target = read_known_target(y, len(table), self._task)
        return board_of_rows(self, self._out_of_fold, self._recipe().metric_for(self._task), table, target, weight)

    def diagnose(self, X: Any = None) -> Diagnosis:
        """Return the leaderboard with what takes longer to compute; it is kept for the next call.

        Blenders are fitted for it, learners are not. It has these further columns:

        - ``loses_without``: how much worse the blend's cross-validated metric gets, in units of
          the metric, without the member; None where the blender cannot do with fewer members.
        - ``weight_low``, ``weight_high``: 90 % bootstrap interval of the weight (percentiles of
          200 samples, 40 for a metric that is no mean over rows; Efron, 1979), over rows or whole
          groups. ``auto``'s choice is kept. A sample has at most 5,000 rows, rescaled to all (Bickel,
          Götze & van Zwet, 1997).
        - ``bytes``: size of the member's files in a bundle.

        Parameters
        ----------
        X : array-like or frame, default=None
            The training features, only for a blender with ``passthrough``.

        Returns
        -------
        Diagnosis
            A leaderboard. Its ``correlation`` of shape (n_members, n_members), in the order of
            ``members_``, is that of the out-of-fold residuals; for classes a residual is one
            minus the probability of the true class.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> diagnosis = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y).diagnose()
        >>> diagnosis[1]["member"], diagnosis[1]["loses_without"] > 0
        ('ridge', True)
        """
        check_is_fitted(self, "members_")
        if self._diagnosis is None:
            recipe = self._recipe()
            blender, features = self._unfitted(recipe, X)
            metric, task, seed = recipe.metric_for(self._task), self._task, self._record.seed
            self._diagnosis = diagnose(
                self,
                self._record,
                self.leaderboard_,
                blender=blender,
                features=features,
                scoring=self._scoring(metric),
                decided=lambda oof: self._decided(oof, metric, seed, task, blender),
                class_weight=self._class_weight(self._task),
            )
        return self._diagnosis

    def _blend_anew(self, X: Any) -> None:
        recipe = self._recipe()
        metric = recipe.metric_for(self._task)
        metric.check(self._oof.y, self._task, self._oof.weight)
        self._blend(self._oof, *self._unfitted(recipe, X), metric)

    def _unfitted(self, recipe: Recipe, X: Any) -> tuple[Blender, FloatArray | None]:
        """Return a recipe's blender for the fitted members, and the features if it wants them."""
        blender, features = recipe.blender, None
        if blender.passthrough is not False:
            if X is None:
                raise InputError(f"blender {blender.name!r} with passthrough needs the training features: pass X")
            features = self._passed_through(blender, self._training_table(X))
        blender = self._wrapped(blender, self._task)
        learners = {label: member.learner for label, member in self.members_.items()}
        check_members(learners, blender, self._task, weighted=self._weighs(self._oof.weight))
        if self._task.classes is not None:
            check_classes({}, recipe.blender, self._task.classes)
        return blender, features
