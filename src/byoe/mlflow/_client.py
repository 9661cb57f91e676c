"""MLflow itself, and whether a tracking server answers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import MissingExtraError, ParameterError, need

_ARN = re.compile(r"arn:[\w-]+:sagemaker:[\w-]+:\d{12}:mlflow-(tracking-server|app)/[\w-]+")
# MLflow asks again for minutes, which is long for whoever waits to begin.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def client() -> Any:
    """Return the module ``mlflow``."""
    return need("mlflow", "mlflow", "tracking")


def hush() -> None:
    """Keep MLflow from what programs need not: links on standard output, and asking for git, which containers lack."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def enter(experiment: str) -> None:
    """Make an experiment the one that runs are logged to, and create it where it does not exist."""
    mlflow = client()
    entered = mlflow.set_experiment(experiment)
    # Where another process creates it in the same moment, MLflow returns it and logs to the default experiment.
    mlflow.set_experiment(experiment_id=entered.experiment_id)


def libraries_for(uri: str) -> list[str]:
    """Return the distributions that speak to a tracking server."""
    return ["mlflow-skinny", "pandas", *(["sagemaker-mlflow"] if _is_arn(uri) else [])]


def tracking_of(uri: str | None, experiment: str | None, *, here: bool, models: bool = True) -> dict[str, Any] | None:
    """Return where a job logs to, checked, and whether its model, too; None without a server.

    ``here`` is whether the job runs on this machine, from which the server then has to answer.

    Raises
    ------
    ParameterError, MissingExtraError
        As `check_uri` and `check_reachable` do, and for an experiment without a server.
    """
    if uri is None:
        if experiment is not None:
            raise ParameterError(f"experiment is {experiment!r}, and tracking does not say at which server; give both")
        return None
    check_uri(uri)
    if here:
        check_reachable(uri)
    return {"uri": uri, "models": models, **({} if experiment is None else {"experiment": experiment})}


def _is_arn(uri: str) -> bool:
    return uri.startswith("arn:")


def check_uri(uri: str) -> None:
    """Raise an error for what cannot be a tracking server, or one that what is installed cannot speak to.

    Raises
    ------
    ParameterError
        For another ARN than that of a tracking server or an MLflow app, and for an address that holds a password.
    MissingExtraError
        When MLflow, or its plugin for ARNs, is not installed.
    """
    if not isinstance(uri, str) or not uri.strip():
        raise ParameterError(f"tracking is {uri!r}, expected the address of a tracking server, or its ARN")
    client()
    if _is_arn(uri):
        if not _ARN.fullmatch(uri):
            raise ParameterError(
                f"tracking is {uri!r}, expected an ARN such as "
                "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/name"
            )
        try:
            need("sagemaker_mlflow", "mlflow", "a tracking server's ARN")
        except MissingExtraError as error:
            raise MissingExtraError(
                "a tracking server's ARN needs 'sagemaker-mlflow', which is not installed: pip install sagemaker-mlflow"
            ) from error
    elif urlsplit(uri).password and urlsplit(uri).scheme in ("http", "https"):
        raise ParameterError(
            "tracking holds a password, which would be written into files; leave it out, and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment"
        )


def check_reachable(uri: str) -> None:
    """Raise a ParameterError where a tracking server does not answer within seconds."""
    mlflow = client()
    with impatient():
        try:
            mlflow.MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
        except Exception as error:  # of MLflow, of its store, or of the network: all of them mean the same
            reason = f"{type(error).__name__}: {error}"
            raise ParameterError(
                f"tracking is {uri!r}, which does not answer, so that nothing was fitted: {reason}"
            ) from error


@contextmanager
def impatient() -> Iterator[None]:
    """Let MLflow wait for seconds only, unless the environment says how long."""
    ours = {name: text for name, text in _IMPATIENT.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
