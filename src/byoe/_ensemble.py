"""`EnsembleRegressor` and `EnsembleClassifier`: parameters in, engine called."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._contracts import OOF, Blender, FloatArray, Learner, Task
from ._crossfit import CrossFit, Failure, cross_fit, fit_blend
from ._errors import InputError, ParameterError, UnknownNameError, did_you_mean
from ._leaderboard import Leaderboard
from ._members import DROP, FittedMember, as_blender, as_learner, entries, find_label, members, replaced
from ._metrics import Metric, find_metric
from ._schedule import cores
from ._splits import SplitPlan, make_plan
from ._table import Table, read_table, read_target

_FINALIZE = ("auto", "bag", "refit")
_ON_ERROR = ("raise", "skip")


class _Ensemble(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """All that the two public classes share."""

    _classifies: bool

    members_: dict[str, FittedMember]
    blender_: Blender
    oof_predictions_: FloatArray
    coverage_: NDArray[np.bool_]
    failures_: list[Failure]
    leaderboard_: Leaderboard
    score_estimate_: float
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    _task: Task
    _y: NDArray[Any]
    _weight: FloatArray | None
    _plan: SplitPlan
    _seed: int
    _seconds: dict[str, float]
    _blend_oof: FloatArray
    _blend_scored: NDArray[np.bool_]

    def __init__(
        self,
        learners: Any = ("catboost", "xgboost", "lightgbm"),
        blender: Any = "weighted",
        *,
        cv: Any = 5,
        metric: Any = "auto",
        finalize: str = "auto",
        on_error: str = "raise",
        callbacks: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.learners = learners
        self.blender = blender
        self.cv = cv
        self.metric = metric
        self.finalize = finalize
        self.on_error = on_error
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- parameters ------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters; with ``deep`` also those of the members and of the blender.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
            A member's parameters stand under ``label__parameter``, the blender's under
            ``blender__parameter``.
        """
        found: dict[str, Any] = super().get_params(deep=False)
        if not deep:
            return found
        for label, given in entries(self.learners):
            learner = as_learner(given)
            found[label] = DROP if learner is None else getattr(learner, "template", learner)
            for key, value in learner.get_params().items() if learner is not None else ():
                found[f"{label}__{key}"] = value
        for key, value in as_blender(self.blender).get_params().items():
            found[f"blender__{key}"] = value
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the ensemble, of a member or of the blender.

        Parameters
        ----------
        **params
            ``cv=10``, ``xgboost__max_depth=4`` (also when the member was given as a bare
            name), ``xgboost="drop"``, ``blender__alpha=1.0``.
        """
        own = set(self._get_param_names())
        for name in sorted(params, key=lambda key: ("__" in key, key not in own)):
            head, _, tail = name.partition("__")
            value = params[name]
            if name in own:
                setattr(self, name, value)
            elif head == "blender" and tail:
                self.blender = clone(as_blender(self.blender)).set_params(**{tail: value})
            else:
                label = find_label(self.learners, head)
                if label is None:
                    labels = [known for known, _ in entries(self.learners)]
                    raise UnknownNameError(
                        f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                        + did_you_mean(head, [*own, *labels])
                    )
                self._set_member(label, tail, value)
        return self

    def _set_member(self, label: str, parameter: str, value: Any) -> None:
        if parameter:
            learner = as_learner(dict(entries(self.learners))[label])
            if learner is None:
                raise ParameterError(f"member {label!r} is dropped; it has no parameter {parameter!r}")
            value = clone(learner).set_params(**{parameter: value})
        self.learners = replaced(self.learners, label, value)

    # -- fitting ---------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Cross-fit the members, fit the blender on their out-of-fold predictions, finalise.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Numbers; NaN where a cell is missing.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative. Every member must take weights.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group never stand on both sides of a fold.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When the data are not what is expected.
        ParameterError
            When a parameter, label or learner is wrong.
        MemberError
            When a member fails and ``on_error="raise"``, or all of them do.
        """
        learners, blender = self._checked()
        if y is None:
            raise InputError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        table = read_table(self, X, reset=True)
        target, task, classes = read_target(y, classification=self._classifies)
        if len(target) != len(table):
            raise InputError(f"X has {len(table)} rows and y has {len(target)} (inconsistent numbers of samples)")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, table.values, dtype=np.float64, ensure_non_negative=True
            )
        self._check_members(learners, blender, table, sample_weight is not None)
        metric = find_metric(self.metric, task, probabilities=blender.gives_probabilities)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        plan = make_plan(self.cv, table.values, target, groups, task, seed)
        fitted = cross_fit(
            learners,
            table,
            target,
            sample_weight,
            plan,
            task,
            finalize={label: self._finalize_of(learner, plan) for label, learner in learners.items()},
            seed=seed,
            n_jobs=self.n_jobs,
            on_error=self.on_error,
            callbacks=self._listeners(),
        )
        if classes is not None:
            self.classes_ = classes
        self._task, self._y, self._weight = task, target, sample_weight
        self._plan, self._seed = plan, seed
        self._keep(fitted)
        self._blend(blender, table.values, metric)
        return self

    def _checked(self) -> tuple[dict[str, Learner], Blender]:
        for name, value, allowed in (
            ("finalize", self.finalize, _FINALIZE),
            ("on_error", self.on_error, _ON_ERROR),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
        taken = {label for label, _ in entries(self.learners)} & set(self._get_param_names())
        if taken:
            raise ParameterError(f"label {taken.pop()!r} is the name of a parameter of {type(self).__name__}")
        return (
            {label: clone(learner) for label, learner in members(self.learners).items()},
            clone(as_blender(self.blender)),
        )

    def _check_members(self, learners: Mapping[str, Learner], blender: Blender, table: Table, weighted: bool) -> None:
        kind = "classification" if self._classifies else "regression"
        holes = np.isnan(table.values).any(axis=0) if np.isnan(table.values.sum()) else np.zeros(0, dtype=bool)
        for label, learner in learners.items():
            learner.own_params()
            if kind not in learner.tasks and not hasattr(learner, "template"):
                raise ParameterError(f"member {label!r}: {learner.name} does not do {kind}")
            if weighted and not learner.weights:
                raise ParameterError(
                    f"member {label!r} takes no sample_weight; leave the weights out or the member (set it to 'drop')"
                )
            if holes.any() and not learner.missing:
                raise InputError(
                    f"member {label!r} cannot handle missing values, and {holes.sum()} columns have some "
                    f"(the first is number {holes.argmax()}); impute them or leave the member out"
                )
        blender.own_params()
        if kind not in blender.tasks:
            raise ParameterError(f"blender {blender.name!r} does not do {kind}")

    def _finalize_of(self, learner: Learner, plan: SplitPlan) -> str:
        reason = plan.why_not_bag()
        if self.finalize == "bag" and reason:
            import warnings

            warnings.warn(f"finalize='bag' although {reason}; 'refit' would serve one model per member", stacklevel=3)
        if self.finalize != "auto":
            return self.finalize
        return "refit" if reason else learner.finalize

    def _listeners(self) -> tuple[Any, ...]:
        given = self.callbacks or ()
        listeners = tuple(given) if hasattr(given, "__iter__") else (given,)
        if self.verbose:
            listeners += (_print_progress,)
        return listeners

    def _keep(self, fitted: CrossFit) -> None:
        self.members_ = fitted.members
        self.oof_predictions_ = fitted.oof
        self.coverage_ = self._plan.coverage
        self.failures_ = fitted.failures
        self._seconds = fitted.seconds

    def _blend(self, blender: Blender, values: FloatArray | None, metric: Metric) -> None:
        if metric.needs_probabilities and not blender.gives_probabilities:
            raise ParameterError(f"metric {metric.name!r} needs probabilities, and blender {blender.name!r} gives none")
        features = values if blender.passthrough else None
        oof = OOF(self.oof_predictions_, self._y, self._task, self._weight, features, self._seed)
        self.blender_, self._blend_oof, self._blend_scored = fit_blend(blender, oof, self._plan)
        rows = self._blend_scored
        value = self._measure(metric, self._blend_oof, rows) if rows.any() else float("nan")
        self.score_estimate_ = metric.score(value)
        self._metric_name = metric.name
        weights = getattr(self.blender_, "weights_", None)
        board: list[dict[str, Any]] = [
            {
                "member": label,
                metric.name: self._measure(metric, self.oof_predictions_[:, column], self.coverage_),
                "weight": None if weights is None else float(weights[column]),
                "finalize": member.finalize,
                "models": len(member.models),
                "fit_seconds": self._seconds[label],
            }
            for column, (label, member) in enumerate(self.members_.items())
        ]
        board.sort(key=lambda row: -metric.score(row[metric.name]))
        total: dict[str, Any] = {"weight": None, "finalize": None, "models": sum(row["models"] for row in board)}
        total["fit_seconds"] = sum(row["fit_seconds"] for row in board)
        self.leaderboard_ = Leaderboard([{"member": "blend", metric.name: value, **total}, *board])

    def _measure(self, metric: Metric, prediction: FloatArray, rows: NDArray[np.bool_]) -> float:
        return metric.value(
            self._y[rows],
            prediction[rows],
            classes=getattr(self, "classes_", None),
            sample_weight=None if self._weight is None else self._weight[rows],
        )

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
        made = clone(as_blender(blender))
        values = None
        if made.passthrough:
            if X is None:
                raise InputError(f"blender {made.name!r} with passthrough needs the training features: pass X")
            values = read_table(self, X, reset=False).values
            if len(values) != len(self._y):
                raise InputError(f"X has {len(values)} rows, the ensemble was fitted on {len(self._y)}")
        other._blend(made, values, find_metric(self.metric, self._task, probabilities=made.gives_probabilities))
        return other

    # -- predicting ------------------------------------------------------------------

    def _read(self, X: Any) -> Table:
        check_is_fitted(self, "members_")
        return read_table(self, X, reset=False)

    def _member_predictions(self, table: Table) -> FloatArray:
        threads = cores(self.n_jobs)
        stacked = [m.predict(table.all(frames=m.learner.frames), threads) for m in self.members_.values()]
        return np.stack(stacked, axis=1)

    def _blended(self, table: Table) -> FloatArray:
        predictions = self._member_predictions(table)
        features = table.values if self.blender_.passthrough else None
        return self._task.check(
            self.blender_.predict(predictions, features), len(table), f"blender {self.blender_.name}"
        )

    def transform(self, X: Any) -> FloatArray:
        """Return the members' predictions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_members)
            In units of the target; for two classes the probability of the second one; for
            more, (n_samples, n_members * n_classes) probabilities, member by member.
        """
        from ._meta_model import meta_features

        return meta_features(self._member_predictions(self._read(X)))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns of ``transform``."""
        check_is_fitted(self, "members_")
        if self._task.n_classes > 2:
            names = [f"{label}_{name}" for label in self.members_ for name in self.classes_]
        else:
            names = list(self.members_)
        return np.asarray(names, dtype=object)

    def save(self, path: str | Path) -> Path:
        """Write the fitted ensemble as a bundle: a folder with a manifest and native files.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist yet, is empty, or holds an older bundle.

        Returns
        -------
        Path

        Raises
        ------
        BundleError
            When the folder holds something else.
        """
        from ._bundle import save

        check_is_fitted(self, "members_")
        return save(self, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_") and hasattr(self, "blender_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            tags.input_tags.allow_nan = all(learner.missing for learner in members(self.learners).values())
        except (ParameterError, TypeError):  # fit says what is wrong with the learners
            tags.input_tags.allow_nan = False
        tags.target_tags.required = True
        return tags


class EnsembleRegressor(RegressorMixin, _Ensemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for regression.

    Every member predicts each row by a model that did not see it; the blender learns from
    these out-of-fold predictions alone (Wolpert, 1992; van der Laan et al., 2007).

    Parameters
    ----------
    learners : sequence or mapping, default=("catboost", "xgboost", "lightgbm")
        Registered names, estimator instances, configured learners, ``(label, any of these)``
        pairs; or a mapping of registered name to parameters. ``"drop"`` as the second item
        of a pair leaves the member out.
    blender : str, Blender or estimator, default="weighted"
        A registered name (``"mean"``, ``"weighted"``, ``"meta-linear"``, ``"vote"``, …), a
        configured blender, or any scikit-learn regressor as the meta-model.
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
        Fitted; ``blender_.weights_`` of shape (n_members,) where it is a weighting.
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
        The blend's score on rows that neither the members' fold models nor the blender saw;
        in scikit-learn's sign, greater is better.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Only when fitted on a frame.

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


def _gives_probabilities(ensemble: EnsembleClassifier) -> bool:
    fitted = getattr(ensemble, "blender_", None)
    if (fitted or as_blender(ensemble.blender)).gives_probabilities:
        return True
    raise AttributeError("this blender votes for a class and gives no probabilities")


class EnsembleClassifier(ClassifierMixin, _Ensemble):  # type: ignore[misc]  # scikit-learn is not typed
    """A stacked ensemble for classification, of two classes or more.

    The parameters and attributes are those of `EnsembleRegressor`, with these differences:
    an integer ``cv`` is stratified, the default metric is the log-loss (accuracy where the
    blender gives no probabilities), ``oof_predictions_`` has the shape
    (n_samples, n_members, n_classes), and there is ``classes_``.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        Labels of any type, sorted.

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


def _print_progress(progress: Any) -> None:
    where = "refit" if progress.fold < 0 else f"fold {progress.fold + 1}"
    state = "failed" if progress.failed else "done"
    print(
        f"[byoe] {progress.done}/{progress.total} {progress.label} {where} {state} in {progress.seconds:.2f} s",
        flush=True,
    )
