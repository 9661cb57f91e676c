"""Instances that the platform adds and removes with the load of an endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import JobError
from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._machine import VARIANT, Instances

_ADDED_AFTER, _REMOVED_AFTER = 60, 300  # seconds without another change
_SCALER = "application-autoscaling"
_OF_A_POLICY = (
    *("PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration"),
    *("StepScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration"),
)
_OF_AN_ACTION = ("ScheduledActionName", "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
_BACKLOG = "{}-waiting"  # the alarm of an endpoint that has requests and no instances


def scale(cloud: Cloud, endpoint: str, instances: Instances, variant: str = VARIANT) -> None:
    """Let the platform keep the number of a variant's instances between two bounds."""
    target = _target(endpoint, variant)
    cloud.call(
        _SCALER,
        "register_scalable_target",
        **target,
        MinCapacity=instances.least,
        MaxCapacity=instances.most,
    )
    waiting = instances.answers is not None
    cloud.call(
        _SCALER,
        "put_scaling_policy",
        **target,
        PolicyName=f"{endpoint}-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(instances.load or 0),
            "ScaleOutCooldown": _ADDED_AFTER,
            "ScaleInCooldown": _REMOVED_AFTER,
            **(_by_backlog(endpoint) if waiting else _by_requests()),
        },
    )
    if instances.least == 0:
        _start_from_zero(cloud, endpoint, target)


def unscale(cloud: Cloud, endpoint: str, *, asynchronous: bool, variants: Sequence[str] = (VARIANT,)) -> None:
    """Remove the bounds of an endpoint. Does nothing where there are none, or for somebody who may not set them."""
    for variant in variants:
        with suppress(NotFoundError, DeniedError):
            cloud.call(_SCALER, "deregister_scalable_target", **_target(endpoint, variant))
    if asynchronous:
        with suppress(NotFoundError, DeniedError):
            cloud.call("cloudwatch", "delete_alarms", AlarmNames=[_BACKLOG.format(endpoint)])


@contextmanager
def paused(cloud: Cloud, endpoint: str, variant: str) -> Iterator[None]:
    """Take the bounds of a variant away, and set them again at the end; nothing where there are none.

    AWS refuses another type of instances while there are bounds. Somebody who may not look for them does without.
    """
    target, found = _target(endpoint, variant), []
    one = {name: target[name] for name in ("ServiceNamespace", "ScalableDimension")}
    with suppress(DeniedError):
        answer = cloud.call(_SCALER, "describe_scalable_targets", **one, ResourceIds=[target["ResourceId"]])
        found = answer["ScalableTargets"]
    if not found:
        yield
        return
    policies = cloud.call(_SCALER, "describe_scaling_policies", **target)["ScalingPolicies"]
    actions = cloud.call(_SCALER, "describe_scheduled_actions", **target)["ScheduledActions"]
    cloud.call(_SCALER, "deregister_scalable_target", **target)

    def restore() -> None:
        bounds = {name: found[0][name] for name in ("MinCapacity", "MaxCapacity", "SuspendedState") if name in found[0]}
        cloud.call(_SCALER, "register_scalable_target", **target, **bounds)
        for policy in policies:
            if policy["PolicyName"] == _first(endpoint):  # whose alarm names the policy
                _start_from_zero(cloud, endpoint, target)
            else:
                same = {name: policy[name] for name in _OF_A_POLICY if name in policy}
                cloud.call(_SCALER, "put_scaling_policy", **target, **same)
        for action in actions:
            if to_come := _to_come(action, datetime.now(UTC)):
                cloud.call(_SCALER, "put_scheduled_action", **target, **to_come)

    try:
        yield
    except BaseException:
        with suppress(JobError):  # what has failed first is told
            restore()
        raise
    restore()


def _to_come(action: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what of a scheduled action is still to come, as it is put; nothing where that is over."""
    once = re.fullmatch(r"at\((.+)\)", action["Schedule"])
    ends = [action["EndTime"]] if "EndTime" in action else []
    with suppress(ZoneInfoNotFoundError):  # which the service knows, and this machine does not
        zone = ZoneInfo(action.get("Timezone") or "UTC")
        ends += [datetime.fromisoformat(once[1]).replace(tzinfo=zone)] if once else []
    if any(end <= now for end in ends):
        return {}
    begun = "StartTime" in action and action["StartTime"] <= now  # which the service takes of the future alone
    return {name: action[name] for name in _OF_AN_ACTION if name in action and not (begun and name == "StartTime")}


def _first(endpoint: str) -> str:
    """Return the name of the policy that starts the first instance."""
    return f"{endpoint}-first"


def _target(endpoint: str, variant: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def _by_requests() -> dict[str, Any]:
    return {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}


def _by_backlog(endpoint: str) -> dict[str, Any]:
    return {
        "CustomizedMetricSpecification": {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            "Statistic": "Average",
        }
    }


def _start_from_zero(cloud: Cloud, endpoint: str, target: dict[str, str]) -> None:
    """Start an instance for the first request: the backlog of each of no instances says nothing."""
    policy = cloud.call(
        _SCALER,
        "put_scaling_policy",
        **target,
        PolicyName=_first(endpoint),
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": _REMOVED_AFTER,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    cloud.call(
        "cloudwatch",
        "put_metric_alarm",
        AlarmName=_BACKLOG.format(endpoint),
        AlarmDescription=f"requests wait for endpoint {endpoint}, which has no instance",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]],
    )
