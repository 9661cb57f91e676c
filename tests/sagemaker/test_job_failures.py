"""Local jobs that fail, are refused or are stopped: the reason is told and nothing is left."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, JobError, ParameterError, SpecError, UnknownNameError

sm = byoe.sagemaker


def test_a_script_that_raises_leaves_its_reason(split, tmp_path):
    train, _ = split
    ensemble = EnsembleRegressor(("ridge",), categorical=["town"])
    job = sm.fit(ensemble, train, target="target", output=tmp_path, wait=False)
    with pytest.raises(
        JobError, match=r"(?s)has the status Failed: ParameterError: categorical holds 'town'"
    ) as caught:
        job.wait()
    assert caught.value.job is job
    assert job.status == "Failed"
    assert "Traceback" in job.log
    failure = (job.base / "output" / "failure").read_text()
    assert failure.startswith("ParameterError: categorical holds")
    assert "Traceback" in failure
    assert list((job.base / "model").iterdir()) == []
    assert job.metrics == {}
    for use in (lambda: job.artifact, job.ensemble, lambda: sm.deploy(job)):
        with pytest.raises(JobError, match="has the status Failed"):
            use()


def test_a_failing_fit_raises_and_gives_the_job(split, tmp_path):
    train, _ = split
    with pytest.raises(JobError, match="the target is missing in 1 of 330 rows") as caught:
        sm.fit(
            EnsembleRegressor(("ridge",)),
            train.assign(target=train["target"].where(train.index != 3)),
            target="target",
            output=tmp_path,
            logs=False,
        )
    assert caught.value.job.status == "Failed"


REFUSED = {
    "unknown learner": (lambda f, o: sm.fit(EnsembleRegressor(("xgbost",)), f, target="target", output=o), UnknownNameError, "Did you mean 'xgboost'"),
    "unknown blender": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",), "meen"), f, target="target", output=o), UnknownNameError, "Did you mean 'mean'"),
    "duplicate labels": (lambda f, o: sm.fit(EnsembleRegressor(("ridge", "ridge")), f, target="target", output=o), ParameterError, "two members"),
    "unknown hyperparameter": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f, target="target", output=o, hyperparameters={"ta": 1}), UnknownNameError, "nobody knows the parameter 'ta'"),
    "missing target": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f, target="tarjet", output=o), InputError, "there is no target column 'tarjet'. Did you mean 'target'"),
    "target missing in validation": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f, f.drop(columns="target"), target="target", output=o), InputError, "validation: there is no target column 'target'"),
    "no such file": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), "/no/such.csv", target="y", output=o), InputError, "there is no file or folder"),
    "no rows": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f[:0], target="target", output=o), InputError, "train has no rows"),
    "an array": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f.to_numpy(), target=10, output=o), InputError, "train is of type ndarray; expected a frame"),
    "s3": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), "s3://bucket/x", target="y", output=o), ParameterError, "a local job reads files"),
    "s3 output": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f, target="target", output="s3://bucket/x"), ParameterError, "a local job writes"),
    "instance": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",)), f, target="target", output=o, instance_type="ml.m5.large"), ParameterError, "is no S3 address"),
    "a callable": (lambda f, o: sm.fit(EnsembleRegressor(("ridge",), callbacks=print), f, target="target", output=o), SpecError, "callbacks"),
    "a local class": (lambda f, o: sm.fit(EnsembleRegressor([("mine", _local())]), f, target="target", output=o), SpecError, "member 'mine': class"),
    "not an ensemble": (lambda f, o: sm.fit(LinearRegression(), f, target="target", output=o), ParameterError, "LinearRegression is not an ensemble"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target": "tarjet"}, "train: there is no target column 'tarjet'. Did you mean 'target'"),
        ({"target": "target", "drop": ["agee"]}, "train: there is no drop column 'agee'. Did you mean 'age'"),
        ({"target": "target", "weight": "target"}, "train: one column has two roles"),
        ({"target": "target", "validation": True}, "validation: there is no target column 'target'"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_a_file_lacks_is_told_before_the_job(diabetes_frame, tmp_path, kind, wrong, message):
    files = {name: tmp_path / f"{name}.{kind}" for name in ("train", "validation")}
    for file, frame in zip(files.values(), (diabetes_frame, diabetes_frame.drop(columns="target")), strict=True):
        frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
    given = {**wrong, "validation": files["validation"]} if "validation" in wrong else wrong
    with pytest.raises(InputError, match=message):
        sm.fit(EnsembleRegressor(("ridge",)), files["train"], **given, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _local():
    class Here(LinearRegression):
        pass

    return Here()


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_before_anything_is_written(case, split, tmp_path):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call(split[0], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_index_pairs_are_refused(split, tmp_path):
    pairs = [(np.arange(100), np.arange(100, 330))]
    with pytest.raises(SpecError, match="cv: a ndarray"):
        sm.fit(EnsembleRegressor(("ridge",), cv=pairs), split[0], target="target", output=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.csv").touch()
    with pytest.raises(InputError, match="a.csv is empty"):
        sm.fit(EnsembleRegressor(("ridge",)), tmp_path / "a.csv", target="y", output=tmp_path / "jobs")
    assert not (tmp_path / "jobs").exists()


def test_stop_ends_the_job(split, tmp_path):
    slow = EnsembleRegressor([learner("catboost", iterations=200_000)])
    job = sm.fit(slow, split[0], target="target", output=tmp_path, wait=False)
    assert job.status == "InProgress"
    with pytest.raises(JobError, match=r"has the status InProgress: it has not ended; call wait\(\) first"):
        _ = job.artifact
    job.stop()
    assert job.status == "Stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(job._process.pid, 0)
    with pytest.raises(JobError, match="has the status Stopped: it was stopped before its end"):
        job.wait()


def test_an_interrupted_wait_stops_the_job(split, tmp_path):
    slow = EnsembleRegressor([learner("catboost", iterations=200_000)])
    job = sm.fit(slow, split[0], target="target", output=tmp_path, wait=False)

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.wait(on_line=interrupt)
    assert job.status == "Stopped"


def test_a_job_ends_with_the_process_that_started_it(split, tmp_path):
    split[0].to_csv(tmp_path / "a.csv", index=False)
    code = (
        "import byoe, sys\n"
        "slow = byoe.EnsembleRegressor([byoe.learner('catboost', iterations=200000)])\n"
        f"job = byoe.sagemaker.fit(slow, {str(tmp_path / 'a.csv')!r}, target='target', output={str(tmp_path / 'jobs')!r}, wait=False)\n"
        "print(job._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_the_log_is_printed_while_waiting(split, tmp_path, capsys):
    sm.fit(EnsembleRegressor(("ridge",), random_state=0), split[0], target="target", output=tmp_path)
    out = capsys.readouterr().out
    assert "ridge done in" in out
    assert "validation:rmse=" in out


def test_a_handle_shows_where_things_are(job):
    assert job.name in repr(job)
    assert "Completed" in repr(job)
    assert job.artifact == job.base / "model"


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGKILL"])
def test_a_job_does_not_outlive_a_killed_owner(signal_name, split, tmp_path):
    split[0].to_csv(tmp_path / "a.csv", index=False)
    code = (
        "import byoe, os, signal, time\n"
        "slow = byoe.EnsembleRegressor([byoe.learner('catboost', iterations=200000)])\n"
        f"job = byoe.sagemaker.fit(slow, {str(tmp_path / 'a.csv')!r}, target='target', output={str(tmp_path / 'jobs')!r}, wait=False)\n"
        "while 'read' not in job.log: time.sleep(0.05)\n"
        "print(job._process.pid, flush=True)\n"
        f"os.kill(os.getpid(), signal.{signal_name})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the job lives on")


def test_a_killed_job_says_so(split, tmp_path):
    job = sm.fit(
        EnsembleRegressor([learner("catboost", iterations=200_000)]),
        split[0],
        target="target",
        output=tmp_path,
        wait=False,
    )
    os.kill(job._process.pid, signal.SIGKILL)
    with pytest.raises(JobError, match="has the status Failed: it was ended by signal 9"):
        job.wait()


@pytest.mark.parametrize("value", [object(), blender("mean"), float("nan"), {1, 2}])
def test_hyperparameters_that_are_no_json_are_refused(value, split, tmp_path):
    with pytest.raises(ParameterError, match="hyperparameter 'cv' is .*which JSON cannot express"):
        sm.fit(EnsembleRegressor(("ridge",)), split[0], target="target", output=tmp_path, hyperparameters={"cv": value})
    assert list(tmp_path.iterdir()) == []


def test_unknown_classes_of_a_validation_table_are_named(iris, tmp_path):
    import pandas as pd

    frame = pd.DataFrame(iris[0], columns=list("abcd")).assign(kind=iris[1])
    train = frame[frame["kind"] != "setosa"]
    with pytest.raises(JobError, match="holds classes that training does not: setosa"):
        sm.fit(EnsembleClassifier(("ridge",), "mean"), train, frame, target="kind", output=tmp_path, logs=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="bmi"), "validation: these columns of the training table are missing: bmi"),
        (
            lambda f: f.assign(bmi="high"),
            "validation: these columns hold something else than when the ensemble was fitted: 'bmi'",
        ),
        (lambda f: f.assign(target=f["target"].where(f.index != 400)), "validation: Input y contains NaN"),
    ],
)
def test_a_validation_table_that_does_not_fit_is_refused_before_training(change, message, split, tmp_path):
    with pytest.raises(JobError, match=message) as caught:
        sm.fit(EnsembleRegressor(("ridge",)), split[0], change(split[1]), target="target", output=tmp_path, logs=False)
    assert "ridge fold" not in caught.value.job.log
