"""The log of a job is read once, however long it grows and however often it is looked at."""

import pytest
from tests.aws.test_cloud import answer, job  # noqa: F401  a fixture

from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._log_tail import LogTail

GROUP = "/aws/sagemaker/TrainingJobs"
START = 1_800_000_000_000


@pytest.fixture
def write(session):
    logs = session.client("logs")
    logs.create_log_group(logGroupName=GROUP)

    def put(host, *lines):
        stream = {"logGroupName": GROUP, "logStreamName": f"byoe-1/{host}"}
        if not logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream["logStreamName"])["logStreams"]:
            logs.create_log_stream(**stream)
        events = [{"timestamp": START + time, "message": text} for time, text in lines]
        logs.put_log_events(**stream, logEvents=events)

    return put


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """CloudWatch takes no lines of the future, nor old ones."""
    import time

    monkeypatch.setattr("tests.aws.test_log_tail.START", int(time.time() * 1000) - 3_600_000)


@pytest.fixture
def asked_of_logs(session):
    found = []
    session.events.register("provide-client-params.logs.FilterLogEvents", lambda params, **_: found.append(params))
    return found


def test_only_what_is_new_is_read(cloud, write, asked_of_logs):
    tail = LogTail(cloud, GROUP, "byoe-1/")
    assert tail.lines() == []
    write("algo-1", (0, "one"), (10, "two\nof two lines"))
    assert tail.lines() == ["one", "two", "of two lines"]
    assert tail.lines() == []
    write("algo-1", (200_000, "three"))
    write("algo-2", (5, "late"), (200_000, "three"))  # of another host, at the same time
    assert tail.lines() == ["late", "three", "three"]
    assert tail.lines() == []
    assert len(tail._read) == 2
    times = [params.get("startTime") for params in asked_of_logs]
    assert times == [None, None, *([times[2]] * 2), times[4]]
    assert times[4] - times[2] == 199_990


def test_a_job_that_is_waited_for_passes_each_line_once(job, cloud, write, asked_of_logs, monkeypatch):  # noqa: F811
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    states = ["InProgress"] * 5 + ["Completed"]
    call = cloud.call

    def changing(service, operation, **request):
        found = call(service, operation, **request)
        if operation != "describe_training_job":
            return found
        write("algo-1", (len(asked_of_logs) * 100_000, f"line {len(asked_of_logs)}"))
        return found | {"TrainingJobStatus": states.pop(0)}

    monkeypatch.setattr(cloud, "call", changing)
    heard = []
    job.wait(on_line=heard.append)
    assert heard == [f"line {number}" for number in range(6)]
    assert all(params["startTime"] > START for params in asked_of_logs[2:])
