"""Names of one's own for jobs, tuning jobs and endpoints of this machine."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.local import _place

sm = byoe.sagemaker
RIDGE = EnsembleRegressor(("ridge",), "mean", random_state=0)


@pytest.fixture(scope="module")
def X(split):
    return split[1].drop(columns="target")


def test_a_job_has_its_name_and_nobody_loses_a_folder(split, tmp_path):
    job = sm.fit(RIDGE, split[0], target="target", output=tmp_path, name="churn", logs=False)
    assert (job.name, job.base.name) == ("churn", "churn")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ParameterError, match=rf"there is a training job 'churn' already in {tmp_path}; give another name, or 'churn-'"):  # fmt: skip
        sm.fit(RIDGE, split[0], target="target", output=tmp_path, name="churn", logs=False)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(ParameterError, match="cannot be the name of a training job"):
        sm.fit(RIDGE, split[0], target="target", output=tmp_path, name="../churn", logs=False)
    assert job.status == "Completed"


def test_of_a_name_that_could_not_start_nothing_is_left(split, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("no space")

    monkeypatch.setattr("byoe.sagemaker._fit.write_job_folder", broken)
    with pytest.raises(OSError, match="no space"):
        sm.fit(RIDGE, split[0], target="target", output=tmp_path, name="churn-", logs=False)
    assert list(tmp_path.iterdir()) == []


def test_trials_have_the_name_of_their_tuning_job(split, tmp_path):
    space = {"ridge__alpha": [0.1, 1.0]}
    tuning = sm.tune(RIDGE, space, split[0], target="target", output=tmp_path, name="churn", max_jobs=1)
    assert tuning.name == "churn"
    assert [trial["job"] for trial in tuning.trials] == ["churn-001"]
    with pytest.raises(ParameterError, match="there is a tuning job 'churn' already"):
        sm.tune(RIDGE, space, split[0], target="target", output=tmp_path, name="churn", max_jobs=1)


@pytest.fixture(scope="module")
def other(split, tmp_path_factory):
    ensemble = EnsembleRegressor(("ridge",), random_state=0).set_params(ridge__alpha=100.0)
    return sm.fit(ensemble, split[0], target="target", output=tmp_path_factory.mktemp("other"), logs=False)


def test_a_live_endpoint_gets_another_model(job, other, X, capsys):
    with sm.deploy(job, name="churn") as endpoint:
        assert endpoint.name == "churn"
        assert np.array_equal(endpoint.predict(X), job.ensemble().predict(X))
        process, folder, url = endpoint._process, endpoint._folder, endpoint.url
        capsys.readouterr()
        assert sm.deploy(other, name="churn") is endpoint
        assert capsys.readouterr().out == "[byoe] endpoint churn is live: its model is exchanged\n"
        assert np.array_equal(endpoint.predict(X), other.ensemble().predict(X))
        assert process.poll() is not None
        assert not folder.exists()
        assert endpoint.url != url
        with pytest.raises(ParameterError, match="expected a job or a tuning job of this machine"):
            endpoint.update("byoe-1")
        with pytest.raises(
            ParameterError, match="rollout is 'canary', and endpoint churn is one process of this machi"
        ):
            endpoint.update(job, rollout="canary")
        for name, value in (("role", "byoe"), ("alarms", ["a"]), ("data_capture", True), ("region", "eu-west-1")):
            with pytest.raises(ParameterError, match=f"an update has no option '{name}': it is for endpoints on AWS"):
                endpoint.update(job, **{name: value})
        with pytest.raises(ParameterError, match="an update has no option 'runtme'. Did you mean 'runtime'"):
            endpoint.update(job, runtme="onnx")
    assert not endpoint._folder.exists()
    with pytest.raises(JobError, match="has been deleted"):
        endpoint.update(job, role=None, alarms=(), watch=False)
    with sm.deploy(job, name="churn") as again:  # the name is free
        assert again is not endpoint
    assert "churn" not in {name for name, one in _place._served.items() if one._alive}


def test_a_model_that_does_not_start_leaves_the_present_one(job, X, tmp_path):
    import shutil

    class Broken:
        place = "local"
        artifact = tmp_path / "model"

        def completed(self):
            return self

    shutil.copytree(job.artifact, Broken.artifact)
    (Broken.artifact / "manifest.json").write_text("{}")
    with sm.deploy(job, name="churn-") as endpoint:
        assert endpoint.name.startswith("churn-20")
        with pytest.raises(JobError, match="has the status Failed"):
            endpoint.update(Broken())
        assert np.array_equal(endpoint.predict(X), job.ensemble().predict(X))
    with pytest.raises(ParameterError, match="cannot be the name of an endpoint"):
        sm.deploy(job, name="a b")
