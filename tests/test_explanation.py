"""What an explanation knows of itself, and which columns matter."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.metrics import mean_absolute_error

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import InputError, ParameterError, UnknownNameError
from byoe.fitted._explanation import Explanation


@pytest.fixture(scope="module")
def houses():
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame(
        {
            "area": rng.normal(100, 20, n),
            "rooms": rng.integers(1, 6, n),
            "town": rng.choice(["Bonn", "Köln", "Ulm"], n),
        },
        index=[f"house {i}" for i in range(n)],
    )
    y = 2 * X["area"] + 10 * X["rooms"] + 60 * (X["town"] == "Ulm") + rng.normal(size=n)
    return X, y.rename("price")


@pytest.fixture(scope="module")
def ensemble(houses):
    return EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=3, random_state=0, n_jobs=1).fit(*houses)


@pytest.fixture(scope="module")
def explanation(ensemble, houses):
    return ensemble.explain(houses[0])


def test_it_is_an_array_that_knows_its_names(ensemble, explanation, houses):
    X, _ = houses
    assert isinstance(explanation, np.ndarray)
    assert explanation.shape == (120, 4)
    assert explanation.columns == ("area", "rooms", "town")
    assert explanation.unit == "price"
    assert explanation.methods == {"ridge": "exact", "elastic_net": "exact"}
    assert explanation.values.shape == (120, 3)
    np.testing.assert_allclose(explanation.base_values + explanation.values.sum(axis=1), ensemble.predict(X))
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(X))


def test_rows_keep_their_names_and_whatever_is_computed_is_a_plain_array(explanation):
    for part in (explanation[2:5], explanation[[2, 3, 4]], explanation[np.arange(120) < 3]):
        assert isinstance(part, Explanation)
        assert len(part.about.table) == 3
    assert list(explanation[2:5].to_frame().index) == ["house 2", "house 3", "house 4"]
    np.testing.assert_array_equal(explanation[2:5].about.table.values, explanation.about.table.values[2:5])
    for plain in (
        explanation[0],
        explanation[:, 0],
        explanation[:, :-1],
        explanation * 2,
        np.abs(explanation),
        explanation.sum(axis=1),
        explanation.mean(axis=0),
        explanation + explanation,
    ):
        assert not isinstance(plain, Explanation) or plain._about is None
    with pytest.raises(AttributeError, match="a part of an explanation"):
        _ = explanation.T.columns
    assert isinstance(explanation.max(), float)


def test_copies_and_pickles_are_whole(explanation):
    for twin in (explanation.copy(), pickle.loads(pickle.dumps(explanation))):
        np.testing.assert_array_equal(twin, explanation)
        assert twin.columns == explanation.columns
        assert twin.to_frame().equals(explanation.to_frame())


def test_a_frame_has_the_names_and_the_index(explanation, houses):
    frame = explanation.to_frame()
    assert list(frame.columns) == ["area", "rooms", "town", "base value"]
    assert list(frame.index) == list(houses[0].index)
    np.testing.assert_array_equal(frame.to_numpy(), explanation)


def test_importances_are_mean_absolute_contributions_with_their_error(explanation):
    board = explanation.importances()
    sizes = np.abs(explanation.values)
    assert {row["column"] for row in board} == set(explanation.columns)
    for row in board:
        own = sizes[:, explanation.columns.index(row["column"])]
        assert row["mean_absolute"] == pytest.approx(own.mean())
        assert row["std_error"] == pytest.approx(own.std(ddof=1) / np.sqrt(120))
    assert sum(row["share"] for row in board) == pytest.approx(1)
    assert board["area"]["mean_absolute"] == board[0]["mean_absolute"]
    assert "contributions to price" in repr(board)
    assert repr(explanation).startswith("contributions to price: 120 rows by 3 columns and the base value\ncolumn")
    assert "<table>" in explanation._repr_html_()
    one = explanation[:1].importances()
    assert one[0]["std_error"] is None


def test_of_several_targets_one_is_taken(houses):
    X, y = houses
    both = EnsembleRegressor(("ridge",), cv=3, random_state=0).fit(X, np.column_stack([y, -y]))
    explanation = both.explain(X)
    assert explanation.outputs == (0, 1)
    assert repr(explanation) == "contributions to target: 120 rows by 3 columns and the base value, by 2 outputs"
    np.testing.assert_allclose(explanation.of(1).values, -explanation.of(0).values, atol=1e-9)
    frame = explanation.to_frame()
    assert frame.index.names == ["row", "output"]
    np.testing.assert_allclose(frame.loc[("house 3", 1)], np.asarray(explanation)[3, 1])
    with pytest.raises(ParameterError, match=r"take one of the outputs first: explanation.of\(0\)"):
        explanation.importances()
    with pytest.raises(UnknownNameError, match="no output is 'sum'"):
        explanation.of("sum")
    with pytest.raises(ParameterError, match="nothing to choose"):
        explanation.of(0).of(0)


def test_the_shap_library_takes_it(explanation):
    shap = explanation.to_shap()
    np.testing.assert_array_equal(shap.values, explanation.values)
    np.testing.assert_array_equal(shap.base_values, explanation.base_values)
    assert shap.feature_names == ["area", "rooms", "town"]


def test_margins_have_names_too(houses):
    X, y = houses
    classifier = EnsembleClassifier(("ridge",), cv=3, random_state=0).fit(X, np.where(y > 250, "dear", "cheap"))
    margins = classifier.explain(X, output="margin")["ridge"]
    assert margins.unit == "log-odds of dear, ridge"
    assert margins.columns == ("area", "rooms", "town")


# -- importances by shuffling ----------------------------------------------------------


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_they_are_scikit_learns(container, ensemble, houses):
    X, y = houses
    rows = X if container == "pandas" else pl.from_pandas(X.reset_index(drop=True))
    board = ensemble.importances(rows, y, n_repeats=3)
    expected = permutation_importance(
        ensemble, X, y, scoring="neg_root_mean_squared_error", n_repeats=3, random_state=0
    )
    for place, name in enumerate(X.columns):
        assert board[name]["importance"] == pytest.approx(expected.importances_mean[place])
        assert board[name]["std"] == pytest.approx(expected.importances_std[place])
    assert [row["importance"] for row in board] == sorted((row["importance"] for row in board), reverse=True)
    assert "how much worse rmse gets" in repr(board)


def test_they_are_of_the_metric_with_weights(houses):
    X, y = houses
    weight = np.linspace(0, 1, 120)
    ensemble = EnsembleRegressor(("ridge",), cv=3, metric="mae", random_state=0).fit(X, y)
    board = ensemble.importances(X, y, sample_weight=weight)
    shuffled = X.assign(area=X["area"].sample(frac=1, random_state=1).to_numpy())
    base = mean_absolute_error(y, ensemble.predict(X), sample_weight=weight)
    rough = mean_absolute_error(y, ensemble.predict(shuffled), sample_weight=weight) - base
    assert board["area"]["importance"] == pytest.approx(rough, rel=0.2)


@pytest.mark.parametrize("metric", ["auto", "accuracy", "roc_auc"])
def test_they_are_there_for_classes(metric, houses):
    X, y = houses
    labels = np.where(y > 250, "dear", "cheap")
    ensemble = EnsembleClassifier(("ridge", "knn"), cv=3, metric=metric, random_state=0).fit(X, labels)
    board = ensemble.importances(X, labels)
    assert board[0]["column"] == "area"
    assert board[0]["importance"] > 0
    with pytest.raises(InputError, match="y holds"):
        ensemble.importances(X, np.where(y > 250, "dear", "free"))


@pytest.mark.parametrize("wrong", [0, 2.5, True])
def test_a_wrong_number_of_repeats_is_named(wrong, ensemble, houses):
    with pytest.raises(ParameterError, match="n_repeats is"):
        ensemble.importances(*houses, n_repeats=wrong)


# -- partial dependence ----------------------------------------------------------------


def test_scikit_learns_display_takes_an_ensemble(ensemble, houses):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, _ = houses
    display = PartialDependenceDisplay.from_estimator(ensemble, X, ["area", "town"], categorical_features=["town"])
    (average,) = display.pd_results[0]["average"]
    grid = display.pd_results[0]["grid_values"][0]
    expected = [ensemble.predict(X.assign(area=value)).mean() for value in grid]
    np.testing.assert_allclose(average, expected)
    plt.close("all")
