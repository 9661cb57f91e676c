"""Quantiles of rows with weights, in groups, in time, and of several targets."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import PredefinedSplit, TimeSeriesSplit

from .conftest import TREES, inside, made, noisy

# -- rows, weights, groups, targets --------------------------------------------------


def test_rows_without_weight_teach_nothing():
    X, y, X_new, _ = noisy(40, fresh=50)
    weight = np.r_[np.ones(250), np.zeros(50)]
    wild = np.where(weight > 0, y, 1e3)
    found = [
        made(learners=["ridge"]).fit(X, target, sample_weight=weight).predict_interval(X_new, width="quantiles")
        for target in (y, wild)
    ]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_whole_numbers_as_weights_count_in_the_quantiles_and_in_the_rank():
    # Half of the rows stand for a population of other noise, and with their weight for nearly all of it.
    rng = np.random.default_rng(0)
    X, calm = rng.uniform(size=(300, 2)), np.arange(300) % 2 == 0
    y = X[:, 0] + np.where(calm, 0.1, 3.0) * np.clip(rng.normal(size=300), -2, 2)
    narrow = made(learners=["ridge"]).fit(X, y, sample_weight=np.where(calm, 1.0, 1e-3))
    wide = made(learners=["ridge"]).fit(X, y)
    ratio = np.diff(narrow.predict_interval(X, width="quantiles")) / np.diff(
        wide.predict_interval(X, width="quantiles")
    )
    assert ratio.max() < 0.25


def test_groups_stay_together_and_are_the_units():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 5)
    X = np.column_stack([rng.uniform(size=300), groups])  # by which a model could know its group
    y = X[:, 0] + rng.normal(size=60)[groups]
    ensemble = made(learners=["ridge"], cv=4, quantiles=TREES).fit(X, y, groups=groups)
    said, folds = ensemble._oof.quantiles, ensemble._oof.plan.folds
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    assert np.isfinite(said).all()
    new = np.column_stack([rng.uniform(size=300), np.full(300, 30)])
    covered = inside(ensemble.predict_interval(new, 0.8, width="quantiles"), new[:, 0] + rng.normal(size=300))
    assert 0.65 < covered.mean() < 0.95
    few = made(learners=["ridge"], cv=4).fit(X, y, groups=groups // 10)
    with pytest.warns(UserWarning, match="at least 9 groups of equal weight, and those at hand count as 6"):
        assert np.isinf(few.predict_interval(new, 0.9, width="quantiles")).all()


def test_a_time_series_and_a_holdout_know_of_the_rows_that_have_residuals():
    X, y, X_new, y_new = noisy(41)
    later = made(cv=TimeSeriesSplit(5)).fit(X, y)
    # Members predict the last 250 rows, the blender those after the next 50, quantile models those after the next.
    assert np.isfinite(later._oof.quantiles).all(axis=1).tolist() == [False] * 150 + [True] * 150
    with pytest.warns(UserWarning, match="check its coverage on the latest rows"):
        interval = later.predict_interval(X_new, width="quantiles")
    assert abs(inside(interval, y_new).mean() - 0.9) < 0.07
    held = made(cv=PredefinedSplit(np.where(np.arange(300) < 120, 0, -1))).fit(X, y)
    assert np.isfinite(held._oof.quantiles).all(axis=1).sum() == 120
    assert abs(inside(held.predict_interval(X_new, width="quantiles"), y_new).mean() - 0.9) < 0.08


def test_too_few_rows_with_residuals_are_told():
    X, y, X_new, _ = noisy(42, n=40)
    later = made(cv=TimeSeriesSplit(5)).fit(X, y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isinf(later.predict_interval(X_new, 0.95, width="quantiles")).all()
    assert "at least 19 rows of equal weight, and those at hand count as 18" in str(caught[-1].message)


def test_of_several_targets_each_has_its_own_quantiles_and_choice():
    X, y, X_new, _ = noisy(43, fresh=40)
    plain = 5 * X[:, 1] + np.random.default_rng(9).normal(size=300)
    both = made().fit(X, np.column_stack([y, plain]))
    assert both.interval_width_ == ["quantiles", made().fit(X, plain).interval_width_]
    assert both.interval_width_[1] != "quantiles"
    for number, target in enumerate((y, plain)):
        alone = made().fit(X, target)
        expected = alone.predict_interval(X_new)
        np.testing.assert_allclose(both.predict_interval(X_new)[:, number], expected, rtol=1e-6, atol=1e-9)
        expected = alone.predict_interval(X_new, width="quantiles")
        found = both.predict_interval(X_new, width="quantiles")[:, number]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_a_transformed_target_has_residuals_in_its_own_unit():
    X, y, X_new, y_new = noisy(44)
    ensemble = made(target_transform="log1p").fit(X, np.exp(y / 2))
    assert not any(model.transforms for one in ensemble._quantiles for model in one.models)
    interval = ensemble.predict_interval(X_new, width="quantiles")
    assert interval.min() >= 0
    assert abs(inside(interval, np.exp(y_new / 2)).mean() - 0.9) < 0.05
