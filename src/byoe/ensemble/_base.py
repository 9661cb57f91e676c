"""What the two ensembles share: parameters in, engine called, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..blenders._per_output import PerOutput
from ..bundle._manifest import OOF as OUT_OF_FOLD
from ..bundle._reader import BundleReader
from ..contracts._blender import OOF, Blender
from ..contracts._learner import Learner
from ..contracts._store import as_store
from ..contracts._task import FloatArray, Task
from ..data._input import describe_target, read_table, read_target, read_weights
from ..data._table import Table
from ..engine._blend import fit_blend
from ..engine._clock import read_time_limit
from ..engine._crossfit import CrossFit, Failure, cross_fit
from ..engine._rows import Rows
from ..errors import InputError, ParameterError
from ..fitted._models import FittedMember
from ..fitted._predicting import Predicting
from ..folds._leaks import warn_of_leaks
from ..folds._plan import SplitPlan
from ..folds._splits import make_plan
from ..registry._json_form import arguments
from ..registry._members import as_blender, check_frozen_classes, check_members, labelled, members
from ..registry._portfolios import DEFAULT
from ..scoring._diagnosis import Diagnosis
from ..scoring._leaderboard import Leaderboard, Scoring, board
from ..scoring._metrics import Metric, find_metric
from ..store._stored_tasks import opened, resumed_seed
from ..store._task_keys import plan_key
from ..tools._sizes import read_bytes
from ..tools._warnings import warn
from ._display import displays
from ._layers import warn_of_an_idle_layer, warn_of_inner_ensembles
from ._parameters import NestedParameters

_FINALIZE = ("auto", "bag", "refit")
_ON_ERROR = ("raise", "skip")
_EARLY_STOPPING = ("auto", True, False)
_OUT_OF_FOLD = frozenset("oof_predictions_ coverage_ _y _weight _plan _blend_oof _blend_scored".split())


class BaseEnsemble(Predicting, NestedParameters):
    """The constructor, the fit, and what a prediction is made of."""

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
    _digest: str
    _seconds: dict[str, float]
    _predicting: dict[str, float]
    _blend_oof: FloatArray
    _blend_scored: NDArray[np.bool_]
    _held_out: tuple[Blender, ...]
    _diagnosis: Diagnosis | None = None
    _dtypes: tuple[str, ...]
    _target: dict[str, Any] | None
    _metric_name: str

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
        on_error: str = "raise",
        time_limit: float | None = None,
        memory_limit: int | str | None = None,
        store: Any = None,
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
        self.early_stopping = early_stopping
        self.categorical = categorical
        self.on_error = on_error
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.store = store
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- fitting ---------------------------------------------------------------------

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Cross-fit the members, fit the blender on their out-of-fold predictions, finalise.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Numbers, texts, categories, booleans and dates; missing cells may be NaN or None.
        y : array-like of shape (n_samples,), or (n_samples, n_outputs) for regression
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
        table = read_table(self, X, reset=True, categorical=self.categorical)
        sample_weight = read_weights(sample_weight, table)
        target, task, classes = read_target(y, len(table), sample_weight, classification=self._classifies)
        blender = self._wrapped(blender, task)
        check_members(learners, blender, task, weighted=sample_weight is not None, sparse=table.sparse)
        metric = self._metric_for(blender, task)
        if classes is not None:
            check_frozen_classes(learners, classes)
        features = self._passed_through(blender, table)
        drawn, digest = self._draw_seed(), table.digest()
        plan = make_plan(self.cv, table.values, target, groups, task, drawn)
        data, seed = self._resumed(Rows(table, target, sample_weight, task, plan), drawn, digest)
        plan = data.plan
        self._warn_of_bagging(plan)
        warn_of_leaks(plan, table, target)
        warn_of_inner_ensembles(plan, learners)
        with opened(self.store, learners, data, digest) as stored:
            fitted = cross_fit(
                learners,
                data,
                finalize={label: self._finalize_of(learner, plan) for label, learner in learners.items()},
                stopping={label for label, learner in learners.items() if self._stops(learner)},
                seed=seed,
                stored=stored,
                **self._resources(),
            )
        if classes is not None:
            self.classes_ = classes
        self._task, self._y, self._weight = task, target, sample_weight
        self._target = describe_target(y)
        self._plan, self._seed, self._digest = plan, seed, digest
        self._keep(fitted)
        self._blend(blender, features, metric)
        warn_of_an_idle_layer(self)
        return self

    def _checked(self) -> tuple[dict[str, Learner], Blender]:
        for name, value, allowed in (
            ("finalize", self.finalize, _FINALIZE),
            ("on_error", self.on_error, _ON_ERROR),
            ("early_stopping", self.early_stopping, _EARLY_STOPPING),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
        self._limits()
        taken = {label for label, _ in labelled(self.learners)} & set(self._get_param_names())
        if taken:
            raise ParameterError(f"label {taken.pop()!r} is the name of a parameter of {type(self).__name__}")
        return (
            {label: clone(learner) for label, learner in members(self.learners).items()},
            clone(as_blender(self.blender)),
        )

    def _resumed(self, data: Rows, drawn: int, digest: str) -> tuple[Rows, int]:
        """Return the seed that an earlier fit of the same plan drew, and the plan that it makes."""
        store = as_store(self.store)
        if store is None or self.random_state is not None:
            return data, drawn
        seed = resumed_seed(store, plan_key(self.cv, data, digest), drawn)
        if seed == drawn or not isinstance(self.cv, (int, np.integer)):
            return data, seed
        plan = make_plan(self.cv, data.table.values, data.y, data.plan.groups, data.task, seed)
        return replace(data, plan=plan), seed

    def _wrapped(self, blender: Blender, task: Task) -> Blender:
        return PerOutput(blender) if task.n_outputs > 1 else blender

    def _stops(self, learner: Learner) -> bool:
        given = self.early_stopping == "auto" and learner.rounds_given
        return bool(learner.stops and self.early_stopping and not given)

    def _finalize_of(self, learner: Learner, plan: SplitPlan) -> str:
        if learner.frozen:
            return "refit"
        if self.finalize != "auto":
            return self.finalize
        return "refit" if plan.why_not_bag() else learner.finalize

    def _warn_of_bagging(self, plan: SplitPlan) -> None:
        reason = plan.why_not_bag()
        if self.finalize == "bag" and reason:
            text = f"finalize='bag' although {reason}; 'refit' would serve one model per member"
            warn(text)

    def _resources(self) -> dict[str, Any]:
        """Return what the engine may use, and whom it tells."""
        return {
            "n_jobs": self.n_jobs,
            **self._limits(),
            "on_error": self.on_error,
            "callbacks": self._listeners(),
        }

    def _limits(self) -> dict[str, Any]:
        return {
            "time_limit": read_time_limit(self.time_limit),
            "memory_limit": read_bytes(self.memory_limit, "memory_limit"),
        }

    def _listeners(self) -> tuple[Any, ...]:
        given = self.callbacks or ()
        return (*(given if hasattr(given, "__iter__") else (given,)), *displays(self.verbose))

    def _keep(self, fitted: CrossFit) -> None:
        self.members_ = fitted.members
        self.oof_predictions_ = fitted.oof
        self.coverage_ = self._plan.coverage
        self.failures_ = fitted.failures
        self._seconds = fitted.seconds
        self._predicting = {label: float(fitted.predicting[label]) for label in fitted.members}

    def _metric_for(self, blender: Blender, task: Task) -> Metric:
        metric = find_metric(self.metric, task, probabilities=blender.gives_probabilities)
        if metric.needs_probabilities and not blender.gives_probabilities:
            raise ParameterError(f"metric {metric.name!r} needs probabilities, and blender {blender.name!r} gives none")
        return metric

    def _draw_seed(self) -> int:
        try:
            return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        except ValueError as error:
            raise ParameterError(f"random_state is {self.random_state!r}: {error}") from error

    def _blend(self, blender: Blender, features: FloatArray | None, metric: Metric) -> None:
        oof = OOF(self.oof_predictions_, self._y, self._task, self._weight, features, self._seed, metric=metric)
        blend = fit_blend(blender, oof, self._plan)
        self.blender_, self._held_out = blend.blender, blend.held_out
        self._blend_oof, self._blend_scored = blend.prediction, blend.scored
        self._metric_name, self._diagnosis = metric.name, None
        self.score_estimate_, self.leaderboard_ = board(self, Scoring.of(self, metric), features)

    # -- predicting ------------------------------------------------------------------

    def _read(self, X: Any) -> Table:
        check_is_fitted(self, "members_")
        return read_table(self, X, reset=False)

    def save(self, path: str | Path, *, oof: bool = True, trusted: Sequence[str] = ()) -> Path:
        """Write the fitted ensemble as a bundle: a folder with a manifest and native files.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist yet, is empty, or holds an older bundle.
        oof : bool, default=True
            Whether to keep the out-of-fold predictions, the folds and the target. Without them the
            bundle predicts and explains, and can neither be blended again nor give intervals.
        trusted : sequence of str, default=()
            Classes, as ``module.Class`` or ``package.*``, that the bundle may hold beyond those that
            byoe and installed plugins bring. `byoe.load` wants the same names.

        Returns
        -------
        Path
            The digest of all that was written is the first word of its file ``manifest.sha256``.

        Raises
        ------
        BundleError
            When the folder holds something else, the classes cannot be written as JSON, or a type is
            not trusted.
        SpecError
            When JSON cannot express a member or the blender.
        """
        from ._save import save

        check_is_fitted(self, "members_")
        return save(self, path, oof=oof, trusted=trusted)

    def _filled(self, saved: BundleReader) -> Self:
        """Take what a bundle holds of a fitted ensemble."""
        manifest = saved.manifest
        saved.fill(self)
        self._held_out = saved.held_out()
        self._seed, self._digest = manifest["seed"], manifest["table"]
        self._seconds, self._predicting = manifest["fit_seconds"], manifest["predict_seconds"]
        self._metric_name = manifest["metric"]
        self._target = manifest["target"]
        estimate = manifest["score_estimate"]
        self.score_estimate_ = float("nan") if estimate is None else estimate
        self.leaderboard_ = Leaderboard(manifest["leaderboard"])
        self.failures_ = []
        if OUT_OF_FOLD in manifest["files"]:
            saved.read_oof(self)
            self.coverage_ = self._plan.coverage
        return self

    # An ensemble in an ensemble is a bundle in a bundle: of what predicts, which is all of it that is used.

    def _save_inside(self, folder: Path) -> None:
        from ._save import save

        save(self, folder, oof=False, trusted=None)  # whoever saves the outer one names what is trusted

    def _read_inside(self, folder: Path, trusted: Sequence[str]) -> Self:
        """Return the fitted ensemble that was saved inside another one; this one is not fitted, and of its class."""
        saved = BundleReader(folder, trusted)
        names = self._get_param_names()
        params = arguments(saved.manifest["spec"], saved.trusted)
        made: Self = clone(self).set_params(**{name: value for name, value in params.items() if name in names})
        return made._filled(saved)

    def to_onnx(self, path: str | Path) -> Path:
        """Write the fitted ensemble as one graph of ONNX, which predicts without byoe and without Python.

        The input ``X`` is a float64 matrix of shape (N, n_features) in the order of the ensemble's
        columns: NaN for a missing cell, for a category its code, for a date the days since 1970.
        The output of a regression is ``prediction``, of shape (N,) or (N, n_outputs); of classes
        ``label``, of shape (N,), and ``probabilities``, of shape (N, n_classes), where the blender
        gives them. The graph's metadata ``byoe`` holds, as JSON, the columns with their categories,
        whose positions are the codes, and the classes.

        All is computed in float64, and trees compare as their libraries do, so that predictions
        differ by rounding: about 1e-15, and with XGBoost, which adds up in float32, 1e-6 of the
        largest prediction. Needs ``byoe[onnx]``; the operators are those of ONNX 1.16.

        Parameters
        ----------
        path : str or Path
            A file, which is replaced.

        Returns
        -------
        Path

        Raises
        ------
        ParameterError
            Names all members and the blender that have no form in ONNX, each with the reason.
            Members that the blend gives no weight are left out, as by ``prune``, and need none.
        MissingExtraError
            When ``byoe[onnx]`` is not installed.
        """
        from ..onnx._export import to_onnx

        check_is_fitted(self, "members_")
        return to_onnx(self, path)

    def _sk_visual_block_(self) -> Any:
        from ._diagram import diagram

        return diagram(self)

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there.
        if name in _OUT_OF_FOLD and "members_" in vars(self):
            raise AttributeError(
                f"{name.lstrip('_')} is not there, since the ensemble was saved without its out-of-fold data. To blend "
                "again, for intervals and to diagnose, save it with oof=True"
            )
        return object.__getattribute__(self, name)  # with the usual error, or that of a property

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_") and hasattr(self, "blender_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            made = list(members(self.learners).values())
        except (ParameterError, TypeError):  # fit says what is wrong with the learners
            made = []
        tags.input_tags.allow_nan = all(learner.missing or learner.encoded for learner in made)
        tags.input_tags.sparse = all(learner.sparse for learner in made)
        tags.target_tags.required = True
        tags.target_tags.multi_output = not self._classifies
        return tags
