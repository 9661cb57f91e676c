"""Files as people have them: read as they mean them, or refused in a sentence that names the option."""

import bz2
import datetime
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleRegressor
from byoe.data._files import read_columns, read_frame
from byoe.data._labelled import check_odd_targets, read_labelled
from byoe.data._reading import Reading
from byoe.errors import ColumnWarning, InputError, MissingExtraError, ParameterError

EXPORT = "Größe;Preis;Ort\n1,5;10,25;Köln\n2;-3,125;Bonn\n"
EXPORTED = pd.DataFrame({"Größe": [1.5, 2.0], "Preis": [10.25, -3.125], "Ort": ["Köln", "Bonn"]})
AB = pd.DataFrame({"a": [1, 3], "b": [2, 4]})


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_in_", "/") + ".csv", text)
    return stream.getvalue()


def written(tmp_path, data, name="data.csv"):
    file = tmp_path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return file


def numbered(frame):
    return frame.set_axis(range(frame.shape[1]), axis=1)


READ = {
    "semicolons": ('"fixed acidity";"quality"\n7.4;5\n7.8;6\n', {}, pd.DataFrame({"fixed acidity": [7.4, 7.8], "quality": [5, 6]})),
    "decimal commas": (EXPORT, {}, EXPORTED),
    "Windows": (EXPORT.replace("\n", "\r\n").encode("cp1252"), {"encoding": "cp1252"}, EXPORTED),
    "a mark of UTF-8": (EXPORT.encode("utf-8-sig"), {}, EXPORTED),
    "the mark is named": (EXPORT.encode("utf-8-sig"), {"encoding": "utf-8"}, EXPORTED),
    "a mark of UTF-16": (EXPORT.encode("utf-16"), {}, EXPORTED),
    "UTF-16 without one": (EXPORT.encode("utf-16-le"), {"encoding": "utf-16-le"}, EXPORTED),
    "the line of Excel": ("sep=;\r\na;b\r\n1;2\r\n3;4\r\n", {}, AB),
    "tabs": ("a\tb\n1\tx, y\n3\tz\n", {}, pd.DataFrame({"a": [1, 3], "b": ["x, y", "z"]})),
    "bars": ("a|b\n1|2\n3|4\n", {}, AB),
    "one column, said so": ("New York\nLos Angeles\n", {"sep": ",", "header": False}, pd.DataFrame({0: ["New York", "Los Angeles"]})),
    "another separator": ("a~b\n1~2\n3~4\n", {"sep": "~"}, AB),
    "tab by name": ("a\tb\n1\t2\n3\t4\n", {"sep": "tab"}, AB),
    "blanks": ("  1   2\n 3 4\n", {}, numbered(AB)),
    "blanks between words": ('a  b\n1 "x y"\n3 z\n', {"sep": " "}, pd.DataFrame({"a": [1, 3], "b": ["x y", "z"]})),
    "a blank behind commas": ("a, b\n1, x\n3, \"y, z\"\n", {}, pd.DataFrame({"a": [1, 3], "b": ["x", "y, z"]})),
    "commas in numbers without a header": ("1,5;2,5\n3,5;4,25\n", {}, pd.DataFrame({0: [1.5, 3.5], 1: [2.5, 4.25]})),
    "comments": ("# source: here\n# 2020\na,b\n1,2\n#9,9\n3,4\n", {"comment": "#"}, AB),
    "no comments in quotes": ('a,b\n1,"x\n#y"\n# no\n3,z\n', {"comment": "#"}, pd.DataFrame({"a": [1, 3], "b": ["x\n#y", "z"]})),
    "other comments": ("% by hand\na,b\n1,2\n3,4\n", {"comment": "%"}, AB),
    "a name with a hash": ("#a\tb\n1\t2\n3\t4\n", {}, AB.rename(columns={"a": "#a"})),
    "cells with a hash": ("a,b\nx,2\n#y,4\n", {}, pd.DataFrame({"a": ["x", "#y"], "b": [2, 4]})),
    "comments that are rows": ("a,b\n# x,2\n3,4\n", {"comment": ""}, pd.DataFrame({"a": ["# x", "3"], "b": [2, 4]})),
    "Windows' lines": ("a,b\r\n1,2\r\n3,4\r\n", {}, AB),
    "old lines of the Mac": ("a,b\r1,2\r3,4\r", {}, AB),
    "quoted lines": ('a,b\n"x\ny",2\nz,4\n', {}, pd.DataFrame({"a": ["x\ny", "z"], "b": [2, 4]})),
    "separators behind": ("a,b,\n1,2,\n3,4,\n", {}, AB),
    "separators behind rows": ("a,b\n1,2,\n3,4,\n", {}, AB),
    "separators behind all": ("1,2,\n3,4,\n", {}, numbered(AB)),
    "an index that was written along": (",a\n0,x\n1,y\n", {}, pd.DataFrame({"Unnamed: 0": [0, 1], "a": ["x", "y"]})),
    "a row cut short": ("a,b\n1,2\n3\n", {}, pd.DataFrame({"a": [1, 3], "b": [2, np.nan]})),
    "texts of numbers, said so": ("a;b\n1,234;2\n3,456;4\n", {"decimal": "."}, pd.DataFrame({"a": ["1,234", "3,456"], "b": [2, 4]})),
    "decimal commas, said so": ("a;b\n1,234;2\n3,456;4\n", {"decimal": ","}, pd.DataFrame({"a": [1.234, 3.456], "b": [2, 4]})),
    "quoted decimal commas": ('a,b\n"1,5",2\n"2,25",4\n', {}, pd.DataFrame({"a": [1.5, 2.25], "b": [2, 4]})),
    "lists of numbers and words": ('a,b\n"1,5",2\n"2,x",4\n', {}, pd.DataFrame({"a": ["1,5", "2,x"], "b": [2, 4]})),
    "a column that is called like a format": ("FEA1,FEA2\n1,2\n3,4\n", {}, AB.set_axis(["FEA1", "FEA2"], axis=1)),
    "gzip": (gzip.compress(b"a,b\n1,2\n3,4\n"), {}, AB),
    "bzip2": (bz2.compress(b"a,b\n1,2\n3,4\n"), {}, AB),
    "xz": (lzma.compress(b"a,b\n1,2\n3,4\n"), {}, AB),
    "zip": (zipped(deep_in_data="a,b\n1,2\n3,4\n", __MACOSX_in_data="x"), {}, AB),
    "zip of semicolons": (zipped(data=EXPORT), {}, EXPORTED),
    "lines of JSON": ('{"a": 1, "b": 2}\n{"b": 4, "a": 3}\n', {}, AB),
    "one line of JSON": ('{"a": 1, "b": 2}\n', {}, AB[:1]),
    "lines of JSON that lack a cell": ('{"a": 1, "b": "x"}\n{"a": 3}\n', {}, pd.DataFrame({"a": [1, 3], "b": ["x", None]})),
    "a list of JSON": ('[{"a": 1, "b": null},\n {"a": 3, "b": null}]', {}, pd.DataFrame({"a": [1, 3], "b": [np.nan, np.nan]})),
    "columns of JSON": (AB.to_json(), {}, AB),
    "lists of JSON": ('{"a": [1, 3], "b": [2, 4]}', {}, AB),
    "what endpoints take": (AB.to_json(orient="split"), {}, AB),
    "rows of JSON": ("[[1, 2], [3, 4]]", {}, numbered(AB)),
    "texts that look like dates": ('[{"date": "x", "n_at": 5}]', {}, pd.DataFrame({"date": ["x"], "n_at": [5]})),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_sure_is_read(case, tmp_path):
    data, options, expected = READ[case]
    file = written(tmp_path, data, "data.txt")
    frame = read_frame(file, **options)
    pd.testing.assert_frame_equal(frame, expected, check_column_type=False)
    assert read_columns(file, **options) == list(expected.columns)


REFUSED = {
    "Windows": (EXPORT.encode("cp1252"), {}, r"cannot be read as utf-8\. .* holds 'Größe;Preis;Ort'; .*--encoding cp1252"),
    "Windows, late": (b"a,b\n" + b"x,1\n" * 80_000 + b"\xe9t\xe9,2\n", {}, "holds 'été,2'"),
    "a wrong encoding": (EXPORT, {"encoding": "cp1252"}, r"is in UTF-8, and encoding='cp1252' would read 'GrÃ¶ÃŸe"),
    "UTF-16 without a mark": (EXPORT.encode("utf-16-le"), {}, r"encoding='utf-16-le' \(--encoding\)"),
    "thousands or a fraction": ("a;b\n1,234;2\n3,456;2\n", {}, r"column 'a' holds '1,234', which may be 1\.234 or 1234.*--decimal ,"),
    "thousands": ('a,b\n"1,234,567",2\n12,3\n', {}, "holds '1,234,567': separators of thousands are not read"),
    "German thousands": ("a;b\n1.234,50;2,5\n34,25;2\n", {}, "holds '1.234,50': separators of thousands"),
    "French thousands": ("a;b\n1\u202f234,5;2,5\n34,25;2\n", {}, "separators of thousands are not read"),
    "thousands of a decimal comma": ("a;b\n1.234;2,5\n2.500;2\n", {}, "holds '1.234': separators of thousands"),
    "Swiss thousands": ("a;b\n1'234.5;2.5\n34.25;2\n", {}, "separators of thousands are not read"),
    "points and commas": ("a;b\n1,5;2.5\n3,5;2\n", {}, r"column 'a' holds '1,5'; .*decimal=',' \(--decimal ,\)"),
    "a late comma": ("a;b\n" + "1;2\n" * 200 + "1,5;2\n", {}, "column 'a' holds '1,5'"),
    "points though commas were told": ("a;b\n1.5;2\n3;2\n", {"decimal": ","}, "which is no number with a decimal comma"),
    "comments": ("# source: here\na,b\n1,2\n3,4\n", {}, r"begins with '#' \('# source: here'\)\. Say comment='#' \(--comment '#'\)"),
    "a comment like a header": ("# made by Ann, Bob\nyear,value\n1,2\n", {}, "--comment '#'"),
    "a row that is left out": ("a,b\n1,2\n#3,4\n5,6\n", {}, "--comment '#'"),
    "nothing but comments": ("# a\n# b\n", {}, "--comment '#'"),
    "a comment far below": ("a,b\n" + "x,1\n" * 150 + "# the end\n", {}, r"begins with '#' \('# the end'\)"),
    "two separators": ("a,b;c\nd,e;f\ng,h;i\n", {}, r"what separates the cells is in doubt: .* 2 cells between ',', 2 cells between ';'.*--sep"),
    "a title": ("Report of 2020; all rows\n\na;b;c\n1;2;3\n", {}, r"rows have more cells than the first one, which may be a title"),
    "an unquoted comma": ("a,b\nx,1\nhello, world,2\n", {}, "Expected 2 fields in line 3, saw 3.*quote a cell that holds ','"),
    "a comma in one column": ("text\nwell, well\nfine\n", {}, "what separates the cells is in doubt.*--sep"),
    "two words in all rows": ("New York\nLos Angeles\n", {}, "all first rows are 2 words.*--sep ' '"),
    "a cell behind the last separator": ("a,b,\n" + "1,2,\n" * 150 + "1,2,3\n", {}, "row 150 has a cell behind it"),
    "a zip of two": (zipped(one="a,b\n1,2\n", two="a,b\n1,2\n"), {}, r"data\.txt is a zip of 2 files: one\.csv, two\.csv"),
    "an empty zip": (zipped(), {}, "is an empty zip file"),
    "a folder in a zip": (zipped(__MACOSX_in_data="x"), {}, "is a zip of 0 files; one is expected"),
    "packed for ever": (gzip.compress(gzip.compress(gzip.compress(b"a,b\n1,2\n"))), {}, "packed several times over"),
    "a page": ("<!DOCTYPE html><html>404</html>", {}, "is a page of HTML"),
    "ARFF": ("@RELATION iris\n@DATA\n1,2\n", {}, "is an ARFF file"),
    "a pickle": (b"\x80\x04\x95\x00", {}, "is a pickle, which byoe never reads"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", {}, r"save it as \.xlsx or CSV"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), {}, "is of a kind that is not read. Expected CSV"),
    "JSON of something": ('{"a": {"x": 1}, "b": {"y": 1}}', {}, "is JSON, but no table"),
    "rows in something else": ('{"data": [{"a": 1}, {"a": 2}]}', {}, "is JSON, but no table"),
    "a separator that stands nowhere": ("a;b\n1;2\n3;4\n", {"sep": ","}, "sep=',' stands nowhere in the first rows, and ';' separates 2 cells"),
    "a number": ('{"a": 5, "b": [1]}', {}, "is JSON, but no table"),
    "broken JSON": ('{"a": 1}\n{"a": \n', {}, "is not JSON, nor a line of JSON for each row"),
    "a key twice": ('{"a": 1, "a": 2}\n', {}, "an object has 'a' more than once"),
    "rows of several lengths": ("[[1, 2], [3]]", {}, "different numbers of cells"),
    "names twice, though it is a header": ("a,a\n1,2\n", {"header": True}, "names 'a' more than once"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_in_doubt_is_refused_with_the_option(case, tmp_path):
    data, options, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        read_frame(written(tmp_path, data, "data.txt"), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sep": "::"}, r"sep is '::', expected one character"),
        ({"sep": "\n"}, "expected one character"),
        ({"decimal": ";"}, r"decimal is ';', expected '\.' or ','"),
        ({"encoding": "utf-9"}, "encoding is 'utf-9', which Python does not know"),
    ],
)
def test_options_are_checked_before_anything_is_read(options, message):
    with pytest.raises(ParameterError, match=message):
        read_frame("nowhere.csv", **options)


def test_options_by_name():
    how = Reading.of({"sep": ";", "sheet": 0}, header=True)
    assert (how.sep, how.sheet, how.header) == (";", 0, True)
    assert Reading.of(how.said(), header=True) == how
    with pytest.raises(ParameterError, match="reading has no option 'seb'. Did you mean 'sep'"):
        Reading.of({"seb": ";"})


@pytest.mark.parametrize("name", ["data.csv", "data.feather", "data"])
def test_the_bytes_tell_the_kind_not_the_name(name, tmp_path):
    file = tmp_path / name
    for write in (AB.to_feather, AB.to_parquet):
        write(file)
        pd.testing.assert_frame_equal(read_frame(file), AB)
        packed = written(tmp_path, gzip.compress(file.read_bytes()), "packed")
        pd.testing.assert_frame_equal(read_frame(packed), AB)


def test_a_stream_of_arrow_is_read(tmp_path):
    import pyarrow as pa

    table = pa.Table.from_pandas(AB)
    with pa.OSFile(str(tmp_path / "data"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    pd.testing.assert_frame_equal(read_frame(tmp_path / "data"), AB)


def test_a_folder_of_files_of_several_kinds(tmp_path):
    written(tmp_path, "a;b\n1;2\n", "1.csv")
    written(tmp_path, '{"b": 4, "a": 3}\n', "2.jsonl")
    pd.testing.assert_frame_equal(read_frame(tmp_path), AB)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_what_pandas_writes_comes_back(sep, decimal, tmp_path, rng):
    """The oracle: any table that pandas writes with these options is read without them."""
    n = 150
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n) * 10.0 ** rng.integers(-8, 8, n),
            "n": rng.integers(-5000, 5000, n),
            "t": rng.choice(["a,b", "c;d", 'say "x"', "two\nlines", "bar|bar", "tab\tbed"], n),
        }
    )
    file = tmp_path / "data.csv"
    frame.to_csv(file, sep=sep, decimal=decimal, index=False)
    pd.testing.assert_frame_equal(read_frame(file), frame)


# -- workbooks ---------------------------------------------------------------------------


def book(file, sheets):
    openpyxl = pytest.importorskip("openpyxl")
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(file)
    return file


ROWS = [["a", "b", "day"], [1, "x", datetime.datetime(2024, 2, 1)], [2.5, None, datetime.datetime(2024, 2, 2)]]
SHEET = pd.DataFrame(
    {"a": [1, 2.5], "b": ["x", None], "day": np.array(["2024-02-01", "2024-02-02"], dtype="datetime64[us]")}
)


@pytest.mark.parametrize(
    ("sheets", "options"),
    [
        ({"one": ROWS, "two": []}, {}),
        ({"one": ROWS, "two": [["c"], [1]]}, {"sheet": "one"}),
        ({"two": [["c"], [1]], "one": ROWS}, {"sheet": 1}),
        ({"two": [["c"], [1]], "one": ROWS}, {"sheet": "-1"}),
        ({"one": [*ROWS, [None], [" "]]}, {}),
    ],
)
def test_the_sheet_of_a_workbook(sheets, options, tmp_path):
    file = book(tmp_path / "data.xlsx", sheets)
    pd.testing.assert_frame_equal(read_frame(file, **options), SHEET)


def test_a_sheet_without_a_header(tmp_path):
    frame = read_frame(book(tmp_path / "data.xlsx", {"one": [[1, 2], [3, 4]]}))
    pd.testing.assert_frame_equal(frame, numbered(AB), check_column_type=False)
    frame = read_frame(book(tmp_path / "data.xlsx", {"one": [["a", 2020], [1, 2], [3, 4]]}))
    assert list(frame.columns) == ["a", "2020"]


@pytest.mark.parametrize(
    ("sheets", "options", "message"),
    [
        ({"one": ROWS, "two": ROWS}, {}, r"has several sheets: one, two\. Name one with sheet='one' \(--sheet\)"),
        ({"one": ROWS}, {"sheet": "oen"}, "has no sheet 'oen' .* Did you mean 'one'"),
        ({"one": ROWS}, {"sheet": 3}, "has 1 sheets; give a position from 0 to 0"),
        ({"one": []}, {}, "sheet 'one' is empty"),
        ({"one": [["Sales"], [], *ROWS]}, {}, "names 1 of 3 columns; the table has to begin in the first row"),
        ({"one": [["a", "a"], [1, 2]]}, {}, "names 'a' more than once"),
        ({"one": [["a", "b"], [1, "=A2*2"]]}, {}, "the formula in row 2, column 2 was never computed"),
        ({"one": [["a", "b"], [1, "#DIV/0!"]]}, {}, "the cell in row 2, column 2 holds #DIV/0!"),
        ({"one": [["a", "b"], [1, "1,5"], [2, "2,5"]]}, {}, "column 'b' holds '1,5'"),
        ({"one": [["x", 1], ["y", 2]]}, {}, "may be a header or data"),
    ],
)
def test_workbooks_in_doubt_are_refused(sheets, options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_frame(book(tmp_path / "data.xlsx", sheets), **options)


def test_workbooks_of_other_kinds_are_named(tmp_path):
    for name, text, told in (
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet", ".ods"),
        ("xl/workbook.bin", "", ".xlsb"),
    ):
        with zipfile.ZipFile(tmp_path / "data", "w") as archive:
            archive.writestr(name, text)
        with pytest.raises(InputError, match=rf"\({told}\); save it as .xlsx or CSV"):
            read_frame(tmp_path / "data")


def test_a_workbook_needs_an_extra(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "data", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"reading workbooks needs 'openpyxl'.*byoe-ensemble\[excel\]"):
        read_frame(tmp_path / "data")


# -- what a fit looks at -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (["n/a?"], r"the target holds numbers but for 1 of 41 cells: row 40 'n/a\?'\. Mend these cells, or leave"),
        (["12,5"], r"column 'y' holds '12,5' in row 40, and numbers with a decimal point elsewhere; mend such cells"),
        (["unknown"] * 5, "5 of 45 cells: row 40 'unknown', row 41 'unknown', row 42 'unknown', …"),
    ],
)
def test_an_odd_cell_of_a_target_makes_no_classes(odd, message, tmp_path):
    cells = [*np.linspace(0.5, 9, 40), *odd]
    file = tmp_path / "data.csv"
    pd.DataFrame({"x": np.arange(len(cells)) * 7 % 5, "y": cells}).to_csv(file, index=False)
    roles = {"target": "y", "weight": None, "groups": None, "drop": []}
    for task in ("auto", "regression"):
        with pytest.raises(InputError, match=message):
            read_labelled(file, roles, Reading(), task=task)
    table = read_labelled(file, roles, Reading(decimal="."), task="classification")
    assert table.y[-1] == odd[0]


@pytest.mark.parametrize(
    "cells",
    [["a", "b"] * 5, ["True", "False"] * 5, ["1", "x", "y", "z"] * 3, [1.0, 2.0], ["1", "2"] * 3, ["2024-01-01"] * 4],
)
def test_classes_and_numbers_are_targets(cells):
    assert check_odd_targets(np.array(cells, dtype=object)) is None


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"Unnamed: 0": [*range(7, 46), 5]}, r"Unnamed: 0'.*drop\(columns=\['Unnamed: 0'\]\) or --drop 'Unnamed: 0'"),
        ({"id": range(40)}, r"counts the rows \(0, 1, 2, …\).* or --drop 'id'"),
        ({"id": range(1, 41)}, r"counts the rows \(1, 2, 3, …\)"),
    ],
)
def test_an_index_in_a_file_is_warned_of_once(index, message, tmp_path):
    pd.DataFrame({**index, "x": np.arange(40.0) % 7, "y": np.arange(40.0)}).to_csv(tmp_path / "data.csv", index=False)
    table = read_labelled(tmp_path / "data.csv", {"target": "y", "weight": None, "groups": None, "drop": ()}, Reading())
    with pytest.warns(ColumnWarning, match=message) as heard:
        EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(table.X, table.y)
    assert len(heard) == 1


@pytest.mark.parametrize("values", [range(5), range(2, 42), [*range(39), 0], np.linspace(0, 1, 40)])
def test_what_is_no_index_is_not_warned_of(values):
    n = len(values)
    frame = pd.DataFrame({"a": values, "x": np.arange(n) % 3 / 2})
    EnsembleRegressor(["ridge"], cv=2, random_state=0).fit(frame, np.arange(n) * 1.5)


def test_json_of_one_cell_a_row_is_what_pandas_reads(rng, tmp_path):
    frame = pd.DataFrame({"x": rng.normal(size=30), "t": rng.choice(["a", "é"], 30), "b": rng.random(30) < 0.5})
    for lines in (True, False):
        file = tmp_path / "data.json"
        frame.to_json(file, orient="records", lines=lines, double_precision=15)
        pd.testing.assert_frame_equal(read_frame(file), frame)
        assert json.loads(file.read_text().splitlines()[0])
