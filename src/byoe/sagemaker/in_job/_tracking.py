"""The fit of a job as a run of MLflow. What goes wrong there is told in the log, and the job goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...mlflow._client import client, enter, hush, impatient
from ...mlflow._facts import Metric
from ...mlflow._log import HELD_OUT, Logged, log
from ...mlflow._model import log_model
from ._log import say

_JOB = "byoe.job"


@dataclass(frozen=True)
class Tracked:
    """The run of a job.

    Attributes
    ----------
    uri : str
        Of the server; empty where nothing is tracked.
    models : bool
        Whether models are logged.
    """

    uri: str = ""
    models: bool = True

    def keep(self, ensemble: Any, model: Path, *, trusted: Sequence[str], what: Logged) -> None:
        """Log what a job has made; ``trusted`` are the packages of the ensemble's own estimators."""
        if not self.uri:
            return
        try:
            log(ensemble, what)
            if self.models:
                log_model(model, trusted=trusted)
        except Exception as error:  # the model is saved, and a job must not be lost for its record
            say(f"not all is logged to {self.uri}: {type(error).__name__}: {error}")
        else:
            say(f"logged the fit{' and the model' if self.models else ''} to {self.uri}")


@contextmanager
def tracked(setting: Mapping[str, Any] | None, *, resumes: bool) -> Iterator[Tracked]:
    """Begin the run of a job, and end it with what becomes of the job.

    Parameters
    ----------
    setting : mapping or None
        ``uri``, ``experiment`` and ``models``; None tracks nothing.
    resumes : bool
        Whether the job may have begun before, on a machine that was taken back: then its run goes on.
    """
    if setting is None or not _begun(setting, resumes=resumes):
        yield Tracked()
        return
    status = "FAILED"
    try:
        yield Tracked(setting["uri"], setting.get("models", True))
        status = "FINISHED"
    except Exception:
        raise
    except BaseException:  # the platform ends the job
        status = "KILLED"
        raise
    finally:
        with suppress(Exception), impatient():
            client().end_run(status)


def _begun(setting: Mapping[str, Any], *, resumes: bool) -> bool:
    name = os.environ.get("TRAINING_JOB_NAME", "job")
    hush()
    try:
        with impatient():
            mlflow = client()
            mlflow.set_tracking_uri(setting["uri"])
            if "experiment" in setting:
                enter(setting["experiment"])
            run_id = _earlier(name) if resumes else None
            run = mlflow.start_run(run_id=run_id, run_name=name, tags={_JOB: name})
    except Exception as error:  # a fit must not be lost for its record
        say(f"nothing is logged to {setting['uri']}: {type(error).__name__}: {error}")
        return False
    say(f"logs to run {run.info.run_id} of {setting['uri']}")
    return True


def _earlier(name: str) -> str | None:
    """Return the run of an earlier attempt of a job."""
    runs = client().search_runs(filter_string=f"tags.`{_JOB}` = '{name}'", max_results=1, output_format="list")
    return runs[0].info.run_id if runs else None


def named(metrics: Mapping[str, float], *, held_out: bool) -> list[Metric]:
    """Return the metrics of a job by the names of a run: of the validation table, or else of the leaderboard."""
    prefix = f"{HELD_OUT}/" if held_out else ""
    places = ((f"{HELD_OUT}:", prefix), ("member:", f"{prefix}members/"))
    return [
        Metric(place + name.removeprefix(start).replace(":", "/"), value)
        for name, value in metrics.items()
        for start, place in places
        if name.startswith(start)
    ]
