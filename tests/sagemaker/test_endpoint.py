import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest

import byoe
from byoe.errors import InputError, JobError, ParameterError
from byoe.sagemaker.local import _endpoint, _server
from byoe.sagemaker.local._endpoint import LocalEndpoint

sm = byoe.sagemaker


@pytest.fixture(scope="module")
def endpoint(job):
    with sm.deploy(job) as served:
        yield served


@pytest.fixture(scope="module")
def X(split):
    return split[1].drop(columns="target")


def gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def ask(endpoint, method, path, body=None, **headers):
    host = endpoint.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("form", ["pandas", "polars", "array", "list"])
def test_it_predicts_what_the_saved_ensemble_predicts(form, endpoint, job, X):
    import polars

    data = {"pandas": X, "polars": polars.from_pandas(X), "array": X.to_numpy(), "list": X.to_numpy().tolist()}[form]
    assert np.array_equal(endpoint.predict(data), job.ensemble().predict(X))


def test_columns_are_matched_by_name_and_missing_cells_travel(endpoint, job, X):
    holes = X.copy()
    holes.iloc[3, 2] = np.nan
    expected = job.ensemble().predict(holes)
    assert np.array_equal(endpoint.predict(holes[list(X.columns)[::-1]]), expected)
    assert np.array_equal(endpoint.predict(holes.to_numpy()), expected)


def test_one_row(endpoint, job, X):
    assert np.array_equal(endpoint.predict(X.to_numpy()[0]), job.ensemble().predict(X[:1]))


@pytest.mark.parametrize("named", [True, False])
def test_large_data_go_in_several_requests(named, endpoint, job, X, monkeypatch):
    monkeypatch.setattr(_endpoint, "MAX_BODY", 3000)
    sent = []
    invoke = LocalEndpoint._invoke
    monkeypatch.setattr(
        LocalEndpoint, "_invoke", lambda self, *request: sent.append(len(request[0])) or invoke(self, *request)
    )
    # The last bit of a sum may depend on how many rows are predicted at once.
    np.testing.assert_allclose(endpoint.predict(X if named else X.to_numpy()), job.ensemble().predict(X), rtol=1e-12)
    assert len(sent) > 2
    assert max(sent) <= 3000


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), http.client.IncompleteRead(b"")])
def test_a_request_that_an_update_has_cut_off_is_sent_to_the_new_process(endpoint, job, X, monkeypatch, error):
    url, opened = endpoint.url, _endpoint._OPENER.open

    def cut_off(request, **given):
        if request.full_url.startswith(url):
            return opened(request, **given)
        endpoint.url = url
        raise error

    monkeypatch.setattr(_endpoint, "_OPENER", SimpleNamespace(open=cut_off))
    endpoint.url = "http://127.0.0.1:9"
    assert np.array_equal(endpoint.predict(X), job.ensemble().predict(X))


def test_the_platforms_two_paths(endpoint):
    assert ask(endpoint, "GET", "/ping")[0] == 200
    assert ask(endpoint, "GET", "/other")[0] == 404
    assert ask(endpoint, "POST", "/other", b"")[0] == 404
    status, body = ask(endpoint, "POST", "/invocations", ",".join(["0.01"] * 10), **{"Content-Type": "text/csv"})
    assert status == 200
    assert len(json.loads(body)["predictions"]) == 1


def test_bad_requests_are_answered_with_the_reason(endpoint, X):
    csv = {"Content-Type": "text/csv"}
    assert ask(endpoint, "POST", "/invocations", "1,2", **csv)[0] == 400
    assert ask(endpoint, "POST", "/invocations", b"\xff", **csv)[0] == 400
    assert ask(endpoint, "POST", "/invocations", "x", **{"Content-Type": "image/png"})[0] == 415
    assert ask(endpoint, "POST", "/invocations", ",".join(["1"] * 10), Accept="image/png", **csv)[0] == 406
    assert ask(endpoint, "POST", "/invocations", "", **{"Content-Length": "99999999", **csv})[0] == 413
    assert ask(endpoint, "POST", "/invocations", None, **{"Content-Length": "many", **csv})[0] == 411
    with pytest.raises(InputError, match=r"answered 400: the columns do not fit \(missing: bmi\)"):
        endpoint.predict(X.drop(columns="bmi"))
    with pytest.raises(InputError, match="row 0, column 'bmi': 'high' is not a number"):
        endpoint.predict(X.assign(bmi="high"))
    with pytest.raises(InputError, match="row 0 has 3 columns, expected 10"):
        endpoint.predict(X.to_numpy()[:, :3])
    with pytest.raises(InputError, match="the rows are not numeric"):
        endpoint.predict([["a"] * 10])
    with pytest.raises(InputError, match="no rows"):
        endpoint.predict(X[:0])
    assert ask(endpoint, "GET", "/ping")[0] == 200


def test_a_model_that_fails_is_a_500_without_a_traceback(capsys):
    class Handlers:
        @staticmethod
        def input_fn(body, content_type):
            return body

        @staticmethod
        def predict_fn(rows, model):
            raise RuntimeError("secret path")

        @staticmethod
        def output_fn(prediction, accept):
            return prediction

    server = _server.make_server(Handlers, None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/invocations"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, b"1", {"Content-Type": "text/csv"}))
        with caught.value as answer:
            assert answer.code == 500
            assert b"secret" not in answer.read()
        assert "secret path" in capsys.readouterr().err
    finally:
        server.shutdown()
        server.server_close()


def test_handlers_that_print_much_do_not_block(job, X, tmp_path):
    shutil.copytree(job.artifact, tmp_path / "model")
    code = (tmp_path / "model" / "code" / "inference.py").read_text()
    code += "\n\n_predict = predict_fn\n\ndef predict_fn(rows, model):\n    print('x' * 100_000)\n    return _predict(rows, model)\n"
    (tmp_path / "model" / "code" / "inference.py").write_text(code)
    with LocalEndpoint("loud", tmp_path / "model") as endpoint:
        for _ in range(3):
            assert len(endpoint.predict(X)) == len(X)
        assert "xxxxx" in endpoint.log


def test_delete_leaves_no_process_and_no_folder(job, X):
    endpoint = sm.deploy(job)
    pid, folder = endpoint._process.pid, endpoint._folder
    endpoint.delete()
    endpoint.delete()
    assert gone(pid)
    assert not folder.exists()
    with pytest.raises(JobError, match="has been deleted; deploy its job again"):
        endpoint.predict(X)


def test_an_endpoint_whose_process_is_gone_does_not_answer(job, X):
    with sm.deploy(job) as endpoint:
        os.kill(endpoint._process.pid, signal.SIGKILL)
        endpoint._process.wait()
        with pytest.raises(JobError, match=rf"endpoint {endpoint.name} does not answer \(.*\); its log may tell why"):
            endpoint.predict(X)


def test_an_endpoint_that_takes_too_long(endpoint, X, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(endpoint, "url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(_endpoint, "_REQUEST_SECONDS", 0.2)
        with pytest.raises(JobError, match="has not answered within 0.2 s; its log may tell why"):
            endpoint.predict(X)


def test_an_endpoint_on_this_machine_takes_on_no_role(job):
    with pytest.raises(ParameterError, match="role is for jobs on AWS, and instance_type is 'local'"):
        sm.deploy(job, role="byoe")


def test_an_endpoint_on_this_machine_has_one_model(job, endpoint, X):
    with pytest.raises(ParameterError, match="a mapping of variants is for jobs on AWS, and instance_type is 'local'"):
        sm.deploy({"current": job, "new": job})
    with pytest.raises(ParameterError, match="shadow is for jobs on AWS"):
        sm.deploy(job, shadow=job)
    with pytest.raises(ParameterError, match="variant is 'new', and endpoint .* on this machine has one model"):
        endpoint.predict(X, variant="new")


@pytest.mark.parametrize(
    ("name", "value"),
    [("rollout", "canary"), ("alarms", ["a"]), ("bake_minutes", 5), ("data_capture", True), ("watch", True)],
)
def test_an_endpoint_on_this_machine_is_exchanged_at_once(job, name, value):
    with pytest.raises(ParameterError, match=f"{name} is for jobs on AWS, and instance_type is 'local'"):
        sm.deploy(job, **{name: value})


def test_an_exception_in_the_block_leaves_no_process(job):
    with pytest.raises(ZeroDivisionError), sm.deploy(job) as endpoint:
        pid = endpoint._process.pid
        raise ZeroDivisionError
    assert gone(pid)


def test_a_forgotten_endpoint_ends_with_its_handle(job):
    endpoint = sm.deploy(job)
    pid = endpoint._process.pid
    del endpoint
    assert gone(pid)


def test_an_endpoint_does_not_outlive_a_killed_owner(job):
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from byoe.sagemaker.local._endpoint import LocalEndpoint\n"
        f"endpoint = LocalEndpoint('x', Path({str(job.artifact)!r}))\n"
        "print(endpoint._process.pid, endpoint._folder, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pid, folder = done.stdout.split()
    assert gone(int(pid))
    shutil.rmtree(folder)


def test_an_endpoint_that_cannot_start_says_why(job, tmp_path):
    shutil.copytree(job.artifact, tmp_path / "model")
    (tmp_path / "model" / "manifest.json").write_text("{}")
    with pytest.raises(
        JobError,
        match=r"(?s)endpoint broken has the status Failed: its process has ended, exit code 1\nFrom its log:.*BundleError",
    ):
        LocalEndpoint("broken", tmp_path / "model")


def test_the_artifacts_own_handlers_are_served(job, tmp_path):
    shutil.copytree(job.artifact, tmp_path / "model")
    code = (tmp_path / "model" / "code" / "inference.py").read_text()
    code += "\n\ndef output_fn(prediction, accept):\n    return '{\"mine\": true}', 'application/json'\n"
    (tmp_path / "model" / "code" / "inference.py").write_text(code)
    with LocalEndpoint("mine", tmp_path / "model") as endpoint:
        assert ask(endpoint, "POST", "/invocations", "1,2,3", **{"Content-Type": "text/csv"}) == (
            200,
            b'{"mine": true}',
        )


def test_a_table_of_texts_dates_and_holes_is_trained_and_served(tmp_path):
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "size": np.where(rng.random(150) < 0.1, np.nan, rng.normal(size=150)),
            "town": rng.choice(["Oslo", "Bonn", None], 150),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 150), "D"),
        }
    )
    table["price"] = table["size"].fillna(0) + 2 * (table["town"] == "Oslo")
    members = [byoe.learner("catboost", iterations=10), byoe.learner("xgboost", n_estimators=5), "ridge"]
    ensemble = byoe.EnsembleRegressor(members, "mean", random_state=0)
    job = sm.fit(ensemble, table, target="price", output=tmp_path, logs=False)
    here = ensemble.fit(table.drop(columns="price"), table["price"])
    rows = table.drop(columns="price").head(20).assign(town=["Rome", None] * 10)
    with sm.deploy(job) as served:
        answered = served.predict(rows)
    np.testing.assert_allclose(answered, here.predict(rows), rtol=1e-9)


def test_plugins_of_every_depth_train_and_serve(split, tmp_path):
    ensemble = byoe.EnsembleRegressor(("log-ridge", "least-squares", "additive-bins"), "trimmed-mean", random_state=0)
    job = sm.fit(ensemble, split[0], target="target", output=tmp_path, logs=False)
    rows = split[1].drop(columns="target")
    with sm.deploy(job) as served:
        answer = served.predict(rows)
    np.testing.assert_allclose(answer, job.ensemble().predict(rows), rtol=1e-12)
