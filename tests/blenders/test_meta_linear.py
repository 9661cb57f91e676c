"""What the linear meta-model offers beyond a plain ridge."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import ElasticNet, HuberRegressor, LinearRegression, LogisticRegression, Ridge

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.blenders import _ridge
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
        ({"passthrough": [12]}, "passthrough holds 12"),
    ],
)
def test_wrong_parameters_are_refused(params, message, diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    with pytest.raises(ParameterError, match=message):
        EnsembleRegressor(["ridge"], blender("meta-linear", **params)).fit(X, y)


def test_non_negative_classes_are_refused(iris):
    with pytest.raises(ParameterError, match="positive is for regression"):
        EnsembleClassifier(["ridge"], blender("meta-linear", positive=True)).fit(*iris)


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
