import gzip

import numpy as np
import pandas as pd
import pytest

from byoe.data._cells import is_number, parse_cell
from byoe.data._files import read_columns, read_frame
from byoe.data._roles import take_apart
from byoe.data._table import too_large
from byoe.errors import InputError

FRAME = pd.DataFrame({"a": [1.5, 2.25, 3.125], "b": [1, 2, 3], "y": [0.1, 0.2, 1 / 3]})


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_file_reads_back_exactly(suffix, tmp_path):
    file = tmp_path / f"data.{suffix}"
    FRAME.to_parquet(file) if suffix == "parquet" else FRAME.to_csv(file, index=False)
    pd.testing.assert_frame_equal(read_frame(file), FRAME)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_the_columns_are_those_of_the_table(suffix, tmp_path):
    file = tmp_path / f"data.{suffix}"
    frame = FRAME.set_index("b")  # which pandas keeps in Parquet as a column
    frame.to_parquet(file) if suffix == "parquet" else FRAME.to_csv(file, index=False)
    assert read_columns(file) == list(read_frame(file).columns)
    FRAME[:0].to_parquet(file) if suffix == "parquet" else FRAME[:0].to_csv(file, index=False)
    with pytest.raises(InputError, match="holds a header and no rows"):
        read_columns(file)


def test_without_a_header_columns_are_numbered(tmp_path):
    file = tmp_path / "data.csv"
    FRAME.to_csv(file, index=False, header=False)
    frame = read_frame(file)
    assert list(frame.columns) == [0, 1, 2]
    assert np.array_equal(frame.to_numpy(), FRAME.to_numpy())


def test_missing_cells_in_the_first_row_are_no_header(tmp_path):
    (tmp_path / "data.csv").write_text("1.0,,NA\n2.0,3.0,4.0\n")
    frame = read_frame(tmp_path / "data.csv")
    assert frame.shape == (2, 3)
    assert frame.isna().sum().sum() == 2


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", False),  # a text column, no header
        ("0.5,True\n0.25,False\n", False),
        ("country,2019,2020\nPeru,1.5,2\n", None),  # years, or data
        ("country,2019,n\nPeru,1.5,2\n", True),  # a number below a text
        ("name,kind\nada,x\n", True),
        ("1,1,a\n2,3,b\n", False),  # the same number twice
        ("a,b\n", True),
    ],
)
def test_a_header_is_told_from_data_or_asked_for(rows, header, tmp_path):
    (tmp_path / "data.csv").write_text(rows)
    n = rows.count("\n")
    if header is None:
        with pytest.raises(InputError, match=r"may be a header or data; say which with header=True or header=False"):
            read_frame(tmp_path / "data.csv")
        assert len(read_frame(tmp_path / "data.csv", names=["2019"])) == n - 1
        assert len(read_frame(tmp_path / "data.csv", header=True)) == n - 1
        assert len(read_frame(tmp_path / "data.csv", header=False)) == n
    elif n == 1:
        with pytest.raises(InputError, match="a header and no rows"):
            read_frame(tmp_path / "data.csv")
    else:
        assert len(read_frame(tmp_path / "data.csv")) == n - header


def test_rows_longer_than_the_header_are_refused(tmp_path):
    (tmp_path / "data.csv").write_text("a,b,y\n0,0.12,-0.13,0.92\n1,0.5,0.25,0.75\n")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_frame(tmp_path / "data.csv")


def test_a_huge_cell_is_refused(tmp_path):
    (tmp_path / "data.csv").write_text("a" * 200_000 + ",b\n1,2\n")
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_frame(tmp_path / "data.csv")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "data.csv").write_bytes("a,b\n1,2\n".encode("utf-8-sig"))
    assert list(read_frame(tmp_path / "data.csv").columns) == ["a", "b"]


def test_a_folder_of_many_files(tmp_path):
    FRAME.iloc[:1].to_csv(tmp_path / "part-0.csv", index=False)
    FRAME.iloc[1:2][["y", "b", "a"]].to_csv(tmp_path / "part-1.csv", index=False)
    (tmp_path / "more").mkdir()
    FRAME.iloc[2:].to_parquet(tmp_path / "more" / "part-2.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden").write_text("x")
    frame = read_frame(tmp_path)
    assert sorted(frame["a"]) == [1.5, 2.25, 3.125]
    assert list(frame.index) == [0, 1, 2]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no data file"),
        ({"a.csv": ""}, "a.csv is empty"),
        ({"a.csv": "\n\n"}, "a.csv is empty"),
        ({"a.csv": "a,b\n"}, "holds a header and no rows"),
        ({"a.csv": "a,a,b\n1,2,3\n"}, "names 'a' more than once"),
        ({"a.csv": "a,b\n1,2\n3,4,5,6\n"}, "cannot be read as a table"),
        ({"a.csv": "a,b\n1,2\n", "b.csv": "a,c\n1,2\n"}, "have different columns: b, c"),
        ({"a.parquet": "PAR1 and then nothing"}, "cannot be read as a table"),
        ({"a.csv": b"a,b\n\xff\xfe,1\n"}, "cannot be read as utf-8"),
    ],
)
def test_wrong_files_are_named(files, message, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_frame(tmp_path)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="there is no file or folder"):
        read_frame(tmp_path / "nowhere.csv")


def test_a_damaged_gzip_is_named(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n")[:-6])
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_frame(tmp_path)


def test_roles_by_name():
    frame = FRAME.assign(w=1.0, g=[1, 1, 2], note="x")
    found = take_apart(frame, target="y", weight="w", groups="g", drop=["note"])
    assert list(found.X.columns) == ["a", "b"]
    assert found.y.tolist() == FRAME["y"].tolist()
    assert found.weight.tolist() == [1, 1, 1]
    assert found.groups.tolist() == [1, 1, 2]


@pytest.mark.parametrize("target", [2, -1, "2"])
def test_roles_by_position(target):
    numbered = pd.DataFrame(FRAME.to_numpy())
    found = take_apart(numbered, target=target)
    assert isinstance(found.X, np.ndarray)
    assert found.X.shape == (3, 2)
    assert found.y.tolist() == FRAME["y"].tolist()


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"target": "Y"}, "there is no target column 'Y'.*Known: a, b, y"),
        ({"target": "yy"}, "Did you mean 'y'"),
        ({"target": 3}, "there is no target column 3"),
        ({"target": "3"}, "there is no target column 3"),
        ({"target": "y", "weight": "y"}, "one column has two roles"),
        ({"target": "y", "drop": ["a", "b"]}, "no feature column is left"),
        ({"target": "y", "drop": ["c"]}, "there is no drop column 'c'"),
    ],
)
def test_wrong_roles_are_named(roles, message):
    with pytest.raises(InputError, match=message):
        take_apart(FRAME, **roles)


def test_a_name_for_a_table_without_header():
    with pytest.raises(InputError, match="has no header; give its position, 0 to 2"):
        take_apart(pd.DataFrame(FRAME.to_numpy()), target="y")


def test_cells():
    assert parse_cell("1e-3") == 0.001
    assert np.isnan(parse_cell(" "))
    assert np.isnan(parse_cell("NA"))
    assert parse_cell("a") is None
    assert parse_cell("True") == 1.0
    assert parse_cell("false") == 0.0
    assert is_number("-7")
    assert not is_number("age")


@pytest.mark.parametrize("place", range(4))
def test_a_signalling_nan_is_missing_and_hides_no_infinity(place):
    """What bytes of a request may hold: the greatest of some cells with it is NaN."""
    cells = np.zeros((4, 1))
    cells.view(np.uint64)[place] = 0x7FF0_0000_0000_0001
    assert np.isnan(cells[place, 0])
    assert too_large(cells) is None
    cells[place - 1] = np.inf
    assert too_large(cells) == ((place - 1) % 4, 0)
