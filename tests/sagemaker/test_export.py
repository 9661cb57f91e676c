"""Source folders that are written for review, and images that have what they install."""

import json

import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError, JobError, ParameterError, UnknownNameError


def test_the_folder_is_that_of_a_job(tmp_path):
    ensemble = EnsembleRegressor(["ridge", "knn"], "mean", random_state=0)
    made = byoe.sagemaker.export(ensemble, tmp_path / "source", target="y", drop="id", header=True)
    spec = json.loads((made / "spec.json").read_text())
    assert spec["data"] == {"target": "y", "weight": None, "groups": None, "drop": ["id"], "header": True}
    assert {file.name for file in made.iterdir()} >= {"train.py", "inference.py", "requirements.txt", "wheels"}
    with pytest.raises(JobError, match="exists already"):
        byoe.sagemaker.export(ensemble, made, target="y")


def test_the_folder_of_a_job_on_a_gpu(tmp_path):
    made = byoe.sagemaker.export(
        EnsembleRegressor(["xgboost"], "mean"), tmp_path / "source", target="y", instance_type="ml.g5.xlarge"
    )
    assert "\nxgboost==" in (made / "requirements.txt").read_text()
    with pytest.raises(ParameterError, match="instance_count is 0, expected a positive integer"):
        byoe.sagemaker.export(EnsembleRegressor(["ridge"]), tmp_path / "other", target="y", instance_count=0)


def test_a_folder_may_be_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    byoe.sagemaker.export(EnsembleRegressor(["ridge"], "mean"), "source", target="y")
    assert list((tmp_path / "source" / "wheels").glob("byoe_ensemble-*.whl"))


def test_an_unknown_learner_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownNameError, match="catbost"):
        byoe.sagemaker.export(EnsembleRegressor(["catbost"]), tmp_path / "source", target="y")
    with pytest.raises(ParameterError, match="dict is not an ensemble"):
        byoe.sagemaker.export({}, tmp_path / "source", target="y")
    assert not list(tmp_path.iterdir())


def test_the_dockerfile_installs_what_the_folder_lists(tmp_path):
    source = byoe.sagemaker.export(EnsembleRegressor(["ridge"], "mean"), tmp_path / "source", target="y")
    file = byoe.sagemaker.dockerfile(source, "1234.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1.9-0-cpu-py3")
    lines = file.read_text().splitlines()
    assert "FROM 1234.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1.9-0-cpu-py3" in lines
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied
    assert all((source / name).exists() for name in copied)
    assert byoe.sagemaker.dockerfile(source, "other:1").read_text().count("FROM other:1") == 1
    assert not list(source.glob(".Dockerfile*"))


def test_a_folder_or_an_image_that_is_none(tmp_path):
    with pytest.raises(InputError, match="lacks requirements.txt and wheels; it is not a source folder"):
        byoe.sagemaker.dockerfile(tmp_path, "image:1")
    source = byoe.sagemaker.export(EnsembleRegressor(["ridge"], "mean"), tmp_path / "source", target="y")
    for image in ("", "two words", "image:1\nRUN rm -rf /"):
        with pytest.raises(ParameterError, match="expected the address of a container image"):
            byoe.sagemaker.dockerfile(source, image)
