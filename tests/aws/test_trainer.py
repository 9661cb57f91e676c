"""The trainer and the tuner of the service's own SDK, which send what byoe sends itself; each request is compared."""

import sys

import pandas as pd
import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError
from tests.aws.test_endpoints import MACHINE

import byoe
from byoe import EnsembleRegressor
from byoe.errors import MissingExtraError, ParameterError
from byoe.sagemaker import Job, Tuning, attach

pytest.importorskip("sagemaker.train", reason="the SDK's trainers are of the environment that make test makes")

ROLE = "arn:aws:iam::123456789012:role/byoe"
ON = {"instance_type": "ml.m5.xlarge", "role": ROLE, "image": MACHINE.image, "target": "y"}
SPACE = {"eta": (0.01, 0.3, "log"), "xgboost__max_depth": (2, 8), "blender": ["mean", "weighted"]}
ENSEMBLE = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
ALL = {
    "spot": True,
    "max_seconds": 600,
    "max_wait_seconds": 900,
    "volume_gb": 40,
    "subnets": ("subnet-1",),
    "security_groups": ("sg-1",),
    "output_key": "key-1",
    "environment": {"LEVEL": "info"},
    "tags": {"team": "blue"},
    "hyperparameters": {"cv": 3, "xgboost__n_rounds": 20},
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """Neither telemetry, nor questions about the role, which moto does not answer."""
    config = tmp_path / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n")
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(config))
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")


@pytest.fixture
def table(rng):
    X = rng.normal(size=(40, 2))
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X.sum(axis=1)})


def sent(asked, operation):
    """Return what was asked by the SDK and by byoe, without what has another name each time."""
    return [_same(request) for name, request in asked if name == operation]


def _same(value):
    if isinstance(value, list):
        return [_same(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {"TrainingJobName", "HyperParameterTuningJobName"}
    made = {name: _same(one) for name, one in value.items() if name not in named}
    if "LocalPath" in made:
        made["S3Uri"] = made["S3Uri"].rpartition("/")[0]
    if made.get("CompressionType") == "GZIP":  # which is what it is without
        del made["CompressionType"]
    return {name: one for name, one in made.items() if one is not False}  # as is said where it is left out


@pytest.mark.parametrize("options", [{}, ALL, {"keep_alive_seconds": 60, "encrypted": True, "volume_key": "key-2"}])
def test_the_trainer_starts_the_job_that_fit_starts(table, session, asked, options):
    given = {**ON, "session": session, **options}
    trainer = byoe.sagemaker.model_trainer(ENSEMBLE, table, base_job_name="churn", **given)
    assert [name for name, _ in asked if name.startswith("Create")] == []
    trainer.train(wait=False)
    byoe.sagemaker.fit(ENSEMBLE, table, wait=False, **given)
    by_sdk, by_byoe = sent(asked, "CreateTrainingJob")
    assert by_sdk == by_byoe
    job = attach(trainer)
    assert isinstance(job, Job)
    assert job.name.startswith("churn-20")


def test_an_isolated_trainer(table, session, asked):
    given = {**ON, "session": session, "isolated": True}
    byoe.sagemaker.model_trainer(ENSEMBLE, table, **given).train(wait=False)
    byoe.sagemaker.fit(ENSEMBLE, table, wait=False, **given)
    by_sdk, by_byoe = sent(asked, "CreateTrainingJob")
    assert by_sdk == by_byoe
    assert by_sdk["EnableNetworkIsolation"] is True


@pytest.mark.parametrize(
    "options",
    [
        {},
        {**ALL, "seed": 3, "max_parallel_jobs": 2},
        {"autotune": True},
        {"strategy": "Grid", "space": {"blender": ["mean", "weighted"], "xgboost__max_depth": [2, 3]}},
        {"strategy": "Hyperband", "time_limit": 600},
        {"early_stopping": True, "stop_at": 0.5, "patience": 5},
        {"strategy": "Random", "patience": "auto"},
        {"warm_start": "earlier", "warm_start_type": "transfer"},
    ],
)
def test_the_tuner_starts_the_tuning_job_that_tune_starts(table, session, asked, options):
    given = {"space": SPACE, **ON, "session": session, "max_jobs": 4, **options}
    if "warm_start" in options:
        byoe.sagemaker.tune(ENSEMBLE, SPACE, table, wait=False, name="earlier", max_jobs=4, session=session, **ON)
        asked.clear()
    space = given.pop("space")
    tuner = byoe.sagemaker.tuner(ENSEMBLE, space, table, base_tuning_job_name="churn", **given)
    assert [name for name, _ in asked if name.startswith("Create")] == []
    tuner.tune(wait=False)
    byoe.sagemaker.tune(ENSEMBLE, space, table, wait=False, **given)
    by_sdk, by_byoe = sent(asked, "CreateHyperParameterTuningJob")
    assert by_sdk == by_byoe
    tuning = attach(tuner)
    assert isinstance(tuning, Tuning)
    assert tuning.name.startswith("churn-")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"isolated": True},
            r"isolated is True, which the SDK's HyperparameterTuner leaves out .*EnableNetworkIsolation",
        ),
        ({"encrypted": True}, "encrypted is True, which the SDK's HyperparameterTuner leaves out"),
        ({"volume_key": "key-1"}, r"volume_key is 'key-1', .*\(ResourceConfig.VolumeKmsKeyId\)"),
        ({"seed": 0}, "seed is 0, which the SDK's HyperparameterTuner takes for none"),
    ],
)
def test_what_the_tuner_would_lose_is_refused(table, session, options, message):
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.tuner(ENSEMBLE, SPACE, table, session=session, **ON, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "churn"}, "name is none of its arguments: the SDK writes the time behind a base name"),
        ({"wait": False}, "wait is none of its arguments"),
        ({"instance_type": "local"}, "instance_type is 'local', where the SDK starts nothing; use byoe.sagemaker.fit"),
        ({"spott": True}, "a job has no option 'spott'"),
        ({"base_job_name": "x" * 50}, "cannot be the prefix of the name"),
        ({"session": "work"}, "session is 'work', expected a boto3.Session"),
    ],
)
def test_what_the_trainer_does_not_take_is_told(table, session, options, message):
    with pytest.raises(ParameterError, match=message):
        byoe.sagemaker.model_trainer(ENSEMBLE, table, **{**ON, "session": session, **options})


def test_a_trainer_that_has_started_nothing_is_told(table, session):
    trainer = byoe.sagemaker.model_trainer(ENSEMBLE, table, session=session, **ON)
    with pytest.raises(ParameterError, match="the ModelTrainer has started no job yet"):
        attach(trainer)


def test_the_session_is_the_one_that_was_given(table, session, asked):
    from sagemaker.core.helper.session_helper import Session

    own = Session(boto_session=session, default_bucket="team-bucket")
    trainer = byoe.sagemaker.model_trainer(ENSEMBLE, table, session=own, **ON)
    assert trainer.sagemaker_session is own
    assert trainer.output_data_config.s3_output_path == "s3://team-bucket/byoe/output"
    made = byoe.sagemaker.model_trainer(ENSEMBLE, table, region="us-east-1", **{**ON, "role": ROLE})
    assert made.sagemaker_session.boto_session.region_name == "us-east-1"


def test_a_pipeline_gets_its_steps(table, session, asked):
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    own = PipelineSession(boto_session=session)
    trainer = byoe.sagemaker.model_trainer(ENSEMBLE, table, session=own, **ON)
    tuner = byoe.sagemaker.tuner(ENSEMBLE, SPACE, table, session=own, max_jobs=4, **ON)
    requests = []
    for start in (trainer.train, tuner.tune):
        with pytest.warns(UserWarning, match="No Job being started"):
            step = start()
        step.func(*step.func_args, **step.func_kwargs)
        requests.append(_same(own.context.args))
    assert [name for name, _ in asked if name.startswith("Create")] == []
    byoe.sagemaker.fit(ENSEMBLE, table, wait=False, session=session, **ON)
    byoe.sagemaker.tune(ENSEMBLE, SPACE, table, wait=False, session=session, max_jobs=4, **ON)
    assert requests == [
        *sent(asked, "CreateTrainingJob"),
        *sent(asked, "CreateHyperParameterTuningJob"),
    ]


def test_what_is_changed_on_the_trainer_is_sent(table, session, asked):
    """It is the SDK's own, for those who go on from there."""
    trainer = byoe.sagemaker.model_trainer(ENSEMBLE, table, session=session, **ON)
    trainer.compute.instance_type = "ml.m5.4xlarge"
    trainer.hyperparameters["cv"] = 7
    trainer.train(wait=False)
    (request,) = [request for name, request in asked if name == "CreateTrainingJob"]
    assert request["ResourceConfig"]["InstanceType"] == "ml.m5.4xlarge"
    assert request["HyperParameters"]["cv"] == "7"


def test_without_the_sdk_the_cure_is_told(table, session, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("sagemaker.train")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sagemaker.train", None)
    with pytest.raises(
        MissingExtraError, match=r"of SageMaker's SDK, .*the core alone: pip install 'sagemaker>=3.27,<4'"
    ):
        byoe.sagemaker.model_trainer(ENSEMBLE, table, session=session, **ON)


# Why byoe sends requests of its own: docs/sdk.md tells these faults, and is to be changed when one is gone.


def test_the_tuner_s_names_are_those_of_a_minute(table, session, monkeypatch):
    monkeypatch.setattr("sagemaker.train.tuner.name_from_base", lambda base, **_: f"{base}-261128-2035")
    tuner = byoe.sagemaker.tuner(ENSEMBLE, SPACE, table, session=session, **ON)
    tuner.tune(wait=False)
    with pytest.raises(ClientError, match="ResourceInUse"):
        tuner.tune(wait=False)
    tuner.tune(wait=False, job_name="churn-2")
    assert attach(tuner).name == "churn-2"


def test_the_tuner_learns_from_no_other(table, session):
    tuner = byoe.sagemaker.tuner(ENSEMBLE, SPACE, table, session=session, **ON)
    tuner.tune(wait=False)
    with pytest.raises(ValidationError, match="parent_hyper_parameter_tuning_jobs"):
        tuner.transfer_learning_tuner()
