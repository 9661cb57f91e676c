"""What is not byoe's own: a plugin from an installed distribution, a module of the user, and a classifier on texts."""

import sys

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor

MODULE = """
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from byoe.plugins import EstimatorLearner, register_learner


class Halved(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.model_ = Ridge().fit(X / 2, y)
        return self

    def predict(self, X):
        return self.model_.predict(X / 2)


class HalvedRidge(EstimatorLearner):
    tasks = frozenset({"regression"})

    def estimator(self, task, y):
        return Halved()

    def packages(self):
        return frozenset({"own_halved"})


register_learner("halved", HalvedRidge)
"""


def test_a_plugin_of_a_third_party(platform, on_aws, tables):
    train, rows = tables
    ensemble = EnsembleRegressor(("least-squares", "additive-bins", "knn"), "trimmed-mean", cv=3, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", logs=False, **on_aws)
    with byoe.sagemaker.deploy(job) as endpoint:
        expected = ensemble.fit(train.drop(columns="target"), train["target"]).predict(rows)
        np.testing.assert_allclose(endpoint.predict(rows), expected)


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_halved.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import own_halved  # noqa: F401  # it registers itself

    yield tmp_path / "own_halved.py"
    del sys.modules["own_halved"]


def test_a_module_of_the_user(platform, on_aws, tables, own):
    train, rows = tables
    ensemble = EnsembleRegressor(("halved", "ridge"), "mean", cv=3, random_state=0)
    job = byoe.sagemaker.fit(ensemble, train, target="target", dependencies=[own], logs=False, **on_aws)
    with byoe.sagemaker.deploy(job) as endpoint:
        found = endpoint.predict(rows)
    np.testing.assert_allclose(found, ensemble.fit(train.drop(columns="target"), train["target"]).predict(rows))


def test_a_classifier_with_categories_and_missing_cells(platform, on_aws):
    rng = np.random.default_rng(0)
    size = 300
    frame = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue"], size),
            "length": rng.normal(size=size),
            "width": np.where(rng.random(size) < 0.2, np.nan, rng.normal(size=size)),
        }
    )
    high = (frame["colour"] == "red") + frame["length"] + rng.normal(scale=0.3, size=size)
    frame["kind"] = np.select([high < 0, high < 1], ["low", "middle"], "high")
    train, rows = frame.iloc[:250], frame.iloc[250:].drop(columns="kind")
    ensemble = EnsembleClassifier(("catboost", "lightgbm", "hist_gradient_boosting"), "weighted", cv=3, random_state=0)
    shared = {"n_rounds": 30}
    job = byoe.sagemaker.fit(ensemble, train, target="kind", hyperparameters=shared, logs=False, **on_aws)
    assert {"validation:log_loss", "validation:accuracy"} <= set(job.metrics)
    with byoe.sagemaker.deploy(job) as endpoint:
        found = endpoint.predict(rows)
    assert set(found) <= {"low", "middle", "high"}
    np.testing.assert_array_equal(found, job.ensemble().predict(rows))
    assert (found == frame["kind"].iloc[250:]).mean() > 0.6
