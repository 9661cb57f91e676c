"""An endpoint is made whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..shared._names import part_name
from ._cloud import Cloud
from ._endpoint import Endpoint
from ._machine import Instances, Machine, Serverless
from ._requests import VARIANT, endpoint_config_request, endpoint_request, model_request
from ._scaling import scale
from ._variants import Variant, shared


def create_endpoint(
    name: str,
    cloud: Cloud,
    machine: Machine,
    origin: str,
    hosting: Serverless | Instances,
    *,
    runtime: str = "libraries",
    part: str | None = None,
    capture: Mapping[str, Any] | None = None,
    variants: Sequence[Variant] = (),
) -> Endpoint:
    """Make an endpoint with its model and configuration, and wait for it; nothing is left of one that fails.

    Parameters
    ----------
    name : str
    cloud : Cloud
    machine : Machine
    origin : str
        As for `model_request`.
    hosting : Serverless or Instances
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        What predicts.
    part : str, default=None
        Name of the configuration and the model; None gives them that of the endpoint.
    capture : mapping, default=None
        A ``DataCaptureConfig``.
    variants : sequence of Variant, default=()
        Of an endpoint that has several, in the place of machine, origin and runtime; the first one's are these.
    """
    part = part or name
    patient = isinstance(hosting, Instances) and hosting.answers is not None
    served = [(one.machine, one.origin, one.runtime) for one in variants] or [(machine, origin, runtime)]
    models = [part, *(part_name(name) for _ in served[1:])]
    config = endpoint_config_request(part, machine, part, hosting, capture=capture)
    requests = (
        *(
            ("create_model", model_request(model, on, made_from, patient=patient, runtime=by))
            for model, (on, made_from, by) in zip(models, served, strict=True)
        ),
        ("create_endpoint_config", shared(config, variants, models) if variants else config),
        ("create_endpoint", endpoint_request(name, part, machine)),
    )
    endpoint = Endpoint(name, cloud)
    try:
        for operation, request in requests:
            cloud.call("sagemaker", operation, **request)
        endpoint.wait()
        if isinstance(hosting, Instances) and hosting.scales:
            for variant in [one.name for one in variants] or [VARIANT]:
                scale(cloud, name, hosting, variant)
    except BaseException:
        if endpoint._parts()[0] == part:  # of another configuration it is somebody else's
            endpoint.delete()
        endpoint._remove(part, set(models))
        raise
    return endpoint
