"""Endpoints whose requests go over to another model, are shared by several, or are captured."""

import base64
import io
import json
import threading
import time
from contextlib import contextmanager

import boto3
import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError

ON_TWO = {"instance_type": "ml.m5.large", "instance_count": 2}


@pytest.fixture(scope="module")
def jobs(platform, on_aws, tables):
    """Two jobs, whose models differ."""
    train, _ = tables
    return [
        byoe.sagemaker.fit(EnsembleRegressor((member,), "mean", cv=3, random_state=0), train, target="target", **on_aws)
        for member in ("ridge", "knn")
    ]


@pytest.fixture(scope="module")
def answers(jobs, tables):
    """What either model predicts for some rows."""
    return [job.ensemble().predict(tables[1]) for job in jobs]


def answered_by(endpoint, rows, answers, **asked):
    """Return which of the models has answered."""
    found = endpoint.predict(rows, **asked)
    (one,) = [number for number, expected in enumerate(answers) if np.allclose(found, expected)]
    return one


@contextmanager
def updating(endpoint, job, **how):
    """Update an endpoint in a thread; the list that is yielded has its error afterwards."""
    errors = []

    def run():
        try:
            endpoint.update(job, **how)
        except JobError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield errors
    finally:
        thread.join()


def wait_for(endpoint, rows, answers, wanted):
    """Ask until a model has answered."""
    for _ in range(900):
        if answered_by(endpoint, rows, answers) == wanted:
            return
        time.sleep(0.2)
    raise AssertionError(f"model {wanted} has never answered")


def test_requests_go_over_in_steps(platform, jobs, tables, answers):
    _, rows = tables
    with byoe.sagemaker.deploy(jobs[0], **ON_TWO) as endpoint:
        with updating(endpoint, jobs[1], rollout="canary", step_percent=25, bake_minutes=30) as errors:
            wait_for(endpoint, rows, answers, 1)
            share = [answered_by(endpoint, rows, answers) for _ in range(8)]
        assert errors == []
        assert sum(share) == 2
        assert {answered_by(endpoint, rows, answers) for _ in range(4)} == {1}
        assert len(platform.left()) == 3


def test_an_alarm_takes_the_present_model_back(platform, jobs, tables, answers):
    _, rows = tables
    with byoe.sagemaker.deploy(jobs[0], name="steady", **ON_TWO) as endpoint:
        alarm = endpoint.alarm("ModelLatency", above=500_000)
        with updating(endpoint, jobs[1], rollout="linear", alarms=[alarm], bake_minutes=30) as errors:
            wait_for(endpoint, rows, answers, 1)
            boto3.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="slow")
        (error,) = errors
        assert "endpoint steady has kept its model: " in error
        assert "in the state ALARM: 'steady-ModelLatency'" in error
        assert {answered_by(endpoint, rows, answers) for _ in range(4)} == {0}
        assert len(platform.left()) == 3
    assert not boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]


def test_rows_outside_ring_an_alarm_that_takes_the_present_model_back(platform, jobs, tables, answers):
    rows = tables[1]
    far = rows.assign(bmi=rows["bmi"] + 100.0)
    often = {"BYOE_WATCH_SECONDS": "1"}
    with byoe.sagemaker.deploy(jobs[0], name="watched", watch=True, environment=often, **ON_TWO) as endpoint:
        alarm = endpoint.alarm("RowsOutside", above=len(rows) // 2)
        assert alarm == "watched-RowsOutside"
        for _ in range(300):
            endpoint.predict(rows)
            if boto3.client("cloudwatch").list_metrics(Namespace="byoe", MetricName="RowsOutside")["Metrics"]:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("the endpoint has never written a metric")
        assert platform.place.rung([alarm]) == []
        with updating(endpoint, jobs[1], rollout="canary", alarms=[alarm], bake_minutes=60) as errors:
            wait_for(endpoint, rows, answers, 1)
            for _ in range(600):
                endpoint.predict(far)
                if errors or platform.place.rung([alarm]):
                    break
                time.sleep(0.1)
        (error,) = errors
        assert "watched-RowsOutside" in error
        assert answered_by(endpoint, rows, answers) == 0
    assert boto3.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"] == []


def test_variants_share_requests_by_weights(platform, jobs, tables, answers):
    _, rows = tables
    pair = dict(zip(("current", "new"), jobs, strict=True))
    with byoe.sagemaker.deploy(pair, weights={"current": 3, "new": 1}, instance_type="ml.m5.large") as endpoint:
        assert sum(answered_by(endpoint, rows, answers) for _ in range(8)) == 2
        assert answered_by(endpoint, rows, answers, variant="new") == 1
        endpoint.shift({"current": 0, "new": 1})
        assert {answered_by(endpoint, rows, answers) for _ in range(4)} == {1}
        assert answered_by(endpoint, rows, answers, variant="current") == 0


def array_of(side):
    """Return the array of a request or an answer that was captured as it does not read."""
    assert (side["encoding"], side["observedContentType"].partition(";")[0]) == ("BASE64", "application/x-npy")
    return np.load(io.BytesIO(base64.b64decode(side["data"])))


def captured(platform, where, endpoint, variant):
    """Return what a variant was asked and has answered, as the service writes it."""
    names = platform.place.names(f"{where}/{endpoint.name}/{variant}/")
    bucket = where.removeprefix("s3://").partition("/")[0]
    return [json.loads(platform.place.get(f"s3://{bucket}/{name}"))["captureData"] for name in names]


def test_a_shadow_answers_nobody_and_is_captured(platform, jobs, tables, answers):
    _, rows = tables
    where = "s3://sagemaker-eu-west-1-123456789012/seen"
    shadowed = byoe.sagemaker.deploy(jobs[0], shadow=jobs[1], data_capture=where, instance_type="ml.m5.large")
    with shadowed as endpoint:
        assert [answered_by(endpoint, rows, answers) for _ in range(2)] == [0, 0]
        for variant, expected in zip(("AllTraffic", "Shadow"), answers, strict=True):
            lines = captured(platform, where, endpoint, variant)
            assert len(lines) == 2
            for line in lines:
                np.testing.assert_allclose(array_of(line["endpointOutput"]), expected)


def test_a_share_is_captured_until_it_ends(platform, jobs, tables):
    _, rows = tables
    where = "s3://sagemaker-eu-west-1-123456789012/some"
    ask = boto3.client("sagemaker-runtime").invoke_endpoint
    body = rows.to_csv(index=False, header=False)
    how = {"data_capture": where, "capture_percent": 50}
    with byoe.sagemaker.deploy(jobs[0], instance_type="ml.m5.large", **how) as endpoint:
        for _ in range(4):
            ask(EndpointName=endpoint.name, Body=body, ContentType="text/csv", Accept="text/csv")
        lines = captured(platform, where, endpoint, "AllTraffic")
        assert [line["endpointInput"] for line in lines] == 2 * [
            {"observedContentType": "text/csv", "mode": "INPUT", "data": body, "encoding": "CSV"}
        ]
        for _ in range(2):
            endpoint.predict(rows.to_numpy())
        inputs = [line["endpointInput"] for line in captured(platform, where, endpoint, "AllTraffic")]
        (array,) = (side for side in inputs if side["encoding"] != "CSV")
        np.testing.assert_array_equal(array_of(array), rows.to_numpy())
        endpoint.update(jobs[0], data_capture=False)
        endpoint.predict(rows)
        assert len(captured(platform, where, endpoint, "AllTraffic")) == 3


def test_a_transform_job_lists_what_it_has_read_and_written(platform, jobs, tables):
    _, rows = tables
    where = "s3://sagemaker-eu-west-1-123456789012/listed"
    done = byoe.sagemaker.transform(jobs[0], rows, data_capture=where)
    lists = {}
    for side in ("input", "output"):
        (name,) = platform.place.names(f"{where}/{side}/")
        bucket, *files = json.loads(platform.place.get(f"s3://sagemaker-eu-west-1-123456789012/{name}"))
        lists[side] = [f"{bucket['prefix']}{file}" for file in files]
    assert lists["output"] == [f"{done.output}{file.rpartition('/')[2]}.out" for file in lists["input"]]
    assert all(platform.place.get(file) for files in lists.values() for file in files)
