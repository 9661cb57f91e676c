"""What is done with the time that members leave of a limit: here alone it is decided.

A preset goes on down the longest one, as far as there is time; where a second layer is wanted, as far as that leaves
time for it. Once that is blended, and no second layer is kept, the members that the blend uses are cross-fitted again,
on other folds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..contracts._learner import Learner
from ..data._by_column import check_by_column
from ..engine._crossfit import CrossFit, cross_fit_further
from ..engine._labels import check_rare_classes
from ..engine._order import without_memory
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._spare_clock import Spare
from ..errors import InputError, ParameterError
from ..registry._classes import check_classes
from ..registry._extending import LONGEST, first, further
from ..registry._members import check_members
from ..scoring._board import note_of_budget
from ..store._stored_tasks import opened
from ..tools._cores import cores
from ._all_rows import with_room
from ._interrupted import TellingWhatIsKept
from ._repeats import Repeats

if TYPE_CHECKING:
    from ._base import BaseEnsemble
    from ._beginning import Beginning

# With less of the limit left, nothing more is tried, and nothing is said of what was not used.
_UNUSED = 0.1
# What the members of a second layer take, in units of what those of the first took: they have more columns.
_WIDER = 1.2


def first_members(ensemble: BaseEnsemble, begun: Beginning) -> dict[str, Learner]:
    """Return the members that are fitted before it is seen how much of a limit is left: all, where there is none."""
    learners = begun.recipe.learners
    return dict(learners) if ensemble.time_limit is None else first(ensemble.learners, learners)


def use_spare_time(
    ensemble: BaseEnsemble, begun: Beginning, crossfit: CrossFit, resources: Resources
) -> tuple[CrossFit, str]:
    """Fit further members in the time that is left, and tell what became of the limit; nothing without one."""
    limit = resources.time_limit
    if limit is None:
        return crossfit, ""
    candidates = further(ensemble.learners)
    if candidates is None:
        own = f"{ensemble.learners!r}" if isinstance(ensemble.learners, str) else "a list of your own"
        tail = f"; {own} is fitted as it is, and a longer preset would go on" if _unused(resources) else ""
        return crossfit, _told(resources) + ("; the rest is for the second layer" if ensemble.layers > 1 else tail)
    resources = with_room(ensemble, crossfit, begun.data, resources)
    if ensemble.layers > 1:
        resources = _before_second_layer(resources, len(begun.data.plan.folds), sum(crossfit.seconds.values()))
    at_first = first_members(ensemble, begun)
    candidates = {label: one for label, one in begun.recipe.learners.items() if label not in at_first} | candidates
    refused = {
        label: reason
        for label, learner in candidates.items()
        if (reason := _why_not(ensemble, begun, label, learner, crossfit))
    }
    suited = {label: learner for label, learner in candidates.items() if label not in refused}
    no_memory = without_memory(suited, begun.data, resources.memory_limit)
    tried = {label: learner for label, learner in suited.items() if label not in no_memory}
    whole, late = _fitted(ensemble, begun, crossfit, resources, tried)
    told = [_told(resources)]
    told += [f"beyond these there was time for {', '.join(whole.members)}"] if whole.members else []
    short = {label for (label, _), outcome in whole.arrived.items() if outcome.cut}
    cut = [label for label in whole.members if label in short]
    told += [f"not for all rounds of {', '.join(cut)}"] if cut else []
    told += [f"there was none for {', '.join(late)}"] if late else []
    told += [f"no memory for {', '.join(no_memory)}"] if no_memory else []
    told += [f"{failure.label} failed with {failure.error}" for failure in whole.failures]
    if refused:
        told.append(f"{', '.join(refused)} cannot be members here: {next(iter(refused.values()))}")
    elif not late and _unused(resources):
        told.append(f"{LONGEST!r} has no further members to try")
    return crossfit.with_members(whole), "; ".join(told)


def _before_second_layer(resources: Resources, n_folds: int, fitting: float = 0.0) -> Resources:
    """Return what further members may use: not the time of a second layer, where there is enough for one.

    It takes the members that it learns from once for each pair of folds, and its own. ``fitting`` are the seconds of
    all fits so far, also of those that a store had.
    """
    assert resources.time_limit is not None
    took = max(_elapsed(resources), fitting / cores(resources.n_jobs))
    left = resources.share - ((n_folds - 1) / 2 + _WIDER) * took / resources.time_limit
    return resources if left * resources.time_limit < _elapsed(resources) else replace(resources, share=left)


def repeat_folds(
    ensemble: BaseEnsemble, begun: Beginning, resources: Resources, *, members: float, scoring: float
) -> None:
    """Repeat the folds of a preset in the time that is left once it is blended, and tell what came of it.

    ``members`` are the seconds in which all members were fitted, and ``scoring`` those that are kept for the
    leaderboard.
    """
    if resources.time_limit is None or not _unused(resources) or further(ensemble.learners) is None:
        return
    repeats = Repeats(ensemble, begun, resources, members, scoring)
    told = repeats.attempt()
    record = ensemble._record
    ensemble._record = replace(repeats.record, budget=f"{record.budget}; {told}")
    if repeats.number > 1:
        ensemble.members_ = repeats.members
        ensemble._score(begun.blender, begun.features, begun.metric)
    else:
        notes = ensemble.leaderboard_.notes
        notes[notes.index(note_of_budget(record))] = note_of_budget(ensemble._record)


def _fitted(
    ensemble: BaseEnsemble,
    begun: Beginning,
    crossfit: CrossFit,
    resources: Resources,
    learners: Mapping[str, Learner],
) -> tuple[CrossFit, list[str]]:
    """Return the members that are whole, and the labels of those that there was no time for."""
    data = begun.data
    finalize = {label: ensemble._finalize_of(learner, data.plan) for label, learner in learners.items()}
    stopping = ensemble._stopping(learners)
    if not learners or not _unused(resources):
        return CrossFit({}, crossfit.oof[:, :0], {}), list(learners)
    with opened(ensemble.store, learners, data, begun.digest) as stored, TellingWhatIsKept(stored):
        return cross_fit_further(
            learners,
            data,
            finalize=finalize,
            stopping=stopping,
            seed=begun.seed,
            resources=resources,
            stored=stored,
            spare=_expected(ensemble, learners, crossfit, data),
        )


def _expected(ensemble: BaseEnsemble, learners: Mapping[str, Learner], crossfit: CrossFit, data: Rows) -> Spare:
    """Return what a task of each member is expected to take, by what others took, of the same learner if there are."""
    known = {label: member.learner for label, member in crossfit.members.items()}
    stopping = ensemble._stopping({**known, **learners})

    def _guess(label: str, learner: Learner) -> float:
        return learner.seconds(*data.table.size, task=data.task, stopping=label in stopping)

    tasks = {label: len(data.plan.folds) + (member.finalize == "refit") for label, member in crossfit.members.items()}
    took = {label: crossfit.seconds[label] / tasks[label] for label in known}
    expected, by_kin = {}, set()
    for label, learner in learners.items():
        kin = [one for one, other in known.items() if type(other) is type(learner) and other.name == learner.name]
        if kin:
            by_kin.add(label)
        like = kin or list(known)
        pace = sum(took[one] for one in like) / sum(_guess(one, known[one]) for one in like)
        expected[label] = pace * _guess(label, learner)
    return Spare(len(known), expected, frozenset(by_kin))


def _why_not(ensemble: BaseEnsemble, begun: Beginning, label: str, learner: Learner, crossfit: CrossFit) -> str:
    """Return why a member cannot work with the data or the blender; nothing where it can."""
    data, blender = begun.data, begun.blender
    one, everyone = {label: learner}, {**{name: own.learner for name, own in crossfit.members.items()}, label: learner}
    try:
        weighted = ensemble._weighs(data.weight)
        check_members(everyone, blender, data.task, weighted=weighted, sparse=data.table.sparse)
        check_by_column(one, data.table)
        check_rare_classes(one, data)
        if data.task.classes is not None:
            check_classes(one, begun.recipe.blender, data.task.classes)
    except (ParameterError, InputError) as error:
        return str(error).partition("\n")[0]
    return ""


def _elapsed(resources: Resources) -> float:
    assert resources.started is not None
    return time.monotonic() - resources.started


def _unused(resources: Resources) -> bool:
    assert resources.seconds is not None
    return _elapsed(resources) < (1 - _UNUSED) * resources.seconds


def _told(resources: Resources) -> str:
    assert resources.time_limit is not None
    return f"the members took {_elapsed(resources):.3g} of {resources.time_limit:g} s"
