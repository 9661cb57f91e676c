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


def is_arn(uri: str) -> bool:
    """Say whether a tracking server is named by its ARN."""
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
    if is_arn(uri):
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
    with _environment(_IMPATIENT):
        try:
            mlflow.MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
        except Exception as error:  # of MLflow, of its store, or of the network: all of them mean the same
            raise ParameterError(
                f"tracking is {uri!r}, which does not answer, so that nothing was fitted: {type(error).__name__}: {error}"
            ) from error


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: value for name, value in variables.items() if before[name] is None})
    try:
        yield
    finally:
        for name in (name for name in variables if before[name] is None):
            os.environ.pop(name, None)
