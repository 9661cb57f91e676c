"""A training job on this machine: the platform's layout, variables and command line.

The names and formats are those of the container's training toolkit (sagemaker-training
4.8); the base folder stands for ``/opt/ml``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._errors import JobError
from ._metric_lines import read_metrics
from ._wheels import unpack

_GRACE_SECONDS = 5.0
_LOG_TAIL = 30

_running: weakref.WeakSet[LocalJob] = weakref.WeakSet()


def new_name(prefix: str = "byoe") -> str:
    """Return a job name that is not taken."""
    return f"{prefix}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


class LocalJob:
    """A training job that runs on this machine.

    Attributes
    ----------
    name : str
    base : Path
        The folder that stands for ``/opt/ml``: ``input``, ``code``, ``model``, ``output``.
    hyperparameters : dict
    """

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
                env=environment,
                stdin=subprocess.DEVNULL,
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
    def artifact(self) -> Path:
        """The model folder of a completed job: the bundle, and the serving code in ``code``."""
        self._need_completed()
        return self.base / "model"

    def ensemble(self) -> Any:
        """Load the fitted ensemble."""
        from .._bundle import load

        return load(self.artifact)

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

    @contextlib.contextmanager
    def _stopping_if_interrupted(self) -> Any:
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def _need_completed(self) -> None:
        status = self.status
        if status == "Completed":
            return
        reason = self.failure.partition("\n\n")[0]
        tail = "\n".join(self.log.splitlines()[-_LOG_TAIL:])
        told = f": {reason}" if reason else ""
        error = JobError(f"job {self.name} has the status {status}{told}\nThe end of its log ({self._log}):\n{tail}")
        error.job = self  # type: ignore[attr-defined]  # for callers of a failing fit, who get no handle
        raise error

    def stop(self) -> None:
        """Stop the job and every process it started. Does nothing when it has ended."""
        if self._process.poll() is None:
            self._stopped = True
            end_group(self._process)
        _running.discard(self)


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


def lay_out(
    base: Path,
    source: Path,
    channels: Mapping[str, Path],
    hyperparameters: Mapping[str, Any],
    *,
    name: str,
    cpus: int,
) -> tuple[list[str], dict[str, str]]:
    """Write the platform's folders and files; return the arguments and the environment.

    Parameters
    ----------
    base : Path
        Stands for ``/opt/ml``.
    source : Path
        A source folder; it is copied to ``code``.
    channels : mapping of str to Path
        Files or folders; each appears under ``input/data``.
    hyperparameters : mapping
    name : str
    cpus : int
    """
    config, data = base / "input" / "config", base / "input" / "data"
    for folder in (config, data, base / "model", base / "output" / "data", base / "output" / "intermediate"):
        folder.mkdir(parents=True)
    shutil.copytree(source, base / "code")
    unpack(base / "code" / "wheels", base / "site-packages")
    for channel, path in channels.items():
        _link(path, data / channel)
    resources = {
        "current_host": "localhost",
        "current_instance_type": "local",
        "current_group_name": "homogeneousCluster",
        "hosts": ["localhost"],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": ["localhost"]}
        ],
        "network_interface_name": "lo",
    }
    inputs = {
        channel: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        for channel in channels
    }
    # The platform passes hyperparameters as texts; each is the JSON form of its value.
    texts = {key: json.dumps(value) for key, value in hyperparameters.items()}
    texts |= {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(base / "code"))}
    for file, content in (("hyperparameters", texts), ("inputdataconfig", inputs), ("resourceconfig", resources)):
        (config / f"{file}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    arguments = command_line(hyperparameters)
    variables = {
        "channels": sorted(channels),
        "current_host": "localhost",
        "current_instance_group": "homogeneousCluster",
        "current_instance_group_hosts": ["localhost"],
        "current_instance_type": "local",
        "distribution_instance_groups": [],
        "framework_module": "",
        "framework_params": {},
        "hosts": ["localhost"],
        "hps": dict(hyperparameters),
        "input_config_dir": str(config),
        "input_data_config": inputs,
        "input_dir": str(base / "input"),
        "instance_groups": ["homogeneousCluster"],
        "instance_groups_dict": {"homogeneousCluster": resources["instance_groups"][0]},
        "is_hetero": False,
        "log_level": 20,
        "model_dir": str(base / "model"),
        "module_dir": str(base / "code"),
        "module_name": "train",
        "network_interface_name": "lo",
        "num_cpus": cpus,
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": str(base / "output" / "data"),
        "output_dir": str(base / "output"),
        "output_intermediate_dir": str(base / "output" / "intermediate"),
        "resource_config": resources,
        "user_args": arguments,
        "user_entry_point": "train.py",
        **{f"channel_{channel}": str(data / channel) for channel in channels},
        **{f"hp_{key}": value for key, value in hyperparameters.items()},
    }
    variables["training_env"] = {key: value for key, value in variables.items() if not key.startswith("hp_")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SM_")}
    environment |= {f"SM_{key.upper()}": _variable(value) for key, value in variables.items()}
    environment |= {"TRAINING_JOB_NAME": name, **local_environment(base / "site-packages")}
    return arguments, environment


def local_environment(site: Path) -> dict[str, str]:
    """Return what makes a process run the unpacked wheels before anything that is installed."""
    return {"PYTHONPATH": str(site), "PYTHONUNBUFFERED": "1", "BYOE_LOCAL_SITE": str(site)}


def command_line(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return the arguments that the platform gives the script."""
    arguments = []
    for key in sorted(hyperparameters):
        value = hyperparameters[key]
        if isinstance(value, Mapping):
            value = ",".join(f"{k}={v}" for k, v in sorted(value.items()))
        arguments += [f"--{key}" if len(key) > 1 else f"-{key}", "" if value is None else str(value)]
    return arguments


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _link(path: Path, place: Path) -> None:
    """Show a file or folder as a channel: every file under its own name, without a copy."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    root = path.parent if path.is_file() else path
    for file in files:
        target = place / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file.resolve())
