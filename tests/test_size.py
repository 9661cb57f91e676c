"""How much memory a table and its fit will take, told before it is read, and what is refused for it."""

import gzip

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts._task import Task
from byoe.data._labelled import read_labelled
from byoe.data._reading import Reading
from byoe.data._size import TableSize, size_of_files
from byoe.engine._order import least_memory
from byoe.ensemble._room import Room, room_for
from byoe.errors import InputError
from byoe.sagemaker.shared._tables import data_reading

ROLES = {"target": "y", "weight": None, "groups": None, "drop": []}
N = 20_000
NUMBERS = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 5)), columns=list("abcdy"))
ROW = 100  # bytes that every row takes beside its cells


def size(file, **roles):
    return size_of_files(file, {**ROLES, **roles}, Reading())


@pytest.mark.parametrize(("kind", "cell"), [("float32", 4), ("float64", 8)])
def test_floats_of_one_kind_take_their_own_width(tmp_path, kind, cell):
    NUMBERS.astype(kind).to_parquet(tmp_path / "data.parquet")
    assert size(tmp_path / "data.parquet") == TableSize(N, 4, N * (4 * cell + ROW))
    assert size(tmp_path / "data.parquet", drop=["a", "c"]) == TableSize(N, 2, N * (2 * cell + ROW))


def test_frames_of_several_hosts_show_no_array(tmp_path):
    NUMBERS.astype("float32").to_parquet(tmp_path / "data.parquet")
    told = size_of_files(tmp_path / "data.parquet", ROLES, Reading(), sharded=True)
    assert told == TableSize(N, 4, N * (4 * 4 + 4 * 8 + ROW))


def test_what_is_said_is_what_the_table_takes(tmp_path):
    NUMBERS.to_parquet(tmp_path / "data.parquet")
    read = read_labelled(tmp_path / "data.parquet", ROLES, Reading())
    assert size(tmp_path / "data.parquet").bytes - N * ROW == read.X.memory_usage(index=False).sum()


@pytest.mark.parametrize(("reading", "header", "target"), [({"sep": ";"}, None, "y"), (None, False, 0)])
def test_how_files_are_read_is_no_column(tmp_path, reading, header, target):
    how = Reading.of(reading, header=header)
    NUMBERS.to_csv(tmp_path / "data.csv", sep=how.sep or ",", index=False, header=header is None)
    roles = {**ROLES, "target": target}
    told = size_of_files(tmp_path / "data.csv", {**roles, **data_reading(how)}, how)
    assert told == size_of_files(tmp_path / "data.csv", roles, how)
    assert told is not None


def test_a_folder_is_the_sum_of_its_files(tmp_path):
    for number in range(3):
        NUMBERS.to_parquet(tmp_path / f"part-{number}.parquet")
    assert size(tmp_path).rows == 3 * N


def test_other_columns_are_there_twice(tmp_path):
    mixed = NUMBERS.assign(n=np.arange(N, dtype=np.int16))
    mixed.to_parquet(tmp_path / "data.parquet")
    assert size(tmp_path / "data.parquet") == TableSize(N, 5, N * (max(2 * 34, 34 + 5 * 8) + ROW))
    texts = NUMBERS.assign(t=["a rather long text"] * N)
    texts.to_parquet(tmp_path / "data.parquet")
    assert size(tmp_path / "data.parquet").bytes > N * 2 * (4 * 8 + len("a rather long text"))


@pytest.mark.parametrize("text", ["{:.3f}", '"{:.3f}"'])
def test_rows_of_csv_are_guessed_by_the_first(tmp_path, text):
    lines = [",".join(map(text.format, row)) for row in NUMBERS.to_numpy()]
    (tmp_path / "data.csv").write_text("a,b,c,d,y\n" + "\n".join(lines) + "\n")
    told = size(tmp_path / "data.csv")
    assert told.columns == 4
    assert told.rows == pytest.approx(N, rel=0.02)


def test_of_csv_columns_to_drop_are_read_too(tmp_path):
    NUMBERS.assign(note="x" * 2000).to_csv(tmp_path / "data.csv", index=False)
    NUMBERS.assign(note="x" * 2000).to_parquet(tmp_path / "data.parquet")
    of_csv, of_parquet = (
        size_of_files(tmp_path / name, {**ROLES, "drop": ["note"]}, Reading()) for name in ("data.csv", "data.parquet")
    )
    assert of_csv.columns == of_parquet.columns == 4
    assert of_csv.bytes > N * 2 * 2000
    assert of_parquet.bytes < N * 200


def test_a_cell_of_several_lines_is_one_row(tmp_path):
    frame = NUMBERS.assign(t="one\ntwo\nthree\nfour")
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert size(tmp_path / "data.csv").rows == pytest.approx(N, rel=0.02)


def test_what_cannot_be_told_is_not_guessed(tmp_path):
    text = NUMBERS.to_csv(index=False)
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(text.encode()))
    NUMBERS.to_feather(tmp_path / "data.feather")
    NUMBERS.to_json(tmp_path / "data.json", orient="records")
    NUMBERS.to_csv(tmp_path / "data.csv", index=False)
    for name in ("data.csv.gz", "data.feather", "data.json", "no such file"):
        assert size(tmp_path / name) is None
    assert size(tmp_path / "data.csv", target="nobody") is None  # who reads it says so


def test_members_add_what_they_prepare_and_one_task():
    task = Task("regression")
    boosters = [learner("lightgbm"), learner("catboost")]
    each = [one.memory(1000, 10, task=task) for one in boosters]
    assert least_memory(boosters, 1000, 10, task) == sum(each) / 2 + max(each)
    ridge = learner("ridge")  # of which sums over rows are kept, and no rows
    assert least_memory([ridge], 1000, 10, task) == ridge.memory(1000, 10, task=task) / 3
    classes = Task("classification", 2)
    assert least_memory([ridge], 1000, 10, classes) == ridge.memory(1000, 10, task=classes)


LARGE = TableSize(10_000_000, 50, 5e9)


def test_more_than_the_memory_is_refused_with_what_would_do():
    room = Room(LARGE, 3e9, 6e9)
    with pytest.raises(InputError) as refused:
        room.check("train.parquet", lambda needed: f"{needed / 1e9:.0f} GB would do. ")
    assert str(refused.value) == (
        "train.parquet: 10,000,000 rows x 50 columns need about 8.0 GB of memory (5.0 GB for the table, 3.0 GB for the "
        "members), and 6.0 GB are free, so that the fit would be ended for want of memory. 8 GB would do. Use fewer "
        "rows or columns (drop), float32 numbers in Parquet, or fewer members; or set BYOE_MEMORY=try in the "
        "environment to try it all the same"
    )


def test_it_can_be_tried_all_the_same(monkeypatch):
    monkeypatch.setenv("BYOE_MEMORY", "try")
    assert Room(LARGE, 3e9, 6e9).check("x").endswith("and 6.0 GB are free; it is tried all the same (BYOE_MEMORY=try)")


def test_more_than_half_is_said_and_less_is_not():
    assert Room(LARGE, 3e9, 15e9).check("x").endswith("and 15.0 GB are free")
    assert Room(LARGE, 3e9, 17e9).check("x") == ""


def test_a_table_alone_is_told_of_as_such():
    with pytest.raises(InputError, match=r"about 5\.0 GB of memory for the table alone, and 1\.0 GB are free"):
        Room(LARGE, 0.0, 1e9).check("x")


@pytest.mark.parametrize("kind", [EnsembleRegressor, EnsembleClassifier])
def test_the_members_are_those_of_the_ensemble(kind):
    small = Room.of(kind(["lightgbm"]), LARGE, 1e12)
    large = Room.of(kind(["lightgbm", "catboost"]), LARGE, 1e12)
    assert 0 < small.members < large.members


def test_memory_limit_is_a_limit():
    assert room_for(LARGE, 1).free < 0
    with pytest.raises(InputError, match="for want of memory"):
        Room.of(EnsembleRegressor(["ridge"], memory_limit=1), LARGE).check("x")
