"""Several targets at once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import InputError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4))
    Y = np.column_stack([X[:, 0] * 10, np.sin(2 * X[:, 1]), X[:, 2] + X[:, 0]]) + 0.1 * rng.normal(size=(150, 3))
    return X, Y


MEMBERS = ["ridge", "knn", learner("xgboost", n_estimators=15), learner("random_forest", n_estimators=10), "svm"]


@pytest.mark.parametrize(
    "blender", ["mean", "weighted", "vote", "greedy", "meta-linear", "best", "auto", LinearRegression()]
)
def test_every_blender_blends_each_target(blender, data, tmp_path):
    X, Y = data
    ensemble = EnsembleRegressor(MEMBERS, blender, random_state=0).fit(X, Y)
    assert ensemble.predict(X).shape == Y.shape
    assert ensemble.oof_predictions_.shape == (150, 5, 3)
    assert ensemble.score(X, Y) > 0.7
    assert ensemble.transform(X).shape == (150, 15)
    assert len(ensemble.get_feature_names_out()) == 15
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    assert np.array_equal(loaded.reblend("mean").predict(X), ensemble.reblend("mean").predict(X))


def test_a_target_is_blended_as_if_it_were_alone(data):
    X, Y = data
    names = ["ridge", "svm", learner("xgboost", n_estimators=10)]
    both = EnsembleRegressor(names, "weighted", cv=KFold(4), random_state=0).fit(X, Y)
    assert both.blender_.weights_.shape == (3, 3)
    for output in range(3):
        alone = EnsembleRegressor(names, "weighted", cv=KFold(4), random_state=0).fit(X, Y[:, output])
        np.testing.assert_allclose(both.predict(X)[:, output], alone.predict(X), rtol=1e-9)
        np.testing.assert_allclose(both.blender_.weights_[:, output], alone.blender_.weights_, atol=1e-9)


def test_an_estimator_that_takes_several_targets_gets_them_together(data):
    X, Y = data
    forest = RandomForestRegressor(n_estimators=5, random_state=0)
    ensemble = EnsembleRegressor([forest], "mean", cv=KFold(3)).fit(X, Y)
    expected = cross_val_predict(RandomForestRegressor(n_estimators=5, random_state=0), X, Y, cv=KFold(3))
    np.testing.assert_allclose(ensemble.oof_predictions_[:, 0], expected)


def test_weights_groups_and_early_stopping(data):
    X, Y = data
    names = ["ridge", learner("lightgbm", learning_rate=0.3), learner("catboost", learning_rate=0.5, depth=2)]
    ensemble = EnsembleRegressor(names, "weighted", cv=3, random_state=0, finalize="refit")
    ensemble.fit(X, pd.DataFrame(Y), sample_weight=np.linspace(0.1, 1, 150), groups=np.arange(150) // 5)
    assert ensemble.score(X, Y) > 0.5
    assert len(ensemble.members_["lightgbm"].models[0].rounds) == 3


def test_a_hole_in_one_target_is_told(data):
    X, Y = data
    broken = Y.copy()
    broken[4, 1] = np.nan
    with pytest.raises(InputError, match=r"the target is missing in 1 of 150 rows \(rows 4\)"):
        EnsembleRegressor(["ridge"]).fit(X, broken)


def test_categories_are_target_encoded_for_each_target(data):
    X = data[0]
    rng = np.random.default_rng(0)
    street = rng.integers(0, 20, 150)
    effects = rng.normal(size=(20, 2)) * 3
    frame = pd.DataFrame({"size": X[:, 0], "street": [f"s{i}" for i in street]})
    target = effects[street] + 0.1 * rng.normal(size=(150, 2))
    ensemble = EnsembleRegressor(["ridge"], "mean", random_state=0).fit(frame, target)
    assert ensemble.members_["ridge"].models[0].encoder.means[1].shape == (22, 2)
    assert ensemble.score(frame, target) > 0.9


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_intervals_of_each_target(finalize, data):
    X, Y = data
    both = EnsembleRegressor(["ridge", "knn"], "mean", cv=KFold(4), finalize=finalize).fit(X, Y)
    bounds = both.predict_interval(X[:20], level=0.8)
    assert bounds.shape == (20, 3, 2)
    for output in range(3):
        alone = EnsembleRegressor(["ridge", "knn"], "mean", cv=KFold(4), finalize=finalize).fit(X, Y[:, output])
        np.testing.assert_allclose(bounds[:, output], alone.predict_interval(X[:20], level=0.8), rtol=1e-9)
