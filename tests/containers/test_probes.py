"""One matrix of requests, to the container's real serving stack and to the local server: the same status and body."""

import io
import json
import tarfile
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_diabetes
from tests.containers.standin.served import Served

import byoe
from byoe import EnsembleRegressor, learner, serving
from byoe.serving._server import make_server

ROWS = (
    load_diabetes(as_frame=True)
    .frame.drop(columns="target")
    .head(3)[["age", "bmi"]]
    .assign(town=["Oslo", None, "Rome"])
)


def npy(array, **options):
    sink = io.BytesIO()
    np.save(sink, array, **options)
    return sink.getvalue()


def parquet(frame):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()


def arrow(frame):
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


CELLS = [[None if pd.isna(cell) else cell for cell in row] for row in ROWS.astype(object).to_numpy().tolist()]
LINES = "\n".join(map(json.dumps, CELLS)).encode()
HUGE = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000), }".ljust(117)
    + b"\n"
)
CODES = np.column_stack([ROWS[["age", "bmi"]], [0.0, 1.0, 2.0]])
PROBES = {
    "text/csv": {
        "good": ROWS.to_csv(index=False).encode(),
        "no header": ROWS.to_csv(index=False, header=False).encode(),
        "one row": b"0.1,0.2,Oslo",
        "empty": b"",
        "header alone": b"age,bmi,town\n",
        "malformed": b'0.1,"0.2',
        "wrong cell": b"0.1,high,Oslo",
        "not utf-8": b"0.1,0.2,\xff\xfe",
        "wide": b"," * 100_000,
        "a long cell": b"0.1,0.2," + b"x" * 200_000,
        "zeros": b"\x00" * 1000,
    },
    "text/csv; charset=latin-1; outputs=interval,members; level=0.8": {"good": "0.1,0.2,Malmö".encode("latin-1")},
    "text/csv; outputs=nonsense": {"refused": b"0.1,0.2,Oslo"},
    "application/json": {
        "rows": json.dumps(CELLS).encode(),
        "instances": json.dumps({"instances": CELLS, "outputs": ["members", "interval"]}).encode(),
        "columns": json.dumps({"columns": ["town", "age", "bmi"], "data": [["Oslo", 0.1, 0.2]]}).encode(),
        "objects": json.dumps([{"town": "Oslo", "age": 0.1, "bmi": 0.2}]).encode(),
        "empty": b"",
        "malformed": b"[[1, 2",
        "other columns": b'[{"age": 1}]',
        "deep": b"[" * 200_000,
        "a huge number": b"[[1" + b"0" * 10_000 + b", 1, null]]",
        "not finite": b"[[NaN, Infinity, null]]",
    },
    "application/jsonlines": {"good": LINES, "empty": b"\n\n", "malformed": b"[1, 2, null]\n]", "deep": b"[" * 100_000},
    "application/x-npy": {
        "good": npy(CODES),
        "empty": b"",
        "malformed": npy(CODES)[:-4],
        "pickled": npy(np.array([[print]], dtype=object), allow_pickle=True),
        "a huge shape": HUGE,
    },
    "application/x-parquet": {
        "good": parquet(ROWS),
        "empty": b"",
        "malformed": parquet(ROWS)[:-9],
        "other columns": parquet(ROWS.rename(columns={"bmi": "weight"})),
        "nested": parquet(ROWS.assign(bmi=[[1.0], [2.0], [3.0]])),
    },
    "application/vnd.apache.arrow.stream": {
        "good": arrow(ROWS),
        "empty": b"",
        "malformed": arrow(ROWS)[:-30],
        "a file": b"ARROW1\x00\x00" + arrow(ROWS),
    },
    "application/octet-stream": {"refused": b"1,2"},
    "": {"good": json.dumps(CELLS).encode(), "malformed": b"0.1,0.2,Oslo"},
}
ACCEPTS = [
    "application/json",
    "text/csv; header=present",
    "application/x-npy",
    "application/jsonlines",
    "*/*",
    "image/png",
]


@pytest.fixture(scope="module")
def both(platform, on_aws, tmp_path_factory):
    """Functions that ask the container and the local server."""
    frame = load_diabetes(as_frame=True).frame
    towns = np.random.default_rng(0).choice(["Oslo", "Bonn"], len(frame))
    train = frame[["age", "bmi", "target"]].assign(town=towns)
    members = ["ridge", learner("lightgbm", n_estimators=5), learner("catboost", iterations=5)]
    job = byoe.sagemaker.fit(EnsembleRegressor(members, "mean", cv=3, random_state=0), train, target="target", **on_aws)
    bundle = tmp_path_factory.mktemp("probes")
    with tarfile.open(fileobj=io.BytesIO(platform.place.get(job.artifact))) as whole:
        whole.extractall(bundle, filter="data")
    server = make_server(serving, serving.model_fn(str(bundle)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    local = Served.__new__(Served)
    local._port = server.server_address[1]
    with byoe.sagemaker.deploy(job) as endpoint:
        real = platform._found("Endpoint", endpoint.name).fleet.container()

        def asked(side, body, content_type, accept):
            return side.ask("POST", "/invocations", body, Content_Type=content_type, Accept=accept)

        yield lambda *given: (asked(real, *given), asked(local, *given))
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("content_type", PROBES)
def test_both_answer_alike(content_type, both):
    for name, body in PROBES[content_type].items():
        (status, media, answer), (local_status, local_media, local_answer) = both(
            body, content_type, "application/json"
        )
        assert (status, answer) == (local_status, local_answer), name
        assert media.partition(";")[0] == local_media == "application/json", name
        good = name in ("good", "no header", "one row", "rows", "instances", "columns", "objects")
        assert (status == 200) == good, (name, status, answer)
        assert status in (200, 400, 413, 415), name
        assert next(iter(json.loads(answer))) == ("predictions" if good else "error"), name
        assert b"Traceback" not in answer, name


@pytest.mark.parametrize("accept", ACCEPTS)
def test_both_answer_in_the_same_form(accept, both):
    body = ROWS.to_csv(index=False).encode()
    (status, media, answer), (local_status, local_media, local_answer) = both(
        body, "text/csv; outputs=interval", accept
    )
    assert (status, answer) == (local_status, local_answer)
    assert media.partition(";")[0] == local_media
    assert status == (406 if accept == "image/png" else 200)
