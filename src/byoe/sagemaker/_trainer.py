"""`model_trainer` and `tuner`: what `fit` and `tune` would start, for those who go on with the service's own SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ensemble._base import BaseEnsemble
from ..errors import ParameterError
from ._fit import fit
from ._tuning import tune
from .aws._trainer import Planned, trainer_of, tuner_of

_INSTEAD = {
    "name": "the SDK writes the time behind a base name",
    "wait": "it is an argument of train() and tune()",
    "logs": "it is an argument of train()",
    "on_trial": "it is for trials on this machine",
}


def model_trainer(
    ensemble: BaseEnsemble,
    train: Any,
    validation: Any = None,
    *,
    base_job_name: str = "byoe",
    instance_type: str = "ml.m5.xlarge",
    session: Any = None,
    region: str | None = None,
    profile: str | None = None,
    **arguments: Any,
) -> Any:
    """Prepare the training job that `fit` would start, as a ``ModelTrainer`` of SageMaker's SDK.

    All is checked, and data and source are uploaded; ``train()`` starts the job, which is that of `fit`. `attach`
    takes the trainer, or the SDK's ``TrainingJob``, and gives byoe's handle. Needs the SDK: ``pip install sagemaker``.

    Parameters
    ----------
    ensemble, train, validation
        As in `fit`.
    base_job_name : str, default="byoe"
        What the names of jobs begin with, at most 40 characters.
    instance_type : str, default="ml.m5.xlarge"
        Of AWS.
    session, region, profile, **arguments
        As in `fit`, without ``name``, ``wait`` and ``logs``; ``target`` has to be given. With the SDK's
        ``PipelineSession`` ``train()`` gives the arguments of a pipeline's step.

    Returns
    -------
    sagemaker.train.ModelTrainer

    Raises
    ------
    MissingExtraError
        Without the SDK.
    ParameterError, SpecError, InputError
        As in `fit`.
    JobError
        When AWS refuses an upload or a question.
    """
    _check(arguments, instance_type, "fit")
    cloud = Planned(session, region=region, profile=profile)
    fit(
        ensemble,
        train,
        validation,
        instance_type=instance_type,
        session=cloud,
        name=f"{base_job_name}-",
        wait=False,
        **arguments,
    )
    return trainer_of(cloud, base_job_name)


def tuner(
    ensemble: BaseEnsemble,
    space: Mapping[str, Any] | None,
    train: Any,
    validation: Any = None,
    *,
    base_tuning_job_name: str = "byoe-tune",
    instance_type: str = "ml.m5.xlarge",
    session: Any = None,
    region: str | None = None,
    profile: str | None = None,
    **arguments: Any,
) -> Any:
    """Prepare the tuning job that `tune` would start, as a ``HyperparameterTuner`` of SageMaker's SDK.

    All is checked, and data and source are uploaded; ``tune()`` starts the tuning job, which is that of `tune`.
    `attach` takes the tuner, or the SDK's ``HyperParameterTuningJob``, and gives byoe's handle. Needs the SDK:
    ``pip install sagemaker``.

    Parameters
    ----------
    ensemble, space, train, validation
        As in `tune`.
    base_tuning_job_name : str, default="byoe-tune"
        What the names of tuning jobs begin with, at most 9 characters.
    instance_type : str, default="ml.m5.xlarge"
        Of AWS.
    session, region, profile, **arguments
        As in `tune`, without ``name``, ``wait`` and ``on_trial``; ``target`` has to be given. With the SDK's
        ``PipelineSession`` ``tune()`` gives the arguments of a pipeline's step.

    Returns
    -------
    sagemaker.train.tuner.HyperparameterTuner

    Raises
    ------
    MissingExtraError
        Without the SDK.
    ParameterError
        As in `tune`, and for what the SDK's tuner would not send: ``isolated``, ``encrypted``, ``volume_key`` and the
        seed 0.
    JobError
        When AWS refuses an upload or a question.
    """
    _check(arguments, instance_type, "tune")
    cloud = Planned(session, region=region, profile=profile)
    tune(
        ensemble,
        space,
        train,
        validation,
        instance_type=instance_type,
        session=cloud,
        name=f"{base_tuning_job_name}-",
        wait=False,
        **arguments,
    )
    return tuner_of(cloud, base_tuning_job_name)


def _check(arguments: Mapping[str, Any], instance_type: str, verb: str) -> None:
    for name, why in _INSTEAD.items():
        if name in arguments:
            raise ParameterError(f"{name} is none of its arguments: {why}; leave it out")
    if instance_type == "local":
        raise ParameterError(f"instance_type is 'local', where the SDK starts nothing; use byoe.sagemaker.{verb}")
