"""One training job: what it reads, prints, leaves behind, and how it fails."""

import io
import json
import re
import tarfile
from importlib.metadata import distributions

import numpy as np
import pandas as pd
import pytest
from tests.containers.standin.container import PYTHON, site_of
from tests.monitor_schema import faults

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.tools._versions import installed_version

SMALL = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)


def test_a_job_with_validation_data_and_hyperparameters(platform, on_aws, tables):
    train, _ = tables
    ensemble = EnsembleRegressor({"ridge": "ridge", "booster": "xgboost"}, "mean", random_state=0)
    chosen = {"cv": 3, "blender": "weighted", "eta": 0.2, "booster__n_rounds": 20, "metric": "mae"}
    job = byoe.sagemaker.fit(
        ensemble,
        train.iloc[:250],
        train.iloc[250:],
        target="target",
        hyperparameters=chosen,
        tags={"team": "blue"},
        **on_aws,
    )
    assert job.status == "Completed"
    assert job.billable_seconds > 0
    trained = job.ensemble()
    assert type(trained.blender_).__name__ == "Weighted"
    params = trained.get_params()
    assert (params["cv"], params["booster__learning_rate"], params["booster__n_rounds"]) == (3, 0.2, 20)
    # Half of the digits are what the service keeps; the log has them all.
    rows, truth = train.iloc[250:].drop(columns="target"), train["target"].iloc[250:]
    assert job.metrics["validation:mae"] == pytest.approx(np.abs(trained.predict(rows) - truth).mean(), rel=1e-6)
    assert {"validation:rmse", "member:ridge:mae", "member:booster:rmse"} <= set(job.metrics)
    assert {metric["MetricName"] for metric in job.describe()["FinalMetricDataList"]} == set(job.metrics)
    # What a person reads.
    assert "[byoe] read 250 rows x 10 columns" in job.log
    assert "[byoe] saved the ensemble in" in job.log
    again = byoe.sagemaker.attach(job.name)
    assert (again.status, again.artifact) == ("Completed", job.artifact)
    # byoe depends on xgboost; what is installed is the same library without its GPU code, and that alone.
    (installed,) = re.findall(r"Successfully installed (.*)", job.log)
    assert [name for name in installed.split() if name.startswith("xgboost")] == [
        f"xgboost-cpu-{installed_version('xgboost')}"
    ]
    image = distributions(path=[site_of(PYTHON.parent.parent)])
    assert not [found.name for found in image if found.name.startswith("xgboost")]


def test_what_a_job_leaves_behind(platform, on_aws, tables):
    train, _ = tables
    job = byoe.sagemaker.fit(SMALL, train, target="target", logs=False, **on_aws)
    with tarfile.open(fileobj=io.BytesIO(platform.place.get(job.artifact))) as archive:
        names = set(archive.getnames())
    assert {"manifest.json", "code/inference.py", "code/requirements.txt"} <= names
    assert any(name.startswith("code/wheels/byoe_ensemble-") for name in names)
    with tarfile.open(
        fileobj=io.BytesIO(platform.place.get(job.artifact.replace("model.tar", "output.tar")))
    ) as archive:
        leaderboard = json.load(archive.extractfile("leaderboard.json"))
        report = archive.extractfile("report.html").read().decode()
    assert {row["member"] for row in leaderboard} >= {"ridge", "knn"}
    assert "<dt>rows</dt><dd>330</dd><dt>columns</dt><dd>10: 10 numbers</dd>" in report
    assert f">{job.metrics['validation:rmse']}<" in report
    made = [json.loads(platform.place.get(address)) for address in job.baseline()]
    assert faults(*made) == []
    assert made[0]["dataset"] == {"item_count": 330}
    assert [one["name"] for one in made[0]["features"]] == ["predictions", *train.columns.drop("target")]


def test_a_job_that_fails_tells_why(platform, on_aws, tables, tmp_path):
    """Files are not opened here, so that the job is the first to see that a column is missing."""
    train, _ = tables
    pd.DataFrame(train).rename(columns={"target": "y"}).to_csv(tmp_path / "train.csv", index=False)
    platform.session.client("s3").create_bucket(
        Bucket="given", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    platform.place.put("s3://given/data/train.csv", (tmp_path / "train.csv").read_bytes())
    with pytest.raises(JobError, match="has the status Failed: AlgorithmError: InputError: .*target") as failed:
        byoe.sagemaker.fit(SMALL, "s3://given/data/", target="target", logs=False, **on_aws)
    assert "exit code: 1" in failed.value.job.failure
    with pytest.raises(JobError, match="has the status Failed"):
        byoe.sagemaker.deploy(failed.value.job)
    assert platform.left() == []


def test_a_bucket_of_another_region_is_refused_before_an_upload(platform, on_aws, tables):
    there = platform.session.client("s3", region_name="us-east-1")
    there.create_bucket(Bucket="elsewhere")
    count = len(platform.requests)
    with pytest.raises(ParameterError, match="whose bucket is in us-east-1, and the session is in eu-west-1"):
        byoe.sagemaker.fit(
            EnsembleRegressor(["ridge"]), tables[0], target="target", output="s3://elsewhere/a", **on_aws
        )
    assert len(platform.requests) == count
    assert "Contents" not in there.list_objects_v2(Bucket="elsewhere")


def test_a_job_is_stopped(platform, on_aws, tables):
    train, _ = tables
    slow = EnsembleRegressor([byoe.learner("catboost", n_rounds=200_000)], "mean", random_state=0)
    job = byoe.sagemaker.fit(slow, train, target="target", wait=False, **on_aws)
    platform.job(job.name).wait_for(r"\[byoe\] read 330 rows")
    job.stop()
    with pytest.raises(JobError, match="has the status Stopped"):
        job.wait()
    assert job.status == "Stopped"
