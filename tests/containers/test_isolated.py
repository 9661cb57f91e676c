"""Containers without a network: all that they install travels with them."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError


def test_a_job_and_its_endpoint_need_no_network(platform, on_aws, tables):
    train, rows = tables
    ensemble = EnsembleRegressor(("ridge", "xgboost", "log-ridge"), "trimmed-mean", cv=3, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", vendor=True, isolated=True, **on_aws)
    found = job.ensemble().predict(rows)
    np.testing.assert_allclose(found, ensemble.fit(train.drop(columns="target"), train["target"]).predict(rows))
    with byoe.sagemaker.deploy(job, instance_type="ml.m5.large", isolated=True) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), found)
    assert platform.left() == []


def test_without_the_wheels_there_is_nothing_to_install_from(platform, on_aws, tables):
    """What the stand-in calls isolated is so."""
    train, _ = tables
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1"  # as if it had everything
    with pytest.raises(JobError, match="No matching distribution found"):
        byoe.sagemaker.fit(EnsembleRegressor(("ridge",)), train, target="target", isolated=True, image=image, **on_aws)
