"""Data in S3 as people have them: mounted, listed in a manifest, and spread over hosts."""

import json

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor

SMALL = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)
PARTS = ("b/part-1.csv", "a.csv", "c.parquet", "b/part-0.csv")


@pytest.fixture(scope="module")
def spread(platform, tables, tmp_path_factory):
    """Address of a folder of four files, and the rows in the order of their names."""
    train, _ = tables
    platform.session.client("s3").create_bucket(
        Bucket="spread", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    folder, frames = tmp_path_factory.mktemp("spread"), {}
    for number, name in enumerate(PARTS):
        frames[name] = train.iloc[80 * number : 80 * (number + 1)]
        file = folder / name.rpartition("/")[2]
        if name.endswith("csv"):
            frames[name].to_csv(file, index=False)
        else:
            frames[name].to_parquet(file, index=False)
        platform.place.put(f"s3://spread/rows/{name}", file.read_bytes())
    platform.place.put("s3://spread/rows/_SUCCESS", b"")
    listed = [{"prefix": "s3://spread/rows/"}, *PARTS]
    platform.place.put("s3://spread/list.json", json.dumps(listed).encode())
    return pd.concat([frames[name] for name in sorted(frames)], ignore_index=True)


def expected(rows):
    made = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)
    return made.fit(rows.drop(columns="target"), rows["target"])


def test_a_mounted_folder_and_a_manifest(platform, on_aws, tables, spread):
    _, rows = tables
    listed = {"S3Uri": "s3://spread/list.json", "S3DataType": "ManifestFile", "InputMode": "File"}
    for train, name in (("s3://spread/rows/", "mounted-"), (listed, "listed-")):
        job = byoe.sagemaker.fit(
            SMALL, train, target="target", input_mode="FastFile", logs=False, name=f"byoe-{name}", **on_aws
        )
        assert "[byoe] read 320 rows x 10 columns" in job.log
        np.testing.assert_allclose(job.ensemble().predict(rows), expected(spread).predict(rows))


def test_hosts_with_other_files_each_make_the_model_of_one(platform, on_aws, tables, spread):
    _, rows = tables
    sharded = {"S3Uri": "s3://spread/rows/", "S3DataDistributionType": "ShardedByS3Key"}
    whole = byoe.sagemaker.fit(SMALL, "s3://spread/rows/", target="target", logs=False, **on_aws)
    job = byoe.sagemaker.fit(SMALL, sharded, sharded, target="target", instance_count=2, logs=False, **on_aws)
    assert "files of channel train are here" in job.log
    assert "the rows of 2 hosts are together" in job.log
    assert job.log.count("[byoe] read 320 rows x 10 columns") == 2
    assert np.array_equal(job.ensemble().predict(rows), whole.ensemble().predict(rows))
    assert job.ensemble().score_estimate_ == whole.ensemble().score_estimate_
