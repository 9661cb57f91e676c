"""Columns of every kind become numbers, and come back as what they were."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.data._cells import category_key, is_missing
from byoe.data._input import learn_table, read_table
from byoe.errors import InputError, ParameterError

CONTAINERS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.table,
}
CELLS = {
    "size": [1.5, None, 3.0, 4.0],
    "town": ["Oslo", "Bonn", None, "Oslo"],
    "old": [True, False, True, True],
    "when": [dt.datetime(1970, 1, 2), None, dt.datetime(1970, 1, 1, 12), dt.datetime(2000, 1, 1)],
    "count": [1, 2, 3, None],
    "empty": [None, None, None, None],
}
EXPECTED = [
    [1.5, 1.0, 1.0, 1.0, 1.0, np.nan],
    [np.nan, 0.0, 0.0, np.nan, 2.0, np.nan],
    [3.0, np.nan, 1.0, 0.5, 3.0, np.nan],
    [4.0, 1.0, 1.0, 10957.0, np.nan, np.nan],
]


def read(X, categorical="auto"):
    form, table = learn_table(X, categorical)
    return table, form


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_kind_of_column_in_every_container(container):
    table, form = read(CONTAINERS[container](CELLS))
    np.testing.assert_array_equal(table.values, EXPECTED)
    assert [column.kind for column in table.columns][:5] == ["number", "category", "number", "date", "number"]
    assert table.columns[1].categories == ("Bonn", "Oslo")
    assert table.categorical.get(1) == 2
    assert table.holes
    assert list(form.names) == list(CELLS)


def test_an_array_with_text_has_categories():
    table, form = read(np.array([[1, "a"], ["2.5", "b"], [None, "a"]], dtype=object))
    np.testing.assert_array_equal(table.values, [[1, 0], [2.5, 1], [np.nan, 0]])
    again = read_table([["3", "c"]], form)
    np.testing.assert_array_equal(again.values, [[3, 2]])


def test_texts_that_are_numbers_are_numbers_in_arrays():
    table, _ = read([["1", "2.5"], ["3", "nan"]])
    np.testing.assert_array_equal(table.values, [[1, 2.5], [3, np.nan]])


def test_unseen_and_missing_categories_are_told_apart():
    _, form = read(pd.DataFrame({"town": ["Oslo", "Bonn"]}))
    again = read_table(pd.DataFrame({"town": ["Rome", None, "Bonn", "Bern"]}), form)
    np.testing.assert_array_equal(again.values[:, 0], [2, np.nan, 0, 2])


@pytest.mark.parametrize("categorical", [["zip"], [1], [-1]])
def test_numbers_may_be_named_as_categories(categorical):
    table, form = read(pd.DataFrame({"size": [1.0, 2.0, 3.0], "zip": [10, 20, 10]}), categorical)
    assert table.categorical == {1: 2}
    # Another process may send the same categories as texts, or as floats beside a missing cell.
    again = read_table(pd.DataFrame({"size": [1, 2, 3], "zip": ["20", "10", "7"]}), form)
    np.testing.assert_array_equal(again.values[:, 1], [1, 0, 2])
    again = read_table(pd.DataFrame({"size": [1, 2], "zip": [20.0, np.nan]}), form)
    np.testing.assert_array_equal(again.values[:, 1], [1, np.nan])


def test_columns_of_an_array_may_be_named_as_categories():
    table, form = read(np.array([[1.0, 7.0], [2.0, 9.0]]), [1])
    np.testing.assert_array_equal(table.values, [[1, 0], [2, 1]])
    np.testing.assert_array_equal(read_table([[1.0, 9.0], [1.0, 8.0]], form).values, [[1, 1], [1, 2]])


@pytest.mark.parametrize(
    ("categorical", "message"),
    [
        (["twon"], "categorical holds 'twon'. Did you mean 'town'"),
        ([7], "categorical holds column 7, and there are 6 columns"),
        ([True, False], "holds True or False"),
        ("town", "categorical is 'town', expected 'auto' or a list of columns"),
        (3, "categorical is 3"),
    ],
)
def test_wrong_names_of_categories_are_refused(categorical, message):
    with pytest.raises(ParameterError, match=message):
        read(pd.DataFrame(CELLS), categorical)


def test_columns_keep_their_kind():
    _, form = read(pd.DataFrame(CELLS))
    changed = pd.DataFrame(CELLS).assign(size="big", when="yesterday")
    with pytest.raises(
        InputError, match=r"hold something else .*: 'size' \(numbers, now .*\), 'when' \(dates, now .*\)"
    ):
        read_table(changed, form)
    as_text = pd.DataFrame(CELLS).assign(
        when=["1970-01-02", None, "1970-01-01T12:00", "2000-01-01"], size=["1", None, "3", "4e0"]
    )
    np.testing.assert_array_equal(read_table(as_text, form).values[:, 3], np.array(EXPECTED)[:, 3])
    np.testing.assert_array_equal(read_table(as_text, form).values[:, 0], [1, np.nan, 3, 4])


def test_what_is_no_cell_is_refused_by_name():
    with pytest.raises(InputError, match="column 'tags' holds List"):
        read(pl.DataFrame({"tags": [["a"], ["b"]]}))
    with pytest.raises(TypeError, match=r"column 'odd'.*argument must be a string or a real number"):
        read(pd.DataFrame({"odd": [{"a": 1}, {"b": 2}]}))
    with pytest.raises(TypeError, match=r"column 'odd' holds a dict"):
        read(pd.DataFrame({"odd": [{"a": 1}, "b"]}), ["odd"])


def test_dates_and_durations_are_days():
    times = np.array([["1970-01-03", "NaT"], ["1970-01-01", "1970-01-02"]], dtype="datetime64[ns]")
    np.testing.assert_array_equal(read(times)[0].values, [[2, np.nan], [0, 1]])
    table, _ = read(
        pd.DataFrame(
            {"took": pd.to_timedelta(["12h", None]), "day": [dt.date(1970, 1, 2), dt.date(1970, 1, 5)]}
        ).astype({"day": "datetime64[s]"})
    )
    np.testing.assert_array_equal(table.values, [[0.5, 1], [np.nan, 4]])
    zoned = pd.DataFrame({"at": pd.to_datetime(["1970-01-02T00:00+02:00"], utc=True)})
    np.testing.assert_allclose(read(zoned)[0].values, [[22 / 24]])


@given(st.one_of(st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_a_key_does_not_depend_on_how_a_category_is_held(cell):
    key = category_key(cell)
    assert isinstance(key, str)
    assert category_key(key) == key
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and abs(cell) < 2**50 and cell == int(cell):
        assert key == category_key(float(cell)) == category_key(int(cell)) == category_key(np.float64(cell))


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, pd.NaT, float("nan")])
def test_missing_cells(cell):
    assert is_missing(cell)
    assert category_key(cell) is None


# -- through an ensemble -----------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    n = 240
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "town": np.where(rng.random(n) < 0.1, None, rng.choice(list("abc"), n)),
            "street": rng.choice([f"s{i}" for i in range(25)], n),
            "old": rng.random(n) > 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "same": "x",
            "empty": None,
        }
    )
    effect = {f"s{i}": value for i, value in enumerate(rng.normal(size=25))}
    y = frame["size"].fillna(0) + 2 * (frame["town"] == "a") + frame["street"].map(effect) + 0.3 * rng.normal(size=n)
    return frame, y.to_numpy()


FAST = {
    "catboost": {"iterations": 40, "depth": 4, "learning_rate": 0.2},
    "xgboost": {"n_estimators": 40},
    "lightgbm": {"n_estimators": 40},
    "random_forest": {"n_estimators": 30},
    "extra_trees": {"n_estimators": 30},
    "hist_gradient_boosting": {"max_iter": 40},
    "elastic_net": {"alpha": 0.01},
    "mlp": {"hidden_units": [20], "n_epochs": 60},
}
NAMES = ["catboost", "xgboost", "lightgbm", "ridge", "elastic_net", "random_forest", "extra_trees", "hist_gradient_boosting", "knn", "svm", "mlp"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_learner_takes_mixed_columns_and_learns_from_them(name, mixed, tmp_path):
    X, y = mixed
    ensemble = EnsembleRegressor([learner(name, **FAST.get(name, {}))], "best", cv=3, random_state=0).fit(X, y)
    numbers = EnsembleRegressor([learner(name, **FAST.get(name, {}))], "best", cv=3, random_state=0)
    numbers.fit(X[["size", "old"]], y)
    assert -ensemble.score_estimate_ < 0.92 * -numbers.score_estimate_
    strange = X.head(9).assign(town="new", street=None, size=np.nan)
    assert np.isfinite(ensemble.predict(strange)).all()
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    assert np.array_equal(loaded.predict(strange), ensemble.predict(strange))


def test_classes_with_mixed_columns(mixed, tmp_path):
    X, y = mixed
    kinds = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 1.5])]
    members = ["ridge", learner("xgboost", n_estimators=20), learner("catboost", iterations=20), learner("knn")]
    ensemble = EnsembleClassifier(members, random_state=0, cv=3).fit(X, kinds)
    assert ensemble.score(X, kinds) > 0.6
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))


@pytest.mark.parametrize("container", ["polars", "arrow"])
def test_containers_give_the_same_ensemble(container, mixed):
    X, y = mixed
    X = X[["size", "town", "street", "old", "since"]]
    other = pl.from_pandas(X) if container == "polars" else pa.Table.from_pandas(X)
    made = EnsembleRegressor(["ridge", learner("xgboost", n_estimators=10)], "mean", random_state=0)
    first = made.fit(X, y).predict(X)
    assert np.array_equal(made.fit(other, y).predict(other), first)


def test_the_users_pipeline_gets_the_frame_and_a_bare_estimator_numbers(mixed):
    X, y = mixed
    piped = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town", "street"])), LinearRegression()
    )
    ensemble = EnsembleRegressor([("piped", piped), ("bare", Ridge())], "mean", random_state=0).fit(X, y)
    models = {label: member.models[0] for label, member in ensemble.members_.items()}
    assert models["piped"].frames
    assert models["piped"].encoder is None
    assert not models["bare"].frames
    assert models["bare"].encoder is not None
    assert np.isfinite(ensemble.predict(X)).all()


def test_a_bare_estimator_sees_plain_numbers_as_they_are(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor([Ridge()], "mean").fit(X, y)
    model = ensemble.members_["ridge"].models[0]
    assert model.encoder is None
    assert np.array_equal(model.models[0].estimator.coef_, Ridge().fit(X, y).coef_)


# -- sparse matrices ---------------------------------------------------------------------


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_matrices(form, rng, tmp_path):
    X = np.where(rng.random((120, 6)) < 0.6, 0.0, rng.normal(size=(120, 6)))
    y = X @ [1.0, -2.0, 0.5, 0, 0, 3.0] + 0.1 * rng.normal(size=120)
    members = [name for name in NAMES if name != "hist_gradient_boosting"]
    given = {name: FAST.get(name, {}) for name in members}
    ensemble = EnsembleRegressor(given, "weighted", cv=3, random_state=0).fit(form(X), y)
    assert ensemble.score(form(X), y) > 0.8
    # Zeros that are not stored and zeros that are mean the same.
    assert np.array_equal(ensemble.predict(X), ensemble.predict(form(X)))
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(form(X)), ensemble.predict(form(X)))
    with pytest.raises(InputError, match="no cell can be missing"):
        ensemble.predict(np.where(X > 1, np.nan, X))


def test_a_fit_on_a_dense_array_predicts_sparse_rows_alike(rng):
    X = np.where(rng.random((90, 4)) < 0.5, 0.0, rng.normal(size=(90, 4)))
    ensemble = EnsembleRegressor([learner("xgboost", n_estimators=5)], "mean", random_state=0).fit(X, X.sum(axis=1))
    assert np.array_equal(ensemble.predict(X), ensemble.predict(sparse.csr_array(X)))


def test_a_member_that_takes_no_sparse_matrix_is_named(rng):
    X = sparse.random_array((60, 4), density=0.5, rng=0, format="csr")
    with pytest.raises(InputError, match="member 'hist_gradient_boosting' cannot take a sparse matrix"):
        EnsembleRegressor(("ridge", "hist_gradient_boosting")).fit(X, np.arange(60.0))
    with pytest.raises(InputError, match="a sparse matrix holds numbers only"):
        EnsembleRegressor(("ridge",), categorical=[0]).fit(X, np.arange(60.0))
