"""The words of the service's own SDK, by its real classes: sessions, parameters and resources."""

import boto3
import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import ParamValidationError
from pydantic import ValidationError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.resources import Endpoint as EndpointResource
from sagemaker.core.resources import (
    EndpointConfig,
    HyperParameterTuningJob,
    ModelPackage,
    ModelPackageGroup,
    Pipeline,
    PipelineExecution,
    TrainingJob,
    TransformJob,
)
from sagemaker.core.shapes import ProductionVariant, ProductionVariantServerlessConfig
from sagemaker.core.workflow.pipeline_context import PipelineSession
from tests.aws.asked import only
from tests.aws.test_endpoints import MACHINE

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker import Endpoint, Job, Package, PackageGroup, Transform, Tuning, attach
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._creation import create_endpoint
from byoe.sagemaker.aws._machine import Serverless, Variant
from byoe.sagemaker.aws._transform import create_transform
from byoe.sagemaker.shared._ranges import read_space

ROLE = "arn:aws:iam::123456789012:role/byoe"
ON = {"instance_type": "ml.m5.xlarge", "role": ROLE, "image": MACHINE.image, "wait": False}


@pytest.fixture
def table(rng):
    X = rng.normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


def fit(table, **given):
    return byoe.sagemaker.fit(EnsembleRegressor(("ridge",), random_state=0), table, target="y", **{**ON, **given})


def tune(table, space, **given):
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    return byoe.sagemaker.tune(ensemble, space, table, target="y", **{**ON, "max_jobs": 2, **given})


@pytest.fixture
def sdk(session, asked):
    return Session(boto_session=session, default_bucket="team-bucket", default_bucket_prefix="churn/2026")


# Sessions.


def test_the_session_of_the_sdk_is_that_around_which_it_is_made(table, sdk, asked, uploaded):
    job = fit(table, session=sdk)
    request = only(asked, "CreateTrainingJob")
    assert request["OutputDataConfig"]["S3OutputPath"] == "s3://team-bucket/churn/2026/byoe/output"
    assert {key.split("/byoe/")[0] for key in uploaded} == {"churn/2026"}
    assert attach(job.name, session=sdk).status == "Completed"


def test_without_a_bucket_of_its_own_it_has_the_usual_one(session, asked):
    cloud = Cloud(Session(boto_session=session))
    assert cloud.home == "s3://sagemaker-eu-west-1-123456789012"
    assert Cloud(Session(boto_session=session, default_bucket_prefix="/me/")).home == f"{cloud.home}/me"


def test_its_bucket_may_come_from_the_sdk_s_defaults_file(session, monkeypatch, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(
        "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      Session:\n        DefaultS3Bucket: ours\n"
    )
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(file))
    assert Cloud(Session(boto_session=session)).home == "s3://ours"
    assert Cloud(session).home == "s3://sagemaker-eu-west-1-123456789012"


def test_an_output_counts_more_than_the_session(table, sdk, asked, bucket):
    fit(table, session=sdk, output=bucket)
    assert only(asked, "CreateTrainingJob")["OutputDataConfig"]["S3OutputPath"] == f"{bucket}/output"


def test_the_doctor_looks_at_the_bucket_of_the_session(account, sdk):
    from tests.aws.account import only as of

    assert "'team-bucket'" in of(account.look(session=sdk), "bucket").told


def test_the_addresses_of_its_clients_are_used(session):
    address = "https://vpce-1.api.sagemaker.eu-west-1.vpce.amazonaws.com"
    cloud = Cloud(Session(session, sagemaker_client=session.client("sagemaker", endpoint_url=address)))
    assert cloud._client("sagemaker").meta.endpoint_url == address
    assert cloud._client("s3").meta.endpoint_url != address
    assert Cloud(session)._client("sagemaker").meta.endpoint_url == "https://api.sagemaker.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda session: "work", "session is 'work', expected a boto3.Session, or the SDK's Session .*profile="),
        (lambda session: session.client("sagemaker"), "session is <botocore.*>, expected a boto3.Session"),
        (lambda session: boto3.Session, None),
        (lambda session: {"region": "eu-west-1"}, "expected a boto3.Session"),
        (LocalSession, "session is the SDK's LocalSession, which runs containers .* instance_type='local'"),
        (PipelineSession, "session is the SDK's PipelineSession, which starts nothing"),
    ],
)
def test_what_is_no_session_is_told(session, make, message):
    with pytest.raises(ParameterError, match=message or "session is <class .*expected a boto3.Session"):
        Cloud(make(session))


def test_a_session_excludes_a_region(sdk):
    with pytest.raises(ParameterError, match="session has a region and credentials of its own"):
        attach("byoe-1", session=sdk, region="eu-west-1")


# Parameters.


def test_a_space_of_the_sdk_is_sent_as_the_sdk_sends_it(table, session, asked):
    space = {
        "eta": ContinuousParameter(0.01, 0.3, scaling_type="Logarithmic"),
        "xgboost__max_depth": IntegerParameter(2, 8),
        "xgboost__subsample": ContinuousParameter(0.5, 0.99, scaling_type="ReverseLogarithmic"),
        "xgboost__reg_lambda": ContinuousParameter(1, 4, scaling_type="Linear"),
    }
    tune(table, space, session=session)
    sent = only(asked, "CreateHyperParameterTuningJob")["HyperParameterTuningJobConfig"]["ParameterRanges"]
    of = {entry["Name"]: (kind, entry) for kind, entries in sent.items() for entry in entries}
    for name, parameter in space.items():
        kind, entry = of[name]
        assert kind == f"{parameter.__name__}ParameterRanges"
        expected = parameter.as_tuning_range(name)
        assert {word: entry[word] for word in ("Name", "ScalingType")} == {word: expected[word] for word in ("Name", "ScalingType")}  # fmt: skip
        assert [float(entry[word]) for word in ("MinValue", "MaxValue")] == [float(expected[word]) for word in ("MinValue", "MaxValue")]  # fmt: skip


def test_choices_get_their_types_back(table, session, asked):
    """The SDK makes texts of them all, which would be no depth and no switch."""
    values = {"xgboost__max_depth": [2, 3], "calibrate": [True, False], "blender": ["mean", "weighted"], "xgboost__eta": [0.1, 1e-05]}  # fmt: skip
    assert CategoricalParameter([2]).values == ["2"]
    assert read_space({name: CategoricalParameter(one) for name, one in values.items()}) == values
    assert read_space({"a": CategoricalParameter([None, "None of it", "1.2.3"])})["a"] == [None, "None of it", "1.2.3"]
    tune(table, {"xgboost__max_depth": CategoricalParameter([2, 3])}, session=session)
    sent = only(asked, "CreateHyperParameterTuningJob")["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert sent["CategoricalParameterRanges"] == [{"Name": "xgboost__max_depth", "Values": ["2", "3"]}]


def test_both_kinds_of_words_in_one_space():
    space = {"a": (1, 2), "b": IntegerParameter(1, 2, "Linear"), "c": [1], "d": ContinuousParameter(1, 2, "Linear")}
    assert read_space(space) == {"a": (1, 2), "b": (1, 2), "c": [1], "d": (1.0, 2.0)}
    assert isinstance(read_space(space)["d"][0], float)
    assert read_space(None) is None


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (IntegerParameter(0.5, 2), r"space\['a'\] is IntegerParameter with the bound 0.5; expected integers"),
        (ContinuousParameter("1", 2), r"space\['a'\] is ContinuousParameter with the bound '1'; expected numbers"),
        (ContinuousParameter(0, 1, "Log"), "scaling_type 'Log', expected 'Auto', 'Linear', 'Logarithmic' or"),
        (ContinuousParameter(0, 1, "ReverseLogarithmic"), "ranges from 0 to less than 1"),
        (IntegerParameter(1, 2, "ReverseLogarithmic"), "ranges from 0 to less than 1"),
    ],
)
def test_what_a_parameter_cannot_be_is_told(parameter, message):
    with pytest.raises(ParameterError, match=message):
        read_space({"a": parameter})


def test_what_byoe_refuses_of_a_range_it_refuses_of_the_sdk_s(table, session):
    with pytest.raises(ParameterError, match=r"space\['eta'\] is \(0.0, 0.3, 'log'\)"):
        tune(table, {"eta": ContinuousParameter(0, 0.3, "Logarithmic")}, session=session)
    with pytest.raises(ParameterError, match="a grid takes lists"):
        tune(table, {"eta": ContinuousParameter(0.1, 0.3)}, session=session, strategy="Grid")


def test_on_this_machine_too(table, tmp_path):
    ensemble = EnsembleRegressor(("ridge",), "mean", random_state=0)
    here = {"target": "y", "max_jobs": 2, "output": tmp_path, "wait": True}
    space = {"ridge__alpha": ContinuousParameter(0.1, 10, "Logarithmic")}
    tuning = byoe.sagemaker.tune(ensemble, space, table, **here)
    assert all(0.1 <= row["params"]["ridge__alpha"] <= 10 for row in tuning.trials)
    with pytest.raises(ParameterError, match="'ReverseLogarithmic', which the service alone has"):
        byoe.sagemaker.tune(ensemble, {"ridge__alpha": ContinuousParameter(0.1, 0.9, "ReverseLogarithmic")}, table, **here)  # fmt: skip


# Resources.


@pytest.fixture
def plain_answers(session):
    """Moto answers with empty structures, which the service leaves out and the SDK does not take."""
    session.events.register("after-call.sagemaker.*", lambda parsed, **_: _without_empty(parsed))


def _without_empty(answer):
    for name in [name for name, value in answer.items() if value in ({}, [], None)]:
        del answer[name]


@pytest.fixture
def handles(table, session, cloud, bucket, registry, run_job, plain_answers):
    """One of each kind that byoe has made, with the SDK's class for it and what has its name there."""
    job = run_job("byoe-1")
    tuning = tune(table, {"eta": (0.1, 0.3)}, session=session)
    endpoint = create_endpoint("byoe-2", cloud, [Variant(MACHINE, job.artifact)], Serverless())
    transform = create_transform("byoe-3", cloud, MACHINE, job.artifact, rows=f"{bucket}/rows/", content_type="text/csv", accept="text/csv", output=f"{bucket}/out", runtime="libraries", whole_files=True)  # fmt: skip
    package = job.register("churn", approve=True)
    group = PackageGroup("churn", cloud)
    return {
        Job: (job, TrainingJob, "training_job_name"),
        Tuning: (tuning, HyperParameterTuningJob, "hyper_parameter_tuning_job_name"),
        Endpoint: (endpoint, EndpointResource, "endpoint_name"),
        Transform: (transform, TransformJob, "transform_job_name"),
        Package: (package, ModelPackage, "model_package_arn"),
        PackageGroup: (group, ModelPackageGroup, "model_package_group_name"),
    }


def test_handles_give_resources_and_are_made_from_them(handles):
    for cls, (handle, resource_class, word) in handles.items():
        resource = handle.resource
        assert type(resource) is resource_class
        assert getattr(resource, word) == (handle.arn if cls is Package else handle.name)
        again = attach(resource)
        assert type(again) is cls
        assert again.name == handle.name


def test_so_do_a_pipeline_and_its_execution(table, session, pipelines, bucket, plain_answers, monkeypatch):
    on = {"instance_type": "ml.m5.xlarge", "role": "byoe", "session": session, "target": "y"}
    pipeline = byoe.sagemaker.pipeline("churn", EnsembleRegressor(("ridge",), random_state=0), table, **on)
    execution = pipeline.start()
    seen = []
    monkeypatch.setattr("byoe.sagemaker.aws._endpoint.exchange", lambda *given: seen.append(given[2].name))
    execution.wait()
    Endpoint("byoe-2", pipeline.cloud).update(execution.resource)
    assert seen == [execution.job.name]
    for handle, resource_class in ((pipeline, Pipeline), (execution, PipelineExecution)):
        resource = handle.resource
        assert type(resource) is resource_class
        again = attach(resource)
        assert (type(again), again.name, again.cloud.region) == (type(handle), handle.name, "eu-west-1")


@pytest.mark.parametrize("by", ["session", "region"])
def test_a_resource_keeps_its_session(table, session, by):
    """The SDK's own methods ask the region that the resource is of, and so does the handle that is made from it."""
    there = boto3.session.Session(region_name="us-east-1")
    job = fit(table, session=there)
    if by == "session":
        resource = TrainingJob.get(job.name, session=there)
    else:
        resource = TrainingJob(training_job_name=job.name)._set_client_context(region="us-east-1")
    assert attach(resource).cloud.region == "us-east-1"
    assert job.resource.refresh().training_job_status == "Completed"
    with pytest.raises(JobError, match="there is no job"):
        attach(resource, region="eu-west-1") if by == "region" else attach(TrainingJob(training_job_name=job.name))


def test_a_resource_of_another_region_is_told(handles, session):
    resource = handles[Job][0].resource
    with pytest.raises(ParameterError, match="is in eu-west-1, and the session in us-east-1; give region='eu-west-1'"):
        attach(resource, session=boto3.session.Session(region_name="us-east-1"))


def test_a_resource_that_was_never_asked_for_goes_by_its_name(handles):
    job = handles[Job][0]
    assert attach(TrainingJob(training_job_name=job.name)).name == job.name
    with pytest.raises(JobError, match="there is no job 'byoe-9'"):
        attach(TrainingJob(training_job_name="byoe-9"))
    with pytest.raises(ParameterError, match="kind is 'endpoint', and the resource is a job"):
        attach(job.resource, kind="endpoint")


def test_a_resource_is_served_and_predicts_as_its_handle(handles, asked):
    endpoint = byoe.sagemaker.deploy(handles[Job][0].resource)
    assert endpoint.status == "InService"
    asked.clear()
    byoe.sagemaker.transform(handles[Package][0].resource, np.ones((2, 2)), wait=False)
    assert only(asked, "CreateModel")["PrimaryContainer"]["ModelPackageName"] == handles[Package][0].arn


def test_a_resource_of_a_failed_job_serves_nothing(handles, cloud, session, monkeypatch, asked):
    job, call = handles[Job][0], Cloud.call
    resource = job.resource

    def failed(self, service, operation, **request):
        found = call(self, service, operation, **request)
        more = {"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: no column 'y'"}
        return found | more if operation == "describe_training_job" else found

    monkeypatch.setattr(Cloud, "call", failed)
    asked.clear()
    for use in (
        byoe.sagemaker.deploy,
        handles[Endpoint][0].update,
        lambda one: byoe.sagemaker.transform(one, np.ones((2, 2))),
    ):
        with pytest.raises(JobError, match="job byoe-1 has the status Failed: AlgorithmError: no column 'y'"):
            use(resource)
    assert attach(resource).failure == "AlgorithmError: no column 'y'"
    assert not [name for name, _ in asked if name.startswith(("Create", "Update"))]


def test_an_update_takes_a_resource(handles, monkeypatch):
    seen = []
    monkeypatch.setattr("byoe.sagemaker.aws._endpoint.exchange", lambda *given: seen.append(given[2].name))
    handles[Endpoint][0].update(handles[Job][0].resource)
    assert seen == ["byoe-1"]


def test_a_tuning_job_learns_from_a_resource(handles, table, session, asked):
    tuning = handles[Tuning][0]
    asked.clear()
    tune(table, {"eta": (0.1, 0.3)}, session=session, warm_start=tuning.resource)
    parents = only(asked, "CreateHyperParameterTuningJob")["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    assert parents == [{"HyperParameterTuningJobName": tuning.name}]


def test_a_pipeline_learns_from_a_resource_as_a_tuning_job_does(handles, table, session):
    tuning = handles[Tuning][0]

    def made(space):
        ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
        where = {name: ON[name] for name in ("instance_type", "role", "image")} | {"session": session}
        return byoe.sagemaker.pipeline("churn", ensemble, table, target="y", space=space, warm_start=tuning.resource, **where)  # fmt: skip

    (step,) = made({"eta": (0.1, 0.3)}).definition["Steps"]
    parents = step["Arguments"]["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    assert parents == [{"HyperParameterTuningJobName": tuning.name}]
    with pytest.raises(ParameterError, match="the service wants as many. One of them alone has max_depth"):
        made({"eta": (0.1, 0.3), "max_depth": (2, 8)})


@pytest.mark.parametrize("thing", [None, 3, ["byoe-1"], EndpointConfig(endpoint_config_name="byoe-1")])
def test_what_is_no_resource_is_told(aws, thing):
    with pytest.raises(ParameterError, match="expected a name, an ARN, or of the SDK's resources TrainingJob"):
        attach(thing)


# Why byoe sends requests of its own: docs/sdk.md tells these faults, and is to be changed when one is gone.


def test_the_sdk_makes_no_serverless_configuration(session):
    sizes = ProductionVariantServerlessConfig(memory_size_in_mb=3072, max_concurrency=5)
    variant = ProductionVariant(variant_name="AllTraffic", model_name="byoe-1", serverless_config=sizes)
    with pytest.raises(ParamValidationError, match='Unknown parameter in .*: "MemorySizeInMb"'):
        EndpointConfig.create("byoe-1", [variant], session=session, region="eu-west-1")


def test_the_sdk_leaves_parts_of_an_endpoint(handles, session):
    endpoint, client = handles[Endpoint][0], session.client("sagemaker")
    endpoint.resource.delete()
    assert endpoint.status == "Deleted"
    assert "byoe-2" in {one["ModelName"] for one in client.list_models()["Models"]}
    assert {one["EndpointConfigName"] for one in client.list_endpoint_configs()["EndpointConfigs"]} == {"byoe-2"}


def test_the_sdk_reads_no_empty_structure(session, cloud):
    create_endpoint("byoe-2", cloud, [Variant(MACHINE, "s3://bucket/model.tar.gz")], Serverless())
    session.events.register("after-call.sagemaker.*", lambda parsed, **_: parsed.update(DataCaptureConfig={}))
    with pytest.raises(ValidationError, match="data_capture_config"):
        EndpointResource.get("byoe-2", session=session, region="eu-west-1")
