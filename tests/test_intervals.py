"""Intervals: order statistics against brute force, ensembles against first principles."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.errors import LeakageWarning, ParameterError
from byoe.fitted import _ranks
from byoe.plugins import OOF, Task

NAMES = ("ridge", "knn")


def bagged(blend="weighted", learners=NAMES, **params):
    return EnsembleRegressor(learners, blend, finalize="bag", **{"random_state": 0, **params})


def refitted(blend="weighted", learners=NAMES, **params):
    return EnsembleRegressor(learners, blend, finalize="refit", **{"random_state": 0, **params})


def simulate(seed, n=120, fresh=600):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + fresh, 3))
    y = X[:, 0] + np.sin(2 * X[:, 1]) + rng.normal(size=n + fresh)
    return X[:n], y[:n], X[n:], y[n:]


def brute_force(centres, scales, residuals, folds, mass, least):
    """All sums, sorted, row by row."""
    found = np.full(len(centres), np.inf)
    for row, centre in enumerate(centres):
        sums = centre[folds] + scales[row][folds] * residuals
        order = np.argsort(sums, kind="stable")
        enough = np.flatnonzero(np.cumsum(mass[order]) >= least)
        if len(enough):
            found[row] = sums[order[enough[0]]]
    return found


# -- order statistics ----------------------------------------------------------------


def test_ranks_by_hand():
    residuals, ones, one_fold = np.arange(9.0, 0.0, -1.0), np.ones(9), np.zeros(9, dtype=int)
    for level, half_width in ((0.9, 9.0), (0.8, 8.0), (0.75, 8.0), (0.05, 1.0), (0.91, np.inf)):
        least = _ranks.least_mass(level, ones, 1.0)
        made = _ranks.around(np.array([10.0]), np.ones(1), residuals, ones, least)
        assert made.tolist() == [[10 - half_width, 10 + half_width]]
        # CV+ with one centre is the same interval.
        same = _ranks.cv_plus(np.array([[10.0]]), np.ones((1, 1)), residuals, one_fold, ones, least)
        assert same.tolist() == made.tolist()


def test_cv_plus_by_hand():
    # Upper sums 11, 12, 23, 24; lower sums 9, 8, 17, 16; n = 4, so that level 0.6 takes the third.
    residuals, folds, ones = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]), np.ones(4)
    centres, plain = np.array([[10.0, 20.0]]), np.ones((1, 2))
    least = _ranks.least_mass(0.6, ones, 1.0)
    assert _ranks.cv_plus(centres, plain, residuals, folds, ones, least).tolist() == [[9.0, 23.0]]
    # With scales 10 and 1 the upper sums are 20, 30, 23, 24 and the lower ones 0, -10, 17, 16.
    assert _ranks.cv_plus(centres, np.array([[10.0, 1.0]]), residuals, folds, ones, least).tolist() == [[0.0, 24.0]]
    least = _ranks.least_mass(0.8, ones, 1.0)
    assert _ranks.cv_plus(centres, plain, residuals, folds, ones, least).tolist() == [[8.0, 24.0]]


@given(n=st.integers(1, 400), percent=st.integers(1, 99))
@example(n=99, percent=55)  # 0.55 * 100 is above 55
def test_the_rank_is_the_exact_one(n, percent):
    rank = math.ceil(Fraction(percent, 100) * (n + 1))
    least = _ranks.least_mass(percent / 100, np.ones(n), 1.0)
    values = np.arange(1.0, n + 1)
    found = _ranks.order_statistic(np.zeros((1, 1)), np.ones((1, 1)), values, np.zeros(n, dtype=int), np.ones(n), least)
    assert found[0] == (rank if rank <= n else np.inf)
    assert (rank <= n) == (n >= _ranks.units_needed(percent / 100))
    assert (rank <= n) == (_ranks.too_few(percent / 100, np.ones(n), 1.0, "rows") == "")


@given(data=st.data())
def test_it_is_the_brute_force_to_the_bit(data):
    n, new, n_folds = (data.draw(st.integers(1, most)) for most in (40, 5, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    step = data.draw(st.sampled_from([None, 0.1, 1.0]))  # on a grid there are ties, and sums that round
    centres, residuals = rng.normal(size=(new, n_folds)), np.abs(rng.normal(size=n))
    if step:
        centres, residuals = np.round(centres / step) * step, np.round(residuals / step) * step
    scales = np.ones_like(centres) if data.draw(st.booleans()) else rng.choice([0.3, 1.0, 7.0], size=centres.shape)
    folds = rng.integers(n_folds, size=n)  # some folds may be empty
    mass = np.ones(n) if data.draw(st.booleans()) else rng.integers(1, 9, size=n).astype(float)
    least = _ranks.least_mass(data.draw(st.floats(0.01, 0.99)), mass, 1.0)
    expected = brute_force(centres, scales, residuals, folds, mass, least)
    assert np.array_equal(_ranks.order_statistic(centres, scales, residuals, folds, mass, least), expected)


def test_chunks_and_the_order_of_rows_change_nothing(rng, monkeypatch):
    centres, residuals, folds = rng.normal(size=(30, 4)), rng.exponential(size=200), rng.integers(4, size=200)
    mass, scales = rng.integers(1, 4, size=200).astype(float), rng.exponential(size=(30, 4))
    whole = _ranks.cv_plus(centres, scales, residuals, folds, mass, 300.0)
    monkeypatch.setattr(_ranks, "_CELLS", 8)
    assert np.array_equal(_ranks.cv_plus(centres, scales, residuals, folds, mass, 300.0), whole)
    mixed = rng.permutation(200)
    moved = _ranks.cv_plus(centres, scales, residuals[mixed], folds[mixed], mass[mixed], 300.0)
    assert np.array_equal(moved, whole)
    assert _ranks.cv_plus(centres[:0], scales[:0], residuals, folds, mass, 300.0).shape == (0, 2)


def test_masses_of_groups_and_weights():
    mass, new = _ranks.masses(np.ones(5), np.array([0, 0, 0, 4, 4]))
    np.testing.assert_allclose(mass, [1 / 3] * 3 + [1 / 2] * 2)
    assert new == pytest.approx(1)
    mass, new = _ranks.masses(np.array([1.0, 3.0]))
    assert mass.tolist() == [1 / 3, 1]
    assert mass.sum() / new == pytest.approx(4**2 / 10)  # rows of equal weight
    # A weight that is the same in a whole group is the weight of the group.
    mass, new = _ranks.masses(np.array([1.0, 1.0, 4.0]), np.array([0, 0, 1]))
    assert mass.tolist() == [1 / 8, 1 / 8, 1]
    assert mass.sum() / new == pytest.approx(5**2 / 17)
    # Equal weights are no weights, of whatever size.
    for size in (1e-300, 0.3, 1e300):
        mass, new = _ranks.masses(np.full(7, size))
        assert (mass.tolist(), new) == ([1] * 7, 1)


def test_whole_numbers_as_weights_leave_the_order_statistic_of_repeated_rows(rng):
    residuals, times = rng.exponential(size=50), rng.integers(1, 5, size=50)
    repeated = np.repeat(residuals, times)
    for least in (1.0, 40.0, times.sum() - 1.0):
        weighted = _ranks.around(np.zeros(1), np.ones(1), residuals, times.astype(float), least)
        expected = _ranks.around(np.zeros(1), np.ones(1), repeated, np.ones(len(repeated)), least)
        assert np.array_equal(weighted, expected)


# -- ensembles -----------------------------------------------------------------------


@pytest.mark.parametrize("blend", ["mean", "weighted"])
def test_cv_plus_from_first_principles(blend):
    X, y, X_new, _ = simulate(0, n=60, fresh=25)
    folds = list(KFold(4, shuffle=True, random_state=3).split(X))
    level, n = 0.85, len(y)
    models = [[Ridge(), KNeighborsRegressor()] for _ in folds]
    fitted = [
        [make_pipeline(StandardScaler(), model).fit(X[train], y[train]) for model in pair]
        for pair, (train, _) in zip(models, folds, strict=True)
    ]
    oof = np.empty((n, 2))
    for pair, (_, test) in zip(fitted, folds, strict=True):
        oof[test] = np.column_stack([model.predict(X[test]) for model in pair])
    below, above = [], []
    for pair, (train, test) in zip(fitted, folds, strict=True):
        held_out = blender(blend).fit(OOF(oof[train], y[train], Task("regression")))
        residuals = np.abs(y[test] - held_out.predict(oof[test]))
        centre = held_out.predict(np.column_stack([model.predict(X_new) for model in pair]))
        below.append(centre[:, None] - residuals)
        above.append(centre[:, None] + residuals)
    rank = math.ceil(level * (n + 1))
    lower = np.sort(np.hstack(below), axis=1)[:, n + 1 - rank - 1]
    upper = np.sort(np.hstack(above), axis=1)[:, rank - 1]

    ensemble = bagged(blend, cv=folds).fit(X, y)
    assert ensemble.interval_method_ == "cv+"
    np.testing.assert_allclose(ensemble.predict_interval(X_new, level), np.column_stack([lower, upper]), rtol=1e-9)


def test_residuals_of_the_cross_fitted_blend():
    X, y, X_new, _ = simulate(1, n=59)
    ensemble = refitted("meta-linear").fit(X, y)
    assert ensemble.interval_method_ == "residual"
    half_width = np.sort(np.abs(y - ensemble._oof.blend))[54 - 1]  # of 0.9 * 60
    prediction = ensemble.predict(X_new)
    expected = np.column_stack([prediction - half_width, prediction + half_width])
    assert np.array_equal(ensemble.predict_interval(X_new), expected)


def halves(n):
    rows = np.arange(n)
    return [(rows[rows % 3 == part][1:], rows[rows % 3 != part]) for part in range(3)]


@pytest.mark.parametrize(
    ("params", "method"),
    [
        ({}, "cv+"),
        ({"cv": 3}, "cv+"),
        ({"finalize": "refit"}, "residual"),
        ({"finalize": "auto"}, "residual"),  # ridge and knn are refitted
        ({"learners": ("ridge",)}, "cv+"),
        ({"cv": KFold(5)}, "cv+"),
        ({"cv": LeaveOneOut(), "warns": "40 fold models"}, "cv+"),
        ({"cv": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)}, "residual"),
        ({"cv": ShuffleSplit(3, random_state=0), "warns": "rows are covered"}, "residual"),
        ({"cv": halves(40), "warns": "a training part holds only"}, "residual"),
    ],
)
def test_the_method(params, method):
    X, y, X_new, _ = simulate(2, n=40, fresh=5)
    params = dict(params)
    warns = params.pop("warns", None)
    ensemble = bagged("mean").set_params(**params)
    assert not hasattr(ensemble, "interval_method_")
    if warns:
        with pytest.warns(UserWarning, match=warns):
            ensemble.fit(X, y)
    else:
        ensemble.fit(X, y)
    assert ensemble.interval_method_ == method
    interval = ensemble.predict_interval(X_new, 0.8)
    assert interval.shape == (5, 2)
    assert np.isfinite(interval).all()
    assert (interval[:, 0] < interval[:, 1]).all()


@pytest.mark.parametrize("make", [bagged, refitted])
def test_a_higher_level_contains_a_lower_one(make):
    X, y, X_new, _ = simulate(3)
    ensemble = make("auto").fit(X, y)
    levels = [0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99]
    made = np.stack([ensemble.predict_interval(X_new, level) for level in levels])
    assert (np.diff(made[:, :, 0], axis=0) <= 0).all()
    assert (np.diff(made[:, :, 1], axis=0) >= 0).all()
    assert (made[2:, :, 0] <= made[2:, :, 1]).all()
    assert (made[-1] != made[-2]).any()


def test_the_order_of_the_training_rows_changes_nothing(rng):
    X, y, X_new, _ = simulate(4, n=50, fresh=20)
    mixed = rng.permutation(50)
    place = np.argsort(mixed)
    folds = [(train, test) for train, test in KFold(5).split(X)]
    moved = [(place[train], place[test]) for train, test in folds]
    first = bagged(cv=folds).fit(X, y).predict_interval(X_new)
    second = bagged(cv=moved).fit(X[mixed], y[mixed]).predict_interval(X_new)
    np.testing.assert_allclose(first, second, rtol=1e-9)


class Failing(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        raise ArithmeticError("no fit today")


CASES = {
    "auto": bagged("auto"),
    "residual": refitted("auto"),
    "vote": bagged("vote", learners=("ridge", "knn", "svm")),
    "passthrough": bagged(blender("meta-linear", passthrough=True)),
    "meta-model": bagged(LinearRegression()),
    "single": bagged("auto", learners=("ridge",)),
    "skip": bagged("greedy", learners=("ridge", ("bad", Failing()), "knn"), on_error="skip"),
    "time": refitted("mean", cv=TimeSeriesSplit(4)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:every fold predicts rows that come after:UserWarning")
def test_loaded_it_gives_the_same_to_the_bit(case, diabetes_frame, tmp_path):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    first = clone(CASES[case]).fit(X[:200], y[:200])
    trusted = [f"{Failing.__module__}.Failing"]  # the spec still names the member that failed
    second = byoe.load(first.save(tmp_path / "model", trusted=trusted), trusted=trusted)
    assert second.interval_method_ == first.interval_method_
    assert np.array_equal(second.predict_interval(X[200:]), first.predict_interval(X[200:]))
    third = byoe.load(second.save(tmp_path / "again", trusted=trusted), trusted=trusted)
    assert np.array_equal(third.predict_interval(X[200:], 0.5), first.predict_interval(X[200:], 0.5))
    kept = json.loads((tmp_path / "model" / "manifest.json").read_text())["held_out_blenders"]
    assert len(kept) == (5 if first.interval_method_ == "cv+" else 0)


def test_a_classifier_has_no_intervals_and_keeps_no_blenders(iris, tmp_path):
    ensemble = EnsembleClassifier(NAMES, finalize="bag", random_state=0).fit(*iris)
    with pytest.raises(AttributeError, match="predict_interval"):
        ensemble.predict_interval(iris[0])
    saved = ensemble.save(tmp_path / "model")
    assert json.loads((saved / "manifest.json").read_text())["held_out_blenders"] == []


def test_reblend_gives_the_intervals_of_a_fresh_fit():
    X, y, X_new, _ = simulate(5)
    for make in (bagged, refitted):
        first = make("mean").fit(X, y)
        before = first.predict_interval(X_new)
        second = first.reblend("meta-linear")
        assert np.array_equal(second.predict_interval(X_new), make("meta-linear").fit(X, y).predict_interval(X_new))
        assert np.array_equal(first.predict_interval(X_new), before)
        assert not np.array_equal(second.predict_interval(X_new), before)


class Counting(RegressorMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y):
        Counting.fits += 1
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(("make", "fits"), [(bagged, 5), (refitted, 6)])
def test_nothing_is_fitted_for_an_interval(make, fits, monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)
    X, y, X_new, _ = simulate(6, n=40)
    ensemble = make(learners=("ridge", ("counting", Counting())), n_jobs=1).fit(X, y)
    ensemble.predict_interval(X_new)
    ensemble.reblend("mean").predict_interval(X_new)
    assert Counting.fits == fits


# -- weights and groups --------------------------------------------------------------


@pytest.mark.parametrize("make", [bagged, refitted])
@pytest.mark.parametrize("in_groups", [False, True])
def test_rows_of_weight_zero_do_not_count(make, in_groups, rng):
    X, y, X_new, _ = simulate(7, n=60, fresh=20)
    kept = np.sort(rng.permutation(60)[:40])
    weight = np.zeros(60)
    weight[kept] = 1.0
    y[weight == 0] += 1e3
    place = np.full(60, -1)
    place[kept] = np.arange(40)
    groups = rng.permutation(np.repeat(np.arange(20), 3)) if in_groups else np.arange(60)
    folds = list(GroupKFold(4).split(X, groups=groups))
    fewer = [tuple(place[part][place[part] >= 0] for part in fold) for fold in folds]
    first = make(learners=("ridge",), cv=folds).fit(X, y, sample_weight=weight, groups=groups)
    second = make(learners=("ridge",), cv=fewer).fit(X[kept], y[kept], groups=groups[kept])
    np.testing.assert_allclose(first.predict_interval(X_new), second.predict_interval(X_new), rtol=1e-6)


def test_each_group_counts_the_same():
    X, y, X_new, _ = simulate(3, n=60)
    groups = np.repeat(np.arange(20), [1, 2, 3, 6] * 5)
    ensemble = refitted("mean").fit(X, y, groups=groups)
    share = 1 / np.bincount(groups)[groups]
    residuals = np.abs(y - ensemble._oof.blend)
    order = np.argsort(residuals)
    half_width = residuals[order][np.cumsum(share[order]) >= 0.9 * 21 - 1e-9][0]
    lower, upper = ensemble.predict_interval(X_new).T
    np.testing.assert_allclose((upper - lower) / 2, half_width, rtol=1e-9)


def test_groups_that_the_folds_split_are_no_units():
    X, y, _, _ = simulate(9, n=60)
    groups = np.repeat(np.arange(6), 10)
    split = bagged(cv=[(np.arange(60) % 5 != part, np.arange(60) % 5 == part) for part in range(5)])
    with pytest.warns(LeakageWarning, match="6 of 6 groups"):
        with_groups = clone(split).fit(X, y, groups=groups)
    without = clone(split).fit(X, y)
    assert np.array_equal(with_groups.predict_interval(X), without.predict_interval(X))
    with pytest.warns(UserWarning, match="at least 9 groups of equal weight, and those at hand count as 6: the bounds"):
        assert np.isinf(bagged(cv=3).fit(X, y, groups=groups).predict_interval(X)).all()


# -- warnings and errors -------------------------------------------------------------


def test_an_order_of_time_warns():
    X, y, X_new, _ = simulate(10)
    ensemble = refitted(cv=TimeSeriesSplit(4)).fit(X, y)
    with pytest.warns(UserWarning, match="check its coverage on the latest rows") as caught:
        interval = ensemble.predict_interval(X_new)
    assert [warning.filename for warning in caught] == [__file__]
    assert ensemble.interval_method_ == "residual"
    half_width = np.sort(np.abs(y - ensemble._oof.blend)[ensemble._oof.scored])
    np.testing.assert_allclose(interval[:, 1] - ensemble.predict(X_new), half_width[math.ceil(0.9 * 73) - 1])


def test_too_few_rows_give_infinite_bounds():
    X, y, X_new, _ = simulate(11, n=18)
    for make in (bagged, refitted):
        ensemble = make("mean", cv=3).fit(X, y)
        with pytest.warns(UserWarning, match="level=0.95 takes the residuals of at least 19 rows .* count as 18"):
            interval = ensemble.predict_interval(X_new, 0.95)
        assert (interval == [-np.inf, np.inf]).all()
        assert np.isfinite(ensemble.predict_interval(X_new, 18 / 19)).all()


def test_no_residual_at_all():
    ensemble = refitted("mean", cv=[([0, 1, 2], [3])]).fit(np.arange(4.0)[:, None], np.arange(4.0))
    with pytest.warns(UserWarning, match="count as 0"), pytest.warns(UserWarning, match="latest rows"):
        assert np.isinf(ensemble.predict_interval([[1.0]])).all()


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, "0.9", None, float("nan"), True, [0.9]])
def test_a_level_that_is_none(level, diabetes):
    ensemble = refitted("mean").fit(*diabetes)
    with pytest.raises(ParameterError, match="expected a number above 0 and below 1"):
        ensemble.predict_interval(diabetes[0], level)


def test_it_must_be_fitted_first(diabetes):
    with pytest.raises(NotFittedError):
        bagged().predict_interval(diabetes[0])
