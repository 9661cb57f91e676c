import json
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import moto
import pytest
from botocore.loaders import Loader
from tests.aws.policies import Recorder
from tests.aws.registry import OPERATIONS, RefusedError, Registry
from tests.aws.service_model import faults

from byoe.sagemaker import policy
from byoe.sagemaker.aws._cloud import Cloud

LOADER = Loader()  # the services' models are megabytes of JSON, which each session would read anew


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr("botocore.session.create_loader", lambda *_: LOADER)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with moto.mock_aws():
        yield boto3.Session()


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    """What byoe asks of AWS; a request that no policy of `byoe sagemaker policy` lists is a failure."""
    found, make = Recorder(policy()), Cloud._client
    monkeypatch.setattr(Cloud, "_client", lambda self, service: found.watch(make(self, service)))
    return found


@pytest.fixture
def asked(session):
    """What was asked of SageMaker and of what works for it, each checked against the model of its service."""
    found = []

    def check(params, model, **_):
        found.append((model.name, params))
        assert faults(model.name, params, model.service_model.service_name) == []

    for service in ("sagemaker", "application-autoscaling", "cloudwatch"):
        session.events.register(f"provide-client-params.{service}.*", check)
    session.events.register("provide-client-params.sagemaker-runtime.InvokeEndpointAsync", check)
    return found


@pytest.fixture
def cloud(session, asked):
    return Cloud(session)


@pytest.fixture
def bucket(cloud):
    return f"s3://{cloud.bucket()}/byoe"


@pytest.fixture
def registry(session):
    """The model registry, in the place of moto's, which keeps no metadata, deletes nothing and lets all be served."""
    made = Registry("123456789012", "eu-west-1")

    def answer(params, model, **_):
        request = json.loads(params["body"])
        try:
            if model.name == "CreateModel":
                made.check_model(request["PrimaryContainer"])
                return None  # the rest is moto's
            told = made.call(model.name, request)
        except RefusedError as error:
            return SimpleNamespace(status_code=400), {"Error": {"Code": error.code, "Message": str(error)}}
        return SimpleNamespace(status_code=200), _with_times(told)

    for operation in (*OPERATIONS, "CreateModel"):
        session.events.register(f"before-call.sagemaker.{operation}", answer)
    return made


def _with_times(told):
    """Return an answer as botocore reads it."""
    if isinstance(told, list):
        return [_with_times(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {
        key: datetime.fromtimestamp(value, UTC) if key == "CreationTime" else _with_times(value)
        for key, value in told.items()
    }
