"""A job on two hosts: one fits, both carry out its tasks, and each reads its own copy of the data."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError


def test_two_hosts_make_the_model_of_one(platform, on_aws, tables):
    train, rows = tables
    members = {"forest": byoe.learner("random_forest", n_estimators=100), "xgboost": "xgboost", "ridge": "ridge"}
    ensemble = EnsembleRegressor(members, "weighted", cv=5, n_jobs=1, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", instance_count=2, **on_aws)
    assert f"[byoe] works for {platform.job(job.name).hosts[0]}" in job.log
    assert "[byoe] 2 hosts are together" in job.log
    assert "distributed-" in job.log
    assert job.log.count("[byoe] saved the ensemble") == 1
    assert job.billable_seconds == 2 * job.describe()["BillableTimeInSeconds"]
    found = job.ensemble().predict(rows)
    np.testing.assert_allclose(found, ensemble.fit(train.drop(columns="target"), train["target"]).predict(rows))
    with byoe.sagemaker.deploy(job) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), found)
        assert "distributed-" not in endpoint.log  # which serving does not need


def test_a_host_that_dies_fails_the_job(platform, on_aws, tables):
    train, _ = tables
    ensemble = EnsembleRegressor([byoe.learner("catboost", n_rounds=2000)], "mean", cv=5, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", instance_count=2, wait=False, **on_aws)
    running = platform.job(job.name)
    running.wait_for(r"2 hosts are together")
    running.kill_host(1)
    with pytest.raises(JobError, match=f"AlgorithmError: JobError: host {running.hosts[1]} was lost before the end"):
        job.wait()
