"""Arguments of another kind than is expected are refused in a sentence, before anything is asked of AWS."""

import boto3
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker import doctor, policy
from byoe.sagemaker.aws._channels import channel_at
from byoe.sagemaker.aws._machine import Machine, Serverless, instances_of
from byoe.sagemaker.aws._rollout import Rollout
from byoe.sagemaker.shared._limits import check_environment

IMAGE, ROLE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1", "arn:aws:iam::123456789012:role/byoe"


def machine(**given):
    return lambda: Machine(IMAGE, ROLE, **given)


CASES = {
    "a number in the environment": (
        lambda: check_environment({"BYOE_MODELS_MB": 500}),
        "environment has 'BYOE_MODELS_MB': 500, expected texts: 'BYOE_MODELS_MB': '500'",
    ),
    "a number as a name": (lambda: check_environment({1: "a"}), "environment has 1: 'a', expected texts: '1': 'a'"),
    "no environment": (lambda: check_environment(None), "environment is None, expected a mapping of names to texts"),
    "half of an instance": (lambda: instances_of(2.0, None, asynchronous=False), "instance_count is 2.0, expected a number, or two"),
    "a count as a text": (lambda: instances_of("2", None, asynchronous=False), "instance_count is '2', expected a number, or two"),
    "three counts": (lambda: instances_of((1, 2, 3), None, asynchronous=False), r"instance_count is \(1, 2, 3\), expected"),
    "a load as a text": (lambda: instances_of((1, 2), "100", asynchronous=False), "requests_per_instance is '100', expected"),
    "concurrency as a text": (lambda: Serverless(max_concurrency="5"), "max_concurrency is '5', expected a whole number"),
    "half a container": (
        lambda: Serverless(provisioned_concurrency=0.5),
        "provisioned_concurrency is 0.5, expected a whole number from 0 to max_concurrency",
    ),
    "more than there may be": (
        lambda: Serverless(max_concurrency=2, provisioned_concurrency=3),
        "provisioned_concurrency is 3, expected 0 to max_concurrency=2",
    ),
    "a pause as a text": (machine(keep_alive_seconds="60"), "keep_alive_seconds is '60', expected a whole number from 0 to"),
    "a truth as a pause": (machine(keep_alive_seconds=True), "keep_alive_seconds is True, expected a whole number"),
    "a wait as a text": (machine(spot=True, max_wait_seconds="9"), "max_wait_seconds is '9', expected a positive integer"),
    "a number of alarms": (lambda: Rollout("all", 3, None, None), "alarms is 3, expected names of CloudWatch alarms"),
    "an account as a number": (lambda: policy(account=123456789012), "account is 123456789012, expected 12 digits"),
    "no prefix": (lambda: policy(prefix=None), "prefix is None, expected a text, which may be empty"),
    "no names": (lambda: policy(names=None), "names is None, expected a text"),
    "a doctor's count": (lambda: doctor(instance_count="2"), "instance_count is '2', expected a positive integer"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_another_kind_is_told(case):
    call, message = CASES[case]
    with pytest.raises(ParameterError, match=message):
        call()


def test_no_alarms_are_none():
    assert Rollout("all", None, None, None).alarms == ()


def test_a_region_that_cannot_be_one(session):
    with pytest.raises(JobError, match="eu west"):
        byoe.sagemaker.fit(
            EnsembleRegressor(["ridge"]),
            "s3://bucket/train",
            target="y",
            instance_type="ml.m5.xlarge",
            role=ROLE,
            region="eu west",
        )


def test_a_description_of_data_without_a_source_has_none():
    given = {"S3Uri": "s3://bucket/train/", "DataSource": None}
    assert channel_at(given, "train").address == "s3://bucket/train/"


def test_the_class_of_a_session_is_none():
    with pytest.raises(ParameterError, match="session is <class 'boto3.session.Session'>, expected a boto3.Session"):
        byoe.sagemaker.attach("churn", session=boto3.Session)
