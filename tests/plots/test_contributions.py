"""The pictures of contributions show what ``explain`` tells."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from byoe import EnsembleRegressor, learner, plots
from byoe.errors import ParameterError


@pytest.fixture(scope="module")
def linear(X, y):
    return EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=4, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def mixed(X, y):
    """A table with a category, a date and holes, and an ensemble of it."""
    table = X.assign(
        kind=np.where(np.arange(len(X)) % 3 == 0, "x", "y"),
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(X)), unit="D"),
    )
    table.loc[::7, "b"] = np.nan
    trees = learner("lightgbm", n_rounds=20, min_child_samples=5)
    made = EnsembleRegressor((trees,), "mean", cv=4, random_state=0)
    return made.fit(table, y + 3 * (table["kind"] == "x") + np.arange(len(X)) / 20), table


def rows(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


def test_bars(linear, X):
    values = linear.explain(X)[:, :-1]
    order = np.argsort(-np.abs(values).mean(axis=0))
    ax = plots.contributions(linear, X)
    assert rows(ax) == [X.columns[column] for column in order]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.abs(values).mean(axis=0)[order])
    assert ax.get_xlabel() == "mean absolute contribution to\ncost_$"


def test_the_other_columns_are_one(linear, X):
    values = linear.explain(X)[:, :-1]
    order = np.argsort(-np.abs(values).mean(axis=0))
    ax = plots.contributions(linear, X, most=2)
    assert rows(ax) == [*X.columns[order[:2]], "2 other columns"]
    assert ax.patches[2].get_width() == pytest.approx(np.abs(values[:, order[2:]].sum(axis=1)).mean())
    assert len(rows(plots.contributions(linear, X, most=3))) == 4  # one column is no others


def test_a_beeswarm_has_a_dot_for_every_row_and_column(linear, X):
    values = linear.explain(X)[:, :-1]
    ax = plots.contributions(linear, X, "beeswarm")
    for place, name in enumerate(rows(ax)):
        drawn = [np.asarray(swarm.get_offsets()) for swarm in ax.collections]
        swarm = [dots for dots in drawn if len(dots) and abs(np.round(dots[:, 1].mean()) - place) < 0.5]
        dots = np.concatenate(swarm)
        np.testing.assert_allclose(np.sort(dots[:, 0]), np.sort(values[:, list(X.columns).index(name)]))
        assert (abs(dots[:, 1] - place) <= 0.41).all()
    colours = ax.collections[1].get_array()
    column = X[rows(ax)[0]]
    assert colours[column.argmax()] == 1
    assert colours[column.argmin()] == 0


def test_a_waterfall_leads_from_the_base_to_the_prediction(linear, X):
    values = linear.explain(X)[3]
    ax = plots.contributions(linear, X, "waterfall", row=3)
    assert ax.patches[0].get_x() == pytest.approx(values[-1])
    last = ax.patches[-1]
    assert last.get_x() + last.get_width() == pytest.approx(linear.predict(X[3:4])[0])
    order = np.argsort(-np.abs(values[:-1]))
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], values[:-1][order])
    assert rows(ax) == [f"{X.columns[column]} = {X.iloc[3, column]:.4g}" for column in order]
    assert rows(plots.contributions(linear, X, "waterfall", row=-1)) == rows(
        plots.contributions(linear, X, "waterfall", row=len(X) - 1)
    )


def test_cells_of_every_kind(mixed):
    ensemble, table = mixed
    cells = dict(line.split(" = ") for line in rows(plots.contributions(ensemble, table, "waterfall", row=7)))
    assert cells["kind"] == "y"
    assert cells["day"] == "2024-01-08"
    assert cells["b"] == "missing"
    unknown = table.assign(kind="z")
    cells = dict(line.split(" = ") for line in rows(plots.contributions(ensemble, unknown, "waterfall")))
    assert cells["kind"] == "unknown"


def test_categories_and_holes_have_no_colour(mixed):
    ensemble, table = mixed
    ax = plots.contributions(ensemble, table, "beeswarm")
    coloured = {len(swarm.get_offsets()) for swarm in ax.collections if swarm.get_array() is not None}
    assert coloured == {len(table), int(table["b"].notna().sum())}


def test_the_margin_of_a_member(binary, classes, X):
    ax = plots.contributions(binary, X, member="ridge")
    values = binary.explain(X, output="margin")["ridge"][:, :-1]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.sort(np.abs(values).mean(axis=0))[::-1])
    assert ax.get_xlabel() == "mean absolute contribution to\nlog-odds of yes, ridge"
    ridge = classes.drop_members("knn")
    ax = plots.contributions(ridge, X, member="ridge", output="middle")
    values = ridge.explain(X, output="margin")["ridge"][:, 2, :-1]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.sort(np.abs(values).mean(axis=0))[::-1])


def test_one_of_several_targets(targets, X):
    ax = plots.contributions(targets, X, output=1)
    values = targets.explain(X)[:, 1, :-1]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.sort(np.abs(values).mean(axis=0))[::-1])


@pytest.mark.parametrize("kind", ["bar", "beeswarm", "waterfall"])
def test_arrays_and_sparse_matrices(kind, X, y):
    sparse = csr_matrix(np.where(X > 0, X, 0.0))
    made = EnsembleRegressor(("ridge",), "mean", cv=4, random_state=0).fit(sparse, y)
    assert all(name.startswith("column ") for name in rows(plots.contributions(made, sparse, kind)))


def test_the_probability_of_a_blend(classes, X):
    explanation = classes.explain(X[:20])
    for ax in (plots.contributions(classes, X[:20], output="low"), plots.contributions(explanation, output="low")):
        sizes = np.abs(explanation.of("low").values).mean(axis=0)
        np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.sort(sizes)[::-1])
        assert ax.get_xlabel() == "mean absolute contribution to\nprobability of low"


def test_an_explanation_of_some_rows_is_drawn(linear, X):
    explanation = linear.explain(X)
    ax = plots.contributions(explanation[3:8], kind="waterfall", row=0)
    assert rows(ax) == rows(plots.contributions(linear, X, "waterfall", row=3))


def test_importances_have_their_spread(linear, X, y):
    board = linear.importances(X, y)
    ax = plots.importances(board, most=2)
    assert [bar.get_width() for bar in ax.patches] == [row["importance"] for row in board[:2]]
    assert ax.get_xlabel() == "how much worse rmse gets\nwhere the cells of the column are shuffled"
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose([np.diff(part[:, 0])[0] / 2 for part in segments], [row["std"] for row in board[:2]])


def test_partial_dependence_is_the_mean_prediction_where_all_rows_have_a_value(regression, X):
    ax = plots.partial_dependence(regression, X, "a")
    (line,) = [line for line in ax.lines if len(line.get_xdata()) > 2]
    place = 25
    expected = regression.predict(X.assign(a=line.get_xdata()[place])).mean()
    assert line.get_ydata()[place] == pytest.approx(expected)


def test_partial_dependence_takes_whole_numbers_and_categories(y):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"rooms": rng.integers(1, 9, len(y)), "town": rng.choice(["Bonn", "Ulm"], len(y))})
    made = EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(table, y)
    assert plots.partial_dependence(made, table, "rooms").get_xlabel() == "rooms"
    ax = plots.partial_dependence(made, table, "town")
    heights = [bar.get_height() for bar in ax.patches]
    expected = [made.predict(table.assign(town=town)).mean() for town in ("Bonn", "Ulm")]
    np.testing.assert_allclose(heights, expected)
    for other in (pl.from_pandas(table), table.to_dict("list")):
        drawn = [bar.get_height() for bar in plots.partial_dependence(made, other, "town").patches]
        np.testing.assert_allclose(drawn, expected)
    with pytest.raises(
        ParameterError, match="csr_matrix, and scikit-learn's partial dependence takes frames and arrays"
    ):
        sparse = EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(csr_matrix(table[["rooms"]]), y)
        plots.partial_dependence(sparse, csr_matrix(table[["rooms"]]), 0)


@pytest.mark.parametrize("form", ["dates", "texts"])
def test_partial_dependence_along_dates(y, form):
    days = pd.Series(pd.date_range("2024-01-01", periods=len(y)), name="day $_$")
    table = pd.DataFrame({"day $_$": days if form == "dates" else days.dt.strftime("%Y-%m-%dT%H:%M:%S")})
    made = EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(table, y + np.arange(len(y)))
    ax = plots.partial_dependence(made, table, "day $_$")
    (line,) = [line for line in ax.lines if len(line.get_xdata()) > 2]
    day = pd.Timestamp("1970-01-01") + pd.Timedelta(days=float(line.get_xdata()[7]))
    everywhere = pd.DataFrame({"day $_$": [day] * len(y)})
    expected = made.predict(
        everywhere if form == "dates" else table.assign(**{"day $_$": day.strftime("%Y-%m-%dT%H:%M:%S")})
    ).mean()
    assert line.get_ydata()[7] == pytest.approx(expected, rel=1e-3)
    ax.figure.canvas.draw()
    assert "2024" in ax.xaxis.get_major_formatter().get_offset() + "".join(
        tick.get_text() for tick in ax.get_xticklabels()
    )
