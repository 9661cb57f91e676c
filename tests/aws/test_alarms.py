"""Alarms of an endpoint: on what the service counts, and on what the containers write as metrics."""

import json

import numpy as np
import pytest
from tests.aws.answers import fails
from tests.aws.test_endpoints import left, make

import byoe
from byoe.data._column import Column
from byoe.data._form import TableForm
from byoe.data._profile import Profile
from byoe.data._table import Table
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._endpoint import Endpoint
from byoe.sagemaker.aws._faults import DeniedError
from byoe.sagemaker.aws._machine import Instances
from byoe.serving._watch import Watch
from byoe.serving._watch_log import WatchLog

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"


@pytest.fixture
def job(completed_job):
    return completed_job


def alarms(session):
    return {one["AlarmName"]: one for one in session.client("cloudwatch").describe_alarms()["MetricAlarms"]}


def dimensions(alarm):
    return {one["Name"]: one["Value"] for one in alarm["Dimensions"]}


def environments(asked):
    return [params["PrimaryContainer"]["Environment"] for name, params in asked if name == "CreateModel"]


def test_an_alarm_watches_the_metric_that_the_container_writes(job, session, asked):
    with byoe.sagemaker.deploy(job, name="churn", watch=True) as endpoint:
        assert endpoint.alarm(above=3, minutes=10, actions=[TOPIC]) == "churn-RowsOutside"
        (alarm,) = alarms(session).values()
        assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 600, 3.0)
        assert (alarm["TreatMissingData"], alarm["AlarmActions"]) == ("notBreaching", [TOPIC])
        (variables,) = environments(asked)
        X = np.arange(40.0)[:, None]
        form = TableForm((Column("number"),), ("Float64",))
        watch = Watch(Profile.of(Table(X, X, form.columns), form), form)
        line = json.loads(WatchLog(watch, variables).line(watch.counts(), 0.0))
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert alarm["Namespace"] == directive["Namespace"]
        assert alarm["MetricName"] in {one["Name"] for one in directive["Metrics"]}
        assert [list(dimensions(alarm))] == directive["Dimensions"]
        assert {name: line[name] for name in dimensions(alarm)} == dimensions(alarm)
        endpoint.alarm(above=5)
        assert [one["Threshold"] for one in alarms(session).values()] == [5.0]
    assert alarms(session) == {}
    assert left(session) == []


def test_an_alarm_of_the_service_needs_no_metrics_of_ones_own(cloud, session, bucket):
    with make(cloud, bucket, Instances()) as endpoint:
        assert endpoint.alarm("ModelLatency", 500_000) == "byoe-1-ModelLatency"
        (alarm,) = alarms(session).values()
        assert (alarm["Namespace"], alarm["Statistic"]) == ("AWS/SageMaker", "Average")
        assert dimensions(alarm) == {"EndpointName": "byoe-1", "VariantName": "AllTraffic"}
        with pytest.raises(ParameterError, match="endpoint byoe-1 writes no metrics of its own: give watch=True"):
            endpoint.alarm()


def test_it_can_take_an_update_back(job, session, updated):
    on = {"instance_type": "ml.m5.large", "instance_count": 2}
    with byoe.sagemaker.deploy(job, name="churn", **on) as endpoint:
        endpoint.update(job, rollout="canary", alarms=[endpoint.alarm("Invocation5XXErrors")])
        watched = updated["deployment"]["AutoRollbackConfiguration"]
        assert watched == {"Alarms": [{"AlarmName": "churn-Invocation5XXErrors"}]}


def test_variants_are_watched_each(job, session, asked):
    pair = {"current": job, "new": job}
    with byoe.sagemaker.deploy(pair, name="churn", instance_type="ml.m5.large", watch=True) as endpoint:
        assert [one["BYOE_WATCH_NAME"] for one in environments(asked)] == ["churn/current", "churn/new"]
        assert endpoint.alarm(variant="new") == "churn/new-RowsOutside"
        (alarm,) = alarms(session).values()
        assert dimensions(alarm) == {"Model": "churn/new"}
        with pytest.raises(ParameterError, match="has the variants 'current', 'new'; say which"):
            endpoint.alarm()
        with pytest.raises(ParameterError, match="has no variant 'newer'. Did you mean 'new'"):
            endpoint.alarm(variant="newer")
    assert alarms(session) == {}


def test_alarms_of_others_with_such_names_stay(job, session):
    pair = {"current": job, "new": job}
    with byoe.sagemaker.deploy(job, name="churn-new", instance_type="ml.m5.large") as other:
        kept = other.alarm("ModelLatency", 1000)
        with byoe.sagemaker.deploy(pair, name="churn", instance_type="ml.m5.large") as endpoint:
            endpoint.alarm("ModelLatency", 5, variant="new")
            own = alarms(session)[kept] | {"AlarmName": "churn/new-Invocation5XXErrors", "AlarmDescription": "mine"}
            words = ("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Statistic", "Period", "Threshold")
            more = ("EvaluationPeriods", "ComparisonOperator")
            session.client("cloudwatch").put_metric_alarm(**{word: own[word] for word in (*words, *more)})
        assert sorted(alarms(session)) == ["churn-new-ModelLatency", "churn/new-Invocation5XXErrors"]
        assert alarms(session)[kept]["Threshold"] == 1000.0


def test_alarms_of_an_endpoint_that_somebody_else_has_removed_go_with_it(job, session):
    endpoint = byoe.sagemaker.deploy(job, name="churn", instance_type="ml.m5.large")
    endpoint.alarm("ModelLatency", 1000)
    session.client("sagemaker").delete_endpoint(EndpointName="churn")
    endpoint.delete()
    assert alarms(session) == {}


def test_an_update_begins_keeps_and_ends_it(job, asked, updated):
    with byoe.sagemaker.deploy(job, environment={"A": "1"}) as endpoint:
        for given in ({"watch": True}, {}, {"watch": False}, {"environment": {"B": "2"}, "watch": True}):
            endpoint.update(job, **given)
    watched = [(one.get("BYOE_WATCH"), one.get("BYOE_WATCH_NAME")) for one in environments(asked)]
    on = ("metrics", endpoint.name)
    assert watched == [(None, None), on, on, (None, None), on]
    assert [one.get("A") for one in environments(asked)] == ["1", "1", "1", "1", None]


def test_other_variables_do_not_end_it(job, asked, updated):
    own = {"environment": {"BYOE_WATCH_NAME": "mine"}, "watch": True}
    with byoe.sagemaker.deploy(job, **own) as endpoint:
        endpoint.update(job, environment={"B": "2"})
        endpoint.update(job, environment={}, watch=False)
    watched = [(one.get("BYOE_WATCH"), one.get("BYOE_WATCH_NAME"), one.get("B")) for one in environments(asked)]
    assert watched == [("metrics", "mine", None), ("metrics", "mine", "2"), (None, None, None)]


def test_who_names_the_model_otherwise_is_followed(job, session, asked, updated):
    own = {"environment": {"BYOE_WATCH_NAME": "mine"}, "watch": True}
    with byoe.sagemaker.deploy(job, name="churn", **own) as endpoint:
        for _ in range(2):
            endpoint.alarm()
            (alarm,) = alarms(session).values()
            assert dimensions(alarm) == {"Model": "mine"}
            endpoint.update(job, **own)


def test_other_alarms_stay_and_who_may_not_see_them_deletes_all_the_same(cloud, session, bucket, monkeypatch):
    with make(cloud, bucket, Instances()) as endpoint:
        endpoint.alarm("Invocation5XXErrors")
        fails(monkeypatch, cloud, describe_alarms=DeniedError("not authorized to perform cloudwatch:DescribeAlarms"))
    assert left(session) == []
    assert list(alarms(session)) == ["byoe-1-Invocation5XXErrors"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "RowsOutsid"}, "there is no metric 'RowsOutsid'. Did you mean 'RowsOutside'"),
        ({"above": -1}, "above is -1, expected a number from 0 on"),
        ({"above": float("nan")}, "above is nan, expected a number from 0 on"),
        ({"metric": "ModelLatency"}, "above is 0, expected a number of microseconds above 0"),
        ({"minutes": 0}, "minutes is 0, expected a whole number from 1 to 1440"),
        ({"minutes": 2.5}, "minutes is 2.5, expected a whole number"),
        ({"actions": ["me@example.com"]}, r"actions is \['me@example.com'\], expected at most 5 ARNs"),
        ({"actions": [TOPIC] * 6}, "expected at most 5 ARNs, such as that of a topic"),
    ],
)
def test_alarms_that_cannot_be(cloud, session, bucket, given, message):
    with make(cloud, bucket, Instances()) as endpoint, pytest.raises(ParameterError, match=message):
        endpoint.alarm(**given)
    assert alarms(session) == {}


def test_there_must_be_an_endpoint_and_an_answer(cloud, job):
    with pytest.raises(JobError, match="there is no endpoint byoe-9 in eu-west-1; deploy its job again"):
        Endpoint("byoe-9", cloud).alarm()
    with pytest.raises(ParameterError, match="watch is 'metrics', expected True or False"):
        byoe.sagemaker.deploy(job, watch="metrics")
