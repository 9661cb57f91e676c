"""A job that the platform ends in the middle, and the next attempt with the same checkpoints."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor, learner
from byoe.sagemaker.local._layout import lay_out
from byoe.sagemaker.shared._checks import variant_of
from byoe.sagemaker.source._folder import write_source
from byoe.store._store import TASKS, entries


def start(base, source, data, hyperparameters=()):
    arguments, environment = lay_out(base, source, {"train": data}, dict(hyperparameters), name="job", cpus=2)
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=base / "code",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def ensemble():
    return EnsembleRegressor(("ridge", learner("catboost", iterations=1500)), "mean", random_state=0)


def test_a_spot_interruption_keeps_what_is_finished(split, tmp_path, ensemble):
    split[0].to_csv(tmp_path / "train.csv", index=False)
    roles = {"target": "target", "weight": None, "groups": None, "drop": []}
    source = write_source(variant_of(ensemble), tmp_path / "source", data=roles)
    checkpoints = tmp_path / "first" / "checkpoints"
    checkpoints.mkdir(parents=True)
    process = start(tmp_path / "first", source, tmp_path / "train.csv")
    while not ((checkpoints / TASKS).is_dir() and any(e.size for e in entries(checkpoints / TASKS))):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert f"[byoe] finished tasks are kept in {checkpoints}" in log
    assert (
        log.splitlines()[-1]
        == f"[byoe] ended by the platform; what is finished is kept in {checkpoints}, for the next attempt"
    )
    assert not (tmp_path / "first" / "output" / "failure").exists()  # it is no failure, and starts again
    assert not list((tmp_path / "first" / "model").iterdir())
    kept = {entry.path.name for entry in entries(checkpoints / TASKS)}
    assert kept

    (tmp_path / "second").mkdir()
    shutil.copytree(checkpoints, tmp_path / "second" / "checkpoints")
    process = start(tmp_path / "second", source, tmp_path / "train.csv")
    log, _ = process.communicate(timeout=300)
    assert process.returncode == 0, log
    found = entries(tmp_path / "second" / "checkpoints" / TASKS)
    assert kept < {entry.path.name for entry in found}
    X, y = split[0].drop(columns="target"), split[0]["target"]
    here = ensemble.fit(X, y)
    np.testing.assert_allclose(byoe.load(tmp_path / "second" / "model").predict(X), here.predict(X), rtol=1e-12)


def test_without_checkpoints_a_job_ends_as_well(split, tmp_path, ensemble):
    split[0].to_csv(tmp_path / "train.csv", index=False)
    roles = {"target": "target", "weight": None, "groups": None, "drop": []}
    process = start(
        tmp_path / "job", write_source(variant_of(ensemble), tmp_path / "source", data=roles), tmp_path / "train.csv"
    )
    for line in process.stdout:
        if line.startswith("[byoe] read "):
            break
    os.kill(process.pid, signal.SIGTERM)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert log.splitlines()[-1] == "[byoe] ended by the platform"


def test_what_a_tuning_job_tells_its_trials_is_no_parameter(split, tmp_path):
    split[0].to_csv(tmp_path / "train.csv", index=False)
    roles = {"target": "target", "weight": None, "groups": None, "drop": []}
    source = write_source(variant_of(EnsembleRegressor(("ridge",), "mean")), tmp_path / "source", data=roles)
    told = {"_tuning_objective_metric": "validation:rmse", "cv": 3}
    process = start(tmp_path / "job", source, tmp_path / "train.csv", told)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert '[byoe] hyperparameters {"cv": 3}' in log
