"""An endpoint is made whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...errors import JobError
from ..shared._names import part_name
from ._cloud import Cloud
from ._endpoint import Endpoint
from ._faults import is_refusal
from ._machine import Instances, Serverless, Variant
from ._requests import endpoint_config_request, endpoint_request, model_request
from ._scaling import scale


def create_endpoint(
    name: str,
    cloud: Cloud,
    variants: Sequence[Variant],
    hosting: Serverless | Instances,
    *,
    part: str | None = None,
    capture: Mapping[str, Any] | None = None,
) -> Endpoint:
    """Make an endpoint with its models and configuration, and wait for it; nothing is left of one that fails.

    Parameters
    ----------
    name : str
    cloud : Cloud
    variants : sequence of Variant
        What answers; most endpoints have one.
    hosting : Serverless or Instances
    part : str, default=None
        Name of the configuration and the first model; None gives them that of the endpoint.
    capture : mapping, default=None
        A ``DataCaptureConfig``.
    """
    part = part or name
    patient = isinstance(hosting, Instances) and hosting.answers is not None
    models = {part: variants[0], **{part_name(name): one for one in variants[1:]}}
    config = endpoint_config_request(part, models, hosting, capture=capture)
    requests = (
        *(
            ("create_model", model_request(model, one.machine, one.origin, patient=patient, runtime=one.runtime))
            for model, one in models.items()
        ),
        ("create_endpoint_config", config),
        ("create_endpoint", endpoint_request(name, part, variants[0].machine)),
    )
    endpoint = Endpoint(name, cloud)
    sent = made = False
    try:
        for operation, request in requests:
            sent = operation == "create_endpoint"
            cloud.call("sagemaker", operation, **request)
        made = True
        endpoint.wait()
        if isinstance(hosting, Instances) and hosting.scales:
            for one in variants:
                scale(cloud, name, hosting, one.name)
    except BaseException as error:
        refused = not made and is_refusal(error)
        with suppress(JobError):  # what has failed first is told
            if sent and not refused and endpoint._parts()[0] == part:  # of another one it is somebody else's
                endpoint.delete()
            endpoint._remove(part, set(models))
        raise
    return endpoint
