"""What there is under the name that an endpoint is to have."""

from __future__ import annotations

from contextlib import suppress

from ...errors import ParameterError
from ._endpoint import Endpoint
from ._faults import NotFoundError
from ._requests import serves_byoe
from ._variants import models_of
from ._waiting import CHANGING, until


def answers_of(endpoint: Endpoint) -> str:
    """Return where an asynchronous endpoint puts its answers; nothing for one that answers at once."""
    found = endpoint._parts()[1].get("AsyncInferenceConfig") or {}
    return str(found.get("OutputConfig", {}).get("S3OutputPath", ""))


def _is_ours(endpoint: Endpoint) -> bool:
    """Return whether the model of an endpoint was made by byoe."""
    for model in sorted(models_of(endpoint._parts()[1])):
        with suppress(NotFoundError):
            return serves_byoe(endpoint._cloud.call("sagemaker", "describe_model", ModelName=model))
    return False


def standing(endpoint: Endpoint) -> str:
    """Return what there is under the name of an endpoint that is to be: ``"live"``, ``"failed"`` or nothing.

    Raises
    ------
    ParameterError
        For one that is being made or changed, and for one that byoe has not made.
    """
    status = endpoint.status
    if status == "Deleting":
        print(f"[byoe] endpoint {endpoint.name} is being removed: this waits until it is gone", flush=True)
        status = until(lambda: endpoint.status, "Deleting".__ne__)
    if status == "Deleted":
        return ""
    told = endpoint.describe()["EndpointName"]
    if told != endpoint.name:  # the service finds it all the same, but not for requests
        raise ParameterError(f"there is an endpoint {told!r} already; write its name so, or give another one")
    if status in ("InService", "Failed"):
        if not _is_ours(endpoint):
            raise ParameterError(
                f"there is an endpoint {endpoint.name!r} already, and byoe has not made its model; give another name"
            )
        return {"InService": "live", "Failed": "failed"}[status]
    hint = f"byoe.sagemaker.attach({endpoint.name!r})"
    cure = f"wait for it with {hint}.wait()" if status in CHANGING else f"remove it with {hint}.delete()"
    raise ParameterError(
        f"there is an endpoint {endpoint.name!r} already, which has the status {status}; {cure}, or give another name"
    )
