"""Several models behind one endpoint: they share requests by weights, or one is in the shadow of another."""

import numpy as np
import pytest
from tests.aws.answers import fails
from tests.aws.test_endpoints import MACHINE, left, served  # noqa: F401  (a fixture)

import byoe
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws import _waiting
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._job import Job

ON = {"instance_type": "ml.m5.large"}


@pytest.fixture
def jobs(cloud, bucket, monkeypatch):
    """Two completed jobs, of two containers."""

    def described(self):
        return {
            "TrainingJobStatus": "Completed",
            "AlgorithmSpecification": {"TrainingImage": f"{MACHINE.image}.{self.name}"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
            "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/{self.name}/model.tar.gz"},
            "RoleArn": MACHINE.role,
        }

    monkeypatch.setattr(Job, "describe", described)
    return Job("one", cloud), Job("two", cloud)


@pytest.fixture
def pair(jobs):
    return dict(zip(("current", "new"), jobs, strict=True))


@pytest.fixture
def remembered(cloud, asked, monkeypatch):
    """Let configurations tell of shadows, which moto forgets."""
    call = cloud.call

    def answer(service, operation, **request):
        found = call(service, operation, **request)
        if operation == "describe_endpoint_config":
            (made,) = (one for one in requests(asked, "CreateEndpointConfig") if one["EndpointConfigName"] == request["EndpointConfigName"])  # fmt: skip
            found |= {key: made[key] for key in ("ShadowProductionVariants",) if key in made}
        return found

    monkeypatch.setattr(cloud, "call", answer)


def requests(asked, operation):
    return [params for name, params in asked if name == operation]


def weights(endpoint):
    return {one["VariantName"]: one["CurrentWeight"] for one in endpoint.describe()["ProductionVariants"]}


# -- variants ----------------------------------------------------------------------------


def test_variants_share_an_endpoint_and_go_with_it(pair, session, asked):
    with byoe.sagemaker.deploy(pair, weights={"current": 9, "new": 1}, instance_count=2, **ON) as endpoint:
        models = requests(asked, "CreateModel")
        assert [one["PrimaryContainer"]["Image"] for one in models] == [f"{MACHINE.image}.{n}" for n in ("one", "two")]
        (config,) = requests(asked, "CreateEndpointConfig")
        assert config["ProductionVariants"] == [
            {
                "VariantName": name,
                "ModelName": model["ModelName"],
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 2,
                "InitialVariantWeight": weight,
            }
            for name, model, weight in zip(("current", "new"), models, (9.0, 1.0), strict=True)
        ]
        assert "ShadowProductionVariants" not in config
        assert weights(endpoint) == {"current": 9.0, "new": 1.0}
        assert len(left(session)) == 4
    assert left(session) == []


def test_without_weights_all_have_the_same(pair, asked):
    with byoe.sagemaker.deploy(pair, **ON) as endpoint:
        assert weights(endpoint) == {"current": 1.0, "new": 1.0}


def test_weights_are_shifted(pair, asked):
    with byoe.sagemaker.deploy(pair, weights={"current": 9, "new": 1}, **ON) as endpoint:
        assert endpoint.shift({"new": 3, "current": 1}) is endpoint
        (request,) = requests(asked, "UpdateEndpointWeightsAndCapacities")
        assert request["DesiredWeightsAndCapacities"] == [
            {"VariantName": "current", "DesiredWeight": 1.0},
            {"VariantName": "new", "DesiredWeight": 3.0},
        ]
        assert weights(endpoint) == {"current": 1.0, "new": 3.0}
        for given, message in (
            ({"newer": 1}, "there is no variant 'newer'. Did you mean 'new'"),
            ({"new": 1}, "weights says nothing of 'current'; give each variant one, such as 0"),
            ({"new": 0, "current": 0}, "all weights are 0, and somebody has to answer"),
        ):
            with pytest.raises(ParameterError, match=message):
                endpoint.shift(given)
        assert len(requests(asked, "UpdateEndpointWeightsAndCapacities")) == 1


def test_weights_that_the_service_takes_back_are_a_failure(pair, cloud, monkeypatch):
    monkeypatch.setattr(_waiting, "SECONDS", 0.0)
    with byoe.sagemaker.deploy(pair, **ON) as endpoint:
        states, call = ["RollingBack", "Updating"], cloud.call

        def taken_back(service, operation, **request):
            if operation == "update_endpoint_weights_and_capacities":
                return {}
            found = call(service, operation, **request)
            return found | {"EndpointStatus": states.pop()} if operation == "describe_endpoint" and states else found

        with monkeypatch.context() as patch:
            patch.setattr(cloud, "call", taken_back)
            with pytest.raises(JobError, match=r"has the weights \{'current': 1.0, 'new': 1.0\}, not .* has gone back"):
                endpoint.shift({"current": 0, "new": 1})
        assert states == []


def test_one_model_has_nothing_to_shift(jobs):
    with (
        byoe.sagemaker.deploy(jobs[0], **ON) as endpoint,
        pytest.raises(ParameterError, match="has one variant, which"),
    ):
        endpoint.shift({"AllTraffic": 1})


def test_a_variant_is_asked_by_its_name(pair, served):  # noqa: F811
    with byoe.sagemaker.deploy(pair, **ON) as endpoint:
        assert np.array_equal(endpoint.predict(np.eye(3), variant="new"), np.ones(3))
        endpoint.predict(np.eye(3))
        assert [variant for *_, variant in served] == ["new", ""]
        with pytest.raises(ParameterError, match=r"has no variant 'newer'. Did you mean 'new'\? Known: current, new"):
            endpoint.predict(np.eye(3), variant="newer")


def test_the_name_of_a_variant_is_in_the_request(cloud):
    from botocore.stub import Stubber

    with Stubber(cloud._client("sagemaker-runtime")) as stub:
        sent = {"EndpointName": "churn", "Body": b"", "ContentType": "text/csv", "Accept": "text/csv"}
        stub.add_client_error(
            "invoke_endpoint", "ValidationError", "no", expected_params=sent | {"TargetVariant": "new"}
        )
        with pytest.raises(JobError):
            cloud.invoke("churn", b"", "text/csv", accept="text/csv", variant="new")


def test_each_variant_scales_and_no_bounds_are_left(pair, session, asked):
    scaling = session.client("application-autoscaling").describe_scalable_targets
    with byoe.sagemaker.deploy(pair, instance_count=(1, 3), requests_per_instance=60, name="churn", **ON):
        found = scaling(ServiceNamespace="sagemaker")["ScalableTargets"]
        assert [one["ResourceId"] for one in found] == [f"endpoint/churn/variant/{name}" for name in pair]
    assert scaling(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_one_variant_with_a_name_is_updated_and_scaled_under_it(jobs, session, updated):
    scaling = session.client("application-autoscaling").describe_scalable_targets
    with byoe.sagemaker.deploy({"current": jobs[0]}, name="churn", **ON) as endpoint:
        endpoint.update(jobs[1], instance_count=(1, 3), requests_per_instance=60)
        (target,) = scaling(ServiceNamespace="sagemaker")["ScalableTargets"]
        assert target["ResourceId"] == "endpoint/churn/variant/current"
        endpoint.update(jobs[0], instance_count=2)
        assert scaling(ServiceNamespace="sagemaker")["ScalableTargets"] == []


@pytest.mark.parametrize(("own", "called"), [({}, "churn/current"), ({"BYOE_WATCH_NAME": "mine"}, "mine")])
def test_what_is_watched_is_called_after_an_update_as_before(jobs, updated, asked, own, called):
    """An alarm goes by that name."""
    given = {**ON, "watch": True, "environment": own}
    with byoe.sagemaker.deploy({"current": jobs[0]}, name="churn", **given) as endpoint:
        for watch in (True, None, False, True):
            endpoint.update(jobs[1], watch=watch)
    made = [params["PrimaryContainer"]["Environment"] for name, params in asked if name == "CreateModel"]
    assert [one.get("BYOE_WATCH_NAME") for one in made] == [called] * 3 + [None, "churn/current"]


def test_nothing_is_left_of_variants_that_fail(pair, cloud, session, monkeypatch):
    fails(monkeypatch, cloud, create_endpoint=JobError("no instances left"))
    with pytest.raises(JobError, match="no instances left"):
        byoe.sagemaker.deploy(pair, **ON)
    assert left(session) == []


# -- a shadow ----------------------------------------------------------------------------


def test_a_shadow_gets_copies_and_goes_with_its_endpoint(jobs, session, asked, remembered):
    with byoe.sagemaker.deploy(jobs[0], shadow=jobs[1], data_capture=True, **ON) as endpoint:
        (config,) = requests(asked, "CreateEndpointConfig")
        (production,), (shadow,) = config["ProductionVariants"], config["ShadowProductionVariants"]
        first, second = requests(asked, "CreateModel")
        assert (production["VariantName"], production["ModelName"]) == ("AllTraffic", first["ModelName"])
        assert (shadow["VariantName"], shadow["ModelName"]) == ("Shadow", second["ModelName"])
        assert production["InitialVariantWeight"] == shadow["InitialVariantWeight"] == 1.0
        assert second["PrimaryContainer"]["ModelDataUrl"].endswith("/two/model.tar.gz")
        before = left(session)
        with pytest.raises(
            ParameterError, match="has the variants 'AllTraffic', 'Shadow', and byoe exchanges the model"
        ):
            endpoint.update(jobs[1])
        assert left(session) == before
        assert len(before) == 4
    assert left(session) == []


# -- what cannot be ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (("a", "b"), {}, "a serverless endpoint has one model; give an instance_type for several"),
        (("a", "b"), {**ON, "asynchronous": True}, "an asynchronous endpoint has one model"),
        (("a", "b"), {**ON, "weights": {"a": 1}}, "weights says nothing of 'b'"),
        (("a", "b"), {**ON, "weights": {"a": 1, "b": -1}}, r"weights\['b'\] is -1, expected a number from 0 on"),
        (("a", "b"), {**ON, "weights": {"a": 1, "b": True}}, r"weights\['b'\] is True, expected a number"),
        (("a", "b"), {**ON, "weights": {"a": 1, "b": float("inf")}}, r"weights\['b'\] is inf, expected a number"),
        (("a", "b"), {**ON, "weights": [1, 2]}, r"weights is \[1, 2\], expected a mapping such as"),
        (("a", "b_2"), ON, "'b_2' cannot be the name of a variant: .*; 'b-2' could be"),
        (("a", 2), ON, "a variant is called 2, expected a text such as 'current'"),
        (tuple(f"v{i}" for i in range(11)), ON, "there are 11 variants, and an endpoint has at most 10"),
        ((), ON, "job is a mapping without variants"),
        (("a", "b"), {**ON, "shadow": True}, "shadow goes with one job"),
        (("Shadow",), {**ON, "shadow": True}, "shadow goes with one job"),
        (("a",), {**ON, "shadow": True, "instance_count": (1, 2), "requests_per_instance": 9}, "shadow goes with one"),
        (None, {**ON, "weights": {"a": 1}}, "weights are of several variants; give a mapping of their names to jobs"),
        (None, {"shadow": True}, "a serverless endpoint has one model"),
    ],
)
def test_variants_that_cannot_be(jobs, session, asked, names, given, message):
    job = jobs[0] if names is None else dict.fromkeys(names, jobs[0])
    if given.get("shadow"):
        given = given | {"shadow": jobs[1]}
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.deploy(job, **given)
    assert left(session) == []
    assert requests(asked, "CreateModel") == []


def test_variants_are_of_one_region_and_one_place(jobs, session):
    import boto3

    other = Job("three", Cloud(boto3.Session(region_name="us-east-1")))
    with pytest.raises(ParameterError, match="are of one region, and there are 'a' in eu-west-1, 'b' in us-east-1"):
        byoe.sagemaker.deploy({"a": jobs[0], "b": other}, **ON)

    class Here:
        place = "local"

    with pytest.raises(ParameterError, match="are of jobs at one place, and some ran here, others on AWS"):
        byoe.sagemaker.deploy({"a": jobs[0], "b": Here()}, **ON)
    assert left(session) == []


def test_a_live_endpoint_is_left_as_it_is(jobs, pair, session):
    with byoe.sagemaker.deploy(jobs[0], name="churn", **ON):
        before = left(session)
        with pytest.raises(ParameterError, match="weights are of several variants"):
            byoe.sagemaker.deploy(jobs[0], weights={"current": 1}, name="churn", **ON)
        for given in ({"job": pair}, {"job": jobs[0], "shadow": jobs[1]}):
            with pytest.raises(ParameterError, match="'churn' already, and variants are made with their endpoint"):
                byoe.sagemaker.deploy(**given, name="churn", **ON)
        assert left(session) == before
