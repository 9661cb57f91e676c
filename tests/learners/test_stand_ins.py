"""Categories that a booster of XGBoost has not met are predicted as the most usual one that it has."""

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner, load
from byoe.contracts._learner import StopRows
from byoe.contracts._task import Task
from byoe.learners._stand_ins import StandIns

EFFECTS = np.array([5.0, -5.0, 0.1, 3.0, -3.0, 1.5, -1.6])
BOOSTER = learner("xgboost", n_rounds=60, learning_rate=0.2)
REGRESSION = Task("regression")


def table(names, rng):
    """Rows of named categories, of which each has an effect of its own."""
    x = rng.normal(size=(len(names), 2))
    y = EFFECTS[[ord(name) - 97 for name in names]] + x[:, 0] + 0.1 * rng.normal(size=len(names))
    return pd.DataFrame({"x": x[:, 0], "kind": names, "z": x[:, 1]}), y


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return table(rng.choice(list("abcdefg"), 900), rng)


@pytest.fixture(scope="module")
def fitted(rows):
    return EnsembleRegressor([BOOSTER], "mean", cv=3, finalize="bag", random_state=0, n_jobs=1).fit(*rows)


def as_kind(X, kind):
    return X.assign(kind=pd.Series([kind] * len(X), index=X.index, dtype=object))


@pytest.mark.parametrize("kind", ["new", None])
def test_what_was_not_met_is_predicted_as_the_category_nearest_to_all(rows, fitted, kind):
    X, _ = rows
    assert abs(EFFECTS.mean() - EFFECTS[2]) < 0.2  # of "c"
    assert np.array_equal(fitted.predict(as_kind(X, kind)), fitted.predict(as_kind(X, "c")))
    assert not np.array_equal(fitted.predict(as_kind(X, kind)), fitted.predict(as_kind(X, "a")))
    # Unreplaced it would go the same way at every split, which ends at one of the extremes.
    booster = fitted.members_["xgboost"].models[0].models[0].booster
    codes = np.column_stack([X["x"], np.full(len(X), 7.0), X["z"]])
    assert abs(booster.inplace_predict(codes, validate_features=False) - X["x"]).mean() > 2.0
    assert abs(fitted.predict(as_kind(X, kind)) - X["x"]).mean() < 0.5


def test_what_was_met_stays(rows, fitted):
    X, _ = rows
    codes = np.column_stack([X["x"], X["kind"].map(lambda name: ord(name) - 97), X["z"]]).astype(float)
    by_hand = [
        model.models[0].booster.inplace_predict(codes, validate_features=False)
        for model in fitted.members_["xgboost"].models
    ]
    np.testing.assert_allclose(fitted.predict(X), np.mean(by_hand, axis=0), rtol=1e-6)


def test_missing_cells_stay_where_training_rows_had_some(rows):
    X, y = rows
    holes = X.assign(kind=X["kind"].where(np.arange(len(X)) % 9 > 0, None))
    ensemble = EnsembleRegressor([BOOSTER], "mean", cv=3, random_state=0, n_jobs=1).fit(holes, y)
    missing, new, usual = (ensemble.predict(as_kind(X, kind)) for kind in (None, "new", "c"))
    assert np.array_equal(new, usual)
    assert not np.array_equal(missing, usual)


def test_a_category_that_a_fold_lacks_is_one_there(rows):
    X, y = rows
    first = (X["kind"] == "a").to_numpy()
    fold = (np.flatnonzero(~first), np.flatnonzero(first))
    ensemble = EnsembleRegressor([BOOSTER], "mean", cv=[fold], random_state=0, n_jobs=1)
    predicted = ensemble.fit(X, y).oof_predictions_[first, 0]
    known = np.delete(EFFECTS, 0)
    nearest = known[np.abs(known - known.mean()).argmin()]
    assert (predicted - X["x"][first]).mean() == pytest.approx(nearest, abs=0.3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_saved_explained_and_in_a_graph_alike(rows, n_classes, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = rows
    labels = np.digitize(y, [0.0] if n_classes == 2 else [-2.0, 2.0])
    ensemble = EnsembleClassifier([BOOSTER], "mean", cv=3, random_state=0, n_jobs=1).fit(X, labels)
    new = pd.concat([as_kind(X[:5], "new"), as_kind(X[5:9], None), X[9:20]], ignore_index=True)
    expected = ensemble.predict_proba(new)
    loaded = load(ensemble.save(tmp_path / "bundle"))
    assert np.array_equal(loaded.predict_proba(new), expected)
    session = onnxruntime.InferenceSession(ensemble.to_onnx(tmp_path / "graph.onnx").read_bytes())
    codes = new["kind"].map(lambda name: np.nan if name is None else 7.0 if name == "new" else ord(name) - 97)
    found = session.run(["probabilities"], {"X": np.column_stack([new["x"], codes, new["z"]]).astype(float)})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_contributions_are_those_of_the_stand_in(rows, fitted):
    X, _ = rows
    assert np.array_equal(fitted.explain(as_kind(X[:20], "new")).values, fitted.explain(as_kind(X[:20], "c")).values)


# -- the stand-ins themselves ------------------------------------------------------------


def test_rare_categories_stand_for_none():
    codes = np.array([0.0] * 20 + [1.0] * 20 + [2.0])
    y = np.array([1.0] * 20 + [4.0] * 20 + [2.4])
    assert StandIns.of(codes[:, None], y, [0], REGRESSION).instead.tolist() == [0.0]


def test_rows_count_by_their_weights():
    codes, y = np.array([0.0, 1.0, 2.0])[:, None], np.array([0.0, 5.0, 9.0])
    weight = np.array([8.0, 5.0, 5.0])
    times = weight.astype(int)
    weighted = StandIns.of(codes, y, [0], REGRESSION, weight)
    repeated = StandIns.of(np.repeat(codes, times, axis=0), np.repeat(y, times), [0], REGRESSION)
    assert weighted.state() == repeated.state()
    assert StandIns.of(codes, y, [0], REGRESSION, np.array([50.0, 1.0, 1.0])).instead.tolist() == [0.0]


@pytest.mark.parametrize("prepared", [False, True])
def test_rows_to_stop_on_are_met_as_they_are_predicted(rows, prepared):
    X, y = rows
    codes = np.column_stack([X["x"], X["kind"].map(lambda name: ord(name) - 97), X["z"]]).astype(float)
    lacking = codes[:, 1] == 0.0
    train, held = np.flatnonzero(~lacking), np.flatnonzero(lacking)
    one, given = learner("xgboost"), {"task": REGRESSION, "sample_weight": None, "seed": 0, "threads": 1}
    models = []
    usual = codes.copy()
    usual[held, 1] = StandIns.of(codes[train], y[train], [1], REGRESSION).instead[0]
    for table in (codes, usual):  # the second has the stand-ins already
        if prepared:
            made = one.prepare(table, y, categorical={1: 7}, **given)
            stop = StopRows(held, y[held], None, 20)
            models.append(one.fit_rows(made, train, y[train], stop=stop, **given))
        else:
            stop = StopRows(table[held], y[held], None, 20)
            models.append(one.fit(table[train], y[train], categorical={1: 7}, stop=stop, **given))
    assert models[0].rounds == models[1].rounds
    assert np.array_equal(models[0].predict(codes), models[1].predict(codes))


def test_of_classes_the_shares_are_compared():
    codes = np.repeat([0.0, 1.0, 2.0], 6)
    y = np.array([0] * 6 + [0, 1, 2] * 2 + [2] * 6)
    assert StandIns.of(codes[:, None], y, [0], Task("classification", 3)).instead.tolist() == [1.0]


def test_state_and_back():
    X = np.array([[0.0, 5.0, 2.0], [np.nan, 5.0, 0.0], [3.0, 5.0, 2.0], [3.0, 5.0, 2.0]])
    one = StandIns.of(X, np.arange(4.0), [0, 2], REGRESSION)
    same = StandIns.restore(one.state())
    probe = np.array([[1.0, 9.0, 1.0], [np.nan, 9.0, np.nan], [8.0, 9.0, 8.0], [0.0, 9.0, 0.0]])
    before = probe.copy()
    assert np.array_equal(one.applied(probe), same.applied(probe), equal_nan=True)
    assert np.array_equal(probe, before, equal_nan=True)
    assert one.applied(X) is X
    assert np.isnan(one.applied(probe)[1, 0])
    assert one.applied(probe)[1, 2] in (0.0, 2.0)
    assert (one.applied(probe)[:, 1] == 9.0).all()


def test_a_column_without_a_value_has_none():
    X = np.full((4, 1), np.nan)
    assert StandIns.of(X, np.arange(4.0), [0], REGRESSION) is None
