"""A learner without fault, and those that differ from it in one."""

import pickle
import threading

import numpy as np
from scipy.sparse import issparse

from byoe.plugins import Learner


class Model:
    def __init__(self, coef):
        self.coef = coef

    def predict(self, X, *, threads=1):
        values = np.column_stack([np.ones(X.shape[0]), X]) @ self.coef
        if values.ndim == 1:
            return values
        values = np.maximum(values, 1e-3)
        return values / values.sum(axis=1, keepdims=True)

    def save(self, folder):
        np.save(folder / "coef.npy", self.coef)


class Sound(Learner):
    weights = "exact"
    model = Model

    def parameter_names(self):
        return frozenset({"l2"})

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        if len(X) != len(y):
            raise ValueError(f"{len(X)} rows and {len(y)} targets")
        root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)[:, None]
        inputs = np.column_stack([np.ones(len(X)), X])
        target = np.eye(task.n_classes)[y] if task.is_classification else y[:, None]
        coef = np.linalg.lstsq(inputs * root, target * root, rcond=None)[0]
        return self.model(coef if task.is_classification else coef[:, 0])

    def load(self, folder, *, task, trusted=()):
        return self.model(np.load(folder / "coef.npy", allow_pickle=False))


class Regressor(Sound):
    tasks = frozenset({"regression"})


def model_with(**methods):
    return type("Other", (Model,), methods)


class OwnInit(Sound):
    def __init__(self, l2=1.0):
        self.l2 = l2


class Misspelt(Sound):
    multioutput = True


class NoModel(Sound):
    def fit(self, X, y, **given):
        super().fit(X, y, **given)


class NoSave(Sound):
    model = type("Other", (), {"__init__": Model.__init__, "predict": Model.predict})


class NoThreadsInPredict(Sound):
    model = model_with(predict=lambda self, X: Model.predict(self, X))


class NoThreads(Sound):
    def fit(self, X, y, *, task, sample_weight, seed):
        return super().fit(X, y, task=task, sample_weight=sample_weight, seed=seed, threads=1)


class NoLoad(Learner):
    def fit(self, X, y, *, task, sample_weight, seed, threads):
        return Sound().fit(X, y, task=task, sample_weight=sample_weight, seed=seed, threads=threads)


class WrongTasks(Sound):
    tasks = "regression"


class WrongLevel(Sound):
    weights = True


class HalfOfPrepares(Sound):
    def prepare(self, X, y, **_):
        return X


class WrongShared(Sound):
    shared = {"learning_rate": "eta"}


class SpaceIsNone(Sound):
    space = None


class WrongSpace(Sound):
    space = {"l2": (1.0, 0.5)}


class NoGroups(Sound):
    grouped = True


class Forgets(Sound):
    space = {"l2": (0.1, 1.0)}

    def set_params(self, **params):
        self.check_names(params)
        return self


class SharesParameters(Sound):
    space = {"l2": (0.1, 1.0)}

    def __sklearn_clone__(self):
        return self


class TakesAnyName(Sound):
    def set_params(self, **params):
        self._given |= params
        return self


class WrongShape(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X)[:, None])


class FewerRows(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X)[:5])


class NotFinite(Sound):
    model = model_with(predict=lambda self, X, threads=1: np.where(X[:, 0] == 2, np.nan, 1.0))
    tasks = frozenset({"regression"})


class Texts(Regressor):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X).astype(str))


class NoProbabilities(Sound):
    model = model_with(predict=lambda self, X, threads=1: 2 * Model.predict(self, X))


class LearnsNothing(Regressor):
    model = model_with(predict=lambda self, X, threads=1: np.zeros(len(X)))


class ChangesX(Sound):
    def fit(self, X, y, **given):
        X -= X.mean(axis=0)
        return super().fit(X, y, **given)


def _halve(self, X, threads=1):
    X /= 2
    return Model.predict(self, X)


class ChangesXInPredict(Sound):
    model = model_with(predict=_halve)


class GlobalRandomState(Regressor):
    def fit(self, X, y, **given):
        return super().fit(X, y + np.random.normal(size=len(y)), **given)


class NoSeed(Regressor):
    def fit(self, X, y, **given):
        return super().fit(X, y + np.random.default_rng().normal(size=len(y)), **given)


SEEN = {}


class Remembers(Regressor):
    def fit(self, X, y, **given):
        SEEN.update({row.tobytes(): target for row, target in zip(X, y, strict=True)})
        return super().fit(X, y, **given)

    model = model_with(
        predict=lambda self, X, threads=1: np.array(
            [SEEN.get(row.tobytes(), value) for row, value in zip(X, Model.predict(self, X), strict=True)]
        )
    )


class LooksAtTheBatch(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X - X.mean(axis=0)))


class DividesByTheDeviation(Regressor):
    def fit(self, X, y, **given):
        made = super().fit(X, y, **given)
        with np.errstate(all="ignore"):
            made.coef = made.coef * y.std() / np.where(y.std() > 1e-9, y.std(), 0.0)
        return made


class TakesAnyLength(Sound):
    def fit(self, X, y, *, sample_weight, **given):
        return super().fit(X[: len(y)], y, sample_weight=sample_weight, **given)


class ChangesItself(Sound):
    """Keeps what it needs for a fit, also of one that fails."""

    def fit(self, X, y, **given):
        self._given["l2"] = len(y)
        return super().fit(X, y, **given)


class Prints(Sound):
    def fit(self, X, y, **given):
        print("[1]\ttrain-rmse:0.5")
        return super().fit(X, y, **given)


def _busy():
    rows = np.random.default_rng(0).normal(size=200_000)
    for _ in range(20):
        np.sort(rows)


class ManyThreads(Sound):
    def fit(self, X, y, **given):
        workers = [threading.Thread(target=_busy) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return super().fit(X, y, **given)


class SavesNothing(Sound):
    model = model_with(save=lambda self, folder: None)


class SavesElsewhere(Sound):
    model = model_with(
        save=lambda self, folder: (np.save(folder / "coef.npy", self.coef), np.save(folder.parent / "x.npy", [1.0]))
    )


class SavesAPickle(Sound):
    model = model_with(
        save=lambda self, folder: (folder / "model.pkl").write_bytes(pickle.dumps(np.asarray(self.coef)))
    )

    def load(self, folder, *, task, trusted=()):
        return self.model(pickle.loads((folder / "model.pkl").read_bytes()))


class SavesAPickleOfNumbers(Sound):
    """No class stands in it, so that nothing is told of its loading."""

    model = model_with(save=lambda self, folder: (folder / "m.bin").write_bytes(pickle.dumps(self.coef.tolist())))

    def load(self, folder, *, task, trusted=()):
        return self.model(np.array(pickle.loads((folder / "m.bin").read_bytes())))


class LosesDigits(Sound):
    model = model_with(save=lambda self, folder: np.save(folder / "coef.npy", self.coef.astype(np.float32)))


class IgnoresWeights(Sound):
    def fit(self, X, y, *, sample_weight, **given):
        return super().fit(X, y, sample_weight=None, **given)


class IgnoresWeightsNearly(IgnoresWeights):
    weights = "approximate"


class NoNaN(Regressor):
    missing = True


class IgnoresCategories(Sound):
    categorical = True

    def fit(self, X, y, *, categorical, **given):
        X = X.copy()
        X[:, list(categorical)] = 0.0
        return super().fit(X, y, **given)

    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X * (np.arange(X.shape[1]) > 0)))


class NoSparse(Sound):
    sparse = True

    def fit(self, X, y, **given):
        if issparse(X):
            raise TypeError("a sparse matrix")
        return super().fit(X, y, **given)


class OneTarget(Regressor):
    multi_output = True

    def fit(self, X, y, **given):
        made = super().fit(X, y[:, 0] if y.ndim > 1 else y, **given)
        made.width = 2 if y.ndim > 1 else 1
        return made

    def _both(self, X, threads=1):
        values = Model.predict(self, X)
        return values if self.width == 1 else np.column_stack([values, values])

    model = model_with(predict=_both)


class WrongRounds(Sound):
    stops = True

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        made = super().fit(X, y, **given)
        made.rounds = 100
        return made


class PreparesTargets(Regressor):
    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X, np.where(X[:, 0] == X[:, 0].max(), y, y.mean())

    def fit_rows(self, prepared, rows, y, **given):
        X, known = prepared
        return self.fit(X[rows], (y + known[rows]) / 2, **given)


class PreparesAnotherTable(Regressor):
    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X[::-1]

    def fit_rows(self, prepared, rows, y, **given):
        return self.fit(prepared[rows], y, **given)


class Prepares(Regressor):
    """Another way to fit, which is used instead of fit where a table is prepared."""

    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X

    def fit_rows(self, prepared, rows, y, **given):
        return self.fit(prepared[rows], y, **given)


class PreparesLoudly(Prepares):
    def fit_rows(self, prepared, rows, y, **given):
        print("epoch 1")
        return super().fit_rows(prepared, rows, y, **given)


class PreparesWithoutWeights(Prepares):
    def fit_rows(self, prepared, rows, y, *, sample_weight, **given):
        return super().fit_rows(prepared, rows, y, sample_weight=None, **given)


class PreparesWithoutRounds(Prepares):
    stops = True

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        made = super().fit(X, y, **given)
        made.rounds = rounds or 7
        return made

    def fit_rows(self, prepared, rows, y, *, stop=None, rounds=None, **given):
        return super().fit_rows(prepared, rows, y, **given)


class ChangesFrames(Sound):
    frames = True

    def fit(self, X, y, **given):
        if hasattr(X, "iloc"):
            X.iloc[:, 0] = 0.0
        return super().fit(np.asarray(X), y, **given)

    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, np.asarray(X)))


class SpoilsFrames(Sound):
    frames = True

    def _spoils(self, X, threads=1):
        found = Model.predict(self, np.array(X))
        if hasattr(X, "iloc"):
            X.iloc[:, 0] = 0.0
        return found

    model = model_with(predict=_spoils)


class TakesNoFrames(Sound):
    frames = True
    model = model_with(
        predict=lambda self, X, threads=1: Model.predict(self, np.column_stack([X[:, i] for i in range(X.shape[1])]))
    )


class NoIntercept(Regressor):
    def can_fit_moments(self, task):
        return True

    def fit_moments(self, moments, *, task, seed, threads):
        coef = np.linalg.solve(moments.gram, moments.products[:, 0])
        return Model(np.r_[moments.target_mean[0], coef])


class ExplainsClassesWrongly(Sound):
    """Without contributions for regression, which comes first."""

    def fit(self, X, y, *, task, **given):
        made = super().fit(X, y, task=task, **given)
        if task.is_classification:
            made.contributions = lambda X, threads=1: np.zeros((len(X), X.shape[1] + 1))
        return made


class WrongSums(Regressor):
    model = model_with(contributions=lambda self, X, threads=1: np.column_stack([X, np.zeros(len(X))]))


class WrongContributions(Regressor):
    model = model_with(contributions=lambda self, X, threads=1: X)


class NegativeImportances(Regressor):
    model = model_with(importances=lambda self: self.coef[1:] - 10.0)


class CannotBeFitted(Sound):
    space = {"l2": (0.1, 1.0)}

    def fit(self, X, y, **given):
        if self.own_params().get("l2") == 1.0:
            raise ValueError("l2 is too large")
        return super().fit(X, y, **given)


class NeedsRows(Sound):
    def fit(self, X, y, **given):
        if len(y) < 150:
            raise ValueError(f"{len(y)} rows are too few")
        return super().fit(X, y, **given)


# Rules that whatever a fit raises is a breach of.
RAISED = {"sparse rows", "missing cells", "constant target", "frames", "values by column", "values by label"}
BREACHES = {
    "contract": [
        NoThreads,
        NoLoad,
        WrongTasks,
        WrongLevel,
        HalfOfPrepares,
        WrongShared,
        WrongSpace,
        SpaceIsNone,
        NoGroups,
        OwnInit,
        Misspelt,
        NoModel,
        NoSave,
        NoThreadsInPredict,
    ],
    "parameters": [Forgets, SharesParameters, TakesAnyName],
    "predictions": [WrongShape, FewerRows, NotFinite, Texts, NoProbabilities],
    "it learns": [LearnsNothing],
    "data unchanged": [ChangesX, ChangesXInPredict],
    "deterministic": [GlobalRandomState, NoSeed],
    "no leakage": [Remembers],
    "one row": [LooksAtTheBatch],
    "constant target": [DividesByTheDeviation],
    "clean failure": [ChangesItself],
    "silent": [Prints, PreparesLoudly],
    "threads": [ManyThreads],
    "saved and loaded": [SavesNothing, SavesElsewhere, SavesAPickle, SavesAPickleOfNumbers, LosesDigits],
    "sample weights": [IgnoresWeights, IgnoresWeightsNearly, PreparesWithoutWeights],
    "missing cells": [NoNaN],
    "categories": [IgnoresCategories],
    "sparse rows": [NoSparse],
    "several targets": [OneTarget],
    "early stopping": [WrongRounds, PreparesWithoutRounds],
    "frames": [ChangesFrames, SpoilsFrames, TakesNoFrames],
    "prepared table": [PreparesTargets, PreparesAnotherTable],
    "sums of rows": [NoIntercept],
    "contributions": [WrongSums, WrongContributions, ExplainsClassesWrongly],
    "importances": [NegativeImportances],
    "search space": [CannotBeFitted],
}
