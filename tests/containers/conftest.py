"""Fixtures of the container tests: a platform on this machine, that the SDK's clients talk to over HTTP."""

import pytest
from sklearn.datasets import load_diabetes
from tests.aws.policies import Recorder

from byoe.sagemaker import policy
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._cloud import Cloud

collect_ignore = ["standin/serving.py"]  # it runs in the container


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    from tests.containers.standin.server import REGION, Platform

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("platform")
        made = Platform(folder / "containers")
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": made.url,
            "AWS_CONFIG_FILE": str(folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        }.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setattr(_waiting, "SECONDS", 0.5)
        make, recorder = Cloud._client, Recorder(policy())
        patch.setattr(Cloud, "_client", lambda self, service: recorder.watch(make(self, service)))
        made.open()
        made.session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")
        yield made
        made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """Every test takes away what it has made; the tests after it count what is there."""
    if "platform" not in request.fixturenames:
        yield
        return
    platform = request.getfixturevalue("platform")
    before = platform.left(), platform.registry.left  # some files share an endpoint
    yield
    assert (platform.left(), platform.registry.left) == before


@pytest.fixture(scope="session")
def on_aws():
    """What every call says of where to run."""
    return {"instance_type": "ml.m5.xlarge", "role": "byoe"}


@pytest.fixture(scope="session")
def tables():
    """The diabetes data: rows to train on, and rows to predict."""
    frame = load_diabetes(as_frame=True).frame
    return frame.iloc[:330], frame.iloc[330:].drop(columns="target")
