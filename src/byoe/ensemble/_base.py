"""What the two ensembles share: parameters in, engine called, predictions out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..blenders._per_output import PerLabel, PerOutput
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import FloatArray, Task
from ..data._form import TableForm
from ..data._input import describe_target, read_table
from ..data._listed import Columns
from ..data._profile import Profile
from ..data._table import Table
from ..engine._blend import Blend, BlendingInTime
from ..engine._clock import read_time_limit
from ..engine._crossfit import CrossFit, Failure, cross_fit
from ..engine._labels import check_rare_classes
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._tasks import ALL_ROWS, HOLD_OUT
from ..errors import ByoeError, ParameterError
from ..fitted._models import BOTH, FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicted import predicted_spreads
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..folds._plan import SplitPlan
from ..registry._members import labelled, members
from ..registry._portfolios import DEFAULT
from ..scoring._board import board
from ..scoring._diagnosis import Diagnosis
from ..scoring._leaderboard import Leaderboard
from ..scoring._metrics import Metric
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened
from ..tools._sizes import read_bytes
from ..tools._warnings import hearing
from ._all_rows import serve_all_rows
from ._beginning import Beginning, begin, blended
from ._deciding import DecidingEnsemble
from ._display import displays, show_columns, show_note
from ._fit_signature import HonestFit
from ._interrupted import TellingWhatIsKept
from ._layers import check_layers, warn_of_an_idle_layer, warn_of_another_loss
from ._parameters import NestedParameters
from ._quantiles import fit_quantiles, for_members
from ._recipe import Recipe
from ._running import FoldListener, RunningScore
from ._second_layer import SecondLayer
from ._spare_time import first_members, repeat_folds, use_spare_time
from ._target_transform import names_of
from ._unseen import KnowsUnseenRows

_FINALIZE = ("auto", "bag", "refit", BOTH)
_ON_ERROR = ("raise", "skip")
_EARLY_STOPPING = ("auto", True, False, HOLD_OUT)


class BaseEnsemble(DecidingEnsemble, KnowsUnseenRows, Predicting, NestedParameters):
    """The constructor, the fit, and what a prediction is made of."""

    columns_: Columns
    failures_: list[Failure]
    leaderboard_: Leaderboard
    score_estimate_: float
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    _record: FitRecord
    _held_out: tuple[Blender, ...] = ()
    _quantiles: Sequence[FittedMember] = ()
    _diagnosis: Diagnosis | None = None
    _profile: Profile | None = None  # what training held; older bundles do not tell
    _on_fold: FoldListener | None = None  # of a trial that may be ended before all folds are done

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
        self.layers = layers
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

    @HonestFit
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Cross-fit the members, fit the blender on their out-of-fold predictions, finalise.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Numbers, texts, categories, booleans and dates, also in texts; missing cells may be NaN or None.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Of several columns targets of a regression; for a classifier labels, each 1 where a row has it and 0
            where it has not.
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
        with hearing() as warned:
            self._fit(X, y, sample_weight, groups)
        self._record = replace(self._record, warnings=[*warned, *(failure.told for failure in self.failures_)])
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
        started = time.monotonic()
        begun = begin(self, X, y, sample_weight, groups)
        learners, data = first_members(self, begun), begun.data
        if self.verbose > 0:
            show_columns(begun.columns)
        with opened(self.store, learners, data, begun.digest) as stored, TellingWhatIsKept(stored):
            resources = for_members(replace(self._resources(), started=started), learners, begun.quantiles)
            watch = None if self._on_fold is None else RunningScore(self, begun, learners, self._on_fold)
            crossfit = self._cross_fitted(learners, data, begun.seed, stored, replace(resources, watch=watch))
        longer, budget = use_spare_time(self, begun, crossfit, resources)
        self._task, self._form, self.columns_ = data.task, begun.form, begun.columns
        if data.task.classes is not None:
            self._learn_classes(data.task.classes)
        self._learn_names(begun.form)
        self._profile = Profile.of(data.table, begun.form, data.weight)
        members_done, target = time.monotonic(), describe_target(y)
        with TellingWhatIsKept(stored):
            try:
                self._take_members(longer, begun, resources, budget, target)
            except ByoeError as error:
                if len(longer.members) == len(crossfit.members):
                    raise
                budget = f"{budget}; none of these is in the blend: {str(error).partition(chr(10))[0]}"
                first = replace(crossfit, failures=longer.failures)
                self._take_members(first, begun, resources, budget, target)
        scoring = time.monotonic() - members_done
        serve_all_rows(self, data, resources, self.members_)
        if self.layers > 1:
            SecondLayer(self, begun, resources).attempt()
        repeat_folds(self, begun, resources, members=members_done - started, scoring=scoring)
        show_note(self._record.budget, self.verbose)
        fit_quantiles(self, begun.quantiles, data, started)
        warn_of_an_idle_layer(self.leaderboard_, begun.metric, self.members_)

    def _take_members(
        self, crossfit: CrossFit, begun: Beginning, resources: Resources, budget: str, target: Mapping[str, Any]
    ) -> None:
        """Take members that are fitted, with what is known of their fit, and blend them."""
        data = begun.data
        self.members_, self.failures_ = crossfit.members, crossfit.failures
        seconds = crossfit.seconds, crossfit.seconds_to_predict()
        self._record = FitRecord(
            begun.seed,
            begun.digest,
            target,
            begun.metric.name,
            *seconds,
            names_of(data.transforms, data.y, data.weight),
            budget=budget,
        )
        oof = OutOfFold.unblended(crossfit.oof, data.y, data.weight, data.plan)
        with BlendingInTime(resources):
            self._blend(oof, begun.blender, begun.features, begun.metric)

    def _checked(self) -> Recipe:
        """Return what the parameters mean, all of them checked."""
        for name, value, allowed in (
            ("finalize", self.finalize, _FINALIZE),
            ("on_error", self.on_error, _ON_ERROR),
            ("early_stopping", self.early_stopping, _EARLY_STOPPING),
        ):
            if value not in allowed:
                raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
        self._limits()
        check_layers(self.layers)
        taken = {label for label, _ in labelled(self.learners)} & set(self._get_param_names())
        if taken:
            raise ParameterError(f"label {taken.pop()!r} is the name of a parameter of {type(self).__name__}")
        return self._recipe()

    def _learn_names(self, form: TableForm) -> None:
        """Set what scikit-learn's estimators tell of their columns."""
        self.n_features_in_ = len(form)
        if form.names is not None:
            self.feature_names_in_ = np.asarray(form.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):  # of an earlier fit
            del self.feature_names_in_

    def _cross_fitted(
        self, learners: Mapping[str, Learner], data: Rows, seed: int, stored: Any, resources: Resources | None = None
    ) -> CrossFit:
        if self.on_error == "raise":
            check_rare_classes(learners, data)
        return cross_fit(
            learners,
            data,
            finalize={label: self._finalize_of(learner, data.plan) for label, learner in learners.items()},
            stopping=self._stopping(learners),
            seed=seed,
            resources=resources or self._resources(),
            stored=stored,
        )

    def _wrapped(self, blender: Blender, task: Task) -> Blender:
        if task.n_outputs == 1:
            return blender
        return PerLabel(blender) if task.is_multilabel else PerOutput(blender)

    def _transforms(self, y: NDArray[Any], weight: FloatArray | None, plan: SplitPlan) -> tuple[Any, ...]:
        """Return by target on which scale members are fitted; nothing, where that is the target's own."""
        return ()

    def _quantile_learners(self, recipe: Recipe) -> dict[str, Learner]:
        """Return who fits the quantiles of the blend's residual; nobody, where none are wanted."""
        return {}

    def _rows(
        self, table: Table, y: NDArray[Any], weight: FloatArray | None, task: Task, plan: SplitPlan, stop_loss: Any
    ) -> Rows:
        """Return the data of a fit."""
        transforms = self._transforms(y, weight, plan)
        return Rows(table, y, weight, task, plan, stop_loss, transforms, self._class_weight(task))

    def _rows_of_fit(self, table: Table) -> Rows:
        """Return the data of the fit again, of its table."""
        oof, task = self._oof, self._task
        return self._rows(table, oof.y, oof.weight, task, oof.plan, self._recipe().metric_for(task).stop_loss)

    def _stopping(self, learners: Mapping[str, Learner]) -> dict[str, str]:
        """Return how the members that stop early find their number of rounds."""
        if not self.early_stopping:
            return {}
        how = HOLD_OUT if self.early_stopping == HOLD_OUT else ALL_ROWS
        asked = not isinstance(self.early_stopping, str)  # also where a number is given, which is the most then
        return {label: how for label, one in learners.items() if one.finds_rounds and (asked or not one.rounds_given)}

    def _finalize_of(self, learner: Learner, plan: SplitPlan) -> str:
        if learner.frozen:
            return "refit"
        if self.finalize != "auto":
            return "bag" if self.finalize == BOTH else self.finalize
        return "refit" if plan.why_not_bag() else learner.finalize

    def _resources(self) -> Resources:
        """Return what the engine may use, and whom it tells."""
        listeners = self.callbacks or ()
        listeners = listeners if hasattr(listeners, "__iter__") else (listeners,)
        shown = (*listeners, *displays(self.verbose))
        time_limit, memory_limit = self._limits()
        return Resources(self.n_jobs, time_limit, memory_limit, on_error=self.on_error, callbacks=shown)

    def _limits(self) -> tuple[float | None, int | None]:
        return read_time_limit(self.time_limit), read_bytes(self.memory_limit, "memory_limit")

    def _draw_seed(self) -> int:
        try:
            return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        except ValueError as error:
            raise ParameterError(f"random_state is {self.random_state!r}: {error}") from error

    def _blend(self, oof: OutOfFold, blender: Blender, features: FloatArray | None, metric: Metric) -> None:
        """Blend the members by what is known of rows that they did not see."""
        warn_of_another_loss(blender, metric)
        blend, oof = blended(oof, blender, features, metric, self._task, self._record.seed)
        self._take(blend, oof, blender, features, metric)

    def _take(self, blend: Blend, oof: OutOfFold, asked: Blender, features: FloatArray | None, metric: Metric) -> None:
        """Take a fitted blend of the members as one's own, and score it."""
        self.blender_, self._held_out, self._out_of_fold = blend.blender, blend.held_out, oof
        if self._profile is not None:
            seen = predicted_spreads(self, oof.blend[oof.scored])
            self._profile = self._profile.with_predictions(seen)
        self._score(asked, features, metric)

    def _score(self, blender: Blender, features: FloatArray | None, metric: Metric) -> None:
        """Find the threshold, and score the blend."""
        threshold, by_fold = self._thresholds(self._oof, self._record.seed)
        self._record = replace(self._record, metric=metric.name, threshold=threshold, fold_thresholds=by_fold)
        self._diagnosis, scoring = None, self._scoring(metric)
        self.score_estimate_, self.leaderboard_ = board(self, self._record, scoring, features, asked=blender)

    def _scoring(self, metric: Metric) -> Scoring:
        return Scoring.of(self._oof, metric, seed=self._record.seed, classes=getattr(self, "classes_", None))

    @property
    def layers_(self) -> int:
        """How many layers the fitted ensemble has: 2 where a second one was kept."""
        check_is_fitted(self, "members_")
        return 2 if any(member.feeders for member in self.members_.values()) else 1

    @property
    def second_layer_(self) -> str:
        """Whether the second layer was kept, and why; empty where none was asked for."""
        check_is_fitted(self, "members_")
        return self._record.second_layer

    # -- predicting ------------------------------------------------------------------

    def _read(self, X: Any) -> Table:
        if not hasattr(self, "members_"):  # the check makes all learners, for the tags that it looks at
            check_is_fitted(self, "members_")
        return read_table(X, self._form, type(self).__name__)

    def _sk_visual_block_(self) -> Any:
        from ._diagram import diagram

        return diagram(self)

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
