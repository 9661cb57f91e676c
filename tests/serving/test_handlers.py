import io
import json
import sys
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.data._column import Column
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving._answers import Response
from byoe.serving._media import CONTENT_TYPES
from byoe.serving._refusal import Refusal


def npy(array, **kwargs):
    buffer = io.BytesIO()
    np.save(buffer, array, **kwargs)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _without_flask(monkeypatch):
    """Hide flask, which the platform's server has and a notebook has not."""
    monkeypatch.setitem(sys.modules, "flask", None)


class Served(NamedTuple):
    """An ensemble, and the model that an endpoint makes of its bundle."""

    ensemble: Any
    model: Any


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    def serve(ensemble):
        return Served(ensemble, model_fn(str(ensemble.save(tmp_path_factory.mktemp("served") / "model"))))

    return serve


@pytest.fixture(scope="module")
def named(diabetes_frame, serve):
    frame = diabetes_frame[["age", "bmi", "target"]]
    return serve(EnsembleRegressor(("ridge",), random_state=0).fit(frame[["age", "bmi"]], frame["target"]))


@pytest.fixture(scope="module")
def unnamed(diabetes, serve):
    return serve(EnsembleRegressor(("ridge",), random_state=0).fit(diabetes[0][:, :2], diabetes[1]))


def ask(served, body, content_type, accept="application/json"):
    return output_fn(predict_fn(input_fn(body, content_type), served.model), accept)


def answer(model, body, content_type):
    result = ask(model, body, content_type)
    assert result[1] == "application/json", result
    return json.loads(result[0])["predictions"]


ROWS = np.array([[0.01, 0.05], [-0.02, 0.03]])
GOOD = {
    "csv": ("0.01,0.05\n-0.02,0.03\n", "text/csv"),
    "csv as bytes": (b"0.01,0.05\r\n-0.02,0.03", "text/csv; charset=utf-8"),
    "csv with header": ("age,bmi\n0.01,0.05\n-0.02,0.03\n", "text/csv"),
    "csv in another order": ('"bmi","age"\n0.05,0.01\n0.03,-0.02\n', "text/csv"),
    "json rows": ("[[0.01, 0.05], [-0.02, 0.03]]", "application/json"),
    "json objects": ('[{"bmi": 0.05, "age": 0.01}, {"bmi": 0.03, "age": -0.02}]', "application/json"),
    "json instances": ('{"instances": [[0.01, 0.05], [-0.02, 0.03]]}', "application/json"),
    "json columns": (b'{"columns": ["bmi", "age"], "data": [[0.05, 0.01], [0.03, -0.02]]}', "Application/JSON"),
    "npy": (npy(ROWS), "application/x-npy"),
}


@pytest.mark.parametrize("case", GOOD)
def test_every_format_gives_the_ensembles_own_prediction(case, named):
    expected = named.ensemble.predict(pd.DataFrame(ROWS, columns=["age", "bmi"])).tolist()
    assert answer(named, *GOOD[case]) == expected


@pytest.mark.parametrize("case", ["csv", "json rows", "npy"])
def test_an_ensemble_without_names(case, unnamed):
    assert answer(unnamed, *GOOD[case]) == unnamed.ensemble.predict(ROWS).tolist()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("0.01,0.05", "text/csv"), ("[0.01, 0.05]", "application/json"), (npy(ROWS[0]), "application/x-npy")],
)
def test_one_row(body, content_type, unnamed):
    assert answer(unnamed, body, content_type) == unnamed.ensemble.predict(ROWS[:1]).tolist()


def test_missing_cells(named):
    expected = answer(named, npy(np.array([[np.nan, 0.05]])), "application/x-npy")
    for body, content_type in ((",0.05", "text/csv"), ("NA,0.05", "text/csv"), ("[[null, 0.05]]", "application/json")):
        assert answer(named, body, content_type) == expected


BAD = {
    "empty csv": (("", "text/csv"), 400, "no rows"),
    "header only": (("age,bmi\n", "text/csv"), 400, "a header and no rows"),
    "ragged csv": (("1,2\n3", "text/csv"), 400, "row 1 has 1 columns, expected 2"),
    "text in csv": (("1,2\n3,x", "text/csv"), 400, "row 1, column 'bmi': 'x' is not a number"),
    "text under a name": (("age,bmi\n1,tall", "text/csv"), 400, "row 0, column 'bmi': 'tall' is not a number"),
    "wrong names": (("age,weight\n1,2", "text/csv"), 400, "missing: bmi; not known: weight"),
    "name twice": (("age,bmi,bmi\n1,2,3", "text/csv"), 400, "a name twice"),
    "a name twice": (("age,bmi,age\n1,2,3", "text/csv"), 400, "a name twice"),
    "open quote": (('1,"2\n', "text/csv"), 400, "not CSV"),
    "not utf-8": ((b"\xff\xfe1,2", "text/csv"), 400, "not UTF-8"),
    "infinity": (("1,inf", "text/csv"), 400, "infinity"),
    "not json": (("{", "application/json"), 400, "not JSON"),
    "nested json": (("[" * 100000, "application/json"), 400, "not JSON"),
    "json number": (("3", "application/json"), 400, "at least one row"),
    "empty json": (("[]", "application/json"), 400, "at least one row"),
    "json of another shape": (('{"rows": []}', "application/json"), 400, "expected a list of rows"),
    "mixed rows": (('[[1, 2], {"age": 1}]', "application/json"), 400, "every row must be a list"),
    "objects with other keys": (('[{"age": 1, "bmi": 2}, {"age": 1}]', "application/json"), 400, "row 1 has other columns"),
    "columns that are no names": (('{"columns": 3, "data": [[1]]}', "application/json"), 400, "must be a list of names"),
    "a list as a cell": (("[[[1], 2]]", "application/json"), 400, "row 0, column 'age'"),
    "a huge integer": (("[[" + "9" * 400 + ", 1]]", "application/json"), 400, "not a number"),
    "a key twice": (('[{"age": 1, "bmi": 2, "age": 3}]', "application/json"), 400, "an object has 'age' more than once"),
    "not npy": ((b"hello", "application/x-npy"), 400, "not an npy"),
    "pickled npy": ((npy(np.array([[{}]], dtype=object), allow_pickle=True), "application/x-npy"), 400, "expected numbers"),
    "an underscore": (("1,2\n1_0,2", "text/csv"), 400, "'1_0' is not a number"),
    "text npy": ((npy(np.array([["a", "b"]])), "application/x-npy"), 400, "expected numbers"),
    "cube": ((npy(np.zeros((1, 2, 3))), "application/x-npy"), 400, "two-dimensional"),
    "cut npy": ((npy(ROWS)[:-8], "application/x-npy"), 400, "is not the"),
    "huge npy": ((npy(np.zeros((2, 2))).replace(b"(2, 2)", b"(9, 9)"), "application/x-npy"), 400, "is not the"),
    "empty npy": ((npy(np.zeros((0, 2))), "application/x-npy"), 400, "empty"),
    "other type": (("1,2", "text/plain"), 415, "send one of text/csv"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_the_reason(case, named):
    request, status, message = BAD[case]
    result = ask(named, *request)
    assert isinstance(result, Response)
    assert result.status == status
    assert message in json.loads(result.body)["error"]


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html, application/json;q=0.9"])
def test_json_answers(accept, unnamed):
    body, media = ask(unnamed, npy(ROWS), "application/x-npy", accept)
    assert media == "application/json"
    assert json.loads(body) == {"predictions": unnamed.ensemble.predict(ROWS).tolist()}


def test_csv_and_npy_answers(unnamed, iris, serve):
    expected = unnamed.ensemble.predict(ROWS)
    body, media = ask(unnamed, npy(ROWS), "application/x-npy", "text/csv")
    assert media == "text/csv"
    assert [float(line) for line in body.splitlines()] == expected.tolist()
    body, _ = ask(unnamed, npy(ROWS), "application/x-npy", "application/x-npy")
    assert np.array_equal(np.load(io.BytesIO(body), allow_pickle=False), expected)
    classifier = serve(EnsembleClassifier(("ridge",), "mean").fit(iris[0], iris[1].astype(object)))
    body, _ = ask(classifier, npy(iris[0][:3]), "application/x-npy", "application/x-npy")
    assert np.load(io.BytesIO(body), allow_pickle=False).tolist() == ["setosa"] * 3


def test_an_answer_that_cannot_be_given(unnamed):
    result = ask(unnamed, npy(ROWS), "application/x-npy", "image/png")
    assert result.status == 406


def test_with_flask_the_platforms_own_response(monkeypatch):
    monkeypatch.delitem(sys.modules, "flask")
    flask = pytest.importorskip("flask")
    response = output_fn(Refusal(400, "no"), "application/json")
    assert isinstance(response, flask.Response)
    assert (response.status_code, response.mimetype, response.json) == (400, "application/json", {"error": "no"})


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200)),
    st.sampled_from(
        [*CONTENT_TYPES, "text/csv; charset=utf-8", "text/csv; header=present", "text/csv; charset=utf-16", "", "x"]
    ),
)
@settings(max_examples=400, deadline=None)
def test_no_body_raises(body, content_type):
    class Model:
        n_features_in_ = 2
        members_ = {}
        blender_ = SimpleNamespace(used=lambda _: [])
        _columns = (Column("number"), Column("category", ("a", "b")))
        _dtypes = ("Float64", "String")

        def blend(self, table):
            assert table.values.dtype == np.float64
            assert table.values.shape[1] == 2
            return np.zeros(len(table))

        def labels(self, blended):
            return blended

    result = output_fn(predict_fn(input_fn(body, content_type), Model()), "application/json")
    assert isinstance(result, (tuple, Response))


# -- columns of other kinds --------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(serve):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=120),
            "town": rng.choice(["Oslo", "Bonn", "9"], 120),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 120), "D"),
        }
    )
    frame.loc[::8, "town"] = None
    y = frame["size"] + 2 * (frame["town"] == "Oslo")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town"])), LinearRegression()
    )
    return serve(EnsembleRegressor(["ridge", ("own", model)], "mean", random_state=0).fit(frame, y))


MIXED = pd.DataFrame(
    {
        "size": [0.5, np.nan, 1.0],
        "town": ["Oslo", None, "Rome"],
        "sold": pd.to_datetime(["2024-02-01", None, "2024-03-01"]),
    }
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("0.5,Oslo,2024-02-01\n,,\n1.0,Rome,2024-03-01\n", "text/csv"),
        ("town,size,sold\nOslo,0.5,2024-02-01T00:00:00\n,,\nRome,1.0,2024-03-01\n", "text/csv"),
        ('[[0.5, "Oslo", "2024-02-01"], [null, null, null], [1, "Rome", "2024-03-01"]]', "application/json"),
        (
            '{"columns": ["sold", "town", "size"], "data": [["2024-02-01", "Oslo", 0.5], [null, null, null], ["2024-03-01", "Rome", 1]]}',
            "application/json",
        ),
    ],
)
def test_categories_and_dates_are_read(body, content_type, mixed):
    assert answer(mixed, body, content_type) == mixed.ensemble.predict(MIXED).tolist()


def test_a_category_may_be_written_as_a_number(mixed):
    expected = mixed.ensemble.predict(MIXED.head(1).assign(town="9")).tolist()
    assert answer(mixed, "0.5,9,2024-02-01", "text/csv") == expected
    unknown = mixed.ensemble.predict(MIXED.head(1).assign(town="9.0")).tolist()
    assert answer(mixed, "0.5,9.0,2024-02-01", "text/csv") == unknown != expected
    assert answer(mixed, '[0.5, 9, "2024-02-01"]', "application/json") == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("0.5,Oslo,soon", "row 0, column 'sold': 'soon' is not a date"),
        ("big,Oslo,2024-02-01", "row 0, column 'size': 'big' is not a number"),
        ("town,size,when\nOslo,0.5,2024-02-01", "missing: sold; not known: when"),
    ],
)
def test_cells_of_the_wrong_kind_are_named(body, message, mixed):
    refused = ask(mixed, body, "text/csv")
    assert message in json.loads(refused.body)["error"]


def test_several_targets_are_answered_side_by_side(serve):
    X = np.random.default_rng(0).normal(size=(60, 2))
    Y = np.column_stack([X.sum(axis=1), X[:, 0]])
    model = serve(EnsembleRegressor(["ridge"], "mean", random_state=0).fit(X, Y))
    expected = model.ensemble.predict(X[:2]).tolist()
    assert answer(model, json.dumps(X[:2].tolist()), "application/json") == expected
    body, _ = ask(model, npy(X[:2]), "application/x-npy", "text/csv")
    assert [[float(cell) for cell in line.split(",")] for line in body.split()] == expected


def test_every_format_has_a_reader_and_every_form_of_an_answer_a_writer():
    from byoe.serving import _answers, _media, _requests

    assert set(_requests._READERS) == set(_media.CONTENT_TYPES)
    assert set(_answers._WRITERS) == set(_media.ANSWER_TYPES)
    assert set(_media._SAME.values()) | set(_media.FILE_TYPES.values()) <= set(_media.CONTENT_TYPES)
