"""A pipeline in the stand-in for the platform: its steps' requests train, tune and register for real."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError

SMALL = EnsembleRegressor(("ridge", "knn"), "mean", cv=3, random_state=0)


def test_a_pipeline_trains_checks_registers_and_serves(platform, on_aws, tables):
    train, rows = tables
    pipeline = byoe.sagemaker.pipeline(
        "churn-monthly",
        SMALL,
        train.iloc[:250],
        train.iloc[250:],
        target="target",
        condition=("validation:rmse", "<=", 70.0),
        register="churn-monthly",
        cache="1d",
        **on_aws,
    )
    execution = pipeline.start(ApprovalStatus="Approved").wait()
    assert [row["step"] for row in execution.steps] == ["Train", "Check", "Register"]
    package = execution.package
    assert package.metrics["validation:rmse"] == pytest.approx(execution.job.metrics["validation:rmse"], rel=1e-4)
    with byoe.sagemaker.deploy(execution) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows[:3]), package.ensemble().predict(rows[:3]), rtol=1e-6)
    again = pipeline.start(Threshold=1.0)
    with pytest.raises(JobError, match="validation:rmse is not <= the parameter Threshold; it is "):
        again.wait()
    assert [(row["step"], row["cached"]) for row in again.steps] == [
        *[("Train", True), ("Check", False), ("Reject", False)]
    ]
    package.delete()
    byoe.sagemaker.attach("churn-monthly", kind="model package group").delete()


def test_the_best_trial_is_trained_again_for_test_data(platform, on_aws, tables):
    train, _ = tables
    pipeline = byoe.sagemaker.pipeline(
        "churn-tuned",
        SMALL,
        train.iloc[:250],
        test=train.iloc[250:],
        target="target",
        space={"ridge__alpha": (0.01, 1.0), "blender": ["mean", "weighted"]},
        max_jobs=2,
        seed=3,
        condition=("validation:mae", "<=", 70.0),
        **on_aws,
    )
    execution = pipeline.start().wait()
    (best,) = [row for row in execution.tuning.trials if row["job"] == execution.tuning.best_job.name]
    trained = execution.job.ensemble()
    assert trained.get_params()["ridge__alpha"] == pytest.approx(best["params"]["ridge__alpha"])
    held_out, truth = train.iloc[250:].drop(columns="target"), train["target"].iloc[250:]
    mae = np.abs(trained.predict(held_out) - truth).mean()
    assert execution.job.metrics["validation:mae"] == pytest.approx(mae, rel=1e-6)
