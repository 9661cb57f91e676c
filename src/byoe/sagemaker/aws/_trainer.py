"""A request as the SDK's ``ModelTrainer`` or ``HyperparameterTuner``, which sends it when it is told to."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

from ...errors import MissingExtraError, ParameterError
from ._cloud import Cloud

_STARTS = frozenset({"create_training_job", "create_hyper_parameter_tuning_job"})
_SDK = "sagemaker>=3.27,<4"
# What the SDK's tuner leaves out of its request.
_LOST = {
    "isolated": ("EnableNetworkIsolation",),
    "encrypted": ("EnableInterContainerTrafficEncryption",),
    "volume_key": ("ResourceConfig", "VolumeKmsKeyId"),
}


class Planned(Cloud):
    """An account where all is prepared for a job that somebody else is to start: its request is kept instead.

    Attributes
    ----------
    request : dict
    """

    _PLANNED: ClassVar[bool] = True

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Call the service; what would start a job is kept."""
        if operation not in _STARTS:
            return super().call(service, operation, **request)
        self.request = request
        return {}


def trainer_of(cloud: Planned, base_job_name: str) -> Any:
    """Return the SDK's ``ModelTrainer`` for a planned training job."""
    return _trainer(cloud, base_job_name, cloud.request, cloud.request["HyperParameters"])


def tuner_of(cloud: Planned, base_tuning_job_name: str) -> Any:
    """Return the SDK's ``HyperparameterTuner`` for a planned tuning job.

    Raises
    ------
    ParameterError
        For what it would not send.
    """
    request = cloud.request
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    _check_sent(config, definition)
    shapes, limits = _module("sagemaker.core.shapes"), config["ResourceLimits"]
    tuned_by = config["HyperParameterTuningJobObjective"]
    static = definition["StaticHyperParameters"]
    autotune = "Autotune" in request
    more = {
        "warm_start_config": ("HyperParameterTuningJobWarmStartConfig", request.get("WarmStartConfig")),
        "strategy_config": ("HyperParameterTuningJobStrategyConfig", config.get("StrategyConfig")),
        "completion_criteria_config": ("TuningJobCompletionCriteria", config.get("TuningJobCompletionCriteria")),
    }
    return _module("sagemaker.train.tuner").HyperparameterTuner(
        _trainer(cloud, base_tuning_job_name, {**definition, "Tags": request.get("Tags", ())}, static),
        tuned_by["MetricName"],
        dict(_parameters(config["ParameterRanges"])),
        metric_definitions=definition["AlgorithmSpecification"]["MetricDefinitions"],
        strategy=config["Strategy"],
        objective_type=tuned_by["Type"],
        max_jobs=limits.get("MaxNumberOfTrainingJobs"),
        max_parallel_jobs=limits["MaxParallelTrainingJobs"],
        max_runtime_in_seconds=limits.get("MaxRuntimeInSeconds"),
        base_tuning_job_name=base_tuning_job_name,
        early_stopping_type=config.get("TrainingJobEarlyStoppingType"),
        random_seed=config.get("RandomSeed"),
        autotune=autotune,
        hyperparameters_to_keep_static=list(static) if autotune else None,
        **{word: getattr(shapes, name)(**_words(value)) for word, (name, value) in more.items() if value},
    )


def _trainer(cloud: Cloud, name: str, definition: Mapping[str, Any], hyperparameters: Mapping[str, str]) -> Any:
    configs, shapes = _module("sagemaker.core.training.configs"), _module("sagemaker.core.shapes")
    algorithm = definition["AlgorithmSpecification"]
    resources = _words(definition["ResourceConfig"])
    networking = configs.Networking(
        **_words(definition.get("VpcConfig", {})),
        enable_network_isolation=definition["EnableNetworkIsolation"],
        enable_inter_container_traffic_encryption=definition["EnableInterContainerTrafficEncryption"],
    )
    checkpoints = definition.get("CheckpointConfig")
    trainer = _module("sagemaker.train.model_trainer").ModelTrainer(
        sagemaker_session=cloud.sdk_session,
        base_job_name=name,
        training_image=algorithm["TrainingImage"],
        training_input_mode=algorithm["TrainingInputMode"],
        role=definition["RoleArn"],
        compute=configs.Compute(**resources, enable_managed_spot_training=definition["EnableManagedSpotTraining"]),
        networking=networking,
        stopping_condition=configs.StoppingCondition(**_words(definition["StoppingCondition"])),
        output_data_config=configs.OutputDataConfig(**_words(definition["OutputDataConfig"])),
        input_data_config=[shapes.Channel(**_words(channel)) for channel in definition["InputDataConfig"]],
        checkpoint_config=checkpoints and configs.CheckpointConfig(**_words(checkpoints)),
        environment=dict(definition["Environment"]),
        hyperparameters=dict(hyperparameters),
        tags=[shapes.Tag(**_words(tag)) for tag in definition.get("Tags", ())] or None,
    )
    metrics = [configs.MetricDefinition(**_words(metric)) for metric in algorithm["MetricDefinitions"]]
    return trainer.with_metric_definitions(metrics)


def _check_sent(config: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    for option, path in _LOST.items():
        value: Any = definition
        for word in path:
            value = value.get(word)
        if value:
            raise ParameterError(
                f"{option} is {value!r}, which the SDK's HyperparameterTuner leaves out of its request "
                f"({'.'.join(path)}); tune by byoe.sagemaker.tune, or leave it out"
            )
    if config.get("RandomSeed") == 0:
        raise ParameterError("seed is 0, which the SDK's HyperparameterTuner takes for none; give another one")


def _parameters(ranges: Mapping[str, Any]) -> Any:
    """Yield the SDK's parameters by their names."""
    parameter = _module("sagemaker.core.parameter")
    for kind, number in (("Continuous", float), ("Integer", int)):
        for one in ranges.get(f"{kind}ParameterRanges", ()):
            bounds = (number(one[word]) for word in ("MinValue", "MaxValue"))
            yield one["Name"], getattr(parameter, f"{kind}Parameter")(*bounds, scaling_type=one["ScalingType"])
    for one in ranges.get("CategoricalParameterRanges", ()):
        yield one["Name"], parameter.CategoricalParameter(list(one["Values"]))


def _words(value: Any) -> Any:
    """Return a structure of the service with names as the SDK writes them.

    Examples
    --------
    >>> _words({"S3DataSource": {"S3Uri": "s3://bucket/rows", "VolumeSizeInGB": 30}})
    {'s3_data_source': {'s3_uri': 's3://bucket/rows', 'volume_size_in_gb': 30}}
    """
    if isinstance(value, Mapping):
        return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(): _words(one) for name, one in value.items()}
    return [_words(one) for one in value] if isinstance(value, list) else value


def _module(name: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the SDK's imports of itself
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this needs {error.name!r} of SageMaker's SDK, of which the extra brings the core alone: "
            f"pip install '{_SDK}'"
        ) from error
