"""No request gets a wrong answer in silence: rows mean what they mean to ``predict``, or they are refused."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import byoe
from byoe import EnsembleRegressor
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving._answers import Response

N = 90


@pytest.fixture(autouse=True)
def _without_flask(monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)


@pytest.fixture
def serve(tmp_path):
    def serve(ensemble, trusted=()):
        return model_fn(str(ensemble.save(tmp_path / "model", trusted=trusted)), trusted=trusted)

    return serve


def ask(model, body, content_type="application/json"):
    made = output_fn(predict_fn(input_fn(body, content_type), model), "application/json")
    if isinstance(made, Response):
        return made.status, json.loads(made.body)["error"]
    return 200, json.loads(made[0])["predictions"]


def plain(frame):
    return frame.to_json(orient="split", date_format="iso", double_precision=15)


class Month(TransformerMixin, BaseEstimator):
    """Needs real dates."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.column_stack([column.dt.month.to_numpy(dtype=float) for _, column in X.items()])


def one_hot(*columns):
    return make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), list(columns))), LinearRegression()
    )


# -- containers of training ----------------------------------------------------------------------

CONTAINERS = {
    "categories of integers": (lambda code: pd.Series(pd.Categorical(np.array([1, 2, 30])[code])), one_hot("c")),
    "categories of booleans": (lambda code: pd.Series(pd.Categorical(code > 0)), one_hot("c")),
    "categories of texts": (lambda code: pd.Series(pd.Categorical(np.array(["a", "b", "c"])[code])), one_hot("c")),
    "texts": (lambda code: pd.Series(np.array(["a", "b", "7"])[code]), one_hot("c")),
    "dates": (
        lambda code: pd.Timestamp("2024-01-15") + pd.to_timedelta(40 * code, "D").to_series(index=range(N)),
        make_pipeline(make_column_transformer((Month(), ["c"])), Ridge()),
    ),
    "dates of a zone": (
        lambda code: (pd.Timestamp("2024-01-31 23:30", tz="Europe/Oslo") + pd.to_timedelta(40 * code, "D")).to_series(
            index=range(N)
        ),
        make_pipeline(make_column_transformer((Month(), ["c"])), Ridge()),
    ),
    "a booster's own categories": (
        lambda code: pd.Series(pd.Categorical(np.array(["a", "b", "c"])[code])),
        LGBMRegressor(n_estimators=5, min_child_samples=5, verbosity=-1),
    ),
    "integers": (lambda code: pd.Series(code), one_hot("c")),
    "booleans": (lambda code: pd.Series(code > 0), one_hot("c")),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_members_see_rows_in_the_types_of_training(case, serve):
    made, estimator = CONTAINERS[case]
    code = np.arange(N) % 3
    frame = pd.DataFrame({"n": np.random.default_rng(0).normal(size=N), "c": made(code)})
    ensemble = EnsembleRegressor([("own", estimator)], "mean", cv=3, random_state=0).fit(frame, code + 0.1 * frame["n"])
    trusted = [f"{Month.__module__}.Month"]
    model = serve(ensemble, trusted)
    expected = ensemble.predict(frame.head(6)).tolist()
    assert len(set(np.round(expected, 6))) > 1
    status, found = ask(model, plain(frame.head(6)))
    assert status == 200, found
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    status, found = ask(model, frame.head(6).to_csv(index=False), "text/csv")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# -- names and headers ---------------------------------------------------------------------------


@pytest.fixture
def named(serve, rng):
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    return serve(EnsembleRegressor(["ridge"], "mean", random_state=0).fit(X, X["a"] + 10 * X["b"]))


def test_columns_are_heard_beside_instances(named):
    expected = ask(named, '{"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}')
    assert ask(named, '{"columns": ["c", "b", "a"], "instances": [[3, 2, 1]]}') == expected
    status, error = ask(named, '{"columns": ["a", "b", "c"], "instances": [{"a": 1, "b": 2, "c": 3}]}')
    assert (status, '"columns" goes with rows that are lists' in error) == (400, True)


@pytest.mark.parametrize("key", ["output", "levl", "rows"])
def test_keys_that_mean_nothing_are_refused(key, named):
    status, error = ask(named, json.dumps({"instances": [[1, 2, 3]], key: 1}))
    assert (status, f"there is no key '{key}'" in error) == (400, True)
    assert ask(named, json.dumps({"columns": ["a", "b", "c"], "index": [0], "data": [[1, 2, 3]]}))[0] == 200


def test_numbers_call_the_columns_of_a_model_without_names(serve, rng):
    X = rng.normal(size=(60, 3))
    model = serve(EnsembleRegressor(["ridge"], "mean", random_state=0).fit(X, X @ [1, 10, 100]))
    expected = ask(model, "[[1, 2, 3]]")
    assert ask(model, '[{"2": 3, "0": 1, "1": 2}]') == expected
    assert ask(model, "2,1,0\n3,2,1\n", "text/csv; header=present") == expected
    status, error = ask(model, '[{"x": 1, "y": 2, "z": 3}]')
    assert (status, "was fitted without names of columns, and these are called x, y, z" in error) == (400, True)


def test_one_known_name_makes_a_header(serve):
    frame = pd.DataFrame({"city": ["x", "y"] * 30, "land": ["p", "q", "q"] * 20})
    model = serve(EnsembleRegressor(["ridge"], "mean", random_state=0).fit(frame, np.arange(60.0)))
    status, error = ask(model, "city,country\nx,p\n", "text/csv")
    assert (status, "missing: land; not known: country" in error) == (400, True)
    assert len(ask(model, "x,p\ny,q\n", "text/csv")[1]) == 2
    assert len(ask(model, "land,city\np,x\n", "text/csv")[1]) == 1


def test_a_category_may_be_called_as_a_column(serve):
    frame = pd.DataFrame({"city": ["city", "land"] * 30, "land": ["p", "q", "q"] * 20})
    model = serve(EnsembleRegressor(["ridge"], "mean", random_state=0).fit(frame, np.arange(60.0)))
    assert len(ask(model, "city,p\nland,q\n", "text/csv")[1]) == 2


def test_lines_of_one_column(serve):
    X = np.arange(60.0)[:, None]
    model = serve(
        EnsembleRegressor([byoe.learner("hist_gradient_boosting", max_iter=3)], "mean", random_state=0).fit(X, X[:, 0])
    )
    assert len(ask(model, "1\n\n3\n\n\n", "text/csv")[1]) == 3
    status, error = ask(model, "abc\n2\n3\n", "text/csv")
    assert (status, "may be a header or a cell; say which by header=present" in error) == (400, True)
    assert ask(model, "abc\n2\n", "text/csv; header=absent")[0] == 400


# -- cells ---------------------------------------------------------------------------------------


@pytest.fixture
def dated(serve):
    frame = pd.DataFrame(
        {
            "n": np.arange(N, dtype=float),
            "d": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), "D").to_series(index=range(N)),
        }
    )
    ensemble = EnsembleRegressor(["ridge"], "mean", random_state=0).fit(frame, frame["n"])
    return ensemble, serve(ensemble)


@pytest.mark.parametrize(
    "cell",
    [1577836800000, 18262.0, True, "20200101", "2020", "now", "today", "300000-01-01", "2020-13-01", "01/02/2020", [1]],
)
def test_what_is_no_date_is_refused(cell, dated):
    status, error = ask(dated[1], json.dumps([[1.0, cell]]))
    assert (status, "is not a date" in error) == (400, True)


@pytest.mark.parametrize(
    "cell",
    [
        "2020-02-01",
        "2020-02",
        "2020-02-01T00:00",
        "2020-02-01 00:00:00",
        "2020-02-01T00:00:00.000Z",
        "2020-02-01T02:30+02:30",
    ],
)
def test_dates_in_iso_8601(cell, dated):
    ensemble, model = dated
    expected = ensemble.predict(pd.DataFrame({"n": [1.0], "d": [pd.Timestamp("2020-02-01")]})).tolist()
    assert ask(model, json.dumps([[1.0, cell]])) == (200, expected)


def test_a_date_that_is_missing(dated):
    ensemble, model = dated
    expected = ensemble.predict(pd.DataFrame({"n": [1.0], "d": [pd.NaT]})).tolist()
    for cell in ("null", '"NaT"', '""'):
        assert ask(model, f"[[1.0, {cell}]]") == (200, expected)


def test_texts_are_no_numbers_where_training_had_texts(serve):
    town = np.array(["7", "12", "9007199254740992"])[np.arange(N) % 3]
    frame = pd.DataFrame({"n": np.random.default_rng(0).normal(size=N), "t": town})
    ensemble = EnsembleRegressor(["ridge"], "mean", random_state=0).fit(frame, np.arange(N) % 3)
    model = serve(ensemble)
    for cell in ("7", "07", "7.0", "7e0", " 7", "9007199254740993", "9007199254740992", "other"):
        expected = ensemble.predict(pd.DataFrame({"n": [0.0], "t": [cell]})).tolist()
        assert ask(model, json.dumps([[0.0, cell]])) == (200, expected), cell
        assert ask(model, f'0.0,"{cell}"', "text/csv; header=absent") == (200, expected), cell


def test_numbers_may_be_written_in_several_ways_where_training_had_numbers(serve):
    codes = np.array([7, 12, 9007199254740993])[np.arange(N) % 3]
    frame = pd.DataFrame({"n": np.random.default_rng(0).normal(size=N), "c": codes})
    ensemble = EnsembleRegressor(["ridge"], "mean", categorical=["c"], random_state=0).fit(frame, np.arange(N) % 3)
    model = serve(ensemble)
    for code, cells in {7: ("7", "07", "7.0"), 9007199254740993: ("9007199254740993",)}.items():
        expected = ensemble.predict(pd.DataFrame({"n": [0.0], "c": [code]})).tolist()
        for cell in cells:
            assert ask(model, f"0.0,{cell}", "text/csv; header=absent") == (200, expected)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('[["1_0", 2, 3]]', "application/json"),
        ('["1_0", 2, 3]\n', "application/jsonlines"),
        ("1_0,2,3\n4,5,6\n", "text/csv; header=absent"),
        ("1_0,2,3\n4,5,6\n", "text/csv"),
        ("1,2,3\n1_0,2,3\n", "text/csv"),
    ],
)
def test_an_underscore_makes_no_number(body, content_type, named):
    status, error = ask(named, body, content_type)
    assert (status, "'1_0' is not a number" in error) == (400, True)


# -- what is left of exceptions ------------------------------------------------------------------


def test_a_level_that_is_too_large_for_a_number(named):
    assert ask(named, '{"instances": [[1, 2, 3]], "level": ' + "1" * 400 + "}")[0] == 400
    assert ask(named, "\ud800", "application/x-npy")[0] == 400


def test_an_option_that_is_given_twice(named):
    status, error = ask(named, "1,2,3", "text/csv; level=0.5; level=0.9")
    assert (status, "gives an option more than once" in error) == (400, True)


class Fussy(TransformerMixin, BaseEstimator):
    """Fails on odd rows, and not by a ValueError."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        if (np.asarray(X) > 1e6).any():
            raise TypeError("too large, says a secret place")
        return X


def test_a_member_that_fails_is_a_500_that_says_no_more(serve, capsys, rng):
    X = rng.normal(size=(60, 2))
    own = make_pipeline(Fussy(), LinearRegression())
    trusted = [f"{Fussy.__module__}.Fussy"]
    model = serve(EnsembleRegressor([("own", own)], "mean", cv=3, random_state=0).fit(X, X[:, 0]), trusted)
    assert ask(model, "[[1, 2]]")[0] == 200
    status, error = ask(model, "[[1e9, 2]]")
    assert (status, "secret" in error) == (500, False)
    assert "secret place" in capsys.readouterr().err
