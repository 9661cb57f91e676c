"""The request for a pipeline: those that fit, tune and register make are the arguments of its steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..shared._search import Search
from ..shared._steps import Registration, Steps
from ._cloud import Cloud
from ._machine import Machine, has_gpu
from ._package import PIPELINE
from ._pipeline_definition import Definition
from ._register import package_request
from ._requests import tags_of, training_request
from ._tuning_request import check_kinship, tuning_request

_NAMELESS = "byoe"  # the service names what steps make


def pipeline_request(
    cloud: Cloud,
    machine: Machine,
    steps: Steps,
    search: Search | None,
    uploaded: Mapping[str, Any],
    parents: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a request for ``CreatePipeline``, without the token.

    Parameters
    ----------
    cloud : Cloud
    machine : Machine
    steps : Steps
    search : Search or None
        Of a tuning job.
    uploaded : mapping
        Where what jobs need is, and what else a request says of it; test data are a channel that no trial reads.
    parents : iterable of mapping
        What the service says of earlier tuning jobs that the search learns from.

    Raises
    ------
    ParameterError
        For one of these that it cannot learn from.
    """
    uploaded = dict(uploaded)
    channels = dict(uploaded.pop("channels"))
    test = channels.pop("test", None)
    made = Definition(steps)
    if search is not None:
        tuning = tuning_request(_NAMELESS, machine, search, channels=channels, **uploaded)
        for parent in parents:
            check_kinship(tuning, parent)
        made.tune(tuning)
        channels = {"train": channels["train"], "validation": test}
    if search is None or test is not None:
        request = training_request(_NAMELESS, machine, channels=channels, **uploaded)
        made.train(request, None if search is None else search.space)
    package = None
    if steps.registration is not None:
        package = package_of(cloud, machine, steps.registration, steps.name, made.artifact, made.job)
    return {
        "PipelineName": steps.name,
        "PipelineDefinition": json.dumps(made.finish(package)),
        "RoleArn": machine.role,
        **tags_of(machine),
    }


def package_of(
    cloud: Cloud, machine: Machine, registration: Registration, pipeline: str, artifact: Any, job: Any
) -> dict[str, Any]:
    """Return a request for ``CreateModelPackage``; ``artifact`` and ``job`` are what a pipeline replaces."""
    request = package_request(
        cloud,
        registration.group,
        approve=registration.approve,
        description=registration.description,
        metadata=registration.metadata,
        image=cloud.image() if has_gpu(machine.instance_type) else machine.image,
        artifact=artifact,
        job=job,
    )
    request["CustomerMetadataProperties"][PIPELINE] = pipeline
    return request
