"""Baselines for monitors of data: numbers as pandas has them, in the form that SageMaker Model Monitor documents."""

import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.monitor_schema import faults

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.data._summary import MOST_VALUES, Numbers
from byoe.errors import InputError
from byoe.serving import input_fn, model_fn, output_fn, predict_fn

N = 400


def stones(seed=0, n=N):
    """Return a table of every kind of column."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "carat": np.exp(rng.normal(-0.4, 0.5, n)),
            "facets": rng.integers(-2, 9, n),
            "depth": np.where(rng.random(n) < 0.1, np.nan, rng.normal(61, 1.4, n)),
            "held": pd.array(np.where(rng.random(n) < 0.2, None, rng.integers(0, 90, n)), dtype="Int64"),
            "cut": np.where(rng.random(n) < 0.05, None, rng.choice(["Fair", "Good", "Ideal"], n)),
            "grade": pd.Categorical(rng.integers(10, 14, n)),
            "weight": pd.Categorical(rng.choice(["0.5", "1", "2.5"], n)),
            "certified": rng.random(n) < 0.3,
            "sure": pd.Series(np.where(rng.random(n) < 0.1, None, rng.random(n) < 0.5), dtype=object),
            "stone": [f"stone {i // 2}" for i in range(n)],
            "shop": [f"shop {i}" for i in rng.integers(0, MOST_VALUES + 30, n)],
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
            "notes": np.full(n, np.nan),
        }
    )


def price(frame, seed=0):
    return 4000 * frame["carat"] + np.random.default_rng(seed).normal(0, 100, len(frame))


@pytest.fixture(scope="module")
def ensemble():
    frame = stones()
    return EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(frame, price(frame))


@pytest.fixture(scope="module")
def written(ensemble, tmp_path_factory):
    return read(ensemble.baseline(tmp_path_factory.mktemp("stones") / "baseline", stones()))


def read(made):
    """Return the two files, the first one by column; they have the service's form."""
    statistics, constraints = (json.loads(file.read_text(encoding="utf-8")) for file in made)
    assert faults(statistics, constraints) == []
    return statistics, {one["name"]: one for one in statistics["features"]}, constraints


def asked(constraints):
    return {one["name"]: one for one in constraints["features"]}


def test_types_are_those_of_the_cells_in_csv(written):
    statistics, columns, _ = written
    assert statistics["version"] == 0.0
    assert statistics["dataset"] == {"item_count": N}
    assert {name: one["inferred_type"] for name, one in columns.items()} == {
        "predictions": "Fractional",
        "carat": "Fractional",
        "facets": "Integral",
        "depth": "Fractional",
        "held": "Integral",
        "cut": "String",
        "grade": "Integral",
        "weight": "Fractional",
        "certified": "String",
        "sure": "String",
        "stone": "String",
        "shop": "String",
        "sold": "String",
        "notes": "Unknown",
    }


@pytest.mark.parametrize("name", ["carat", "facets", "depth", "held", "grade", "weight"])
def test_numbers_are_those_of_pandas(written, name):
    cells = stones()[name].astype(object).dropna().astype(float)
    told = written[1][name]["numerical_statistics"]
    assert told["common"] == {"num_present": len(cells), "num_missing": N - len(cells)}
    for key, value in (
        ("mean", cells.mean()),
        ("sum", cells.sum()),
        ("std_dev", cells.std(ddof=0)),
        ("min", cells.min()),
        ("max", cells.max()),
    ):
        assert told[key] == pytest.approx(value, rel=1e-12), key
    counts, bounds = np.histogram(cells, bins=10)
    buckets = told["distribution"]["kll"]["buckets"]
    assert [one["count"] for one in buckets] == counts.tolist()
    np.testing.assert_allclose([one["lower_bound"] for one in buckets], bounds[:-1])
    np.testing.assert_allclose([one["upper_bound"] for one in buckets], bounds[1:])
    assert told["distribution"]["kll"]["sketch"]["data"] == [sorted(cells)]  # of so few rows, all of them
    assert asked(written[2])[name]["num_constraints"] == {"is_non_negative": bool(cells.min() >= 0)}


@pytest.mark.parametrize("name", ["cut", "certified", "sure"])
def test_texts_are_those_that_pandas_writes(written, name):
    cells = pd.read_csv(io.StringIO(stones().to_csv(index=False)), dtype=str)[name]
    told = written[1][name]["string_statistics"]
    times = cells.value_counts()
    assert told["common"] == {"num_present": int(times.sum()), "num_missing": N - int(times.sum())}
    assert told["distinct_count"] == len(times)
    buckets = told["distribution"]["categorical"]["buckets"]
    assert {one["value"]: one["count"] for one in buckets} == times.to_dict()
    assert sorted(asked(written[2])[name]["string_constraints"]["domains"]) == sorted(times.index)


@pytest.mark.parametrize("name", ["stone", "shop", "sold"])
def test_values_that_go_on_are_no_domain(written, name):
    told = written[1][name]["string_statistics"]
    assert told == {"common": {"num_present": N, "num_missing": 0}, "distinct_count": stones()[name].nunique()}
    assert "string_constraints" not in asked(written[2])[name]


def test_values_that_were_there_once_are_no_domain(tmp_path):
    frame = pd.DataFrame({"carat": stones()["carat"][:60], "stone": [f"stone {i % 50}" for i in range(60)]})
    made = EnsembleRegressor(("ridge",), random_state=0).fit(frame, price(frame)).baseline(tmp_path, frame)
    _, columns, constraints = read(made)
    assert len(columns["stone"]["string_statistics"]["distribution"]["categorical"]["buckets"]) == 50
    assert "string_constraints" not in asked(constraints)["stone"]


def test_a_column_without_a_cell_is_unknown(written):
    assert written[1]["notes"] == {"name": "notes", "inferred_type": "Unknown"}
    assert asked(written[2])["notes"] == {"name": "notes", "inferred_type": "Unknown", "completeness": 0.0}


def test_what_is_compared_is_as_the_service_suggests_it(written):
    assert written[2]["monitoring_config"] == {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
        },
    }


# Predictions


def test_predictions_of_the_training_are_those_of_models_that_had_not_seen_the_row(ensemble, written):
    told = written[1]["predictions"]["numerical_statistics"]
    oof = ensemble.oof_predictions_.mean(axis=1)
    assert told["mean"] == pytest.approx(oof.mean())
    assert told["std_dev"] == pytest.approx(oof.std())
    assert next(iter(written[1])) == "predictions"


def test_predictions_of_other_rows_are_those_of_predict(ensemble, tmp_path):
    later = stones(seed=1, n=50)
    later["cut"] = "Very good"
    statistics, columns, constraints = read(ensemble.baseline(tmp_path, later))
    assert asked(constraints)["cut"]["string_constraints"] == {"domains": ["Very good"]}
    assert columns["shop"]["string_statistics"]["distinct_count"] == later["shop"].nunique()
    assert statistics["dataset"]["item_count"] == 50
    told = columns["predictions"]["numerical_statistics"]
    assert told["mean"] == pytest.approx(ensemble.predict(later).mean())
    assert told["max"] == pytest.approx(ensemble.predict(later).max())


def test_a_bundle_writes_the_same(ensemble, written, tmp_path):
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert read(loaded.baseline(tmp_path / "baseline", stones())) == written
    lean = byoe.load(ensemble.save(tmp_path / "lean", oof=False))
    _, columns, _ = read(lean.baseline(tmp_path / "baseline", stones()))  # over what was there
    told = columns["predictions"]["numerical_statistics"]
    assert told["mean"] == pytest.approx(ensemble.predict(stones()).mean())


@pytest.mark.parametrize(
    ("labels", "kind"), [(["no", "yes"], "String"), ([0, 1], "Integral"), ([False, True], "String")]
)
def test_of_classes_the_predictions_are_labels(tmp_path, labels, kind):
    frame = stones()[["carat", "facets"]]
    y = np.asarray(labels)[(frame["carat"] > 0.7).astype(int)]
    made = EnsembleClassifier(("knn",), random_state=0).fit(frame, y)
    _, columns, constraints = read(made.baseline(tmp_path, frame))
    assert columns["predictions"]["inferred_type"] == kind
    if kind == "String":
        assert asked(constraints)["predictions"]["string_constraints"]["domains"] == [str(one) for one in labels]


def test_several_targets_are_columns_as_in_csv(tmp_path):
    frame = stones()[["carat", "facets"]]
    y = np.column_stack([price(frame), -price(frame)])
    _, columns, _ = read(EnsembleRegressor(("ridge",), random_state=0).fit(frame, y).baseline(tmp_path, frame))
    assert list(columns) == ["prediction_0", "prediction_1", "carat", "facets"]


def test_columns_without_names_are_called_as_the_service_calls_them(tmp_path):
    values = stones()[["carat", "facets"]].to_numpy(dtype=float)
    made = EnsembleRegressor(("ridge",), random_state=0).fit(values, values[:, 0])
    assert list(read(made.baseline(tmp_path, values))[1]) == ["_c0", "_c1", "_c2"]


def test_a_column_that_is_called_as_the_answer_is_another_one(tmp_path):
    frame = stones()[["carat", "facets"]].rename(columns={"facets": "predictions"})
    made = EnsembleRegressor(("ridge",), random_state=0).fit(frame, price(frame))
    assert list(read(made.baseline(tmp_path, frame))[1]) == ["predictions_of_endpoint", "carat", "predictions"]


def test_rows_that_taught_nothing_are_left_out(tmp_path):
    frame, weight = stones()[["carat", "facets"]], np.ones(N)
    weight[:100] = 0
    frame.loc[:99, "carat"] = 1e6
    made = EnsembleRegressor(("ridge",), random_state=0).fit(frame, price(frame), sample_weight=weight)
    statistics, columns, _ = read(made.baseline(tmp_path, frame))
    assert statistics["dataset"]["item_count"] == 300
    assert columns["carat"]["numerical_statistics"]["max"] == frame["carat"][100:].max()
    assert columns["predictions"]["numerical_statistics"]["common"] == {"num_present": 300, "num_missing": 0}


def test_only_rows_with_a_prediction_tell_of_predictions(tmp_path):
    from sklearn.model_selection import TimeSeriesSplit

    frame = stones()[["carat", "facets"]]
    made = EnsembleRegressor(("ridge", "knn"), "mean", cv=TimeSeriesSplit(3), random_state=0).fit(frame, price(frame))
    _, columns, constraints = read(made.baseline(tmp_path, frame))
    # Those behind the first fold, of which blenders have seen earlier ones.
    assert columns["predictions"]["numerical_statistics"]["common"] == {"num_present": 200, "num_missing": 0}
    assert asked(constraints)["predictions"]["completeness"] == 1.0


def test_numbers_of_float32_are_added_up_as_float64(tmp_path):
    frame = pd.DataFrame({"large": [1e20, 2e20, 3e20, 5e20] * 20, "small": np.arange(80.0)}, dtype=np.float32)
    made = EnsembleRegressor(("ridge",), random_state=0).fit(frame, frame["small"])
    some = frame[:60]
    _, columns, _ = read(made.baseline(tmp_path, some))
    numbers = columns["large"]["numerical_statistics"]
    assert numbers["sum"] == some["large"].astype(float).sum()
    assert numbers["std_dev"] == pytest.approx(some["large"].astype(float).std(ddof=0))


def test_frames_of_polars_are_described_alike(tmp_path):
    pl = pytest.importorskip("polars")
    frame = stones()[["carat", "facets", "cut", "certified", "sold"]]
    made = [
        EnsembleRegressor(("ridge",), random_state=0).fit(table, price(frame)).baseline(tmp_path / name, table)
        for name, table in (("pandas", frame), ("polars", pl.from_pandas(frame)))
    ]
    assert read(made[0]) == read(made[1])


def test_texts_that_are_no_numbers_of_this_machine_stay_texts(tmp_path):
    frame = pd.DataFrame({"carat": stones()["carat"], "stone": np.where(np.arange(N) % 2, "9" * 400, "1e3")})
    frame["other"] = np.where(np.arange(N) % 2, "9" * 400, "8" * 400)
    made = EnsembleRegressor(("ridge",), random_state=0).fit(frame, price(frame))
    _, columns, _ = read(made.baseline(tmp_path, frame))
    assert [columns[name]["inferred_type"] for name in ("stone", "other")] == ["String", "String"]


# What an endpoint captures


def type_of(cells):
    """Return the type of texts as deequ tells it, whose analysers those of the service are."""
    if not cells:
        return "Unknown"
    if all(re.fullmatch(r"[-+]? ?\d*", cell) for cell in cells):
        return "Integral"
    return "Fractional" if all(re.fullmatch(r"[-+]? ?\d*(\.\d*)?", cell) for cell in cells) else "String"


@pytest.fixture(scope="module")
def model(ensemble, tmp_path_factory):
    return model_fn(ensemble.save(tmp_path_factory.mktemp("served") / "model"))


def test_captured_csv_has_the_columns_of_the_baseline_in_its_order(model, written):
    request = stones(seed=1).to_csv(index=False, header=False)
    answer, _ = output_fn(predict_fn(input_fn(request, "text/csv"), model), "text/csv")
    rows = [[*a, *b] for a, b in zip(csv.reader(answer.splitlines()), csv.reader(request.splitlines()), strict=True)]
    captured = {
        name: list(filter(None, cells)) for name, cells in zip(written[1], zip(*rows, strict=True), strict=True)
    }
    assert {name: type_of(cells) for name, cells in captured.items()} == {
        name: told["inferred_type"] for name, told in written[1].items()
    }
    for name, told in written[1].items():
        if "numerical_statistics" in told:
            sketch = told["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"]
            cells = np.array(captured[name], dtype=float)
            assert distance(sketch, cells) < 0.1, name
            assert distance(sketch, cells + 3 * cells.std()) > 0.1, name


def distance(sketch, cells):
    """Return how far two distributions are from each other by the method "Robust": less what few rows may differ by."""
    items = np.concatenate(sketch)
    weights = np.concatenate([np.full(len(level), 1 << i) for i, level in enumerate(sketch)])
    apart = max(abs(weights[items <= at].sum() / weights.sum() - np.mean(cells <= at)) for at in {*items, *cells})
    n, m = len(cells), weights.sum()
    return max(0.0, apart - 1.8 * np.sqrt((n + m) / (n * m)))


def test_captured_json_lines_have_the_names_of_the_baseline(model, written):
    row = stones()[:1].astype(object)
    request = row.where(row.notna(), None).to_json(orient="records", lines=True, date_format="iso")
    answer, _ = output_fn(
        predict_fn(input_fn(request.encode(), "application/jsonlines"), model), "application/jsonlines"
    )
    assert list(json.loads(answer)) + list(json.loads(request)) == list(written[1])


# What is refused


def test_a_sparse_matrix_has_no_baseline(tmp_path):
    X = sparse.random(50, 4, 0.5, format="csr", random_state=0)
    made = EnsembleRegressor(("ridge",), random_state=0).fit(X, np.arange(50.0))
    with pytest.raises(InputError, match="the rows are a sparse matrix, and a baseline describes columns of a table"):
        made.baseline(tmp_path, X)
    assert not list(tmp_path.iterdir())


def test_rows_of_another_form_are_refused(ensemble, tmp_path):
    with pytest.raises(InputError, match="carat"):
        ensemble.baseline(tmp_path, stones().drop(columns="carat"))


# The sketch

_CELLS = st.lists(st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), min_size=1, max_size=300)


@given(cells=_CELLS, size=st.integers(4, 64))
@example(cells=[-0.0, 0.0] * 5, size=4)
@settings(max_examples=200, deadline=None)
def test_the_sketch_is_as_exact_as_it_says(cells, size):
    found = Numbers.of(np.array([*cells, np.nan]), whole=False, size=size)
    items = np.concatenate(found.levels)
    weights = np.concatenate([np.full(len(level), 1 << i) for i, level in enumerate(found.levels)])
    assert weights.sum() == found.present == len(cells)
    assert found.missing == 1
    assert max(map(len, found.levels)) <= size
    assert set(items) <= set(cells)
    known = np.sort(cells)
    for bound in known:
        ranks = np.searchsorted(known, bound), np.searchsorted(known, bound, side="right")
        told = weights[items < bound].sum(), weights[items <= bound].sum()
        assert abs(np.subtract(ranks, told)).max() <= max(1, len(cells) / size)
    assert found.counts.sum() == len(cells)


def test_many_rows_are_sketched_within_a_2048th():
    cells = np.random.default_rng(0).gamma(2.0, size=100_003)
    found = Numbers.of(cells, whole=False, size=2048)
    order = np.sort(cells)
    items = np.concatenate(found.levels)
    weights = np.concatenate([np.full(len(level), 1 << i) for i, level in enumerate(found.levels)])
    places = np.argsort(items)
    told = np.cumsum(weights[places])
    ranks = np.searchsorted(order, items[places], side="right")
    assert abs(told - ranks).max() <= len(cells) / 2048
    assert max(map(len, found.levels)) <= 2048


def test_a_constant_column_has_one_bucket():
    found = Numbers.of(np.full(7, 3.0), whole=True, size=8)
    assert found.counts.tolist() == [0] * 9 + [7]
    assert (found.low, found.high, found.deviation) == (3.0, 3.0, 0.0)


def test_tables_of_many_columns_have_small_sketches(tmp_path):
    X = np.random.default_rng(0).normal(size=(500, 1500))
    made = EnsembleRegressor(("ridge",), random_state=0).fit(X, X[:, 0])
    files = made.baseline(tmp_path, X)
    _, columns, _ = read(files)
    assert columns["_c7"]["numerical_statistics"]["distribution"]["kll"]["sketch"]["parameters"] == {
        "c": 0.64,
        "k": 266.0,
    }
    assert files.statistics.stat().st_size < 15_000_000
