"""Members that join or leave a fitted ensemble; the others are not fitted again."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sklearn.base import clone

from ..data._by_column import check_by_column
from ..data._table import Table
from ..engine._crossfit import refit
from ..engine._tasks import Outcome, mean_rounds
from ..errors import ParameterError, UnknownNameError, did_you_mean
from ..fitted._models import BOTH
from ..fitted._stacked import by_feeders, needed, on_top_of, stacked
from ..registry._classes import check_classes
from ..registry._members import check_members, find_label, labelled, members, replaced
from ..registry._plugin import plain
from ..scoring._board import add_up
from ..scoring._leaderboard import Leaderboard
from ..store._stored_tasks import opened
from ._base import BaseEnsemble
from ._interrupted import TellingWhatIsKept
from ._layers import warn_of_inner_ensembles
from ._quantiles import refitted_quantiles, without

E = TypeVar("E", bound=BaseEnsemble)


def with_members(ensemble: E, learners: Any, table: Table) -> E:
    """Return the ensemble with further members, fitted on the same folds, before it is blended again."""
    pairs = labelled(learners)
    taken = {plain(label) for label in ensemble.members_}
    again = [label for label, _ in pairs if plain(label) in taken]
    if again:
        raise ParameterError(
            f"there is a member {again[0]!r} already; give the new one a label of its own: ('{again[0]}_2', …)"
        )
    new = {label: clone(learner) for label, learner in members(learners).items()}
    everyone = {label: member.learner for label, member in ensemble.members_.items()} | new
    oof, task, record, recipe = ensemble._oof, ensemble._task, ensemble._record, ensemble._recipe()
    check_members(everyone, recipe.blender, task, weighted=ensemble._weighs(oof.weight), sparse=table.sparse)
    check_by_column(new, table)
    if task.classes is not None:
        check_classes(new, recipe.blender, task.classes)
    warn_of_inner_ensembles(oof.plan, new)
    data = ensemble._rows_of_fit(table)
    with opened(ensemble.store, new, data, record.table) as stored, TellingWhatIsKept(stored):
        crossfit = ensemble._cross_fitted(new, data, record.seed, stored)
    other = copy.copy(ensemble)
    added = {plain(label) for label, _ in pairs}  # also those that were left out before
    other.learners = [pair for pair in labelled(ensemble.learners) if plain(pair[0]) not in added] + pairs
    other.members_ = {**ensemble.members_, **crossfit.members}
    before = [failure for failure in ensemble.failures_ if plain(failure.label) not in added]
    other.failures_ = [*before, *crossfit.failures]
    gone = {failure.told for failure in ensemble.failures_} - {failure.told for failure in before}
    warnings = [one for one in record.warnings if one not in gone] + [failure.told for failure in crossfit.failures]
    other._out_of_fold = oof.with_members(crossfit.oof)
    record = replace(record, warnings=warnings)
    other._record = record.with_members(crossfit.seconds, crossfit.seconds_to_predict())
    return other


def without_members(ensemble: E, labels: tuple[str, ...]) -> E:
    """Return the ensemble without some members, before it is blended again."""
    if not labels:
        raise ParameterError("name at least one member to leave out")
    by_plain = {plain(label): label for label in ensemble.members_}
    left = []
    for label in labels:
        if not isinstance(label, str) or plain(label) not in by_plain:
            raise UnknownNameError(f"there is no member {label!r}. {did_you_mean(str(label), ensemble.members_)}")
        left.append(by_plain[plain(label)])
    kept = [label for label in ensemble.members_ if label not in left]
    if not kept:
        raise ParameterError("no member would be left; keep at least one")
    _check_feeders(ensemble, left)
    columns = [column for column, label in enumerate(ensemble.members_) if label in kept]
    other = copy.copy(ensemble)
    for label in left:
        if (known := find_label(other.learners, label)) is not None:  # of the second layer none is
            other.learners = replaced(other.learners, known, "drop")
    if ensemble._quantiles:
        before = {label: member.learner for label, member in ensemble.members_.items()}
        other.set_params(quantiles=without(ensemble.get_params(deep=False)["quantiles"], before, left))
    other.members_ = {label: ensemble.members_[label] for label in kept}
    other._record = ensemble._record.of_members(kept)
    if ensemble.layers_ > other.layers_:
        gone = f"{other._record.second_layer}; its members were left out since"
        other._record = replace(other._record, second_layer=gone)
    if ensemble._out_of_fold is not None:
        other._out_of_fold = ensemble._out_of_fold.of_members(columns)
    return other


def _check_feeders(ensemble: BaseEnsemble, left: Collection[str]) -> None:
    """Raise a ParameterError where members stay that learn from one that is left out."""
    for label, member in ensemble.members_.items():
        gone = [feeder for feeder in member.feeders if feeder in left]
        if gone and label not in left:
            raise ParameterError(
                f"{label!r}, of the second layer, learns from {gone[0]!r} and cannot do without; leave out both"
            )


def pruned(ensemble: E) -> E:
    """Return the ensemble without the members that its blend does not use; it predicts the same."""
    used = needed(ensemble.members_, ensemble.blender_.used(len(ensemble.members_)))
    unused = [label for label, wanted in zip(ensemble.members_, used, strict=True) if not wanted]
    if not unused:
        return copy.copy(ensemble)
    if len(unused) == len(used):
        raise ParameterError("the blend uses no member, and one must be kept; blend again, by reblend('mean')")
    other = without_members(ensemble, tuple(unused))
    other.blender_ = ensemble.blender_.restricted(used)
    if ensemble._recipe().blender.get_params(deep=False).get("weights") is not None:  # these belong to members
        other.blender = clone(other.blender_.of_each_target()[0])
    # The blender of a fold may use a member that is gone; then intervals are made of residuals alone.
    held_out = ensemble._held_out
    enough = not any((blender.used(len(used)) & ~used).any() for blender in held_out)
    other._held_out = tuple(blender.restricted(used) for blender in held_out) if enough else ()
    board, (before, after) = ensemble.leaderboard_, (one._record.second_layer for one in (ensemble, other))
    notes = [f"second layer: {after}" if note == f"second layer: {before}" else note for note in board.notes]
    other.leaderboard_ = Leaderboard((dict(row) for row in board if row["member"] not in unused), notes)
    add_up(other.leaderboard_)
    other._diagnosis = None
    return other


def _learned_from(ensemble: BaseEnsemble, table: Table, feeders: Sequence[str]) -> Table:
    """Return the training table as members learn from it: of the second layer with out-of-fold predictions."""
    if not feeders:
        return table
    labels = list(ensemble.members_)
    known = ensemble._oof.predictions[:, [labels.index(label) for label in feeders]]
    return stacked(table, known, feeders, ensemble._task)


def refitted(ensemble: E, table: Table) -> E:
    """Return the ensemble with one model of all rows in the place of each bag: that beside it, or one fitted now."""
    bags = {label: member for label, member in ensemble.members_.items() if member.finalize == "bag"}
    record, data = ensemble._record, ensemble._rows_of_fit(table)
    refits: dict[str, Outcome] = {}
    for feeders, part in by_feeders(bags).items():
        own = replace(data, table=_learned_from(ensemble, table, feeders))
        learners = {label: member.learner for label, member in part.items()}
        rounds = {label: mean_rounds([model.rounds for model in member.models]) for label, member in part.items()}
        digest = None if feeders else record.table
        with opened(ensemble.store, learners, own, digest) as stored, TellingWhatIsKept(stored):
            refits |= refit(learners, own, rounds, seed=record.seed, resources=ensemble._resources(), stored=stored)
    other = copy.copy(ensemble)
    other.finalize = "refit"
    other.members_ = {}
    for label, member in ensemble.members_.items():
        served = member if member.repeats == 1 else replace(member, models=member.models[:1], repeats=1)
        served = replace(served, finalize="refit", models=member.models[-1:]) if member.finalize == BOTH else served
        served = replace(served, finalize="refit", models=[refits[label].model]) if label in bags else served
        other.members_[label] = on_top_of(served, other.members_)
    other._quantiles = refitted_quantiles(ensemble, data)
    other._held_out = ()  # of the fold models, which are gone
    rows = [
        {**row, "finalize": "refit", "models": 1, "predict_ms": row["predict_ms"] / row["models"]}
        if row["member"] in other.members_
        else dict(row)
        for row in ensemble.leaderboard_
    ]
    other.leaderboard_ = Leaderboard(rows, ensemble.leaderboard_.notes)
    add_up(other.leaderboard_)
    other._diagnosis = None
    return other
