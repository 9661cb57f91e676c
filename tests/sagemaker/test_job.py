"""Local jobs from end to end: the produced bundle, the log, the layout, failures."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from tests.monitor_schema import faults

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.data._roles import Dataset
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.in_job._train import _draws, _pruned, _write_baseline
from byoe.sagemaker.shared._metric_lines import read_metrics

sm = byoe.sagemaker

COMBINATIONS = {
    "boosters, weighted": EnsembleRegressor(
        {"catboost": {"iterations": 10}, "xgboost": {"n_estimators": 5}, "lightgbm": {"n_estimators": 5}}, "weighted", random_state=0
    ),
    "scikit-learn, meta-linear": EnsembleRegressor(("ridge", "knn", "svm"), blender("meta-linear", passthrough=True), random_state=0),
    "instance and meta-model": EnsembleRegressor([GradientBoostingRegressor(n_estimators=10), "ridge"], LinearRegression(), random_state=0),
    "plugin learner and blender": EnsembleRegressor(("log-ridge", "ridge", "knn"), "trimmed-mean", random_state=0),
}  # fmt: skip


@pytest.mark.parametrize("case", COMBINATIONS)
def test_any_combination_goes_through_with_no_code_of_the_users(case, split, tmp_path):
    train, validation = split
    ensemble = COMBINATIONS[case]
    job = sm.fit(ensemble, train, validation, target="target", output=tmp_path, logs=False)
    assert job.status == "Completed"
    X = validation.drop(columns="target")
    here = ensemble.fit(train.drop(columns="target"), train["target"])
    made = job.ensemble()
    # A frame's memory layout, and with it the last bit of a sum, may differ between here and the job.
    np.testing.assert_allclose(made.predict(X), here.predict(X), rtol=1e-12)
    error = np.sqrt(np.mean((here.predict(X) - validation["target"]) ** 2))
    assert job.metrics["validation:rmse"] == pytest.approx(error, rel=1e-12)
    for column, label in enumerate(here.members_):
        error = np.sqrt(np.mean((here.transform(X)[:, column] - validation["target"]) ** 2))
        assert job.metrics[f"member:{label}:rmse"] == pytest.approx(error, rel=1e-12)
    with sm.deploy(job) as endpoint:
        answer, expected = endpoint.predict(X), made.predict(X)
        if case == "plugin learner and blender":  # whose estimator sees the frame, with its layout there and here
            np.testing.assert_allclose(answer, expected, rtol=1e-12)
        else:
            assert np.array_equal(answer, expected)


def test_a_classifier(iris, tmp_path):
    import pandas as pd

    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(kind=y)
    ensemble = EnsembleClassifier(("ridge", learner("xgboost", n_estimators=5)), "mean", random_state=0)
    job = sm.fit(ensemble, frame, target="kind", output=tmp_path, logs=False)
    assert set(job.metrics) >= {
        "validation:log_loss",
        "validation:accuracy",
        "validation:roc_auc",
        "member:ridge:accuracy",
    }
    here = ensemble.fit(frame[["a", "b", "c", "d"]], y)
    assert job.metrics["validation:log_loss"] == pytest.approx(-here.score_estimate_, rel=1e-12)
    with sm.deploy(job) as endpoint:
        assert (
            endpoint.predict(frame[["a", "b", "c", "d"]]).tolist() == here.predict(frame[["a", "b", "c", "d"]]).tolist()
        )
    voted = sm.fit(ensemble.set_params(blender="vote"), frame, target="kind", output=tmp_path, logs=False)
    assert "validation:accuracy" in voted.metrics
    assert "validation:log_loss" not in voted.metrics


def test_the_report_scores_the_validation_rows_and_draws_where_the_job_has_what_draws(split, tmp_path):
    train, validation = split
    ensemble = EnsembleRegressor(("ridge",), random_state=0)
    pages = []
    for requirements in ((), ("matplotlib",)):
        job = sm.fit(
            ensemble, train, validation, target="target", output=tmp_path, logs=False, requirements=requirements
        )
        pages.append((job.base / "output" / "data" / "report.html").read_text(encoding="utf-8"))
    plain, drawn = pages
    for page in pages:
        assert f"{len(validation)} rows that were passed" in page
    assert "Predictions of the rows passed." in drawn
    assert "Predictions of the rows passed." not in plain
    assert [_draws([line]) for line in ("Matplotlib>=3", "matplotlib", "matplotlib-inline", "numpy")] == [
        *(True, True, False, False)
    ]


def test_without_validation_data_the_metric_is_the_honest_estimate(split, tmp_path):
    train, _ = split
    ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0)
    job = sm.fit(ensemble, train, target="target", output=tmp_path, logs=False)
    here = ensemble.fit(train.drop(columns="target"), train["target"])
    assert job.metrics["validation:rmse"] == -here.score_estimate_
    assert job.metrics["member:ridge:rmse"] == {r["member"]: r["rmse"] for r in here.leaderboard_}["ridge"]


def test_the_validation_channel_is_never_learned_from(job, split, tmp_path):
    train, validation = split
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0)
    other = sm.fit(ensemble, train, validation.assign(target=0.0), target="target", output=tmp_path, logs=False)
    X = validation.drop(columns="target")
    assert np.array_equal(job.ensemble().predict(X), other.ensemble().predict(X))
    assert job.metrics != other.metrics


def test_every_metric_stands_in_the_log_once_and_each_regex_matches_its_line_alone(job):
    import re

    definitions = json.loads((job.base / "code" / "metric_definitions.json").read_text())
    for definition in definitions:
        lines = [line for line in job.log.splitlines() if re.search(definition["Regex"], line)]
        assert len(lines) == 1
        assert lines[0].startswith(definition["Name"] + "=")
    assert {definition["Name"] for definition in definitions} == set(job.metrics)
    assert read_metrics(job.log, definitions) == job.metrics


def test_the_layout_is_the_platforms(job):
    base = job.base
    config = base / "input" / "config"
    assert json.loads((config / "hyperparameters.json").read_text())["sagemaker_program"] == '"train.py"'
    assert set(json.loads((config / "inputdataconfig.json").read_text())) == {"train", "validation"}
    assert json.loads((config / "resourceconfig.json").read_text())["hosts"] == ["localhost"]
    assert list((base / "input" / "data" / "train").iterdir())
    assert {path.name for path in (base / "model").iterdir()} == {
        "manifest.json",
        "manifest.sha256",
        "members",
        "oof.npz",
        "profile.json",
        "code",
    }
    assert {path.name for path in (base / "model" / "code").iterdir()} == {
        "inference.py",
        "requirements.txt",
        "setup.py",
        "spec.json",
        "wheels",
    }
    assert json.loads((base / "output" / "data" / "leaderboard.json").read_text())[0]["member"] == "blend"
    page = (base / "output" / "data" / "report.html").read_text(encoding="utf-8")
    assert f">{job.metrics['validation:rmse']}<" in page
    statistics, constraints = (json.loads(file.read_text(encoding="utf-8")) for file in job.baseline())
    assert faults(statistics, constraints) == []
    assert job.baseline().statistics == base / "output" / "data" / "baseline" / "statistics.json"
    assert statistics["features"][0]["name"] == "predictions"
    assert not {"setup.py", "pyproject.toml"} & {path.name for path in (base / "code").iterdir()}
    assert job.failure == ""
    assert job.seconds > 0


def test_a_job_that_has_written_no_baseline_says_how_to_make_one(job, monkeypatch, tmp_path):
    monkeypatch.setattr(job, "base", tmp_path)
    with pytest.raises(JobError, match=rf"job {job.name} has no baseline: .*job.ensemble\(\).baseline\(folder, X\)"):
        job.baseline()


def test_a_job_is_not_lost_for_a_baseline(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", str(tmp_path))
    _write_baseline(EnsembleRegressor(("ridge",)), Dataset(np.eye(3), np.arange(3.0)))  # not fitted
    assert "[byoe] no baseline was written: NotFittedError: " in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_job_is_not_ended_for_the_memory_of_a_baseline(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("byoe.sagemaker.in_job._train.free_memory", lambda limit: 71.0)
    rows, y = np.eye(3), np.arange(3.0)
    _write_baseline(EnsembleRegressor(("ridge",), cv=3).fit(rows, y), Dataset(rows, y))
    assert "[byoe] no baseline was written: it takes 72 B of memory, and 71 B are free" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_variables_and_arguments_are_those_of_the_training_toolkit(tmp_path):
    from byoe.sagemaker.local._layout import lay_out
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    data = {"target": "y", "weight": None, "groups": None, "drop": []}
    source = write_source(variant_of(EnsembleRegressor(("ridge",))), tmp_path / "source", data=data)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    given = {"eta": 0.1, "cv": 5, "blender": "mean", "verbose": True, "list": [1, 2], "nothing": None, "k": 1}
    arguments, env = lay_out(tmp_path / "ml", source, {"train": tmp_path / "a.csv"}, given, name="job", cpus=2)
    assert arguments == [
        "--blender", "mean", "--cv", "5", "--eta", "0.1", "-k", "1", "--list", "[1, 2]", "--nothing", "", "--verbose", "True",
    ]  # fmt: skip
    base = tmp_path / "ml"
    assert json.loads(env["SM_HPS"]) == given
    assert env["SM_HP_ETA"] == "0.1"
    assert env["SM_HP_BLENDER"] == "mean"
    assert env["SM_HP_VERBOSE"] == "true"
    assert env["SM_CHANNELS"] == '["train"]'
    assert env["SM_CHANNEL_TRAIN"] == str(base / "input" / "data" / "train")
    assert env["SM_MODEL_DIR"] == str(base / "model")
    assert env["SM_OUTPUT_DIR"] == str(base / "output")
    assert env["SM_OUTPUT_DATA_DIR"] == str(base / "output" / "data")
    assert env["SM_HOSTS"] == '["localhost"]'
    assert env["SM_CURRENT_HOST"] == "localhost"
    assert env["SM_NUM_CPUS"] == "2"
    assert env["SM_NUM_GPUS"] == "0"
    assert env["SM_USER_ENTRY_POINT"] == "train.py"
    assert json.loads(env["SM_USER_ARGS"]) == arguments
    assert json.loads(env["SM_TRAINING_ENV"])["hyperparameters"] == given
    assert json.loads(env["SM_TRAINING_ENV"])["channel_input_dirs"] == {"train": env["SM_CHANNEL_TRAIN"]}
    assert not [key for key in env if key.startswith("SM_") and key != key.upper()]


def test_hyperparameters_override_the_spec(split, tmp_path):
    train, _ = split
    ensemble = EnsembleRegressor([learner("xgboost", n_rounds=50), "ridge"], "weighted", random_state=0)
    values = {"num-round": 7, "ridge__alpha": 5.0, "blender": "mean", "cv": 3}
    made = sm.fit(ensemble, train, target="target", output=tmp_path, logs=False, hyperparameters=values).ensemble()
    assert made.members_["xgboost"].models[0].models[0].booster.num_boosted_rounds() == 7
    assert made.members_["ridge"].learner.get_params() == {"alpha": 5.0}
    assert made.blender_.name == "mean"
    assert len(made.members_["xgboost"].models) == 3


FORMATS = {
    "csv without header": lambda frame, folder: frame.to_csv(folder / "data.csv", index=False, header=False) or folder / "data.csv",
    "parquet": lambda frame, folder: frame.to_parquet(folder / "data.parquet") or folder / "data.parquet",
    "folder": lambda frame, folder: [part.to_csv(folder / f"{i}.csv", index=False) for i, part in enumerate((frame[:99], frame[99:]))] and folder,
    "csv, its path as a text": lambda frame, folder: frame.to_csv(folder / "data.csv", index=False) or str(folder / "data.csv"),
    "polars": lambda frame, folder: __import__("polars").from_pandas(frame),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_all_forms_of_data_give_the_same_ensemble(form, split, tmp_path):
    train, validation = split
    folder = tmp_path / "data"
    folder.mkdir()
    target = 10 if form == "csv without header" else "target"
    data = FORMATS[form](train, folder)
    ensemble = EnsembleRegressor(("ridge", "svm"), random_state=0)
    made = sm.fit(ensemble, data, target=target, output=tmp_path / "jobs", logs=False).ensemble()
    X, y = train.drop(columns="target"), train["target"]
    fresh = validation.drop(columns="target")
    expected = ensemble.fit(X.to_numpy(), y).predict(fresh.to_numpy())
    found = made.predict(fresh.to_numpy() if form == "csv without header" else fresh)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_frames_index_is_no_column(split, tmp_path):
    train, _ = split
    shuffled = train.sample(frac=1.0, random_state=3)
    made = sm.fit(EnsembleRegressor(("ridge",)), shuffled, target="target", output=tmp_path, logs=False).ensemble()
    assert list(made.feature_names_in_) == list(train.columns[:-1])


def test_columns_named_by_numbers_keep_their_roles(tmp_path, rng):
    import pandas as pd

    X = rng.normal(size=(60, 4))
    y = X[:, 0] * 5
    frame = pd.DataFrame(np.column_stack([y, X]))[[1, 0, 2, 3, 4]]
    job = sm.fit(EnsembleRegressor(("ridge",)), frame, target=0, output=tmp_path, logs=False)
    made = job.ensemble()
    assert list(made.feature_names_in_) == ["1", "2", "3", "4"]
    assert job.metrics["validation:r2"] > 0.99
    with sm.deploy(job) as endpoint:
        np.testing.assert_allclose(endpoint.predict(frame.drop(columns=0)), y, atol=0.5)


def test_validation_columns_are_matched_by_name(job, split, tmp_path):
    train, validation = split
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0)
    turned = sm.fit(ensemble, train, validation[validation.columns[::-1]], target="target", output=tmp_path, logs=False)
    assert turned.metrics == job.metrics


def test_nested_ensembles_bring_their_members(tmp_path, split):
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    inner = EnsembleRegressor(
        ["log-ridge", learner("random_forest", n_estimators=5), "xgboost"], "mean", random_state=0
    )
    outer = EnsembleRegressor([("inner", inner), "ridge"], "mean", cv=3, random_state=0)
    source = write_source(variant_of(outer), tmp_path / "source", data={"target": "target"})
    assert {wheel.name.partition("-")[0] for wheel in (source / "wheels").iterdir()} == {
        "byoe_ensemble",
        "byoe_example",
    }
    assert "xgboost-cpu==" in (source / "requirements.txt").read_text()
    X, y = split[0].drop(columns="target"), split[0]["target"]
    made = sm.fit(outer, split[0], target="target", output=tmp_path / "jobs", logs=False).ensemble()
    np.testing.assert_allclose(made.predict(X), outer.fit(X, y).predict(X), rtol=1e-9)


def test_hyperparameters_bring_their_parts_and_metrics(split, tmp_path):
    values = {"blender": "trimmed-mean", "metric": "mse", "learners": ["lightgbm", "ridge", "knn"]}
    job = sm.fit(
        EnsembleRegressor(("ridge",), "mean"),
        split[0],
        target="target",
        output=tmp_path,
        logs=False,
        hyperparameters=values,
    )
    assert {wheel.name.partition("-")[0] for wheel in (job.base / "code" / "wheels").iterdir()} == {
        "byoe_ensemble",
        "byoe_example",
    }
    assert "lightgbm==" in (job.base / "code" / "requirements.txt").read_text()
    assert {"validation:mse", "member:lightgbm:mse"} <= set(job.metrics)


def test_numpy_hyperparameters_are_numbers(split, tmp_path):
    values = {"cv": np.int64(3), "ridge__alpha": np.float64(2.0)}
    job = sm.fit(
        EnsembleRegressor(("ridge",)), split[0], target="target", output=tmp_path, logs=False, hyperparameters=values
    )
    assert len(job.ensemble()._oof.plan.folds) == 3


def test_weights_groups_and_dropped_columns(split, tmp_path, rng):
    train, _ = split
    extra = {"w": rng.uniform(0.5, 2, len(train)), "patient": rng.integers(40, size=len(train))}
    frame = train.assign(**extra, note="free text")
    ensemble = EnsembleRegressor(("ridge", "svm"), random_state=0)
    roles = {"target": "target", "weight": "w", "groups": "patient", "drop": ["note"]}
    made = sm.fit(ensemble, frame, output=tmp_path, logs=False, **roles).ensemble()
    here = ensemble.fit(
        train.drop(columns="target"), train["target"], sample_weight=extra["w"], groups=extra["patient"]
    )
    assert np.array_equal(made.oof_predictions_, here.oof_predictions_)
    assert list(made.feature_names_in_) == list(here.feature_names_in_)


def test_the_data_are_read_once_for_all_members(split, tmp_path, monkeypatch):
    from byoe.data import _labelled
    from byoe.sagemaker.in_job import _train
    from byoe.sagemaker.local._layout import lay_out
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    train, _ = split
    train.to_csv(tmp_path / "a.csv", index=False)
    data = {"target": "target", "weight": None, "groups": None, "drop": []}
    source = write_source(
        variant_of(EnsembleRegressor(("ridge", "knn", "svm"), random_state=0)), tmp_path / "source", data=data
    )
    _, env = lay_out(tmp_path / "ml", source, {"train": tmp_path / "a.csv"}, {}, name="job", cpus=1)
    for key, value in env.items():
        if key.startswith("SM_"):
            monkeypatch.setenv(key, value)
    read = []
    monkeypatch.setattr(
        _labelled, "read_frame", lambda path, **how: read.append(path) or byoe.data._files.read_frame(path, **how)
    )
    _train.run(source)
    assert len(read) == 1


def test_the_job_runs_the_shipped_wheel(job):
    code = "import byoe; print(byoe.__file__)"
    site = job.base / "site-packages"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(site))
    # Another byoe than the shipped one is refused.
    env = {**os.environ, "BYOE_LOCAL_SITE": str(site), "SM_OUTPUT_DIR": str(job.base / "elsewhere")}
    done = subprocess.run([sys.executable, "train.py"], cwd=job.base / "code", env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "expected the shipped wheel" in (job.base / "elsewhere" / "failure").read_text()


def test_the_folder_runs_where_byoe_is_not_installed(split, tmp_path):
    """An environment with the dependencies, and neither byoe nor the plugin."""
    train, validation = split
    env_folder = tmp_path / "env"
    venv.create(env_folder, with_pip=False, symlinks=True)
    python = env_folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "byoe" not in entry.name.lower():
            (site / entry.name).symlink_to(entry)
    missing = subprocess.run([python, "-c", "import byoe"], capture_output=True, text=True)
    assert "No module named 'byoe'" in missing.stderr
    from byoe.sagemaker.local._layout import lay_out
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    train.to_csv(tmp_path / "a.csv", index=False)
    data = {"target": "target", "weight": None, "groups": None, "drop": []}
    ensemble = EnsembleRegressor(
        ("log-ridge", "ridge", learner("xgboost", n_estimators=3)), "trimmed-mean", random_state=0
    )
    source = write_source(variant_of(ensemble), tmp_path / "source", data=data)
    arguments, variables = lay_out(tmp_path / "ml", source, {"train": tmp_path / "a.csv"}, {}, name="job", cpus=1)
    done = subprocess.run(
        [python, "train.py", *arguments], cwd=tmp_path / "ml" / "code", env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    X = validation.drop(columns="target")
    expected = ensemble.fit(train.drop(columns="target"), train["target"]).predict(X)
    np.testing.assert_allclose(byoe.load(tmp_path / "ml" / "model").predict(X), expected, rtol=1e-12)


def test_members_that_are_not_worth_their_time_are_left_out_of_the_artifact(split, tmp_path):
    """The mean is better without the stump, so that it leaves whatever time it takes."""
    train, validation = split
    stump = learner("random_forest", n_estimators=1, max_depth=1)
    ensemble = EnsembleRegressor(["ridge", stump], "mean", random_state=0)
    job = sm.fit(ensemble, train, validation, target="target", prune=0.005, output=tmp_path, logs=False)
    made = job.ensemble()
    assert list(made.members_) == ["ridge"]
    assert "serves 1 of 2 members: ridge" in job.log
    assert {name.split(":")[1] for name in job.metrics if name.startswith("member")} == {"ridge"}
    assert made.leaderboard_.notes[-1].startswith("pruned: with a tolerance of 0.005, random_forest left out")
    with sm.deploy(job) as endpoint:
        X = validation.drop(columns="target")
        assert np.array_equal(endpoint.predict(X), made.predict(X))


@pytest.mark.parametrize(
    ("blend", "prune", "told"),
    [
        ("mean", -1, "tolerance is -1, expected a share of the error"),
        (blender("weighted", weights=[1, 1]), 0.01, "are those of all members"),
    ],
)
def test_what_cannot_be_pruned_is_said_before_anything_is_written(blend, prune, told, split, tmp_path):
    ensemble = EnsembleRegressor(("ridge", "knn"), blend, random_state=0)
    with pytest.raises(ParameterError, match=told):
        sm.fit(ensemble, split[0], target="target", prune=prune, output=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_job_is_not_lost_where_nobody_can_be_left_out(capsys, diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    fitted = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, y)
    fitted.set_params(blender=blender("weighted", weights=[1, 1]))
    train = Dataset(X, y, None, None)
    assert _pruned(fitted, {"prune": 0.01}, train) is fitted
    assert "all members are kept: the weights given to blender" in capsys.readouterr().out
    assert _pruned(fitted, {}, train) is fitted
