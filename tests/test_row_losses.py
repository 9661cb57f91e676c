"""Losses by row, against scikit-learn's metrics and general solvers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from sklearn import metrics
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import make_scorer

from byoe import EnsembleRegressor, blender
from byoe.blenders import _quantile
from byoe.blenders._descent import minimise_convex, search
from byoe.contracts._blender import OOF
from byoe.contracts._row_loss import (
    AbsoluteError,
    PercentageError,
    Pinball,
    PoissonDeviance,
    SquaredError,
    SquaredLogError,
)
from byoe.contracts._task import Task
from byoe.contracts._unit import Unit
from byoe.engine._rows import Rows
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric
from byoe.store._task_keys import of_stopping

REGRESSION = Task("regression")
OF_VALUES = {
    "mse": metrics.mean_squared_error,
    "r2": lambda *a, **k: 1 - metrics.r2_score(*a, **k),
    "mae": metrics.mean_absolute_error,
    "neg_mean_absolute_percentage_error": metrics.mean_absolute_percentage_error,
    "neg_mean_squared_log_error": metrics.mean_squared_log_error,
    "neg_mean_poisson_deviance": metrics.mean_poisson_deviance,
    "neg_mean_gamma_deviance": metrics.mean_gamma_deviance,
}
for power in (-1.0, 0.0, 1.0, 1.5, 2.0, 3.0):
    scorer = make_scorer(metrics.mean_tweedie_deviance, power=power, greater_is_better=False)
    OF_VALUES[f"tweedie {power}"] = scorer
for level in (0.1, 0.5, 0.9):
    OF_VALUES[f"pinball {level}"] = make_scorer(metrics.mean_pinball_loss, alpha=level, greater_is_better=False)


def found(name):
    kept = OF_VALUES[name]
    scorer = kept if hasattr(kept, "_score_func") else name
    return find_metric(scorer, REGRESSION)


@pytest.mark.parametrize("name", OF_VALUES)
def test_the_mean_over_rows_is_scikit_learns(name, rng):
    y, p, weight = rng.gamma(2.0, size=60) + 0.1, rng.gamma(2.0, size=60) + 0.1, rng.uniform(0.1, 2, 60)
    metric = found(name)
    rows = metric.row_loss(y, p)
    assert rows.shape == (60,)
    value = metric.value(y, p, sample_weight=weight)
    if name == "r2":  # the same order
        other = rng.gamma(2.0, size=60)
        better = metric.value(y, p) > metric.value(y, other)
        assert better == (rows.mean() < metric.row_loss(y, other).mean())
    else:
        assert np.average(rows, weights=weight) == pytest.approx(value)
        assert OOF(p[:, None], y, REGRESSION, weight, metric=metric).loss(p) == pytest.approx(value)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", ["neg_log_loss", "neg_brier_score", "accuracy", "d2_brier_score", "d2_log_loss_score"])
def test_the_mean_over_rows_orders_probabilities_as_scikit_learn_does(name, k, rng):
    task = Task("classification", k)
    metric = find_metric(name, task)
    y = np.arange(80) % k
    values, means = [], []
    for sharpness in np.linspace(0, 3, 9):
        p = np.exp(sharpness * np.eye(k)[y] + rng.normal(size=(80, k)))
        p /= p.sum(axis=1, keepdims=True)
        values.append(metric.score(metric.value(y, p, classes=np.arange(k))))
        means.append(-metric.row_loss(y, p).mean())
    assert np.array_equal(np.argsort(values, kind="stable"), np.argsort(means, kind="stable"))


@pytest.mark.parametrize(
    "metric",
    [
        "roc_auc",
        "f1",
        "balanced_accuracy",
        make_scorer(metrics.fbeta_score, beta=2),
        make_scorer(metrics.accuracy_score, sample_weight=[1.0, 2.0]),
        lambda estimator, X, y: 0.0,
    ],
)
def test_what_is_no_mean_over_rows_or_not_known_has_no_row_loss(metric):
    assert find_metric(metric, Task("classification", 2)).row_loss is None


def test_a_mean_of_ones_own_is_not_known():
    scorer = make_scorer(lambda y, p: np.abs(y - p).mean(), greater_is_better=False)
    assert find_metric(scorer, REGRESSION).row_loss is None


@pytest.mark.parametrize(
    "loss", [SquaredError(), AbsoluteError(), PercentageError(), Pinball(0.3), PoissonDeviance()], ids=str
)
def test_slopes_are_derivatives(loss, rng):
    y, p = rng.gamma(2.0, size=50) + 0.1, rng.gamma(2.0, size=50) + 0.1
    step = 1e-6
    expected = (loss(y, p + step) - loss(y, p - step)) / (2 * step)
    np.testing.assert_allclose(loss.slope(y, p), expected, rtol=1e-4, atol=1e-4)


def test_predictions_that_are_too_low_cost_without_end():
    loss = PoissonDeviance()
    assert loss(np.array([1.0, 0.0]), np.array([0.0, 1.0])).tolist() == [np.inf, 2.0]
    assert np.isfinite(loss.mean(np.array([1.0, 3.0]), np.array([-5.0, 2.0])))


@given(st.integers(1, 5), st.integers(10, 80), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_quantile_weights_are_the_optimum_of_a_linear_program(members, n, level, seed):
    rng = np.random.default_rng(seed)
    P, y, share = rng.normal(size=(n, members)), rng.normal(size=n), rng.dirichlet(np.ones(n))
    loss = Pinball(level)

    def value(w):
        return float(share @ loss(y, P @ w)), P.T @ (share * loss.slope(y, P @ w))

    w, gap = minimise_convex(value, members)
    assert (w >= 0).all()
    assert w.sum() == pytest.approx(1)
    costs = np.concatenate([np.zeros(members), level * share, (1 - level) * share])
    equal = np.block([[P, np.eye(n), -np.eye(n)], [np.ones((1, members)), np.zeros((1, 2 * n))]])
    optimum = linprog(costs, A_eq=equal, b_eq=np.append(y, 1.0)).fun
    assert optimum - 1e-9 <= value(w)[0] <= optimum + gap + 1e-9
    assert gap <= 2e-7 * value(w)[0]


def test_poisson_weights_agree_with_a_general_solver_also_from_an_edge(rng):
    mu = np.exp(rng.normal(size=200))
    y = rng.poisson(mu).astype(float)
    P = mu[:, None] * np.exp(0.5 * rng.normal(size=(200, 3)))
    P[:, 1] = np.where(rng.uniform(size=200) < 0.2, 0.0, mu)  # without a loss, where it stands alone
    oof = OOF(P, y, REGRESSION, metric=find_metric("neg_mean_poisson_deviance", REGRESSION))
    w = blender("weighted", pull=0).fit(oof).weights_
    general = minimize(
        lambda v: oof.loss(P @ (np.abs(v) / np.abs(v).sum())),
        np.ones(3),
        method="Nelder-Mead",
        options={"fatol": 1e-10},
    )
    assert oof.loss(P @ w) == pytest.approx(general.fun, rel=1e-5)


def test_a_search_finds_the_optimum_of_a_smooth_loss(rng):
    P, y = rng.normal(size=(300, 4)), rng.normal(size=300)
    y += P @ [0.5, 0.3, 0.2, 0.0]
    found = search(lambda w: float(np.mean((P @ w - y) ** 2)), list(np.eye(4)), (0.5, 0.25, 0.1, 0.03, 0.01))
    exact = blender("weighted").fit(OOF(P, y, REGRESSION)).weights_
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_brier_weights_are_optimal(rng):
    y = np.arange(150) % 3
    P = np.exp(rng.normal(size=(150, 4, 3)) + np.eye(3)[y][:, None] * np.linspace(0, 2, 4)[:, None])
    P /= P.sum(axis=2, keepdims=True)
    task = Task("classification", 3)
    oof = OOF(P, y, task, metric=find_metric("neg_brier_score", task))
    w = blender("weighted", pull=0).fit(oof).weights_
    loss = oof.loss(np.tensordot(P, w, axes=(1, 0)))
    for member in range(4):  # no step towards a member helps
        moved = 0.999 * w + 0.001 * np.eye(4)[member]
        assert loss <= oof.loss(np.tensordot(P, moved, axes=(1, 0))) + 1e-12


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantile_regression_is_scikit_learns(level, rng):
    X, weight = rng.normal(size=(400, 3)), rng.uniform(0.2, 2, 400)
    y = X @ [1.0, 0.5, 0.0] + rng.gumbel(size=400)
    coef, intercept = _quantile.fit(X, y, weight, 1e-9, np.full(3, -np.inf), level)
    known = QuantileRegressor(quantile=level, alpha=0).fit(X, y, sample_weight=weight)

    def loss(p):
        return metrics.mean_pinball_loss(y, p, alpha=level, sample_weight=weight)

    assert loss(X @ coef + intercept) <= 1.001 * loss(known.predict(X))
    positive, _ = _quantile.fit(X, -y, weight, 1e-9, np.zeros(3), level)
    assert (positive >= 0).all()


def test_a_metric_that_is_not_defined_is_infinitely_bad(rng):
    task = Task("classification", 2)
    oof = OOF(rng.uniform(size=(10, 2, 2)), np.zeros(10, dtype=int), task, metric=find_metric("roc_auc", task))
    assert oof.loss(oof.predictions[:, 0]) == np.inf
    assert blender("best").fit(oof).weights_.tolist() == [1, 0]


def test_targets_that_a_metric_scores_only_together_are_blended_by_the_squared_error(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, -y])

    def both(estimator, X, Y):
        if Y.ndim == 1:
            raise ValueError("two targets, please")
        return -float(np.abs(estimator.predict(X) - Y).max())

    with pytest.warns(UserWarning, match="'both' scores the targets only together"):
        ensemble = EnsembleRegressor(["ridge", "knn"], "weighted", metric=both, random_state=0).fit(X, Y)
    usual = EnsembleRegressor(["ridge", "knn"], "weighted", random_state=0).fit(X, Y)
    assert np.array_equal(ensemble.blender_.weights_, usual.blender_.weights_)


def test_what_a_booster_watches_is_part_of_its_key():
    class Stopping:
        stopping = True

    def key(loss, task=Stopping):
        return of_stopping(task, Rows(None, None, None, REGRESSION, None, loss))

    assert key(None) == {}
    assert key(Pinball(0.1)) != key(Pinball(0.9))
    Stopping.stopping = False
    assert key(Pinball(0.1)) == {}


def test_the_blends_own_predictions_are_kept_and_stay_with_a_bundle(diabetes, tmp_path):
    from sklearn.model_selection import TimeSeriesSplit

    import byoe

    X, y = diabetes
    ensemble = EnsembleRegressor(["ridge", "knn"], cv=TimeSeriesSplit(4), random_state=0)
    with pytest.raises(AttributeError, match="oof_blend_.*not fitted yet"):
        ensemble.oof_blend_  # noqa: B018
    ensemble.fit(X, y)
    blend = ensemble.oof_blend_
    scored = np.isfinite(blend)
    assert not scored[: len(y) // 5].any()
    assert np.sqrt(np.mean((blend - y)[scored] ** 2)) == pytest.approx(-ensemble.score_estimate_)
    blend[:] = 0.0  # a copy
    assert np.isfinite(ensemble.oof_blend_).sum() == scored.sum()
    ensemble.save(tmp_path / "whole")
    assert np.array_equal(byoe.load(tmp_path / "whole").oof_blend_, ensemble.oof_blend_, equal_nan=True)
    ensemble.save(tmp_path / "lean", oof=False)
    with pytest.raises(AttributeError, match="oof_blend_ is not there"):
        byoe.load(tmp_path / "lean").oof_blend_  # noqa: B018


def test_weights_that_a_metric_does_not_take_are_refused_before_the_fit(diabetes, monkeypatch):
    monkeypatch.setattr("byoe.ensemble._base.cross_fit", None)
    X, y = diabetes
    with pytest.raises(ParameterError, match="metric 'max_error' takes no sample_weight"):
        EnsembleRegressor(["ridge"], metric="neg_max_error").fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.parametrize(
    "loss", [SquaredLogError(), PoissonDeviance(), PercentageError(), AbsoluteError(), Pinball(0.9)]
)
def test_a_loss_is_the_same_of_targets_in_another_unit(loss, rng):
    y, prediction, weight = np.exp(rng.normal(size=(3, 50)))
    unit = Unit(np.asarray(8.0), np.asarray(0.25))
    moved = loss.of_unit(unit)
    into = unit.into(y), unit.into(prediction)
    if loss.in_any_unit:
        assert moved is loss
        assert moved.mean(*into, weight) == pytest.approx(loss.mean(y, prediction, weight) / 0.25, rel=1e-9)
    else:
        assert moved.mean(*into, weight) == pytest.approx(loss.mean(y, prediction, weight), rel=1e-9)
        np.testing.assert_allclose(moved(*into), loss(y, prediction))
