"""A training job on this machine: a process of its own, and a handle on it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from ...bundle._manifest import GRAPH, MANIFEST
from ...errors import JobError
from ...scoring._baseline import CONSTRAINTS, STATISTICS, Baseline
from ..shared._failures import need_completed, no_registry, without_baseline
from ..shared._metric_lines import read_metrics
from ..shared._names import BASELINE
from ._layout import lay_out

_GRACE_SECONDS = 5.0

# A strong reference: a job goes on when its handle is forgotten.
_running: set[LocalJob] = set()


class LocalJob:
    """A training job that runs on this machine.

    Attributes
    ----------
    name : str
    base : Path
        The folder that stands for ``/opt/ml``: ``input``, ``code``, ``model``, ``output``.
    hyperparameters : dict
    """

    kind: ClassVar[str] = "job"
    place: ClassVar[str] = "local"

    def __init__(
        self,
        name: str,
        base: Path,
        source: Path,
        channels: Mapping[str, Path],
        hyperparameters: Mapping[str, Any],
        *,
        cpus: int,
    ) -> None:
        self.name = name
        self.base = base
        self.hyperparameters = dict(hyperparameters)
        self._definitions = json.loads((source / "metric_definitions.json").read_text(encoding="utf-8"))
        self._stopped = False
        arguments, environment = lay_out(base, source, channels, self.hyperparameters, name=name, cpus=cpus)
        self._log = base / "output" / "log.txt"
        self._started = time.monotonic()
        self._seconds: float | None = None
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C reaches the caller, which stops the job in order.
            self._process = subprocess.Popen(
                [sys.executable, "train.py", *arguments],
                cwd=base / "code",
                env={**environment, "BYOE_OWNED": "1"},
                stdin=subprocess.PIPE,  # its end tells the job that this process is gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _running.add(self)

    def __repr__(self) -> str:
        return f"LocalJob({self.name!r}, status={self.status!r}, base={str(self.base)!r})"

    @property
    def status(self) -> str:
        """The platform's word: InProgress, Completed, Failed or Stopped."""
        code = self._process.poll()
        if code is None:
            return "InProgress"
        if self._seconds is None:
            self._seconds = time.monotonic() - self._started
            self._forget()
        if self._stopped:
            return "Stopped"
        return "Completed" if code == 0 else "Failed"

    @property
    def seconds(self) -> float:
        """Seconds from start to end, or until now."""
        return time.monotonic() - self._started if self.status == "InProgress" else self._seconds or 0.0

    @property
    def log(self) -> str:
        """What the job has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that the log holds, found by the metric definitions' regexes."""
        return read_metrics(self.log, self._definitions)

    @property
    def failure(self) -> str:
        """What the failure file holds: the reason, then the traceback. Empty when there is none."""
        file = self.base / "output" / "failure"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    @property
    def _reason(self) -> str:
        """Why it has failed, in one line; empty when it has not."""
        reason = self.failure.partition("\n\n")[0]
        if self.status != "Failed" or reason:
            return reason
        code = self._process.returncode
        return f"it was ended by signal {-code}" if code < 0 else f"exit code {code}"

    @property
    def artifact(self) -> Path:
        """The model folder of a completed job: the bundle, and the serving code in ``code``."""
        self._need_completed()
        return self.base / "model"

    @property
    def has_graph(self) -> bool:
        """Whether it was trained with ``graph=True`` and a graph could be made, which an endpoint can predict by."""
        return GRAPH in json.loads((self.artifact / MANIFEST).read_bytes())["files"]

    def ensemble(self, *, trusted: Sequence[str] = ()) -> Any:
        """Load the fitted ensemble, and what its spec trusts; ``trusted`` names further classes."""
        from ..._load import load

        spec = json.loads((self.base / "code" / "spec.json").read_text(encoding="utf-8"))
        return load(self.artifact, trusted=[*spec["trusted"], *trusted])

    def baseline(self) -> Baseline:
        """Return the paths of the baseline that the job has written of its training table, for monitors of data.

        Raises
        ------
        JobError
            When the job has not completed, or has written none.
        """
        self._need_completed()
        folder = self.base / "output" / "data" / BASELINE
        made = Baseline(folder / STATISTICS, folder / CONSTRAINTS)
        if not all(Path(file).is_file() for file in made):
            raise JobError(without_baseline(self.name, str(folder)))
        return made

    def register(self, group: str, **_: Any) -> NoReturn:
        """Refuse: the model registry is AWS's, and knows jobs of AWS."""
        raise no_registry(group, f"keep its folder, {self.base / 'model'}")

    def wait(self, *, logs: bool = False, on_line: Callable[[str], None] | None = None) -> LocalJob:
        """Wait until the job ends.

        Parameters
        ----------
        logs : bool, default=False
            Print the log as it grows.
        on_line : callable, default=None
            Called with every line of the log.

        Raises
        ------
        JobError
            When the job fails; it has the reason and the end of the log, and the job as its
            attribute ``job``.
        """
        listeners = [listener for listener in (print if logs else None, on_line) if listener]
        with self._log.open(encoding="utf-8", errors="replace") as log, self._stopping_if_interrupted():
            rest = ""
            while True:
                ended = self._process.poll() is not None
                rest += log.read() if listeners else ""
                *lines, rest = rest.split("\n")
                for line in [*lines, *([rest] if ended and rest else [])]:
                    for listener in listeners:
                        listener(line)
                if ended:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=0.1 if listeners else 3600)
        self._need_completed()
        return self

    def completed(self) -> LocalJob:
        """Wait, and return the job."""
        return self.wait()

    @contextlib.contextmanager
    def _stopping_if_interrupted(self) -> Any:
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def _need_completed(self) -> None:
        need_completed(self, self._reason, log_file=self._log)

    def stop(self) -> None:
        """Stop the job and every process it started. Does nothing when it has ended."""
        if self._process.poll() is None:
            self._stopped = True
            end_group(self._process)
        self._forget()

    def _forget(self) -> None:
        _running.discard(self)
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started: politely, then not."""
    for signal_, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _GRACE_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return


@atexit.register
def _stop_all() -> None:
    for job in list(_running):
        job.stop()
