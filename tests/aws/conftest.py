import copy
import io
import json
import tarfile
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import moto
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from tests.aws.account import REGISTRY, Account
from tests.aws.pipelines import OPERATIONS as OF_PIPELINES
from tests.aws.pipelines import Pipelines
from tests.aws.policies import REGION, Recorder
from tests.aws.registry import METRICS, OPERATIONS, RefusedError, Registry
from tests.aws.service_model import faults
from tests.aws.test_endpoints import MACHINE

from byoe import EnsembleRegressor
from byoe.sagemaker import policy
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._job import Job
from byoe.sagemaker.aws._machine import Channel
from byoe.sagemaker.aws._requests import training_request
from byoe.sagemaker.shared._metric_lines import metric_definitions, metric_line

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
def uploaded(session):
    """The keys of what was uploaded."""
    found = []
    for name in ("PutObject", "CreateMultipartUpload"):
        session.events.register(f"provide-client-params.s3.{name}", lambda params, **_: found.append(params["Key"]))
    return found


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


class Results:
    """What the jobs of a stand-in for pipelines come to, which moto runs not at all.

    Attributes
    ----------
    metrics : dict
        Of each training job.
    failure : str
        Why jobs fail; empty where they do not.
    tuned : dict
        Of the best trial of a tuning job, whose objective is the first of the metrics.
    """

    def __init__(self):
        self.metrics, self.failure, self.tuned = {"validation:rmse": 54.25, "validation:r2": 0.5}, "", {}

    def of_job(self, parsed, **_):
        """Put them into what moto tells of a training job."""
        if "TrainingJobName" in parsed:
            parsed["FinalMetricDataList"] = [
                {"MetricName": name, "Value": value} for name, value in self.metrics.items()
            ]
            parsed |= {"TrainingJobStatus": "Failed", "FailureReason": self.failure} if self.failure else {}

    def of_tuning(self, name):
        best, where = f"{name}-001", "arn:aws:sagemaker:eu-west-1:123456789012"
        objective, value = next(iter(self.metrics.items()))
        return {
            "HyperParameterTuningJobStatus": "Completed",
            "HyperParameterTuningJobName": name,
            "HyperParameterTuningJobArn": f"{where}:hyper-parameter-tuning-job/{name}",
            "BestTrainingJob": {
                "TrainingJobName": best,
                "TrainingJobArn": f"{where}:training-job/{best}",
                "TrainingJobStatus": "Completed",
                "TunedHyperParameters": self.tuned,
                "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": objective, "Value": value},
            },
        }


@pytest.fixture
def results(session, monkeypatch):
    made = Results()
    session.events.register("after-call.sagemaker.DescribeTrainingJob", made.of_job)
    monkeypatch.setattr(Job, "log", "")
    return made


@pytest.fixture
def pipelines(session, aws, results):
    """SageMaker Pipelines, which moto has without their steps; each step's request is carried out by moto."""

    def call(operation, request):
        answer = getattr(session.client("sagemaker"), xform_name(operation))
        if operation == "DescribeHyperParameterTuningJob":
            return results.of_tuning(request["HyperParameterTuningJobName"])
        return answer(**request)

    made = Pipelines(call, "arn:aws:sagemaker:eu-west-1:123456789012")

    def find(params, **_):
        params |= {key: made.names.get(name, name) for key, name in params.items()}

    for kind in ("TrainingJob", "HyperParameterTuningJob"):
        session.events.register(f"provide-client-params.sagemaker.Describe{kind}", find)

    def give(params, model, **_):
        try:
            told = made.call(model.name, json.loads(params["body"]))
        except RefusedError as error:
            return SimpleNamespace(status_code=400), {"Error": {"Code": error.code, "Message": str(error)}}
        return SimpleNamespace(status_code=200), _with_times(copy.deepcopy(told))

    for operation in OF_PIPELINES:
        session.events.register(f"before-call.sagemaker.{operation}", give)
    return made


@pytest.fixture(scope="module")
def fitted(diabetes_frame):
    X = diabetes_frame.drop(columns="target")
    return EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, diabetes_frame["target"])


@pytest.fixture(scope="module")
def bundle(fitted, tmp_path_factory):
    return fitted.save(tmp_path_factory.mktemp("registry") / "model")


@pytest.fixture(scope="module")
def artifact(bundle):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(bundle, ".")
    return packed.getvalue()


@pytest.fixture
def aws(session, registry, monkeypatch):
    """What a fresh process would find."""
    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    monkeypatch.setattr(Cloud, "image", lambda self: MACHINE.image)
    session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")


@pytest.fixture
def run_job(aws, cloud, bucket, session, artifact, monkeypatch):
    """Return a completed job, whose artifact and log are there."""
    logs, describe = {}, Job.describe

    def described(self):
        found = describe(self)
        found["AlgorithmSpecification"]["MetricDefinitions"] = metric_definitions(METRICS)  # moto has some of its own
        return found

    monkeypatch.setattr(Job, "describe", described)
    monkeypatch.setattr(Job, "log", property(lambda self: logs[self.name]))

    def run(name="byoe-1", packed=artifact, metrics=METRICS, channels=("train",), instance_type="ml.m5.xlarge"):
        machine = type(MACHINE)(MACHINE.image, MACHINE.role, instance_type=instance_type)
        request = training_request(
            name,
            machine,
            source=f"{bucket}/code/source.tar.gz",
            hyperparameters={},
            channels={channel: Channel(f"{bucket}/data/{channel}/") for channel in channels},
            output=f"{bucket}/output",
            metrics=metric_definitions(METRICS),
        )
        cloud.call("sagemaker", "create_training_job", **request)
        job = Job(name, cloud)
        where, key = split(job.artifact)
        session.client("s3").put_object(Bucket=where, Key=key, Body=packed)
        logs[name] = "\n".join(metric_line(*metric) for metric in metrics.items())
        return job

    return run


@pytest.fixture
def job(run_job):
    return run_job()


@pytest.fixture
def completed_job(cloud, bucket, monkeypatch):
    """A job that has made a model, of which nothing is there."""
    described = {
        "TrainingJobStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": f"{MACHINE.image}.1"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/new/model.tar.gz"},
        "RoleArn": MACHINE.role,
    }
    monkeypatch.setattr(Job, "describe", lambda self: described)
    return Job("byoe-2", cloud)


@pytest.fixture
def updated(cloud, asked, monkeypatch):
    """The configurations that endpoints were given."""
    call, found = cloud.call, {}

    def answer(service, operation, **request):
        if operation == "update_endpoint":
            assert faults("UpdateEndpoint", request) == []
            found[request["EndpointName"]] = request["EndpointConfigName"]
            found["retained"] = request.get("RetainAllVariantProperties", False)
            found["deployment"] = request.get("DeploymentConfig")
            found["excluded"] = request.get("ExcludeRetainedVariantProperties")
            return {}
        told = call(service, operation, **request)
        if operation == "describe_model":  # moto leaves it out
            (made,) = (one for name, one in asked if name == "CreateModel" and one["ModelName"] == request["ModelName"])
            told["EnableNetworkIsolation"] = made.get("EnableNetworkIsolation", False)
        if operation == "describe_endpoint" and request["EndpointName"] in found:
            told["EndpointConfigName"] = found[request["EndpointName"]]
        return told

    monkeypatch.setattr(cloud, "call", answer)
    return found


@pytest.fixture
def account(session, monkeypatch):
    """An account in which all is well."""
    monkeypatch.setattr(Cloud, "image", lambda self: f"{REGISTRY}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3")  # fmt: skip
    return Account(session)


def _with_times(told):
    """Return an answer as botocore reads it."""
    if isinstance(told, list):
        return [_with_times(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {
        key: datetime.fromtimestamp(value, UTC)
        if key in ("CreationTime", "StartTime", "EndTime")
        else _with_times(value)
        for key, value in told.items()
    }
