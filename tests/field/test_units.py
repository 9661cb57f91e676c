"""A regression target in an unusual unit: the share explained is that of the same target in another unit.

scikit-learn #14838: trees that do not split where the target's variance is below the machine's epsilon
scikit-learn #29922: the same for small targets in a forest
shap #876, DecisionTree.jl #191: trees of one leaf, for targets of 1e-5
dmlc/xgboost #4665: early stopping at once, where the loss is 1e-5
LightGBM #2570: labels in single precision, so that 3e9 plus noise loses the noise
darts #1394: CatBoost refuses such a target, whose values are all equal in single precision
scikit-learn #8893: min_impurity_decrease is in the square of the target's unit
"""

import json
import warnings

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from byoe import EnsembleRegressor, learner, load
from byoe.contracts._unit import Unit
from byoe.plugins import Explains, Task

MEMBERS = {
    "xgboost": {},
    "lightgbm": {},
    "catboost": {},
    "hist_gradient_boosting": {},
    "random_forest": {"n_estimators": 30},
    "extra_trees": {"n_estimators": 30},
    "ridge": {},
    "ridge positive": {"positive": True},
    "elastic_net": {},
    "svm": {},
    "mlp": {"hidden_units": [20], "n_epochs": 60},
    "knn": {},
}
SCALES = (1e-12, 1e-5, 1e12)
OFFSETS = (1e6, -1e9)
BOOSTERS = ("xgboost", "lightgbm", "catboost", "hist_gradient_boosting")
NUMBERED = {"xgboost": 40, "lightgbm": 40, "catboost": 40, "hist_gradient_boosting": 40}


def member(name, **params):
    return learner(name.split()[0], **{**MEMBERS[name], **params})


def rounds(name):
    return {"n_rounds": NUMBERED[name]} if name in NUMBERED else {}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 3))
    return X, X[:, 0] + 0.5 * np.abs(X[:, 1]) + rng.normal(0, 0.3, 240), rng.integers(1, 4, 240).astype(float)


def fitted(members, X, y, blender="mean", **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the perceptron has not converged, which is no matter here
        return EnsembleRegressor(members, blender, cv=3, random_state=0, n_jobs=1).fit(X, y, **given)


def share(ensemble, y, weight=None):
    errors = (ensemble.oof_predictions_[:, 0] - y) ** 2
    apart = (y - np.average(y, axis=0, weights=weight)) ** 2
    return 1 - np.average(errors, axis=0, weights=weight) / np.average(apart, axis=0, weights=weight)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", MEMBERS)
def test_the_share_explained_does_not_depend_on_the_unit(name, weighted, table):
    X, y, weight = table
    given = {"sample_weight": weight} if weighted else {}
    if weighted and name == "knn":
        pytest.skip("it takes no weights")
    own = member(name, **rounds(name))
    usual = share(fitted([own], X, y, **given), y, weight if weighted else None)
    assert usual > 0.6
    for target in [*(y * scale for scale in SCALES), *(y + offset for offset in OFFSETS)]:
        found = share(fitted([own], X, target, **given), target, weight if weighted else None)
        assert abs(found - usual) < 0.02


@pytest.mark.parametrize("name", BOOSTERS)
def test_early_stopping_does_not_depend_on_the_unit(name, table):
    X, y, _ = table
    usual = fitted([name], X, y)
    for target in (y * 1e-9, y * 1e9, y + 1e8):
        found = fitted([name], X, target)
        assert abs(share(found, target) - share(usual, y)) < 0.02
        assert min(model.rounds[0] for model in found.members_[name].models) > 5


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in ("mlp", "svm", "ridge positive")])
def test_a_power_of_two_changes_no_digit(name, table):
    X, y, _ = table
    small, smaller = (fitted([member(name, **rounds(name))], X, y * 2.0**-power) for power in (40, 60))
    prediction = small.predict(X) * 2.0**-20
    if name in ("ridge", "elastic_net"):
        np.testing.assert_allclose(smaller.predict(X), prediction, rtol=1e-12)
    else:
        assert np.array_equal(smaller.predict(X), prediction)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in ("mlp", "svm", "elastic_net")])
def test_an_ordinary_target_stays_as_it_is(name, table):
    X, y, _ = table
    found = fitted([member(name, **rounds(name))], X, 50 * y + 150)
    assert not any(unit for _, unit in found.members_[name.split()[0]].models[0].with_units())


# A penalty in the target's own unit, and what the library alone does with it where no tolerance shows.
IN_UNITS = {
    "xgboost gamma": {"n_rounds": 20, "gamma": 2.0},
    "xgboost alpha": {"n_rounds": 20, "reg_alpha": 5.0},
    "xgboost step": {"n_rounds": 20, "max_delta_step": 0.05},
    "xgboost huber": {"n_rounds": 20, "objective": "reg:pseudohubererror", "huber_slope": 0.3},
    "xgboost start": {"n_rounds": 5, "base_score": 0.25},
    "lightgbm gamma": {"n_rounds": 20, "min_split_gain": 2.0},
    "lightgbm alpha": {"n_rounds": 20, "reg_alpha": 5.0},
    "lightgbm step": {"n_rounds": 20, "max_delta_step": 0.05},
    "lightgbm huber": {"n_rounds": 20, "objective": "huber", "alpha": 0.3},
    "lightgbm fair": {"n_rounds": 20, "objective": "fair", "fair_c": 0.3},
    "random_forest impurity": {"n_estimators": 5, "min_impurity_decrease": 0.02},
    "random_forest pruned": {"n_estimators": 5, "ccp_alpha": 0.02},
    "random_forest absolute": {"n_estimators": 5, "ccp_alpha": 0.02, "criterion": "absolute_error"},
}
POWERS = {
    "gamma": 2,
    "alpha": 1,
    "step": 1,
    "start": 1,
    "huber": 1,
    "fair": 1,
    "impurity": 2,
    "pruned": 2,
    "absolute": 1,
}
NAMES = {
    "gamma": ("gamma", "min_split_gain"),
    "alpha": ("reg_alpha",),
    "step": ("max_delta_step",),
    "start": ("base_score",),
    "huber": ("huber_slope", "alpha"),
    "fair": ("fair_c",),
    "impurity": ("min_impurity_decrease",),
    "pruned": ("ccp_alpha",),
    "absolute": ("ccp_alpha",),
}


@pytest.mark.parametrize("case", IN_UNITS)
def test_a_parameter_in_units_of_the_target_keeps_its_meaning(case, table):
    X, y, _ = table
    name, kind = case.split()
    scale, params = 2.0**-20, IN_UNITS[case]
    usual = fitted([learner(name, **params)], X, y).predict(X)
    free = {key: value for key, value in params.items() if key not in NAMES[kind]}
    assert not np.allclose(fitted([learner(name, **free)], X, y).predict(X), usual)
    small = {key: value * scale ** POWERS[kind] if key in NAMES[kind] else value for key, value in params.items()}
    found = fitted([learner(name, **small)], X, y * scale).predict(X)
    np.testing.assert_allclose(found / scale, usual, rtol=1e-6)


LEFT_ALONE = {
    "xgboost": [{"objective": "count:poisson"}, {"objective": "reg:tweedie"}, {"eval_metric": "rmsle"}],
    "lightgbm": [{"objective": "poisson"}, {"objective": "gamma"}, {"objective": "mape"}],
    "catboost": [{"loss_function": "Poisson"}, {"loss_function": "MAPE"}, {"langevin": True}],
    "hist_gradient_boosting": [{"loss": "poisson"}, {"loss": "gamma"}],
    "random_forest": [{"criterion": "poisson"}],
}


@pytest.mark.parametrize(("name", "params"), [(name, params) for name, all_ in LEFT_ALONE.items() for params in all_])
def test_a_loss_that_needs_the_targets_zero_gets_it(name, params):
    unit = Unit.of(1e7 + np.arange(9.0))
    assert not unit.is_plain
    assert learner(name).in_unit(unit, Task("regression")) is not None
    assert learner(name, **params).in_unit(unit, Task("regression")) is None


@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "hist_gradient_boosting", "random_forest"])
def test_quantiles_and_medians_in_any_unit(name, offset, table):
    X, y, _ = table
    losses = {
        "xgboost": {"objective": "reg:quantileerror", "quantile_alpha": 0.9},
        "lightgbm": {"objective": "quantile", "alpha": 0.9},
        "hist_gradient_boosting": {"loss": "quantile", "quantile": 0.9},
        "random_forest": {"criterion": "absolute_error", "n_estimators": 10},
    }
    own = learner(name, **{**rounds(name), **losses[name]})
    scale = 1.0 if offset else 1e-9
    target = y * scale + offset
    below = np.mean(fitted([own], X, target).oof_predictions_[:, 0] >= target)
    usual = np.mean(fitted([own], X, y).oof_predictions_[:, 0] >= y)
    assert abs(below - usual) < 0.03


@pytest.mark.parametrize("name", ["random_forest", "mlp", "ridge", "elastic_net", "xgboost"])
def test_of_several_targets_each_has_a_unit_of_its_own(name, table):
    X, y, _ = table
    other = X[:, 2] + 0.2 * y
    own = member(name, **rounds(name))
    usual = share(fitted([own], X, np.column_stack([y, other])), np.column_stack([y, other]))
    for factor, offset in ((1e-7, 0.0), (1.0, 1e8)):
        both = np.column_stack([y, other * factor + offset])
        found = share(fitted([own], X, both), both)
        assert np.abs(found - usual).max() < 0.02
    assert usual.min() > 0.6


def test_the_unit_is_that_of_the_folds_training_rows(table):
    X, y, _ = table
    target = y * 1e-9
    target[np.arange(240) % 3 == 0] += 1.0
    found = EnsembleRegressor(["xgboost"], "mean", cv=[(np.flatnonzero(np.arange(240) % 3 != 0), np.arange(0, 240, 3))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.fit(X, target)
    prediction = found.oof_predictions_[::3, 0]
    assert np.abs(prediction).max() < 1e-8


@pytest.mark.parametrize("scaled", [(1e-9, 0.0), (1.0, 1e9), (1e9, 1e12)], ids=["small", "far", "large"])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost", "ridge"])
def test_explanations_add_up_in_units_of_the_target(name, scaled, table, tmp_path):
    X, y, _ = table
    scale, offset = scaled
    target = y * scale + offset
    ensemble = fitted([member(name, **rounds(name))], X, target)
    parts, usual = ensemble.explain(X), fitted([member(name, **rounds(name))], X, y).explain(X)
    assert np.abs(parts.sum(axis=1) - ensemble.predict(X)).max() < 1e-4 * target.std()
    assert np.abs(parts[:, :-1] / scale - usual[:, :-1]).max() < 0.3
    assert abs(parts[:, -1].mean() - target.mean()) < 0.2 * target.std()
    assert isinstance(ensemble.members_[name].models[0].models[0], Explains)
    ensemble.save(tmp_path / "bundle")
    assert np.array_equal(load(tmp_path / "bundle").explain(X), parts)


def test_bundles_stores_and_workers_keep_the_unit(table, tmp_path):
    from joblib import parallel_config

    X, y, _ = table
    members = [member(name, **rounds(name)) for name in ("xgboost", "random_forest")]
    target = np.column_stack([y * 1e-9, y + 1e9])
    first = fitted(members, X, target)
    first.save(tmp_path / "bundle")
    assert np.array_equal(load(tmp_path / "bundle").predict(X), first.predict(X))
    told = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert '"scale"' in json.dumps(told)
    kept = EnsembleRegressor(members, "mean", cv=3, random_state=0, n_jobs=1, store=tmp_path / "store")
    for _ in range(2):
        assert np.array_equal(kept.fit(X, target).predict(X), first.predict(X))
    with parallel_config(backend="loky", n_jobs=2):
        assert np.array_equal(
            EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(X, target).predict(X), first.predict(X)
        )


@pytest.mark.parametrize(
    "name", ["xgboost", "lightgbm", "catboost", "hist_gradient_boosting", "random_forest", "elastic_net"]
)
def test_graphs_predict_in_units_of_the_target(name, table, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    X, y, _ = table
    for target in (y * 1e-9, y + 1e9):
        ensemble = fitted([member(name, **rounds(name))], X, target)
        session = onnxruntime.InferenceSession(ensemble.to_onnx(tmp_path / "graph.onnx"))
        found = session.run(None, {"X": X})[0]
        assert np.abs(found - ensemble.predict(X)).max() < 1e-5 * target.std()


@pytest.mark.parametrize("blender", ["weighted", "greedy", "auto", "meta-linear", "vote", "best"])
def test_blends_and_intervals_do_not_depend_on_the_unit(blender, table):
    X, y, _ = table
    members = ["ridge", "knn", "svm"]

    def of(target):
        ensemble = fitted(members, X, target, blender)
        return share_of(ensemble, target), np.ptp(ensemble.predict_interval(X), axis=1).mean() / target.std()

    def share_of(ensemble, target):
        return -ensemble.score_estimate_ / target.std()

    usual = of(y)
    for target in (y * 1e-12, y * 1e12, y + 1e6):
        np.testing.assert_allclose(of(target), usual, rtol=1e-5)


def test_an_estimator_of_the_users_gets_the_target_as_it_is(table):
    X, y, _ = table
    forest = RandomForestRegressor(10, random_state=0)
    found = fitted([("forest", forest)], X, y * 1e-9).members_["forest"].models[0]
    assert not any(unit for _, unit in found.with_units())
    assert found.models[0].estimator.estimators_[0].get_depth() == 0  # scikit-learn #14838


def test_units():
    rng = np.random.default_rng(0)
    y = rng.normal(size=500)
    assert Unit.of(y).is_plain
    assert Unit.of(100 * y + 1000).is_plain
    for factor in (1e-300, 1e-12, 1e12, 1e300):
        unit = Unit.of(y * factor)
        assert 1 <= unit.into(y * factor).std() < 2
        assert np.array_equal(unit.back(unit.into(y * factor)), y * factor)
    unit = Unit.of(y + 1e9)
    assert abs(unit.into(y + 1e9).mean()) <= 1
    assert np.array_equal(unit.back(unit.into(y + 1e9)), y + 1e9)
    both = Unit.of(np.column_stack([y * 1e-3, y + 1e9]))
    np.testing.assert_allclose(both.into(np.column_stack([y * 1e-3, y + 1e9])).std(axis=0), 1.0)
    for value in (0.0, 0.1, -3e20, 1e-30):
        unit = Unit.of(np.full(7, value), rng.uniform(size=7))
        assert np.array_equal(unit.back(unit.into(np.full(7, value))), np.full(7, value))
    assert Unit.of(np.zeros(3)).is_plain
    weighted = Unit.of(np.r_[y * 1e-6, 5.0], np.r_[np.ones(500), 0.0])
    assert np.array_equal(weighted.scale, Unit.of(y * 1e-6).scale)
    assert Unit.restore(json.loads(json.dumps(both.state()))).state() == both.state()


@pytest.mark.parametrize("loss", ["Huber:delta=0.7", "Lq:q=1.5"])
def test_losses_of_catboost_with_a_slope_keep_the_share_explained(loss, rng):
    X = rng.normal(size=(240, 3))
    y = X @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=240)
    shares = []
    for scale, offset in ((1.0, 0.0), (1e-4, 0.0), (1e-9, 0.0), (1.0, 1000.0)):
        own = loss.replace("0.7", repr(0.7 * scale))
        made = EnsembleRegressor([learner("catboost", loss_function=own, iterations=60)], "mean", cv=3, random_state=0)
        target = y * scale + offset
        shares.append(1 - np.mean((made.fit(X, target).predict(X) - target) ** 2) / np.var(target))
    assert min(shares) > 0.7
