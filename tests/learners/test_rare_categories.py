"""Columns with many categories, of few rows each: codes for XGBoost, mean targets and codes for LightGBM."""

import json

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner, load
from byoe.contracts._task import Task
from byoe.data._encoder import Encoder, fit_encoder, needs_encoding
from byoe.data._input import learn_table
from byoe.plugins import Learner

ROUNDS = {"n_rounds": 40, "learning_rate": 0.2}
TRAIN = np.arange(600)


def table(levels, n=600, seed=0):
    """Rows of a number and a category, of which each has an effect of its own."""
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(levels), rng.integers(0, levels, n - levels)]
    x = rng.normal(size=n)
    effects = rng.normal(size=levels) * 3
    X = pd.DataFrame({"x": x, "shop": pd.Series([f"s{code:03d}" for code in codes], dtype=object)})
    return X, effects[codes] + x + 0.1 * rng.normal(size=n)


def fitted(one, X, y, kind=EnsembleRegressor):
    return kind([one], "mean", cv=3, finalize="bag", early_stopping=False, random_state=0, n_jobs=1).fit(X, y)


def model(ensemble):
    return next(iter(ensemble.members_.values())).models[0]


def sizes_of_splits(booster):
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    return [size for tree in trees for size in tree["categories_sizes"]]


# -- who gets what -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "n_rows", "codes", "means"),
    [
        (6, 600, True, False),  # 100 rows each
        (6, 599, False, True),  # as columns of 0 and 1, since they are few
        (16, 1_599, False, True),
        (17, 600, True, True),
        (300, 600, True, True),  # two rows each
        (301, 600, False, True),
        (300, 30_000, True, False),
    ],
)
def test_who_takes_codes_and_who_means(levels, n_rows, codes, means):
    boosters = [learner("xgboost"), learner("lightgbm")]
    assert not learner("xgboost", multi_strategy="multi_output_tree").takes_category(levels, n_rows)
    assert learner("lightgbm", device_type="gpu").takes_category(levels, n_rows) is (codes and levels < 256)
    assert [one.takes_category(levels, n_rows) for one in boosters] == [codes, codes]
    assert not boosters[0].takes_means(levels, n_rows)  # XGBoost has one or the other
    assert boosters[1].takes_means(levels, n_rows) is means


@pytest.mark.parametrize(("levels", "places"), [(5, [0, *[1] * 5]), (30, [0, 1, 1]), (400, [0, 1])])
def test_lightgbm_gets_the_mean_and_then_the_code(levels, places):
    X, y = table(levels, n=450)
    made = model(fitted(learner("lightgbm", **ROUNDS), X, y))
    assert made.encoder.sources.tolist() == places
    assert made.encoder.codes({1: levels}) == ({2: levels} if levels == 30 else {})


def test_the_code_is_that_of_the_table_and_the_mean_is_of_other_rows():
    X, y = table(30)
    features = learn_table(X)[1]
    halves = [(TRAIN[::2], TRAIN[1::2]), (TRAIN[1::2], TRAIN[::2])]
    one = learner("lightgbm")
    assert needs_encoding(one, features)
    given = {"task": Task("regression"), "sample_weight": None, "table": features, "folds": lambda: halves}
    encoder, encoded = fit_encoder(one, features.values, y, **given)
    assert np.array_equal(encoded[:, [0, 2]], features.values)
    row = 7
    changed = y.copy()
    changed[row] += 50.0
    _, others = fit_encoder(one, features.values, changed, **given)
    assert others[row, 1] == encoded[row, 1]
    assert not np.array_equal(others[:, 1], encoded[:, 1])
    again = Encoder.restore(json.loads(json.dumps(encoder.state())))
    assert np.array_equal(again.transform(features.values), encoder.transform(features.values))


def test_an_encoder_of_before_has_no_codes():
    encoder = model(fitted(learner("lightgbm", **ROUNDS), *table(400, n=450))).encoder
    state = encoder.state()
    assert state.pop("coded") == []
    assert Encoder.restore(state).sources.tolist() == [0, 1]


def test_of_classes_each_has_a_mean_before_the_code():
    X, y = table(30)
    labels = np.digitize(y, [-2.0, 2.0])
    made = model(fitted(learner("lightgbm", **ROUNDS), X, labels, EnsembleClassifier))
    assert made.encoder.sources.tolist() == [0, 1, 1, 1, 1]
    assert made.encoder.codes({1: 30}) == {4: 30}


class Both(Learner):
    """A learner that wants means and codes, and no missing cells."""

    name = "both"
    categorical = True

    def takes_means(self, levels, n_rows):
        return levels > 16


class Neither(Learner):
    """One that takes no categories."""

    name = "neither"


@pytest.mark.parametrize(
    ("one", "levels", "n_columns", "coded"), [(Both(), 20, 3, {1}), (Both(), 8, 2, set()), (Neither(), 20, 2, set())]
)
def test_of_other_learners_too(one, levels, n_columns, coded):
    X, y = table(levels)
    X.loc[::7, "shop"] = None
    features = learn_table(X)[1]
    given = {"task": Task("regression"), "sample_weight": None, "table": features, "folds": list}
    encoder, encoded = fit_encoder(one, features.values, y, **given)
    assert encoded.shape == (600, n_columns)
    assert encoder.coded == coded
    assert not np.isnan(encoded).any()
    assert encoder.codes({1: levels}) == ({} if isinstance(one, Neither) else {n_columns - 1: levels})


# -- how XGBoost splits on them ----------------------------------------------------------


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize(
    ("levels", "given", "single"),
    [(40, {}, True), (6, {}, False), (40, {"max_cat_to_onehot": 4}, False), (40, {"max_cat_threshold": 8}, False)],
)
def test_trees_split_on_one_of_many_categories_at_a_time(levels, given, single, prepared):
    X, y = table(levels)
    codes = np.column_stack([X["x"], X["shop"].str[1:].astype(float)])
    one = learner("xgboost", **ROUNDS, **given)
    asked = {"task": Task("regression"), "sample_weight": None, "seed": 0, "threads": 1}
    if prepared:
        booster = one.fit_rows(one.prepare(codes, y, categorical={1: levels}, **asked), TRAIN, y, **asked).booster
    else:
        booster = one.fit(codes, y, categorical={1: levels}, **asked).booster
    sizes = sizes_of_splits(booster)
    assert sizes
    assert (max(sizes) == 1) is single
    assert (booster.attr("byoe_stand_ins") is None) is single


def test_a_shop_that_was_not_met_goes_with_the_rest():
    """It has the slope of no other: that of all is none."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 40, 2_000)
    slopes = np.where(np.arange(40) % 2, -3.0, 3.0)
    X = pd.DataFrame({"x": rng.normal(size=2_000), "shop": [f"s{code:02d}" for code in codes]})
    y = slopes[codes] * X["x"] + 0.1 * rng.normal(size=2_000)
    made = EnsembleRegressor(["xgboost"], "mean", cv=3, random_state=0, n_jobs=1).fit(X, y)
    x = np.linspace(-1, 1, 21)
    known = made.predict(pd.DataFrame({"x": x, "shop": "s00"}))
    for shop in ("new", None):
        new = made.predict(pd.DataFrame({"x": x, "shop": pd.Series([shop] * 21, dtype=object)}))
        assert abs(new).mean() < 0.5 * abs(known).mean()


def test_a_name_that_matters_is_found_by_its_code():
    """Of a shop whose slope alone is its own the mean target says nothing."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 25, 2_000)
    slopes = rng.choice([-3.0, 3.0], 25)
    X = pd.DataFrame({"x": rng.normal(size=2_000), "shop": [f"s{code}" for code in codes]})
    y = slopes[codes] * X["x"] + 0.1 * rng.normal(size=2_000)
    errors = {}
    for name in ("xgboost", "lightgbm"):
        made = EnsembleRegressor([learner(name)], "mean", cv=3, random_state=0, n_jobs=1).fit(X, y)
        errors[name] = np.sqrt(np.mean((made.oof_predictions_[:, 0] - y) ** 2))
    assert max(errors.values()) < 1.5, errors  # by means alone 2.98, where the deviation of the target is 3.00


@pytest.mark.parametrize(
    "given",
    [{"booster": "gblinear"}, {"tree_method": "exact"}, {"updater": "grow_colmaker,prune", "tree_method": "auto"}],
)
@pytest.mark.parametrize("levels", [4, 40])
def test_what_cannot_split_on_categories_gets_numbers(levels, given):
    """XGBoost refuses categories there."""
    X, y = table(levels)
    made = fitted(learner("xgboost", n_rounds=40, **given), X, y)
    assert model(made).encoder is not None
    assert np.corrcoef(made.oof_predictions_[:, 0], y)[0, 1] > 0.8


def test_parameters_of_categories_reach_lightgbm():
    given = {
        "cat_l2": 3.0,
        "cat_smooth": 2.0,
        "max_cat_threshold": 5,
        "max_cat_to_onehot": 2,
        "min_data_per_group": 7,
    }
    booster = model(fitted(learner("lightgbm", **ROUNDS, **given), *table(6))).models[0].booster
    text = booster.model_to_string()
    assert all(f"[{name}: {value:g}]" in text for name, value in given.items())


# -- all the way -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_saved_explained_and_in_a_graph_alike(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = table(40)
    made = fitted(learner(name, **ROUNDS), X, y)
    new = pd.concat([X[:20], X[20:23].assign(shop="new"), X[23:26].assign(shop=None)], ignore_index=True)
    expected = made.predict(new)
    assert np.array_equal(load(made.save(tmp_path / "bundle")).predict(new), expected)
    told = np.asarray(made.explain(new))
    assert told.shape == (26, 3)  # the two columns and the base value
    np.testing.assert_allclose(told.sum(axis=1), expected, rtol=1e-4, atol=1e-4)
    session = onnxruntime.InferenceSession(made.to_onnx(tmp_path / "graph.onnx").read_bytes())
    names = sorted(X["shop"].unique())
    codes = [np.nan if shop is None else names.index(shop) if shop in names else 40.0 for shop in new["shop"]]
    found = session.run(None, {"X": np.column_stack([new["x"], codes]).astype(float)})[0]
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-5, atol=1e-5)
