"""Least squares with an L2 penalty: a learner in twenty lines, and the model that it makes."""

import numpy as np

from byoe.plugins import Learner


class LeastSquares(Learner):
    """Least squares with an L2 penalty."""

    tasks = frozenset({"regression"})
    weights = "exact"
    leaves_rows_alone = lean = True
    shared = {"l2": "l2"}
    space = {"l2": (0.01, 100.0, "log")}

    def parameter_names(self):
        return frozenset({"l2"})

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        center, offset = np.average(X, axis=0, weights=weight), np.average(y, weights=weight)
        weighted = (X - center).T * weight
        gram = weighted @ (X - center) + self.own_params().get("l2", 1e-8) * np.eye(X.shape[1])
        coef = np.linalg.solve(gram, weighted @ (y - offset))
        return LinearModel(np.append(coef, offset - coef @ center))

    def load(self, folder, *, task, trusted=()):
        return LinearModel(np.load(folder / "coef.npy", allow_pickle=False))


class LinearModel:
    """Coefficients, the intercept last."""

    def __init__(self, coef):
        self.coef = coef

    def predict(self, X, *, threads=1):
        return X @ self.coef[:-1] + self.coef[-1]

    def contributions(self, X, *, threads=1):
        return np.column_stack([X * self.coef[:-1], np.full(len(X), self.coef[-1])])

    def to_onnx(self, graph, x):
        return graph.linear(x, self.coef[None, :-1], self.coef[-1:])

    def save(self, folder):
        np.save(folder / "coef.npy", self.coef)
