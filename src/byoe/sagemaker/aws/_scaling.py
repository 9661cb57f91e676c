"""Instances that the platform adds and removes with the load of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._machine import VARIANT, Instances

_ADDED_AFTER, _REMOVED_AFTER = 60, 300  # seconds without another change
_BACKLOG = "{}-waiting"  # the alarm of an endpoint that has requests and no instances


def scale(cloud: Cloud, endpoint: str, instances: Instances, variant: str = VARIANT) -> None:
    """Let the platform keep the number of a variant's instances between two bounds."""
    target = _target(endpoint, variant)
    cloud.call(
        "application-autoscaling",
        "register_scalable_target",
        **target,
        MinCapacity=instances.least,
        MaxCapacity=instances.most,
    )
    waiting = instances.answers is not None
    cloud.call(
        "application-autoscaling",
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
            cloud.call("application-autoscaling", "deregister_scalable_target", **_target(endpoint, variant))
    if asynchronous:
        with suppress(NotFoundError, DeniedError):
            cloud.call("cloudwatch", "delete_alarms", AlarmNames=[_BACKLOG.format(endpoint)])


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
        "application-autoscaling",
        "put_scaling_policy",
        **target,
        PolicyName=f"{endpoint}-first",
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
