"""A spot job whose instances are taken back in the middle of a fold."""

import time

import numpy as np

import byoe
from byoe import EnsembleRegressor


def test_an_interrupted_job_goes_on_where_it_was(platform, on_aws, tables):
    train, rows = tables
    members = {"ridge": "ridge", "booster": byoe.learner("catboost", n_rounds=1500)}
    ensemble = EnsembleRegressor(members, "weighted", cv=5, n_jobs=1, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", spot=True, wait=False, **on_aws)
    checkpoints = job.describe()["CheckpointConfig"]["S3Uri"]
    running = platform.job(job.name)
    before = kept(platform, checkpoints, 2)
    assert job.status == "InProgress"
    running.interrupt()
    job.wait()

    assert "Interrupted" in running.transitions
    assert job.log.count("[byoe] finished tasks are kept in") == 2
    assert job.log.count("[byoe] saved the ensemble in") == 1
    after = kept(platform, checkpoints, 2)
    assert len(after) > len(before)
    assert before.items() <= after.items()  # none of them was done again
    whole = ensemble.fit(train.drop(columns="target"), train["target"])
    np.testing.assert_allclose(job.ensemble().predict(rows), whole.predict(rows), rtol=1e-9)


def kept(platform, address, count):
    """Return the digests of the finished tasks' manifests, which hold the time of their work, once there are so many."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        there = platform.place.tags(f"{address}/tasks/")
        found = {name: tag for name, tag in there.items() if name.endswith("manifest.json")}
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"there are not {count} finished tasks at {address}: {there}")
