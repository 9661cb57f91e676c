"""Dates of every zone, type and resolution.

autogluon #2538: several zones and dates without one, in a single column with missing cells, crashed.
narwhals #1302: a fixed offset made the type of a column of pandas unknown; zones with an underscore do so today.
LightAutoML #85, orbit #871: a column with a zone made the fit fail.
"""

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from byoe import EnsembleRegressor, load, serving
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
    days = np.array([(cell - datetime.date(1970, 1, 1)).days for cell in far], dtype=float)[:, None]
    objects = pd.DataFrame({"t": pd.Series(far, dtype=object)})
    seconds = pd.DataFrame({"t": np.array(far, dtype="datetime64[s]")})
    for X in (objects, seconds):
        assert np.allclose(_fitted(X).predict(X), _fitted(days).predict(days), rtol=1e-12)


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
        DATES, OSLO, DATES.dt.date, pd.Series(pd.to_timedelta(DAYS, "D")), DATES.to_numpy(), list(UTC),
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
