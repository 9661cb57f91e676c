"""Graphs of ONNX, held against the ensembles that they are of."""

import numpy as np
import pytest

from byoe import learner
from byoe.plugins import Blender

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

TIGHT = 1e-12  # of the largest value
SINGLE = 2e-6  # XGBoost adds up in float32
MEMBERS = {
    "catboost": learner("catboost", iterations=8),
    "catboost, unbalanced": learner("catboost", iterations=8, grow_policy="Lossguide"),
    "xgboost": learner("xgboost", n_estimators=8),
    "lightgbm": learner("lightgbm", n_estimators=8),
    "ridge": learner("ridge"),
    "elastic_net": learner("elastic_net"),
    "mlp": learner("mlp", hidden_units=[6, 4], n_networks=2, n_epochs=10),
    "random_forest": learner("random_forest", n_estimators=4),
    "extra_trees": learner("extra_trees", n_estimators=4),
    "hist_gradient_boosting": learner("hist_gradient_boosting", max_iter=8),
    "knn": learner("knn"),
    "knn, by distance": learner("knn", weights="distance", algorithm="kd_tree"),
    "svm": learner("svm"),
}
FEW = ("ridge", "knn", MEMBERS["lightgbm"])


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def values_of(ensemble, X):
    return ensemble._read(X).values


def check(ensemble, X, folder, tolerance=TIGHT):
    """Compare a graph with its ensemble over all rows, a row alone with all of them, and ask for none."""
    graph = session(ensemble.to_onnx(folder / "model.onnx"))
    inputs = values_of(ensemble, X)
    names = [output.name for output in graph.get_outputs()]
    found = dict(zip(names, graph.run(None, {"X": inputs}), strict=True))
    alone = dict(zip(names, graph.run(None, {"X": inputs[:1]}), strict=True))
    nothing = graph.run(None, {"X": inputs[:0]})
    assert [(0, *each.shape[1:]) for each in found.values()] == [each.shape for each in nothing]
    if "prediction" in found:
        expected = ensemble.predict(X)
        size = np.abs(expected).max()
    else:
        expected, size = ensemble._blended(ensemble._read(X)), 1.0
        # A label may differ only where two classes are equally probable up to rounding.
        best = np.sort(expected, axis=1)[:, -2:]
        clear = best[:, 1] - best[:, 0] > 2 * tolerance
        told = ensemble.predict(X)
        wanted = told if told.dtype.kind in "iufb" else told.astype(str)
        assert (found["label"] == wanted)[clear].all()
        if not ensemble.blender_.gives_probabilities:
            assert (found["label"] == wanted).all()
            assert "probabilities" not in found
            return found
    name = "prediction" if "prediction" in found else "probabilities"
    assert found[name].shape == expected.shape
    assert found[name].dtype == np.float64
    assert np.abs(found[name] - expected).max() <= tolerance * size
    assert np.abs(alone[name] - expected[:1]).max() <= tolerance * size
    return found


def tolerance_of(name):
    return SINGLE if "xgboost" in name else TIGHT


class Odd(Blender):
    name = "odd"

    def fit(self, oof):
        return self

    def predict(self, predictions, X=None):
        return predictions.mean(axis=1)
