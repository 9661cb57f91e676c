"""Endpoints by the graph: the container's real serving stack, without a library of a member."""

import re
from importlib.metadata import distributions

import numpy as np
import pytest
from tests.containers.standin.container import PYTHON, site_of

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import InputError
from byoe.tools._versions import installed_version

BOOSTERS = {"catboost", "lightgbm", "xgboost", "xgboost-cpu"}


@pytest.fixture(scope="module")
def job(platform, on_aws, tables):
    train, _ = tables
    members = ["ridge", learner("lightgbm", n_estimators=10), learner("xgboost", n_rounds=10)]
    ensemble = EnsembleRegressor(members, "mean", cv=3, random_state=0)
    return byoe.sagemaker.fit(ensemble, train, target="target", graph=True, logs=False, **on_aws)


def installed(log):
    """Return what a container has installed, beside the code itself."""
    lines = re.findall(r"Successfully installed (.*)", log)
    return {re.sub(r"-[^-]+$", "", one) for line in lines for one in line.split()} - {"inference"}


def test_an_endpoint_by_the_graph_has_no_library_of_a_member(platform, job, tables):
    _, rows = tables
    fitted = job.ensemble()
    assert job.has_graph
    assert "made the graph and compared it" in job.log
    image = {found.name for found in distributions(path=[site_of(PYTHON.parent.parent)])}
    assert not BOOSTERS & image
    with byoe.sagemaker.deploy(job, runtime="onnx") as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), fitted.predict(rows), rtol=1e-6)
        np.testing.assert_allclose(endpoint.predict(rows.iloc[:1]), fitted.predict(rows.iloc[:1]), rtol=1e-6)
        frame = endpoint.predict(rows, outputs="interval", level=0.8)
        np.testing.assert_allclose(frame[["lower", "upper"]], fitted.predict_interval(rows, level=0.8), rtol=1e-6)
        with pytest.raises(InputError, match="the graph gives no predictions of members"):
            endpoint.predict(rows, outputs="members")
        assert installed(endpoint.log) == {"byoe-ensemble", "onnxruntime"}
        assert f"onnxruntime-{installed_version('onnxruntime')}" in endpoint.log
        # The same model by both: few rows by the graph, and what only members tell by the libraries.
        endpoint.update(job, runtime="auto")
        np.testing.assert_allclose(endpoint.predict(rows.iloc[:1]), fitted.predict(rows.iloc[:1]), rtol=1e-6)
        frame = endpoint.predict(rows, outputs="members")
        np.testing.assert_allclose(frame.iloc[:, 1:], fitted.transform(rows))
    assert platform.left() == []


def test_rows_are_transformed_by_the_graph(platform, job, tables):
    _, rows = tables
    transform = byoe.sagemaker.transform(job, rows, runtime="onnx")
    np.testing.assert_allclose(transform.predictions(), job.ensemble().predict(rows), rtol=1e-6)
    assert installed(transform.log) == {"byoe-ensemble", "onnxruntime"}
    assert platform.left() == []
