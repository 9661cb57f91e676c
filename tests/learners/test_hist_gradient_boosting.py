"""The rounds that scikit-learn's histogram boosting keeps."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

import byoe
from byoe.contracts._learner import StopRows
from byoe.contracts._row_loss import AbsoluteError
from byoe.contracts._task import Task

REGRESSION = Task("regression")
PATIENCE = 20


def watched(X, y, loss=None):
    return StopRows(X=X, y=y, sample_weight=None, loss=loss, patience=PATIENCE)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + rng.normal(size=400)


def fitted(X, y, task, **given):
    params = {"learning_rate": 0.3, "max_features": 0.6, **given.pop("params", {})}
    learner = byoe.learner("hist_gradient_boosting", **params)
    return learner.fit(X, y, task=task, sample_weight=None, seed=3, threads=1, **given)


@pytest.mark.parametrize("loss", [None, AbsoluteError()])
def test_the_best_rounds_are_those_of_a_fit_that_has_no_more(loss, rows):
    X, y = rows
    stopped = fitted(X[:300], y[:300], REGRESSION, stop=watched(X[300:], y[300:], loss))
    assert stopped.estimator.n_iter_ == stopped.rounds
    assert len(stopped.estimator.validation_score_) == stopped.rounds + 1
    again = fitted(X[:300], y[:300], REGRESSION, params={"max_iter": stopped.rounds})
    assert np.array_equal(stopped.predict(X), again.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_so_are_those_of_classes(n_classes, rows):
    X, y = rows
    task, codes = Task("classification", n_classes), np.digitize(y, [0.0, 1.0][: n_classes - 1])
    stopped = fitted(X[:300], codes[:300], task, stop=watched(X[300:], codes[300:]))
    again = fitted(X[:300], codes[:300], task, params={"max_iter": stopped.rounds})
    assert np.array_equal(stopped.predict(X), again.predict(X))


def test_the_rows_are_fitted_once(rows, monkeypatch):
    fits, fit = [], HistGradientBoostingRegressor.fit
    monkeypatch.setattr(
        HistGradientBoostingRegressor, "fit", lambda self, X, y, **rest: fits.append(len(X)) or fit(self, X, y, **rest)
    )
    X, y = rows
    fitted(X[:300], y[:300], REGRESSION, stop=watched(X[300:], y[300:]))
    assert fits == [300]
