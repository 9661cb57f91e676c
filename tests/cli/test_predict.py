import json

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, serving
from byoe.errors import InputError, ParameterError


@pytest.fixture(scope="module")
def saved(diabetes_frame, iris, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    X = diabetes_frame.drop(columns="target")
    EnsembleRegressor(["ridge", "elastic_net"], "mean", random_state=0).fit(X, diabetes_frame["target"]).save(
        folder / "r"
    )
    flowers = pd.DataFrame(iris[0], columns=list("abcd"))
    EnsembleClassifier(["ridge"], "mean", random_state=0).fit(flowers, iris[1]).save(folder / "c")
    rows = diabetes_frame[:20].iloc[:, ::-1].assign(key=[f"k{i}" for i in range(20)])
    rows.to_csv(folder / "rows.csv", index=False)
    flowers.to_csv(folder / "flowers.csv", index=False)
    return folder


@pytest.fixture
def ensemble(saved):
    import byoe

    return byoe.load(saved / "r")


READERS = {
    "p.csv": pd.read_csv,
    "p.csv.gz": pd.read_csv,
    "p.parquet": pd.read_parquet,
    "p.jsonl": lambda file: pd.read_json(file, lines=True, precise_float=True),
}


@pytest.mark.parametrize("name", READERS)
def test_the_outputs_are_those_of_the_ensemble_in_every_kind_of_file(name, byoe, saved, ensemble, diabetes_frame):
    asked = ("--id", "key", "--interval", 0.8, "--members", "--explain")
    byoe("predict", saved / "r", saved / "rows.csv", *asked, "--out", name)
    found = READERS[name](name)
    X = diabetes_frame[:20].drop(columns="target")
    assert found["key"].tolist() == [f"k{i}" for i in range(20)]
    assert found["prediction"].tolist() == ensemble.predict(X).tolist()
    assert np.array_equal(found[["lower", "upper"]], ensemble.predict_interval(X, level=0.8))
    assert np.array_equal(found[["member_ridge", "member_elastic_net"]], ensemble.transform(X))
    added = [f"contribution_{column}" for column in [*X.columns, "base"]]
    assert np.array_equal(found[added], np.asarray(ensemble.explain(X)))
    assert list(found.columns[4:]) == ["member_ridge", "member_elastic_net", *added]


def test_the_standard_output_holds_predictions_alone(byoe, saved, ensemble, diabetes_frame):
    lines = byoe("predict", saved / "r", saved / "rows.csv", "--out", "-").splitlines()
    assert lines[0] == "prediction"
    assert [float(line) for line in lines[1:]] == ensemble.predict(diabetes_frame[:20].drop(columns="target")).tolist()


def test_the_command_and_an_endpoint_have_one_rule_for_columns(byoe, saved):
    """Any order, further columns left out, and a missing one refused."""
    byoe("predict", saved / "r", saved / "rows.csv", "--out", "p.csv")
    model = serving.model_fn(str(saved / "r"))

    def ask(text):
        answer = serving.output_fn(serving.predict_fn(serving.input_fn(text, "text/csv"), model), "application/json")
        return json.loads(answer[0] if isinstance(answer, tuple) else b"".join(answer.response))

    rows = pd.read_csv(saved / "rows.csv")
    assert ask(rows.to_csv(index=False))["predictions"] == pd.read_csv("p.csv")["prediction"].tolist()
    rows.drop(columns="bmi").to_csv("fewer.csv", index=False)
    with pytest.raises(InputError, match="lacks 1 columns of the ensemble: bmi"):
        byoe("predict", saved / "r", "fewer.csv", "--out", "p.csv")
    assert "missing: bmi" in ask(rows.drop(columns="bmi").to_csv(index=False))["error"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("c", "flowers.csv", "--interval", 0.9), "predicts classes, which have no intervals"),
        (("c", "flowers.csv", "--explain"), "predicts classes, which are explained by member"),
        (("r", "rows.csv", "--id", "kei"), "there is no id column 'kei'. Did you mean 'key'"),
        (("r", "rows.csv", "--interval", 2), "level"),
    ],
)
def test_what_a_model_does_not_give_is_refused(words, message, byoe, saved, tmp_path):
    model, data, *more = words
    with pytest.raises((InputError, ParameterError), match=message):
        byoe("predict", saved / model, saved / data, *more, "--out", "p.csv")
    assert not (tmp_path / "p.csv").exists()


def test_a_table_without_a_header_has_an_id_by_position(byoe, diabetes, tmp_path):
    X, y = diabetes
    EnsembleRegressor(["ridge"], "mean", random_state=0).fit(X, y).save(tmp_path / "m")
    pd.DataFrame(X[:5]).assign(key=range(100, 105)).to_csv("rows.csv", header=False, index=False)
    byoe("predict", "m", "rows.csv", "--id", -1, "--out", "p.csv")
    found = pd.read_csv("p.csv")
    assert found.columns.tolist() == ["10", "prediction"]
    assert found["10"].tolist() == list(range(100, 105))


def test_an_id_that_is_called_as_an_output_is_refused(byoe, saved):
    pd.read_csv(saved / "rows.csv").rename(columns={"key": "prediction"}).to_csv("rows.csv", index=False)
    with pytest.raises(InputError, match="the id column is called 'prediction'"):
        byoe("predict", saved / "r", "rows.csv", "--id", "prediction", "--out", "p.csv")


def test_members_and_probabilities_of_classes(byoe, saved):
    byoe("predict", saved / "c", saved / "flowers.csv", "--proba", "--members", "--out", "p.csv")
    names = ["setosa", "versicolor", "virginica"]
    expected = ["prediction", *(f"probability_{name}" for name in names), *(f"member_ridge_{name}" for name in names)]
    assert list(pd.read_csv("p.csv").columns) == expected


def test_the_leaderboard_of_a_fit_and_of_new_rows(byoe, saved, ensemble, diabetes_frame):
    told = json.loads(byoe("leaderboard", saved / "r", "--json"))
    assert told["leaderboard"] == json.loads(json.dumps(list(ensemble.leaderboard_)))
    assert byoe("leaderboard", saved / "r").startswith("member ")
    told = json.loads(byoe("leaderboard", saved / "r", saved / "rows.csv", "--target", "target", "--json"))
    rows = diabetes_frame[:20]
    error = np.sqrt(np.mean((ensemble.predict(rows.drop(columns="target")) - rows["target"]) ** 2))
    assert told["leaderboard"][0]["rmse"] == pytest.approx(error, rel=1e-12)


def test_the_report_of_a_fit_and_of_new_rows(byoe, saved, ensemble, tmp_path):
    assert byoe("report", saved / "r") == "report in report.html\n"
    own = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert own == ensemble.report(tmp_path / "here.html").read_text(encoding="utf-8")
    rows = saved / "rows.csv"
    byoe("report", saved / "r", rows, "--target", "target", "--out", "deep/new.html")
    page = (tmp_path / "deep" / "new.html").read_text(encoding="utf-8")
    assert "20 rows that were passed" in page
    assert "Predictions of the rows passed." in page
    byoe("report", saved / "r", rows, "--out", "unknown.html")
    page = (tmp_path / "unknown.html").read_text(encoding="utf-8")
    assert "20 rows that were passed" in page
    assert "Predictions of the rows passed." not in page
    with pytest.raises(ParameterError, match="--target is a column of DATA, which is missing"):
        byoe("report", saved / "r", "--target", "target")
    with pytest.raises(ParameterError, match=r"ends in \.html"):
        byoe("report", saved / "r", "--out", "report.pdf")
