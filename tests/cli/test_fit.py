import json

import numpy as np
import pandas as pd
import pytest

import byoe as package
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.cli import _options as options
from byoe.cli._spec_file import made_of, read_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import BundleError, InputError, ParameterError, SpecError, UnknownNameError
from byoe.registry._members import members

FIT = ("--target", "target", "--learners", "ridge", "--blender", "mean", "--no-verbose", "--seed", 0)


@pytest.fixture
def data(diabetes_frame, tmp_path):
    file = tmp_path / "data.csv"
    diabetes_frame.to_csv(file, index=False)
    return file


def test_settings_of_the_fit_are_those_of_the_ensemble(byoe, data, diabetes_frame):
    byoe(
        "fit",
        data,
        *FIT,
        "--out",
        "m",
        "--finalize",
        "bag",
        "--n-jobs",
        1,
        "--time-limit",
        60,
        "--memory-limit",
        "4GB",
        "--store",
        "s",
    )
    made = package.load("m")
    assert (
        made.get_params(deep=False).items()
        >= {"finalize": "bag", "n_jobs": 1, "time_limit": 60.0, "memory_limit": "4GB", "store": "s"}.items()
    )
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    here = EnsembleRegressor(["ridge"], "mean", finalize="bag", random_state=0).fit(X, y)
    assert np.array_equal(made.predict(X), here.predict(X))


def test_what_is_there_is_replaced_only_by_force(byoe, data):
    byoe("fit", data, *FIT, "--out", "m")
    before = package.load("m").get_params()["cv"]
    with pytest.raises(
        BundleError, match="m holds a bundle already; choose another folder, or replace it with --force"
    ):
        byoe("fit", data, *FIT, "--out", "m", "--cv", 3)
    assert package.load("m").cv == before == 5
    byoe("fit", data, *FIT, "--out", "m", "--cv", 3, "--force")
    assert package.load("m").cv == 3
    with pytest.raises(BundleError, match="--force"):
        byoe("tune", data, *FIT, "--n-trials", 1, "--out", "m")


@pytest.mark.parametrize(
    ("y", "task", "kind", "told"),
    [
        ([0.5, 1.5, 2.5], "auto", EnsembleRegressor, "task: regression, since the target holds numbers"),
        ([0, 1] * 9, "auto", EnsembleRegressor, "task: regression, since the target holds numbers; they are 0, 1 only: if these are classes, say --task classification"),
        ([0, 1, np.nan] * 9, "auto", EnsembleRegressor, "they are 0, 1 only: if these are classes, say --task classification"),
        (range(40), "auto", EnsembleRegressor, "task: regression, since the target holds numbers"),
        (["a", "b"], "auto", EnsembleClassifier, "task: classification, since the target holds texts"),
        ([True, False], "auto", EnsembleClassifier, "task: classification, since the target holds booleans"),
        ([0, 1], "classification", EnsembleClassifier, "task: classification, as told"),
    ],
)  # fmt: skip
def test_the_task_and_why(y, task, kind, told):
    lines = []
    assert options.kind_of(task, np.array(list(y)), lines.append) is kind
    assert lines[0].endswith(told)


def test_an_odd_cell_of_the_target_makes_no_classes(byoe, data, diabetes_frame):
    diabetes_frame.astype({"target": object}).assign(target=lambda f: f["target"].where(f.index != 7, "n/a?")).to_csv(
        data, index=False
    )
    with pytest.raises(InputError, match=r"1 of 442 cells: row 7 'n/a\?'\. Mend these cells"):
        byoe("fit", data, *FIT, "--out", "m")


def test_a_file_is_read_as_the_options_say(byoe, diabetes_frame, tmp_path):
    text = diabetes_frame.to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "data.txt").write_text("% by hand\n" + text.replace("bmi", "größe"), encoding="cp1252")
    how = ("--comment", "%", "--encoding", "cp1252")
    byoe("fit", "data.txt", *FIT, *how, "--out", "m")
    assert "größe" in package.load("m").feature_names_in_
    byoe("predict", "m", "data.txt", *how, "--out", "p.csv")
    X = diabetes_frame.drop(columns="target").rename(columns={"bmi": "größe"})
    assert pd.read_csv("p.csv")["prediction"].tolist() == package.load("m").predict(X).tolist()


def test_json_is_all_that_is_printed(byoe, data):
    told = json.loads(byoe("fit", data, *FIT, "--out", "m", "--json"))
    made = package.load("m")
    assert (told["model"], told["task"], told["failures"]) == ("m", "regression", [])
    assert told["score_estimate"] == made.score_estimate_
    assert [row["member"] for row in told["leaderboard"]] == ["blend", "ridge", "baseline"]
    told = json.loads(byoe("tune", data, *FIT, "--n-trials", 2, "--space", "ridge__alpha=0.1..10:log", "--json"))
    assert (len(told["trials"]), told["model"]) == (2, None)


def test_calibrate_is_for_classes(byoe, data, iris, tmp_path):
    with pytest.raises(ParameterError, match="--calibrate is for classes"):
        byoe("fit", data, *FIT, "--calibrate", "--out", "m")
    X, y = iris
    pd.DataFrame(X, columns=list("abcd")).assign(target=y).to_csv(data, index=False)
    byoe("fit", data, *FIT, "--calibrate", "--out", "m")
    assert package.load("m").calibrate is True


SPEC = """
task = "regression"
learners = ["ridge", { learner = "knn", label = "near", params = { n_neighbors = 7 } }]
blender = "mean"
[params]
cv = 4
random_state = 0
"""


def test_a_spec_stands_for_the_options_of_the_ensemble(byoe, data, diabetes_frame, tmp_path):
    (tmp_path / "e.toml").write_text(SPEC)
    byoe("fit", data, "--target", "target", "--spec", "e.toml", "--param", "near__n_neighbors=9", "--out", "m")
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    members = [("ridge", "ridge"), ("near", learner("knn", n_neighbors=9))]
    here = EnsembleRegressor(members, "mean", cv=4, random_state=0).fit(X, y)
    assert np.array_equal(package.load("m").predict(X), here.predict(X))
    with pytest.raises(ParameterError, match="--cv and --spec both tell of the ensemble"):
        byoe("fit", data, "--target", "target", "--spec", "e.toml", "--cv", 3, "--out", "m2")


def test_the_spec_of_an_ensemble_is_a_spec_of_the_command(tmp_path):
    ensemble = EnsembleClassifier(["ridge", learner("knn", n_neighbors=3)], "vote", cv=3, random_state=1)
    (tmp_path / "e.json").write_text(json.dumps(to_spec(ensemble)))
    found = read_spec(tmp_path / "e.json")
    assert to_spec(made_of(found, EnsembleClassifier)) == to_spec(ensemble)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('lerners = ["ridge"]', "e.toml has an unknown key 'lerners'. Did you mean 'learners'"),
        ("[params]\nfinalise = 3", "params has an unknown key 'finalise'. Did you mean 'finalize'"),
        ('task = "ranking"', "task is 'ranking', expected regression or classification"),
        ("learners = [{learner = 'knn', parms = {}}]", "learner 0 has an unknown key 'parms'. Did you mean 'params'"),
        ("learners = [{label = 'x'}]", "learner 0 names no learner"),
        ("learners = 3", "learners is 3, expected a list"),
        ("learners = 'bets'", "'bets' is neither a portfolio .* Did you mean 'best'"),
        ("learners = 'ridge'", r"'ridge' is a text; write \['ridge'\]"),
        ("learners = [3]", "learner 0 is 3, expected a table"),
        ("learners = ", "cannot be read"),
    ],
)
def test_wrong_specs_are_named(text, message, tmp_path):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_spec(tmp_path / "e.toml")


@pytest.mark.parametrize(("text", "name"), [("learners = 'fast'", "fast"), ("", "default")])
def test_a_spec_may_name_a_portfolio(text, name, tmp_path):
    (tmp_path / "e.toml").write_text(text)
    made = made_of(read_spec(tmp_path / "e.toml"), EnsembleClassifier)
    assert to_spec(made) == to_spec(EnsembleClassifier(name))


@pytest.mark.parametrize(
    ("learners", "message"), [("fats", "Did you mean 'fast'"), ("xgbost", "Did you mean 'xgboost'")]
)
def test_one_word_that_means_nothing_is_told_the_closest(byoe, data, learners, message):
    with pytest.raises(UnknownNameError, match=message):
        byoe("fit", data, "--target", "target", "--learners", learners, "--out", "m")


def test_a_portfolio_is_named_by_one_word(byoe, data):
    byoe(
        "fit",
        data,
        "--target",
        "target",
        "--learners",
        "fast",
        "--blender",
        "mean",
        "--cv",
        2,
        "--no-verbose",
        "--out",
        "m",
    )
    assert list(package.load("m").members_) == list(members("fast"))


def test_other_forms_of_specs_are_refused(tmp_path):
    (tmp_path / "e.yaml").write_text("learners: [ridge]")
    with pytest.raises(SpecError, match=r"is neither \.toml nor \.json"):
        read_spec(tmp_path / "e.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        read_spec(tmp_path / "none.toml")


def test_what_is_said_of_files_goes_into_the_folder_of_a_job(byoe, tmp_path):
    how = ("--sep", "tab", "--decimal", ",", "--encoding", "cp1252", "--no-header")
    byoe("sagemaker", "export", "source", "--target", "y", "--task", "regression", "--learners", "ridge", *how)
    data = json.loads((tmp_path / "source" / "spec.json").read_text())["data"]
    assert data["reading"] == {"sep": "\t", "decimal": ",", "encoding": "cp1252"}
    assert data["header"] is False


SLOW = ("--target", "target", "--learners", "ridge,random_forest", "--no-verbose", "--seed", 0)
STUMP = ("--param", "random_forest__n_estimators=1", "--param", "random_forest__max_depth=1")


def test_what_is_not_worth_its_time_is_not_saved(byoe, data):
    """The mean is better without the stump, so that it leaves whatever time it takes."""
    told = byoe("fit", data, *SLOW, *STUMP, "--blender", "mean", "--out", "m", "--prune", 0.005)
    assert list(package.load("m").members_) == ["ridge"]
    assert "pruned: with a tolerance of 0.005, random_forest left out; rmse " in told
    assert "saved EnsembleRegressor in m" in told
    told = json.loads(byoe("fit", data, *FIT, "--out", "n", "--prune", 0, "--json"))
    assert list(package.load("n").members_) == ["ridge"]
    assert not any(note.startswith("pruned") for note in told["notes"])


def test_what_cannot_be_pruned_is_said_before_the_fit(byoe, data, tmp_path, monkeypatch):
    monkeypatch.setattr(EnsembleRegressor, "fit", None)
    with pytest.raises(ParameterError, match="tolerance is 5.0, expected a share of the error"):
        byoe("fit", data, *FIT, "--out", "m", "--prune", 5)
    given = ("--blender", "weighted", "--param", "blender__weights=[1,2]")
    with pytest.raises(ParameterError, match="are those of all members"):
        byoe("fit", data, *SLOW, *given, "--out", "m", "--prune", 0.01)
    assert not (tmp_path / "m").exists()


def test_a_table_larger_than_the_memory_is_refused_before_it_is_read(byoe, data, monkeypatch):
    monkeypatch.setattr("byoe.cli._fit.read_labelled", lambda *_, **__: pytest.fail("it is read"))
    with pytest.raises(InputError, match=r"data\.csv: \d+ rows x 10 columns need about .* for the table alone"):
        byoe("fit", data, *FIT, "--out", "m", "--memory-limit", "1B")
