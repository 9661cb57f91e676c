"""The execution of a fit: its tasks are found in a store, done in threads here, or in worker processes."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing, suppress

import numpy as np

from ..errors import ParameterError
from ..tools._cores import cores
from ._clock import Clock
from ._one_task import carry_out
from ._order import in_order
from ._prepared import preparing
from ._probe import Probe, again, measure, probe
from ._resources import Resources
from ._rows import Rows
from ._spare_clock import Spare, SpareClock
from ._tasks import PREPARE, REFIT, FitTask, Outcome, TaskStore, mean_rounds
from ._threads import run
from ._workers import Errand, Workers, configured_backend

# Guessed seconds to blend an out-of-fold prediction, all that is tried counted; and the most of the limit for that.
_SECONDS_TO_BLEND = 6e-6
_MOST_FOR_BLEND = 0.2


def _for_blend(seconds: float, data: Rows, n_members: int) -> float:
    """Return those of some seconds that are for the blend, and not for the tasks."""
    blending = _SECONDS_TO_BLEND * len(data.table) * n_members * math.prod(data.task.width)
    return min(blending, _MOST_FOR_BLEND * seconds)


class Execution:
    """The tasks of one fit while they are done.

    Parameters
    ----------
    tasks : list of FitTask
    data : Rows
    resources : Resources
    seed : int
    stopping : collection of labels
        Members that find their number of rounds in the folds.
    stored : TaskStore or None
    spare : Spare or None
        For members that nobody has to have, and that come in the order in which they are given.

    Attributes
    ----------
    arrived : dict of (label, fold) to Outcome
        What has come of the tasks so far.
    clock : Clock
    """

    def __init__(
        self,
        tasks: list[FitTask],
        data: Rows,
        resources: Resources,
        *,
        seed: int,
        stopping: Collection[str] = (),
        stored: TaskStore | None = None,
        spare: Spare | None = None,
    ) -> None:
        time_limit = resources.time_limit
        self._backend = configured_backend()
        if self._backend is not None and time_limit is not None:
            raise ParameterError(
                f"time_limit is {time_limit:g}, and joblib is configured for {type(self._backend).__name__}, whose "
                "tasks nobody can end in time: set time_limit=None, or fit outside joblib.parallel_config, in threads"
            )
        n_cores = cores(resources.n_jobs)  # which also refuses a number that has no meaning
        n_cores = n_cores if self._backend is None else 1
        hurry = time_limit is not None
        orders = {"in_a_hurry": hurry, "as_given": spare is not None, "by_fold": resources.watch is not None}
        self._schedule = in_order(tasks, data, n_cores, stopping, seed, resources.memory_limit, **orders)
        self._data, self._stopping, self._stored = data, stopping, stored
        self._seeds = {item.label: item.seed for item in self._schedule.preparing}
        self._prepared = {item.label: preparing(item.learner, data, item.seed) for item in self._schedule.preparing}
        self._left = Counter(task.label for task in tasks)
        self._rows_of_a_fold = float(np.mean([len(train) for train, _ in data.plan.folds]))
        sizes: dict[str, list[float]] = {}
        for task in tasks:
            sizes.setdefault(task.label, []).append(self._size(task))
        ends = frozenset(task.label for task in tasks if task.learner.ends_in_time)
        self.clock = self._clock(sizes, ends, resources, spare)
        self._hurry = hurry
        # Of whom nobody knows what they take, and whom nothing can end: a few rows are tried before they begin.
        known = {item.label for item in tasks if item.learner.frozen} | {*ends, *self._prepared}
        known |= set() if spare is None else spare.by_kin
        unknown = sizes.keys() - known if hurry and not resources.dispensable else ()
        self._trying = {label: threading.Lock() for label in unknown}
        self.arrived: dict[tuple[str, int], Outcome] = {}
        if stored is not None:
            stored.expect(tasks, self._seeds)

    def _clock(
        self, sizes: dict[str, list[float]], ends: frozenset[str], resources: Resources, spare: Spare | None
    ) -> Clock:
        at_once, started = self._schedule.at_once, resources.started
        seconds, n_members = resources.seconds, len(sizes)
        if seconds is None:
            return Clock(self._schedule.guesses, sizes, at_once, None, ends=ends, started=started)
        if spare is None:
            seconds -= _for_blend(seconds, self._data, n_members)
            guesses, complete = self._schedule.guesses, resources.dispensable
            return Clock(guesses, sizes, at_once, seconds, ends=ends, started=started, complete=complete)
        without, whole = (_for_blend(seconds, self._data, n + spare.members) for n in (0, n_members))
        reserve = (whole - without) / n_members
        return SpareClock(spare, sizes, at_once, seconds - without, reserve=reserve, ends=ends, started=started)

    def run(
        self, n_jobs: int | None, quiet: Iterable[type[Warning]], tick: Callable[[Clock], None]
    ) -> Generator[Outcome]:
        """Yield what comes of every task as it arrives, until the time is over; ``tick`` now and then between."""

        def _over() -> bool:
            tick(self.clock)
            return self._hurry and self.clock.over()

        if self._backend is None:
            waits = self._waits if self._hurry else None
            outcomes = run(self._do, self._schedule.works, self._schedule.n_cores, quiet, _over, waits)
        else:
            outcomes = self._elsewhere(Workers(self._backend, n_jobs, self._data, carry_out, quiet))
        with closing(outcomes):
            for outcome in outcomes:
                item = outcome.task
                if item.fold == PREPARE:
                    continue
                self._left[item.label] -= 1
                if not self._left[item.label]:
                    self._prepared.pop(item.label, None)
                yield outcome

    def _do(self, item: FitTask, threads: int) -> Outcome:
        """Do a task in this thread, unless it need not or cannot be done."""
        if item.fold == PREPARE:
            needed = self._stored is None or not self._stored.holds(item.label)
            if needed and self.clock.worth_preparing(item.label):
                with suppress(Exception):  # the folds will say it
                    self._prepared[item.label].make(threads)
            return Outcome(item, 0.0)
        rounds = self._rounds_of(item)
        if rounds is None:
            return Outcome(item, 0.0, left_out=True)
        found = self._found(item, rounds)
        if found is not None:
            return found
        seconds = self._begin(item, threads, rounds)
        if seconds is None:
            return Outcome(item, 0.0, left_out=True)
        prepared = self._prepared.get(item.label)
        pace = self._round_seconds(item)
        outcome = carry_out(item, self._data, threads, rounds, prepared, round_seconds=pace, time_left=seconds)
        self._arrive(outcome, rounds)
        return outcome

    def _begin(self, item: FitTask, threads: int, rounds: list[int]) -> float | None:
        """Return the seconds for a task, as the clock does; None where there are none, also by fits of a few rows."""
        label, size = item.label, self._size(item)
        if label not in self._trying:
            return self.clock.start(label, size)
        with self._trying[label]:  # the member's other tasks wait for what comes of it
            is_new = self.clock.is_new(label)
            seconds = self.clock.start(label, size)
            if seconds is not None and is_new and (found := self._far(item, threads, rounds)) is not None:
                self.clock.give_up(label, found.expected / size, found.told, size)
                return None
            return seconds

    def _far(self, item: FitTask, threads: int, rounds: list[int]) -> Probe | None:
        """Return what fits of a few rows say of a task, if that is that there is far too little time for it."""

        def _is_far(found: Probe) -> bool:
            # With a store, what is done of a member now need not be done again.
            return self.clock.is_far(item.label, found.expected / self._size(item), one=self._stored is not None)

        took = measure(item, self._data, threads, rounds)
        found = probe(took, len(item.train), self.clock.seconds_for(item.label))
        if found is None or not _is_far(found):
            return None
        found = again(found, took)
        return found if found is not None and _is_far(found) else None

    def _elsewhere(self, workers: Workers) -> Generator[Outcome]:
        """Have the tasks done in worker processes: first those that wait for none but a preparation."""
        works = self._schedule.works
        waiting = [any(works[place].task.fold != PREPARE for place in work.after) for work in works]
        with workers:
            self.clock.at_once = workers.count
            for late in (False, True):
                errands = []
                for work, waits in zip(works, waiting, strict=True):
                    item = work.task
                    if waits != late or item.fold == PREPARE:
                        continue
                    rounds = self._rounds_of(item)
                    if rounds is None:
                        yield Outcome(item, 0.0, left_out=True)
                        continue
                    found = self._found(item, rounds)
                    if found is None:
                        self.clock.start(item.label, self._size(item))
                        errands.append(Errand(item, rounds, self._seeds.get(item.label)))
                    else:
                        yield found
                sent = {(errand.task.label, errand.task.fold): errand.rounds for errand in errands}
                with closing(workers.run(errands)) as outcomes:
                    for outcome in outcomes:
                        self._arrive(outcome, sent[outcome.task.label, outcome.task.fold])
                        yield outcome

    def _rounds_of(self, item: FitTask) -> list[int] | None:
        """Return what is known of a task's rounds; None for a refit whose folds are not all there."""
        if item.fold != REFIT or item.label not in self._stopping:
            return list(item.rounds)
        folds = [self.arrived.get((item.label, number)) for number in range(len(self._data.plan.folds))]
        if any(fold is None or fold.error for fold in folds):
            return None
        return mean_rounds([fold.rounds for fold in folds if fold is not None])

    def _round_seconds(self, item: FitTask) -> float:
        """Return what a round of a refit takes by what it took in the folds; 0 where nobody knows."""
        if item.fold != REFIT:
            return 0.0
        folds = (self.arrived.get((item.label, number)) for number in range(len(self._data.plan.folds)))
        measured = [fold.round_seconds for fold in folds if fold is not None and fold.round_seconds > 0]
        return self._size(item) * float(np.mean(measured)) if measured else 0.0

    def _found(self, item: FitTask, rounds: list[int]) -> Outcome | None:
        found = None if self._stored is None else self._stored.find(item, rounds)
        if found is not None:
            self.clock.reuse(item.label, self._size(item))
            self.arrived[item.label, item.fold] = found
        return found

    def _arrive(self, outcome: Outcome, rounds: list[int]) -> None:
        item = outcome.task
        how = {"cut": bool(outcome.cut), "failed": outcome.error is not None}
        self.clock.finish(item.label, outcome.seconds, self._size(item), after=outcome.predicting, **how)
        self.arrived[item.label, item.fold] = outcome
        if self._stored is not None and not outcome.cut:  # another fit would have other rounds
            self._stored.keep(outcome, rounds)

    def _size(self, item: FitTask) -> float:
        return len(item.train) / self._rows_of_a_fold

    def _waits(self, item: FitTask) -> bool:
        return item.fold != PREPARE and self.clock.waits(item.label)
