"""Rows are compared with those of the training: what is told, what is not, and how often it is told in vain."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from tests.make_bundles import table

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.data._input import learn_table, read_table
from byoe.data._profile import MOST_ROWS, Profile
from byoe.data._spread import Spread
from byoe.errors import BundleError, InputError, UnknownNameError
from byoe.scoring._drift import by_chance, drift, so_many, stability_index


def stones(n, seed=0):
    """Return a table of every kind of column, like that of diamonds."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "carat": np.exp(rng.normal(-0.4, 0.5, n)).clip(0.2, 5),
            "cut": rng.choice(["Fair", "Good", "Ideal"], n, p=[0.1, 0.3, 0.6]),
            "depth": rng.normal(61, 1.4, n),
            "facets": rng.poisson(4, n),
            "certified": rng.random(n) < 0.3,
            "stone": rng.integers(0, 10**9, n).astype(str),
            "shop": np.minimum(rng.zipf(1.7, n), 10**6).astype(str),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
            "held": pd.to_timedelta(rng.integers(1, 90, n), "D"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "depth"] = np.nan
    return frame


TRAIN = stones(400)


def learned(X, weight=None):
    form, table = learn_table(X)
    return Profile.of(table, form, weight), form


PROFILE, FORM = learned(TRAIN)


def compared(X, profile=PROFILE, form=FORM):
    return drift(profile, form, read_table(X, form), {})


def verdicts(found):
    return {row["column"]: row["verdict"] for row in found if row["verdict"] != "same"}


@pytest.fixture(scope="module")
def ensemble():
    y = 4000 * TRAIN["carat"] + np.random.default_rng(1).normal(0, 100, len(TRAIN))
    # Which names the identifier as categories that are meant, so that nothing warns of it.
    return EnsembleRegressor(("ridge",), categorical=["stone"], random_state=0).fit(TRAIN, y)


# -- the numbers ---------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@example([0.0, 0.0, -0.0], 0)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.integers(-3, 3)), min_size=2, max_size=120),
    st.integers(0, 99),
)
def test_a_table_is_the_same_as_itself_and_its_order_does_not_matter(cells, seed):
    X = np.array(cells, dtype=float)[:, None]
    profile, form = learned(X)
    assert verdicts(drift(profile, form, read_table(X, form), {})) == {}
    other, _ = learned(np.random.default_rng(seed).permutation(X))
    assert json.dumps(other.as_json()) == json.dumps(profile.as_json())
    assert json.dumps(Profile.of_json(json.loads(json.dumps(profile.as_json()))).as_json()) == json.dumps(
        profile.as_json()
    )


def test_every_kind_of_column_is_the_same_as_itself():
    found = compared(TRAIN)
    assert verdicts(found) == {}
    assert max(row["psi"] for row in found) < 1e-12
    shuffled, _ = learned(TRAIN.sample(frac=1, random_state=3))
    assert shuffled.as_json() == PROFILE.as_json()


@pytest.mark.parametrize("n_rows", [7, 300])
@pytest.mark.parametrize("n_columns", [1, 3, 2500])
def test_ranges_are_those_of_numpy(rng, n_rows, n_columns):
    X = rng.normal(size=(n_rows, n_columns))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 0] = np.nan
    profile, _ = learned(X)
    known = pd.DataFrame(X)
    np.testing.assert_array_equal([spread.low for spread in profile.spreads], known.min())
    np.testing.assert_array_equal([spread.high for spread in profile.spreads], known.max())
    np.testing.assert_array_equal([spread.missing for spread in profile.spreads], known.isna().sum())


def test_many_rows_are_sampled_for_bins_and_not_for_ranges(rng):
    X = rng.normal(size=(MOST_ROWS + 5_000, 2))
    profile, _ = learned(X)
    assert [spread.counts.sum() for spread in profile.spreads] == [MOST_ROWS] * 2
    assert [spread.high for spread in profile.spreads] == X.max(axis=0).tolist()
    shares = profile.spreads[0].counts[:-1] / MOST_ROWS
    assert np.abs(shares - 0.1).max() < 0.001
    again, _ = learned(X)
    assert again.as_json() == profile.as_json()


def test_rows_that_weigh_nothing_are_not_of_the_training():
    weight = np.ones(len(TRAIN))
    heavy = TRAIN["carat"] > 2
    weight[heavy] = 0
    profile, _ = learned(TRAIN, weight)
    assert profile.rows == (~heavy).sum()
    assert profile.spreads[0].high <= 2 < PROFILE.spreads[0].high
    doubled, _ = learned(TRAIN, weight + 1)
    assert doubled.as_json() == PROFILE.as_json()


def test_the_index_is_that_of_its_formula_for_many_rows():
    then, now = np.array([200_000, 300_000, 500_000]), np.array([300_000, 300_000, 400_000])
    p, q = then / then.sum(), now / now.sum()
    assert stability_index(then, now) == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-4)
    assert stability_index(then, then) == 0
    assert np.isfinite(stability_index(np.array([5, 0]), np.array([0, 5])))
    limit = by_chance(then, now, 0.05)
    assert limit == pytest.approx(2e-6 * stats.chi2.isf(0.05, 2))


@pytest.mark.parametrize(("n_rows", "gaps", "n_then"), [(40, 2, 60), (7, 3, 5), (1, 2, 1)])
def test_the_chance_of_cells_outside_is_that_of_scipy(n_rows, gaps, n_then):
    law = stats.betabinom(n_rows, gaps, max(n_then + 1 - gaps, 1))
    for out in range(n_rows + 1):
        assert so_many(out, n_rows, gaps, n_then) == pytest.approx(law.sf(out - 1), abs=1e-9)


def test_counts_of_codes():
    cells = np.repeat([0.0, 1.0, 2.0, np.nan], [50, 40, 1, 9])
    spread = Spread.of_codes(cells, 3)
    assert (spread.codes.tolist(), spread.counts.tolist(), spread.once) == ([0, 1], [50, 40, 1, 9], 1)
    assert spread.count(np.array([0.0, 3.0, 2.0, np.nan, 1.0])).tolist() == [1, 1, 2, 1]


# -- the verdicts --------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [1, 5, 30, 1000])
def test_rows_of_the_same_kind_are_rarely_called_other(n_rows):
    """Of a hundred tables one may have a column that differs: of twenty hardly any."""
    told = [verdicts(compared(stones(n_rows, seed))) for seed in range(100, 120)]
    assert sum(map(bool, told)) <= 2, told


MEETINGS = {
    "a stone of 500 carats": (lambda X: X.assign(carat=[500.0, *X["carat"][1:]]), {"carat": "outside"}),
    "grams as kilograms": (lambda X: X.assign(carat=X["carat"] / 1000), {"carat": "outside"}),
    "a new category": (lambda X: X.assign(cut=["Odd", *X["cut"][1:]]), {"cut": "outside"}),
    "a constant": (lambda X: X.assign(depth=61.0), {"depth": "shifted"}),
    "all missing": (lambda X: X.assign(carat=np.nan), {"carat": "shifted"}),
    "none missing": (lambda X: X.assign(depth=X["depth"].fillna(61)), {"depth": "shifted"}),
    "later dates": (lambda X: X.assign(sold=X["sold"] + pd.Timedelta("900D")), {"sold": "later"}),
    "earlier dates": (lambda X: X.assign(sold=X["sold"] - pd.Timedelta("900D")), {"sold": "outside"}),
    "dates that are missing": (lambda X: X.assign(sold=pd.NaT), {"sold": "shifted"}),
    "durations of another unit": (lambda X: X.assign(held=X["held"] / 24), {"held": "outside"}),
    "other shares of categories": (lambda X: X.assign(cut="Fair"), {"cut": "shifted"}),
    "a flag that is always true": (lambda X: X.assign(certified=True), {"certified": "shifted"}),
    "other identifiers": (lambda X: X.assign(stone=X["stone"] + "0"), {}),
    "through float32": (lambda X: X.assign(carat=X["carat"].astype("float32"), depth=X["depth"].astype("float32")), {}),
    "codes as texts": (lambda X: X.assign(facets=X["facets"].astype(str)), {}),
}


@pytest.mark.parametrize("name", MEETINGS)
def test_meetings(name):
    change, expected = MEETINGS[name]
    assert verdicts(compared(change(stones(200, 7)))) == expected


@pytest.mark.parametrize("n_rows", [1, 5])
def test_few_rows_are_told_apart_where_they_can_be(n_rows):
    rows = stones(n_rows, 8)
    assert verdicts(compared(rows.assign(carat=500.0))) == {"carat": "outside"}
    assert verdicts(compared(rows.assign(cut="Odd"))) == {"cut": "outside"}
    missing = verdicts(compared(rows.assign(carat=np.nan)))
    assert missing == ({"carat": "shifted"} if n_rows == 5 else {})


def test_what_the_table_tells():
    rows = stones(200, 7)
    rows.loc[0, "carat"], rows.loc[1, "cut"] = 500.0, "Odd"
    found = compared(rows)
    carat = found["carat"]
    low, high = TRAIN["carat"].min(), TRAIN["carat"].max()
    assert carat["above"] == 1 / 200
    assert carat["beyond"] == pytest.approx((500 - high) / (high - low))
    assert carat["median_then"] == TRAIN["carat"].sort_values().iloc[199]
    assert carat["median"] == rows["carat"].sort_values().iloc[99]
    assert found["cut"]["unseen"] == 1 / 200
    assert found["depth"]["missing_then"] == TRAIN["depth"].isna().mean()
    assert found["depth"]["missing"] == rows["depth"].isna().mean()
    assert found["sold"]["median_then"].startswith("2024-")
    assert {row["column"] for row in found[:2]} == {"carat", "cut"}
    with pytest.raises(UnknownNameError, match=r"no column 'karat'. Did you mean 'carat'"):
        found["karat"]
    frame = found.to_frame()
    assert frame.loc["cut", "verdict"] == "outside"
    text = repr(found)
    assert text.splitlines()[0].split()[:3] == ["column", "kind", "verdict"]
    assert "200 rows are compared with the 400 of the training" in text
    assert "<th title=" in found._repr_html_()
    assert "<td>carat</td>" in found._repr_html_()


def test_a_constant_of_the_training_has_no_width():
    profile, form = learned(np.full((50, 1), 3.0))
    found = compared(np.array([[3.0], [4.0]]), profile, form)
    assert (found[0]["verdict"], found[0]["beyond"]) == ("outside", np.inf)
    assert verdicts(compared(np.full((9, 1), 3.0), profile, form)) == {}


def test_a_column_that_was_always_missing():
    profile, form = learned(pd.DataFrame({"a": [np.nan] * 50, "b": range(50)}))
    rows = pd.DataFrame({"a": [1.0] * 20, "b": range(20, 40)})
    assert verdicts(compared(rows, profile, form)) == {"a": "shifted"}


def test_sparse_rows_are_compared_too(rng):
    dense = rng.poisson(0.3, (300, 6)).astype(float)
    dense[:, 5] += 1  # never zero
    profile, form = learned(sparse.csr_matrix(dense))
    assert verdicts(compared(sparse.csr_matrix(dense), profile, form)) == {}
    other = dense[:40].copy()
    other[0, 2], other[3, 5] = 900, 0
    found = compared(sparse.csr_matrix(other), profile, form)
    assert verdicts(found)[2] == "outside"
    outside = profile.outside(sparse.csr_matrix(other), form)
    plain, plain_form = learned(dense)
    expected = plain.outside(other, plain_form)
    assert (outside.rows, outside.below.tolist(), outside.above.tolist()) == (
        expected.rows,
        expected.below.tolist(),
        expected.above.tolist(),
    )
    assert outside.rows == 2


def test_rows_and_cells_outside_are_those_of_a_count_by_hand():
    rows = stones(300, 9)
    rows["carat"] *= 3
    rows["sold"] += pd.Timedelta("200D")
    outside = PROFILE.outside(read_table(rows, FORM).values, FORM)
    beyond = pd.DataFrame(
        {
            **{
                name: (rows[name] < TRAIN[name].min()) | (rows[name] > TRAIN[name].max())
                for name in ("carat", "depth", "facets", "held")
            },
            **{name: ~rows[name].isin(TRAIN[name]) for name in ("cut", "stone", "shop")},
        }
    )
    assert outside.rows == beyond.any(axis=1).sum()
    assert outside.above[0] == (rows["carat"] > TRAIN["carat"].max()).sum()
    assert outside.above[7] == (rows["sold"] > TRAIN["sold"].max()).sum()
    assert outside.missing.tolist() == rows.isna().sum().tolist()


# -- ensembles -----------------------------------------------------------------------


def test_an_ensemble_compares_rows_and_predictions(ensemble, tmp_path):
    assert verdicts(ensemble.drift(TRAIN)) == {}
    rows = stones(60, 5).assign(carat=lambda X: 100 * X["carat"])
    found = ensemble.drift(rows)
    assert found[0]["column"] == "prediction"
    assert verdicts(found) == {"prediction": "outside", "carat": "outside"}
    assert ensemble.drift(rows, predictions=False)[0]["column"] == "carat"
    loaded = byoe.load(ensemble.save(tmp_path / "m", oof=False))
    assert repr(loaded.drift(rows)) == repr(found)
    with pytest.raises(InputError, match="carat"):
        ensemble.drift(rows.drop(columns="carat"))


def test_columns_of_arrays_are_called_by_number(diabetes):
    X, y = diabetes
    found = EnsembleRegressor(("ridge",), random_state=0).fit(X, y).drift(X + 10 * (np.arange(10) == 4))
    assert found["4"]["verdict"] == "outside"
    assert {row["column"] for row in found} == {"prediction", *range(10)}


def test_predictions_of_classes(iris):
    X, y = iris
    found = EnsembleClassifier(("ridge", "knn"), "mean", random_state=0).fit(X, y).drift(X[:50])
    assert (found[0]["column"], found[0]["verdict"]) == ("prediction", "shifted")
    two = EnsembleClassifier(("ridge",), random_state=0).fit(X[:100], y[:100])
    assert two.drift(X[:100])[0]["column"] == "probability of versicolor"
    votes = EnsembleClassifier(("ridge", "knn"), "vote", random_state=0).fit(X, y)
    assert votes.drift(X)[0]["verdict"] == "same"
    several = EnsembleRegressor(("ridge",), random_state=0).fit(X[:, :2], X[:, 2:])
    assert [row["column"] for row in several.drift(X[:, :2])][:2] == ["prediction 0", "prediction 1"]


def test_another_blend_has_other_predictions(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), "best", random_state=0).fit(X, y)
    other = ensemble.reblend("mean")
    assert other._profile.spreads is ensemble._profile.spreads
    assert other._profile.predictions["prediction"].high == pytest.approx(other.oof_blend_.max())
    assert ensemble._profile.predictions["prediction"].high == pytest.approx(ensemble.oof_blend_.max())


def test_a_bundle_may_keep_nothing_of_the_training(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "m")
    assert (folder / "profile.json").is_file()
    ensemble.save(folder, profile=False)
    assert not (folder / "profile.json").exists()
    with pytest.raises(BundleError, match="nothing is known of what training held"):
        byoe.load(folder).drift(TRAIN)


@pytest.mark.parametrize("name", ["regression", "classification", "layers"])
def test_bundles_of_versions_that_kept_no_profile_say_that_they_know_nothing(name):
    old = byoe.load(Path(__file__).parent / "bundles" / "format-2" / name)
    with pytest.raises(BundleError, match="by a version of byoe that kept none. Fit and save it again"):
        old.drift(table()[0][["rooms"]] if name == "layers" else table()[0])


def test_a_changed_profile_is_noticed(ensemble, tmp_path):
    folder = ensemble.save(tmp_path / "m")
    file = folder / "profile.json"
    file.write_text(file.read_text().replace('"rows": 400', '"rows": 401'))
    with pytest.raises(BundleError, match=r"profile.json is not the one that was saved"):
        byoe.load(folder)


def test_a_profile_holds_no_cells_but_extremes_and_medians(ensemble, tmp_path):
    said = json.loads((ensemble.save(tmp_path / "m") / "profile.json").read_text())
    assert set(said) == {"rows", "columns", "predictions"}
    numbers = {json.dumps(cell) for cell in TRAIN["carat"].tolist()}
    column = said["columns"][0]
    assert numbers & set(map(json.dumps, column["edges"])) == set()
    assert len(json.dumps(said)) < 5_000


def test_predictions_that_no_blender_was_tested_on_are_not_compared(ensemble):
    nothing = ensemble._profile.with_predictions({"prediction": Spread.of_numbers(np.empty(0), np.nan, np.nan, 0)})
    table = read_table(TRAIN, FORM)
    found = drift(nothing, FORM, table, {"prediction": np.zeros(len(table))})
    assert "prediction" not in {row["column"] for row in found}
