"""An execution of a pipeline on this machine: a thread that runs one job after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from ...errors import JobError
from ..shared._failures import ending
from ..shared._place import JobFiles
from ..shared._search import Search
from ..shared._steps import CHECK, REGISTER, TRAIN, TUNE, Steps
from ._job import LocalJob
from ._tuning import LocalTuning

_UNREGISTERED = "the model registry is AWS's; this step is run there"


class LocalExecution:
    """An execution of a pipeline of this machine.

    Attributes
    ----------
    name : str
    steps : list of dict
        One row for each step that has begun: ``step``, ``status``, ``seconds``, ``cached``, ``made`` and ``failure``,
        as on AWS. A registration is ``"Skipped"``.
    failure : str
        Why it has failed; empty where it has not.
    """

    kind: ClassVar[str] = "pipeline execution"
    place: ClassVar[str] = "local"

    def __init__(
        self,
        name: str,
        steps: Steps,
        files: JobFiles,
        search: Search | None,
        launch: Callable[[JobFiles], LocalJob],
        launch_tuning: Callable[[JobFiles, Search], LocalTuning],
    ) -> None:
        self.name = name
        self.steps: list[dict[str, Any]] = []
        self.failure = ""
        self.tuning: LocalTuning | None = None
        self._of, self._files, self._search = steps, files, search
        self._launch, self._launch_tuning = launch, launch_tuning
        self._job: LocalJob | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __repr__(self) -> str:
        return f"LocalExecution({self.name!r}, status={self.status!r})"

    def start(self) -> LocalExecution:
        """Begin."""
        self._thread.start()
        return self

    @property
    def status(self) -> str:
        """Executing, Succeeded, Failed or Stopped, as on AWS."""
        if self._thread.is_alive():
            return "Executing"
        if self._stopping.is_set():
            return "Stopped"
        return "Failed" if self.failure else "Succeeded"

    @property
    def job(self) -> LocalJob:
        """The training job whose model it is about: of a tuning job the best one, unless that is trained again."""
        if self._job is not None:
            return self._job
        if self.tuning is None:
            raise JobError(ending(self.kind, self.name, self.status, "no job of it has begun"))
        return self.tuning.best_job

    def _run(self) -> None:
        try:
            for step, work in self._plan():
                if self._stopping.is_set():
                    return
                self._step(step, work)
        except Exception as error:  # told to whoever waits
            self.failure = str(error)

    def _plan(self) -> list[tuple[str, Callable[[dict[str, Any]], None]]]:
        trains = self._search is None or "test" in self._files.channels
        steps = {
            TUNE: (self._tune, self._search is not None),
            TRAIN: (self._train, trains),
            CHECK: (self._check, self._of.condition is not None),
            REGISTER: (self._register, self._of.registration is not None),
        }
        return [(name, work) for name, (work, wanted) in steps.items() if wanted]

    def _step(self, name: str, work: Callable[[dict[str, Any]], None]) -> None:
        begun = time.monotonic()
        row: dict[str, Any] = {
            "step": name,
            "status": "Executing",
            "seconds": None,
            "cached": False,
            "made": "",
            "failure": "",
        }
        self.steps.append(row)
        try:
            work(row)
            row["status"] = "Succeeded" if row["status"] == "Executing" else row["status"]
        except Exception as error:
            row["status"] = "Stopped" if self._stopping.is_set() else "Failed"
            row["failure"] = str(error).partition("\n")[0]
            raise
        finally:
            row["seconds"] = time.monotonic() - begun

    def _tune(self, row: dict[str, Any]) -> None:
        assert self._search is not None
        channels = {name: place for name, place in self._files.channels.items() if name != "test"}
        self.tuning = self._launch_tuning(self._named(TUNE, channels), self._search)
        self._wait_for(self.tuning, row)

    def _train(self, row: dict[str, Any]) -> None:
        channels, values = dict(self._files.channels), dict(self._files.hyperparameters)
        if self.tuning is not None:
            best = self.tuning.best
            assert best is not None  # it was waited for
            channels = {"train": channels["train"], "validation": channels["test"]}
            values |= best["params"]
        self._job = self._launch(replace(self._named(TRAIN, channels), hyperparameters=values))
        self._wait_for(self._job, row)

    def _wait_for(self, running: LocalJob | LocalTuning, row: dict[str, Any]) -> None:
        row["made"] = running.name
        if self._stopping.is_set():  # it was asked to while this began
            running.stop()
        running.wait()
        if running.status == "Stopped":
            row["status"] = "Stopped"

    def _named(self, step: str, channels: dict[str, Any]) -> JobFiles:
        name = f"{self.name.replace('/', '-')}-{step.lower()}"
        return replace(self._files, name=name, folder=self._files.folder / step.lower(), channels=channels)

    def _check(self, row: dict[str, Any]) -> None:
        condition = self._of.condition
        assert condition is not None
        value = self.job.metrics.get(condition.metric, float("nan"))
        holds = condition.holds(value)
        row["made"] = str(holds)
        if not holds:
            raise JobError(f"{condition.unmet(format(condition.threshold, '.6g'))}; it is {value:.6g}")

    def _register(self, row: dict[str, Any]) -> None:
        row |= {"status": "Skipped", "failure": _UNREGISTERED}

    def wait(self) -> LocalExecution:
        """Wait until the execution ends; an interrupt stops it.

        Raises
        ------
        JobError
            When it has not succeeded, with the reason: also where the condition does not hold.
        """
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=1.0)
        except BaseException:
            self.stop()
            raise
        if self.status != "Succeeded":
            raise JobError(ending(self.kind, self.name, self.status, self.failure))
        return self

    def completed(self) -> LocalJob:
        """Wait, and return the job, which may be served."""
        return self.wait().job.completed()

    def stop(self) -> None:
        """Stop what runs, and start no more. Does nothing when it has ended."""
        if not self._thread.is_alive():
            return
        self._stopping.set()
        for running in (self.tuning, self._job):
            if running is not None:
                running.stop()
        self._thread.join()
