import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.cli import main

BYOE = [sys.executable, "-c", "from byoe.cli import main; main()"]


def run(*arguments, cwd=None):
    return subprocess.run([*BYOE, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


@pytest.fixture
def here(capfd, monkeypatch):
    """Return what `run` returns, of a command in this process, which need not load the libraries first."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["byoe", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code, (out, err) = ended.value.code or 0, capfd.readouterr()
        if isinstance(code, str):  # which Python prints at its end
            code, err = 1, f"{err}{code}\n"
        return subprocess.CompletedProcess(sys.argv, code, out, err)

    return run_here


@pytest.fixture
def data(diabetes_frame, tmp_path):
    file = tmp_path / "data.csv"
    diabetes_frame.to_csv(file, index=False)
    return file


def test_a_name_of_a_blender_is_checked_though_a_learner_of_that_name_is_broken(tmp_path):
    code = (
        "from byoe.registry import _registry\n"
        "from importlib.metadata import EntryPoint\n"
        "known = dict(_registry._of_packages('learner'))\n"
        "known['best'] = (_registry.Plugin('best', 'learner', 'bad', '1', EntryPoint('best', 'math:pi', 'x')),)\n"
        "before = _registry._of_packages\n"
        "_registry._of_packages = lambda kind: known if kind == 'learner' else before(kind)\n"
        "from byoe.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "check", "best"], capture_output=True, text=True)
    assert "the name 'best' is reserved" in done.stderr
    assert "21 of 21 rules kept" in done.stdout
    assert done.returncode == 1


def test_fit_and_predict(data, diabetes_frame, tmp_path):
    out = tmp_path / "model"
    done = run(
        "fit",
        data,
        "--target",
        "target",
        "--learners",
        "ridge,knn",
        "--blender",
        "mean",
        "--seed",
        0,
        "--param",
        "knn__n_neighbors=9",
        "--out",
        out,
    )
    assert done.returncode == 0, done.stderr
    assert "saved EnsembleRegressor" in done.stdout
    X = diabetes_frame.drop(columns="target")
    here = byoe.EnsembleRegressor({"ridge": {}, "knn": {"n_neighbors": 9}}, "mean", random_state=0).fit(
        X, diabetes_frame["target"]
    )
    assert np.array_equal(byoe.load(out).predict(X), here.predict(X))
    predictions = tmp_path / "deep" / "predictions.csv"
    done = run("predict", out, data, "--out", predictions)
    assert done.returncode == 0, done.stderr
    with predictions.open(newline="") as file:  # pandas before 3 loses a last digit
        assert [float(row["prediction"]) for row in csv.DictReader(file)] == here.predict(X).tolist()


def test_classes_with_probabilities_and_no_header(iris, here, tmp_path):
    X, y = iris
    frame = pd.DataFrame(X).assign(y=y)
    frame.to_csv(tmp_path / "data.csv", index=False, header=["a", "b", "c", "d", "y"])
    assert (
        here(
            "fit",
            tmp_path / "data.csv",
            "--target",
            "y",
            "--learners",
            "ridge",
            "--blender",
            "mean",
            "--out",
            tmp_path / "m",
        ).returncode
        == 0
    )
    done = here("predict", tmp_path / "m", tmp_path / "data.csv", "--proba", "--out", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == [
        "prediction",
        "probability_setosa",
        "probability_versicolor",
        "probability_virginica",
    ]
    assert (found["prediction"] == y).mean() > 0.9
    pd.DataFrame(X).assign(y=np.repeat([0, 1, 2], 50)).to_csv(tmp_path / "plain.csv", index=False, header=False)
    done = here(
        "fit",
        tmp_path / "plain.csv",
        "--target",
        "4",
        "--task",
        "classification",
        "--learners",
        "knn",
        "--blender",
        "vote",
        "--out",
        tmp_path / "m2",
    )
    assert done.returncode == 0, done.stderr
    pd.DataFrame(X).to_csv(tmp_path / "X.csv", index=False, header=False)
    assert here("predict", tmp_path / "m2", tmp_path / "X.csv", "--out", tmp_path / "p2.csv").returncode == 0
    assert (pd.read_csv(tmp_path / "p2.csv")["prediction"] == np.repeat([0, 1, 2], 50)).mean() > 0.9


BAD = {
    "no such file": (["fit", "nowhere.csv", "--target", "y", "--out", "m"], "there is no file or folder nowhere.csv"),
    "missing target": (["fit", "data.csv", "--target", "tarjet", "--out", "m"], "there is no target column 'tarjet'. Did you mean 'target'?"),
    "unknown learner": (["fit", "data.csv", "--target", "target", "--learners", "xgbost", "--out", "m"], "Did you mean 'xgboost'?"),
    "unknown blender": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--blender", "meen", "--out", "m"], "Did you mean 'mean'?"),
    "duplicate labels": (["fit", "data.csv", "--target", "target", "--learners", "ridge,ridge", "--out", "m"], "two members have the label 'ridge'"),
    "unknown parameter": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--param", "etaa=1", "--out", "m"], "nobody knows the parameter 'etaa'"),
    "no parameter": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--param", "eta", "--out", "m"], "is not NAME=VALUE"),
    "fewer rows than folds": (["fit", "short.csv", "--target", "target", "--learners", "ridge", "--out", "m"], "5 folds need at least 5 rows, got 3"),
    "empty file": (["fit", "empty.csv", "--target", "target", "--out", "m"], "empty.csv is empty"),
    "hole in the target": (["fit", "holes.csv", "--target", "target", "--learners", "ridge", "--out", "m"], "the target is missing in 1 of 442 rows"),
    "unknown category": (["fit", "data.csv", "--target", "target", "--param", 'categorical=["town"]', "--out", "m"], "categorical holds 'town'"),
    "bundle that is there": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--out", "model"], "model holds a bundle already; choose another folder, or replace it with --force"),
    "no kind of file": (["predict", "model", "data.csv", "--out", "p.xlsx"], "is of no kind that is written; give a file.csv"),
    "half a leaderboard": (["leaderboard", "model", "data.csv"], "DATA and --target go together"),
    "no model": (["predict", "nowhere", "data.csv", "--out", "p.csv"], "there is no folder nowhere; give the one that save() returned"),
    "column turned to text": (["predict", "model", "text.csv", "--out", "p.csv"], "hold something else than when the ensemble was fitted: 'bmi'"),
    "column missing": (["predict", "model", "fewer.csv", "--out", "p.csv"], "lacks 1 columns of the ensemble: bmi"),
    "no probabilities": (["predict", "model", "data.csv", "--proba", "--out", "p.csv"], "gives no probabilities"),
    "output below a file": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--out", "data.csv/m"], "data.csv"),
    "output is a folder": (["predict", "model", "data.csv", "--out", "taken"], "taken is a folder"),
    "negative seed": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--seed", "-1", "--out", "m"], "random_state is -1"),
    "wrong n_jobs": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--param", "n_jobs=x", "--out", "m"], "n_jobs is 'x'"),
    "metric of classes": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--metric", "f1", "--out", "m"], "metric 'f1' cannot score"),
    "negative weights": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--weight", "age", "--out", "m"], "sample_weight:"),
    "no trials": (["demo", "--max-jobs", "0"], "expected a positive number"),
    "occupied folder": (["fit", "data.csv", "--target", "target", "--learners", "ridge", "--out", "taken"], "exists and is not a bundle"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(diabetes_frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    frame = diabetes_frame
    frame.to_csv(folder / "data.csv", index=False)
    frame[:3].to_csv(folder / "short.csv", index=False)
    (folder / "empty.csv").touch()
    frame.assign(target=frame["target"].where(frame.index != 5)).to_csv(folder / "holes.csv", index=False)
    frame.assign(bmi="high").to_csv(folder / "text.csv", index=False)
    frame.drop(columns="bmi").to_csv(folder / "fewer.csv", index=False)
    (folder / "taken").mkdir()
    (folder / "taken" / "thesis.txt").touch()
    byoe.EnsembleRegressor(("ridge",)).fit(frame.drop(columns="target"), frame["target"]).save(folder / "model")
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_one_line_and_leaves_nothing(case, folder, here, monkeypatch):
    arguments, message = BAD[case]
    before = sorted(path.name for path in folder.rglob("*"))
    monkeypatch.chdir(folder)
    done = here(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_usage(here):
    assert run("--version").stdout.strip() == byoe.__version__
    assert here("nonsense").returncode == 2
    for command in ("demo", "fit", "predict"):
        assert here(command, "--help").returncode == 0
    done = here("fit", "data.csv", "--target", "y", "--out", "m", "--task", "ranking")
    assert done.returncode == 2
    for word in ("ranking", "auto", "regression", "classification"):
        assert word in done.stderr


def test_plugins_are_listed_one_on_a_line():
    done = run("plugins")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert next(iter(rows)) == "name"
    assert re.search(
        r"^catboost +learner +byoe-ensemble +\S+ +classification regression +weights:approximate .* ok$",
        rows["catboost"],
    )
    assert re.search(
        r"^trimmed-mean +blender +byoe-example +\S+ +regression +weights:exact convex +ok$", rows["trimmed-mean"]
    )


def test_another_project_of_the_same_name_is_told(tmp_path, monkeypatch):
    (tmp_path / "byoe-3.7.1.dist-info").mkdir()
    (tmp_path / "byoe-3.7.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: byoe\nVersion: 3.7.1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for command in (("plugins",), ("check", "mean")):
        done = run(*command)
        assert done.returncode == 0
        assert "warning: 'byoe' 3.7.1 is installed too, another project" in done.stderr


def test_a_plugin_is_checked(here, tmp_path):
    done = run("check", "log-ridge")
    assert done.returncode == 0, done.stdout + done.stderr
    first, *rules, last = done.stdout.splitlines()
    assert first.startswith("learner 'log-ridge' of byoe-example")
    assert f"{len(rules)} of {len(rules)} rules kept or not asked for" == last
    done = here("check", "trimmed_mean")
    assert done.stdout.startswith("blender 'trimmed-mean' of byoe-example")


def test_a_broken_plugin_fails_the_check(tmp_path):
    (tmp_path / "worse_plugin.py").write_text(
        "from sklearn.linear_model import Ridge\n"
        "class Worse(Ridge):\n"
        "    def predict(self, X):\n"
        "        print('predicting')\n"
        "        return super().predict(X)\n"
    )
    info = tmp_path / "worse-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: worse\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[byoe.learners]\nworse = worse_plugin:Worse\n")
    done = subprocess.run(
        [*BYOE, "check", "worse"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 1
    assert re.search(r"^silent +broken +Nothing is written .* printed 'predicting'$", done.stdout, re.MULTILINE)


def test_a_name_that_nobody_registered_is_no_plugin_to_check():
    done = run("check", "catbost")
    assert done.returncode == 1
    assert done.stderr.startswith("error: No learner is registered as 'catbost'. Did you mean 'catboost'?")
    assert done.stderr.count("\n") == 1


def test_plugins_of_every_depth_on_the_command_line(data, here, tmp_path):
    out, file = tmp_path / "model", tmp_path / "predictions.csv"
    names = "log-ridge,least-squares,additive-bins"
    done = here(
        "fit", data, "--target", "target", "--learners", names, "--blender", "trimmed-mean", "--out", out, "--seed", 0
    )
    assert done.returncode == 0, done.stderr
    assert list(byoe.load(out).members_) == ["log_ridge", "least_squares", "additive_bins"]
    assert here("predict", out, data, "--out", file).returncode == 0
    assert np.isfinite(pd.read_csv(file)["prediction"]).all()


def test_serve_answers_until_it_is_interrupted(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, y)
    saved = ensemble.save(tmp_path / "model")
    with subprocess.Popen(
        [*BYOE, "serve", str(saved), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            address = re.search(r"at (http://127.0.0.1:\d+):", process.stdout.readline())[1]
            request = urllib.request.Request(
                f"{address}/invocations", json.dumps(X[:2].tolist()).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as response:
                assert json.load(response)["predictions"] == ensemble.predict(X[:2]).tolist()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "ended\n"
        assert process.wait(timeout=30) == 0


def test_serve_tells_what_is_no_model(tmp_path):
    done = run("serve", tmp_path)
    assert done.returncode == 1
    assert "is not a bundle: it holds no manifest.json" in done.stderr
