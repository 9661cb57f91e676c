"""Conformalised quantiles from first principles: that no model saw its row, and coverage."""

import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, RepeatedKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byoe
from byoe.fitted._quantiles import Sides

from .conftest import FOLDS, LINES, TREES, Memo, inside, made, noisy

# -- from first principles -----------------------------------------------------------


def models():
    return make_pipeline(StandardScaler(), Ridge()), make_pipeline(StandardScaler(), KNeighborsRegressor())


def blend_of(X, y, rows, X_new):
    return np.mean([clone(one).fit(X[rows], y[rows]).predict(X_new) for one in models()], axis=0)


def quantiles_of(X, residuals, rows, X_new):
    found = [clone(LINES).set_params(quantile=q).fit(X[rows], residuals[rows]).predict(X_new) for q in (0.05, 0.95)]
    return np.sort(np.column_stack(found), axis=1)


def sides_of(quantiles, least):
    tenth = (quantiles[:, 1] - quantiles[:, 0]) / 20
    return np.maximum(-quantiles[:, 0], tenth) + least, np.maximum(quantiles[:, 1], tenth) + least


def known(X, y):
    """Out-of-fold residuals of the blend, and out-of-fold quantiles of these; no byoe."""
    residuals, said = np.empty(len(y)), np.empty((len(y), 2))
    for train, test in FOLDS:
        residuals[test] = y[test] - blend_of(X, y, train, X[test])
    for train, test in FOLDS:
        said[test] = quantiles_of(X, residuals, train, X[test])
    least = 0.01 * np.mean(said[:, 1] - said[:, 0]) / 2
    below, above = sides_of(said, least)
    return residuals, said, least, np.where(residuals < 0, -residuals / below, residuals / above)


def test_conformalised_quantiles_from_first_principles():
    X, y, X_new, _ = noisy(0, fresh=40)
    residuals, said, least, scores = known(X, y)
    ensemble = made().fit(X, y)
    assert ensemble.interval_method_ == "residual"
    np.testing.assert_allclose(np.sort(ensemble._oof.quantiles, axis=1), said, rtol=1e-6, atol=1e-9)
    rows = np.arange(300)
    centre = blend_of(X, y, rows, X_new)
    below, above = sides_of(quantiles_of(X, residuals, rows, X_new), least)
    for level in (0.5, 0.9, 0.95):
        times = np.sort(scores)[math.ceil(level * 301) - 1]
        expected = np.column_stack([centre - times * below, centre + times * above])
        found = ensemble.predict_interval(X_new, level, width="quantiles")
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_cv_plus_of_quantiles_from_first_principles():
    X, y, X_new, _ = noisy(1, fresh=40)
    residuals, _, least, scores = known(X, y)
    lowers, uppers = [], []
    for train, test in FOLDS:
        centre = blend_of(X, y, train, X_new)[:, None]
        below, above = sides_of(quantiles_of(X, residuals, train, X_new), least)
        lowers.append(centre - np.outer(below, scores[test]))
        uppers.append(centre + np.outer(above, scores[test]))
    ensemble = made("bag").fit(X, y)
    assert ensemble.interval_method_ == "cv+"
    assert [len(one.models) for one in ensemble._quantiles] == [4, 4]
    for level in (0.5, 0.9):
        rank = math.ceil(level * 301)
        expected = np.column_stack(
            [np.sort(np.hstack(lowers), axis=1)[:, 300 - rank], np.sort(np.hstack(uppers), axis=1)[:, rank - 1]]
        )
        np.testing.assert_allclose(ensemble.predict_interval(X_new, level, width="quantiles"), expected, rtol=1e-6)


def test_scores_are_those_of_romano_in_units_of_the_side():
    # max(lower - y, y - upper), each over the side that it is beyond; plus one.
    rng = np.random.default_rng(0)
    said, residuals = np.sort(rng.normal(size=(50, 2)), axis=1) * [[1, 3]] - [[4, 0]], rng.normal(size=50)
    said[:, 1] = np.abs(said[:, 1]) + 1
    sides = Sides.of(said, 0.0)
    beyond = np.maximum((said[:, 0] - residuals) / -said[:, 0], (residuals - said[:, 1]) / said[:, 1])
    np.testing.assert_allclose(sides.scores(residuals), beyond + 1, rtol=1e-12)


def test_a_side_is_never_nothing():
    sides = Sides.of(np.array([[0.0, 0.0], [1.0, 3.0], [5.0, -1.0]]), 0.5)
    np.testing.assert_allclose(sides.below, [0.5, 0.6, 1.5])
    np.testing.assert_allclose(sides.above, [0.5, 3.5, 5.5])
    assert Sides.learn(np.zeros((3, 2)), np.ones(3)).least == 1


# -- nobody saw its row --------------------------------------------------------------


@pytest.mark.parametrize(
    "cv", [FOLDS, TimeSeriesSplit(4), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
           PredefinedSplit(np.arange(300) % 3 - 1)]
)  # fmt: skip
@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_an_out_of_fold_quantile_never_saw_its_row(cv, finalize):
    X, y, _, _ = noisy(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a bag that is none
        ensemble = made(finalize, cv=cv, quantiles=Memo(flag=True)).fit(X, y)
    said = ensemble._oof.quantiles
    assert np.isfinite(said).any()
    assert np.nanmax(np.abs(said)) < 1
    # What is asked of the training rows again is known, so the flag works.
    assert max(float(one.predict(ensemble._read(X), 1).max()) for one in ensemble._quantiles) > 1e4


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_who_learns_its_rows_by_heart_is_not_believed(finalize):
    X, y, X_new, y_new = noisy(3)
    tree = byoe.learner("random_forest", n_estimators=1, bootstrap=False, max_features=None)
    ensemble = made(finalize, learners=[("tree", tree), "knn"], quantiles=Memo()).fit(X, y)
    assert abs(inside(ensemble.predict_interval(X_new, 0.9, width="quantiles"), y_new).mean() - 0.9) < 0.06
    assert ensemble.interval_width_ != "quantiles"


# -- coverage ------------------------------------------------------------------------


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_the_level_is_held_everywhere(finalize, skewed):
    seeds, found = 5, []
    for seed in range(seeds):
        X, y, X_new, y_new = noisy(10 + seed, skewed=skewed)
        ensemble = made(finalize).fit(X, y)
        fifth = np.floor(5 * X_new[:, 1]).astype(int)
        for level in (0.5, 0.8, 0.9):
            covered = inside(ensemble.predict_interval(X_new, level, width="quantiles"), y_new)
            found.append([*np.bincount(fifth, covered) / np.bincount(fifth), covered.mean()])
    by_level = np.reshape(found, (seeds, 3, 6)).mean(axis=0)
    for level, row in zip((0.5, 0.8, 0.9), by_level, strict=True):
        # The binomial errors of the training rows, and of the fresh ones. CV+ is a little wide, as it is known to be.
        error = np.sqrt(level * (1 - level) * (1 / 300 + 1 / 1000) / seeds)
        assert -3 * error < row[5] - level < 3 * error + 0.03
    assert by_level[2, :5].min() > 0.84
    assert by_level[2, :5].max() < 0.98


def test_what_the_residuals_quantiles_know_is_chosen_and_nothing_else_is():
    X, y, X_new, _ = noisy(20)
    ensemble = made().fit(X, y)
    assert ensemble.interval_width_ == "quantiles"
    assert np.array_equal(ensemble.predict_interval(X_new), ensemble.predict_interval(X_new, width="quantiles"))
    widths = np.diff(ensemble.predict_interval(X_new)).ravel()
    assert widths[X_new[:, 1] > 0.8].mean() > 3 * widths[X_new[:, 1] < 0.2].mean()
    level = made().fit(X, 4 * X[:, 0] + np.random.default_rng(1).normal(size=300))
    assert level.interval_width_ == "constant"


def test_skewed_noise_has_a_skewed_interval():
    X, y, X_new, _ = noisy(21, skewed=True)
    ensemble = made().fit(X, y)
    lower, upper = (ensemble.predict_interval(X_new, width="quantiles") - ensemble.predict(X_new)[:, None]).T
    assert np.mean(upper) > 1.5 * np.mean(-lower)


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_a_higher_level_contains_a_lower_one(finalize):
    X, y, X_new, _ = noisy(22, fresh=200)
    ensemble = made(finalize, quantiles=TREES).fit(X, y)
    made_of = np.stack([ensemble.predict_interval(X_new, one, width="quantiles") for one in (0.3, 0.5, 0.9, 0.99)])
    assert (np.diff(made_of[:, :, 0], axis=0) <= 0).all()
    assert (np.diff(made_of[:, :, 1], axis=0) >= 0).all()
    assert (made_of[1:, :, 0] <= made_of[1:, :, 1]).all()
