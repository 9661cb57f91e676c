"""Several models behind one endpoint: variants that share its requests by weights, or one in the shadow of another."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from ...errors import JobError, ParameterError, did_you_mean
from ..shared._limits import check_name
from ..shared._place import Hosting
from ._cloud import Cloud
from ._faults import with_cure
from ._machine import VARIANT, Instances, Serverless

SHADOW = "Shadow"
_MOST = 10


def check_weighted(hosting: Hosting) -> None:
    """Raise a ParameterError for weights without variants that they would be of."""
    if hosting.weights is not None and not hosting.variants:
        raise ParameterError(
            "weights are of several variants; give a mapping of their names to jobs, or leave them out"
        )


def check_variants(hosting: Hosting, sizes: Serverless | Instances) -> None:
    """Raise a ParameterError for variants that no endpoint can have; nothing is said of an endpoint with one."""
    names = list(hosting.variants)
    if not hosting.several:
        return
    if isinstance(sizes, Serverless) or hosting.asynchronous:
        kind = "a serverless" if isinstance(sizes, Serverless) else "an asynchronous"
        raise ParameterError(f"{kind} endpoint has one model; give an instance_type for several, and no asynchronous")
    if len(names) > _MOST:
        raise ParameterError(f"there are {len(names)} variants, and an endpoint has at most {_MOST}")
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"a variant is called {name!r}, expected a text such as 'current'")
        check_name("variant", name)
    read_weights(hosting.weights, names)
    if hosting.shadow is not None and (len(names) > 1 or SHADOW in names or sizes.scales):
        raise ParameterError(
            f"shadow goes with one job, whose variant is not called {SHADOW!r}, and with a number of instances that "
            "does not change; leave it, or the others, out"
        )


def jobs_of(job: Any, hosting: Hosting) -> dict[str, Any]:
    """Return what is served under the names of variants, the shadow last; all have to be of one region."""
    shadow = {} if hosting.shadow is None else {SHADOW: hosting.shadow}
    jobs = {**(hosting.variants or {VARIANT: job}), **shadow}
    regions = {name: one.cloud.region for name, one in jobs.items()}
    if len(set(regions.values())) > 1:
        told = ", ".join(f"{name!r} in {region}" for name, region in regions.items())
        raise ParameterError(f"the variants of an endpoint are of one region, and there are {told}")
    return jobs


def read_weights(weights: Mapping[str, float] | None, names: Collection[str]) -> dict[str, float]:
    """Return the weight of each variant; None gives all the same.

    Examples
    --------
    >>> read_weights({"current": 9, "new": 1}, ["current", "new"])
    {'current': 9.0, 'new': 1.0}
    """
    if weights is None:
        return dict.fromkeys(names, 1.0)
    if not isinstance(weights, Mapping):
        raise ParameterError(f"weights is {weights!r}, expected a mapping such as {{'current': 9, 'new': 1}}")
    for name in weights:
        if name not in names:
            raise ParameterError(f"there is no variant {name!r}. {did_you_mean(str(name), names)}")
    if lacking := [name for name in names if name not in weights]:
        raise ParameterError(
            f"weights says nothing of {', '.join(map(repr, lacking))}; give each variant one, such as 0"
        )
    for name, weight in weights.items():
        number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight < 0:
            raise ParameterError(f"weights[{name!r}] is {weight!r}, expected a number from 0 on")
    if not sum(weights.values()) > 0:
        raise ParameterError("all weights are 0, and somebody has to answer; give one variant more")
    return {name: float(weights[name]) for name in names}


def all_variants(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the variants of a configuration, those in the shadow of others last."""
    return [*config.get("ProductionVariants", []), *config.get("ShadowProductionVariants", [])]


def models_of(config: Mapping[str, Any]) -> set[str]:
    """Return the names of the models that an endpoint serves."""
    return {variant["ModelName"] for variant in all_variants(config)}


def check_variant(name: str, endpoint: str, config: Mapping[str, Any]) -> None:
    """Raise a ParameterError for a variant that cannot be asked for by its name."""
    if "AsyncInferenceConfig" in config:
        raise ParameterError(f"variant is {name!r}, and the asynchronous endpoint {endpoint} has one model")
    variant_named(name, endpoint, config)


def variant_named(name: str, endpoint: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variant of a name in a configuration, or raise a ParameterError."""
    variants: dict[str, dict[str, Any]] = {one["VariantName"]: one for one in config["ProductionVariants"]}
    if name not in variants:
        raise ParameterError(f"endpoint {endpoint} has no variant {name!r}. {did_you_mean(str(name), variants)}")
    return variants[name]


def set_weights(cloud: Cloud, endpoint: str, weights: Mapping[str, float], present: Mapping[str, Any]) -> None:
    """Ask the service for other weights of an endpoint that it describes."""
    names = [variant["VariantName"] for variant in present.get("ProductionVariants", [])]
    if len(names) < 2:
        raise ParameterError(f"endpoint {endpoint} has one variant, which answers all requests")
    read = read_weights(weights, names)
    cloud.call(
        "sagemaker",
        "update_endpoint_weights_and_capacities",
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": name, "DesiredWeight": weight} for name, weight in read.items()],
    )


def check_set(endpoint: str, weights: Mapping[str, float], present: Mapping[str, Any]) -> None:
    """Raise a JobError for an endpoint that has gone back to the weights that it had."""
    now = {one["VariantName"]: one.get("CurrentWeight", 0.0) for one in present.get("ProductionVariants", [])}
    if any(not math.isclose(now[name], weight, rel_tol=1e-5) for name, weight in weights.items()):
        why = with_cure(present.get("FailureReason", "the service has gone back"))
        raise JobError(f"endpoint {endpoint} has the weights {now}, not {dict(weights)}: {why}")
