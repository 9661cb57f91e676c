"""CloudWatch alarms of an endpoint: on what the service counts, and on what byoe's containers do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ...errors import ParameterError, did_you_mean
from ...serving._watch_log import NAMESPACE
from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._machine import VARIANT
from ._variants import variant_named

_MODE, _NAME = "BYOE_WATCH", "BYOE_WATCH_NAME"
_METRICS_MODE = "metrics"
_LONGEST, _MOST_ACTIONS = 1440, 5  # minutes; the service's


class _Metric(NamedTuple):
    """A number that CloudWatch has of an endpoint."""

    namespace: str
    statistic: str = "Sum"


_METRICS = {
    "RowsOutside": _Metric(NAMESPACE),
    "Refused": _Metric(NAMESPACE),
    "Invocation4XXErrors": _Metric("AWS/SageMaker"),
    "Invocation5XXErrors": _Metric("AWS/SageMaker"),
    "ModelLatency": _Metric("AWS/SageMaker", "Average"),
}


def watching(endpoint: str, variant: str = VARIANT) -> dict[str, str]:
    """Return the variables by which a container writes its counts as metrics.

    Examples
    --------
    >>> watching("churn", "new")
    {'BYOE_WATCH': 'metrics', 'BYOE_WATCH_NAME': 'churn/new'}
    """
    return {_MODE: _METRICS_MODE, _NAME: endpoint if variant == VARIANT else f"{endpoint}/{variant}"}


def rewatched(
    environment: Mapping[str, str], present: Mapping[str, str], endpoint: str, variant: str, watch: bool | None
) -> dict[str, str]:
    """Return the variables of a container that is to be watched, or no more; None leaves that as it is at present.

    What it was called before it is called again, since alarms go by that.
    """
    others = {name: value for name, value in environment.items() if name not in (_MODE, _NAME)}
    before = {name: present[name] for name in (_MODE, _NAME) if name in present}
    if watch is None:
        return others | before
    return others | ({**watching(endpoint, variant), **before, _MODE: _METRICS_MODE} if watch else {})


def check_watch(watch: Any) -> None:
    """Raise a ParameterError for what neither turns metrics on nor off."""
    if not (watch is None or isinstance(watch, bool)):
        raise ParameterError(f"watch is {watch!r}, expected True or False")


def set_alarm(
    cloud: Cloud,
    endpoint: str,
    config: Mapping[str, Any],
    metric: str,
    *,
    above: float,
    minutes: int,
    actions: Sequence[str],
    variant: str | None,
) -> str:
    """Make an alarm of an endpoint, or change it; return its name. The arguments are those of `Endpoint.alarm`."""
    if metric not in _METRICS:
        raise ParameterError(f"there is no metric {metric!r}. {did_you_mean(str(metric), _METRICS)}")
    number = isinstance(above, (int, float)) and not isinstance(above, bool)
    if not number or not math.isfinite(above) or above < 0 or (metric == "ModelLatency" and above == 0):
        told = "a number of microseconds above 0" if metric == "ModelLatency" else "a number from 0 on"
        raise ParameterError(f"above is {above!r}, expected {told}")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= _LONGEST:
        raise ParameterError(f"minutes is {minutes!r}, expected a whole number from 1 to {_LONGEST}")
    actions = [actions] if isinstance(actions, str) else list(actions)
    if len(actions) > _MOST_ACTIONS or not all(isinstance(one, str) and one.startswith("arn:") for one in actions):
        raise ParameterError(f"actions is {actions!r}, expected at most {_MOST_ACTIONS} ARNs, such as that of a topic")
    one = _variant(endpoint, config, variant)
    name = alarm_name(endpoint, one["VariantName"], metric)
    own = _METRICS[metric].namespace == NAMESPACE
    cloud.call(
        "cloudwatch",
        "put_metric_alarm",
        AlarmName=name,
        AlarmDescription=_described(endpoint, metric),
        Namespace=_METRICS[metric].namespace,
        MetricName=metric,
        Dimensions=_own(cloud, endpoint, one) if own else _of_service(endpoint, one),
        Statistic=_METRICS[metric].statistic,
        Period=60 * minutes,
        EvaluationPeriods=1,
        Threshold=float(above),
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=actions,
    )
    return name


def alarm_name(endpoint: str, variant: str, metric: str) -> str:
    """Return what the alarm of a metric is called."""
    # No endpoint has a slash in its name, which tells the variant of one from another one.
    return f"{endpoint}-{metric}" if variant == VARIANT else f"{endpoint}/{variant}-{metric}"


def remove_alarms(cloud: Cloud, endpoint: str, variants: Sequence[str]) -> None:
    """Remove the alarms of an endpoint. Does nothing where there are none, or for somebody who may not."""
    names = {alarm_name(endpoint, variant, metric): metric for variant in variants for metric in _METRICS}
    with suppress(NotFoundError, DeniedError):
        there = cloud.call("cloudwatch", "describe_alarms", AlarmNames=list(names)).get("MetricAlarms", [])
        made = {one["AlarmName"]: one.get("AlarmDescription") for one in there}
        own = [name for name, told in made.items() if told == _described(endpoint, names[name])]
        if own:
            cloud.call("cloudwatch", "delete_alarms", AlarmNames=own)


def _described(endpoint: str, metric: str) -> str:
    """Return what an alarm says of itself, by which it is known as one of byoe's."""
    return f"{metric} of endpoint {endpoint}"


def _variant(endpoint: str, config: Mapping[str, Any], variant: str | None) -> dict[str, Any]:
    """Return the variant of a name; None stands for the only one."""
    names = [one["VariantName"] for one in config["ProductionVariants"]]
    if variant is None and len(names) > 1:
        raise ParameterError(f"endpoint {endpoint} has the variants {', '.join(map(repr, names))}; say which")
    return variant_named(names[0] if variant is None else variant, endpoint, config)


def _own(cloud: Cloud, endpoint: str, variant: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the dimension of the metrics that a container writes."""
    described = cloud.call("sagemaker", "describe_model", ModelName=variant["ModelName"])
    environment = described.get("PrimaryContainer", {}).get("Environment", {})
    if environment.get(_MODE) != "metrics":
        raise ParameterError(
            f"endpoint {endpoint} writes no metrics of its own: give watch=True to deploy or update before, or take "
            "one of the service's, such as 'Invocation5XXErrors'"
        )
    return [{"Name": "Model", "Value": environment.get(_NAME, "model")}]


def _of_service(endpoint: str, variant: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant["VariantName"]}]


def watched(options: Mapping[str, Any], endpoint: str, variant: str, watch: bool | None) -> dict[str, Any]:
    """Return options of serving with the variables that containers write metrics by, where that is wanted."""
    if not watch:
        return dict(options)
    return {**options, "environment": {**watching(endpoint, variant), **options.get("environment", {})}}
