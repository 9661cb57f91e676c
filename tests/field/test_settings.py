"""Settings of the whole process change no model: those of scikit-learn, NumPy, pandas and Python's warnings.

With ``set_config(transform_output="polars")`` a scaler of the target, inside a member, gave a frame where an array is
expected.
"""

import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR, NuSVR

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner


@contextmanager
def _strict_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def _old_strings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas says that the option will go
        with pd.option_context("future.infer_string", False):
            yield


SETTINGS = {
    "output pandas": lambda: sklearn.config_context(transform_output="pandas"),
    "output polars": lambda: sklearn.config_context(transform_output="polars"),
    "metadata routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "assume finite": lambda: sklearn.config_context(assume_finite=True),
    "skip validation": lambda: sklearn.config_context(skip_parameter_validation=True),
    "errors of floats": lambda: np.errstate(all="raise"),
    "strict warnings": _strict_warnings,
    "old strings": _old_strings,
}


def _members(kind):
    if kind == "pipelines":
        encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["town"]), (StandardScaler(), ["size"]))
        return [("own", make_pipeline(encode, LinearRegression())), ("bare", LinearRegression())]
    boosters = [
        learner("lightgbm", n_estimators=5),
        learner("xgboost", n_estimators=5),
        learner("catboost", iterations=5),
        learner("hist_gradient_boosting", max_iter=5),
    ]
    forests = [learner("random_forest", n_estimators=5), learner("extra_trees", n_estimators=5)]
    # knn takes no weights, and few rows of the perceptron do not converge.
    return {"boosters": boosters, "forests": forests, "linear": ["ridge", "elastic_net"], "others": ["knn", "svm"]}[
        kind
    ]


def _table():
    rng = np.random.default_rng(0)
    n = 60
    table = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "holes": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "town": rng.choice(["Oslo", "Bonn", "Rome"], n),
            "street": [f"street {i}" for i in rng.integers(0, 20, n)],
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n), "D"),
        }
    )
    return table, table["size"] + (table["town"] == "Oslo") + rng.normal(0, 0.1, n)


def _all_of_it(kind, folder, n_jobs=1):
    classes, weighted = kind in ("boosters", "forests"), kind in ("boosters", "linear")
    X, y = _table()
    made = EnsembleClassifier if classes else EnsembleRegressor
    weights = np.linspace(1, 2, len(X)) if weighted else None
    ensemble = made(_members(kind), cv=3, random_state=0, n_jobs=n_jobs)
    ensemble.fit(X, y > 0.3 if classes else y, sample_weight=weights)
    ask = "predict_proba" if classes else "predict"
    predicted = getattr(ensemble, ask)(X)
    ensemble.save(folder, trusted=["sklearn.*"])
    assert np.array_equal(getattr(byoe.load(folder, trusted=["sklearn.*"]), ask)(X), predicted)
    return predicted


@cache
def _usual(kind):
    with TemporaryDirectory() as folder:
        return _all_of_it(kind, Path(folder, "usual"))


@pytest.mark.parametrize("kind", ["boosters", "forests", "linear", "others", "pipelines"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_changes_nothing(setting, kind, tmp_path):
    usual = _usual(kind)
    with SETTINGS[setting]():
        found = _all_of_it(kind, tmp_path / "set")
    # A frame inside a pipeline of the user's lies in another order in memory, and sums round otherwise.
    assert np.allclose(found, usual, rtol=0, atol=1e-12 if kind == "pipelines" else 0)


@pytest.mark.parametrize("setting", ["output pandas", "output polars", "metadata routing", "errors of floats"])
def test_nor_with_workers(setting, tmp_path):
    usual = _usual("linear")
    with SETTINGS[setting]():
        assert np.array_equal(_all_of_it("linear", tmp_path / "set", n_jobs=2), usual)


@pytest.mark.parametrize(
    "member", ["svm", "mlp", SVR(), make_pipeline(StandardScaler(), NuSVR())], ids=["svm", "mlp", "SVR", "pipeline"]
)
def test_the_random_numbers_of_others_stay_theirs(member):
    """libsvm's regressors have a seed that is no parameter, and draw it from the generator that others use."""
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60.0) % 7
    own = learner("mlp", max_iter=300, tol=1e-1, hidden_layer_sizes=[3]) if member == "mlp" else member
    before = np.random.get_state()
    EnsembleRegressor([("own", own), "ridge"], cv=3, random_state=0).fit(X, y).predict(X)
    after = np.random.get_state()
    assert after[2] == before[2]
    assert np.array_equal(after[1], before[1])
