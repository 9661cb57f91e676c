"""A tuning job on this machine: Optuna proposes, every trial is a training job."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from ...errors import JobError, need
from ...tuning._space import distributions
from ..shared._failures import no_registry, without_best
from ..shared._metric_lines import read_fold_scores
from ..shared._search import Search
from ._early_ends import MedianRule, PrunerRule, why_complete
from ._job import LocalJob
from ._study import study_of

_LOOK = 0.1  # seconds between two looks at the logs of running trials


@dataclass(frozen=True)
class _Trial:
    """A trial that runs, what Optuna asked for, and what may end it early."""

    asked: Any
    job: LocalJob
    rule: MedianRule | PrunerRule | None

    def scores(self, objective: str) -> dict[int, float]:
        """Return the objective after each fold so far."""
        return read_fold_scores(self.job.log, objective)

    def stopped_after(self, objective: str) -> int | None:
        """Return after how many folds it is ended; None while it goes on."""
        return None if self.rule is None else self.rule.stops_after(self.scores(objective))

    def compared(self, objective: str) -> dict[int, float]:
        """Return what later trials are compared with: its scores up to where it was ended."""
        stopped = self.stopped_after(objective)
        return {done: value for done, value in self.scores(objective).items() if stopped is None or done <= stopped}


class LocalTuning:
    """A tuning job.

    Attributes
    ----------
    name : str
    objective : str
        The metric of the log that is optimised, such as ``"validation:rmse"``.
    greater_is_better : bool
    trials : list of dict
        One per finished trial, in the order of their start: ``number``, ``job``, ``status``,
        ``objective`` (None for a failed one; for one that was stopped early that of its folds), ``seconds``,
        ``params``, and ``failure``: why it has failed, and nothing where it has not.
    completion : str
        Why it has ended before ``max_jobs``; empty where it has not.
    """

    kind: ClassVar[str] = "tuning job"
    place: ClassVar[str] = "local"

    def __init__(
        self, name: str, objective: str, greater_is_better: bool, launch: Callable[[str, dict[str, Any]], LocalJob]
    ):
        self.name = name
        self.objective = objective
        self.greater_is_better = greater_is_better
        self.trials: list[dict[str, Any]] = []
        self.jobs: dict[str, LocalJob] = {}
        self.completion = ""
        self._launch = launch
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        best = "" if self.best is None else f", best=trial {self.best['number']} in {str(self.best_job.base)!r}"
        return f"LocalTuning({self.name!r}, trials={len(self.trials)}, objective={self.objective!r}{best})"

    @property
    def best(self) -> dict[str, Any] | None:
        """The row of the best trial so far; None while there is none."""
        pick = max if self.greater_is_better else min
        return pick(self._finished, key=lambda trial: trial["objective"], default=None)

    @property
    def _finished(self) -> list[dict[str, Any]]:
        """The rows of trials that have all their folds, and a result."""
        return [row for row in self.trials if row["objective"] is not None and row["status"] == "Completed"]

    @property
    def status(self) -> str:
        """InProgress, Completed, Failed or Stopped, as on AWS."""
        if self._thread is not None and self._thread.is_alive():
            return "InProgress"
        if self._error is not None:
            return "Failed"
        return "Stopped" if self._stopping.is_set() else "Completed"

    def start(self, search: Callable[[], None]) -> None:
        """Run the search beside the caller."""

        def work() -> None:
            try:
                search()
            except BaseException as error:  # told to whoever waits
                self._error = error

        self._thread = threading.Thread(target=work, name=self.name, daemon=True)
        self._thread.start()

    def run(self, search: Search) -> None:
        """Run trials, a batch of parallel ones at a time, until there are enough or the search is complete."""
        study, ends = study_of(search), time.monotonic() + (search.time_limit or math.inf)
        median, n_trials = MedianRule(search.greater_is_better), search.n_trials
        while len(self.trials) < n_trials and not self._stopping.is_set():
            if self._is_complete(search, ends):
                return
            batch: list[_Trial] = []
            try:
                for _ in range(min(search.max_parallel_jobs, n_trials - len(self.trials))):
                    if self._stopping.is_set():
                        break
                    asked = study.ask(distributions(search.space))
                    job = self._launch(f"{self.name}-{asked.number + 1:03d}", dict(asked.params))
                    self.jobs[job.name] = job
                    if self._stopping.is_set():  # since it was looked at which there are
                        job.stop()
                    rule = PrunerRule(asked) if search.strategy == "Hyperband" else median
                    batch.append(_Trial(asked, job, rule if search.compares_folds else None))
                self._watch(batch, ends)
                for trial in batch:
                    self._finish(study, trial, search, n_trials)
                for values in [trial.compared(self.objective) for trial in batch]:  # by what there was before them
                    median.add(values)
            except BaseException:
                for trial in batch:
                    trial.job.stop()
                raise

    def _is_complete(self, search: Search, ends: float) -> bool:
        values = [row["objective"] for row in self._finished]
        self.completion = why_complete(search, values)
        if not self.completion and time.monotonic() >= ends:
            self.completion = f"the time_limit of {search.time_limit:g} s is over"
        if self.completion and search.verbose:
            print(f"[byoe] the tuning job ends after {len(self.trials)} trials: {self.completion}", flush=True)
        return bool(self.completion)

    def _watch(self, batch: Sequence[_Trial], ends: float) -> None:
        """Wait for a batch, and end those of its trials that a rule, or the time, ends."""
        if all(trial.rule is None for trial in batch) and ends == math.inf:
            return  # each is waited for when its turn comes
        while running := [trial for trial in batch if trial.job.status == "InProgress"]:
            for trial in running:
                if time.monotonic() >= ends or trial.stopped_after(self.objective) is not None:
                    trial.job.stop()
            time.sleep(_LOOK)

    def _finish(self, study: Any, trial: _Trial, search: Search, n_trials: int) -> None:
        job, states = trial.job, need("optuna.trial", "tune", "tuning").TrialState
        with suppress(JobError):
            job.wait()
        status, value = job.status, job.metrics.get(self.objective)
        stopped = trial.stopped_after(self.objective)
        if stopped is not None:  # also one that had ended before it was looked at
            status, value = "Stopped", trial.scores(self.objective)[stopped]
        elif status != "Completed" or (value is not None and math.isnan(value)):
            value = None
        if stopped is not None or value is None:
            study.tell(trial.asked, state=states.FAIL if stopped is None else states.PRUNED)
        else:
            study.tell(trial.asked, value)
        row = {"number": len(self.trials) + 1, "job": job.name, "status": status, "objective": value}
        row |= {"seconds": job.seconds, "params": dict(trial.asked.params), "failure": self._failure(job, value)}
        self.trials.append(row)
        if search.verbose:
            print(f"[byoe] {self.line(row, n_trials)}", flush=True)
        if search.on_trial is not None:
            search.on_trial(row)

    def wait(self) -> LocalTuning:
        """Wait until all trials have ended; raise what ended the search before its time, or if all have failed."""
        try:
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(timeout=1.0)
        except BaseException:
            self.stop()
            raise
        if self._error is not None:
            raise self._error
        if self.best is None and not self._stopping.is_set():
            raise self._without_best()
        return self

    def completed(self) -> LocalJob:
        """Wait, and return the best job."""
        return self.wait().best_job.wait()

    def register(self, group: str, **_: Any) -> NoReturn:
        """Refuse: the model registry is AWS's, and knows jobs of AWS."""
        raise no_registry(group, "keep the folder of its best job, which best_job.artifact is")

    def stop(self) -> None:
        """Stop the running trials and start no more. Does nothing when all have ended."""
        if self._thread is not None and not self._thread.is_alive():
            return
        self._stopping.set()
        for job in list(self.jobs.values()):
            job.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def best_job(self) -> LocalJob:
        """The job with the best objective."""
        if self.best is None:
            raise self._without_best()
        return self.jobs[self.best["job"]]

    def _without_best(self) -> JobError:
        first = next(iter(self.jobs.values()), None)
        reason = f"the first one: {self._failure(first, None)}" if first else "none was started"
        return without_best(self.name, self.status, reason)

    def _failure(self, job: LocalJob, value: float | None) -> str:
        """Return why a trial has no result, in one line; nothing for one that has."""
        missing = "" if job.status == "Stopped" else f"its log holds no number for {self.objective}"
        return "" if value is not None else job._reason.partition("\n")[0] or missing

    def line(self, row: Mapping[str, Any], max_jobs: int) -> str:
        """Return what is shown of a trial that has ended."""
        value = row["objective"]
        if value is not None:
            what = f"{'stopped at ' if row['status'] == 'Stopped' else ''}{self.objective} {value:.4g}"
        else:
            what = f"{row['status']} ({row['failure']})" if row["failure"] else row["status"]
        best = "" if self.best is None else f" (best {self.best['objective']:.4g}, trial {self.best['number']})"
        return f"trial {row['number']} of {max_jobs}: {what} in {row['seconds']:.1f} s{best}"


def cpus_per_trial(max_parallel_jobs: int, available: int) -> int:
    """Return the cores of one trial, so that parallel ones do not share any."""
    return max(1, available // max_parallel_jobs)
