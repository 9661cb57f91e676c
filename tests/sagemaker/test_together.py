"""Several ensembles behind one endpoint of this machine."""

import http.client
import json
import shutil

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError, ParameterError
from byoe.sagemaker.shared._together import merge

sm = byoe.sagemaker


@pytest.fixture(scope="module")
def other(split, tmp_path_factory):
    """A job whose ensemble is another one."""
    ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", random_state=1)
    return sm.fit(ensemble, split[0], target="target", output=tmp_path_factory.mktemp("jobs"), logs=False)


@pytest.fixture(scope="module")
def models(job, other, tmp_path_factory):
    return sm.together({"north": job, "south": other}, output=tmp_path_factory.mktemp("together"))


@pytest.fixture(scope="module")
def endpoint(models):
    with sm.deploy(models) as served:
        yield served


@pytest.fixture(scope="module")
def X(split):
    return split[1].drop(columns="target")


def ask(endpoint, body, content_type):
    connection = http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=20)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_each_model_predicts_what_its_ensemble_predicts(endpoint, job, other, X):
    for name, one in {"south": other, "north": job}.items():
        np.testing.assert_array_equal(endpoint.predict(X, model=name), one.ensemble().predict(X))
        told = endpoint.predict(X, model=name, outputs="members")
        np.testing.assert_array_equal(told["prediction"], one.ensemble().predict(X))
    assert not np.array_equal(endpoint.predict(X, model="north"), endpoint.predict(X, model="south"))
    assert "model south is loaded; 2 of 2 are held" in endpoint.log


def test_a_request_in_json_names_its_model_too(endpoint, other, X):
    body = json.dumps({"instances": X.head(2).to_numpy().tolist(), "model": "south"})
    status, told = ask(endpoint, body, "application/json")
    assert status == 200
    np.testing.assert_array_equal(told["predictions"], other.ensemble().predict(X.head(2)))


@pytest.mark.parametrize("model", [None, "east"])
def test_what_is_not_there_is_refused_with_what_is(endpoint, X, model):
    with pytest.raises(InputError, match=r"answered 400: .*; give model=NAME in the content type, of north, south"):
        endpoint.predict(X, model=model)


def test_one_model_is_not_asked_by_a_name(job, X):
    with sm.deploy(job) as one, pytest.raises(InputError, match="there is one model here, which has no name"):
        one.predict(X, model="north")


def test_an_update_exchanges_all(models, job, other, X, tmp_path):
    with sm.deploy(models) as endpoint:
        endpoint.update(sm.together({"north": other, "west": job}, output=tmp_path))
        np.testing.assert_array_equal(endpoint.predict(X, model="north"), other.ensemble().predict(X))
        with pytest.raises(InputError, match="no model 'south'.*of north, west"):
            endpoint.predict(X, model="south")


def test_what_is_made_says_what_it_holds(models, job):
    assert models.models == ["north", "south"]
    assert models.completed() is models
    assert repr(models) == f"LocalModels({models.name!r}, models=['north', 'south'])"
    assert not models.has_graph
    assert sorted(file.name for file in models.artifact.iterdir()) == ["code", "models"]
    assert not (models.artifact / "models" / "north" / "code").exists()
    code = {file.name for file in (models.artifact / "code").iterdir()}
    assert code == {"inference.py", "requirements.txt", "setup.py", "wheels"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "models is {}, expected a mapping"),
        ([1], r"models is \[1\], expected a mapping"),
        ({3: None}, "a model is called 3, expected a text"),
        ({"a b": None}, "'a b' cannot be the name of a model.*'a-b' could be"),
        ({"north": None}, "job is None, expected a job"),
    ],
)
def test_what_cannot_be_packed_is_told(given, message):
    with pytest.raises(ParameterError, match=message):
        sm.together(given)


def test_a_name_is_taken_once(job, tmp_path):
    sm.together({"north": job}, name="all", output=tmp_path)
    with pytest.raises(ParameterError, match="'all' already"):
        sm.together({"north": job}, name="all", output=tmp_path)


def test_an_address_is_for_jobs_on_aws(job):
    with pytest.raises(ParameterError, match="output is 's3://b', and the jobs ran on this machine"):
        sm.together({"north": job}, output="s3://b")


# -- what two jobs may not differ in -----------------------------------------------------


@pytest.fixture
def pair(job, tmp_path):
    """Two artifacts of the same job, which a test may change."""
    return {name: shutil.copytree(job.artifact, tmp_path / name) for name in ("north", "south")}


def test_lists_of_requirements_are_joined(pair, tmp_path):
    for name, line in {"north": "xgboost==3.4.1\nlightgbm==4.6.0\n", "south": "xgboost==3.4.1\n"}.items():
        (pair[name] / "code" / "requirements.txt").write_text(line)
    assert merge(pair, tmp_path / "made") is False
    assert (tmp_path / "made" / "code" / "requirements.txt").read_text() == "xgboost==3.4.1\nlightgbm==4.6.0\n"


def test_versions_that_differ_are_told(pair, tmp_path):
    for name, line in {"north": "xgboost==3.4.1\n", "south": "xgboost-cpu==3.2.0\n"}.items():
        (pair[name] / "code" / "requirements.txt").write_text(line)
    with pytest.raises(
        ParameterError, match=r"'north' needs xgboost==3.4.1, and 'south' xgboost-cpu==3.2.0: models of"
    ):
        merge(pair, tmp_path / "made")


def test_code_that_differs_is_told(pair, tmp_path):
    (wheel,) = (pair["south"] / "code" / "wheels").glob("byoe*.whl")
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(ParameterError, match="'south' another of the same name"):
        merge(pair, tmp_path / "made")


def test_a_byoe_that_serves_one_model_is_told(pair, tmp_path):
    import zipfile

    for artifact in pair.values():
        (wheel,) = (artifact / "code" / "wheels").glob("byoe*.whl")
        with zipfile.ZipFile(wheel, "w") as packed:
            packed.writestr(zipfile.ZipInfo("byoe/__init__.py"), "")
    with pytest.raises(ParameterError, match="the job of 'north' was trained by a byoe that serves one model"):
        merge(pair, tmp_path / "made")


def test_serving_code_of_the_users_own_is_told(pair, tmp_path):
    (pair["south"] / "code" / "inference.py").write_text("def model_fn(folder):\n    return 1\n")
    with pytest.raises(ParameterError, match="the job of 'south' has an inference.py of its own"):
        merge(pair, tmp_path / "made")
