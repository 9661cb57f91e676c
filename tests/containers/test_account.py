"""What `make test-aws` runs on a real account, here in the stand-in: each assumption is one that it can see."""

import json

from tests.account.assumptions import ASSUMPTIONS
from tests.account.walk import main


def test_a_walk_sees_each_assumption_hold_and_leaves_nothing(platform, tmp_path, monkeypatch):
    monkeypatch.setattr("byoe.sagemaker.aws._cloud._ATTEMPTS", 1)  # moto's server has no quotas, and says so at length
    asked = len(platform.requests)
    assert main(["--role", "byoe", "--rounds", "30", "--report", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "assumptions.json").read_text())
    seen = {row["assumption"]: row for row in told["assumptions"]}
    assert set(seen) == set(ASSUMPTIONS)
    assert [key for key, row in seen.items() if row["held"] is not True] == [], seen
    assert "its script was not told by SIGTERM" in seen["termination"]["seen"]  # as the toolkit is the first process
    assert seen["nothing is left"]["seen"] == "nothing"
    assert (tmp_path / "assumptions.md").read_text().count("| held |") == len(ASSUMPTIONS)
    assert platform.left() == []
    bucket = "sagemaker-eu-west-1-123456789012"
    assert platform.place.names(f"s3://{bucket}/byoe/test/") == []
    started = [name for name, _ in platform.requests[asked:] if name.startswith("Create") and "Job" in name]
    assert len(started) <= 8  # two of them by the tuning job, and one that is refused
