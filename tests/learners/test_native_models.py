"""Learners that keep coefficients or layers instead of scikit-learn's estimator predict what that does."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

import byoe
from byoe.learners.linear import LinearModel, logistic, softmax
from byoe.learners.mlp import NetworkModel
from byoe.plugins import Task

KINDS = {
    "one target": Task("regression"),
    "two targets": Task("regression", n_outputs=2),
    "two classes": Task("classification", 2),
    "three classes": Task("classification", 3),
}
LEARNERS = {
    "ridge": {},
    "ridge without intercept": {"fit_intercept": False},
    "elastic_net": {"alpha": 0.05},
    "mlp": {"hidden_layer_sizes": [4, 3], "max_iter": 300, "tol": 1e-2},
    "mlp tanh": {"hidden_layer_sizes": [3], "activation": "tanh", "max_iter": 300, "tol": 1e-2},
    "mlp logistic": {"hidden_layer_sizes": [3], "activation": "logistic", "max_iter": 300, "tol": 1e-2},
    "mlp identity": {"hidden_layer_sizes": [3], "activation": "identity", "max_iter": 300, "tol": 1e-2},
}


@pytest.fixture(params=KINDS)
def fitted(request, rng):
    task = KINDS[request.param]
    X = rng.normal(size=(90, 4))
    signal = X @ rng.normal(size=(4, 3)) + 0.1 * rng.normal(size=(90, 3))
    if task.is_classification:
        return X, signal[:, : task.n_classes].argmax(axis=1), task
    return X, signal[:, 0] if task.n_outputs == 1 else signal[:, :2], task


@pytest.mark.parametrize("case", LEARNERS)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_it_predicts_what_the_estimator_predicts(case, fitted, tmp_path):
    X, y, task = fitted
    made = byoe.learner(case.split()[0], **LEARNERS[case])
    estimator = made.estimator(task, y)
    if case == "elastic_net" and not task.is_classification:  # its penalty is in units of the target's deviation
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    seeds = [name for name in estimator.get_params() if name.endswith("random_state")]
    estimator.set_params(**dict.fromkeys(seeds, 3)).fit(X, y)
    model = made.fit(X, y, task=task, sample_weight=None, seed=3, threads=1)
    assert isinstance(model, LinearModel | NetworkModel)
    expected = estimator.predict_proba(X) if task.is_classification else estimator.predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.predict(csr_matrix(X)), expected, rtol=1e-10, atol=1e-12)
    assert np.array_equal(model.predict(X[:1]).shape, expected[:1].shape)
    model.save(tmp_path)
    assert np.array_equal(made.load(tmp_path, task=task).predict(X), model.predict(X))


def test_extreme_margins_give_probabilities_without_a_warning():
    assert logistic(np.array([-1e4, -1.0, 0.0, 1e4])).tolist() == [0.0, 1 / (1 + np.e), 0.5, 1.0]
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]
