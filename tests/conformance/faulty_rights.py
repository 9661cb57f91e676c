"""Learners that claim what the built-in ones do, and each break a rule for it."""

import numpy as np
from tests.conformance.faulty_learners import Model, Prepares, Regressor, Sound, model_with


class WritesIntoRows(Sound):
    leaves_rows_alone = True
    model = model_with(
        contributions=lambda self, X, *, threads=1: self._explained(X), _explained=lambda self, X: _spoil(X)
    )


def _spoil(X):
    X *= 2.0
    return np.column_stack([X, np.ones(len(X))])


class WeighsTargetsInPlace(Sound):
    leaves_rows_alone = True

    def fit(self, X, y, *, sample_weight, **given):
        if sample_weight is not None and y.dtype.kind == "f":
            y *= sample_weight
        return super().fit(X, y, sample_weight=sample_weight, **given)


class FillsCellsInPlace(Sound):
    leaves_rows_alone = missing = True

    def fit(self, X, y, **given):
        np.nan_to_num(X, copy=False)
        return super().fit(X, y, **given)


class CountsCodesInPlace(Sound):
    leaves_rows_alone = categorical = True

    def fit(self, X, y, *, categorical, **given):
        for column in categorical:
            X[:, column] += 1
        return super().fit(X, y, **given)


class SortsGroupsInPlace(Sound):
    leaves_rows_alone = grouped = True

    def fit(self, X, y, *, groups=None, **given):
        if groups is not None:
            groups[:] = groups[::-1].copy()
        return super().fit(X, y, **given)


class CentersStopRowsInPlace(Sound):
    leaves_rows_alone = stops = True

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        if stop is not None:
            stop.X[:] -= stop.X.mean(axis=0)
        return super().fit(X, y, **given)


class PreparesInPlace(Prepares):
    leaves_rows_alone = True

    def prepare(self, X, y, **given):
        X -= X.mean(axis=0)
        return super().prepare(X, y, **given)


class WritesIntoFrames(Sound):
    leaves_rows_alone = frames = True

    def fit(self, X, y, **given):
        if hasattr(X, "columns"):
            X["more"] = 1.0
            X = X.to_numpy()
        return super().fit(X, y, **given)


class WritesIntoSparseRows(Sound):
    leaves_rows_alone = sparse = True

    def fit(self, X, y, **given):
        if hasattr(X, "indptr"):
            X.data *= 2.0
            X = X.toarray()
        return super().fit(X, y, **given)


class LoadsScikitLearn(Sound):
    lean = True

    def load(self, folder, *, task, trusted=()):
        import sklearn  # noqa: F401

        return super().load(folder, task=task)


class ReadsLessPrecisely(Sound):
    lean = True

    def load(self, folder, *, task, trusted=()):
        import sys

        model = super().load(folder, task=task)
        if "sklearn" not in sys.modules:
            model.coef = model.coef.astype(np.float32)
        return model


class ExplainsWithScikitLearn(Regressor):
    lean = True

    def _explained(self, X, *, threads=1):
        from sklearn.utils import check_array

        return np.column_stack([check_array(X) * self.coef[1:], np.full(len(X), self.coef[0])])

    model = model_with(contributions=_explained)


class AnotherGraph(Regressor):
    model = model_with(to_onnx=lambda self, graph, x: graph.linear(x, self.coef[None, 1:], [0.0]))


class GraphWithoutMissingCells(Regressor):
    missing = True
    model = model_with(
        predict=lambda self, X, *, threads=1: Model.predict(self, np.nan_to_num(X, nan=7.0)),
        to_onnx=lambda self, graph, x: graph.linear(x, self.coef[None, 1:], self.coef[:1]),
    )

    def fit(self, X, y, **given):
        return super().fit(np.nan_to_num(X, nan=7.0), y, **given)


class NoGraph(Regressor):
    model = model_with(to_onnx=lambda self, graph, x: "nowhere")


BREACHES = {
    "rows lent": [
        WritesIntoRows,
        WeighsTargetsInPlace,
        FillsCellsInPlace,
        CountsCodesInPlace,
        SortsGroupsInPlace,
        CentersStopRowsInPlace,
        PreparesInPlace,
        WritesIntoFrames,
        WritesIntoSparseRows,
    ],
    "lean serving": [LoadsScikitLearn, ReadsLessPrecisely, ExplainsWithScikitLearn],
    "ONNX": [AnotherGraph, GraphWithoutMissingCells, NoGraph],
}
