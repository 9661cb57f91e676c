"""What callers and roles have to be allowed: one table, that policies are printed from and the doctor asks about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PARTS = ("train", "endpoints", "predict", "registry", "pipelines", "scaling", "doctor")
SERVICE = "sagemaker.amazonaws.com"
_SCALER = "sagemaker.application-autoscaling.amazonaws.com"
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}


class Right(NamedTuple):
    """An action that has to be allowed.

    Attributes
    ----------
    action : str
        As policies name it, which S3 and others name otherwise than their operations.
    purpose : str
        What needs it, said as what it does.
    kinds : tuple of str
        What it is done to; all of them have to be allowed.
    parts : tuple of str
        What of byoe does it; of a role nothing, since all of its work is alike.
    needed_for : str
        What alone needs it, where most can go without.
    """

    action: str
    purpose: str
    kinds: tuple[str, ...]
    parts: tuple[str, ...] = ()
    needed_for: str = ""


class Form(NamedTuple):
    """What the things of a kind are called.

    Attributes
    ----------
    sid : str
        Of the statement, which may be about several kinds.
    resource : str
        With the names of `Scope` in braces.
    condition : mapping of str to mapping of str to str
        Operators, and what they compare with what.
    """

    sid: str
    resource: str
    condition: Mapping[str, Mapping[str, str]] = {}


_SAGEMAKER = "arn:{partition}:sagemaker:{region}:{account}:"
_ALARM = "arn:{partition}:cloudwatch:{region}:{account}:alarm:"
_IMAGES = "arn:{partition}:ecr:{region}:*:repository/*"
FORMS = {
    "job": Form("Jobs", _SAGEMAKER + "training-job/{names}*"),
    "tuning job": Form("Jobs", _SAGEMAKER + "hyper-parameter-tuning-job/{names}*"),
    "model": Form("Models", _SAGEMAKER + "model/{names}*"),
    "transform job": Form("Models", _SAGEMAKER + "transform-job/{names}*"),
    "endpoint": Form("Endpoints", _SAGEMAKER + "endpoint/{names}*"),
    "endpoint configuration": Form("Endpoints", _SAGEMAKER + "endpoint-config/{names}*"),
    "package group": Form("Registry", _SAGEMAKER + "model-package-group/{groups}*"),
    "package": Form("Registry", _SAGEMAKER + "model-package/{groups}*"),
    "versions": Form("Versions", "*"),
    "pipeline": Form("Pipelines", _SAGEMAKER + "pipeline/{names}*"),
    "execution": Form("Pipelines", _SAGEMAKER + "pipeline/{names}*/execution/*"),
    "job of a pipeline": Form("StepsOfPipelines", _SAGEMAKER + "training-job/pipelines-*"),
    # Whose names begin with those of their tuning jobs, and these with the execution's.
    "any job": Form("TrialsOfPipelines", _SAGEMAKER + "training-job/*"),
    "tuning job of a pipeline": Form("TuningOfPipelines", _SAGEMAKER + "hyper-parameter-tuning-job/*"),
    "file": Form("Files", "arn:{partition}:s3:::{bucket}/{below}*"),
    "bucket": Form("Bucket", "arn:{partition}:s3:::{bucket}"),
    "log": Form("Logs", "arn:{partition}:logs:{region}:{account}:log-group:/aws/sagemaker/*"),
    "role": Form("RoleByName", "{role}"),
    "passed role": Form("GiveTheRole", "{role}", {"StringEquals": {"iam:PassedToService": SERVICE}}),
    "scalable target": Form(
        "Bounds", "*", {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}
    ),
    "any bounds": Form("LookAtBounds", "*"),
    "alarm": Form("FirstRequest", _ALARM + "{names}*"),
    "own alarm": Form("OwnAlarms", _ALARM + "{names}*"),
    # Composite alarms are told only to those who may look at all.
    "watched alarm": Form("RolloutAlarms", "*"),
    "alarm of the scaler": Form("ScalerWatches", _ALARM + "TargetTracking-endpoint/{names}*"),
    "any alarm": Form("ScalerLooks", _ALARM + "*"),
    "scaled endpoint": Form("ScalerActsForYou", _SAGEMAKER + "endpoint/{names}*"),
    "role of the scaler": Form(
        "OnceInAnAccount",
        f"arn:{{partition}}:iam::*:role/aws-service-role/{_SCALER}/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        {"StringLike": {"iam:AWSServiceName": _SCALER}},
    ),
    "any user": Form("Simulate", "arn:{partition}:iam::{account}:user/*"),
    "any role": Form("Simulate", "arn:{partition}:iam::{account}:role/*"),
    "quota": Form("Quotas", "*"),
    "image": Form("Images", _IMAGES),
    "sign-in": Form("SignIn", "*"),
    "tiny file": Form("TinyFile", "arn:{partition}:s3:::{bucket}/{below}doctor-*"),
    "metric": Form("Metrics", "*"),
}
_TAGS = "to set tags"
_BOUNDS_AGAIN, _RETYPED = "to set the bounds again where the type of instances changes", "another type of instances"
_IN_YOUR_NAME = "for the scaler, which acts in your name"
_T, _E, _R, _P, _S, _D = ("train",), ("endpoints",), ("registry",), ("pipelines",), ("scaling",), ("doctor",)
_BOTH, _JOBS, _ASKS = ("train", "endpoints"), ("train", "endpoints", "registry"), ("endpoints", "predict")
_LOGS, _GROUPS, _STARTS = (*_JOBS, "pipelines"), ("registry", "pipelines"), (*_BOTH, "pipelines")
_FILES, _MAKES = (*_LOGS, "predict"), ("train", "pipelines")
_OF_PIPELINES = ("job of a pipeline", "tuning job of a pipeline")
CALLER = (
    Right("sagemaker:CreateTrainingJob", "to start a job", ("job",), _T),
    Right("sagemaker:DescribeTrainingJob", "to see how a job is doing", ("job",), _JOBS),
    Right("sagemaker:StopTrainingJob", "to stop a job", ("job",), _T),
    Right("sagemaker:CreateHyperParameterTuningJob", "to start a tuning job", ("tuning job",), _T),
    Right("sagemaker:DescribeHyperParameterTuningJob", "to see how a tuning job is doing", ("tuning job",), _JOBS),
    Right("sagemaker:ListTrainingJobsForHyperParameterTuningJob", "to see its trials", ("tuning job",), _JOBS),
    Right("sagemaker:StopHyperParameterTuningJob", "to stop a tuning job", ("tuning job",), _T),
    Right("sagemaker:AddTags", _TAGS, ("job", "tuning job"), _T, "tags"),
    Right("sagemaker:CreateModel", "to serve a model", ("model",), _E),
    Right("sagemaker:DescribeModel", "to update what serves it", ("model",), _E),
    Right("sagemaker:DeleteModel", "to remove a model", ("model",), _E),
    Right("sagemaker:ListTags", "to keep the tags in an update", ("model",), _E),
    Right("sagemaker:CreateTransformJob", "to start a transform job", ("transform job",), _E),
    Right("sagemaker:DescribeTransformJob", "to see how a transform job is doing", ("transform job",), _E),
    Right("sagemaker:StopTransformJob", "to stop a transform job", ("transform job",), _E),
    Right("sagemaker:AddTags", _TAGS, ("model", "transform job"), _E, "tags"),
    Right("sagemaker:CreateEndpointConfig", "to serve a model", ("endpoint configuration",), _E),
    Right("sagemaker:DescribeEndpointConfig", "to see what an endpoint serves", ("endpoint configuration",), _ASKS),
    Right("sagemaker:DeleteEndpointConfig", "to remove an endpoint", ("endpoint configuration",), _E),
    Right("sagemaker:CreateEndpoint", "to make an endpoint", ("endpoint", "endpoint configuration"), _E),
    Right("sagemaker:DescribeEndpoint", "to see how an endpoint is doing", ("endpoint",), _ASKS),
    Right("sagemaker:UpdateEndpoint", "to exchange its model", ("endpoint", "endpoint configuration"), _E),
    Right("cloudwatch:DescribeAlarms", "to see alarms", ("watched alarm",), _E, "alarms"),
    Right("cloudwatch:PutMetricAlarm", "to set alarms", ("own alarm",), _E, "alarms"),
    Right("cloudwatch:DeleteAlarms", "to remove them", ("own alarm",), _E, "alarms"),
    Right("sagemaker:UpdateEndpointWeightsAndCapacities", "to shift weights", ("endpoint",), _E, "several variants"),
    Right("sagemaker:DeleteEndpoint", "to remove an endpoint", ("endpoint",), _E),
    Right("sagemaker:InvokeEndpoint", "to ask an endpoint", ("endpoint",), _ASKS),
    Right("sagemaker:InvokeEndpointAsync", "to ask it by files", ("endpoint",), _ASKS, "asynchronous endpoints"),
    Right("sagemaker:AddTags", _TAGS, ("endpoint", "endpoint configuration"), _E, "tags"),
    Right("sagemaker:CreateModelPackageGroup", "to make a group of versions", ("package group",), _GROUPS),
    Right("sagemaker:DescribeModelPackageGroup", "to see a group", ("package group",), _GROUPS),
    Right("sagemaker:DeleteModelPackageGroup", "to remove a group", ("package group",), _R),
    Right("sagemaker:CreateModelPackage", "to register a version", ("package", "package group"), _R),
    Right("sagemaker:DescribeModelPackage", "to deploy a version", ("package",), _GROUPS),
    Right("sagemaker:UpdateModelPackage", "to approve a version", ("package",), _R),
    Right("sagemaker:DeleteModelPackage", "to remove a version", ("package",), _R),
    Right("sagemaker:ListModelPackages", "to see the versions of a group", ("versions",), _R),
    Right("sagemaker:CreatePipeline", "to make a pipeline", ("pipeline",), _P),
    Right("sagemaker:UpdatePipeline", "to give it another definition", ("pipeline",), _P),
    Right("sagemaker:DescribePipeline", "to see a pipeline", ("pipeline",), _P),
    Right("sagemaker:DeletePipeline", "to remove a pipeline", ("pipeline",), _P),
    Right("sagemaker:StartPipelineExecution", "to start it", ("pipeline",), _P),
    Right("sagemaker:ListPipelineExecutions", "to see its executions", ("pipeline",), _P),
    Right("sagemaker:DescribePipelineExecution", "to see how an execution is doing", ("execution",), _P),
    Right("sagemaker:ListPipelineExecutionSteps", "to see its steps", ("execution",), _P),
    Right("sagemaker:StopPipelineExecution", "to stop it", ("execution",), _P),
    Right("sagemaker:AddTags", _TAGS, ("pipeline",), _P, "tags"),
    Right("sagemaker:DescribeTrainingJob", "to see its jobs and trials", ("any job",), _P),
    Right("sagemaker:DescribeHyperParameterTuningJob", "to see its jobs", ("tuning job of a pipeline",), _P),
    Right(
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob", "to see its trials", ("tuning job of a pipeline",), _P
    ),
    Right("s3:GetObject", "to read models and predictions, and to see what is uploaded", ("file",), _FILES),
    Right("s3:PutObject", "to upload data and code", ("file",), _FILES),
    Right("s3:AbortMultipartUpload", "to leave nothing of a large upload that has failed", ("file",), _FILES),
    Right("s3:ListBucket", "to see whether a file or the bucket is there", ("bucket",), (*_FILES, "doctor")),
    Right("s3:CreateBucket", "to make SageMaker's usual bucket", ("bucket",), _MAKES, "the first job of an account"),
    Right("logs:FilterLogEvents", "to read logs", ("log",), _LOGS),
    Right("iam:GetRole", "to find a role by its name", ("role",), _STARTS, "roles by their names"),
    Right("iam:PassRole", "to give jobs and endpoints their role", ("passed role",), _STARTS),
    Right("application-autoscaling:RegisterScalableTarget", "to bound instances", ("scalable target",), _S),
    Right("application-autoscaling:PutScalingPolicy", "to say when to add some", ("scalable target",), _S),
    Right("application-autoscaling:DeregisterScalableTarget", "to end that", ("scalable target",), _S),
    Right("application-autoscaling:DescribeScalableTargets", _BOUNDS_AGAIN, ("any bounds",), _S, _RETYPED),
    Right("application-autoscaling:DescribeScalingPolicies", _BOUNDS_AGAIN, ("any bounds",), _S, _RETYPED),
    Right("application-autoscaling:DescribeScheduledActions", _BOUNDS_AGAIN, ("any bounds",), _S, _RETYPED),
    Right("application-autoscaling:PutScheduledAction", _BOUNDS_AGAIN, ("scalable target",), _S, _RETYPED),
    Right("cloudwatch:PutMetricAlarm", "to start an instance for the first request", ("alarm",), _S),
    Right("cloudwatch:DeleteAlarms", "to end that", ("alarm",), _S),
    Right("cloudwatch:PutMetricAlarm", _IN_YOUR_NAME, ("alarm of the scaler",), _S),
    Right("cloudwatch:DeleteAlarms", _IN_YOUR_NAME, ("alarm of the scaler",), _S),
    Right("cloudwatch:DescribeAlarms", _IN_YOUR_NAME, ("any alarm",), _S),
    Right("sagemaker:UpdateEndpointWeightsAndCapacities", _IN_YOUR_NAME, ("scaled endpoint",), _S),
    Right(
        "iam:CreateServiceLinkedRole", "to make the scaler's role", ("role of the scaler",), _S, "the first that scales"
    ),
    Right("iam:SimulatePrincipalPolicy", "to ask what is allowed", ("any user", "any role"), _D),
    Right("iam:GetRole", "to look at roles", ("any role",), _D),
    Right("servicequotas:ListServiceQuotas", "to see quotas", ("quota",), _D),
    Right("servicequotas:ListAWSDefaultServiceQuotas", "to see those that nobody changed", ("quota",), _D),
    Right("ecr:BatchGetImage", "to see whether an image is there", ("image",), _D),
    Right("s3:PutObject", "to try it, if that is asked for", ("tiny file",), _D),
    Right("s3:DeleteObject", "to remove what was tried", ("tiny file",), _D),
)
# What the platform does in the name of a role; the code in its containers calls nothing but a tracking server.
ROLE = (
    Right("s3:GetObject", "to bring data and models", ("file",)),
    Right("s3:PutObject", "to keep models and predictions", ("file",)),
    Right("s3:ListBucket", "to see which files there are", ("bucket",)),
    Right("ecr:GetAuthorizationToken", "to fetch containers", ("sign-in",)),
    Right("ecr:BatchCheckLayerAvailability", "to fetch containers", ("image",)),
    Right("ecr:GetDownloadUrlForLayer", "to fetch containers", ("image",)),
    Right("ecr:BatchGetImage", "to fetch containers", ("image",)),
    Right("logs:CreateLogGroup", "to write logs", ("log",)),
    Right("logs:CreateLogStream", "to write logs", ("log",)),
    Right("logs:DescribeLogStreams", "to write logs", ("log",)),
    Right("logs:PutLogEvents", "to write logs", ("log",)),
    Right("cloudwatch:PutMetricData", "to write metrics", ("metric",)),
    Right("cloudwatch:DescribeAlarms", "to watch alarms", ("watched alarm",), needed_for="alarms of rollouts"),
)
# What it does besides, in the name of the role of a pipeline: each step is a request of its own.
PIPELINE_ROLE = (
    Right("sagemaker:CreateTrainingJob", "to start jobs", _OF_PIPELINES[:1]),
    Right("sagemaker:DescribeTrainingJob", "to wait for jobs", _OF_PIPELINES[:1]),
    Right("sagemaker:StopTrainingJob", "to stop jobs", _OF_PIPELINES[:1]),
    Right("sagemaker:CreateHyperParameterTuningJob", "to start tuning jobs", _OF_PIPELINES[1:]),
    Right("sagemaker:DescribeHyperParameterTuningJob", "to wait for tuning jobs", _OF_PIPELINES[1:]),
    Right("sagemaker:ListTrainingJobsForHyperParameterTuningJob", "to find the best trial", _OF_PIPELINES[1:]),
    Right("sagemaker:StopHyperParameterTuningJob", "to stop tuning jobs", _OF_PIPELINES[1:]),
    Right("sagemaker:AddTags", "to tag what steps make with the pipeline", (*_OF_PIPELINES, "package")),
    Right("sagemaker:CreateModelPackage", "to register versions", ("package", "package group")),
    Right("sagemaker:DescribeModelPackage", "to see that they are there", ("package",)),
    Right("sagemaker:DescribeModelPackageGroup", "to find their group", ("package group",)),
    Right("iam:PassRole", "to give jobs the role", ("passed role",)),
)


@dataclass(frozen=True)
class Scope:
    """What the ARNs of policies name.

    Attributes
    ----------
    region, account, bucket : str
    prefix : str
        Of files in the bucket, without slashes around it.
    role : str
        ARN of the role of jobs and endpoints.
    names : str
        What the names of jobs, models and endpoints begin with.
    groups : str
        What those of groups in the model registry begin with.
    """

    region: str
    account: str
    bucket: str
    prefix: str
    role: str
    names: str
    groups: str
    partition: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "partition", partition_of(self.region))

    def resource(self, kind: str) -> str:
        """Return the ARN of things of a kind."""
        words = {name: getattr(self, name) for name in ("partition", "region", "account", "bucket", "role")}
        below = f"{self.prefix}/" if self.prefix else ""
        cased = str if FORMS[kind].resource.startswith(_ALARM) else str.lower  # which SageMaker's ARNs are
        begins = {"names": cased(self.names), "groups": cased(self.groups)}
        return FORMS[kind].resource.format(**words, **begins, below=below)


def partition_of(region: str) -> str:
    """Return the partition of AWS that a region is in.

    Examples
    --------
    >>> partition_of("cn-north-1"), partition_of("eu-west-1")
    ('aws-cn', 'aws')
    """
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def rights_of(parts: Iterable[str]) -> list[Right]:
    """Return what a caller of some parts has to be allowed."""
    wanted = set(parts)
    return [right for right in CALLER if wanted & set(right.parts)]


def policy_of(rights: Iterable[Right], scope: Scope) -> dict[str, Any]:
    """Return a policy with a statement for the kinds of things that belong together."""
    actions: dict[str, dict[str, None]] = {}
    kinds: dict[str, dict[str, None]] = {}
    for right in rights:
        for kind in right.kinds:
            sid = FORMS[kind].sid
            actions.setdefault(sid, {})[right.action] = None
            kinds.setdefault(sid, {})[kind] = None
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(sid, list(actions[sid]), list(kinds[sid]), scope) for sid in actions],
    }


def _statement(sid: str, actions: list[str], kinds: list[str], scope: Scope) -> dict[str, Any]:
    condition = FORMS[kinds[0]].condition
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": _one(actions),
        "Resource": _one([scope.resource(kind) for kind in kinds]),
        **({"Condition": {operator: dict(pairs) for operator, pairs in condition.items()}} if condition else {}),
    }


def _one(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts


def trust_policy() -> dict[str, Any]:
    """Return the policy that says who may take a role on."""
    statement = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}
