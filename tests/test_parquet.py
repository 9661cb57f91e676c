"""Parquet by columns: what has no role is not read, and floats of one kind become one array."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from byoe import EnsembleRegressor, learner
from byoe.data import _parquet
from byoe.data._files import read_frame
from byoe.data._input import learn_table, read_table
from byoe.data._labelled import read_labelled
from byoe.data._reading import Reading
from byoe.data._roles import take_apart
from byoe.errors import InputError

ROLES = {"target": "y", "weight": None, "groups": None, "drop": []}
RNG = np.random.default_rng(0)
FLOATS = pd.DataFrame(RNG.normal(size=(50, 3)), columns=["a", "b", "c.d"]).assign(y=RNG.normal(size=50))
FRAMES = {
    "float64": FLOATS,
    "float32": FLOATS.astype("float32"),
    "holes": FLOATS.mask(FLOATS > 1),
    "mixed widths": FLOATS.astype({"a": "float32"}),
    "texts and whole numbers": FLOATS.assign(
        t=["x", None] * 25, n=range(50), m=pd.array([1, None] * 25, dtype="Int64")
    ),
    "categories": FLOATS.assign(k=pd.Categorical(["u", "v"] * 25)),
    "nullable": FLOATS.convert_dtypes(),
    "an index": FLOATS.set_index(pd.date_range("2020-01-01", periods=50)),
    "a named index": FLOATS.assign(e=1.5).set_index("b"),
    "rows left out": FLOATS[FLOATS["a"] > 0],
    "an index of pairs": FLOATS.set_index(["a", "b"]),
}


@pytest.mark.parametrize("name", FRAMES)
def test_it_is_what_pandas_reads(tmp_path, name):
    frame = FRAMES[name]
    frame.to_parquet(tmp_path / "data.parquet")
    expected = pd.read_parquet(tmp_path / "data.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "data.parquet"), expected)
    some = [*expected.columns[::-1]][:2]
    pd.testing.assert_frame_equal(read_frame(tmp_path / "data.parquet", columns=some), expected[some])


@pytest.mark.parametrize("name", FRAMES)
def test_roles_are_taken_apart_as_of_a_frame(tmp_path, name):
    FRAMES[name].to_parquet(tmp_path / "data.parquet")
    roles = {**ROLES, "drop": ["c.d"] if name == "an index of pairs" else ["c.d", 0]}
    if name == "an index of pairs":  # nothing is left
        with pytest.raises(InputError, match="no feature column is left"):
            read_labelled(tmp_path / "data.parquet", roles, Reading())
        return
    read = read_labelled(tmp_path / "data.parquet", roles, Reading())
    expected = take_apart(pd.read_parquet(tmp_path / "data.parquet"), **roles)
    pd.testing.assert_frame_equal(read.X, expected.X)
    np.testing.assert_array_equal(read.y, expected.y)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("files", [1, 3])
def test_frame_and_table_show_one_array(tmp_path, kind, files):
    whole = FLOATS.astype(kind)
    for number in range(files):
        whole.iloc[number::files].to_parquet(tmp_path / f"part-{number}.parquet", row_group_size=7)
    read = read_labelled(tmp_path, ROLES, Reading())
    table = learn_table(read.X)[1]
    assert table.values.dtype == kind
    assert table.values.flags.c_contiguous
    assert np.shares_memory(table.values, read.X["b"].to_numpy())
    expected = pd.concat([whole.iloc[number::files] for number in range(files)])
    np.testing.assert_array_equal(table.values, expected[["a", "b", "c.d"]].to_numpy())


def test_frames_of_columns_are_no_one_array():
    made = pd.DataFrame({"a": np.arange(5.0), "b": np.arange(5.0)})
    for frame in (made, FLOATS[["b", "a"]], FLOATS[["a", "b"]].iloc[::-1], FLOATS[["a"]].iloc[:1]):
        np.testing.assert_array_equal(learn_table(frame)[1].values, frame.to_numpy())


def test_columns_to_drop_are_not_read(tmp_path):
    """Whatever is broken in them: here the pages of a column are overwritten."""
    file = tmp_path / "data.parquet"
    stream = io.BytesIO()
    table = pa.Table.from_pandas(FLOATS.assign(junk=np.arange(50) ** 1.5), preserve_index=False)
    pq.write_table(table, stream, compression="snappy", use_dictionary=False)
    content = bytearray(stream.getvalue())
    chunk = pq.ParquetFile(stream).metadata.row_group(0).column(4)
    assert chunk.path_in_schema == "junk"
    start = chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_labelled(file, ROLES, Reading())
    read = read_labelled(file, {**ROLES, "drop": ["junk"]}, Reading())
    pd.testing.assert_frame_equal(read.X, FLOATS[["a", "b", "c.d"]])


def test_a_folder_must_have_the_same_columns(tmp_path):
    FLOATS.to_parquet(tmp_path / "a.parquet")
    FLOATS.drop(columns="b").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="have different columns: b"):
        read_labelled(tmp_path, ROLES, Reading())


def test_columns_in_another_order_are_the_same(tmp_path):
    FLOATS.iloc[:20].to_parquet(tmp_path / "a.parquet")
    FLOATS.iloc[20:][["y", "c.d", "b", "a"]].to_parquet(tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path), FLOATS)


def test_no_more_rows_are_decoded_at_once_than_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(_parquet, "_CELLS", 8)
    FLOATS.to_parquet(tmp_path / "data.parquet", row_group_size=11)
    pd.testing.assert_frame_equal(read_frame(tmp_path / "data.parquet"), FLOATS)


def test_names_in_doubt_are_left_to_pandas(tmp_path):
    twice = pa.table([pa.array([1.0, 2.0]), pa.array([3.0, 4.0]), pa.array([5.0, 6.0])], names=["a", "a", "y"])
    pq.write_table(twice, tmp_path / "data.parquet")
    assert _parquet.footers_of([tmp_path / "data.parquet"]) is None


MEMBERS = ["ridge", "knn", "lightgbm", "xgboost", "catboost", "hist_gradient_boosting"]


def test_float32_predicts_what_the_same_numbers_in_float64_do():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    X[::9, 1] = np.nan
    y = X[:, 0] + np.sin(3 * X[:, 2]) + rng.normal(size=300)
    frame = pd.DataFrame(X, columns=list("abcd"))
    rounds = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations"}
    members = [(name, learner(name, **({rounds[name]: 8} if name in rounds else {}))) for name in MEMBERS]
    fits = [
        EnsembleRegressor(members, "weighted", cv=3, random_state=0).fit(table, y)
        for table in (frame, frame.astype("float64"), X, X.astype(np.float64))
    ]
    assert learn_table(frame)[1].values.dtype == np.float32
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0].oof_predictions_, other.oof_predictions_)
        assert fits[0]._profile.as_json() == other._profile.as_json()
    np.testing.assert_array_equal(fits[0].predict(frame), fits[1].predict(frame.astype("float64")))


def test_rows_are_float64_whatever_the_table_is():
    frame = FRAMES["float32"]
    form, table = learn_table(frame)
    assert table.values.dtype == np.float32
    for rows in (table.rows(np.arange(3), frames=False), table.all(frames=False), read_table(frame, form).values):
        assert rows.dtype == np.float64
    assert form.dtypes == ("Float32",) * 4
    assert learn_table(frame.to_numpy())[0].dtypes == ("float64",) * 4
    assert learn_table(frame.to_numpy())[1].digest() == learn_table(frame.to_numpy(dtype=float))[1].digest()


def test_one_wider_column_makes_all_of_them_float64():
    table = learn_table(FRAMES["mixed widths"])[1]
    assert table.values.dtype == np.float64
