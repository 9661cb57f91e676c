"""Who fits the quantiles, and that the blend stays what it is."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.pipeline import make_pipeline

from byoe import learner
from byoe.contracts._task import Task
from byoe.engine._limit_report import TooShortError
from byoe.engine._resources import Resources
from byoe.ensemble import _quantiles
from byoe.ensemble._quantiles import for_members
from byoe.errors import BudgetWarning, InputError, MemberError, ParameterError, UnknownNameError
from byoe.registry._members import as_learner

from .conftest import LINES, NAMES, TREES, Weightless, made, noisy

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


def test_quantiles_that_fail_do_so_under_a_limit_too():
    X, y, _, _ = noisy(35, fresh=5)
    with pytest.raises(MemberError, match="not today"):
        made(learners=["ridge"], quantiles=Fails(), time_limit=1e4).fit(X, y)


def test_no_time_for_quantiles(monkeypatch):
    def late(*_, resources, **__):
        assert resources.started is not None
        raise TooShortError("the time_limit is too short: there was no time")

    X, y, X_new, _ = noisy(36, fresh=5)
    monkeypatch.setattr(_quantiles, "cross_fit", late)
    with pytest.warns(BudgetWarning, match="no quantiles were fitted, .*there was no time"):
        ensemble = made(learners=["ridge"], time_limit=1e4).fit(X, y)
    assert ensemble.predict_interval(X_new).shape == (5, 2)


def test_a_time_limit_is_shared_by_members_and_quantiles():
    members, two = dict.fromkeys("abc"), dict.fromkeys("de")
    shared = for_members(Resources(time_limit=10.0, n_jobs=2), members, two)
    assert shared == Resources(time_limit=10.0, n_jobs=2, share=0.6)  # whoever warns names the limit that was set
    assert shared.seconds == 6
    assert for_members(Resources(time_limit=10.0), members, {}).seconds == 10
    assert for_members(Resources(), members, two).seconds is None


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
