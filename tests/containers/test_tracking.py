"""Jobs and trials in containers that log to a real tracking server."""

import io
import json
import tarfile

import numpy as np
import pytest
from tests.mlflow.tracking_server import tracking_server

import byoe
from byoe import EnsembleRegressor

mlflow = pytest.importorskip("mlflow")
ENSEMBLE = EnsembleRegressor(["ridge", "knn"], "weighted", cv=3, random_state=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with tracking_server(tmp_path_factory.mktemp("server")) as address:
        mlflow.set_tracking_uri(address)
        yield address
        mlflow.set_tracking_uri("")


def test_a_job_is_a_run_with_a_model_and_its_endpoint_needs_no_mlflow(platform, server, tables, on_aws):
    whole, rows = tables
    job = byoe.sagemaker.fit(
        ENSEMBLE, whole[:250], whole[250:], target="target", tracking=server, experiment="nights", **on_aws
    )
    (run,) = mlflow.search_runs(experiment_names=["nights"], output_format="list")
    assert (run.info.run_name, run.info.status) == (job.name, "FINISHED")
    assert run.data.metrics["validation/rmse"] == job.metrics["validation:rmse"]
    assert run.data.metrics["validation/members/knn/rmse"] == job.metrics["member:knn:rmse"]
    files = {place.path for place in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert files >= {"report.html", "leaderboard.json", "spec.json"}
    trained = job.ensemble()
    (model,) = mlflow.MlflowClient().search_logged_models([run.info.experiment_id])
    assert np.array_equal(byoe.mlflow.load_model(model.model_uri).predict(rows), trained.predict(rows))
    with byoe.sagemaker.deploy(job) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), trained.predict(rows), rtol=1e-6)
    with tarfile.open(fileobj=io.BytesIO(platform.place.get(job.artifact))) as bundle:
        requirements = bundle.extractfile("code/requirements.txt").read().decode()
    assert "scikit-learn==" in requirements
    assert "mlflow" not in requirements


def test_each_trial_is_a_run_with_its_parameters(server, tables, on_aws):
    tuning = byoe.sagemaker.tune(
        ENSEMBLE, {"ridge__alpha": [0.1, 10.0]}, tables[0], target="target", strategy="Grid", max_parallel_jobs=2,
        tracking=server, experiment="trials", **on_aws,
    )  # fmt: skip
    runs = {run.info.run_name: run for run in mlflow.search_runs(experiment_names=["trials"], output_format="list")}
    assert set(runs) == {trial["job"] for trial in tuning.trials}
    for trial in tuning.trials:
        run = runs[trial["job"]]
        assert json.loads(run.data.params["ridge__alpha"]) == trial["params"]["ridge__alpha"]
        assert run.data.metrics["rmse"] == pytest.approx(trial["objective"])
        assert run.info.status == "FINISHED"


def test_without_the_server_a_job_goes_on_and_says_so(platform, tables, on_aws):
    job = byoe.sagemaker.fit(ENSEMBLE, tables[0], target="target", tracking="http://127.0.0.1:9", **on_aws)
    assert job.status == "Completed"
    lines = platform.job(job.name).lines
    assert any("http://127.0.0.1:9" in line and "nothing is logged" in line for line in lines), lines
