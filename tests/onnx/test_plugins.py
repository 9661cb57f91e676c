"""Learners and blenders of plugins, and what they write into the graph."""

import numpy as np
import pytest
from tests.onnx.graphs import TIGHT, Odd, check

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import ParameterError, PluginError
from byoe.plugins import Learner


def test_learners_and_a_blender_of_a_plugin(diabetes, tmp_path):
    X, y = diabetes
    members = ["least-squares", learner("additive-bins", n_rounds=5), "ridge"]
    fitted = EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(X, y)
    check(fitted, X, tmp_path, TIGHT)
    holes = X.copy()
    holes[::7, 2] = np.nan
    check(EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(holes, y), holes, tmp_path, TIGHT)
    two = EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(X, np.column_stack([y, -y]))
    check(two, X, tmp_path, TIGHT)


class LinearClasses:
    def __init__(self, coef, fill):
        self.coef, self.fill = coef, fill

    def predict(self, X, *, threads=1):
        scores = np.where(np.isnan(X), self.fill, X) @ self.coef.T
        if len(self.coef) == 1:
            second = 1 / (1 + np.exp(-scores))
            return np.hstack([1 - second, second])
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def to_onnx(self, graph, x):
        scores = graph.divide(graph.linear(graph.filled(x, self.fill), 2.0 * self.coef, np.zeros(len(self.coef))), 2.0)
        if len(self.coef) > 1:
            return graph.link(scores, "softmax")
        nothing = graph.repeated([0.0], x)
        return graph.both(graph.link(graph.op("Add", scores, nothing), "logistic"))

    def save(self, folder):
        raise NotImplementedError


class Centroids(Learner):
    tasks = frozenset({"classification"})
    missing = True

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        fill = np.nanmean(X, axis=0)
        filled = np.where(np.isnan(X), fill, X)
        centers = np.array([filled[y == code].mean(axis=0) for code in range(task.n_classes)]) / filled.std(axis=0) ** 2
        return LinearClasses(centers[1:] - centers[:1] if task.n_classes == 2 else centers - centers.mean(axis=0), fill)

    def load(self, folder, *, task, trusted=()):
        raise NotImplementedError


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_of_a_plugin(n_classes, iris, tmp_path):
    X, y = iris
    some = np.isin(y, np.unique(y)[:n_classes])
    X, y = X[some].copy(), y[some]
    X[::7, 1] = np.nan
    check(EnsembleClassifier([("own", Centroids()), "ridge"], "mean", cv=2, random_state=0).fit(X, y), X, tmp_path)


def test_a_blender_that_inherits_and_blends_in_another_way(diabetes, tmp_path):
    class Squared(type(blender("mean"))):
        def predict(self, predictions, X=None):
            return (predictions**2).mean(axis=1)

    fitted = EnsembleRegressor(["ridge", "knn"], Squared(), cv=2, random_state=0).fit(*diabetes)
    with pytest.raises(ParameterError, match="Squared is not one of byoe's own blenders, and has no method to_onnx"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_a_plugin_gives_the_reason_why_it_cannot_be_exported(diabetes, tmp_path):
    class Refuses(Odd):
        def to_onnx(self, graph, predictions, features):
            raise ParameterError("it is in a bad mood")

    fitted = EnsembleRegressor(["ridge"], Refuses(), cv=2, random_state=0).fit(*diabetes)
    with pytest.raises(ParameterError, match="blender 'odd': it is in a bad mood. To export it, choose another"):
        fitted.to_onnx(tmp_path / "model.onnx")


class FirstColumn:
    def predict(self, X, *, threads=1):
        return X[:, 0]

    def save(self, folder):
        raise NotImplementedError


class TakesTheFirstColumn(Learner):
    tasks = frozenset({"regression"})
    missing = True

    def fit(self, X, y, **_):
        return self.model()

    def load(self, folder, *, task, trusted=()):
        raise NotImplementedError


def first_column(to_onnx=None):
    methods = {} if to_onnx is None else {"to_onnx": to_onnx}
    model = type("Column", (FirstColumn,), methods)
    return type("Takes", (TakesTheFirstColumn,), {"model": model})()


ILL_WRITTEN = {
    "single precision": (
        lambda self, graph, x: graph.cast(graph.columns(x, [0]), 1),
        "returned values of type float32",
    ),
    "whole numbers": (lambda self, graph, x: graph.cast(graph.columns(x, [0]), 7), "returned values of type int64"),
    "too wide": (lambda self, graph, x: graph.columns(x, [0, 1]), r"a shape of \(n_rows, 2\), expected \(n_rows, 1\)"),
    "all columns": (lambda self, graph, x: x, r"a shape of \(n_rows, 10\), expected \(n_rows, 1\)"),
    "no matrix": (
        lambda self, graph, x: graph.op("Reshape", graph.columns(x, [0]), graph.integers(-1)),
        r"a shape of \(n_rows\), expected \(n_rows, 1\)",
    ),
    "one number": (lambda self, graph, x: graph.op("ReduceSum", x), r"a shape of \(1, 1\), expected \(n_rows, 1\)"),
    "no operator": (lambda self, graph, x: graph.op("Guess", x), "not valid: No Op registered for Guess"),
    "nowhere from": (lambda self, graph, x: graph.op("Neg", "nowhere"), "input 'nowhere' of node"),
    "mixed types": (
        lambda self, graph, x: graph.op("Mul", x, graph.constant(1, np.int64)),
        "not valid: .*inconsistent type",
    ),
    "no name": (lambda self, graph, x: None, "returned None, expected the name"),
    "several names": (lambda self, graph, x: [x], r"returned \['X'\], expected the name"),
    "an error": (lambda self, graph, x: {}[x], "failed: KeyError: 'X'"),
    "other arguments": (lambda self, path: None, r"to_onnx is called as to_onnx\(graph, x\), and"),
}


@pytest.mark.parametrize("case", ILL_WRITTEN)
def test_what_a_plugin_writes_is_looked_at(case, diabetes, tmp_path):
    """A column too many would be spread over the other members without a word."""
    to_onnx, message = ILL_WRITTEN[case]
    fitted = EnsembleRegressor([("ill", first_column(to_onnx)), "ridge"], "mean", cv=2, random_state=0).fit(*diabetes)
    with pytest.raises(PluginError, match=f"^member 'ill': .*{message}"):
        fitted.to_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_a_plugins_blender_writes_is_looked_at(diabetes, tmp_path):
    class Wide(Odd):
        def to_onnx(self, graph, predictions, features):
            return graph.join(list(predictions.values()))

    fitted = EnsembleRegressor(["ridge", "knn"], Wide(), cv=2, random_state=0).fit(*diabetes)
    with pytest.raises(PluginError, match=r"^blender 'odd': Wide.to_onnx returned a shape of \(n_rows, 2\), expected"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_what_comes_in_may_go_out(diabetes, tmp_path):
    X, y = diabetes
    same = first_column(lambda self, graph, x: x)
    fitted = EnsembleRegressor([("same", same)], "trimmed-mean", cv=2, random_state=0).fit(X[:, :1], y)
    check(fitted, X[:, :1], tmp_path)


def test_a_blender_of_a_plugin_does_not_hide_why_a_member_cannot_be_exported(diabetes, tmp_path):
    fitted = EnsembleRegressor([("mute", first_column())], "trimmed-mean", cv=2, random_state=0).fit(*diabetes)
    with pytest.raises(ParameterError, match=r"member 'mute': Column is not one .* no method to_onnx\(graph, x\)"):
        fitted.to_onnx(tmp_path / "model.onnx")
