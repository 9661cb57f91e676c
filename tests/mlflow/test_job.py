"""Jobs and commands that log their fit to a real server."""

import json
from unittest import mock

import pytest

import byoe
from byoe import EnsembleRegressor, cli
from byoe.sagemaker.in_job._tracking import tracked


def test_a_job_is_a_run_with_its_model(mlflow, server, table, target, tmp_path):
    data = table.assign(price=target)
    ensemble = EnsembleRegressor(["ridge", "knn"], "weighted", cv=3, random_state=0)
    job = byoe.sagemaker.fit(
        ensemble, data[:150], data[150:], target="price", output=tmp_path / "jobs", logs=False,
        tracking=server, experiment="nights",
    )  # fmt: skip
    (run,) = mlflow.search_runs(experiment_names=["nights"], output_format="list")
    assert (run.info.run_name, run.info.status) == (job.name, "FINISHED")
    assert run.data.metrics["validation/rmse"] == job.metrics["validation:rmse"]
    assert run.data.metrics["validation/members/knn/mae"] == job.metrics["member:knn:mae"]
    assert run.data.metrics["rmse"] == job.ensemble().leaderboard_["blend"]["rmse"]
    files = {place.path for place in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert files >= {"report.html", "leaderboard.json", "spec.json"}
    (model,) = mlflow.MlflowClient().search_logged_models([run.info.experiment_id])
    assert (byoe.mlflow.load_model(model.model_uri).predict(table) == job.ensemble().predict(table)).all()
    assert run.data.tags["byoe.sha256"] == (job.artifact / "manifest.sha256").read_text().split()[0]
    installed = (job.base / "code" / "requirements.txt").read_text()
    served = (job.artifact / "code" / "requirements.txt").read_text()
    assert "mlflow-skinny==" in installed
    assert "mlflow" not in served


def test_each_trial_of_a_tuning_job_is_a_run(mlflow, server, table, target, tmp_path):
    byoe.sagemaker.tune(
        EnsembleRegressor(["ridge"], "mean", cv=3, random_state=0), {"ridge__alpha": [0.1, 10.0]},
        table.assign(price=target), target="price", max_jobs=2, strategy="Grid", output=tmp_path / "jobs",
        tracking=server, experiment="trials",
    )  # fmt: skip
    runs = mlflow.search_runs(experiment_names=["trials"], output_format="list")
    assert sorted(run.data.params["ridge__alpha"] for run in runs) == ["0.1", "10.0"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert not mlflow.MlflowClient().search_logged_models([runs[0].info.experiment_id])


def test_of_two_trials_that_create_their_experiment_at_once_both_log_to_it(mlflow, server, monkeypatch):
    from mlflow.tracking._tracking_service.client import TrackingServiceClient

    look_up = TrackingServiceClient.get_experiment_by_name
    looks = []

    def created_by_another_meanwhile(self, name):
        looks.append(name)
        if len(looks) == 1:
            mlflow.MlflowClient().create_experiment(name)
            return None
        return look_up(self, name)

    monkeypatch.setattr(TrackingServiceClient, "get_experiment_by_name", created_by_another_meanwhile)
    monkeypatch.setenv("TRAINING_JOB_NAME", "second")
    with tracked({"uri": server, "experiment": "at once"}, resumes=True):
        pass
    (run,) = mlflow.search_runs(experiment_names=["at once"], output_format="list")
    assert (run.info.run_name, run.info.status) == ("second", "FINISHED")


def run_command(*words):
    with mock.patch("sys.argv", ["byoe", *map(str, words)]), pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


def test_the_command_logs_its_fit_and_keeps_its_output_clean(mlflow, server, table, target, tmp_path, capsys):
    table.assign(price=target).to_parquet("houses.parquet")
    words = ["fit", "houses.parquet", "--target", "price", "--learners", "ridge,knn", "--cv", "3", "--out", "model"]
    assert run_command(*words, "--tracking", server, "--experiment", "commands", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (run,) = mlflow.search_runs(experiment_names=["commands"], output_format="list")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["rmse"] == told["leaderboard"][0]["rmse"]
    (model,) = mlflow.MlflowClient().search_logged_models([run.info.experiment_id])
    assert (byoe.mlflow.load_model(model.model_uri).predict(table) == byoe.load("model").predict(table)).all()


def test_a_command_without_a_server_fits_nothing(table, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    table.assign(price=target).to_parquet("houses.parquet")
    words = ["fit", "houses.parquet", "--target", "price", "--learners", "ridge", "--out", "model"]
    assert "does not answer, so that nothing was fitted" in run_command(*words, "--tracking", "http://127.0.0.1:9")
    assert not (tmp_path / "model").exists()
