"""The example that byoe began with: each block of its page is run, and what it has done is looked at."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

import byoe

PAGE = Path(__file__).parents[2] / "docs" / "from_the_aws_example.md"
PARTS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the blocks of a part of the page; return the names that there are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_custom_library", raising=False)
    names = {}

    def part(title):
        blocks = BLOCK.findall(PARTS[title])
        assert blocks, f"{title} has no code"
        for block in blocks:
            exec(compile(block, f"{PAGE.name}: {title}", "exec"), names)
        return names

    return part


def asked(platform, operation, start=0):
    return [request for name, request in platform.requests[start:] if name == operation]


def test_the_example(platform, run):
    start = len(platform.requests)
    run("Data"), run("The ensemble")

    names = run("One job")
    job = names["job"]
    (request,) = asked(platform, "CreateTrainingJob", start)
    assert request["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 60
    assert {"num_round": "60", "max_depth": "5"}.items() <= request["HyperParameters"].items()
    defined = {metric["Name"] for metric in request["AlgorithmSpecification"]["MetricDefinitions"]}
    assert {"validation:rmse", "member:catboost:rmse", "member:straight:r2"} < defined
    trained = job.ensemble(trusted=["my_custom_library.*"])
    validation = names["validation"]
    predicted = trained.predict(validation.drop(columns="target"))
    assert job.metrics["validation:rmse"] == pytest.approx(root_mean_squared_error(validation["target"], predicted))
    params = trained.get_params()
    assert [params["catboost__iterations"], params["xgboost__n_estimators"]] == [60, 60]
    assert [params["catboost__depth"], params["xgboost__max_depth"]] == [5, 5]

    tuning = run("Tuning")["tuning"]
    (request,) = asked(platform, "CreateHyperParameterTuningJob", start)
    config = request["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    assert config["HyperParameterTuningJobObjective"] == {"MetricName": "validation:rmse", "Type": "Minimize"}
    (eta,), (depth,) = (config["ParameterRanges"][f"{kind}ParameterRanges"] for kind in ("Continuous", "Integer"))
    assert (eta["Name"], eta["MinValue"], eta["MaxValue"]) == ("eta", "0.2", "0.3")
    assert (depth["Name"], depth["MinValue"], depth["MaxValue"]) == ("max_depth", "3", "4")
    # The same data are uploaded once.
    (single,) = asked(platform, "CreateTrainingJob", start)
    assert request["TrainingJobDefinition"]["InputDataConfig"] == single["InputDataConfig"]

    names = run("The best job")
    again, best = names["again"], names["best"]
    trials = again.trials
    assert again is not tuning
    assert [(trial["number"], trial["status"]) for trial in trials] == [(n, "Completed") for n in (1, 2, 3, 4)]
    assert len({trial["objective"] for trial in trials}) == 4
    assert best.name == min(trials, key=lambda trial: trial["objective"])["job"]
    # What tuning has set has arrived at both members.
    params = best.ensemble().get_params()
    chosen = next(trial["params"] for trial in trials if trial["job"] == best.name)
    assert params["catboost__learning_rate"] == params["xgboost__learning_rate"] == chosen["eta"]
    assert params["catboost__depth"] == params["xgboost__max_depth"] == chosen["max_depth"]
    saved = best.savings(price_per_hour=0.5)
    assert saved.members == 2
    assert 0 < saved.seconds < best.billable_seconds
    assert saved.bytes > 10_000
    assert saved.money == saved.seconds / 3600 * 0.5

    run("A serverless endpoint")
    (request,) = asked(platform, "CreateEndpointConfig", start)
    (variant,) = request["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 6144, "MaxConcurrency": 1}

    names = run("Predictions")
    fitted, rows = best.ensemble(), names["test"].drop(columns="target")
    np.testing.assert_allclose(names["predictions"], fitted.predict(rows), rtol=1e-6)
    interval = fitted.predict_interval(rows, level=0.8)
    np.testing.assert_allclose(names["bounds"][["lower", "upper"]], interval, rtol=1e-6)

    names = run("The registry")
    assert names["package"].metrics == best.metrics
    assert names["package"].metadata == {"rows": "331"}
    np.testing.assert_allclose(names["endpoint"].predict(rows), fitted.predict(rows), rtol=1e-6)
    assert len(platform.left()) == 3

    run("Clean-up")
    assert platform.left() == platform.registry.left == []
    assert byoe.sagemaker.attach(tuning.name).best_job.name == best.name  # jobs stay, and so do their files
