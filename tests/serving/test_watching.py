"""Endpoints count what comes, and compare it with what training held; they tell counts and never values."""

import http.client
import io
import json
import re
import threading
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleRegressor, learner, serving
from byoe.bundle._manifest import PROFILE
from byoe.cli._watching import tell_outside
from byoe.data._form import TableForm
from byoe.serving._exposition import exposition
from byoe.serving._server import make_server
from byoe.serving._watch import Watch
from byoe.serving._watch_log import WatchLog

ODD = 'carat "C:\\new"\n(ct)'


def stones(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            ODD: rng.uniform(0.3, 4.9, n),
            "cut": rng.choice(["Fair", "Good", "Ideal"], n),
            "depth": rng.uniform(57, 65, n),
            "sold": [f"{day:%Y-%m-%d}" for day in pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n))],
        }
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    train = stones(400)
    train["sold"] = pd.to_datetime(train["sold"])
    train.loc[:1, [ODD, "depth"]] = [[0.2, 56.0], [5.0, 66.0]]  # the range, which no other rows leave by chance
    train.loc[:1, "sold"] = pd.to_datetime(["2024-01-01", "2024-05-01"])
    members = [learner("lightgbm", n_estimators=5), "ridge"]
    ensemble = EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(train, 4000 * train[ODD])
    return ensemble.save(tmp_path_factory.mktemp("watched") / "model")


@pytest.fixture
def model(bundle, monkeypatch):
    for name in ("BYOE_WATCH", "BYOE_WATCH_SECONDS", "BYOE_WATCH_NAME"):
        monkeypatch.delenv(name, raising=False)
    return serving.model_fn(str(bundle))


@contextmanager
def served(model):
    server = make_server(serving, model)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(address, body=None, content_type="application/json", accept="application/json", path="/invocations", **more):
    connection = http.client.HTTPConnection(*address, timeout=30)
    headers = {"Content-Type": content_type, "Accept": accept, **more}
    connection.request("GET" if body is None else "POST", path, body, headers)
    response = connection.getresponse()
    found = response.status, response.getheader("Content-Type"), response.read().decode()
    connection.close()
    return found


def rows_of(frame):
    return json.dumps(frame.to_dict("records"))


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"')


def unescaped(text):
    return re.sub(r'\\(["\\n])', lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def parsed(text):
    """Read the text format by its grammar; what does not keep it is an AssertionError."""
    assert text.endswith("\n")
    kinds, helped, values, family = {}, set(), {}, None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in helped
            helped.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            assert name not in kinds
            assert kind in ("counter", "gauge", "summary")
            kinds[name] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            allowed = {family, f"{family}_sum", f"{family}_count"} if kinds[family] == "summary" else {family}
            assert name in allowed
            key = name, *(unescaped(text) for _, text in LABEL.findall(labels or ""))
            assert key not in values
            values[key] = float(value)
    return values


def told(model):
    return parsed(exposition(model.watch).decode())


# -- /metrics ------------------------------------------------------------------------


def test_a_stone_of_500_carats_is_counted(model, capsys):
    rows = stones(20, 1)
    rows.loc[3, ODD] = 500.0
    rows.loc[4, "cut"] = "Odd"
    rows.loc[5, "depth"] = None
    rows.loc[6, "sold"] = "2031-01-01"
    with served(model) as address:
        assert ask(address, rows_of(rows))[0] == 200
        status, media, text = ask(address, path="/metrics")
        assert ask(address, path="/metrics?format=text")[0] == 200
    assert (status, media) == (200, "text/plain; version=0.0.4; charset=utf-8")
    values = parsed(text)
    cells = "byoe_column_cells_total"
    assert {key: n for key, n in values.items() if key[0] == cells and n} == {
        (cells, ODD, "above"): 1,
        (cells, "cut", "unseen"): 1,
        (cells, "depth", "missing"): 1,
        (cells, "sold", "later"): 1,
    }
    assert values["byoe_rows_total",] == 20
    assert values["byoe_rows_outside_total",] == 2  # a later date is no row outside
    assert values["byoe_requests_total",] == 1
    assert values["byoe_profile_known",] == 1
    assert values["byoe_request_seconds_count",] == 1
    line = json.loads(capsys.readouterr().out)["byoe"]
    assert line["rows_outside"] == 2
    assert line["columns"] == {ODD: {"above": 1}, "cut": {"unseen": 1}}


def test_refusals_are_counted_by_status_and_reason(model):
    good = rows_of(stones(2))
    with served(model) as address:
        assert ask(address, good)[0] == 200
        assert ask(address, "{")[0] == 400
        assert ask(address, good, "image/png")[0] == 415
        assert ask(address, good, accept="image/png")[0] == 406
        assert ask(address, '[{"a": 1}]')[0] == 400
        assert ask(address, good, "application/json; outputs=probabilities")[0] == 400
        assert ask(address, good, path="/elsewhere")[0] == 404
        assert ask(address, "", **{"Content-Length": "99999999"})[0] == 413
        values = parsed(ask(address, path="/metrics")[2])
    assert {key[1:]: n for key, n in values.items() if key[0] == "byoe_refused_total"} == {
        ("400", "body"): 1,
        ("415", "content type"): 1,
        ("406", "accept"): 1,
        ("400", "rows"): 1,
        ("400", "outputs"): 1,
        ("404", "http"): 1,
        ("413", "http"): 1,
    }
    assert values["byoe_requests_total",] == 8
    assert values["byoe_request_seconds_count",] == 6  # those that the handlers saw
    assert values["byoe_rows_total",] == 4


def test_a_model_that_fails_is_counted(model, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(type(model), "blend", fail)
    answer = serving.output_fn(serving.predict_fn(serving.input_fn(rows_of(stones(1)), "application/json"), model), "")
    assert answer.status_code == 500
    assert told(model)["byoe_refused_total", "500", "failed"] == 1
    assert "broken" in capsys.readouterr().err


def test_counts_of_many_threads_add_up(model):
    model.log.mode = "off"
    rows = stones(10, 2)
    rows.loc[0, ODD] = 500.0
    body = rows_of(rows)

    def work():
        for _ in range(50):
            serving.output_fn(serving.predict_fn(serving.input_fn(body, "application/json"), model), "")
            serving.output_fn(serving.predict_fn(serving.input_fn("{", "application/json"), model), "")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = told(model)
    assert values["byoe_requests_total",] == 800
    assert values["byoe_refused_total", "400", "body"] == 400
    assert values["byoe_rows_total",] == 4000
    assert values["byoe_rows_outside_total",] == values["byoe_column_cells_total", ODD, "above"] == 400
    assert values["byoe_request_seconds_count",] == 800


def test_handlers_of_the_users_own_may_pass_on_what_they_like(model):
    from byoe.serving._requests import JsonRows, Request

    request = Request(JsonRows(stones(1).to_numpy().tolist()), serving.input_fn("[[1]]", "application/json").options)
    made = serving.predict_fn(request, model)
    assert serving.output_fn(made, "application/json")[1] == "application/json"
    values = told(model)
    assert (values["byoe_rows_total",], values["byoe_request_seconds_count",]) == (1, 0)


def test_a_model_of_the_users_own_has_no_metrics():
    class Handlers:
        def input_fn(self, body, media):
            return body

        def predict_fn(self, rows, model):
            return rows

        def output_fn(self, made, accept):
            return "[1]", "application/json"

    server = make_server(Handlers(), object())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        assert ask(server.server_address, path="/metrics")[0] == 404
        assert ask(server.server_address, "[1]")[0] == 200
        assert ask(server.server_address, "[1]", path="/x")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("lean", [False, True])
def test_without_a_profile_nothing_is_said_of_rows(bundle, tmp_path, capsys, lean):
    import byoe

    old = byoe.load(bundle).save(tmp_path / "old", profile=False)
    assert not (old / PROFILE).exists()
    model = serving.model_fn(str(old), lean=lean)
    rows = stones(3).assign(**{ODD: 500.0})
    assert not hasattr(serving.predict_fn(serving.input_fn(rows_of(rows), "application/json"), model), "status")
    values = told(model)
    assert values["byoe_profile_known",] == 0
    assert values["byoe_rows_total",] == 3
    assert ("byoe_rows_outside_total",) not in values
    assert not [key for key in values if key[0] == "byoe_column_cells_total"]
    assert json.loads(model.log.line(model.watch.counts(), 0.0))["byoe"]["rows_outside"] is None
    tell_outside(byoe.load(old), rows)
    assert "does not tell what training held" in capsys.readouterr().err


def test_of_very_many_columns_those_with_something_to_tell_are_shown():
    from byoe.data._column import Column
    from byoe.data._profile import Profile
    from byoe.data._table import Table

    columns = (Column("number"),) * 5_000
    form, X = TableForm(columns, ("Float64",) * 5_000), np.zeros((4, 5_000))
    watch = Watch(Profile.of(Table(X, X, columns), form), form)
    watch.served(Table(X + (np.arange(5_000) == 4_321), X, columns))
    values = parsed(exposition(watch).decode())
    assert values["byoe_column_cells_total", "4321", "above"] == 4
    assert len([key for key in values if key[0] == "byoe_column_cells_total"]) == 3
    watch.served(Table(X + 1, X, columns))
    assert exposition(watch).count(b"byoe_column_cells_total{") == 3_000
    line = json.loads(WatchLog(watch, {}).line(watch.counts(), 0.0))["byoe"]
    assert (len(line["columns"]), line["columns_left_out"]) == (10, 4_990)
    assert line["columns"]["4321"] == {"above": 8}


# -- the log -------------------------------------------------------------------------


def post(model, frame):
    serving.output_fn(serving.predict_fn(serving.input_fn(rows_of(frame), "application/json"), model), "")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_when_lines_are_printed(model, monkeypatch, capsys):
    now = [1000.0]
    monkeypatch.setattr("byoe.serving._watch_log.time.monotonic", lambda: now[0])
    model.begin_watching()
    inside, outside = stones(2), stones(1).assign(**{ODD: 500.0})
    post(model, inside)
    assert lines(capsys) == []
    post(model, outside)  # the first one is told at once
    assert [line["byoe"]["rows"] for line in lines(capsys)] == [3]
    now[0] += 59
    post(model, outside)
    post(model, outside)
    assert lines(capsys) == []
    now[0] += 1
    post(model, inside)  # those of the minute
    (line,) = lines(capsys)
    assert (line["byoe"]["requests"], line["byoe"]["rows"], line["byoe"]["rows_outside"]) == (3, 4, 2)
    now[0] += 299
    post(model, inside)
    assert lines(capsys) == []
    now[0] += 1
    post(model, inside)
    (line,) = lines(capsys)
    assert (line["byoe"]["rows"], line["byoe"]["rows_outside"], line["byoe"]["columns"]) == (4, 0, {})


def test_lines_hold_no_value_of_a_row(model, capsys):
    model.log.mode = "metrics"
    post(model, stones(1).assign(**{ODD: 512.75, "cut": "Secret"}))
    (text,) = capsys.readouterr().out.splitlines()
    assert "512" not in text
    assert "Secret" not in text
    shown = exposition(model.watch).decode()
    assert "512" not in shown
    assert "Secret" not in shown


def test_the_embedded_metric_format(bundle, monkeypatch, capsys):
    """As its specification has it: every metric and dimension is a member of the root, and few metrics are defined."""
    monkeypatch.setenv("BYOE_WATCH", "metrics")
    monkeypatch.setenv("BYOE_WATCH_NAME", "diamonds")
    model = serving.model_fn(str(bundle))
    post(model, stones(1).assign(**{ODD: 500.0}))
    (line,) = lines(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert line["_aws"]["Timestamp"] > 1.7e12
    for (dimension,) in directive["Dimensions"]:
        assert isinstance(line[dimension], str)
        assert line[dimension] == "diamonds"
    for metric in directive["Metrics"]:
        assert set(metric) == {"Name", "Unit"}
        assert isinstance(line[metric["Name"]], int)
    assert line["RowsOutside"] == line["byoe"]["rows_outside"] == 1
    assert len(directive["Metrics"]) == 4


def test_the_log_can_be_switched(bundle, monkeypatch, capsys):
    monkeypatch.setenv("BYOE_WATCH", "off")
    model = serving.model_fn(str(bundle))
    post(model, stones(1).assign(**{ODD: 500.0}))
    assert capsys.readouterr().out == ""
    assert told(model)["byoe_rows_outside_total",] == 1
    monkeypatch.setenv("BYOE_WATCH", "loud")
    monkeypatch.setenv("BYOE_WATCH_SECONDS", "-1")
    model = serving.model_fn(str(bundle))
    assert (model.log.mode, model.log.every) == ("log", 300.0)
    said = capsys.readouterr().out
    assert "BYOE_WATCH is 'loud', expected one of log, metrics, off" in said
    assert "BYOE_WATCH_SECONDS is '-1', expected a number above 0" in said


# -- the command line ----------------------------------------------------------------


def test_the_command_line_tells_of_rows_outside(bundle, capsys):
    import byoe

    ensemble = byoe.load(bundle)
    rows = stones(30, 3)
    rows["sold"] = pd.to_datetime(rows["sold"]) + pd.Timedelta("900D")
    tell_outside(ensemble, rows)
    assert capsys.readouterr().err == ""
    rows.loc[:2, ODD] = 500.0
    rows.loc[2:6, "cut"] = "Odd"
    tell_outside(ensemble, rows)
    expected = (
        f"note: 7 rows have values outside of what training held: cut (5 unseen), {' '.join(ODD.split())} (3 above)\n"
    )
    assert capsys.readouterr().err == expected
    tell_outside(ensemble, rows[:1])
    assert capsys.readouterr().err.startswith("note: 1 row has values outside")


def test_arrays_are_counted_by_number(tmp_path, rng):
    X = rng.uniform(size=(60, 3))
    model = serving.model_fn(str(EnsembleRegressor(("ridge",), cv=3).fit(X, X[:, 0]).save(tmp_path / "m")))
    sink = io.BytesIO()
    np.save(sink, X[:2] + np.array([0, 0, 9]), allow_pickle=False)
    serving.predict_fn(serving.input_fn(sink.getvalue(), "application/x-npy"), model)
    assert told(model)["byoe_column_cells_total", "2", "above"] == 2
