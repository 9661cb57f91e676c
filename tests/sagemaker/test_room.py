"""A table that is too large for a machine is refused: in the job before it is read, here before it is uploaded."""

import json

import boto3
import narwhals as nw
import pandas as pd
import polars as pl
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.data._reading import Reading
from byoe.data._size import size_of_files
from byoe.ensemble import _room
from byoe.errors import InputError
from byoe.sagemaker._room import _size_of_frame, check_room
from byoe.sagemaker.in_job._room import check_room as check_room_in_job
from byoe.sagemaker.shared import _instances
from byoe.sagemaker.shared._instances import GIB, larger, memory_of
from byoe.sagemaker.shared._place import Where

ENSEMBLE = EnsembleRegressor(["ridge"], random_state=0)
ROLES = {"target": "y", "weight": None, "groups": None, "drop": []}
KNOWN = {
    "ml.m5.large": 8,
    "ml.m5.24xlarge": 384,
    "ml.m4.10xlarge": 160,
    "ml.c5.9xlarge": 72,
    "ml.c5n.18xlarge": 192,
    "ml.r5.12xlarge": 384,
    "ml.m7i.48xlarge": 768,
    "ml.g5.48xlarge": 768,
    "ml.g4dn.xlarge": 16,
}


@pytest.fixture
def frame(rng):
    return pd.DataFrame(rng.normal(size=(4000, 3)), columns=list("aby"))


@pytest.mark.parametrize("name", KNOWN)
def test_memory_follows_from_the_name(name):
    assert memory_of(name) / GIB == pytest.approx(KNOWN[name], rel=0.02)


@pytest.mark.parametrize("name", ["local", "ml.p4d.24xlarge", "m5.large", ""])
def test_no_memory_is_guessed_of_others(name):
    assert memory_of(name) is None


def test_all_types_that_are_named_can_train():
    model = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    there = set(model.meta.service_model.shape_for("TrainingInstanceType").enum)
    named = {
        f"ml.{family}.{f'{size}xlarge' if size > 1 else 'xlarge' if size else 'large'}"
        for family, sizes in _instances._SIZES.items()
        for size in sizes
    }
    assert named <= there


@pytest.mark.parametrize(
    ("name", "gib", "expected"),
    [
        ("ml.m5.large", 7, "ml.m5.xlarge has 16 GiB"),
        ("ml.m5.large", 10, "ml.m5.xlarge has 16 GiB"),
        ("ml.m5.large", 15, "ml.m5.2xlarge has 32 GiB"),
        ("ml.c5.xlarge", 100, "ml.c5.18xlarge has 144 GiB"),
        ("ml.c5.xlarge", 200, "ml.m7i.16xlarge has 256 GiB"),
        ("ml.m5.large", 1000, "ml.r7i.48xlarge has 1536 GiB"),
        ("ml.m5.large", 9000, "No instance has the 10000 GiB"),
        ("ml.p3.2xlarge", 90, "An instance with 100 GiB or more"),
    ],
)
def test_the_smallest_that_would_do_is_named(name, gib, expected):
    assert larger(name, gib * GIB).startswith(expected)


def test_no_instance_is_named_for_this_machine():
    assert larger("local", GIB) == ""


def test_a_job_refuses_what_it_has_no_memory_for(frame, tmp_path, monkeypatch, capsys):
    frame.to_parquet(tmp_path / "data.parquet")
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path))
    monkeypatch.setenv("SM_CURRENT_INSTANCE_TYPE", "ml.m5.large")
    data = {**ROLES, "header": None}
    needed = _room.Room.of(ENSEMBLE, _size(tmp_path)).needed
    monkeypatch.setattr(_room, "free_memory", lambda limit: 0.9 * needed)
    with pytest.raises(
        InputError, match=r"the training table: 4,000 rows x 2 columns need .* ml\.m5\.xlarge has 16 GiB"
    ):
        check_room_in_job(ENSEMBLE, data)
    monkeypatch.setattr(_room, "free_memory", lambda limit: 1.5 * needed)
    check_room_in_job(ENSEMBLE, data)
    assert capsys.readouterr().out.startswith("[byoe] the training table: 4,000 rows x 2 columns need")
    monkeypatch.setattr(_room, "free_memory", lambda limit: 3 * needed)
    check_room_in_job(ENSEMBLE, data)
    assert capsys.readouterr().out == ""


def test_a_validation_table_counts_too(frame, tmp_path, monkeypatch):
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        frame.to_parquet(tmp_path / name / "data.parquet")
        monkeypatch.setenv(f"SM_CHANNEL_{name.upper()}", str(tmp_path / name))
    alone = _room.Room.of(ENSEMBLE, _size(tmp_path / "train")).needed
    monkeypatch.setattr(_room, "free_memory", lambda limit: 1.01 * alone)
    with pytest.raises(InputError, match="for the table, .* for the validation table, .* for the members"):
        check_room_in_job(ENSEMBLE, {**ROLES, "header": None})
    monkeypatch.delenv("SM_CHANNEL_VALIDATION")
    check_room_in_job(ENSEMBLE, {**ROLES, "header": None})


def test_of_a_channel_with_other_files_on_each_host_all_rows_count(frame, tmp_path, monkeypatch, capsys):
    (tmp_path / "train").mkdir()
    frame.to_parquet(tmp_path / "train" / "data.parquet")
    how = {"train": {"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"}}
    (tmp_path / "inputdataconfig.json").write_text(json.dumps(how))
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "train"))
    monkeypatch.setenv("SM_INPUT_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("SM_HOSTS", '["algo-1", "algo-2", "algo-3"]')
    monkeypatch.setattr(_room, "free_memory", lambda limit: 1.0)
    with pytest.raises(InputError, match=r"the training table: 12,000 rows x 2 columns need"):
        check_room_in_job(ENSEMBLE, {**ROLES, "header": None})


def test_columns_that_hosts_drop_count_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "train").mkdir()
    pd.DataFrame({"x": range(500), "y": range(500), "note": "x" * 2000}).to_csv(
        tmp_path / "train" / "a.csv", index=False
    )
    how = {"train": {"TrainingInputMode": "File", "S3DistributionType": "ShardedByS3Key"}}
    (tmp_path / "inputdataconfig.json").write_text(json.dumps(how))
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "train"))
    monkeypatch.setenv("SM_INPUT_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("SM_HOSTS", '["algo-1", "algo-2", "algo-3", "algo-4"]')
    seen = []
    monkeypatch.setattr(_room.Room, "check", lambda self, *_: seen.append(self.size) or "")
    check_room_in_job(ENSEMBLE, {**ROLES, "drop": ["note"], "header": None})
    assert seen[0].rows == pytest.approx(2000, rel=0.05)
    assert 500 * 2 * 2000 < seen[0].bytes < 2 * 500 * 2 * 2000


def _size(path):
    return size_of_files(path, ROLES, Reading())


def test_that_is_done_before_the_table_is_read(frame, tmp_path):
    """A whole job, of an ensemble that may have one byte."""
    small = EnsembleRegressor(["ridge"], memory_limit=1, random_state=0)
    with pytest.raises(byoe.errors.JobError, match="for want of memory") as failed:
        byoe.sagemaker.fit(small, frame, target="y", output=tmp_path, logs=False)
    assert "[byoe] read " not in failed.value.job.log


def _refusing(monkeypatch):
    monkeypatch.setattr("byoe.sagemaker._room.usable", lambda name: 1000.0 if name == "ml.m5.large" else None)


@pytest.mark.parametrize("form", ["pandas", "polars", "file"])
def test_a_large_table_is_not_sent_to_a_small_instance(frame, tmp_path, monkeypatch, form):
    _refusing(monkeypatch)
    frame.to_parquet(tmp_path / "data.parquet")
    tables = {
        "pandas": nw.from_native(frame),
        "polars": nw.from_native(pl.DataFrame({name: frame[name].to_numpy() for name in frame})),
        "file": tmp_path / "data.parquet",
    }
    here = {"train": tables[form]}, ROLES, Reading()
    with pytest.raises(InputError, match=r"train: 4,000 rows x 2 columns .* ml\.m5\.xlarge has 16 GiB and would do"):
        check_room(ENSEMBLE, *here, Where("ml.m5.large"))
    check_room(ENSEMBLE, *here, Where("local"))
    check_room(ENSEMBLE, *here, Where("ml.m5.large", options={"environment": {"BYOE_MEMORY": "try"}}))
    check_room(ENSEMBLE, {"train": "s3://bucket/data"}, ROLES, Reading(), Where("ml.m5.large"))
    monkeypatch.setattr(
        "byoe.sagemaker._room.usable", lambda name: 1.01 * _room.Room.of(ENSEMBLE, _size(tables["file"])).needed
    )
    check_room(ENSEMBLE, *here, Where("ml.m5.large"))
    with pytest.raises(InputError, match="for the validation table"):
        check_room(ENSEMBLE, {**here[0], "validation": tables[form]}, *here[1:], Where("ml.m5.large"))


@pytest.mark.parametrize("kind", ["float32", "float64", "mixed"])
def test_a_frame_is_as_large_as_its_file_will_be(frame, tmp_path, kind):
    table = frame.assign(n=1) if kind == "mixed" else frame.astype(kind)
    table.to_parquet(tmp_path / "data.parquet")
    assert _size_of_frame(nw.from_native(table), ROLES) == _size(tmp_path / "data.parquet")


def test_fit_refuses_it_before_anything_else(frame, tmp_path, monkeypatch):
    _refusing(monkeypatch)
    with pytest.raises(InputError, match="train: 4,000 rows x 2 columns"):
        byoe.sagemaker.fit(
            ENSEMBLE, frame, target="y", instance_type="ml.m5.large", role="arn:aws:iam::1:role/x", session=object()
        )


def test_tune_refuses_it_too(frame, monkeypatch):
    _refusing(monkeypatch)
    where = {"instance_type": "ml.m5.large", "role": "arn:aws:iam::1:role/x", "session": object()}
    with pytest.raises(InputError, match="train: 4,000 rows x 2 columns"):
        byoe.sagemaker.tune(ENSEMBLE, {"ridge__alpha": (0.1, 1.0)}, frame, target="y", **where)
