"""Predictions before a save, after a load, and over HTTP in every format are the same to the bit."""

import http.client
import io
import json
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner, serving
from byoe.serving._server import MAX_BODY, make_server

SMALL = [
    learner("catboost", iterations=5),
    learner("xgboost", n_estimators=5),
    learner("lightgbm", n_estimators=5),
    "ridge",
    learner("mlp", hidden_layer_sizes=[3], tol=0.1),
]


@contextmanager
def served(model, handlers=serving):
    server = make_server(handlers, model)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    try:
        yield connection
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join()


def post(connection, body, content_type, accept="application/json"):
    body = body.encode() if isinstance(body, str) else body
    connection.request("POST", "/invocations", body, {"Content-Type": content_type, "Accept": accept})
    response = connection.getresponse()
    return response.status, response.getheader("Content-Type"), response.read()


def plain(frame):
    """Return cells as JSON has them."""
    return [
        [None if pd.isna(cell) else str(cell)[:10] if hasattr(cell, "year") else cell for cell in row]
        for row in frame.astype(object).to_numpy().tolist()
    ]


def arrow(frame):
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(frame):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return sink.getvalue()


def array(frame):
    sink = io.BytesIO()
    np.save(sink, frame.to_numpy(dtype=float), allow_pickle=False)
    return sink.getvalue()


BODIES = {
    "text/csv": lambda frame: frame.to_csv(index=False),
    "text/csv; charset=utf-16; header=present": lambda frame: frame.to_csv(index=False).encode("utf-16"),
    "text/csv; header=absent": lambda frame: frame.to_csv(index=False, header=False),
    "application/json": lambda frame: json.dumps({"columns": list(frame), "data": plain(frame)}),
    "application/json; charset=utf-8": lambda frame: json.dumps({"instances": plain(frame)}),
    "application/json ;": lambda frame: json.dumps([dict(zip(frame, row, strict=True)) for row in plain(frame)]),
    "application/jsonlines": lambda frame: "\n".join(map(json.dumps, plain(frame))),
    "application/x-ndjson": lambda frame: "\n".join(
        json.dumps(dict(zip(reversed(list(frame)), reversed(row), strict=True))) for row in plain(frame)
    ),
    "application/x-npy": array,
    "application/x-parquet": parquet,
    "application/vnd.apache.arrow.stream": arrow,
}


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=150),
            "rooms": rng.integers(1, 6, 150),
            "town": rng.choice(["Oslo", 'Bonn "am Rhein"', "São Paulo, SP"], 150),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 150), "D"),
        }
    )
    frame.loc[::8, "town"] = None
    frame.loc[::9, "size"] = np.nan
    y = frame["size"].fillna(0) + 2 * (frame["town"] == "Oslo")
    return frame, y


@pytest.fixture(scope="module", params=["regression", "two targets", "multiclass", "categories", "classes of a table"])
def case(request, diabetes_frame, iris, mixed, tmp_path_factory):
    """An ensemble, the model that is served, and rows."""
    if request.param == "regression":
        X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
        ensemble, rows = EnsembleRegressor(SMALL, "mean", cv=3, random_state=0).fit(X, y), X.head(12)
    elif request.param == "two targets":
        X = diabetes_frame[["age", "bmi", "bp"]]
        y = diabetes_frame[["target", "s5"]]
        ensemble, rows = EnsembleRegressor(SMALL, "meta-linear", cv=3, random_state=0).fit(X, y), X.head(12)
    elif request.param == "multiclass":
        X = pd.DataFrame(iris[0], columns=list("abcd"))
        ensemble = EnsembleClassifier(SMALL, "meta-linear", cv=3, random_state=0, calibrate=True).fit(X, iris[1])
        rows = X.iloc[::10]
    else:
        X, y = mixed
        rows = X.head(20).copy()
        rows.loc[3, "town"] = "Rome"
        if request.param == "categories":
            ensemble = EnsembleRegressor(SMALL, "mean", cv=3, random_state=0).fit(X, y)
        else:
            labels = np.array(["low", "high"], dtype=object)[(y > 0.5).astype(int)]
            ensemble = EnsembleClassifier(SMALL, "weighted", cv=3, random_state=0).fit(X, labels)
    bundle = ensemble.save(tmp_path_factory.mktemp("case") / "model")
    return SimpleNamespace(ensemble=ensemble, bundle=bundle, rows=rows, model=serving.model_fn(str(bundle)))


def test_every_format_gives_the_same(case):
    expected = case.ensemble.predict(case.rows)
    assert np.array_equal(byoe.load(case.bundle).predict(case.rows), expected)
    numeric = all(column.kind == "number" for column in case.ensemble._form.columns)
    with served(case.model) as connection:
        for content_type, written in BODIES.items():
            if content_type == "application/x-npy" and not numeric:
                continue
            status, media, body = post(connection, written(case.rows), content_type)
            assert (status, media) == (200, "application/json"), (content_type, body)
            assert json.loads(body)["predictions"] == expected.tolist(), content_type
        _, _, body = post(connection, BODIES["text/csv"](case.rows), "text/csv", "application/x-npy")
        assert np.array_equal(np.load(io.BytesIO(body), allow_pickle=False), expected)
        _, _, body = post(connection, BODIES["text/csv"](case.rows), "text/csv", "text/csv")
        assert body.decode() == "".join(
            ",".join(map(str, row if isinstance(row, list) else [row])) + "\n" for row in expected.tolist()
        )


def test_one_row_gives_what_it_gives_among_others(case):
    expected = json.loads(output(case, case.rows))["predictions"]
    for number in range(3):
        found = json.loads(output(case, case.rows.iloc[number : number + 1]))["predictions"]
        if isinstance(found[0], str):
            assert found == expected[number : number + 1]
        else:
            np.testing.assert_allclose(found, expected[number : number + 1], rtol=1e-12)


def output(case, rows):
    request = serving.input_fn(BODIES["application/json"](rows), "application/json")
    return serving.output_fn(serving.predict_fn(request, case.model), "application/json")[0]


def test_the_server_keeps_a_connection_and_refuses_what_is_none_of_its(case):
    with served(case.model) as connection:
        for _ in range(3):
            connection.request("GET", "/ping")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
        connection.request("GET", "/invocations")
        response = connection.getresponse()
        assert (response.status, response.read()) == (404, b"")
        connection.request("POST", "/else", b"1")
        response = connection.getresponse()
        assert response.status == 404
        assert "post to /invocations" in json.loads(response.read())["error"]
        status, media, body = post(connection, b"x" * (MAX_BODY + 1), "text/csv")
        assert (status, media) == (413, "application/json")
        assert "Send fewer rows" in json.loads(body)["error"]
        assert post(connection, b"\xff", "text/csv")[0] == 400
        connection.putrequest("POST", "/invocations")
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 411
        response.read()


def test_a_failing_model_is_an_opaque_500_whose_traceback_is_in_the_log(capsys):
    def fail(*_):
        raise RuntimeError("secret")

    handlers = SimpleNamespace(input_fn=serving.input_fn, predict_fn=fail, output_fn=serving.output_fn)
    with served(None, handlers) as connection:
        status, _, body = post(connection, "1", "text/csv")
    assert (status, b"secret" in body) == (500, False)
    assert "RuntimeError: secret" in capsys.readouterr().err
