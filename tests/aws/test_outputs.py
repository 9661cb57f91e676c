"""Endpoints on AWS are asked for more than predictions, by one connection or by files."""

import numpy as np
import pandas as pd
import pytest
from tests.aws.service_model import faults
from tests.aws.test_endpoints import make

from byoe import EnsembleRegressor
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._machine import Instances, Serverless
from byoe.serving import input_fn, model_fn, output_fn, predict_fn


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).normal(size=(60, 2))
    return EnsembleRegressor(("ridge",), "mean", cv=3, random_state=0).fit(pd.DataFrame(X, columns=list("ab")), X[:, 0])


@pytest.fixture
def model(fitted, tmp_path):
    return model_fn(str(fitted.save(tmp_path / "model")))


def answer(model, body, content_type, accept):
    text, _ = output_fn(predict_fn(input_fn(body, content_type), model), accept)
    return text if isinstance(text, bytes) else text.encode()


def check(endpoint, fitted):
    rows = pd.DataFrame({"b": [0.5, -0.5, 1.0], "a": [1.0, 2.0, 0.0]}, index=list("xyz"))
    found = endpoint.predict(rows, outputs="interval", level=0.8)
    assert (list(found.columns), list(found.index)) == (["prediction", "lower", "upper"], list("xyz"))
    np.testing.assert_array_equal(found["prediction"], fitted.predict(rows[["a", "b"]]))
    np.testing.assert_array_equal(found[["lower", "upper"]], fitted.predict_interval(rows[["a", "b"]], level=0.8))


def test_an_endpoint(cloud, session, bucket, model, fitted, monkeypatch):
    sent = []
    session.events.register("provide-client-params.sagemaker-runtime.*", lambda params, **_: sent.append(params))

    def invoke(endpoint, body, content_type, *, accept, variant=""):
        request = {"EndpointName": endpoint, "ContentType": content_type, "Accept": accept}
        assert faults("InvokeEndpoint", {**request, "Body": "x"}, "sagemaker-runtime") == []
        return answer(model, body.decode(), content_type, accept)

    monkeypatch.setattr(cloud, "invoke", invoke)
    with make(cloud, bucket, Serverless()) as endpoint:
        check(endpoint, fitted)


def test_an_asynchronous_endpoint(cloud, bucket, model, fitted, monkeypatch):
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    call, places = cloud.call, {name: f"{bucket}/{name}/1.out" for name in ("OutputLocation", "FailureLocation")}

    def answered(service, operation, **request):
        if operation != "invoke_endpoint_async":
            return call(service, operation, **request)
        assert faults("InvokeEndpointAsync", request, "sagemaker-runtime") == []
        body = cloud.get(request["InputLocation"]).decode()
        name, key = split(places["OutputLocation"])
        text = answer(model, body, request["ContentType"], request["Accept"])
        call("s3", "put_object", Body=text, Bucket=name, Key=key)
        return places

    endpoint = make(cloud, bucket, Instances(answers=f"{bucket}/asynchronous/byoe-1"))
    monkeypatch.setattr(cloud, "call", answered)
    check(endpoint, fitted)
