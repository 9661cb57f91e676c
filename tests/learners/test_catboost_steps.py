"""How CatBoost grows trees: its Newton steps in each leaf, its splits of few levels, and how long it goes on."""

import numpy as np
import pytest

from byoe import EnsembleClassifier, learner
from byoe.contracts._learner import StopRows
from byoe.engine._fold_fit import _HASTE
from byoe.learners._catboost_steps import BITS, BITS_OF_CLASSES, STEPS, in_time
from byoe.plugins import Task

TASK = Task("classification", 3)
OWN = {"sample_weight": None, "seed": 0, "threads": 1}


@pytest.fixture(scope="module")
def apart():
    """Return rows of three classes that hardly overlap."""
    y = np.arange(240) % 3
    return np.random.default_rng(5).normal(size=(240, 3)) + 4 * np.eye(3)[y], y


def steps_of(model):
    return model.model.get_all_params()["leaf_estimation_iterations"]


@pytest.mark.parametrize(
    ("n_classes", "given", "steps"),
    [
        (0, {}, STEPS),
        (2, {}, STEPS),
        (3, {}, STEPS),
        (3, {"leaf_estimation_iterations": 2}, 2),
        (3, {"leaf_estimation_method": "Gradient"}, 1),
        (0, {"loss_function": "MAE"}, 1),
    ],
)
def test_leaves_are_found_in_five_steps_where_it_is_ours_to_say(apart, n_classes, given, steps):
    X, y = apart
    target = y % n_classes if n_classes else X[:, 0] + y
    task = Task("classification", n_classes) if n_classes else Task("regression")
    model = learner("catboost", **given).fit(X, target, task=task, rounds=5, **OWN)
    assert steps_of(model) == steps


def test_a_number_of_rounds_of_ones_own_keeps_the_librarys_steps(apart):
    X, y = apart
    assert steps_of(learner("catboost", iterations=5).fit(X, y, task=TASK, **OWN)) == 1


@pytest.mark.parametrize(
    ("n_classes", "given", "rounds", "most"),
    [
        (3, {}, 5, BITS_OF_CLASSES),
        (3, {"one_hot_max_size": 3}, 5, 3),
        (3, {"iterations": 5}, None, 2),
        (2, {}, 5, BITS),
        (0, {}, 5, BITS),
        (0, {"iterations": 5}, None, 2),
    ],
)
def test_few_levels_are_split_one_by_one(n_classes, given, rounds, most):
    codes = np.random.default_rng(3).integers(0, 6, size=(240, 2))
    y = codes.sum(axis=1) % n_classes if n_classes else codes.sum(axis=1) + 0.5
    task = Task("classification", n_classes) if n_classes else Task("regression")
    own = {**OWN, "categorical": {0: 6, 1: 6}, "rounds": rounds}
    model = learner("catboost", **given).fit(codes.astype(float), y, task=task, **own)
    assert model.model.get_all_params()["one_hot_max_size"] == most
    assert model.predict(codes.astype(float)).shape == ((240, n_classes) if n_classes else (240,))


@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize("levels", [3, BITS, BITS + 1])
def test_few_levels_are_saved_and_explained_as_many_are(n_classes, levels, tmp_path):
    rng = np.random.default_rng(4)
    codes = np.where(rng.random(240) < 0.05, np.nan, rng.integers(0, levels, 240))
    X = np.column_stack([rng.normal(size=240), codes])
    y = X[:, 0] + np.nan_to_num(codes % 2)
    task = Task("classification", 2) if n_classes else Task("regression")
    own = {**OWN, "task": task, "categorical": {1: levels}, "rounds": 10}
    model = learner("catboost").fit(X, (y > 0.5).astype(int) if n_classes else y, **own)
    rows = np.vstack([X, [[0.0, levels]]])  # and a level that it has not seen
    predicted = model.predict(rows)
    model.save(tmp_path)
    assert np.array_equal(learner("catboost").load(tmp_path, task=task).predict(rows), predicted)
    score = np.log(predicted[:, 1] / predicted[:, 0]) if n_classes else predicted
    assert model.contributions(rows).sum(axis=1) == pytest.approx(score)


@pytest.mark.parametrize(
    ("given", "rounds"), [({"learning_rate": 0.3}, 167), ({"learning_rate": 0.3, "iterations": 1700}, 1700)]
)
def test_classes_that_hardly_overlap_are_not_separated_on_and_on(apart, given, rounds):
    X, y = apart
    stop = StopRows(X[160:], y[160:], None, 10_000)
    model = learner("catboost", **given).fit(X[:160], y[:160], task=TASK, stop=stop, **OWN)
    assert len(model.model.get_evals_result()["validation"]["MultiClass"]) == rounds


def test_the_search_in_larger_steps_counts_as_nobodys_number():
    given = learner("catboost").in_haste(_HASTE).own_params()
    rounds, rate = given["iterations"], given["learning_rate"]
    assert in_time(rounds, rounds, rate, TASK) == 334
    assert in_time(rounds - 1, rounds - 1, rate, TASK) == rounds - 1


def test_a_refit_is_made_as_the_folds_were(apart):
    X, y = apart
    made = EnsembleClassifier(["catboost"], "mean", cv=2, random_state=0)
    folds = made.fit(X, y).members_["catboost"].models
    (refit,) = made.set_params(finalize="refit").fit(X, y).members_["catboost"].models
    assert {steps_of(fold.models[0]) for fold in folds} == {STEPS} == {steps_of(refit.models[0])}
    mean = np.mean([fold.models[0].model.tree_count_ for fold in folds])
    assert abs(refit.models[0].model.tree_count_ - mean) <= 1
