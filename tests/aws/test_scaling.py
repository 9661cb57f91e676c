"""Instances that come and go with the load, answered by moto."""

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from tests.aws.test_endpoints import MACHINE, left

import byoe
from byoe.errors import JobError
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._machine import Instances, Variant
from byoe.sagemaker.aws._scaling import _to_come


def scaled(session):
    """Return the bounds, the policies and the alarms that are there."""
    client, watch = session.client("application-autoscaling"), session.client("cloudwatch")
    return (
        [
            (found["ResourceId"], found["MinCapacity"], found["MaxCapacity"])
            for found in client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        ],
        client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
        [
            alarm
            for alarm in watch.describe_alarms()["MetricAlarms"]
            if not alarm["AlarmName"].startswith("TargetTracking")  # which the platform removes itself
        ],
    )


def gone(session):
    """Say whether no bound and no alarm is there; a policy ends with its bounds, which moto does not know."""
    bounds, _, alarms = scaled(session)
    return not bounds and not alarms


def test_instances_come_and_go_with_the_load(completed_job, session):
    on = {"instance_type": "ml.m5.large", "instance_count": (2, 5), "requests_per_instance": 100}
    with byoe.sagemaker.deploy(completed_job, **on) as endpoint:
        targets, (policy,), alarms = scaled(session)
        assert targets == [(f"endpoint/{endpoint.name}/variant/AllTraffic", 2, 5)]
        tracked = policy["TargetTrackingScalingPolicyConfiguration"]
        assert tracked["TargetValue"] == 100
        metric = tracked["PredefinedMetricSpecification"]["PredefinedMetricType"]
        assert metric == "SageMakerVariantInvocationsPerInstance"
        assert alarms == []
    assert gone(session)
    assert left(session) == []


def test_an_asynchronous_endpoint_may_have_no_instance(completed_job, session, asked):
    where = {"LocationConstraint": "eu-west-1"}
    session.client("s3").create_bucket(Bucket="mine", CreateBucketConfiguration=where)
    with byoe.sagemaker.deploy(
        completed_job, asynchronous=True, instance_count=(0, 3), requests_per_instance=2, output="s3://mine/here"
    ) as endpoint:
        config = dict(asked)["CreateEndpointConfig"]
        variant = config["ProductionVariants"][0]
        assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.xlarge", 1)
        where = config["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"]
        assert where == f"s3://mine/here/asynchronous/{endpoint.name}/answers"
        targets, policies, (alarm,) = scaled(session)
        assert targets == [(f"endpoint/{endpoint.name}/variant/AllTraffic", 0, 3)]
        first = next(policy for policy in policies if policy["PolicyType"] == "StepScaling")
        assert alarm["AlarmActions"] == [first["PolicyARN"]]
        assert alarm["MetricName"] == "HasBacklogWithoutCapacity"
        (load,) = [policy for policy in policies if policy is not first]
        tracked = load["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
        assert tracked["MetricName"] == "ApproximateBacklogSizePerInstance"
    assert gone(session)
    assert left(session) == []


def test_nothing_is_left_of_an_endpoint_that_cannot_scale(completed_job, session, cloud, monkeypatch):
    call = cloud.call

    def denied(service, operation, **request):
        if operation == "put_scaling_policy":
            raise JobError("no")
        if operation == "deregister_scalable_target":
            call(service, operation, **request)
            raise DeniedError("whoever may not set bounds has set none")
        return call(service, operation, **request)

    monkeypatch.setattr(cloud, "call", denied)
    with pytest.raises(JobError, match="no"):
        byoe.sagemaker.deploy(
            completed_job, instance_type="ml.m5.large", instance_count=(1, 2), requests_per_instance=9
        )
    assert left(session) == []
    assert gone(session)


@pytest.mark.parametrize(
    ("action", "to_come"),
    [
        ({"Schedule": "rate(1 day)"}, {"Schedule"}),
        ({"Schedule": "rate(1 day)", "StartTime": datetime(2026, 1, 1, tzinfo=UTC)}, {"Schedule"}),
        ({"Schedule": "rate(1 day)", "StartTime": datetime(2027, 1, 1, tzinfo=UTC)}, {"Schedule", "StartTime"}),
        ({"Schedule": "rate(1 day)", "EndTime": datetime(2026, 1, 1, tzinfo=UTC)}, set()),
        ({"Schedule": "at(2026-06-01T13:00:00)", "Timezone": "Europe/Paris"}, set()),
        ({"Schedule": "at(2026-06-01T15:00:00)", "Timezone": "Europe/Paris"}, {"Schedule", "Timezone"}),
    ],
)
def test_of_scheduled_actions_what_is_to_come(action, to_come):
    assert _to_come({**action, "CreationTime": 0}, datetime(2026, 6, 1, 12, tzinfo=UTC)).keys() == to_come


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("least", [0, 1])
def test_bounds_make_way_for_another_type_of_instances(
    cloud, session, bucket, completed_job, updated, monkeypatch, least, fails
):
    """AWS refuses another type while there are bounds."""
    answers = f"{bucket}/answers" if least == 0 else None
    machine = Instances(least, 4, 30, answers) if answers else Instances(1, 4, 30)
    endpoint = create_endpoint("byoe-1", cloud, [Variant(MACHINE, f"{bucket}/model.tar.gz")], machine)
    scaler, call, seen = session.client("application-autoscaling"), cloud.call, []

    def schedules():
        found = scaler.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
        return sorted((one["ScheduledActionName"], one["Schedule"]) for one in found)

    where = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/byoe-1/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    night = {"MinCapacity": 1, "MaxCapacity": 1}
    for name, schedule in (("night", "cron(0 22 * * ? *)"), ("launch", "at(2024-05-01T08:00:00)")):
        scaler.put_scheduled_action(
            **where, ScheduledActionName=name, Schedule=schedule, Timezone="Europe/Paris", ScalableTargetAction=night
        )

    def bounds():
        targets = scaler.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaler.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        return [
            [(one["MinCapacity"], one["MaxCapacity"]) for one in targets],
            sorted((one["PolicyName"], str(one.get("TargetTrackingScalingPolicyConfiguration"))) for one in policies),
        ]

    def looking(service, operation, **request):
        if operation == "update_endpoint":
            seen.append(bounds()[0])
            for name, _ in schedules():  # which go with the bounds
                scaler.delete_scheduled_action(**where, ScheduledActionName=name)
            if fails:
                raise JobError("no")
        return call(service, operation, **request)

    before = bounds()
    monkeypatch.setattr(cloud, "call", looking)
    asked_again = None
    for given in ({"instance_type": "ml.c5.large"}, {}):
        with pytest.raises(JobError, match="no") if fails else nullcontext():
            endpoint.update(completed_job, **given)
        asked_again = schedules() if asked_again is None else asked_again
    assert seen == [[], [(least, 4)]]
    assert bounds() == before
    assert asked_again == [("night", "cron(0 22 * * ? *)")]
    assert before[0] == [(least, 4)]
