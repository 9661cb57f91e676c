"""The pull of convex weights towards the better members."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import byoe
from byoe.blenders._pull import centre_of, pull_of
from byoe.contracts._blender import OOF
from byoe.contracts._task import Task
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric

REGRESSION = Task("regression")


def regression(rng, n=60, noise=(0.5, 0.6, 1.0, 2.0)):
    y = rng.normal(size=n)
    common = 0.5 * rng.normal(size=n)
    return OOF(np.column_stack([y + common + s * rng.normal(size=n) for s in noise]), y, REGRESSION)


def classes(rng, n=60, members=4, k=3):
    y = rng.integers(k, size=n)
    p = np.exp(rng.normal(size=(n, members, k)) + np.eye(k)[y][:, None, :] * np.linspace(0.5, 2.0, members)[:, None])
    return OOF(p / p.sum(axis=2, keepdims=True), y, Task("classification", k))


@pytest.mark.parametrize(
    ("make", "metric"),
    [
        (regression, None),
        (regression, "neg_mean_absolute_error"),
        (classes, None),
        (classes, "neg_brier_score"),
    ],
)
@pytest.mark.parametrize("pull", [0, 3.0, 30])
def test_weights_minimise_the_loss_and_the_pull(make, metric, pull, rng):
    oof = make(rng)
    oof = replace(oof, metric=metric and find_metric(metric, oof.task), sample_weight=rng.uniform(0.5, 2, len(oof.y)))
    centre = centre_of(oof)
    unit = oof.loss(np.tensordot(oof.predictions, centre, axes=(1, 0)))

    def total(w):
        loss = oof.weights @ oof.row_loss(oof.y, np.tensordot(oof.predictions, w, axes=(1, 0)))
        return loss / oof.weights.sum() + pull * unit * ((w - centre) ** 2).sum() / oof.weights.sum()

    found = byoe.blender("weighted", pull=pull).fit(oof).weights_
    sums = {"type": "eq", "fun": lambda w: w.sum() - 1}
    starts = [centre, np.full(4, 0.25), found]
    best = min(
        minimize(total, start, bounds=[(0, 1)] * 4, constraints=sums, options={"ftol": 1e-12}).fun for start in starts
    )
    assert total(found) <= best * (1 + 1e-6)


@pytest.mark.parametrize("make", [regression, classes])
def test_a_strong_pull_leaves_what_is_pulled_to(make, rng):
    oof = make(rng)
    np.testing.assert_allclose(byoe.blender("weighted", pull=1e9).fit(oof).weights_, centre_of(oof), atol=1e-5)


def test_what_is_pulled_to_falls_with_the_members_losses(rng):
    oof = regression(rng, n=500)
    losses = ((oof.predictions - oof.y[:, None]) ** 2).mean(axis=0)
    ratio = np.exp(-5 * (losses / losses.min() - 1))
    np.testing.assert_allclose(centre_of(oof), ratio / ratio.sum())
    perfect = OOF(np.column_stack([oof.y, oof.y, oof.predictions]), oof.y, REGRESSION)
    assert centre_of(perfect).tolist() == [0.5, 0.5, 0, 0, 0, 0]


def test_a_score_pulls_to_those_that_score_more(rng):
    oof = classes(rng, n=300, k=2)
    oof = replace(oof, metric=find_metric("roc_auc", oof.task))
    scores = [-oof.loss(oof.predictions[:, member]) for member in range(4)]
    assert np.argsort(centre_of(oof)).tolist() == np.argsort(scores).tolist()
    assert pull_of(oof, 30.0).strength > 0
    weights = byoe.blender("weighted", pull=1e6).fit(oof).weights_
    np.testing.assert_allclose(weights, centre_of(oof), atol=0.15)


@pytest.mark.parametrize("make", [regression, classes])
def test_a_row_of_weight_two_is_that_row_twice(make, rng):
    oof = make(rng)
    twice = rng.integers(1, 3, len(oof.y))
    index = np.repeat(np.arange(len(oof.y)), twice)
    repeated = OOF(oof.predictions[index], oof.y[index], oof.task)
    weighted = replace(oof, sample_weight=twice.astype(float))
    first, second = (byoe.blender("weighted").fit(one).weights_ for one in (weighted, repeated))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_units_do_not_matter(rng):
    oof = regression(rng)
    weights = [
        byoe.blender("weighted").fit(OOF(oof.predictions * unit, oof.y * unit, REGRESSION)).weights_
        for unit in (1.0, 1e-6, 1e6)
    ]
    np.testing.assert_allclose(weights[1:], [weights[0]] * 2, atol=1e-6)


def test_many_rows_outweigh_the_pull(rng):
    oof = regression(rng, n=20_000)
    with_pull, without = (byoe.blender("weighted", pull=pull).fit(oof).weights_ for pull in (30, 0))
    np.testing.assert_allclose(with_pull, without, atol=5e-3)


def alike(rng, task, n=2040, members=8):
    """Return members whose errors are mostly the same, as those of real ones are."""
    own = 0.3 + 0.03 * np.arange(members)
    if task == "regression":
        y = rng.normal(size=n)
        common = (y + rng.normal(size=n))[:, None]
        return OOF(common + own * rng.normal(size=(n, members)), y, REGRESSION)
    y = rng.integers(3, size=n)
    common = (1.5 * np.eye(3)[y] + rng.normal(size=(n, 3)))[:, None, :]
    p = np.exp(common + own[:, None] * rng.normal(size=(n, members, 3)))
    return OOF(p / p.sum(axis=2, keepdims=True), y, Task("classification", 3))


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_on_few_rows_the_pull_lowers_the_loss_of_new_ones(task):
    ratios = []
    for seed in range(20):
        oof = alike(np.random.default_rng(seed), task)
        few, fresh = oof.rows(np.arange(40)), oof.rows(np.arange(40, 2040))
        blends = [byoe.blender("weighted", pull=pull).fit(few).predict(fresh.predictions) for pull in (30, 0)]
        ratios.append(fresh.loss(blends[0]) / fresh.loss(blends[1]))
    assert np.mean(ratios) < 0.99


@pytest.mark.parametrize("wrong", [-1, np.inf, np.nan, "30", None, True])
def test_a_pull_is_a_number_that_is_not_negative(wrong, rng):
    with pytest.raises(ParameterError, match="weighted: pull is .*, expected a number that is not negative"):
        byoe.blender("weighted", pull=wrong).fit(regression(rng))
