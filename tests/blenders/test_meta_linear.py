"""What the linear meta-model offers beyond a plain ridge."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, nnls
from scipy.special import logsumexp
from sklearn.linear_model import ElasticNet, HuberRegressor, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss

import byoe
from byoe import EnsembleRegressor, blender
from byoe.blenders import _pool, _ridge
from byoe.errors import ParameterError
from byoe.plugins import OOF, Task

REGRESSION = Task("regression")


@pytest.fixture
def oof(rng):
    y = rng.normal(size=150) * 5
    members = np.column_stack([y + rng.normal(size=150), y + 2 * rng.normal(size=150), -y + rng.normal(size=150)])
    rows = np.arange(150)
    folds = tuple((rows[rows % 5 != i], rows[rows % 5 == i]) for i in range(5))
    return OOF(members, y, REGRESSION, rng.uniform(0.2, 2, 150), folds=folds)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 100.0])
def test_the_ridge_is_scikit_learns(alpha, oof):
    free = np.full(3, -np.inf)
    coef, intercept = _ridge.fit(oof.predictions, oof.y, oof.sample_weight, alpha, free)
    theirs = Ridge(alpha=alpha).fit(oof.predictions, oof.y, sample_weight=oof.sample_weight)
    np.testing.assert_allclose(coef, theirs.coef_, rtol=1e-8)
    assert intercept == pytest.approx(theirs.intercept_)


def test_the_strength_is_the_best_on_the_folds(oof):
    free = np.full(3, -np.inf)
    losses = []
    for alpha in _ridge.ALPHAS:
        errors = 0.0
        for train, test in oof.folds:
            model = Ridge(alpha=alpha).fit(oof.predictions[train], oof.y[train], sample_weight=oof.sample_weight[train])
            errors += oof.sample_weight[test] @ (oof.y[test] - model.predict(oof.predictions[test])) ** 2
        losses.append(errors)
    chosen = _ridge.choose(oof.predictions, oof.y, oof.sample_weight, oof.folds, free)
    assert chosen == _ridge.ALPHAS[int(np.argmin(losses))]


def test_coefficients_can_be_kept_from_being_negative(oof):
    made = blender("meta-linear", positive=True, alpha=0.0).fit(oof)
    weight = oof.sample_weight / oof.sample_weight.sum()
    root = np.sqrt(oof.sample_weight)
    X = (oof.predictions - weight @ oof.predictions) * root[:, None]
    expected, _ = nnls(X, (oof.y - weight @ oof.y) * root)
    np.testing.assert_allclose(made.coef_, expected, atol=1e-8)
    assert (made.coef_ >= 0).all()
    assert blender("meta-linear").fit(oof).coef_.min() < 0
    assert (blender("meta-linear", positive=True).fit(oof).coef_ >= 0).all()


def test_features_passed_through_may_be_negative(oof, rng):
    X = rng.normal(size=(150, 2))
    seeing = OOF(oof.predictions, oof.y - 3 * X[:, 0], REGRESSION, X=X, folds=oof.folds)
    made = blender("meta-linear", positive=True, passthrough=True).fit(seeing)
    assert made.coef_[3] < -2


@pytest.mark.parametrize("estimator", [LinearRegression(), ElasticNet(alpha=0.01), HuberRegressor()])
def test_any_linear_estimator(estimator, oof):
    made = blender("meta-linear", estimator=estimator).fit(oof)
    assert made.coef_.shape == (3,)
    assert np.corrcoef(made.predict(oof.predictions), oof.y)[0, 1] > 0.97
    again = blender("meta-linear", estimator=estimator).restore(made.state())
    assert np.array_equal(again.predict(oof.predictions), made.predict(oof.predictions))
    if isinstance(estimator, LinearRegression):
        theirs = LinearRegression().fit(oof.predictions, oof.y, sample_weight=oof.sample_weight)
        np.testing.assert_allclose(made.predict(oof.predictions), theirs.predict(oof.predictions))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": LogisticRegression()}, "LogisticRegression does not do regression"),
        ({"estimator": Ridge(), "alpha": 1.0}, "alpha and positive belong to the estimator"),
        ({"passthrough": "bmi"}, "passthrough is 'bmi', expected True, False or a list of columns"),
        ({"passthrough": ["bmy"]}, "passthrough holds 'bmy'. Did you mean 'bmi'"),
        ({"passthrough": [12]}, "passthrough holds column 12"),
    ],
)
def test_wrong_parameters_are_refused(params, message, diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    heard = []
    with pytest.raises(ParameterError, match=message):
        EnsembleRegressor(["ridge"], blender("meta-linear", **params), callbacks=heard.append).fit(X, y)
    assert heard == []  # nothing was fitted


# -- classes -----------------------------------------------------------------------------


def votes(rng, n=400, k=3, noise=(0.5, 2.0)):
    """Return members' probabilities, one good and one poor, and the labels."""
    truth = rng.dirichlet(np.full(k, 0.3), size=n)
    y = (truth.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1).clip(max=k - 1)
    members = []
    for level in noise:
        noisy = np.log(truth + 1e-3) + level * rng.normal(size=(n, k))
        members.append(np.exp(noisy) / np.exp(noisy).sum(axis=1, keepdims=True))
    return np.stack(members, axis=1), y


@pytest.mark.parametrize("k", [2, 4])
def test_the_pool_is_where_the_gradient_vanishes(k, rng):
    predictions, y = votes(rng, k=k)
    weight, X = rng.uniform(0.2, 2, 400), rng.normal(size=(400, 2))
    a, b, C = _pool.fit(np.log(predictions), y, weight, X, 0.7, False)

    def objective(theta):
        a, b, C = theta[:2], theta[2 : 2 + k], theta[2 + k :].reshape(k, 2)
        values = np.tensordot(np.log(predictions), a, axes=(1, 0)) + b + X @ C.T
        penalty = 0.35 * (((a - 0.5) ** 2).sum() + (b**2).sum() + (C**2).sum())
        return weight @ (logsumexp(values, axis=1) - values[np.arange(400), y]) + penalty

    best = np.concatenate([a, b, C.ravel()])
    assert np.abs(approx_fprime(best, objective, 1e-6)).max() < 2e-3 * weight.sum() / 400
    for step in rng.normal(size=(20, len(best))) * 0.05:
        assert objective(best + step) > objective(best)


def test_two_classes_are_a_logistic_regression_on_log_odds(rng):
    predictions, y = votes(rng, k=2)
    odds = np.log(predictions[:, :, 1] / predictions[:, :, 0])
    made = blender("meta-linear", alpha=1e-9).fit(OOF(predictions, y, Task("classification", 2)))
    theirs = LogisticRegression(C=1e9, max_iter=5000).fit(odds, y)
    np.testing.assert_allclose(made.predict(predictions), theirs.predict_proba(odds), atol=2e-3)


def test_a_strong_penalty_leaves_the_geometric_mean(rng):
    predictions, y = votes(rng)
    made = blender("meta-linear", alpha=1e9).fit(OOF(predictions, y, Task("classification", 3)))
    expected = np.sqrt(predictions.prod(axis=1))
    np.testing.assert_allclose(made.predict(predictions), expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_the_better_member_has_the_greater_power_and_the_pool_wins(rng):
    predictions, y = votes(rng, n=2000)
    made = blender("meta-linear", positive=True).fit(OOF(predictions[:1000], y[:1000], Task("classification", 3)))
    powers = made.coef_[0, [0, 3]]
    assert powers[0] > powers[1] >= 0
    fresh = predictions[1000:]
    losses = [log_loss(y[1000:], p) for p in (made.predict(fresh), fresh[:, 0], fresh[:, 1])]
    assert losses[0] == min(losses)


def test_a_class_that_is_absent_gets_nothing(rng):
    predictions, y = votes(rng)
    seen = y < 2
    made = blender("meta-linear").fit(OOF(predictions[seen], y[seen], Task("classification", 3)))
    assert made.predict(predictions)[:, 2].max() < 1e-12


def test_named_columns_and_categories_are_passed_through(rng, tmp_path):
    n = 200
    frame = pd.DataFrame(
        {
            "noise": rng.normal(size=n),
            "town": rng.choice(list("abc"), n),
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "id": [f"k{i % 30}" for i in range(n)],
        }
    )
    y = 5.0 * (frame["town"] == "b") + rng.normal(size=n) * 0.1
    weak = [("weak", Ridge(alpha=1e9))]
    through = blender("meta-linear", passthrough=["town", -2])
    ensemble = EnsembleRegressor(weak, through, random_state=0).fit(frame, y)
    assert ensemble.blender_.coef_.shape == (1 + 3 + 1,)
    assert ensemble.score(frame, y) > 0.98
    unknown = frame.assign(town="new", size=np.nan)
    assert np.isfinite(ensemble.predict(unknown)).all()
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(frame), ensemble.predict(frame))
    again = ensemble.reblend("mean").reblend(through, frame)
    np.testing.assert_allclose(again.predict(frame), ensemble.predict(frame))
    with pytest.raises(ParameterError, match="column 'id' has 30 categories, and at most 16 can be passed through"):
        ensemble.reblend(blender("meta-linear", passthrough=True), frame)
