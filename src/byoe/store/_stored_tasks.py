"""A fit's view of its store: tasks looked up before they are done, and kept after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ..contracts._learner import Learner
from ..contracts._store import Store, as_store
from ..engine._rows import Rows
from ..engine._tasks import REFIT, FitTask, Outcome, mean_rounds, where
from ..errors import SpecError
from ..fitted._models import FoldModel
from ..tools._digests import json_digest
from ..tools._sizes import read_bytes
from ..tools._warnings import warn
from ._entry import Damaged
from ._store import PLANS, TASKS, OpenStore
from ._task_keys import of_data, of_groups, of_member, of_stopping, of_task, uses_groups

_OOF = "oof.npy"
_MODEL = "model"


class StoredTasks:
    """The tasks of one fit in a store.

    Parameters
    ----------
    store : Store
    learners : dict of label to Learner
    data : Rows
    table : str
        The digest of the table.
    """

    def __init__(self, store: Store, learners: Mapping[str, Learner], data: Rows, table: str) -> None:
        self._data = data
        self._shared = of_data(data, table)
        self._members: dict[str, dict[str, Any]] = {}
        for label, learner in learners.items():
            if learner.frozen:  # nothing is fitted
                continue
            try:
                self._members[label] = of_member(label, learner, data)
            except SpecError as error:
                text = f"{error}. So the store cannot tell its tasks from others, and they are done anew in every fit"
                warn(text)
        self._groups = {names: of_groups(data.plan, names=names) for names in (False, True)}
        self._rows: dict[int, Any] = {}
        self._tasks: dict[str, list[FitTask]] = {}
        self._prepared: Mapping[str, int] = {}
        self._refused: set[str] = set()
        self._notes: dict[str, str] = {}  # under the key of an entry or the label of a member: each is told once
        self._open = OpenStore(store)
        self._kept: dict[str, set[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        limit = read_bytes(self._open.store.max_bytes, "max_bytes")
        with self._open, suppress(OSError):  # the fit is done, whatever has become of the folder
            self._open.remove_leftovers()
            if limit is not None:
                self._open.trim(limit)
        for note in self._notes.values():
            warn(note)

    @property
    def told(self) -> str:
        """What the store has of this fit, in words."""
        known = []
        for label, tasks in self._tasks.items():
            kept, wanted = self._kept.get(label, set()), {task.fold for task in tasks}
            if kept and kept == wanted:
                known.append(f"{label} (all)")
            elif kept:
                folds = [str(fold + 1) for fold in sorted(kept) if fold != REFIT]
                known.append(f"{label} ({_listed(folds)} of {len(wanted - {REFIT})})")
        return ", ".join(known)

    @property
    def folder(self) -> Path:
        """The store's folder."""
        return Path(self._open.folder)

    def expect(self, tasks: Sequence[FitTask], prepared: Mapping[str, int]) -> None:
        """Take the tasks of the fit, and the seeds of the members for which the table is prepared once."""
        for task in tasks:
            self._tasks.setdefault(task.label, []).append(task)
        self._prepared = prepared

    def holds(self, label: str) -> bool:
        """Return whether all tasks of a member seem to be there; whether they are whole shows when they are read."""
        rounds: list[list[int]] = []
        for task in self._tasks[label]:
            made_of = self._made_of(task, mean_rounds(rounds) if task.fold == REFIT else [])
            entry = None
            if made_of is not None:
                with suppress(Damaged):
                    entry = self._open.look(TASKS, json_digest(made_of))
            if entry is None:
                return False
            rounds.append(entry["rounds"])
        return True

    def find(self, task: FitTask, rounds: Sequence[int]) -> Outcome | None:
        """Return what came of a task in an earlier fit, None where it has to be done.

        ``rounds`` are those that a refit is given.
        """
        made_of = self._made_of(task, rounds)
        if made_of is None:
            return None
        key = json_digest(made_of)
        place = self._open.place(TASKS, key)
        try:
            entry = self._open.find(TASKS, key)
            if entry is None:
                return None
            found = self._outcome(task, entry, place)
        except Damaged as reason:
            self._open.remove(place)
            self._notes[key] = (
                f"store {self._open.folder}: the entry {key[:12]} (member {task.label!r}, {where(task.fold)}) is "
                f"damaged: {reason}. It was removed, and the task is done again"
            )
        except Exception as error:
            if place.is_dir():  # else another process has just removed it
                self._refused.add(key)
                self._notes[task.label] = (
                    f"member {task.label!r}: its models in the store {self._open.folder} cannot be read, and it is "
                    f"fitted anew in every fit: {error}"
                )
        else:
            self._kept.setdefault(task.label, set()).add(task.fold)
            return found
        return None

    def keep(self, outcome: Outcome, rounds: Sequence[int]) -> None:
        """Write what came of a task; without an effect where it failed or cannot be kept."""
        task = outcome.task
        made_of = self._made_of(task, rounds)
        if made_of is None or outcome.error is not None or (key := json_digest(made_of)) in self._refused:
            return
        try:
            self._open.write(TASKS, key, partial(_write, outcome, made_of))
            self._kept.setdefault(task.label, set()).add(task.fold)
        except Exception as error:
            self._notes[task.label] = (
                f"member {task.label!r} cannot be kept in the store {self._open.folder}, and it is fitted anew in "
                f"every fit: {type(error).__name__}: {error}"
            )

    def _made_of(self, task: FitTask, rounds: Sequence[int]) -> dict[str, Any] | None:
        member = self._members.get(task.label)
        if member is None:
            return None
        looks = uses_groups(task.learner, self._data, stopping=bool(task.stopping))
        return {
            **self._shared,
            **member,
            **of_task(task, rounds, self._prepared.get(task.label), self._rows),
            "groups": self._groups[task.learner.grouped] if looks else None,
            **of_stopping(task, self._data),
        }

    def _outcome(self, task: FitTask, entry: Mapping[str, Any], place: Path) -> Outcome:
        model, oof = None, None
        if entry["model"] is not None:
            given = [f"{package}.*" for package in task.learner.packages()]  # the code runs here anyway
            model = FoldModel.load(task.learner, place / _MODEL, entry["model"], self._data.task, given)
        if task.test is not None:
            kept, scores = np.load(place / _OOF, allow_pickle=False), not task.learner.gives_probabilities
            oof = self._data.task.check(kept, len(task.test), task.label, scores=scores)
        times = {"predicting": entry["predicting"], "round_seconds": entry.get("round_seconds", 0.0)}
        return Outcome(task, entry["seconds"], model, oof, entry["rounds"], **times, reused=True)


def _listed(folds: Sequence[str]) -> str:
    """Return numbers of folds as a sentence has them; there is no refit without all of them."""
    *first, last = folds
    return f"folds {', '.join(first)} and {last}" if first else f"fold {last}"


def _write(outcome: Outcome, made_of: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write the files of an entry into an empty folder; return what its manifest says."""
    task, described = outcome.task, None
    if outcome.oof is not None:
        np.save(folder / _OOF, outcome.oof, allow_pickle=False)
    if outcome.model is not None:
        (folder / _MODEL).mkdir()
        described = outcome.model.save(folder / _MODEL)
    return {
        "member": task.label,
        "learner": task.learner.name,
        "fold": task.fold,
        "rows": len(task.train),
        "seconds": outcome.seconds,
        "predicting": outcome.predicting,
        "rounds": outcome.rounds,
        "round_seconds": outcome.round_seconds,
        "model": described,
        "made_of": made_of,
    }


def opened(
    store: Any, learners: Mapping[str, Learner], data: Rows, table: str | None = None
) -> AbstractContextManager[StoredTasks | None]:
    """Open what the user gave as ``store=`` for the tasks of a fit; None where that is None.

    ``table`` is the digest of the data's table, which is made here where it is not known.
    """
    chosen = as_store(store)
    if chosen is None:
        return nullcontext()
    return StoredTasks(chosen, learners, data, data.table.digest() if table is None else table)


def resumed_seed(store: Store, key: str, drawn: int) -> int:
    """Return the seed of an earlier fit with the same plan, or else the drawn one, which is kept."""
    with OpenStore(store) as here:
        for _ in range(2):  # where there is none yet, and another process is first, its seed holds
            try:
                found = here.find(PLANS, key)
            except Damaged as reason:
                here.remove(here.place(PLANS, key))
                text = f"store {here.folder}: the seed of this plan is damaged: {reason}. A new one is drawn"
                warn(text)
                found = None
            if found is not None:
                return int(found["seed"])
            here.write(PLANS, key, lambda _: {"seed": drawn})
    return drawn
