"""The SDK's own trainer, tuner and resources on the platform, beside byoe's."""

import numpy as np
import pytest
from sklearn.base import clone

import byoe
from byoe import EnsembleRegressor

pytest.importorskip("sagemaker.train", reason="the SDK's trainers are of the environment that make test makes")

SMALL = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """Neither telemetry, nor questions about the role, which moto does not answer."""
    config = tmp_path / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n")
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(config))
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")


def test_a_trainer_s_job_is_served_and_predicts(platform, on_aws, tables):
    train, rows = tables
    trainer = byoe.sagemaker.model_trainer(
        SMALL, train, target="target", hyperparameters={"ridge__alpha": 2.0}, **on_aws
    )
    trainer.train(wait=False)
    trainer._latest_training_job.wait(poll=1)
    job = byoe.sagemaker.attach(trainer)
    assert job.status == job.resource.training_job_status == "Completed"
    assert job.ensemble().get_params()["ridge__alpha"] == 2.0
    assert job.metrics["validation:rmse"] > 0
    expected = (
        clone(SMALL).set_params(ridge__alpha=2.0).fit(train.drop(columns="target"), train["target"]).predict(rows)
    )
    with byoe.sagemaker.deploy(job.resource) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), expected, rtol=1e-6)
        answer = endpoint.resource.invoke(
            body=rows.to_csv(index=False).encode(), content_type="text/csv", accept="text/csv"
        )
        told = np.array(answer.body.read().decode().split(), dtype=float)
        np.testing.assert_allclose(told, expected, rtol=1e-6)
    assert platform.left() == []


def test_a_tuner_s_best_job_is_byoe_s(platform, on_aws, tables):
    from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter

    space = {
        "ridge__alpha": ContinuousParameter(0.1, 10, "Logarithmic"),
        "blender": CategoricalParameter(["mean", "weighted"]),
    }
    tuner = byoe.sagemaker.tuner(SMALL, space, tables[0], target="target", max_jobs=3, **on_aws)
    tuner.tune(wait=False)
    tuner.latest_tuning_job.wait(poll=1)
    tuning = byoe.sagemaker.attach(tuner)
    assert len(tuning.trials) == 3
    assert tuning.best_job.name == tuner.best_training_job()
    best = min(tuning.trials, key=lambda row: row["objective"])
    assert tuning.best_job.ensemble().get_params()["ridge__alpha"] == pytest.approx(
        float(best["params"]["ridge__alpha"])
    )
