"""Convex weights whose blend is adjusted by a few numbers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax
from tests.blenders.test_pull import classes, regression

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.blenders._comparing import usual_name
from byoe.blenders._per_output import PerOutput
from byoe.contracts._blender import OOF
from byoe.contracts._task import Task
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric


def test_a_slope_and_an_intercept_are_those_of_least_squares(rng):
    oof = regression(rng)
    oof = replace(oof, predictions=3 * oof.predictions - 5, sample_weight=rng.uniform(0.5, 2, len(oof.y)))
    found = byoe.blender("adjusted", alpha=0).fit(oof)
    slope, intercept = np.polyfit(oof.predictions @ found.weights_, oof.y, 1, w=np.sqrt(oof.weights))
    np.testing.assert_allclose([found.slope_, found.offsets_[0]], [slope, intercept], rtol=1e-8)
    expected = slope * (oof.predictions @ found.weights_) + intercept
    np.testing.assert_allclose(found.predict(oof.predictions), expected)
    np.testing.assert_allclose(oof.predictions @ found.linear().weights + found.linear().intercept, expected)


@pytest.mark.parametrize("k", [2, 4])
def test_temperature_and_offsets_are_those_of_a_general_optimiser(k, rng):
    oof = classes(rng, n=150, k=k)
    oof = replace(oof, sample_weight=rng.uniform(0.5, 2, 150))
    found = byoe.blender("adjusted", alpha=2.0).fit(oof)
    logs = np.log(np.tensordot(oof.predictions, found.weights_, axes=(1, 0)))

    def total(theta):
        chosen = log_softmax(theta[0] * logs + theta[1:], axis=1)[np.arange(150), oof.y]
        return -oof.weights @ chosen + (theta[0] - 1) ** 2 + theta[1:] @ theta[1:]

    best = minimize(total, np.append(1.0, np.zeros(k)), method="Nelder-Mead", options={"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-9, "fatol": 1e-12})  # fmt: skip
    np.testing.assert_allclose([found.slope_, *found.offsets_], best.x, atol=1e-3)


@pytest.mark.parametrize("make", [regression, classes])
def test_where_it_learned_it_is_no_worse_than_the_weights(make):
    for seed in range(20):
        oof = make(np.random.default_rng(seed))
        adjusted, weighted = (
            oof.loss(byoe.blender(name).fit(oof).predict(oof.predictions)) for name in ("adjusted", "weighted")
        )
        assert adjusted <= weighted * (1 + 1e-9)


def test_a_strong_penalty_leaves_the_blend_as_it_is(rng):
    for oof in (regression(rng), classes(rng)):
        found = byoe.blender("adjusted", alpha=1e9).fit(oof)
        plain = byoe.blender("weighted").fit(oof)
        assert np.array_equal(found.weights_, plain.weights_)
        expected = plain.predict(oof.predictions)
        if not oof.task.is_classification:  # the intercept is free
            expected += np.mean(oof.y - expected)
        np.testing.assert_allclose(found.predict(oof.predictions), expected, atol=1e-4)


def test_members_that_are_too_sure_are_cooled(rng):
    p = rng.dirichlet(np.ones(3), size=2000)
    y = (p.cumsum(axis=1) < rng.uniform(size=(2000, 1))).sum(axis=1)
    sure = p**4
    oof = OOF((sure / sure.sum(axis=1, keepdims=True))[:, None, :], y, Task("classification", 3))
    found = byoe.blender("adjusted").fit(oof)
    assert found.slope_ == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(found.predict(oof.predictions), p, atol=0.05)


def test_a_quantile_is_adjusted_as_a_quantile(rng):
    oof = regression(rng, n=400)
    low = find_metric("neg_mean_absolute_error", oof.task)
    y = np.where(np.arange(400) % 4 == 0, oof.y + 50, oof.y)  # a tail that moves means, and no median
    found = byoe.blender("adjusted").fit(replace(oof, y=y, metric=low))
    assert abs(np.median(y - found.predict(oof.predictions))) < 0.2
    assert np.mean(y) - np.mean(found.predict(oof.predictions)) > 5


def test_equal_predictions_and_absent_classes(rng):
    constant = OOF(np.full((30, 2), 3.0), rng.normal(size=30), Task("regression"))
    found = byoe.blender("adjusted").fit(constant)
    assert found.slope_ == 1.0
    np.testing.assert_allclose(found.predict(constant.predictions), constant.y.mean())
    oof = classes(rng, k=4)
    p = byoe.blender("adjusted").fit(oof.rows(np.flatnonzero(oof.y != 2))).predict(oof.predictions)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[:, 2].mean() < 0.75 * oof.predictions[:, :, 2].mean()


def test_what_it_does_not_use_is_left_out(rng):
    oof = regression(rng, n=300)
    noisier = oof.predictions[:, :2] + 3 * rng.normal(size=(300, 2))
    oof = replace(oof, predictions=np.hstack([oof.predictions[:, :2], noisier]))
    found = byoe.blender("adjusted", pull=0).fit(oof)
    kept = found.used(4)
    assert not kept.all()
    fewer = found.restricted(kept)
    assert np.array_equal(fewer.predict(oof.predictions[:, kept]), found.predict(oof.predictions))


def test_targets_are_adjusted_each_by_itself(rng):
    y = rng.normal(size=(80, 2))
    predictions = y[:, None, :] * (2.0, 0.5) + 0.1 * rng.normal(size=(80, 3, 2))
    found = PerOutput(byoe.blender("adjusted")).fit(OOF(predictions, y, Task("regression", n_outputs=2)))
    np.testing.assert_allclose([one.slope_ for one in found.blenders_], [0.5, 2.0], rtol=0.15)


def test_in_an_ensemble(diabetes, iris):
    for kind, (X, y) in ((EnsembleRegressor, diabetes), (EnsembleClassifier, iris)):
        ensemble = kind(("ridge", "knn"), "adjusted", random_state=0).fit(X, y)
        plain = ensemble.reblend("weighted")
        assert np.array_equal(ensemble.blender_.weights_, plain.blender_.weights_)
        assert [row["weight"] for row in ensemble.leaderboard_ if row["member"] in ensemble.members_] == [
            row["weight"] for row in plain.leaderboard_ if row["member"] in plain.members_
        ]
        assert ensemble.score_estimate_ > plain.score_estimate_ - 1.0


@pytest.mark.parametrize(("name", "wrong"), [("alpha", -1), ("alpha", None), ("pull", np.nan), ("pull", "much")])
def test_parameters_are_numbers_that_are_not_negative(name, wrong, rng):
    with pytest.raises(ParameterError, match=f"adjusted: {name} is .*, expected a number that is not negative"):
        byoe.blender("adjusted", **{name: wrong}).fit(regression(rng))


def test_weights_of_zero_teach_nothing(rng):
    with pytest.raises(ParameterError, match="adjusted cannot learn from rows whose sample weights are all zero"):
        byoe.blender("adjusted").fit(replace(regression(rng), sample_weight=np.zeros(60)))


@pytest.mark.parametrize(("ahead", "usual"), [(True, "weighted"), (False, "adjusted")])
def test_the_slope_of_the_past_is_not_the_usual_choice_of_auto_for_the_future(ahead, usual):
    rng = np.random.default_rng(4)
    y = rng.normal(size=120)
    parts = np.split(np.arange(120), 4)
    ordered = [(np.concatenate(parts[:number]), parts[number]) for number in (1, 2, 3)]
    shuffled = [(np.setdiff1d(np.arange(120), part), part) for part in parts]
    predictions = y[:, None] + rng.normal(size=(120, 2))
    oof = OOF(predictions, y, Task("regression"), folds=tuple(ordered if ahead else shuffled))
    assert usual_name(oof) == usual


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_targets_whose_squares_are_no_numbers_have_the_same_slope(unit):
    rng = np.random.default_rng(2)
    y = rng.normal(size=100)
    predictions = 0.5 * y[:, None] + rng.normal(size=(100, 1))
    with np.errstate(over="ignore"):
        found, same = (
            byoe.blender("adjusted").fit(OOF(predictions * one, y * one, Task("regression"))) for one in (unit, 1.0)
        )
    assert found.slope_ == pytest.approx(same.slope_)
    assert found.offsets_[0] == pytest.approx(same.offsets_[0] * unit)


def test_small_weights_of_rows_teach_as_much():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] + rng.normal(size=120)
    ensemble = EnsembleRegressor(["random_forest", "extra_trees"], "adjusted", cv=3, random_state=0, n_jobs=1)
    few, many = (ensemble.fit(X, y, sample_weight=np.full(120, weight)).blender_ for weight in (2.0**-20, 0.5))
    assert np.allclose(few.weights_, many.weights_, rtol=0, atol=1e-12)
    assert few.slope_ == pytest.approx(many.slope_)
    assert abs(few.slope_ - 1) > 0.01
