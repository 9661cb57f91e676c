"""Conformalised quantiles: from first principles, that no model saw its row, coverage, and all that a fit is asked for."""

import json
import math
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, QuantileRegressor, Ridge
from sklearn.model_selection import KFold, PredefinedSplit, RepeatedKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byoe
from byoe import EnsembleRegressor, learner
from byoe.bundle._reader import BundleReader
from byoe.contracts._task import Task
from byoe.engine._resources import Resources
from byoe.ensemble import _quantiles
from byoe.ensemble._load import from_spec
from byoe.ensemble._quantiles import for_members
from byoe.ensemble._spec import to_spec
from byoe.errors import BudgetWarning, InputError, MemberError, ParameterError, UnknownNameError
from byoe.fitted._quantiles import Sides
from byoe.registry._members import as_learner
from byoe.registry._parts import parts_of
from byoe.sagemaker.in_job._serving_needs import libraries_in_use
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving._runtime import Runtime

NAMES = ("ridge", "knn")
FOLDS = list(KFold(4, shuffle=True, random_state=3).split(np.zeros((300, 1))))
LINES = QuantileRegressor(alpha=0, solver="highs")
TREES = learner("lightgbm", n_rounds=15, num_leaves=4, min_child_samples=10)


def made(finalize="refit", learners=NAMES, blend="mean", **params):
    given = {"random_state": 0, "cv": FOLDS, "quantiles": LINES, **params}
    return EnsembleRegressor(learners, blend, finalize=finalize, **given)


def noisy(seed, n=300, fresh=1000, skewed=False):
    """Noise by a column that the mean has nothing to do with."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n + fresh, 2))
    noise = rng.exponential(size=n + fresh) - 1 if skewed else np.clip(rng.normal(size=n + fresh), -3, 3)
    y = 4 * X[:, 0] + (0.1 + 2 * X[:, 1]) * noise
    return X[:n], y[:n], X[n:], y[n:]


def inside(interval, y):
    return (interval[:, 0] <= y) & (y <= interval[:, 1])


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


class Memo(RegressorMixin, BaseEstimator):
    """Knows what it has seen, and of other rows next to nothing."""

    def __init__(self, quantile=0.5, flag=False):
        self.quantile = quantile
        self.flag = flag

    def fit(self, X, y, sample_weight=None):
        seen = np.ones(len(y)) if sample_weight is None else sample_weight
        assert (seen > 0).all()
        self.seen_ = {tuple(row): target for row, target in zip(np.asarray(X).tolist(), y, strict=True)}
        return self

    def predict(self, X):
        usual = 2 * self.quantile - 1
        found = [self.seen_.get(tuple(row), usual) for row in np.asarray(X).tolist()]
        return (
            np.where([tuple(row) in self.seen_ for row in np.asarray(X).tolist()], 1e6, usual) if self.flag else found
        )


class Weightless(Memo):
    def fit(self, X, y):
        return super().fit(X, y)


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


# -- the blend and the fit -----------------------------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit", "auto"])
def test_the_blend_is_what_it_is_without(finalize):
    X, y, X_new, _ = noisy(30, fresh=50)
    learners = ["ridge", ("trees", TREES)]
    plain = made(finalize, learners, "auto", quantiles=False).fit(X, y)
    ensemble = made(finalize, learners, "auto", quantiles=True).fit(X, y)
    assert np.array_equal(ensemble.predict(X_new), plain.predict(X_new))
    assert np.array_equal(ensemble.oof_blend_, plain.oof_blend_)
    assert ensemble.score_estimate_ == plain.score_estimate_
    assert list(ensemble.members_) == list(plain.members_)
    for width in ("constant", "prediction", "disagreement", "both"):
        expected = plain.predict_interval(X_new, width=width)
        assert np.array_equal(ensemble.predict_interval(X_new, width=width), expected)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (True, "LightGBM(n_rounds=15, num_leaves=4, min_child_samples=10, objective='quantile', alpha=0.05)"),
        ("trees", "LightGBM(n_rounds=15, num_leaves=4, min_child_samples=10, objective='quantile', alpha=0.05)"),
        ("hist_gradient_boosting", "HistGradientBoosting(loss='quantile', quantile=0.05)"),
        (learner("xgboost", max_depth=2), "XGBoost(max_depth=2, objective='reg:quantileerror', quantile_alpha=0.05)"),
        (learner("catboost", n_rounds=5), "CatBoost(n_rounds=5, loss_function='Quantile:alpha=0.05')"),
        (LINES, "QuantileRegressor(alpha=0, quantile=0.05)"),
    ],
)
def test_who_fits_the_quantiles(given, wanted):
    X, y, X_new, _ = noisy(31, n=120, fresh=5)
    ensemble = made(learners=["ridge", ("trees", TREES)], quantiles=given, cv=3).fit(X, y)
    assert repr(ensemble._quantiles[0].learner) == wanted
    assert np.isfinite(ensemble.predict_interval(X_new, width="quantiles")).all()


@pytest.mark.parametrize(
    "estimator",
    [GradientBoostingRegressor(n_estimators=30), HistGradientBoostingRegressor(scoring="r2", max_iter=30), LINES],
)
def test_estimators_of_scikit_learn_that_fit_quantiles(estimator):
    X, y, _, _ = noisy(38)
    for share in (0.1, 0.8):
        twin = as_learner(estimator).of_quantile(share)
        model = twin.fit(X, y, task=Task("regression"), sample_weight=None, seed=0, threads=1)
        assert abs(np.mean(y < model.predict(X)) - share) < 0.06
    assert "quantile" not in repr(estimator).replace("QuantileRegressor", "")


@pytest.mark.parametrize(
    "given", ["ridge", "knn", "random_forest", learner("xgboost", booster="gblinear"), Ridge(), make_pipeline(LINES)]
)
def test_learners_without_a_loss_for_quantiles(given):
    assert as_learner(given).of_quantile(0.1) is None


def test_what_belongs_to_the_target_does_not_bind_its_residuals():
    signs = {"monotone_constraints": [1, 1], "monotone_constraints_method": "advanced", "metric": "l2"}
    X, y, X_new, _ = noisy(32, fresh=5)
    rising = learner("lightgbm", n_rounds=5, **signs)
    ensemble = made(learners=[("rising", rising)], quantiles=True).fit(X, y)
    low = ensemble._quantiles[0].learner
    assert all(low.own_params()[name] is None for name in signs)
    assert np.isfinite(ensemble.predict_interval(X_new, width="quantiles")).all()


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (
            True,
            ParameterError,
            "takes the first member with a loss for quantiles, and there is none among ridge, knn; name",
        ),
        (
            "ridge",
            ParameterError,
            r"quantiles: Ridge\(\) has no loss for quantiles; those with one are catboost, lightgbm",
        ),
        ("lightgmb", UnknownNameError, "quantiles is 'lightgmb', which is no label of a member"),
        (3, ParameterError, "quantiles is 3, expected False, True"),
        (QuantileRegressor, ParameterError, "expected False, True"),
        ("drop", ParameterError, "expected False, True"),
        (Weightless(), ParameterError, "takes no sample_weight"),
    ],
)
def test_what_cannot_fit_quantiles_is_refused_before_anything_is_fitted(given, kind, text):
    X, y, _, _ = noisy(33)
    weight = np.ones(300) if isinstance(given, Weightless) else None
    ensemble = made(learners=["ridge"] if weight is not None else NAMES, quantiles=given)
    with pytest.raises(kind, match=text):
        ensemble.fit(X, y, sample_weight=weight)
    assert not hasattr(ensemble, "members_")


def test_a_learner_that_takes_no_sparse_matrix():
    from scipy.sparse import csr_matrix

    X, y, _, _ = noisy(33)
    with pytest.raises(InputError, match="quantiles: .*cannot take a sparse matrix; name another"):
        made(learners=["ridge"], quantiles="hist_gradient_boosting").fit(csr_matrix(X), y)


def test_quantiles_are_asked_for_where_there_are_none():
    X, y, X_new, _ = noisy(34)
    ensemble = made(quantiles=False).fit(X, y)
    with pytest.raises(ParameterError, match="no quantiles were fitted.*quantiles=True"):
        ensemble.predict_interval(X_new, width="quantiles")
    assert ensemble.interval_width_ != "quantiles"


class Fails(QuantileRegressor):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("not today")


def test_quantiles_that_fail():
    X, y, X_new, _ = noisy(35, fresh=5)
    with pytest.raises(MemberError, match="not today"):
        made(quantiles=Fails()).fit(X, y)
    with pytest.warns(UserWarning, match="no quantiles were fitted, and intervals go without them: .*not today"):
        ensemble = made(quantiles=Fails(), on_error="skip").fit(X, y)
    assert ensemble.failures_[-1].label == "quantiles"
    assert ensemble.predict_interval(X_new).shape == (5, 2)
    with pytest.raises(ParameterError, match="no quantiles were fitted"):
        ensemble.predict_interval(X_new, width="quantiles")


def test_no_time_for_quantiles(monkeypatch):
    def late(*_, resources, **__):
        assert resources.started is not None
        raise MemberError("all members failed: there was no time")

    X, y, X_new, _ = noisy(36, fresh=5)
    monkeypatch.setattr(_quantiles, "cross_fit", late)
    with pytest.warns(BudgetWarning, match="no quantiles were fitted, .*there was no time"):
        ensemble = made(learners=["ridge"], time_limit=1e4).fit(X, y)
    assert ensemble.predict_interval(X_new).shape == (5, 2)


def test_a_time_limit_is_shared_by_members_and_quantiles():
    members, two = dict.fromkeys("abc"), dict.fromkeys("de")
    assert for_members(Resources(time_limit=10.0, n_jobs=2), members, two) == Resources(time_limit=6.0, n_jobs=2)
    assert for_members(Resources(time_limit=10.0), members, {}).time_limit == 10
    assert for_members(Resources(), members, two).time_limit is None


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_the_unit_of_the_target_changes_nothing(finalize):
    X, y, X_new, _ = noisy(39, fresh=50)
    plain = made(finalize, quantiles=TREES).fit(X, y).predict_interval(X_new, width="quantiles")
    large = made(finalize, quantiles=TREES).fit(X, 2.0**30 * y).predict_interval(X_new, width="quantiles")
    np.testing.assert_allclose(large / 2.0**30, plain, rtol=1e-5, atol=1e-5)


def test_another_fit_forgets_the_quantiles_of_the_first():
    X, y, X_new, _ = noisy(37)
    ensemble = made().fit(X, y)
    assert ensemble.interval_width_ == "quantiles"
    ensemble.set_params(quantiles=False).fit(X, y)
    assert ensemble._quantiles == ()
    with pytest.raises(ParameterError, match="no quantiles were fitted"):
        ensemble.predict_interval(X_new, width="quantiles")


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


# -- what can be done with it --------------------------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit"])
@pytest.mark.parametrize("quantiles", [TREES, LINES])
def test_loaded_and_served_it_gives_the_same_to_the_bit(finalize, quantiles, tmp_path):
    X, y, X_new, _ = noisy(50, fresh=20)
    first = made(finalize, quantiles=quantiles).fit(X, y)
    path = first.save(tmp_path / "model")
    second, runtime = byoe.load(path), Runtime(path)
    assert repr(second.quantiles) == repr(quantiles)
    assert runtime.interval_width_ == second.interval_width_ == first.interval_width_ == "quantiles"
    expected = first.predict_interval(X_new)
    assert np.array_equal(second.predict_interval(X_new), expected)
    assert np.array_equal(runtime.interval(first._read(X_new), 0.9), expected)
    again = byoe.load(second.save(tmp_path / "again"))
    assert np.array_equal(again.predict_interval(X_new), expected)


def test_the_endpoints_answer(tmp_path):
    X, y, X_new, _ = noisy(51, fresh=4)
    ensemble = made(quantiles=TREES).fit(X, y)
    model = model_fn(str(ensemble.save(tmp_path / "model")))
    body = "\n".join(",".join(map(repr, row)) for row in X_new.tolist())
    request = input_fn(body, "text/csv; outputs=interval; level=0.8")
    found = json.loads(output_fn(predict_fn(request, model), "application/json")[0])
    assert found["interval"] == ensemble.predict_interval(X_new, 0.8, width="quantiles").tolist()


def test_without_out_of_fold_data_no_quantiles_are_saved(tmp_path):
    X, y, X_new, _ = noisy(52, fresh=4)
    path = made(quantiles=TREES).fit(X, y).save(tmp_path / "model", oof=False)
    assert not list(path.rglob("quantile*"))
    assert "quantiles" not in json.loads((path / "manifest.json").read_text())
    with pytest.raises(AttributeError, match="save it with oof=True"):
        byoe.load(path).predict_interval(X_new)


def test_a_changed_model_of_a_quantile_is_noticed(tmp_path):
    X, y, X_new, _ = noisy(53, fresh=4)
    path = made(quantiles=TREES).fit(X, y).save(tmp_path / "model")
    loaded = byoe.load(path)
    (file,) = (path / "members" / "quantile.05").rglob("model.txt")
    file.write_text(file.read_text().replace("tree", "eert"))
    for read in (lambda: loaded.predict_interval(X_new, width="quantiles"), lambda: byoe.load(path)):
        with pytest.raises(byoe.errors.BundleError, match="is not the one that was saved"):
            read()


def test_an_endpoint_is_lean_where_the_quantiles_are(tmp_path):
    X, y, _, _ = noisy(54)
    for quantiles, lean in ((TREES, True), ("hist_gradient_boosting", False), (LINES, False)):
        path = made(learners=["ridge"], quantiles=quantiles, cv=3).fit(X, y).save(tmp_path / "model")
        assert BundleReader(path).lean is lean


def test_an_endpoint_installs_what_the_quantiles_need(tmp_path):
    X, y, _, _ = noisy(59)
    for quantiles, needed in ((TREES, {"lightgbm"}), (False, set())):
        ensemble = made(learners=["ridge"], quantiles=quantiles, cv=3).fit(X, y)
        path = ensemble.save(tmp_path / "model")
        assert needed <= libraries_in_use(ensemble, path) <= needed | {"scikit-learn"}
    assert [one.name for one in parts_of(made(quantiles="xgboost")).learners] == ["ridge", "knn", "xgboost"]


def test_a_new_blend_has_scores_of_its_own_and_keeps_the_models():
    X, y, X_new, _ = noisy(55, fresh=20)
    first = made().fit(X, y)
    before = first.predict_interval(X_new, width="quantiles")
    for other in (first.reblend(LinearRegression()), first.drop_members("knn"), first.add_members(["svm"], X)):
        assert other._quantiles is first._quantiles
        interval = other.predict_interval(X_new, width="quantiles")
        assert not np.array_equal(interval, before)
        assert other.interval_width_ == "quantiles"
    assert np.array_equal(first.predict_interval(X_new, width="quantiles"), before)
    assert np.array_equal(first.prune().predict_interval(X_new, width="quantiles"), before)


@pytest.mark.parametrize("given", [True, "trees"])
def test_the_member_whose_learner_they_are_may_leave(given, tmp_path):
    X, y, X_new, _ = noisy(60, fresh=20)
    first = made(learners=["ridge", ("trees", TREES)], quantiles=given).fit(X, y)
    other = first.drop_members("trees")
    assert first.quantiles is given
    assert repr(other.quantiles) == repr(TREES)
    again = byoe.load(byoe.load(other.save(tmp_path / "model")).save(tmp_path / "again"))
    expected = other.predict_interval(X_new, width="quantiles")
    assert np.array_equal(again.predict_interval(X_new, width="quantiles"), expected)
    fresh = clone(again).fit(X, y)
    assert repr(fresh._quantiles[0].learner) == repr(first._quantiles[0].learner)
    assert first.drop_members("ridge").quantiles is given


def test_refitted_it_has_one_model_of_each_quantile():
    X, y, X_new, y_new = noisy(56)
    bag = made("bag", quantiles=TREES).fit(X, y)
    lean = bag.refit(X)
    assert [len(one.models) for one in (*bag._quantiles, *lean._quantiles)] == [4, 4, 1, 1]
    assert lean.interval_method_ == "residual"
    assert abs(inside(lean.predict_interval(X_new, width="quantiles"), y_new).mean() - 0.9) < 0.06
    expected = made("refit", quantiles=TREES).fit(X, y).predict_interval(X_new, width="quantiles")
    np.testing.assert_allclose(lean.predict_interval(X_new, width="quantiles"), expected, rtol=1e-9)


@pytest.mark.parametrize("quantiles", [False, True, "xgboost", TREES, LINES])
def test_the_spec_holds_them(quantiles):
    ensemble = made(learners=["lightgbm"], cv=5, quantiles=quantiles)
    assert repr(from_spec(json.loads(json.dumps(to_spec(ensemble)))).quantiles) == repr(quantiles)
    assert repr(clone(ensemble).quantiles) == repr(quantiles)


def test_their_parameters_are_the_ensembles():
    ensemble = made(quantiles=clone(TREES))
    assert ensemble.get_params()["quantiles__num_leaves"] == 4
    assert clone(ensemble.set_params(quantiles__num_leaves=7)).quantiles.own_params()["num_leaves"] == 7
    assert TREES.own_params()["num_leaves"] == 4


def test_a_member_of_that_name_is_refused():
    X, y, _, _ = noisy(57)
    with pytest.raises(ParameterError, match="label 'quantiles' is the name of a parameter"):
        made(learners=[("quantiles", "ridge")]).fit(X, y)


def test_a_store_has_them(tmp_path):
    X, y, X_new, _ = noisy(58, fresh=20)
    told = []
    first = made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, y)
    assert [progress.label for progress in told if not progress.reused].count("quantile.05") == 5
    told.clear()
    second = made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, y)
    assert all(progress.reused for progress in told)
    assert np.array_equal(first.predict_interval(X_new), second.predict_interval(X_new))
    told.clear()
    made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, np.r_[y[:-1], y[-1] + 1])
    assert not any(progress.reused for progress in told)
