"""Dates of every zone, type and resolution.

autogluon #2538: several zones and dates without one, in a single column with missing cells, crashed.
narwhals #1302: a fixed offset made the type of a column of pandas unknown; zones with an underscore do so today.
LightAutoML #85, orbit #871: a column with a zone made the fit fail.
pandas #11725, #12585, #26304: of German dates in texts those with days up to 12 became American, without a word.
pandas #22168: a second space before the time turned day and month round.
autogluon #1182: a date far out, in texts, made a category of the column, or crashed in rows to predict.
autogluon #1436, evalml #627: dates were one number, which knows no seasons; to linear models December was far from January.
etna #546, autogluon #1583: without the day of the year, or of the month, no holiday comes again.
"""

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from byoe import EnsembleRegressor, learner, load, serving
from byoe.data._dates import days_of_array
from byoe.data._input import learn_table, read_table
from byoe.errors import InputError

N = 40
DAYS = np.random.default_rng(0).integers(0, 700, N)
DATES = pd.Series(pd.Timestamp("2023-01-01") + pd.to_timedelta(DAYS, "D")).astype("datetime64[us]")
Y = DAYS / 100 + np.random.default_rng(1).normal(0, 0.01, N)
OSLO = DATES.dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo")
UTC = [stamp.to_pydatetime() for stamp in DATES.dt.tz_localize("UTC")]


def _zone(zone):
    return pd.DataFrame({"t": DATES.dt.tz_localize("UTC").dt.tz_convert(zone)})


SAME = {
    **{zone: _zone(zone) for zone in ("America/New_York", "Asia/Ho_Chi_Minh", "Etc/GMT+5", "GMT0", "dateutil/Europe/Oslo")},
    "fixed offset": _zone(datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    **{unit: pd.DataFrame({"t": DATES.astype(f"datetime64[{unit}]")}) for unit in ("s", "ms", "ns")},
    "backed by Arrow": pd.DataFrame({"t": OSLO.astype(pd.ArrowDtype(pa.timestamp("us", "America/New_York")))}),
    "date32": pd.DataFrame({"t": DATES.astype("date32[pyarrow]")}),
    "date64": pd.DataFrame({"t": pd.Series(pa.array(DATES.dt.date).cast(pa.date64()), dtype=pd.ArrowDtype(pa.date64()))}),
    **{f"steps of {step}": pd.DataFrame({"t": pd.Series(list((DAYS + 19358).astype("M8[D]").astype(f"M8[{step}]")), dtype=object)}) for step in ("6h", "100ms", "10us", "m")},
    "date64 in Arrow": pa.table({"t": pa.array(DATES.dt.date).cast(pa.date64())}),
    "Arrow": pa.table({"t": pa.array(OSLO, pa.timestamp("us", "America/New_York"))}),
    "Polars": pl.DataFrame({"t": DATES}).with_columns(pl.col("t").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")),
    "datetime.date": pd.DataFrame({"t": DATES.dt.date}),
    "datetime": pd.DataFrame({"t": pd.Series(UTC, dtype=object)}),
    "NumPy's": pd.DataFrame({"t": pd.Series(list(DATES.to_numpy()), dtype=object)}),
    "several zones": pd.DataFrame({"t": pd.Series([stamp.tz_localize("UTC").tz_convert("Asia/Tokyo" if i % 2 else "Europe/Oslo") for i, stamp in enumerate(DATES)], dtype=object)}),
}  # fmt: skip


def _fitted(X, y=Y):
    return EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def plain():
    return _fitted(pd.DataFrame({"t": DATES}))


@pytest.mark.parametrize("case", SAME)
def test_the_same_instants_are_the_same_column(case, plain):
    right = plain.predict(pd.DataFrame({"t": DATES}))
    assert np.array_equal(_fitted(SAME[case]).predict(SAME[case]), right)
    assert np.array_equal(plain.predict(SAME[case]), right)


def test_texts_with_an_offset(plain, tmp_path):
    right = plain.predict(pd.DataFrame({"t": [pd.Timestamp("2024-05-01")]}))
    texts = ["2024-05-01", "2024-05-01T02:00:00+02:00", "2024-04-30T20:00-0400", "2024-05-01T00:00Z"]
    assert np.array_equal(plain.predict(pd.DataFrame({"t": texts})), np.repeat(right, 4))
    model = serving.model_fn(str(plain.save(tmp_path / "bundle")))
    body = json.dumps([[text] for text in texts])
    answered = serving.output_fn(
        serving.predict_fn(serving.input_fn(body, "application/json"), model), "application/json"
    )
    assert json.loads(answered[0])["predictions"] == np.repeat(right, 4).tolist()


def test_missing_dates_and_dates_far_out():
    cells = pd.Series(list(DATES.dt.date), dtype=object)
    cells[::7] = None
    holes = pd.DataFrame({"t": DATES.mask(np.arange(N) % 7 == 0)})
    frame = pd.DataFrame({"t": cells})
    assert np.array_equal(_fitted(frame).predict(frame), _fitted(holes).predict(holes))
    far = [datetime.date(1000, 12, 18), datetime.date(9999, 12, 31), *DATES.dt.date[2:]]
    days = np.array([(cell - datetime.date(1970, 1, 1)).days for cell in far], dtype=float)
    parts = [(cell.year, cell.month, cell.day, cell.timetuple().tm_yday, cell.weekday()) for cell in far]
    objects = pd.DataFrame({"t": pd.Series(far, dtype=object)})
    seconds = pd.DataFrame({"t": np.array(far, dtype="datetime64[s]")})
    for X in (objects, seconds):
        fitted = _fitted(X)
        assert np.array_equal(fitted._read(X).features, np.column_stack([days, parts]))
        assert np.array_equal(fitted.predict(pd.DataFrame({"t": days})), fitted.predict(X))


def test_durations(tmp_path):
    spans = pd.Series(pd.to_timedelta(DAYS, "D"))
    days = DAYS[:, None].astype(float)
    right = _fitted(days).predict(days)
    for X in (
        pd.DataFrame({"t": spans}),
        pd.DataFrame({"t": pd.Series([span.to_pytimedelta() for span in spans], dtype=object)}),
        spans.to_numpy()[:, None],
        pl.DataFrame({"t": spans}),
        pa.table({"t": pa.array(spans)}),
    ):
        fitted = _fitted(X)
        assert np.array_equal(fitted.predict(X), right)
        assert np.array_equal(load(fitted.save(tmp_path / "bundle")).predict(X), right)


@pytest.mark.parametrize(
    "y",
    [
        DATES, OSLO, DATES.dt.date, DATES.astype("category"), pd.Series(pd.Categorical(DATES, ordered=True)), pa.chunked_array([pa.array(DATES).dictionary_encode()]), pd.Series(pd.to_timedelta(DAYS, "D")), DATES.to_numpy(), list(UTC),
        pl.Series(DATES), pa.chunked_array([pa.array(DATES)]), pd.DataFrame({"a": DATES, "b": DATES}),
    ],
)  # fmt: skip
def test_a_target_of_dates_is_refused(y):
    with pytest.raises(InputError, match="the target holds (dates|durations); turn them into numbers"):
        _fitted(np.zeros((N, 1)), y)


ODD = {
    "times": ([datetime.time(i % 24) for i in range(N)], "column 't' holds times of the day"),
    "periods": (pd.period_range("2024-01", periods=N, freq="M"), "column 't' holds periods"),
    "dates and texts": ([*UTC[1:], "soon"], "column 't' holds dates and other values"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_no_date_is_refused_by_name(case):
    cells, message = ODD[case]
    cells = cells if case == "periods" else pd.Series(cells, dtype=object)
    with pytest.raises(InputError, match=message):
        _fitted(pd.DataFrame({"t": cells}))


def test_missing_dates_of_arrow_in_pandas():
    holes = DATES.mask(np.arange(N) % 7 == 0)
    right = _fitted(pd.DataFrame({"t": holes})).predict(pd.DataFrame({"t": holes}))
    for kind in (pa.date32(), pa.date64()):
        frame = pd.DataFrame({"t": pd.Series(pa.array(holes.dt.date).cast(kind), dtype=pd.ArrowDtype(kind))})
        assert frame["t"].isna().any()
        assert np.array_equal(_fitted(frame).predict(frame), right)


@pytest.mark.parametrize("unit", ["W", "2D", "6h", "15m", "s", "100ms", "ms", "10us", "us", "10ns", "ns", "ps", "5as"])
def test_durations_of_every_step_are_days(unit):
    counted = np.arange(N) * 7 + 1
    spans = counted.astype(f"timedelta64[{unit}]")
    step, name = np.datetime_data(spans.dtype)[1], np.datetime_data(spans.dtype)[0]
    in_days = {
        "W": 7, "D": 1, "h": 1 / 24, "m": 1 / 1440, "s": 1 / 86400, "ms": 1e-3 / 86400, "us": 1e-6 / 86400,
        "ns": 1e-9 / 86400, "ps": 1e-12 / 86400, "as": 1e-18 / 86400,
    }  # fmt: skip
    expected = counted * step * in_days[name]
    assert np.allclose(days_of_array(spans), expected, rtol=1e-12, atol=0)
    assert np.isnan(days_of_array(np.array(["NaT"], dtype=spans.dtype))).all()


@pytest.mark.parametrize("unit", ["Y", "M", "W", "3D", "h", "15m", "s", "100ms", "ms", "10us", "us", "ns"])
def test_dates_of_every_step_are_days(unit):
    texts = ["1969-12-29", "2024-02-01", "1970-01-01", "1950-06-15"]
    dates = np.array(texts, dtype="datetime64[D]").astype(f"datetime64[{unit}]")
    expected = [(np.datetime64(date, "D") - np.datetime64("1970-01-01", "D")).astype(int) for date in dates]
    assert days_of_array(dates).tolist() == expected


def test_a_short_duration_is_learned_from(tmp_path):
    spans = np.arange(N).astype("timedelta64[ns]") * 20
    frame = pd.DataFrame({"t": spans})
    fitted = _fitted(frame, np.arange(N) / 10)
    assert fitted.score(frame, np.arange(N) / 10) > 0.99
    assert np.array_equal(_fitted(pl.DataFrame(frame), np.arange(N) / 10).predict(frame), fitted.predict(frame))
    model = serving.model_fn(str(fitted.save(tmp_path / "bundle")))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("t", pa.duration("ns"))])) as stream:
        stream.write_table(pa.table({"t": pa.array(spans)}))
    rows = serving.input_fn(sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream")
    answer = serving.output_fn(serving.predict_fn(rows, model), "application/json")
    assert json.loads(answer[0])["predictions"] == fitted.predict(frame).tolist()


SPANS = pd.Series(pd.to_timedelta(DAYS, "D"))
EXCHANGED = {
    "pandas": pd.DataFrame, "Polars": pl.DataFrame, "Arrow": lambda cells: pa.table({"t": pa.array(cells["t"])}),
    "objects": lambda cells: pd.DataFrame({"t": pd.Series(list(cells["t"]), dtype=object)}),
    "NumPy": lambda cells: cells["t"].to_numpy()[:, None],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("case", EXCHANGED)
def test_dates_and_durations_keep_their_kind(case, plain, tmp_path):
    make = EXCHANGED[case]
    spans = _fitted(pd.DataFrame({"t": SPANS}))
    for fitted in (plain, load(plain.save(tmp_path / "dates"))):
        with pytest.raises(InputError, match=r"\(dates, now durations\)"):
            fitted.predict(make({"t": SPANS}))
    for fitted in (spans, load(spans.save(tmp_path / "spans"))):
        with pytest.raises(InputError, match=r"\(durations, now dates\)"):
            fitted.predict(make({"t": DATES}))
    missing = pd.DataFrame({"t": pd.Series([None, None], dtype=object)})
    for fitted in (spans, plain):
        assert np.array_equal(fitted.predict(missing), fitted.predict(pd.DataFrame({"t": [np.nan, np.nan]})))
    with pytest.raises(InputError, match=r"\(durations, now "):
        spans.predict(pd.DataFrame({"t": ["2024-05-01"]}))


def test_an_endpoint_keeps_dates_and_durations_apart(plain, tmp_path):
    model = serving.model_fn(str(plain.save(tmp_path / "bundle")))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("t", pa.duration("us"))])) as stream:
        stream.write_table(pa.table({"t": pa.array(SPANS).cast(pa.duration("us"))}))
    rows = serving.input_fn(sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream")
    refused = serving.output_fn(serving.predict_fn(rows, model), "application/json")
    assert refused.status_code == 400
    assert "holds durations, and held dates in training" in refused.get_data(as_text=True)


GERMAN = {
    "pandas #11725": (["29.01.1945", "1.3.1945", "02.03.1945"], ["1945-01-29", "1945-03-01", "1945-03-02"]),
    "pandas #12585": (["31/12/2014", "10/03/2011"], ["2014-12-31", "2011-03-10"]),
    "pandas #26304": (
        ["12.01.2017 17:18", "01.02.2017 11:12", "15.04.2017 02:40"],
        ["2017-01-12T17:18", "2017-02-01T11:12", "2017-04-15T02:40"],
    ),
    "pandas #22168": (["2018-04-11 10:30:00", "2018-04-11  10:15:00"], ["2018-04-11T10:30", "2018-04-11T10:15"]),
    "autogluon #1182": (
        ["4/20/2018 15:37", "1/01/1800 00:00", "12/31/2200 23:59", "12/18/1000 2:12", ""],
        ["2018-04-20T15:37", "1800-01-01", "2200-12-31T23:59", "1000-12-18T02:12", "NaT"],
    ),
}


@pytest.mark.parametrize("case", GERMAN)
def test_all_cells_of_a_column_are_read_in_one_order(case):
    texts, right = GERMAN[case]
    form, table = learn_table(pd.DataFrame({"t": texts}))
    assert form.columns[0].kind == "date"
    assert np.array_equal(table.values[:, 0], days_of_array(np.array(right, dtype="M8[us]")), equal_nan=True)
    # A row alone does not settle the order, and is read as the column was.
    for text, days in zip(texts, table.values[:, 0], strict=True):
        assert np.array_equal(read_table(pd.DataFrame({"t": [text]}), form).values, [[days]], equal_nan=True)


def test_a_linear_member_knows_that_december_is_near_to_january():
    days = pd.Series(pd.date_range("2021-01-01", periods=900, freq="D"))
    y = np.cos(2 * np.pi * (days.dt.month - 1) / 12).to_numpy() + np.random.default_rng(0).normal(0, 0.1, 900)
    fitted = EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(pd.DataFrame({"t": days.astype(str)}), y)
    assert fitted.score_estimate_ > -0.12  # of an error of 0.1 that nobody can know


def test_a_holiday_of_years_before_comes_again():
    days = pd.Series(pd.date_range("2016-01-01", "2021-12-31", freq="D"))
    closed = days.dt.strftime("%m-%d").isin(["07-04", "12-25"])
    y = np.random.default_rng(0).normal(0, 0.1, len(days)) - closed
    trees = learner("xgboost", n_estimators=50, min_child_weight=1)
    fitted = EnsembleRegressor([trees], cv=3, random_state=0).fit(pd.DataFrame({"t": days}), y)
    found = fitted.predict(pd.DataFrame({"t": ["2022-07-03", "2022-07-04", "2022-12-24", "2022-12-25"]}))
    assert found[1] < -0.5 < -0.3 < found[0]
    assert found[3] < -0.5 < -0.3 < found[2]
