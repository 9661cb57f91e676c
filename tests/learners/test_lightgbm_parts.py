"""Predictions of many rows by a part of LightGBM's trees after the other."""

import numpy as np
import pytest
import scipy.sparse

import byoe
from byoe.learners import _lightgbm_parts
from byoe.plugins import Task

RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(300, 4)), 1)
X[:, 3] = RNG.integers(3, size=300)
SLOPE = X[:, 0] + np.sin(3 * X[:, 1])
CLASSES = np.digitize(SLOPE + RNG.normal(size=300), [-0.5, 0.5])
TARGETS = {"numbers": SLOPE, "positive": np.exp(SLOPE), "two": (SLOPE > 0).astype(np.int64), "three": CLASSES}
IN_PARTS = ["regression", "regression_l1", "huber", "fair", "quantile", "mape"]


def fitted(y, X=X, **params):
    task = Task("classification", n_classes=len(np.unique(y))) if y.dtype.kind == "i" else Task("regression")
    few_rows = {"min_child_samples": 5, "num_leaves": 5, "n_estimators": 600, **params}
    made = byoe.learner("lightgbm", **few_rows)
    return made.fit(X, y, task=task, sample_weight=None, seed=0, threads=1, categorical={3: 3})


@pytest.fixture
def asked(monkeypatch):
    """What the library was asked for."""
    import lightgbm

    calls, predict = [], lightgbm.Booster.predict

    def watched(self, X, **how):
        calls.append(how.get("num_iteration"))
        return predict(self, X, **how)

    monkeypatch.setattr(lightgbm.Booster, "predict", watched)
    return calls


def of_library(model, X):
    import lightgbm

    values = lightgbm.Booster(model_str=model.booster.model_to_string()).predict(X, num_iteration=model.rounds)
    return np.column_stack([1 - values, values]) if model.task.n_classes == 2 else values


@pytest.mark.parametrize(
    ("target", "params", "parts"),
    [
        *(("positive", {"objective": name}, [250, 250, 100]) for name in IN_PARTS),
        ("two", {}, [250, 250, 100]),
        ("three", {"n_estimators": 200}, [83, 83, 34]),
        # The library's own predictions, of what is no sum of trees, or another function of it.
        ("positive", {"objective": "poisson"}, [None]),
        ("numbers", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, [None]),
        ("three", {"objective": "multiclassova"}, [None]),
    ],
    ids=str,
)
def test_parts_of_the_trees_add_up_to_what_the_library_predicts(asked, target, params, parts):
    model = fitted(TARGETS[target], **params)
    found = model.predict(X)
    assert asked == parts
    np.testing.assert_allclose(found, of_library(model, X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, np.asfortranarray, np.float32])
def test_rows_of_all_kinds(asked, kind):
    model = fitted(CLASSES)
    found = model.predict(kind(X))
    assert len(asked) > 1
    np.testing.assert_allclose(found, of_library(model, kind(X)), rtol=1e-12, atol=1e-12)


def test_a_part_of_a_wide_table_has_as_many_trees_as_columns(asked):
    wide = np.hstack([X, np.zeros((len(X), 396))])
    model = fitted(SLOPE, wide)
    found = model.predict(wide)
    fitted(SLOPE, wide, n_estimators=900).predict(wide)
    assert asked == [None, 400, 400, 100]
    np.testing.assert_allclose(found, of_library(model, wide), rtol=1e-12, atol=1e-12)


def test_linear_leaves_and_rounds_behind_the_best_one(asked):
    model = fitted(SLOPE, linear_tree=True)
    np.testing.assert_allclose(model.predict(X), of_library(model, X), rtol=1e-10)
    model.rounds = 510
    asked.clear()
    np.testing.assert_allclose(model.predict(X), of_library(model, X), rtol=1e-10)
    assert asked[:3] == [250, 250, 10]


def test_few_rows_and_few_trees_are_the_librarys(asked):
    model = fitted(SLOPE)
    rows = _lightgbm_parts._MANY_ROWS
    model.predict(X[: rows - 1])
    fitted(SLOPE, n_estimators=499).predict(X)
    assert asked == [None, None]
    np.testing.assert_allclose(model.predict(X[:rows]), model.predict(X)[:rows], rtol=1e-14)
