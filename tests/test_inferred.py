"""What cells tell of their column: dates and numbers in texts, identifiers, and what is said of them."""

import datetime
import json
import pickle
import subprocess
import sys
import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner, serving
from byoe.contracts._within import is_within_a_member
from byoe.data._calendar import PARTS, calendar, varying
from byoe.data._date_texts import days_of_text, orders_of
from byoe.data._dates import days_of_array
from byoe.data._inferred import warn_of_columns
from byoe.data._input import infer_table, learn_table, read_table
from byoe.errors import ColumnWarning, InputError, MemberError, UnknownNameError

N = 160
RNG = np.random.default_rng(0)
WHEN = pd.Series(pd.Timestamp("2022-03-01") + pd.to_timedelta(RNG.integers(0, 700 * 24, N), "h"))
NUMBERS = RNG.normal(size=N).round(3)
CALENDAR = np.column_stack([getattr(WHEN.dt, part) for part in "year month day day_of_year day_of_week hour".split()])
DAYS = ((WHEN - pd.Timestamp(0)) / pd.Timedelta("1D")).to_numpy()
Y = np.sin(WHEN.dt.hour / 24 * 2 * np.pi).to_numpy() + (WHEN.dt.day_of_week >= 5).to_numpy() + 0.1 * RNG.normal(size=N)


def odd(*texts):
    """Numbers as texts, some of which are none."""
    cells = [str(number) for number in NUMBERS]
    for place, text in enumerate(texts):
        cells[11 * place + 4] = text
    return cells


def column(cells, **given):
    form, table = learn_table(pd.DataFrame({"c": cells, "other": NUMBERS}), **given)
    return form.columns[0], table


def said(cells, *, name="c", ordered=False, **given):
    """Return what is warned of a table with such a column, first."""
    _, _, found = infer_table(pd.DataFrame({name: cells, "other": NUMBERS[: len(cells)]}), **given)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_columns(found, ordered=ordered)
    assert all(one.category is ColumnWarning for one in caught)
    return " | ".join(str(one.message) for one in caught)


# -- the calendar --------------------------------------------------------------------

FIRST, LAST = datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999_999)


def on_the_calendar(date):
    """Return the parts of a day, in the order of PARTS."""
    return [date.year, date.month, date.day, date.timetuple().tm_yday, date.weekday()]


@given(st.datetimes(FIRST, LAST))
def test_parts_are_those_of_the_standard_library(date):
    # To the second: beyond the year 2200 days are no more exact to the microsecond.
    date = date.replace(microsecond=0)
    days = (date - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1) / 86_400e6
    found = [float(part[0]) for part in calendar(np.array([days]), PARTS)]
    assert found == [*on_the_calendar(date), date.hour]


@given(st.dates(datetime.date(1800, 1, 1), datetime.date(2149, 1, 1)))
def test_the_last_microsecond_of_a_day_is_of_that_day(date):
    days = ((date - datetime.date(1970, 1, 1)).days * 86_400_000_000 + 86_399_999_999) / 86_400e6
    assert [float(part[0]) for part in calendar(np.array([days]), PARTS)] == [*on_the_calendar(date), 23]


def test_parts_of_a_missing_date_are_missing():
    assert np.isnan(calendar(np.array([np.nan]), PARTS)).all()


# -- dates in texts --------------------------------------------------------------------

FORMS = {
    "nycflights": "%Y-%m-%d %H:00:00",
    "ISO": "%Y-%m-%dT%H:%M",
    "UTC": "%Y-%m-%dT%H:%M:%SZ",
    "US": "%m/%d/%Y %H:%M",
    "half days": "%m/%d/%Y %I:%M:%S %p",
    "German": "%d.%m.%Y %H:%M:%S",
    "dashes": "%d-%m-%Y %H:%M",
    "year first": "%Y/%m/%d %H:%M",
    "named": "%d %b %Y %H:%M",
    "named in full": "%B %d, %Y %H:%M",
}


@pytest.mark.parametrize("form", FORMS)
def test_texts_of_dates_are_the_dates(form):
    found, table = column(WHEN.dt.strftime(FORMS[form]))
    assert found.kind == "date"
    assert found.parts == PARTS
    np.testing.assert_array_equal(table.values[:, 0], DAYS)
    np.testing.assert_array_equal(table.features[:, 1:-1], CALENDAR)
    assert table.sources.tolist() == [*[0] * (1 + len(PARTS)), 1]
    assert not said(WHEN.dt.strftime(FORMS[form]))


def test_a_day_has_no_hour_and_a_month_no_more():
    found, table = column(WHEN.dt.strftime("%d.%m.%Y"))
    assert found.parts == ("year", "month", "day", "day_of_year", "weekday")
    np.testing.assert_array_equal(table.values[:, 0], np.floor(DAYS))
    months, table = column(WHEN.dt.strftime("%Y-%m"))
    assert months.kind == "date"
    assert column(["2024-01-01"] * N)[0].parts == ()


def test_a_part_that_counts_the_days_is_left_out():
    def parts(first, last, freq="D"):
        return varying(days_of_array(pd.date_range(first, last, freq=freq).to_numpy()))

    assert parts("2024-03-01", "2024-03-31") == ("weekday",)
    assert parts("2024-01-01", "2024-12-31") == ("month", "day", "weekday")
    assert parts("2024-01-01", "2024-12-31", "h") == ("month", "day", "day_of_year", "weekday", "hour")
    assert parts("2023-12-30", "2024-01-02") == ("year", "month", "day", "day_of_year", "weekday")


UNCLEAR = [f"{month:02}/{day:02}/{year}" for year in (2020, 2021) for month in range(1, 13) for day in range(1, 6)]


def test_the_whole_column_tells_which_number_is_the_day():
    cells = UNCLEAR
    assert column(cells + [""] * (N - len(cells)))[0].kind == "category"
    told = said(cells)
    assert "column 'c' holds dates in which day and month cannot be told apart, such as '01/01/2020'" in told
    assert "pd.to_datetime(X['c'], dayfirst=True)" in told
    for last, first in (("12/31/2021", 0), ("31/12/2021", 1)):
        found, table = column([*cells, last] + [None] * (N - len(cells) - 1))
        assert found.kind == "date"
        of_second = datetime.date(2020, *(1, 2)[:: 1 - 2 * first])  # of the text 01/02/2020
        assert table.values[1, 0] == (of_second - datetime.date(1970, 1, 1)).days


NO_DATES = {
    "ISO weeks": "%G-W%V",
    "short years": "%d.%m.%y",
}


@pytest.mark.parametrize("form", NO_DATES)
def test_what_looks_like_dates_and_is_not_read_is_told(form):
    cells = WHEN.dt.strftime(NO_DATES[form])
    assert column(cells)[0].kind == "category"
    assert "column 'c' holds texts that look like dates" in said(cells)
    assert "pd.to_datetime(X['c'], format=" in said(cells)
    assert not said(cells, categorical=["c"])


def test_dates_and_a_few_other_texts_are_told():
    cells = [*WHEN.dt.strftime("%Y-%m-%d")[:-2], "unknown", "unknown"]
    assert column(cells)[0].kind == "category"
    assert "and a text that is none ('unknown')" in said(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-02-30", "2024-02-01"], ["4711-03", "0815-04"], ["555-12-4567"], ["1.10.2"], ["20240131"], ["12:30"],
        ["", "NaT"], ["Oslo", "2024-01-01"], ["2024-01-01", "31.12.2024"], ["25/12/2024", "12/25/2024"], ["10.0.0.1"],
        ["2024-01-01 25:00"], ["1/1/2024 13:00 PM"], ["31 Foo 2024"],
    ],
)  # fmt: skip
def test_texts_that_are_no_dates(cells):
    assert orders_of(cells) == []


def test_missing_texts_among_dates_are_missing():
    cells = WHEN.dt.strftime("%Y-%m-%d").tolist()
    cells[3], cells[5] = "NA", ""
    found, table = column(cells)
    assert found.kind == "date"
    assert np.flatnonzero(np.isnan(table.values[:, 0])).tolist() == [3, 5]
    assert np.isnan(table.features[3, :4]).all()


def test_a_column_named_as_a_category_is_one():
    cells = WHEN.dt.strftime("%Y-%m-%d")
    assert column(cells, categorical=["c"])[0].kind == "category"
    assert column(cells.astype("category"))[0].kind == "category"
    assert column(pd.Series(odd("-")).astype("category"))[0].kind == "category"


def test_a_text_of_iso_is_read_whatever_the_form_of_the_fit():
    assert days_of_text("31.12.2020", "dmy") == days_of_text("2020-12-31", "dmy") == days_of_text("2020-12-31")
    with pytest.raises(ValueError, match="ISO"):
        days_of_text("31.12.2020")


# -- numbers in texts ------------------------------------------------------------------


def test_a_few_odd_cells_among_numbers_are_missing():
    cells = odd("n/a?", "-", "unknown", "- ")
    found, table = column(cells)
    assert (found.kind, found.odd) == ("number", ("-", "n/a?", "unknown"))
    expected = NUMBERS.copy()
    expected[[4, 15, 26, 37]] = np.nan
    np.testing.assert_array_equal(table.values[:, 0], expected)
    told = said(cells)
    assert "column 'c' holds numbers and, in 4 cells, texts that count as missing ('-', 'n/a?', 'unknown')" in told
    assert "categorical=['c']" in told


def test_odd_cells_of_the_fit_are_missing_later_and_others_are_an_error():
    form, _ = learn_table(pd.DataFrame({"c": odd("-")}))
    later = read_table(pd.DataFrame({"c": [" -", "1.5", None, "2"]}), form)
    np.testing.assert_array_equal(later.values[:, 0], [np.nan, 1.5, np.nan, 2])
    np.testing.assert_array_equal(read_table(pd.DataFrame({"c": [1.5, 2]}), form).values[:, 0], [1.5, 2])
    with pytest.raises(InputError, match=r"'c' \(numbers, now String: '\?' in row 1\)"):
        read_table(pd.DataFrame({"c": ["-", "?"]}), form)


ZIPS = [f"{zip_code:05}" for zip_code in RNG.integers(100, 9_999, N)]
STAY = {
    "zip codes": [*ZIPS[1:], "unknown"],
    "versions": [f"1.{minor}" for minor in [*range(1, 31)] * 5 + [1] * 9] + ["dev"],
    "a tenth is odd": odd(*["-"] * 14),
    "many odd texts": odd(*(f"code {i}" for i in range(11))),
    "few numbers": [*(str(i % 5) for i in range(N - 1)), "5 or more"],
    "all are numbers": [str(number) for number in NUMBERS],
    "whole numbers": [str(number) for number in RNG.integers(0, 50, N)],
    "booleans": ["true", "false"] * (N // 2),
    "thousands": [f"{number:,}" for number in RNG.integers(0, 9_000, N)],
}


@pytest.mark.parametrize("case", STAY)
def test_texts_that_stay_categories(case):
    assert column(STAY[case])[0].kind == "category"


@pytest.mark.parametrize("case", ["a tenth is odd", "many odd texts", "all are numbers", "thousands"])
def test_categories_of_many_numbers_are_told(case):
    told = said(STAY[case])
    assert "column 'c' is a category of" in told
    assert "pd.to_numeric(X['c'], errors='coerce')" in told
    assert not said(STAY[case], categorical=["c"])


@pytest.mark.parametrize("case", ["few numbers", "whole numbers", "booleans"])
def test_categories_that_need_no_word(case):
    assert not said(STAY[case])


def test_numbers_and_texts_in_one_column_of_objects():
    cells = pd.Series([*NUMBERS[:-1], "missing?"], dtype=object)
    found, table = column(cells)
    assert (found.kind, found.odd) == ("number", ("missing?",))
    np.testing.assert_array_equal(table.values[:-1, 0], NUMBERS[:-1])
    array = np.column_stack([cells.to_numpy(), NUMBERS.astype(object)])
    np.testing.assert_array_equal(learn_table(array)[1].values, table.values)


# -- what names rows -------------------------------------------------------------------

UNIQUE = RNG.permutation(N) + 1
TOLD = {
    "an index": ("c", np.arange(N), "counts the rows (0, 1, 2, …)"),
    "an index from one": ("Order", np.arange(N) + 1, "counts the rows (1, 2, 3, …)"),
    "diamonds": ("Unnamed: 0", UNIQUE, "the name of an identifier"),
    "titanic": ("PassengerId", UNIQUE, "the name of an identifier"),
    "ames": ("PID", RNG.choice(10**9, N, replace=False), "the name of an identifier"),
    "texts": ("c", [f"C-{i:04}" for i in UNIQUE], "has a text of its own in every row"),
    "names": ("Name", [f"Smith {i}, Mr. John" for i in UNIQUE], "holds free text, 4 words in a cell"),
}
SILENT = {
    "different floats": ("id", NUMBERS + np.arange(N) * 1e-9),
    "seconds": ("unix", WHEN.astype("int64") // 10**9),
    "dates in order": ("date", pd.date_range("2024-01-01", periods=N)),
    "texts of dates in order": ("date", pd.date_range("2024-01-01", periods=N).astype(str)),
    "years": ("YrSold", RNG.integers(2006, 2011, N)),
    "incomes": ("income", RNG.choice(10**6, N, replace=False)),
    "a category": ("id", RNG.choice(["a", "b"], N)),
    "constant": ("id", [1] * N),
    "missing": ("id", [None] * N),
    "few rows": ("id", np.arange(29)),
    "steps": ("step", np.arange(N, dtype=float)),
}


@pytest.mark.parametrize("case", TOLD)
def test_columns_that_name_rows_are_told(case):
    name, cells, expected = TOLD[case]
    assert f"column {name!r} " in said(cells, name=name)
    assert expected in said(cells, name=name)
    assert expected in infer_table(pd.DataFrame({name: cells, "other": NUMBERS}))[2].columns[name]["notes"]


@pytest.mark.parametrize("case", SILENT)
def test_other_columns_are_not(case):
    name, cells = SILENT[case]
    assert not said(cells, name=name)


def test_rows_in_the_order_of_time_may_be_counted():
    assert not said(np.arange(N), ordered=True)
    assert not said(NUMBERS, name="first")
    _, _, found = infer_table(np.arange(N)[:, None])  # all that there is
    assert not found.findings


def test_several_columns_are_one_warning():
    frame = pd.DataFrame({f"id_{i}": UNIQUE for i in range(5)})
    with pytest.warns(ColumnWarning, match="column 'id_2' has .*; and so do 2 columns more") as caught:
        EnsembleRegressor(["ridge"], cv=2, random_state=0).fit(frame, Y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_ensemble_inside_does_not_say_it_again(n_jobs):
    frame = pd.DataFrame({"PassengerId": UNIQUE, "size": NUMBERS})
    inner = EnsembleRegressor(["ridge"], cv=2)
    with pytest.warns(ColumnWarning) as caught:
        EnsembleRegressor([("inner", inner), "ridge"], cv=2, random_state=0, n_jobs=n_jobs).fit(frame, Y)
    assert len(caught) == 1


class Asks(Ridge):
    """Tells whether it is fitted as a member, and fails where it is told to."""

    def __init__(self, alpha=1.0, told=None):
        super().__init__(alpha=alpha)
        self.told = told

    def fit(self, X, y):
        WITHIN.append(is_within_a_member())
        if self.told:
            raise ValueError(self.told)
        return super().fit(X, y)


WITHIN = []


@pytest.mark.parametrize("told", [None, "no"])
def test_what_is_fitted_after_a_member_is_no_member(told):
    X, ensemble = NUMBERS[:, None], EnsembleRegressor([Asks(told=told)], cv=2, random_state=0, n_jobs=1)
    WITHIN.clear()
    with pytest.raises(MemberError, match="no") if told else nullcontext():
        ensemble.fit(X, Y)
    assert WITHIN
    assert all(WITHIN)
    assert not is_within_a_member()
    with pytest.warns(ColumnWarning):
        EnsembleRegressor(["ridge"], cv=2, random_state=0).fit(pd.DataFrame({"id": UNIQUE, "size": NUMBERS}), Y)


# -- through ensembles, files, bundles and endpoints -------------------------------------

FRAME = pd.DataFrame(
    {
        "when": WHEN.dt.strftime("%m/%d/%Y %H:%M"),
        "iso": WHEN.dt.strftime("%Y-%m-%d"),
        "stamp": WHEN,
        "odd": odd("-", "n/a?"),
        "size": NUMBERS,
        "town": RNG.choice(["Oslo", "Bonn"], N),
    }
)
MEMBERS = ["ridge", learner("xgboost", n_estimators=8), learner("random_forest", n_estimators=4)]


@pytest.fixture(scope="module")
def fitted():
    # A pipeline of the user's sees the texts as they are.
    texts = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town", "odd", "iso", "when"]))
    bare, piped = LinearRegression(), make_pipeline(texts, Ridge())
    members = [*MEMBERS, ("bare", bare), ("piped", piped)]
    with pytest.warns(ColumnWarning, match="column 'odd' holds numbers and, in 2 cells"):
        return EnsembleRegressor(members, "mean", cv=3, finalize="refit", random_state=0).fit(FRAME, Y)


def test_every_container_and_every_row_alone_is_the_same(fitted):
    right = fitted.predict(FRAME)
    members = EnsembleRegressor(MEMBERS, "mean", cv=3, random_state=0)
    with pytest.warns(ColumnWarning):
        plain = members.fit(pl.from_pandas(FRAME), Y).predict(FRAME)
    assert np.array_equal(members.predict(pl.from_pandas(FRAME)), plain)
    assert np.array_equal(members.predict(pa.Table.from_pandas(FRAME)), plain)
    assert np.allclose([fitted.predict(FRAME.iloc[[i]])[0] for i in range(12)], right[:12], rtol=1e-12)


def test_a_bundle_reads_the_same(fitted, tmp_path):
    loaded = byoe.load(fitted.save(tmp_path / "bundle"))
    assert np.array_equal(loaded.predict(FRAME), fitted.predict(FRAME))
    assert loaded.columns_ == fitted.columns_
    assert repr(loaded.columns_) == repr(fitted.columns_)
    assert np.array_equal(loaded.feature_importances_, fitted.feature_importances_)
    with pytest.raises(InputError, match=r"'when' \(dates, now String: 'soon' in row 3\)"):
        loaded.predict(FRAME.assign(when=[*FRAME["when"][:3], "soon", *FRAME["when"][4:]]))


def answer(model, body, content_type):
    return serving.output_fn(serving.predict_fn(serving.input_fn(body, content_type), model), "application/json")


@pytest.mark.parametrize("form", ["JSON", "CSV", "CSV without a header", "Arrow", "lines"])
def test_an_endpoint_answers_the_same(fitted, tmp_path, form):
    model = serving.model_fn(str(fitted.save(tmp_path / "bundle")))
    sent = FRAME.assign(stamp=WHEN.dt.strftime("%Y-%m-%dT%H:%M:%S"))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.Table.from_pandas(FRAME, preserve_index=False).schema) as stream:
        stream.write_table(pa.Table.from_pandas(FRAME, preserve_index=False))
    rows = [json.dumps(row) for row in sent.to_dict("records")]
    bodies = {
        "JSON": (f"[{','.join(rows)}]", "application/json"),
        "lines": ("\n".join(rows), "application/jsonlines"),
        "CSV": (sent.to_csv(index=False), "text/csv"),
        "CSV without a header": (sent.to_csv(index=False, header=False), "text/csv"),
        "Arrow": (sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream"),
    }
    answered = answer(model, *bodies[form])
    assert json.loads(answered[0])["predictions"] == fitted.predict(FRAME).tolist()


@pytest.mark.parametrize(("name", "cell"), [("when", "soon"), ("iso", "31.12.2020"), ("odd", "?")])
def test_an_endpoint_names_the_cell_that_it_cannot_read(fitted, tmp_path, name, cell):
    model = serving.model_fn(str(fitted.save(tmp_path / "bundle")))
    row = json.loads(FRAME.head(1).assign(stamp="2024-01-01").to_json(orient="records"))[0]
    refused = answer(model, json.dumps([{**row, name: cell}]), "application/json")
    assert refused.status_code == 400
    assert f"row 0, column '{name}': '{cell}' is not a" in json.loads(refused.get_data(as_text=True))["error"]


def test_contributions_are_one_for_each_column(tmp_path):
    ensemble = EnsembleRegressor(["ridge", learner("lightgbm", n_estimators=15)], "mean", cv=3, random_state=0)
    with pytest.warns(ColumnWarning):
        ensemble.fit(FRAME, Y)
    told = ensemble.explain(FRAME)
    assert told.shape == (N, FRAME.shape[1] + 1)
    np.testing.assert_allclose(told.sum(axis=1), ensemble.predict(FRAME), atol=1e-8)
    assert ensemble.feature_importances_.shape == (FRAME.shape[1],)
    assert ensemble.feature_importances_[[0, 2]].sum() > 0.5


def test_a_constraint_holds_for_the_days_and_not_for_the_seasons():
    X = pd.DataFrame({"when": WHEN, "size": NUMBERS})
    free = learner("xgboost", n_estimators=20, max_depth=3)
    rising = learner("xgboost", n_estimators=20, max_depth=3, monotone_constraints={"when": 1})
    y = Y - 0.002 * DAYS
    one, other = (EnsembleRegressor([made], "mean", cv=3, random_state=0).fit(X, y) for made in (free, rising))
    years = pd.DataFrame({"when": WHEN[0] + pd.to_timedelta(np.arange(0, 12) * 364, "D"), "size": 0.0})
    same_month = years[years["when"].dt.month == WHEN[0].month]
    assert np.diff(one.predict(same_month)).min() < 0
    assert np.diff(other.predict(same_month)).min() >= 0


def test_classes_of_dates():
    labels = np.where(WHEN.dt.day_of_week >= 5, "weekend", "work")
    members = ["ridge", learner("lightgbm", n_estimators=15)]
    ensemble = EnsembleClassifier(members, cv=3, random_state=0).fit(FRAME[["iso", "size"]], labels)
    assert ensemble.leaderboard_["blend"]["log_loss"] < 0.2


def test_the_command_line_reads_the_same(tmp_path):
    train, rest, model, out = (tmp_path / name for name in ("train.csv", "rest.csv", "model", "out.csv"))
    FRAME.assign(y=Y).to_csv(train, index=False)
    FRAME[:9].to_csv(rest, index=False)
    done = byoe_command("fit", train, "--target", "y", "--learners", "ridge", "--seed", 0, "--out", model)
    assert "texts of dates (month, day, year); parts: year, month, day, day_of_year, weekday, hour" in done.stdout
    assert "column 'odd' holds numbers and, in 2 cells, texts that count as missing" in done.stderr
    byoe_command("predict", model, rest, "--out", out)
    expected = byoe.load(model).predict(FRAME[:9])
    np.testing.assert_allclose(pd.read_csv(out)["prediction"], expected, rtol=1e-12)


def byoe_command(*arguments):
    line = [sys.executable, "-c", "from byoe.cli import main; main()", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=True)


def test_a_job_and_its_endpoint_read_the_same(tmp_path):
    ensemble = EnsembleRegressor(["ridge"], random_state=0)
    table = FRAME.assign(y=Y)
    job = byoe.sagemaker.fit(ensemble, table, target="y", output=tmp_path, logs=False)
    assert "texts of dates (month, day, year)" in job.log
    with pytest.warns(ColumnWarning):
        here = ensemble.fit(FRAME, Y)
    np.testing.assert_allclose(job.ensemble().predict(FRAME), here.predict(FRAME), rtol=1e-12)
    assert job.ensemble().columns_ == here.columns_
    with byoe.sagemaker.deploy(job) as endpoint:
        np.testing.assert_array_equal(endpoint.predict(FRAME), job.ensemble().predict(FRAME))


# -- columns_ ---------------------------------------------------------------------------


def test_the_columns_are_listed(fitted, tmp_path):
    listed = fitted.columns_
    assert [row["kind"] for row in listed] == ["date", "date", "date", "number", "number", "category"]
    assert (
        listed["when"]["notes"]
        == "texts of dates (month, day, year); parts: year, month, day, day_of_year, weekday, hour"
    )
    assert listed["odd"]["missing"] == 2 / N
    assert listed["town"] == {
        "column": "town", "kind": "category", "dtype": "String", "missing": 0.0, "distinct": 2, "notes": "",
    }  # fmt: skip
    assert list(listed.to_frame().index) == list(FRAME)
    assert "<th" in listed._repr_html_()
    assert pickle.loads(pickle.dumps(listed)) == listed
    with pytest.raises(UnknownNameError, match="there is no column 'twon'. Did you mean 'town'"):
        listed["twon"]


def test_columns_of_arrays_are_called_by_their_positions():
    listed = infer_table(np.column_stack([NUMBERS, np.ones(N), np.full(N, np.nan)]))[2].columns
    assert [(row["column"], row["notes"]) for row in listed] == [
        ("0", ""), ("1", "the same in all rows"), ("2", "all missing"),
    ]  # fmt: skip


def test_a_bundle_that_does_not_know_says_what_its_form_tells(fitted, tmp_path):
    place = fitted.save(tmp_path / "bundle")
    manifest = json.loads((place / "manifest.json").read_text())
    from byoe.data._form import TableForm
    from byoe.data._listed import Columns

    old = Columns.of(TableForm.of_json(manifest))
    assert old["when"] == {**fitted.columns_["when"], "missing": None, "distinct": None}
    assert old["town"]["missing"] is None


def test_they_are_shown_when_asked_for(capsys):
    EnsembleRegressor(["ridge"], cv=2, random_state=0, verbose=1).fit(FRAME[["iso", "size", "town"]], Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["column", "iso", "town"]
    assert "texts of dates (ISO 8601)" in lines[1]


# -- free text ----------------------------------------------------------------------------


def test_a_pipeline_looks_at_the_words():
    words = RNG.choice(["good", "bad", "fine", "house", "garden", "noisy", "street"], (N, 6))
    frame = pd.DataFrame({"review": [" ".join(row) for row in words], "size": NUMBERS})
    y = (words == "good").sum(axis=1) - (words == "bad").sum(axis=1) + 0.1 * NUMBERS
    reader = make_pipeline(
        make_column_transformer((TfidfVectorizer(), "review"), (StandardScaler(), ["size"])), Ridge(0.1)
    )
    with pytest.warns(ColumnWarning, match="column 'review' holds free text, 6 words in a cell.*TfidfVectorizer"):
        ensemble = EnsembleRegressor(["ridge", ("reader", reader)], cv=3, random_state=0).fit(frame, y)
    assert ensemble.leaderboard_["reader"]["rmse"] < 0.5 * ensemble.leaderboard_["ridge"]["rmse"]
