"""A tuning job on this machine: Optuna proposes, every trial is a training job."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

from ...errors import JobError, need
from ...tuning._space import distributions, quiet_optuna
from ..shared._failures import no_registry, without_best
from ._job import LocalJob


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
        ``objective`` (None for a failed one), ``seconds``, ``params``, and ``failure``: why it has failed, and
        nothing where it has not.
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
        done = [trial for trial in self.trials if trial["objective"] is not None]
        pick = max if self.greater_is_better else min
        return pick(done, key=lambda trial: trial["objective"]) if done else None

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

    def run(
        self,
        space: Mapping[str, Any],
        *,
        max_jobs: int,
        max_parallel_jobs: int,
        seed: int | None,
        on_trial: Callable[[dict[str, Any]], None] | None = None,
        verbose: bool = False,
    ) -> None:
        """Run all trials, a batch of parallel ones at a time."""
        optuna = quiet_optuna()
        study = optuna.create_study(
            direction="maximize" if self.greater_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
        while len(self.trials) < max_jobs and not self._stopping.is_set():
            batch = []
            try:
                for _ in range(min(max_parallel_jobs, max_jobs - len(self.trials))):
                    trial = study.ask(distributions(space))
                    params = dict(trial.params)
                    job = self._launch(f"{self.name}-{trial.number + 1:03d}", params)
                    self.jobs[job.name] = job
                    batch.append((trial, params, job))
                for trial, params, job in batch:
                    row = self._finish(study, trial, params, job)
                    if verbose:
                        print(f"[byoe] {self.line(row, max_jobs)}", flush=True)
                    if on_trial is not None:
                        on_trial(row)
            except BaseException:
                for _, _, job in batch:
                    job.stop()
                raise

    def _finish(self, study: Any, trial: Any, params: dict[str, Any], job: LocalJob) -> dict[str, Any]:
        try:
            job.wait()
        except JobError:
            value = None
        else:
            value = job.metrics.get(self.objective)
        if value is not None and math.isnan(value):
            value = None
        if value is None:
            study.tell(trial, state=need("optuna.trial", "tune", "tuning").TrialState.FAIL)
        else:
            study.tell(trial, value)
        row = {"number": len(self.trials) + 1, "job": job.name, "status": job.status, "objective": value}
        row |= {"seconds": job.seconds, "params": params, "failure": self._failure(job, value)}
        self.trials.append(row)
        return row

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
        """Stop the running trials and start no more."""
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
            what = f"{self.objective} {value:.4g}"
        else:
            what = f"{row['status']} ({row['failure']})" if row["failure"] else row["status"]
        best = "" if self.best is None else f" (best {self.best['objective']:.4g}, trial {self.best['number']})"
        return f"trial {row['number']} of {max_jobs}: {what} in {row['seconds']:.1f} s{best}"


def cpus_per_trial(max_parallel_jobs: int, available: int) -> int:
    """Return the cores of one trial, so that parallel ones do not share any."""
    return max(1, available // max_parallel_jobs)
