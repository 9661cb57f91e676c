"""A job on several hosts of which each has other files: its rows are those that one host would read.

Hosts are processes with addresses of this machine of their own.
"""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.data._labelled import labelled
from byoe.errors import InputError, JobError
from byoe.sagemaker.in_job import _shards

pytest.importorskip("distributed")
ENSEMBLE = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0, n_jobs=1)
PARTS = ("b/part-1.csv", "a.csv", "c.parquet", "b/part-0.csv")
ROLES = {"target": "target", "weight": None, "groups": None, "drop": []}


@pytest.fixture(scope="module")
def parts(diabetes_frame, tmp_path_factory):
    """A folder of files of several kinds."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "b").mkdir()
    for number, name in enumerate(PARTS):
        frame = diabetes_frame.iloc[30 * number : 30 * (number + 1)]
        (frame.to_csv if name.endswith("csv") else frame.to_parquet)(folder / name, index=False)
    (folder / "_SUCCESS").touch()
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "source"
    return byoe.sagemaker.export(ENSEMBLE, folder, target="target", instance_count=2)


@pytest.fixture
def host(parts, source, tmp_path):
    """Return a process that is a host of a job, and the folder that stands for ``/opt/ml`` there."""

    def start(hosts, number, channels, distribution="ShardedByS3Key"):
        base = tmp_path / str(number)
        for name in ("input/config", "model", "output/data"):
            (base / name).mkdir(parents=True)
        shutil.copytree(source, base / "code")
        for channel, files in channels.items():
            for file in files:
                place = base / "input" / "data" / channel / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(parts / file, place)
        told = {"TrainingInputMode": "File", "S3DistributionType": distribution, "RecordWrapperType": "None"}
        (base / "input/config/inputdataconfig.json").write_text(json.dumps(dict.fromkeys(channels, told)))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SM_")},
            **{f"SM_CHANNEL_{name.upper()}": str(base / "input/data" / name) for name in channels},
            "SM_HOSTS": json.dumps(hosts),
            "SM_CURRENT_HOST": hosts[number],
            "SM_INPUT_CONFIG_DIR": str(base / "input/config"),
            "SM_MODEL_DIR": str(base / "model"),
            "SM_OUTPUT_DIR": str(base / "output"),
            "SM_OUTPUT_DATA_DIR": str(base / "output/data"),
        }
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
        return subprocess.Popen([sys.executable, "train.py"], cwd=base / "code", **how), base

    return start


def test_the_model_is_that_of_one_host_with_all_files(host, parts, diabetes_frame, tmp_path):
    hosts = ["127.0.71.1", "127.0.71.2"]
    channels = [
        {"train": ["a.csv", "b/part-1.csv", "_SUCCESS"], "validation": ["c.parquet"]},
        {"train": ["c.parquet", "b/part-0.csv"], "validation": ["_SUCCESS"]},  # fewer files than hosts
    ]
    started = [host(hosts, number, one) for number, one in enumerate(channels)]
    logs = [process.communicate(timeout=120)[0] for process, _ in started]
    assert [process.returncode for process, _ in started] == [0, 0], "\n".join(logs)
    assert "2 files of channel train are here" in logs[0]
    assert "0 files of channel validation are here" in logs[1]
    assert all("[byoe] read 120 rows x 10 columns" in log for log in logs)
    whole = byoe.sagemaker.fit(
        ENSEMBLE, parts, parts / "c.parquet", target="target", output=tmp_path / "jobs", logs=False
    )
    made, one = byoe.load(started[0][1] / "model"), whole.ensemble()
    X = diabetes_frame.drop(columns="target")
    assert np.array_equal(made.predict(X), one.predict(X))
    assert made.score_estimate_ == one.score_estimate_
    assert all(f"{name}={value}" in logs[0] for name, value in whole.metrics.items())


def test_hosts_that_have_read_other_rows_end_the_job(host):
    hosts = ["127.0.72.1", "127.0.72.2"]
    files = ["a.csv"], ["b/part-0.csv"]
    started = [host(hosts, number, {"train": one}, "FullyReplicated") for number, one in enumerate(files)]
    logs = [process.communicate(timeout=120)[0] for process, _ in started]
    assert [process.returncode for process, _ in started] == [1, 0], "\n".join(logs)
    failure = (started[0][1] / "output" / "failure").read_text()
    assert failure.startswith(
        "JobError: 127.0.72.2 has read other rows than 127.0.72.1; all have to get the same files"
    )


def test_a_file_that_another_host_cannot_read_fails_the_job(host, parts):
    (parts / "bad.csv").write_text("age,target\n")
    hosts = ["127.0.73.1", "127.0.73.2"]
    files = ["a.csv"], ["bad.csv"]
    started = [host(hosts, number, {"train": one}) for number, one in enumerate(files)]
    logs = [process.communicate(timeout=120)[0] for process, _ in started]
    (parts / "bad.csv").unlink()
    assert [process.returncode for process, _ in started] == [1, 0], "\n".join(logs)
    failure = (started[0][1] / "output" / "failure").read_text()
    assert failure.startswith("InputError: ")
    assert "bad.csv holds a header and no rows" in failure


@pytest.fixture
def config(monkeypatch, tmp_path):
    """Say what the platform tells of channels and hosts."""

    def write(hosts=("a", "b"), **channels):
        (tmp_path / "inputdataconfig.json").write_text(json.dumps(channels))
        monkeypatch.setenv("SM_INPUT_CONFIG_DIR", str(tmp_path))
        monkeypatch.setenv("SM_HOSTS", json.dumps(hosts))
        monkeypatch.setenv("SM_CURRENT_HOST", hosts[0])

    return write


def test_nothing_is_exchanged_where_every_host_has_all(config):
    config(train={"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"})
    assert _shards.read_shards(ROLES) == {}
    config(hosts=["a"], train={"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"})
    assert _shards.read_shards(ROLES) == {}
    config(code={"TrainingInputMode": "Pipe"})
    assert _shards.read_shards(ROLES) == {}


def test_a_pipe_is_told(config):
    config(train={"TrainingInputMode": "Pipe", "S3DistributionType": "FullyReplicated"})
    with pytest.raises(
        JobError, match="channel 'train' is a pipe, and jobs read files; let its input mode be 'FastFile'"
    ):
        _shards.read_shards(ROLES)


def test_files_are_joined_in_the_order_of_a_folder(tmp_path):
    names = ["b/2.csv", "b/10.csv", "b.csv", "B/1.csv", "b-1/x.csv", "a.csv"]
    frames = {name: pd.DataFrame({"x": [number], "y": ["u"]}) for number, name in enumerate(names)}
    for name, frame in frames.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        frame.to_csv(tmp_path / name, index=False)
    shards = [{("train", name): (frames[name], ROLES) for name in some} for some in (names[3:], names[:3])]
    whole, roles = _shards._whole("train", shards)
    assert roles == ROLES
    pd.testing.assert_frame_equal(whole, _shards.read_frame(tmp_path))


WIDE = pd.DataFrame({"note": ["long " * 9] * 30, "x": np.arange(30.0), "target": np.arange(30.0), "3": 1.0})


@pytest.mark.parametrize("form", ["to_csv", "to_parquet"])
@pytest.mark.parametrize(
    "roles",
    [{"target": "target", "drop": ["note", "3"]}, {"target": -2, "drop": [0, 3]}, {"target": "2", "drop": ["0", -1]}],
)
def test_columns_to_drop_stay_where_they_are(roles, form, config, tmp_path, monkeypatch):
    config(train={"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"})
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "train"))
    (tmp_path / "train").mkdir()
    getattr(WIDE, form)(tmp_path / "train" / "a", index=False)
    monkeypatch.setattr(_shards, "_exchanged", lambda hosts, here, read: [read()])
    ((table, found),) = _shards.read_shards({**ROLES, **roles}).values()
    assert list(table.columns) == ["x", "target"]
    apart = labelled(table, found)
    assert list(apart.X.columns) == ["x"]
    assert apart.y.tolist() == list(range(30))


def test_positions_have_to_mean_the_same_in_all_files():
    frames = [pd.DataFrame({"x": [1.0], "y": [2.0]}), pd.DataFrame({"y": [3.0], "x": [4.0]})]
    by_position, by_name = (
        [_shards._kept(list(one.columns), {**ROLES, "target": target}) for one in frames] for target in (-1, "y")
    )
    shards = [
        [
            {("train", f"{number}.csv"): (frame, found)}
            for number, (frame, (_, found)) in enumerate(zip(frames, kept, strict=True))
        ]
        for kept in (by_position, by_name)
    ]
    with pytest.raises(InputError, match="columns in another order than others"):
        _shards._whole("train", shards[0])
    whole, found = _shards._whole("train", shards[1])
    assert labelled(whole, found).y.tolist() == [2.0, 3.0]


def test_a_column_to_drop_that_is_not_there_is_told(config, tmp_path, monkeypatch):
    config(train={"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"})
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path))
    WIDE.to_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr(_shards, "_exchanged", lambda hosts, here, read: [read()])
    with pytest.raises(InputError, match="there is no drop column 'notes'"):
        _shards.read_shards({**ROLES, "drop": ["notes"]})


def test_positions_in_files_without_a_header_are_those_of_the_files(config, tmp_path, monkeypatch):
    config(train={"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"})
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "train"))
    (tmp_path / "train").mkdir()
    np.savetxt(tmp_path / "train" / "a.csv", np.arange(40.0).reshape(10, 4), delimiter=",")
    monkeypatch.setattr(_shards, "_exchanged", lambda hosts, here, read: [read()])
    whole = _shards.read_shards({**ROLES, "target": 2, "drop": [0], "header": False})["train"]
    apart = labelled(*whole)
    assert apart.y.tolist() == [4.0 * row + 2 for row in range(10)]
    assert apart.X.tolist() == [[4.0 * row + 1, 4.0 * row + 3] for row in range(10)]


def test_rows_do_not_count_twice():
    frame = pd.DataFrame({"x": [1.0]})
    shard = {("train", "a.csv"): (frame, ROLES)}
    with pytest.raises(JobError, match="several hosts have 'a.csv' of channel 'train', whose rows would count twice"):
        _shards._whole("train", [shard, shard])
    with pytest.raises(JobError, match="no host has a file of channel 'validation'"):
        _shards._whole("validation", [shard])
    with pytest.raises(InputError, match="b.csv and a.csv have different columns: x, z"):
        _shards._whole("train", [shard, {("train", "b.csv"): (frame.rename(columns={"x": "z"}), ROLES)}])
