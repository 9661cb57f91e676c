"""The page tells what the ensemble knows, holds all that it needs, and nothing of the data can change it."""

import json
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import TimeSeriesSplit

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, load
from byoe.ensemble._spec import to_spec
from byoe.errors import InputError, LeakageWarning, ParameterError
from byoe.report import _pictures
from byoe.tools._listing import shown

from .conftest import EVIL, Page

mpl.use("Agg")


def pictures(page):
    return [attributes["aria-label"] for attributes in page.attributes if attributes.get("role") == "img"]


def drawn(page):
    return [told for told in pictures(page) if told != "how the cells are spread"]


@pytest.fixture(scope="module")
def whole(regression, X, y, tmp_path_factory):
    file = regression.report(tmp_path_factory.mktemp("report") / "r.html", X[:80].assign(size=9.0), y[:80])
    return Page(file.read_text(encoding="utf-8"))


# -- what it tells -------------------------------------------------------------------


def test_the_numbers_of_the_board_are_those_of_the_ensemble(whole, regression):
    told = whole.table("scores")
    diagnosis = regression.diagnose()
    assert list(told) == [row["member"] for row in diagnosis]
    for row in diagnosis:
        cells = told[row["member"]]
        assert cells["rmse"] == shown(row["rmse"])
        for key in ("spread", "loses_without", "predict_ms"):
            assert cells[key] == shown(row[key])
        assert cells["weight"] == ("" if row["weight"] is None else f"{row['weight']:.2f}")


def test_the_numbers_of_other_rows_are_those_of_their_board(whole, regression, X, y):
    board = regression.leaderboard(X[:80].assign(size=9.0), y[:80])
    told = whole.table("rows")
    assert {label: told[label]["rmse"] for label in told} == {row["member"]: shown(row["rmse"]) for row in board}
    drift = regression.drift(X[:80].assign(size=9.0))
    assert whole.table("rows", 1)["size"]["verdict"] == drift["size"]["verdict"] == "outside"
    assert set(whole.table("rows", 1)) == {row["column"] for row in drift if row["verdict"] != "same"}


def test_every_column_is_there_with_what_it_holds(whole, regression, X):
    told = whole.table("columns")
    assert list(told) == list(X.columns)
    for name, cells in told.items():
        row = regression.columns_[name]
        assert cells["kind"] == row["kind"]
        assert cells["distinct"] == str(row["distinct"])
    importances = dict(zip(X.columns, regression.feature_importances_, strict=True))
    for name, cells in told.items():
        assert cells["importance"].strip() == f"{100 * importances[name]:.3g} %"
    assert told["size"]["holds"] == f"{shown(X['size'].min())} to {shown(X['size'].max())}"
    assert told["day"]["holds"] == f"{X['day'].min().date()} to {X['day'].max().date()}"
    assert "Köln & Ulm" in told["town"]["holds"]


def test_what_it_was_fitted_on(whole, regression, y):
    head = whole.words[""]
    assert "EnsembleRegressor: cost" in head
    assert f"cost; {shown(y.min())} to {shown(y.max())}, mean {shown(y.mean())}, median {shown(y.median())}" in head
    assert "5: 3 numbers, 1 category, 1 date" in head
    assert "On rows that neither members nor blender saw the blend" in head
    assert shown(regression.leaderboard_["blend"]["rmse"]) in head


def test_it_says_how_to_do_it_again(whole, regression, tmp_path):
    words = whole.words["again"]
    made = {}
    exec(words[words.index("from byoe import") : words.index("fingerprint")], made)
    spec = json.loads(words[words.index("{") :])
    assert to_spec(made["ensemble"]) == spec == to_spec(regression)
    assert f"scikit-learn{sklearn.__version__}" in words
    assert regression._record.table[:16] in words


def test_what_cannot_be_written_down_is_named(page, X, y):
    folds = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    made = page(EnsembleRegressor(("ridge",), cv=folds, metric=lambda e, X, y: 1.0, random_state=0).fit(X, y))
    assert "Not written here: cv, metric." in made.words["again"]
    assert '"left_out"' not in made.words["again"]


def test_what_the_fit_warned_of_is_told(page):
    X, y = np.repeat(np.random.default_rng(0).normal(size=(20, 2)), 2, axis=0), np.repeat(np.arange(20.0), 2)
    with pytest.warns(LeakageWarning):
        ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    assert "of 40 rows have a copy" in page(ensemble).words["warnings"]


def test_nothing_is_said_of_warnings_where_there_were_none(whole):
    assert "warnings" not in whole.words


@pytest.mark.parametrize("far", [False, True])
def test_a_guess_that_is_better_is_told(page, regression, X, y, far):
    words = page(regression, X[:30].assign(size=1e3) if far else X[:30], y[:30]).words["rows"]
    assert ("A guess that knows no features does better" in words) is far


# -- pictures ------------------------------------------------------------------------


def test_a_regression_has_its_pictures(whole):
    told = " ".join(drawn(whole))
    for words in (
        "Scores, with",
        "Weights in",
        "How alike",
        "Predictions of the rows passed",
        "Residuals of the rows passed",
        "one column is shuffled",
        "mean prediction along",
    ):
        assert words in told


def test_classes_have_theirs(page, binary, X, y):
    told = " ".join(drawn(page(binary, X[:60].assign(size=0.1), np.where(y > 0, "yes", "no")[:60])))
    for words in ("What each step of the selection", "Classes of", "How often a class", "ROC curve", "Precision and"):
        assert words in told


def test_without_rows_there_are_those_of_the_fit(page, regression, binary):
    assert "Predictions of the fit's rows, each by models that did not see it." in drawn(page(regression))
    assert "Classes of the fit's rows, each by models that did not see it." in drawn(page(binary))
    assert "rows" not in page(regression).words


def test_of_the_rows_of_the_fit_no_score_is_told(page, regression, X, y):
    made = page(regression, X, y)
    assert "Scores on them would flatter" in made.words["rows"]
    assert "rows" not in made.tables
    assert "Predictions of the fit's rows, each by models that did not see it." in drawn(made)
    assert "How much worse the blend predicts where one column is shuffled." in drawn(made)


def test_rows_without_a_target_are_compared_and_explained(page, X, y):
    ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=4, random_state=0).fit(X, y)
    made = page(ensemble, X[:50].assign(size=9.0))
    assert list(made.table("rows")) == ["prediction", "size"]
    assert any("What columns add to predictions" in told for told in drawn(made))
    assert "Predictions of the fit's rows, each by models that did not see it." in drawn(made)


def test_lines_have_the_colour_of_the_text_whatever_style_is_in_use(regression, tmp_path):
    usual = regression.report(tmp_path / "usual.html").read_text(encoding="utf-8")
    with mpl.style.context("dark_background"):
        mpl.rcParams["font.size"] = 40
        before = dict(mpl.rcParams)
        assert regression.report(tmp_path / "dark.html").read_text(encoding="utf-8") == usual
        assert dict(mpl.rcParams) == before
    assert "currentColor" in usual
    assert _pictures._INK not in usual


def test_many_dots_are_pixels(page, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_500, 1))
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=2, random_state=0).fit(X, X[:, 0] + rng.normal(size=1_500))
    made = page(ensemble)
    assert sum(address.startswith("data:image/png") for address in made.addresses) == 2
    assert (tmp_path / "report.html").stat().st_size < 400_000


def test_without_matplotlib_the_page_says_what_is_missing(page, regression, X, y, monkeypatch):
    monkeypatch.setattr(_pictures, "find_spec", lambda name: None)
    made = page(regression, X[:80].assign(size=9.0), y[:80])
    assert drawn(made) == []
    assert "pip install 'byoe-ensemble[plots]'" in made.words[""]
    assert made.table("scores", 1).keys() == {"ridge", "elastic_net", "knn"}  # their correlation, as a table


def test_a_page_without_pictures_waits_for_no_diagnosis(X, y, tmp_path):
    made = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0).fit(X, y)
    told = Page(made._report(tmp_path / "job.html", None, pictures=False).read_text(encoding="utf-8"))
    assert made._diagnosis is None
    assert told.table("scores")["blend"]["rmse"] == shown(made.leaderboard_["blend"]["rmse"])
    assert "byoe-ensemble[plots]" not in told.words[""]


# -- a page of its own ---------------------------------------------------------------


def test_it_needs_nothing_but_itself(whole):
    assert not {"script", "iframe", "object", "embed", "img"} & set(whole.tags)
    for address in whole.addresses:
        assert address.startswith(("#", "data:")), address
    assert not any(key.startswith("on") for attributes in whole.attributes for key in attributes)


def test_its_addresses_are_there_and_each_once(whole):
    assert len(set(whole.ids)) == len(whole.ids)
    ids = set(whole.ids)
    assert {address[1:] for address in whole.addresses if address.startswith("#")} <= ids
    used = {
        name for attributes in whole.attributes for value in attributes.values() for name in re.findall(r"url\(#([^)]+)", value or "")
    }  # fmt: skip
    assert used
    assert used <= ids


def test_names_are_text(whole, tmp_path):
    assert EVIL in whole.words["columns"]
    assert "<b>" in whole.words["columns"]


def test_the_same_ensemble_gives_the_same_page(regression, tmp_path):
    first = regression.report(tmp_path / "a.html").read_bytes()
    loaded = load(regression.save(tmp_path / "bundle"))
    assert loaded.report(tmp_path / "b.html").read_bytes() == first


# -- of all kinds --------------------------------------------------------------------


def three(y):
    return np.digitize(y, [-1.5, 1.5])


ODD = {
    "one member": lambda X, y: (EnsembleRegressor(("ridge",), random_state=0).fit(X, y), X[:9], y[:9]),
    "targets": lambda X, y: (
        EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, np.c_[y, -y]),
        X[:9],
        np.c_[y, -y][:9],
    ),
    "labels": lambda X, y: (
        EnsembleClassifier(("ridge",), random_state=0).fit(X, np.c_[y > 0, y > 1]),
        X[:9],
        np.c_[y > 0, y > 1][:9],
    ),
    "classes": lambda X, y: (
        EnsembleClassifier(("ridge", "knn"), random_state=0).fit(X, three(y)),
        X[:9],
        three(y)[:9],
    ),
    "votes": lambda X, y: (
        EnsembleClassifier(("ridge", "knn"), byoe.blender("vote", voting="hard"), random_state=0).fit(X, y > 0),
        X[:9],
        (y > 0)[:9],
    ),
    "time": lambda X, y: (
        EnsembleRegressor(("ridge", "knn"), cv=TimeSeriesSplit(3), random_state=0).fit(X, y),
        X[:9],
        y[:9],
    ),
    "groups": lambda X, y: (
        EnsembleRegressor(("ridge",), random_state=0).fit(X, y, groups=np.arange(len(y)) // 6),
        X[:9],
        y[:9],
    ),
    "weights": lambda X, y: (
        EnsembleRegressor(("ridge",), random_state=0).fit(X, y, sample_weight=np.arange(len(y)) % 3),
        X[:9],
        y[:9],
    ),
    "array": lambda X, y: (
        EnsembleRegressor(("ridge",), random_state=0).fit(X[["size"]].to_numpy(), y.to_numpy()),
        X[["size"]].to_numpy()[:9].tolist(),
        list(y[:9]),
    ),
    "sparse": lambda X, y: (
        EnsembleRegressor(("ridge",), random_state=0).fit(csr_matrix(X[["size"]].fillna(0)), y),
        csr_matrix(X[["size"]].fillna(0))[:9],
        y[:9],
    ),
    "polars": lambda X, y: (
        EnsembleRegressor(("ridge",), random_state=0).fit(pl.from_pandas(X), pl.from_pandas(y)),
        pl.from_pandas(X[:9]),
        pl.from_pandas(y[:9]),
    ),
    "passthrough": lambda X, y: (
        EnsembleRegressor(("ridge", "knn"), byoe.blender("meta-linear", passthrough=["price_$_in_$"]), random_state=0).fit(X[["price_$_in_$"]].fillna(0), y),
        X[["price_$_in_$"]].fillna(0)[:9],
        y[:9],
    ),
    "metric": lambda X, y: (
        EnsembleRegressor(("ridge", "knn"), metric="r2", random_state=0).fit(X, y),
        X[:9],
        y[:9],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.filterwarnings("ignore::byoe.errors.LeakageWarning")
def test_ensembles_and_rows_of_all_kinds(page, X, y, kind):
    ensemble, rows, target = ODD[kind](X, y)
    made = page(ensemble, rows, target)
    assert {"scores", "rows", "columns", "again"} <= made.words.keys()
    board = ensemble.leaderboard(rows, target)
    metric = list(board[0])[1]
    assert made.table("rows")["blend"][metric] == shown(board["blend"][metric])
    assert "Scores, with their spread over the folds." in drawn(made)


def test_a_category_is_no_formula(page, X, y):
    table = X.assign(town=np.where(np.arange(len(X)) % 2, r"$\q$", "$5 to $9"))
    made = EnsembleRegressor(("ridge",), random_state=0).fit(table, y + 5 * (np.arange(len(X)) % 2))
    shown_there = page(made, table[:60].assign(size=0.5), (y + 5 * (np.arange(len(X)) % 2))[:60])
    assert "The mean prediction along town." in drawn(shown_there)
    assert "Not drawn" not in "".join(shown_there.words.values())


def test_a_picture_that_fails_says_so_and_leaves_the_rest(page, regression, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of ink")

    monkeypatch.setattr(_pictures, "_drawing", fail)
    made = page(regression)
    assert "Scores, with their spread over the folds. Not drawn: RuntimeError: out of ink" in made.words["scores"]
    assert made.table("scores")["ridge"]["rmse"] == shown(regression.leaderboard_["ridge"]["rmse"])


def test_a_column_of_which_one_value_counts(page, y):
    table = pd.DataFrame({"z": np.r_[1.0, np.zeros(len(y) - 1)], "a": np.arange(float(len(y)))})
    made = EnsembleRegressor(("ridge",), random_state=0).fit(table, y, sample_weight=np.r_[0.0, np.ones(len(y) - 1)])
    assert "nan" not in page(made).words["columns"]


def test_rows_on_which_the_metric_is_not_defined_have_no_importances(page, X, y):
    made = EnsembleClassifier(("ridge", "knn"), metric="roc_auc", random_state=0).fit(X, y > 0)
    shown_there = page(made, X[:20].assign(size=3.0), np.ones(20, dtype=bool))
    assert "not defined" in shown_there.words[""]
    assert "why" not in shown_there.words


def test_each_of_several_targets_has_its_pictures(page, X, y):
    made = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, pd.DataFrame({"cost": y, "gain": -y}))
    told = drawn(page(made))
    assert [text for text in told if text.startswith("Predictions")] == [
        f"Predictions of the fit's rows, each by models that did not see it, {name}." for name in ("cost", "gain")
    ]


def test_who_was_left_out_is_told(page, X, y):
    class Failing(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            raise ValueError("out of luck")

    members = [("ridge", "ridge"), ("knn", "knn"), ("bad", Failing())]
    made = EnsembleRegressor(members, cv=3, random_state=0, on_error="skip").fit(X, y)
    assert "bad was left out: ValueError: out of luck" in page(made).words["warnings"]


def test_a_table_of_many_columns_shows_those_that_matter(page):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 200)), columns=[f"c{i}" for i in range(200)])
    ensemble = EnsembleRegressor(("ridge",), cv=3, random_state=0).fit(X, X["c199"])
    made = page(ensemble, X[:20] * 2, X["c199"][:20])
    assert "c199" in made.table("columns")
    assert len(made.table("columns")) == 150
    assert "And 50 further ones, in columns_" in made.words["columns"]
    assert not any("shuffled" in told for told in drawn(made))


def test_a_bundle_without_out_of_fold_data(page, regression, X, y, tmp_path):
    loaded = load(regression.save(tmp_path / "bundle", oof=False, profile=False))
    made = page(loaded)
    assert "predictions" not in made.words
    assert made.table("scores")["ridge"]["rmse"] == shown(regression.leaderboard_["ridge"]["rmse"])
    assert "Predictions of the rows passed." in drawn(page(loaded, X[:20].assign(size=0.3), y[:20]))


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["report", "report.pdf", ""])
def test_what_is_no_page_is_refused(regression, tmp_path, name):
    with pytest.raises(ParameterError, match=r"expected a file that ends in \.html"):
        regression.report(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_do_not_fit_are_refused_before_a_file_is_there(regression, binary, X, y, tmp_path):
    file = tmp_path / "report.html"
    for error, match, rows in (
        (InputError, "y is given without X", (None, y)),
        (InputError, "rows", (X[:10], y[:9])),
        (InputError, "missing", (X[["size"]], y)),
    ):
        with pytest.raises((error, ValueError), match=match):
            regression.report(file, *rows)
    with pytest.raises(InputError, match="maybe"):
        binary.report(file, X[:2], ["yes", "maybe"])
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_replaced(regression, tmp_path):
    file = tmp_path / "deep" / "report.html"
    assert regression.report(str(file)) == file
    file.write_text("old")
    regression.report(file)
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]
