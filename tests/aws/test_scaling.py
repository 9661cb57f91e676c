"""Instances that come and go with the load, answered by moto."""

from contextlib import nullcontext

import pytest
from tests.aws.test_endpoints import MACHINE, left

import byoe
from byoe.errors import JobError
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._machine import Instances, Variant


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
            if fails:
                raise JobError("no")
        return call(service, operation, **request)

    before = bounds()
    monkeypatch.setattr(cloud, "call", looking)
    for given in ({"instance_type": "ml.c5.large"}, {}):
        with pytest.raises(JobError, match="no") if fails else nullcontext():
            endpoint.update(completed_job, **given)
    assert seen == [[], [(least, 4)]]
    assert bounds() == before
    assert before[0] == [(least, 4)]
