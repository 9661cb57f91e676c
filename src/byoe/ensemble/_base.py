"""What the two ensembles share: parameters in, engine called, predictions out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..blenders._per_output import PerLabel, PerOutput
from ..bundle._reader import BundleReader
from ..bundle._writer import BundleContents, write
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._store import as_store
from ..contracts._task import FloatArray, Task
from ..data._form import TableForm
from ..data._input import describe_target, read_table
from ..data._listed import Columns
from ..data._profile import Profile
from ..data._table import Table
from ..engine._clock import read_time_limit
from ..engine._crossfit import CrossFit, Failure, cross_fit
from ..engine._labels import check_rare_classes
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..errors import BundleError, ParameterError
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicted import predicted_spreads
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..folds._plan import SplitPlan
from ..folds._splits import make_plan
from ..registry._json_form import arguments
from ..registry._members import labelled, members
from ..registry._portfolios import DEFAULT
from ..scoring._board import board
from ..scoring._diagnosis import Diagnosis
from ..scoring._leaderboard import Leaderboard
from ..scoring._metrics import Metric
from ..scoring._scoring import Scoring
from ..store._stored_tasks import opened, resumed_seed
from ..store._task_keys import plan_key
from ..tools._sizes import read_bytes
from ._beginning import begin, blended
from ._deciding import DecidingEnsemble
from ._display import displays, show_columns
from ._fit_signature import HonestFit
from ._interrupted import TellingWhatIsKept
from ._layers import warn_of_an_idle_layer, warn_of_another_loss
from ._parameters import NestedParameters
from ._recipe import Recipe
from ._spec import to_spec
from ._target_transform import names_of
from ._unseen import KnowsUnseenRows

_FINALIZE = ("auto", "bag", "refit")
_ON_ERROR = ("raise", "skip")
_EARLY_STOPPING = ("auto", True, False)


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
    _diagnosis: Diagnosis | None = None
    _profile: Profile | None = None  # what training held; older bundles do not tell

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
        started = time.monotonic()
        begun = begin(self, X, y, sample_weight, groups)
        learners, data = begun.recipe.learners, begun.data
        if self.verbose > 0:
            show_columns(begun.columns)
        with opened(self.store, learners, data, begun.digest) as stored, TellingWhatIsKept(stored):
            crossfit = self._cross_fitted(learners, data, begun.seed, stored, started)
        self._task, self._form, self.columns_ = data.task, begun.form, begun.columns
        if data.task.classes is not None:
            self._learn_classes(data.task.classes)
        self._learn_names(begun.form)
        self._profile = Profile.of(data.table, begun.form, data.weight)
        self.members_, self.failures_ = crossfit.members, crossfit.failures
        seconds = crossfit.seconds, crossfit.seconds_to_predict()
        self._record = FitRecord(
            begun.seed,
            begun.digest,
            describe_target(y),
            begun.metric.name,
            *seconds,
            names_of(data.transforms, data.y, data.weight),
        )
        oof = OutOfFold.unblended(crossfit.oof, data.y, data.weight, data.plan)
        with TellingWhatIsKept(stored):
            self._blend(oof, begun.blender, begun.features, begun.metric)
        warn_of_an_idle_layer(self.leaderboard_, begun.metric, self.members_)
        return self

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
        self, learners: Mapping[str, Learner], data: Rows, seed: int, stored: Any, started: float | None = None
    ) -> CrossFit:
        if self.on_error == "raise":
            check_rare_classes(learners, data)
        return cross_fit(
            learners,
            data,
            finalize={label: self._finalize_of(learner, data.plan) for label, learner in learners.items()},
            stopping={label for label, learner in learners.items() if self._stops(learner)},
            seed=seed,
            resources=replace(self._resources(), started=started),
            stored=stored,
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
        if task.n_outputs == 1:
            return blender
        return PerLabel(blender) if task.is_multilabel else PerOutput(blender)

    def _transforms(self, y: NDArray[Any], weight: FloatArray | None, plan: SplitPlan) -> tuple[Any, ...]:
        """Return by target on which scale members are fitted; nothing, where that is the target's own."""
        return ()

    def _rows(
        self, table: Table, y: NDArray[Any], weight: FloatArray | None, task: Task, plan: SplitPlan, stop_loss: Any
    ) -> Rows:
        """Return the data of a fit."""
        transforms = self._transforms(y, weight, plan)
        return Rows(table, y, weight, task, plan, stop_loss, transforms, self._class_weight(task))

    def _stops(self, learner: Learner) -> bool:
        given = self.early_stopping == "auto" and learner.rounds_given
        return bool(learner.stops and self.early_stopping and not given)

    def _finalize_of(self, learner: Learner, plan: SplitPlan) -> str:
        if learner.frozen:
            return "refit"
        if self.finalize != "auto":
            return self.finalize
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
        self.blender_, self._held_out, self._out_of_fold = blend.blender, blend.held_out, oof
        if self._profile is not None:
            seen = predicted_spreads(self, oof.blend[oof.scored])
            self._profile = self._profile.with_predictions(seen)
        self._score(blender, features, metric)

    def _score(self, blender: Blender, features: FloatArray | None, metric: Metric) -> None:
        """Find the threshold, and score the blend."""
        threshold, by_fold = self._thresholds(self._oof, self._record.seed)
        self._record = replace(self._record, metric=metric.name, threshold=threshold, fold_thresholds=by_fold)
        self._diagnosis, scoring = None, self._scoring(metric)
        self.score_estimate_, self.leaderboard_ = board(self, self._record, scoring, features, asked=blender)

    def _scoring(self, metric: Metric) -> Scoring:
        return Scoring.of(self._oof, metric, seed=self._record.seed, classes=getattr(self, "classes_", None))

    # -- predicting ------------------------------------------------------------------

    def _read(self, X: Any) -> Table:
        if not hasattr(self, "members_"):  # the check makes all learners, for the tags that it looks at
            check_is_fitted(self, "members_")
        return read_table(X, self._form, type(self).__name__)

    def save(self, path: str | Path, *, oof: bool = True, profile: bool = True, trusted: Sequence[str] = ()) -> Path:
        """Write the fitted ensemble as a bundle: a folder with a manifest and native files.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist yet, is empty, or holds an older bundle.
        oof : bool, default=True
            Whether to keep the out-of-fold predictions, the folds and the target. Without them the
            bundle predicts and explains, and can neither be blended again nor give intervals.
        profile : bool, default=True
            Whether to keep what training held, column by column: range, missing cells, and how many cells are in each
            of a few bins. Without it `drift` and endpoints cannot tell rows that are not like those of the training.
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
        check_is_fitted(self, "members_")
        return self._write(path, oof=oof, profile=profile, trusted=trusted)

    def _write(self, path: str | Path, *, oof: bool, profile: bool, trusted: Sequence[str] | None) -> Path:
        if oof and self._out_of_fold is None:
            raise BundleError("the ensemble was loaded from a bundle without out-of-fold data; save it with oof=False")
        spec, known = to_spec(self, lenient=True), self._out_of_fold if oof else None
        board, held = self.leaderboard_, self._profile if profile else None
        columns, score = self.columns_.as_json(), self.score_estimate_
        contents = BundleContents(self, spec, self._record, score, board, board.notes, columns, known, held)
        return write(contents, path, trusted=trusted)

    def _filled(self, reader: BundleReader) -> Self:
        """Take what a bundle holds of a fitted ensemble."""
        self.members_, self.blender_ = reader.members(), reader.blender()
        self._task, self._form, self._record = reader.task, reader.form, reader.record
        self._held_out, self.columns_ = reader.held_out(), reader.columns
        self._learn_names(self._form)
        if (classes := reader.classes) is not None:
            self._learn_classes(classes)
        estimate = reader.manifest["score_estimate"]
        self.score_estimate_ = float("nan") if estimate is None else estimate
        board = reader.manifest["leaderboard"]
        self.leaderboard_, self.failures_ = Leaderboard(board, reader.manifest.get("leaderboard_notes", ())), []
        self._out_of_fold = reader.read_oof() if reader.has_oof else None
        self._profile = reader.profile
        return self

    # An ensemble in an ensemble is a bundle in a bundle: of what predicts, which is all of it that is used.

    def _save_inside(self, folder: Path) -> None:
        self._write(folder, oof=False, profile=False, trusted=None)  # whoever saves the outer one names what is trusted

    def _read_inside(self, folder: Path, trusted: Sequence[str]) -> Self:
        """Return the fitted ensemble that was saved inside another one; this one is not fitted, and of its class."""
        reader = BundleReader(folder, trusted)
        names = self._get_param_names()
        params = arguments(reader.manifest["spec"], reader.trusted)
        made: Self = clone(self).set_params(**{name: value for name, value in params.items() if name in names})
        return made._filled(reader)

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
        largest prediction. Needs ``byoe-ensemble[onnx]``; the operators are those of ONNX 1.16.

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
            When ``byoe-ensemble[onnx]`` is not installed.
        """
        from ..onnx._export import to_onnx

        check_is_fitted(self, "members_")
        return to_onnx(self, path)

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
