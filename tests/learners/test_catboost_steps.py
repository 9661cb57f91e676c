"""How many Newton steps CatBoost takes in each leaf: five where several classes would be separated on and on."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from byoe import EnsembleClassifier, learner
from byoe.contracts._deadline import Deadline, until
from byoe.contracts._learner import StopRows
from byoe.learners._catboost_steps import STEPS, long, may_take_more, searched
from byoe.plugins import Task

TASK = Task("classification", 3)
RATE = 0.3


@pytest.fixture(scope="module")
def apart():
    """Return rows of three classes that hardly overlap."""
    y = np.arange(240) % 3
    return np.random.default_rng(5).normal(size=(240, 3)) + 4 * np.eye(3)[y], y


def found(X, y, **params):
    """Return a model that has stopped on the last third of the rows, after 900 rounds at most."""
    stop = StopRows(X[160:], y[160:], None, 50)
    own = {"task": TASK, "sample_weight": None, "seed": 0, "threads": 1}
    return learner("catboost", learning_rate=RATE, iterations=900, **params).fit(X[:160], y[:160], stop=stop, **own)


def steps_of(model):
    return model.model.get_all_params()["leaf_estimation_iterations"]


def test_classes_apart_get_more_steps_and_need_fewer_trees_for_a_loss_as_low(apart):
    X, y = apart
    model, plain = found(X, y), found(X, y, leaf_estimation_iterations=1)
    assert (steps_of(model), steps_of(plain)) == (STEPS, 1)
    assert model.rounds == STEPS * model.model.tree_count_
    assert model.model.tree_count_ < plain.model.tree_count_ / 2
    loss, plain_loss = (log_loss(y[160:], one.predict(X[160:])) for one in (model, plain))
    assert loss < plain_loss


def test_classes_that_overlap_get_one_step_and_the_same_model_as_ever(apart):
    X, y = apart
    y = np.random.default_rng(0).permutation(y)
    model, plain = found(X, y), found(X, y, leaf_estimation_iterations=1)
    assert steps_of(model) == 1
    assert model.rounds == model.model.tree_count_ < long({"learning_rate": RATE})
    assert np.array_equal(model.predict(X), plain.predict(X))


def test_a_number_of_rounds_that_more_steps_have_found_is_made_with_them(apart):
    X, y = apart
    own = {"task": TASK, "sample_weight": None, "seed": 0, "threads": 1}
    few = long({"learning_rate": RATE})
    for rounds, steps in ((few - 1, 1), (few, STEPS), (few + 3, STEPS)):
        model = learner("catboost", learning_rate=RATE).fit(X, y, rounds=rounds, **own)
        assert steps_of(model) == steps
        assert model.model.tree_count_ == math.ceil(rounds / steps)


def test_a_refit_is_made_as_the_folds_were(apart):
    X, y = apart
    own = learner("catboost", learning_rate=RATE, iterations=900)
    made = EnsembleClassifier([own], "mean", cv=2, random_state=0, early_stopping=True)
    folds = made.fit(X, y).members_["catboost"].models
    (refit,) = made.set_params(finalize="refit").fit(X, y).members_["catboost"].models
    assert {steps_of(fold.models[0]) for fold in folds} == {STEPS} == {steps_of(refit.models[0])}
    mean = np.mean([fold.models[0].model.tree_count_ for fold in folds])
    assert abs(refit.models[0].model.tree_count_ - mean) <= 1


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        ({}, 2),
        ({}, 0),
        ({"leaf_estimation_iterations": 2}, 3),
        ({"leaf_estimation_method": "Gradient"}, 3),
        ({"loss_function": "MultiClassOneVsAll"}, 3),
        ({"eval_metric": "Accuracy"}, 3),
        ({"task_type": "GPU"}, 3),
    ],
)
def test_where_it_is_not_ours_to_say(given, classes):
    assert may_take_more({"loss_function": "MultiClass"}, TASK)
    assert not may_take_more(given, Task("classification" if classes else "regression", classes))


class Fit:
    """A fit of the library, of a loss for each number of steps, which goes on for as many rounds as it may."""

    def __init__(self, params, losses):
        self.rounds, self.loss = params["iterations"], losses[params.get("leaf_estimation_iterations", 1)]

    def get_evals_result(self):
        return {"validation": {"MultiClass": [self.loss] * self.rounds}}

    def get_best_score(self):
        return {"validation": {"MultiClass": self.loss}}


@pytest.mark.parametrize(("more", "steps", "calls"), [(0.1, STEPS, [150, 600]), (0.3, 1, [150, 600, 3000])])
def test_more_steps_are_kept_unless_their_loss_is_higher(more, steps, calls):
    asked = []

    def train(params):
        asked.append(params["iterations"])
        return Fit(params, {1: 0.2, STEPS: more})

    model, taken = searched(train, {"learning_rate": RATE, "iterations": 3000})
    assert (taken, asked) == (steps, calls)
    assert model.loss == min(0.2, more)


def test_no_search_begins_again_behind_the_deadline_or_the_cap():
    asked = []

    def train(params):
        asked.append(params["iterations"])
        return Fit(params, {1: 0.2})

    with until(Deadline(0.0)):
        assert searched(train, {"learning_rate": RATE, "iterations": 3000})[1] == 1
    assert searched(train, {"learning_rate": RATE, "iterations": 150})[1] == 1
    assert asked == [150, 150]
