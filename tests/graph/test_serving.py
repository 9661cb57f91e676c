"""Endpoints' handlers by the graph, and by both."""

import json
import os
import sys

import numpy as np
import pytest

from byoe.errors import BundleError, ParameterError
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving.__main__ import main
from byoe.serving._graph_first import FEW_ROWS


@pytest.fixture(autouse=True)
def _without_flask(monkeypatch):
    """Hide flask, which the platform's server has and a notebook has not."""
    monkeypatch.setitem(sys.modules, "flask", None)


def ask(model, rows, content_type="application/json", **options):
    body = json.dumps({"instances": np.asarray(rows).tolist(), **options})
    result = output_fn(predict_fn(input_fn(body, content_type), model), "application/json")
    return json.loads(result[0] if len(result) == 2 else result.body)


@pytest.fixture
def by_graph(saved):
    return model_fn(str(saved), runtime="onnx")


def test_predictions_and_intervals(by_graph, saved, bag, diabetes):
    X = diabetes[0][:20]
    told = ask(by_graph, X, outputs=["interval"], level=0.8)
    assert told["predictions"] == pytest.approx(bag.predict(X).tolist(), rel=1e-6)
    assert np.allclose(told["interval"], bag.predict_interval(X, level=0.8), rtol=1e-6)
    assert by_graph.watch.counts().rows == 20


def test_what_members_alone_tell_is_refused(by_graph, diabetes):
    for output, words in (("members", "predictions of members"), ("contributions", "contributions of columns")):
        told = ask(by_graph, diabetes[0][:1], outputs=[output])
        assert (
            f"the graph gives no {words}; ask the libraries for them: runtime='libraries', or 'auto'" in told["error"]
        )


def test_auto_has_both(saved, bag, diabetes):
    X, model = diabetes[0], model_fn(str(saved), runtime="auto")
    asked = []
    graph = model._graph
    model._graph = lambda values: (asked.append(len(values)), graph(values))[1]
    few = ask(model, X[:FEW_ROWS])["predictions"]
    assert asked == [FEW_ROWS]
    many = ask(model, X)["predictions"]
    assert asked == [FEW_ROWS]
    assert many == bag.predict(X).tolist()
    assert few == pytest.approx(many[:FEW_ROWS], rel=1e-6)
    told = ask(model, X[:2], outputs=["members", "interval", "contributions"])
    assert told["members"].keys() == bag.members_.keys()


def test_auto_without_a_graph_is_the_libraries(bag, diabetes, tmp_path):
    X, model = diabetes[0], model_fn(str(bag.save(tmp_path / "model")), runtime="auto")
    assert ask(model, X[:1])["predictions"] == bag.predict(X[:1]).tolist()
    with pytest.raises(BundleError, match="holds no graph"):
        model_fn(str(tmp_path / "model"), runtime="onnx")
    with pytest.raises(ParameterError, match="Did you mean 'libraries'"):
        model_fn(str(tmp_path / "model"), runtime="library")


def test_the_command(saved, monkeypatch, capsys):
    from byoe.cli import main as byoe

    words = []
    monkeypatch.setattr(os, "execv", lambda program, told: words.extend(told))
    monkeypatch.setattr("sys.argv", ["byoe", "serve", str(saved), "--runtime", "onx", "--port", "0"])
    with pytest.raises(SystemExit):
        byoe()
    assert words[words.index("--runtime") + 1] == "onx"
    monkeypatch.setattr("sys.argv", words[2:])
    with pytest.raises(SystemExit, match="error: runtime is 'onx'. Did you mean 'onnx'?"):
        main()
