"""The number of rounds, found on rows inside the training part."""

import numpy as np
import pytest

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.errors import ParameterError
from byoe.learners._boosting import LEARNING_RATE

NAMES = ["catboost", "xgboost", "lightgbm", "hist_gradient_boosting"]


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + 1.5 * rng.normal(size=300)


def grown(model):
    """Return how many trees a fitted model holds."""
    inner = model.models[0]
    if hasattr(inner, "estimator"):
        return inner.estimator.n_iter_
    return inner.rounds


@pytest.mark.parametrize("name", NAMES)
def test_it_stops_before_it_overfits(name, noisy):
    X, y = noisy
    made = EnsembleRegressor([learner(name, learning_rate=0.3)], "mean", random_state=0)
    stopped = made.fit(X, y)
    rounds = [model.rounds[0] for model in stopped.members_[name].models]
    assert len(rounds) == 5
    assert all(1 <= count < 300 for count in rounds)
    assert [grown(model) for model in stopped.members_[name].models] == rounds
    rounds = {"max_iter" if name.startswith("hist") else "n_estimators": 800}
    long = EnsembleRegressor([learner(name, learning_rate=0.3, **rounds)], "mean", random_state=0).fit(X, y)
    assert stopped.score_estimate_ > long.score_estimate_


@pytest.mark.parametrize("name", NAMES)
def test_given_rounds_are_obeyed_unless_stopping_is_asked_for(name, noisy):
    X, y = noisy
    given = learner(name, **{"max_iter" if name.startswith("hist") else "n_estimators": 400}, learning_rate=0.3)
    auto = EnsembleRegressor([given], "mean", random_state=0).fit(X, y)
    assert {grown(model) for model in auto.members_[name].models} == {400}
    always = EnsembleRegressor([given], "mean", random_state=0, early_stopping=True).fit(X, y)
    assert max(grown(model) for model in always.members_[name].models) < 400
    never = EnsembleRegressor([learner(name)], "mean", random_state=0, early_stopping=False).fit(X, y)
    assert {grown(model) for model in never.members_[name].models} == {1000 if name == "catboost" else 100}


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_takes_the_mean_of_the_folds(name, noisy):
    X, y = noisy
    made = EnsembleRegressor([learner(name, learning_rate=0.2)], "mean", random_state=0)
    rounds = [model.rounds[0] for model in made.set_params(finalize="bag").fit(X, y).members_[name].models]
    (refit,) = made.set_params(finalize="refit").fit(X, y).members_[name].models
    assert grown(refit) == round(np.mean(rounds))


def test_the_learning_rate_is_low_where_the_rounds_are_open(noisy):
    X, y = noisy
    (model, *_) = EnsembleRegressor(["xgboost"], "mean", random_state=0).fit(X, y).members_["xgboost"].models
    config = model.models[0].booster.save_config()
    assert f'"eta":"{LEARNING_RATE}' in config.replace(
        " ", ""
    ) or f'"learning_rate":"{LEARNING_RATE}' in config.replace(" ", "")


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_weights(name, noisy, tmp_path):
    X, y = noisy
    kinds = np.digitize(y, [-1, 1])
    weight = np.linspace(0.1, 2, len(y))
    ensemble = EnsembleClassifier([learner(name, learning_rate=0.3)], "mean", random_state=0)
    ensemble.fit(X, kinds, sample_weight=weight)
    assert -ensemble.score_estimate_ < 1.1
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))
    assert [m.rounds for m in loaded.members_[name].models] == [m.rounds for m in ensemble.members_[name].models]


def test_linear_boosting_is_not_stopped(noisy):
    X, y = noisy
    ensemble = EnsembleRegressor([learner("xgboost", booster="gblinear")], "mean", random_state=0).fit(X, y)
    assert np.isfinite(ensemble.score_estimate_)


def test_a_wrong_switch_is_refused(noisy):
    with pytest.raises(ParameterError, match="early_stopping is 'yes', expected one of 'auto', True, False"):
        EnsembleRegressor(["ridge"], early_stopping="yes").fit(*noisy)
