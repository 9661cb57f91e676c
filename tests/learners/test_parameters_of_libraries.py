"""Parameters as the libraries' users write them: second names, functions, what the ensemble decides."""

import numpy as np
import pytest
from catboost import CatBoostRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError, SpecError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = X[:, 0] + RNG.normal(0, 0.1, 200)


def squared_error(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_true)


def fitted(member, y=Y, **params):
    return EnsembleRegressor([("m", member)], "mean", cv=3, random_state=0, **params).fit(X, y)


@pytest.mark.parametrize(
    "names",
    [
        {"objective": "mae"},
        {"loss": "mae"},
        {"application": "mae"},
        {"objective_type": "mae"},
    ],
    ids=str,
)
def test_lightgbm_knows_its_second_names(names):
    plain = fitted(learner("lightgbm", objective="mae", metric="mae", n_estimators=10, device_type="cpu"))
    other = fitted(learner("lightgbm", **names, metrics=["mae"], n_estimators=10, device="cpu"))
    assert np.array_equal(plain.predict(X), other.predict(X))
    with pytest.raises(ParameterError, match="'objective' and 'loss' are the same parameter"):
        fitted(learner("lightgbm", objective="mae", loss="mse"))


@pytest.mark.parametrize("metric", ["mae", ["mae", "mse"], "None"], ids=str)
def test_lightgbm_stops_by_its_metric(metric):
    ensemble = fitted(learner("lightgbm", metric=metric), early_stopping=True)
    assert ensemble.score(X, Y) > 0.8


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("stopping", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_a_function_as_the_objective_is_that_objective(name, stopping, weighted):
    weight = RNG.integers(1, 4, 200) if weighted else None
    own, usual = (
        EnsembleRegressor(
            [("m", learner(name, objective=objective, learning_rate=0.3))],
            "mean",
            cv=3,
            random_state=0,
            early_stopping=stopping,
        ).fit(X, Y - Y.mean(), sample_weight=weight)
        for objective in (squared_error, None)
    )
    assert np.corrcoef(own.predict(X), usual.predict(X))[0, 1] > 0.99
    assert own.score(X, Y - Y.mean()) > 0.9


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_functions_are_refused_where_they_cannot_work(name):
    with pytest.raises(ParameterError, match="member 'm': .*objective is a function, whose predictions are no prob"):
        EnsembleClassifier([("m", learner(name, objective=squared_error))]).fit(X, Y > 0)
    with pytest.raises(ParameterError, match="member 'm': .*eval_metric is a function|metric is a function"):
        fitted(learner(name, eval_metric=squared_error))
    with pytest.raises(SpecError, match="member 'm', parameter 'objective': a function"):
        to_spec(EnsembleRegressor([("m", learner(name, objective=squared_error))]))


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("lightgbm", "categorical_feature"),
        ("lightgbm", "ignore_column"),
        ("lightgbm", "forcedsplits_filename"),
        ("catboost", "cat_features"),
        ("catboost", "text_features"),
        ("xgboost", "enable_categorical"),
        ("hist_gradient_boosting", "categorical_features"),
    ],
)
def test_what_the_ensemble_decides_is_named(name, parameter):
    with pytest.raises(ParameterError, match=f"{name}: '{parameter}' is (the ensemble's to say|not taken)"):
        learner(name, **{parameter: [0]})


@pytest.mark.parametrize("place", ["member", "pipeline", "search", "meta-model"])
def test_catboost_of_the_users_leaves_no_folder_behind_and_is_as_it_was(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = CatBoostRegressor(iterations=3, silent=True)
    before, asked = dict(vars(given)), given.get_params()
    held = {
        "pipeline": make_pipeline(StandardScaler(), given),
        "search": GridSearchCV(given, {"depth": [2, 3]}, cv=2),
    }.get(place, given)
    members, blender = (["ridge"], held) if place == "meta-model" else ([("own", held)], "mean")
    EnsembleRegressor(members, blender, cv=3, random_state=0).fit(X, X[:, 0]).predict(X)
    assert list(tmp_path.iterdir()) == []
    assert given.get_params() == asked
    if place != "meta-model":
        assert vars(given) == before


@pytest.mark.parametrize("asked", [{"train_dir": "own"}, {"allow_writing_files": True}])
def test_catboost_writes_where_it_is_told_to(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = CatBoostRegressor(iterations=3, silent=True, **asked)
    EnsembleRegressor([("own", own)], "mean", cv=3, random_state=0, n_jobs=1).fit(X, X[:, 0])
    assert [place.name for place in tmp_path.iterdir()] == [asked.get("train_dir", "catboost_info")]
