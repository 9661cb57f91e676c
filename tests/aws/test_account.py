"""The walk of `make test-aws` without a container: what it writes down, and what it removes."""

import json
import os
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.account.asking import Asking
from tests.account.assumptions import ASSUMPTIONS, NOT_LOOKED_AT
from tests.account.seen import Seen
from tests.account.walk import Walk

from byoe.errors import JobError
from byoe.sagemaker.aws._endpoint import Endpoint

PAGE = Path(__file__).parents[2] / "docs" / "assumptions.md"
ON = {"instance_type": "ml.m5.large", "role": "byoe"}


@pytest.fixture
def seen(tmp_path):
    return Seen(tmp_path, {"region": "eu-west-1"})


def test_what_was_seen_is_written_after_each_look(seen, tmp_path):
    seen.note("log", 1, "all | of it\n")
    with seen.looking("metrics", "log"):
        raise JobError("no log")
    with seen.looking("update"):
        seen.note("update", held=False, seen="the old one")
        raise JobError("later")
    rows = {row["assumption"]: row for row in json.loads((tmp_path / "assumptions.json").read_text())["assumptions"]}
    assert rows["metrics"]["held"] is None
    assert rows["metrics"]["seen"] == "JobError: no log"
    assert rows["update"]["held"] is False
    assert rows["trials"]["seen"] == "the run did not come so far"
    assert seen.broken == ["update"]
    page = (tmp_path / "assumptions.md").read_text()
    assert "| did not hold | the old one |" in page
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in page.splitlines() if line.startswith("| "))


def test_what_is_not_there_is_asked_for(cloud, seen, bucket):
    with ExitStack() as leaving:
        Walk(cloud, seen, leaving, bucket, ON).refusals()
    assert seen.rows["missing file"] == {"held": True, "seen": "404: Not Found"}
    assert seen.rows["bucket's region"]["held"] is True
    assert seen.rows["missing endpoint"]["held"] is True


@pytest.mark.parametrize("error", [KeyboardInterrupt, JobError])
def test_whatever_ends_a_walk_its_files_and_its_endpoint_are_removed(cloud, seen, bucket, tmp_path, monkeypatch, error):
    output, removed = f"{bucket}/20260131-120000", []

    def job(self):
        (tmp_path / "a.csv").write_text("1\n")
        self.cloud.put(tmp_path / "a.csv", f"{output}/data/a.csv")
        self.cloud.put(tmp_path / "a.csv", f"{bucket}/of-others.csv")
        self.leaving.callback(Endpoint("byoe-e", self.cloud).delete)
        raise error

    monkeypatch.setattr(Walk, "job", job)
    monkeypatch.setattr(Endpoint, "delete", lambda self: removed.append(self.name))
    with pytest.raises(error), ExitStack() as leaving:
        Walk(cloud, seen, leaving, output, ON).run()
    assert removed == ["byoe-e"]
    assert cloud.keys(f"{bucket}/") == ["of-others.csv"]


class Running:
    """A handle of a job that uploads a file while it is stopped."""

    log, status = "", "InProgress"

    def __init__(self, upload=None):
        self._upload = upload

    def stop(self):
        self.status = "Stopping"

    def wait(self):
        self._upload()
        self.status = "Stopped"
        raise JobError("it was stopped before its end")


def test_files_go_when_what_was_stopped_has_ended(cloud, seen, bucket, tmp_path, monkeypatch):
    output = f"{bucket}/20260131-120000"
    (tmp_path / "model.tar.gz").write_text("1\n")
    job = Running(lambda: cloud.put(tmp_path / "model.tar.gz", f"{output}/output/model.tar.gz"))

    def interrupted(self):
        self.leaving.callback(self._stop, job)
        raise KeyboardInterrupt

    monkeypatch.setattr(Walk, "job", interrupted)
    with pytest.raises(KeyboardInterrupt), ExitStack() as leaving:
        Walk(cloud, seen, leaving, output, ON).run()
    assert job.status == "Stopped"
    assert cloud.keys(f"{bucket}/") == []


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_a_job_that_ends_before_it_is_stopped_is_not_waited_for_for_ever(seen, monkeypatch, status):
    job = Running()
    job.status = status
    job.stop = job.wait = lambda: None
    monkeypatch.setattr(Walk, "_start", lambda *_, **__: job)
    walk = Walk.__new__(Walk)
    walk.seen = seen
    walk.stopped_job()
    assert seen.rows["termination"]["held"] is False
    assert seen.rows["termination"]["seen"].startswith(status)


def test_requests_that_are_refused_meanwhile_are_counted():
    class Broken:
        def predict(self, rows):
            raise JobError("gone")

    with Asking(Broken(), []) as asking:
        asking._ended.wait(1.3)
    assert asking.asked == len(asking.failures) == 1


def test_the_page_has_each_assumption():
    text = PAGE.read_text(encoding="utf-8")
    tables = [
        "".join(f"| {one.says} | {one.matters} |\n" for one in found.values()) for found in (ASSUMPTIONS, NOT_LOOKED_AT)
    ]
    shown = re.findall(r"\| byoe takes for granted that \| else \|\n\|---\|---\|\n((?:\|.*\n)*)", text)
    if os.environ.get("BYOE_WRITE_OUTPUTS"):
        for before, now in zip(shown, tables, strict=True):
            head = "| byoe takes for granted that | else |\n|---|---|\n"
            text = text.replace(head + before, head + now) if before else text.replace(head, head + now, 1)
        PAGE.write_text(text, encoding="utf-8")
    else:
        assert shown == tables, "BYOE_WRITE_OUTPUTS=1 writes the page anew"
