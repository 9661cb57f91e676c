"""Layers that do not fit together: a second one is refused, ensembles inside and blenders are warned of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import FloatArray, Task
from ..errors import LeakageWarning, ParameterError
from ..fitted._models import FittedMember
from ..folds._pairs import why_no_pairs
from ..folds._plan import SplitPlan
from ..registry._plugin import plain
from ..scoring._leaderboard import Leaderboard
from ..scoring._metrics import Metric
from ..tools._estimators import THRESHOLDS, is_ensemble, is_kind, last_step
from ..tools._warnings import warn

_CLEARLY = 0.01
# Rows of two values that are no accident.
_ENOUGH = 30
LAYERS = (1, 2)
_PLANS = (
    "a second layer wants folds that predict every row once and train on all other rows, at least three and at most "
    "twenty of them: an integer cv, KFold, StratifiedKFold, GroupKFold, LeaveOneGroupOut, or index pairs like theirs"
)


def check_layers(layers: Any) -> int:
    """Return the number of layers, or raise a ParameterError."""
    whole = isinstance(layers, (int, np.integer)) and not isinstance(layers, (bool, np.bool_))
    if whole and layers in LAYERS:
        return int(layers)
    more = "; a third layer is not built" if whole and layers > max(LAYERS) else ""
    raise ParameterError(f"layers is {layers!r}, expected 1 or 2{more}")


def check_second_layer(layers: int, plan: SplitPlan, learners: Mapping[str, Learner], blender: Blender) -> None:
    """Raise a ParameterError, before anything is fitted, where there can be no second layer."""
    if layers == 1:
        return
    if reason := why_no_pairs(plan):
        raise ParameterError(f"layers=2 does not go with this cv: {reason}; {_PLANS}")
    if blender.get_params().get("weights") is not None:
        raise ParameterError(
            f"layers=2 does not go with the weights given to blender {blender.name!r}: its members are not known "
            "before; let weights be learned, or set layers=1"
        )
    if not any(map(learns_of_columns, learners.values())):
        raise ParameterError(
            "layers=2, and no member can be of the second layer: those are fitted already, or have parameters about "
            f"single columns ({', '.join(learners)}); set layers=1, or add a member"
        )


def second_labels(learners: Mapping[str, Learner]) -> dict[str, str]:
    """Return the label in the second layer of every learner that can be there, by its label in the first.

    Examples
    --------
    >>> from byoe import learner
    >>> second_labels({"ridge": learner("ridge"), "ridge_2": learner("ridge")})
    {'ridge': 'ridge_2_2', 'ridge_2': 'ridge_2_2_2'}
    """
    taken, found = {plain(label) for label in learners}, {}
    for label, learner in learners.items():
        if learns_of_columns(learner):
            new = f"{label}_2"
            while plain(new) in taken:
                new += "_2"
            taken.add(plain(new))
            found[label] = new
    return found


def learns_of_columns(learner: Learner) -> bool:
    """Say whether a learner makes sense on a table with further columns.

    A model that is fitted does not, nor one that is told what to do with each column: a sign that holds in every
    column would be lost through the others.
    """
    return not learner.frozen and not learner.values_by_column()


def warn_of_inner_ensembles(plan: SplitPlan, learners: Mapping[str, Learner]) -> None:
    """Warn when an ensemble inside a time-ordered one shuffles."""
    if not plan.is_time_ordered:
        return
    for label, learner in learners.items():
        cv = getattr(learner.user_estimator, "cv", None)
        if learner.grouped and isinstance(cv, (int, np.integer)):
            warn(
                f"member {label!r} is an ensemble whose own cv is {cv}, which shuffles, in a plan in the order of "
                "time; give it a splitter such as sklearn.model_selection.TimeSeriesSplit",
                LeakageWarning,
            )


def warn_of_classes(y: NDArray[Any], task: Task) -> None:
    """Warn when a regression is asked of what looks like two classes; few rows, and other numbers, may be anything."""
    if task.is_classification or y.ndim > 1 or len(y) < _ENOUGH:
        return
    values = np.unique(y)
    if len(values) == 2 and (values == np.round(values)).all():
        warn(
            f"the target holds two values, {values[0]:g} and {values[1]:g}, and EnsembleRegressor predicts any number "
            "by its squared error. If they are classes, EnsembleClassifier predicts them with their probabilities"
        )


def warn_of_thresholds(learners: Mapping[str, Learner], blender: Blender, metric: Metric) -> None:
    """Warn of thresholds that are not looked at: of a member by the blend, of the meta-model by a metric of labels."""
    meta = None if blender.user_estimator is None else last_step(blender.user_estimator)
    if is_kind(meta, THRESHOLDS) and not metric.needs_probabilities:
        warn(
            f"metric {metric.name!r} is of the most probable class, and {type(meta).__name__} decides by a threshold: "
            "score predict() on rows kept apart, or take a metric of probabilities"
        )
    for label, learner in learners.items():
        last = None if learner.user_estimator is None else last_step(learner.user_estimator)
        if is_kind(last, THRESHOLDS) and getattr(last, "threshold", None) not in ("auto", 0.5):
            warn(
                f"the threshold of member {label!r} is not used, since its probabilities are blended, or its most "
                "probable class is counted. Give the classifier inside it, and put the threshold around the ensemble "
                "or around the meta-model"
            )
        if is_ensemble(learner.user_estimator) and getattr(learner.user_estimator, "threshold", None) is not None:
            warn(
                f"the threshold of member {label!r}, an ensemble, is not used, since its probabilities are blended; "
                "set threshold on the outer ensemble"
            )


def warn_of_an_idle_layer(board: Leaderboard, metric: Metric, members: Mapping[str, FittedMember]) -> None:
    """Warn when an ensemble inside does better alone than all members blended, on the same honest rows."""
    blend, name = board[0], metric.name
    for row in board[1:]:
        member = members.get(row["member"])
        inner = None if member is None else member.learner.user_estimator
        if not is_ensemble(inner) or blend[name] is None or row[name] is None:
            continue
        if metric.score(row[name]) - metric.score(blend[name]) > _CLEARLY * abs(row[name]):
            warn(
                f"the second layer does worse than its member {row['member']!r} alone: {name} {blend[name]:.4g} "
                f"against {row[name]:.4g} on rows that they did not see. Use that member by itself, or give it "
                "better company"
            )


def steering(metric: Metric, y: NDArray[Any], task: Task, sample_weight: FloatArray | None) -> Metric | None:
    """Return what blenders go by; None, with a warning, for a metric that takes several targets only together."""
    if task.n_outputs == 1 or task.is_classification or metric.row_loss is not None:
        return metric
    try:
        for target in y.T:
            metric.check(target, replace(task, n_outputs=1), sample_weight)
    except ParameterError:
        warn(
            f"metric {metric.name!r} scores the targets only together, and each is blended by itself: by the squared "
            "error"
        )
        return None
    return metric


def warn_of_another_loss(blender: Blender, metric: Metric) -> None:
    """Warn when a blender minimises a loss that is at its least elsewhere than that of the metric."""
    if metric.row_loss is not None and not blender.goes_by(metric.row_loss):
        warn(
            f"blender {blender.name!r} minimises another loss than metric={metric.name!r}, which asks for something "
            "else of the target; 'auto', 'weighted', 'greedy' and 'best' go by the metric"
        )
