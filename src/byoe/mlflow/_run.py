"""The run of a command: begun before the fit, so that a server that does not answer costs no fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ._client import client, enter, hush
from ._log import Logged, log
from ._model import log_model

Log = Callable[[Any, Path], None]


@contextmanager
def run_at(setting: Mapping[str, Any] | None) -> Iterator[Log]:
    """Begin a run, and give what logs a fitted ensemble and its bundle to it; without a server nothing is logged.

    Parameters
    ----------
    setting : mapping or None
        As `tracking_of` returns it.
    """
    if setting is None:
        yield lambda *_: None
        return
    hush()
    mlflow = client()
    mlflow.set_tracking_uri(setting["uri"])
    if "experiment" in setting:
        enter(setting["experiment"])
    with mlflow.start_run():
        yield _log


def _log(ensemble: Any, bundle: Path) -> None:
    log(ensemble, Logged())
    log_model(bundle)
