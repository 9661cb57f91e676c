"""What a run holds of a fit: names, values and signs as the leaderboard has them."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import log_loss, mean_absolute_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import InputError, MissingExtraError, ParameterError
from byoe.mlflow._facts import LONGEST, parameters

ROWS = 150


def logged(mlflow, ensemble, *rows, **how):
    with mlflow.start_run() as run:
        byoe.mlflow.log_fit(ensemble, *rows, pictures=False, **how)
    return mlflow.get_run(run.info.run_id)


def steps(mlflow, run, name):
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, name)
    return {one.step: one.value for one in history}


def test_metrics_are_those_of_the_leaderboard(mlflow, regression):
    values = logged(mlflow, regression).data.metrics
    board = regression.leaderboard_
    assert values["mae"] == board["blend"]["mae"] > 0
    assert values["baseline/mae"] == board["baseline"]["mae"]
    for label in ("ridge", "knn"):
        for name in ("mae", "spread", "weight", "models", "fit_seconds", "predict_ms"):
            assert values[f"members/{label}/{name}"] == board[label][name]
    assert not [name for name in values if "verdict" in name or "std_error" in name]


def test_each_fold_has_the_metric_of_its_rows(mlflow, regression, target):
    run = logged(mlflow, regression)
    y = target[:ROWS].to_numpy()
    predictions = {"": regression.oof_blend_} | {
        f"members/{label}/": regression.oof_predictions_[:, i] for i, label in enumerate(regression.members_)
    }
    for place, prediction in predictions.items():
        told = steps(mlflow, run, f"{place}fold/mae")
        assert list(told) == [1, 2, 3]
        for fold, (_, test) in enumerate(regression._oof.plan.folds, 1):
            assert told[fold] == pytest.approx(mean_absolute_error(y[test], prediction[test]))


def test_rows_that_were_kept_apart_have_metrics_of_their_own(mlflow, regression, classes, table, target, labels):
    values = logged(mlflow, regression, table[ROWS:], target[ROWS:]).data.metrics
    wanted = mean_absolute_error(target[ROWS:], regression.predict(table[ROWS:]))
    assert values["validation/mae"] == pytest.approx(wanted)
    ridge = regression.members_["ridge"].predict(regression._read(table[ROWS:]), 1)
    assert values["validation/members/ridge/mae"] == pytest.approx(mean_absolute_error(target[ROWS:], ridge))
    values = logged(mlflow, classes, table[ROWS:], labels[ROWS:]).data.metrics
    wanted = log_loss(labels[ROWS:], classes.predict_proba(table[ROWS:]))
    assert values["validation/log_loss"] == pytest.approx(wanted)
    assert values["log_loss"] > 0


def test_parameters_are_flat_and_named_as_in_set_params(mlflow, regression):
    told = logged(mlflow, regression).data.params
    assert told.items() >= {
        "learners": "ridge, knn", "knn__n_neighbors": "7", "blender": "weighted", "blender_in_use": "weighted",
        "metric": "mae", "cv": "3", "random_state": "0", "n_rows": "150", "n_columns": "6", "n_folds": "3",
        "task": "regression",
    }.items()  # fmt: skip
    assert not {"n_jobs", "store", "verbose", "callbacks"} & set(told)


def test_parameters_of_estimators_and_splitters_are_as_python_shows_them(table, target):
    def pinball(estimator, X, y):
        return -float(np.abs(estimator.predict(X) - y).mean())

    members = [("ridge_sk", Ridge(alpha=2.0)), ("pipe", make_pipeline(StandardScaler(), Ridge())), "ridge"]
    made = EnsembleRegressor(members, RidgeCV(alphas=[0.1, 1.0]), cv=KFold(3), metric=pinball)
    told = parameters(made.fit(table[["size"]][:ROWS], target[:ROWS]))
    assert told["cv"] == "KFold(n_splits=3, random_state=None, shuffle=False)"
    assert (told["ridge_sk__learner"], told["ridge_sk__alpha"], told["pipe__learner"]) == ("Ridge", "2.0", "Pipeline")
    assert "StandardScaler()" in told["pipe__steps"]
    assert (told["blender"], told["blender__alphas"]) == ("RidgeCV", "[0.1, 1.0]")
    assert told["metric"].endswith("pinball>")
    assert "ridge__learner" not in told


def test_what_is_too_long_for_a_parameter_ends_in_dots(table, target):
    made = EnsembleRegressor([learner("ridge")], "mean", cv=[(np.arange(75), np.arange(75, 150))], random_state=0)
    made.fit(table[:ROWS], target[:ROWS])
    told = parameters(made.set_params(metric="mae"))
    assert all(len(text) <= LONGEST for text in told.values())
    made.set_params(categorical=["Straße"] * 2000)
    assert parameters(made)["categorical"].endswith(" …")
    assert len(parameters(made)["categorical"]) == LONGEST


def test_the_same_fit_may_be_logged_twice_and_another_needs_a_prefix(mlflow, regression):
    other = regression.reblend("mean")
    with mlflow.start_run() as run:
        for _ in range(2):
            byoe.mlflow.log_fit(regression, pictures=False)
        with pytest.raises(
            ParameterError, match="the run has the parameter blender = 'weighted' already, and of this fit it is 'mean'"
        ):
            byoe.mlflow.log_fit(other, pictures=False)
        byoe.mlflow.log_fit(other, prefix="mean", pictures=False)
    data = mlflow.get_run(run.info.run_id).data
    assert (data.params["blender"], data.params["mean/blender"]) == ("weighted", "mean")
    assert data.metrics["mean/mae"] == other.leaderboard_["blend"]["mae"]
    places = mlflow.MlflowClient().list_artifacts(run.info.run_id, "mean")
    assert "mean/report.html" in [place.path for place in places]


def test_files_are_for_people(mlflow, regression, tmp_path):
    with mlflow.start_run() as run:
        byoe.mlflow.log_fit(regression)
    folder = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path))
    files = {file.relative_to(folder).as_posix(): file for file in Path(folder).rglob("*") if file.is_file()}
    assert set(files) >= {
        "leaderboard.json", "leaderboard.txt", "spec.json", "report.html",
        *(f"pictures/{name}.png" for name in ("leaderboard", "weights", "predictions", "residuals")),
    }  # fmt: skip
    board = json.loads(files["leaderboard.json"].read_text())
    assert board[0]["mae"] == regression.leaderboard_["blend"]["mae"]
    assert files["leaderboard.txt"].read_text() == f"{regression.leaderboard_}\n"
    made = json.loads(files["spec.json"].read_text())
    assert [entry["label"] for entry in made["learners"]] == ["ridge", "knn"]


def test_pictures_of_classes(mlflow, classes):
    with mlflow.start_run() as run:
        byoe.mlflow.log_fit(classes)
    names = {place.path for place in mlflow.MlflowClient().list_artifacts(run.info.run_id, "pictures")}
    assert names >= {f"pictures/{name}.png" for name in ("confusion", "reliability", "roc", "precision_recall")}


def test_without_a_run_one_is_begun_and_a_run_of_the_users_is_left_open(mlflow, regression):
    assert mlflow.active_run() is None
    byoe.mlflow.log_fit(regression, pictures=False)
    assert mlflow.active_run().info.status == "RUNNING"
    mlflow.end_run()
    with mlflow.start_run(), mlflow.start_run(nested=True) as inner:
        byoe.mlflow.log_fit(regression, pictures=False)
    (best,) = mlflow.search_runs(
        filter_string="metrics.mae > 0 and params.knn__n_neighbors = '7'", max_results=1, output_format="list"
    )
    assert best.info.run_id == inner.info.run_id
    assert best.data.tags["byoe.version"] == byoe.__version__


def test_a_bundle_without_out_of_fold_data_tells_what_its_leaderboard_does(mlflow, regression, tmp_path):
    loaded = byoe.load(regression.save(tmp_path / "lean", oof=False))
    run = logged(mlflow, loaded)
    assert run.data.metrics["members/knn/mae"] == regression.leaderboard_["knn"]["mae"]
    assert not [name for name in run.data.metrics if "fold/" in name]
    assert "n_rows" not in run.data.params


def test_a_member_of_a_notebook_is_told_by_its_label(mlflow, table, target):
    class Own(Ridge):
        pass

    made = EnsembleRegressor([("own", Own())], "mean", cv=3, random_state=0).fit(table[["size"]][:ROWS], target[:ROWS])
    run = logged(mlflow, made)
    assert run.data.params["learners"] == "own"
    assert run.data.metrics["members/own/rmse"] == made.leaderboard_["own"]["rmse"]


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ((None, [1.0]), InputError, "y is given without X"),
        ((pd.DataFrame({"size": [1.0]}),), InputError, "rooms"),
    ],
)
def test_bad_rows_are_refused_before_a_run_begins(mlflow, regression, rows, error, message):
    with pytest.raises(error, match=message):
        byoe.mlflow.log_fit(regression, *rows)
    assert mlflow.active_run() is None


def test_what_is_no_fitted_ensemble_is_refused(mlflow):
    with pytest.raises(ParameterError, match="ensemble is int, expected a fitted EnsembleRegressor"):
        byoe.mlflow.log_fit(3)
    with pytest.raises(ValueError, match="not fitted"):
        byoe.mlflow.log_fit(EnsembleRegressor(["ridge"]))
    assert mlflow.active_run() is None


def test_what_is_not_installed_is_named_with_its_extra(regression, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"tracking needs 'mlflow', .* pip install 'byoe-ensemble\[mlflow\]'"):
        byoe.mlflow.log_fit(regression)
