"""Several ensembles behind one endpoint on AWS: one artifact of all, of which a request names one."""

import io
import tarfile

import numpy as np
import pytest
from tests.aws.test_endpoints import left, served  # noqa: F401  (a fixture)

from byoe.errors import ParameterError
from byoe.sagemaker import deploy, together, transform
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._models import Models
from byoe.sagemaker.source._folder import _scripts

CODE = {"requirements.txt": "joblib==1.6.0\n", "inference.py": _scripts({"trusted": ["mine.*"]})["inference.py"]}


@pytest.fixture(scope="module")
def packed(bundle):
    """An artifact with its serving code, as a job leaves it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.add(bundle, ".")
        for name, text in CODE.items():
            entry = tarfile.TarInfo(f"./code/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


@pytest.fixture
def jobs(run_job, packed):
    return {called: run_job(f"byoe-{called}", packed=packed) for called in ("north", "south")}


def requests(asked, operation):
    return [params for name, params in asked if name == operation]


def files(session, address):
    """Return the files of an artifact in S3, as texts where they are code."""
    bucket, key = split(address)
    body = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive.getmembers() if one.isfile()}


def test_role_and_instance_are_asked_for_where_they_are_needed():
    class OfAnotherAccount:
        """A version in the registry whose job is not known."""

        cloud, serving_image = None, "image:1"

        @property
        def role(self):
            raise ParameterError("role is None, and that of the job is not known here; give role")

        instance_type = role

    models = Models("churn", "s3://bucket/model.tar.gz", {"north": OfAnotherAccount()}, has_graph=False)
    for word in ("role", "instance_type"):
        with pytest.raises(ParameterError, match="give role"):
            getattr(models, word)


def test_one_artifact_holds_all(jobs, session, bucket, uploaded):
    models = together(jobs)
    assert models.artifact.startswith(f"{bucket}/together/")
    assert (models.models, models.has_graph) == (["north", "south"], False)
    held = files(session, models.artifact)
    assert {name.partition("/")[0] for name in held} == {"code", "models"}
    assert held["models/north/manifest.json"] == held["models/south/manifest.json"]
    assert not [name for name in held if "/code/" in name]
    assert held["code/requirements.txt"].decode() == CODE["requirements.txt"]
    assert "TRUSTED = {'north': ['mine.*'], 'south': ['mine.*']}" in held["code/inference.py"].decode()
    before = list(uploaded)
    assert together(jobs).artifact == models.artifact
    assert uploaded == before  # the same is brought once


def test_a_serverless_endpoint_serves_them_as_one_model(jobs, session, asked, served):  # noqa: F811
    models = together(jobs)
    with deploy(models) as endpoint:
        (model,) = requests(asked, "CreateModel")
        assert model["PrimaryContainer"]["ModelDataUrl"] == models.artifact
        assert model["PrimaryContainer"]["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
        (config,) = requests(asked, "CreateEndpointConfig")
        (variant,) = config["ProductionVariants"]
        assert variant["ServerlessConfig"]["MemorySizeInMB"] == 3072
        assert np.array_equal(endpoint.predict(np.eye(3), model="north"), np.ones(3))
        assert served[0][2] == "application/x-npy; model=north"
        with pytest.raises(ParameterError, match="a model is called 3"):
            endpoint.predict(np.eye(3), model=3)
    assert left(session) == []


def test_an_update_exchanges_all(jobs, asked, updated):
    with deploy(together(jobs), instance_type="ml.m5.large") as endpoint:
        other = together({"west": jobs["north"]})
        endpoint.update(other)
        assert [one["PrimaryContainer"]["ModelDataUrl"] for one in requests(asked, "CreateModel")][1:] == [
            other.artifact
        ]


def test_jobs_of_several_images_share_no_endpoint(jobs, monkeypatch):
    monkeypatch.setattr(Job, "serving_image", property(lambda self: f"image:{self.name}"))
    with pytest.raises(
        ParameterError, match="several container images: 'north' image:byoe-north, 'south' image:byoe-south"
    ):
        together(jobs)


def test_no_transform_is_by_several(jobs):
    with pytest.raises(ParameterError, match="holds several models, and a transform job is by one"):
        transform(together(jobs), [[1.0]])


def test_the_output_is_an_address(jobs):
    with pytest.raises(ParameterError, match="jobs"):
        together(jobs, output="jobs")


def test_the_output_says_where(jobs, bucket):
    assert together(jobs, output=f"{bucket}/mine").artifact.startswith(f"{bucket}/mine/together/")
