"""The model registry: what a job has made is registered, approved by somebody, served from there, and removed."""

import hashlib
import json

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError


def test_a_job_is_registered_approved_served_and_removed(platform, on_aws, tables):
    train, rows = tables
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", **on_aws)
    package = job.register("diabetes", metadata={"ticket": "ML-17"})
    assert package.metrics == job.metrics
    statistics = package.describe()["ModelMetrics"]["ModelQuality"]["Statistics"]
    content = platform.place.get(statistics["S3Uri"])
    assert statistics["ContentDigest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    rmse = json.loads(content)["regression_metrics"]["rmse"]
    assert rmse["value"] == job.metrics["validation:rmse"]
    assert rmse["standard_deviation"] == pytest.approx(job.ensemble().leaderboard_["blend"]["spread"])

    # Somebody else decides, who knows its name.
    with pytest.raises(ParameterError, match="package diabetes/1 has the status PendingManualApproval"):
        byoe.sagemaker.deploy("diabetes/1")
    assert platform.left() == []
    with pytest.raises(JobError, match="not approved for deployment"):
        package.cloud.call(
            "sagemaker",
            "create_model",
            ModelName="byoe-x",
            PrimaryContainer={"ModelPackageName": package.arn},
            ExecutionRoleArn=package.role,
        )
    byoe.sagemaker.attach("diabetes/1").approve("as good as the last one")

    expected = job.ensemble().predict(rows)
    group = byoe.sagemaker.attach("diabetes", kind="model package group")
    with byoe.sagemaker.deploy(group, name="diabetes-live") as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), expected)
        byoe.sagemaker.deploy(job, name="diabetes-live")
        endpoint.update(package.arn)
        np.testing.assert_allclose(endpoint.predict(rows), expected)
        assert len(platform.left()) == 3
    np.testing.assert_allclose(byoe.sagemaker.transform(package, rows).predictions(), expected)
    np.testing.assert_array_equal(package.ensemble().predict(rows), expected)
    package.delete()
    group.delete()
    assert platform.left() == platform.registry.left == []
