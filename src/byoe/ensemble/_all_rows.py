"""A model of all rows beside the bag of a member: what each fold's model lacks, without what averaging steadies.

The number of rounds is known from the folds, so that it is one fit where a fold has two. The bag and this model count
the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..engine._crossfit import CrossFit, refit
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._spare_clock import Spare
from ..engine._tasks import Outcome, mean_rounds
from ..fitted._models import BOTH, FittedMember
from ..fitted._stacked import needed
from ..scoring._board import add_up
from ..store._stored_tasks import opened
from ..tools._warnings import warn
from ._interrupted import TellingWhatIsKept

if TYPE_CHECKING:
    from ._base import BaseEnsemble

# Of classes a model of all rows is too sure of itself where they overlap: it helps below such a share of the log-loss
# of a guess. Measured in benchmarks/bag_or_refit.py.
_MOST_LEFT = 0.5
# What such models take, as a share of the time that all members take.
_ROOM = 0.08


def serve_all_rows(ensemble: BaseEnsemble, data: Rows, resources: Resources, labels: Collection[str]) -> None:
    """Fit a model of all rows for those of some members that are bags, are used by the blend and gain by it.

    Under a time limit those that there is time for; what that would cut short stays as it is.
    """
    learners, oof, record = _learners(ensemble, labels), ensemble._oof, ensemble._record
    if not learners:
        return
    tells = not data.task.is_classification or ensemble.blender_.gives_probabilities
    if ensemble.finalize == "auto" and not (tells and _gains(data, oof.blend, oof.scored)):
        return
    came = _came(ensemble, learners, data, resources)
    for label, outcome in came.items():
        if outcome.error is not None:
            raised = f"{type(outcome.error).__name__}: {outcome.error}"
            warn(f"member {label!r} failed on all rows, and is served by the models of its folds: {raised}")
    whole = {label: one.model for label, one in came.items() if one.model is not None and not one.cut}
    ensemble.members_ = {
        label: member.beside(whole[label]) if label in whole else member for label, member in ensemble.members_.items()
    }
    took = {label: record.fit_seconds[label] + outcome.seconds for label, outcome in came.items()}
    ensemble._record = replace(record, fit_seconds={**record.fit_seconds, **took})
    for row in ensemble.leaderboard_:
        if (label := row["member"]) in took:
            row["fit_seconds"] = took[label]
        if label in whole:
            count = row["models"] + 1
            row |= {"finalize": BOTH, "models": count, "predict_ms": row["predict_ms"] * count / row["models"]}
    add_up(ensemble.leaderboard_)


def with_room(ensemble: BaseEnsemble, crossfit: CrossFit, data: Rows, resources: Resources) -> Resources:
    """Return what further members may use of a time limit, so that it is enough for models of all rows of boosters."""
    if not _suited(ensemble, crossfit.members):
        return resources
    if ensemble.finalize == "auto":
        told = [member.learner.gives_probabilities for member in crossfit.members.values()]
        columns = np.moveaxis(crossfit.oof[:, told], 1, 0)
        if not any(_gains(data, column, data.plan.coverage) for column in columns):
            return resources
    return replace(resources, share=(1 - _ROOM) * resources.share)


def _suited(ensemble: BaseEnsemble, members: Mapping[str, FittedMember]) -> dict[str, Learner]:
    """Return the learners of the bags beside which such a model may stand."""
    bags = {label: one.learner for label, one in members.items() if one.finalize == "bag" and not one.feeders}
    if ensemble.finalize == BOTH:
        return bags
    # Without a search it would take as long as a fold's fit, and forests average by themselves.
    stopping = ensemble._stopping(bags) if ensemble.finalize == "auto" else {}
    return {label: learner for label, learner in bags.items() if label in stopping}


def _learners(ensemble: BaseEnsemble, labels: Collection[str]) -> dict[str, Learner]:
    """Return the members that may get such a model, those first that take longest."""
    used = needed(ensemble.members_, ensemble.blender_.used(len(ensemble.members_)))
    counting = {label: one for (label, one), wanted in zip(ensemble.members_.items(), used, strict=True) if wanted}
    found = _suited(ensemble, {label: one for label, one in counting.items() if label in labels})
    seconds = ensemble._record.fit_seconds
    return dict(sorted(found.items(), key=lambda item: -seconds[item[0]]))


def _came(
    ensemble: BaseEnsemble, learners: Mapping[str, Learner], data: Rows, resources: Resources
) -> Mapping[str, Outcome]:
    """Return what came of the fits on all rows; nothing of those that there was no time for."""
    members, record = ensemble.members_, ensemble._record
    rounds = {label: mean_rounds([model.rounds for model in members[label].models]) for label in learners}
    # Each took so long for a fold, of fewer rows, and mostly with a search.
    expected = {label: record.fit_seconds[label] / len(data.plan.folds) for label in learners}
    with opened(ensemble.store, learners, data, record.table) as stored, TellingWhatIsKept(stored):
        return refit(
            learners,
            data,
            rounds,
            seed=record.seed,
            resources=resources,
            stored=stored,
            spare=Spare(0, expected, frozenset(expected)),  # nothing is blended after it
        )


def _gains(data: Rows, predictions: FloatArray, known: NDArray[np.bool_]) -> bool:
    """Return whether one model of all rows is of use beside the mean of several that have fewer.

    ``predictions`` are out of fold, where they are ``known``.
    """
    if not data.task.is_classification:
        return True
    weight = None if data.weight is None else data.weight[known]
    if data.task.is_multilabel or not (known if weight is None else weight).any():
        return False
    y = data.y[known]
    shares = np.bincount(y, weight, data.task.n_classes)
    truths = predictions[known, y], shares[y] / shares.sum()
    with np.errstate(divide="ignore"):
        left, guessed = (-np.average(np.log(one), weights=weight) for one in truths)
    return bool(left < _MOST_LEFT * guessed)
