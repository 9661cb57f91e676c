"""What may be asked for beside predictions, by the content type or by a key of the body, and how it is written."""

import csv
import io
import json
import sys

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.fitted._models import FittedMember
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving._media import OUTPUTS, ContentType, accepted
from byoe.serving._refusal import Refusal

BOOSTERS = [learner("lightgbm", n_estimators=5), learner("xgboost", n_estimators=5)]


@pytest.fixture(autouse=True)
def _without_flask(monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)


@pytest.fixture(scope="module")
def regression(diabetes_frame, tmp_path_factory):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    ensemble = EnsembleRegressor(BOOSTERS, "mean", cv=3, random_state=0).fit(X, y)
    return ensemble, model_fn(str(ensemble.save(tmp_path_factory.mktemp("regression") / "model"))), X.head(4)


@pytest.fixture(scope="module")
def classification(iris, tmp_path_factory):
    X, y = iris
    ensemble = EnsembleClassifier([*BOOSTERS, "ridge"], "mean", cv=3, random_state=0).fit(X, y)
    return ensemble, model_fn(str(ensemble.save(tmp_path_factory.mktemp("classes") / "model"))), X[::40]


def ask(model, body, content_type, accept="application/json"):
    return output_fn(predict_fn(input_fn(body, content_type), model), accept)


def answer(model, body, content_type):
    body, media = ask(model, body, content_type)
    assert media == "application/json"
    return json.loads(body)


def test_members_are_asked_once_whatever_is_asked_for(regression, diabetes_frame, tmp_path, monkeypatch):
    ensemble, _, rows = regression
    refitted = ensemble.refit(diabetes_frame.drop(columns="target"))
    model = model_fn(str(refitted.save(tmp_path / "model")))
    asked = []
    predict = FittedMember.predict
    monkeypatch.setattr(
        FittedMember, "predict", lambda self, *given: (asked.append(self.label), predict(self, *given))[1]
    )
    found = answer(model, rows.to_csv(index=False), "text/csv; outputs=interval,members")
    assert asked == ["lightgbm", "xgboost"]
    assert found["interval"] == refitted.predict_interval(rows, 0.9).tolist()


def test_all_of_a_regression(regression):
    ensemble, model, rows = regression
    found = answer(model, rows.to_csv(index=False), "text/csv; outputs=interval,contributions, members; level=0.8")
    assert list(found) == ["predictions", "interval", "members", "contributions"]
    assert found["predictions"] == ensemble.predict(rows).tolist()
    assert found["interval"] == ensemble.predict_interval(rows, 0.8).tolist()
    assert found["contributions"] == ensemble.explain(rows).tolist()
    assert found["members"] == {
        label: column.tolist() for label, column in zip(ensemble.members_, ensemble.transform(rows).T, strict=True)
    }


def test_all_of_a_classification(classification):
    ensemble, model, rows = classification
    found = answer(
        model, json.dumps(rows.tolist()), 'application/json; outputs="probabilities, members, contributions"'
    )
    assert found["predictions"] == ensemble.predict(rows).tolist()
    assert found["probabilities"] == ensemble.predict_proba(rows).tolist()
    margins = ensemble.explain(rows, output="margin")
    assert found["contributions"] == {label: one.tolist() for label, one in margins.items()}
    by_member = ensemble.transform(rows).reshape(len(rows), 3, 3)
    assert found["members"] == {label: by_member[:, i].tolist() for i, label in enumerate(ensemble.members_)}


def test_a_body_may_hold_the_options(regression):
    ensemble, model, rows = regression
    cells = {"columns": list(rows), "data": rows.to_numpy().tolist(), "outputs": ["interval"], "level": 0.5}
    expected = ensemble.predict_interval(rows, 0.5).tolist()
    assert answer(model, json.dumps(cells), "application/json")["interval"] == expected
    # The body has the last word.
    found = answer(model, json.dumps(cells), "application/json; outputs=contributions; level=0.9")
    assert set(found) == {"predictions", "interval"}
    assert found["interval"] == expected


def test_as_a_table(regression):
    ensemble, model, rows = regression
    asked = "text/csv; outputs=interval,members,contributions"
    body, media = ask(model, rows.to_csv(index=False), asked, "text/csv; header=present")
    assert media == "text/csv"
    lines = list(csv.reader(io.StringIO(body)))
    assert lines[0] == [
        "prediction",
        *("lower", "upper"),
        *("members_lightgbm", "members_xgboost"),
        *(f"contributions_{name}" for name in [*rows, "base"]),
    ]
    expected = np.column_stack(
        [ensemble.predict(rows), ensemble.predict_interval(rows), ensemble.transform(rows), ensemble.explain(rows)]
    )
    assert np.array_equal(np.array(lines[1:], dtype=float), expected)
    without, _ = ask(model, rows.to_csv(index=False), asked, "text/csv")
    assert without == body.split("\n", 1)[1]
    array, _ = ask(model, rows.to_csv(index=False), asked, "application/x-npy")
    assert np.array_equal(np.load(io.BytesIO(array), allow_pickle=False), expected)


def test_by_rows(classification):
    ensemble, model, rows = classification
    lines = "\n".join(map(json.dumps, rows.tolist()))
    asked = "application/jsonlines; outputs=probabilities,members"
    body, media = ask(model, lines, asked, "application/jsonlines")
    assert media == "application/jsonlines"
    found = [json.loads(line) for line in body.splitlines()]
    assert [line["predictions"] for line in found] == ensemble.predict(rows).tolist()
    assert [line["probabilities"] for line in found] == ensemble.predict_proba(rows).tolist()
    whole = answer(model, lines, asked)["members"]
    assert [line["members"] for line in found] == [
        {label: values[i] for label, values in whole.items()} for i in range(len(rows))
    ]


def test_classes_name_their_columns(classification):
    _, model, rows = classification
    body, _ = ask(
        model, json.dumps(rows.tolist()), "application/json; outputs=probabilities", "text/csv; header=present"
    )
    names = ["setosa", "versicolor", "virginica"]
    assert body.splitlines()[0] == ",".join(["prediction", *(f"probabilities_{name}" for name in names)])
    refused = ask(model, json.dumps(rows.tolist()), "application/json; outputs=probabilities", "application/x-npy")
    assert refused.status == 406


def test_several_targets_have_columns_each(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    ensemble = EnsembleRegressor(("ridge",), "mean", random_state=0).fit(X, X + 0.1 * rng.normal(size=(60, 2)))
    model = model_fn(str(ensemble.save(tmp_path / "model")))
    body, _ = ask(
        model, json.dumps(X[:3].tolist()), "application/json; outputs=interval,members", "text/csv; header=present"
    )
    frame = pd.read_csv(io.StringIO(body))
    assert list(frame) == [
        *("prediction_0", "prediction_1"),
        *("0_lower", "0_upper", "1_lower", "1_upper"),
        *("members_ridge_0", "members_ridge_1"),
    ]
    interval = ensemble.predict_interval(X[:3])
    np.testing.assert_allclose(frame.to_numpy()[:, 2:6], interval.reshape(3, 4), rtol=1e-15)


def test_bounds_without_end_are_null_where_json_has_no_number(tmp_path):
    X = np.arange(12.0)[:, None]
    ensemble = EnsembleRegressor(("ridge",), "mean", cv=3, random_state=0).fit(X, X[:, 0] ** 2 - 1)
    model = model_fn(str(ensemble.save(tmp_path / "model")))
    with pytest.warns(UserWarning, match="the bounds are infinite"):
        found = answer(model, "[[3.0]]", "application/json; outputs=interval; level=0.99")
    assert found["interval"] == [[None, None]]


@pytest.mark.parametrize(
    ("content_type", "status", "message"),
    [
        ("text/csv; outputs=intervals", 400, "there is no output 'intervals'; ask for probabilities, interval"),
        ("text/csv; outputs=probabilities", 400, "a regression has no probabilities"),
        ("text/csv; outputs=interval; level=2", 400, "level is 2, expected a number above 0 and below 1"),
        ("text/csv; outputs=interval; level=high", 400, "level is 'high'"),
        ("text/csv; output=interval", 400, "has no option 'output'; it takes charset, header, outputs"),
        ("text/csv; outputs", 400, "write options as name=value"),
        ("text/csv; header=maybe", 400, "header is 'maybe', expected present or absent"),
        ("text/csv; charset=klingon", 415, "charset 'klingon' is not known"),
        ("text/csv; charset=rot13", 415, "charset 'rot13' is not known"),
    ],
)
def test_options_that_cannot_be_are_refused(content_type, status, message, regression):
    _, model, rows = regression
    refused = ask(model, rows.to_csv(index=False), content_type)
    assert refused.status == status
    assert message in json.loads(refused.body)["error"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outputs": 3}, "outputs is '3', expected names"),
        ({"outputs": [["interval"]]}, "expected names"),
        ({"level": None}, "level is 'None'"),
        ({"level": True}, "level is True"),
        ({"level": [0.9]}, "expected a number"),
    ],
)
def test_options_in_a_body_that_cannot_be_are_refused(given, message, regression):
    _, model, rows = regression
    body = json.dumps({"instances": rows.to_numpy().tolist(), "outputs": ["interval"], **given})
    refused = ask(model, body, "application/json")
    assert refused.status == 400
    assert message in json.loads(refused.body)["error"]


def test_a_classification_has_no_interval(classification):
    _, model, rows = classification
    refused = ask(model, json.dumps(rows.tolist()), "application/json; outputs=interval")
    assert (refused.status, "has no intervals" in json.loads(refused.body)["error"]) == (400, True)


def test_without_out_of_fold_data_there_is_no_interval(regression, tmp_path):
    ensemble, _, rows = regression
    model = model_fn(str(ensemble.save(tmp_path / "lean", oof=False)))
    refused = ask(model, rows.to_csv(index=False), "text/csv; outputs=interval")
    assert refused.status == 400
    assert "was saved without its out-of-fold data" in json.loads(refused.body)["error"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", ("application/json", False)),
        ("*/*", ("application/json", False)),
        ("text/csv;header=present", ("text/csv", True)),
        ("text/csv;q=0.5, application/x-npy;q=0.9, */*;q=0.1", ("application/x-npy", False)),
        ("text/html, application/json;q=0.9", ("application/json", False)),
        ("application/json;q=0, text/csv", ("text/csv", False)),
        ("text/*", ("text/csv", False)),
        ("application/x-ndjson", ("application/jsonlines", False)),
        ("application/x-parquet", ("", False)),
        ("image/png;q=x", ("", False)),
    ],
)
def test_an_accept_header(accept, expected):
    assert accepted(accept) == expected


def test_a_content_type_is_read_as_written():
    kind = ContentType.of('Text/CSV ; Charset="ISO-8859-1"; HEADER=absent; outputs="interval,members";level=0.25;')
    assert (kind.media, kind.charset, kind.header) == ("text/csv", "iso8859-1", False)
    assert (kind.options.outputs, kind.options.level) == (("interval", "members"), 0.25)
    assert ContentType.of("").media == "application/json"
    assert ContentType.of("application/vnd.apache.parquet").media == "application/x-parquet"
    assert ContentType.of("text/csv; label_size=0").options.outputs == ()
    assert ContentType.of(f"text/csv; outputs={','.join(OUTPUTS)}").options.outputs == OUTPUTS
    with pytest.raises(Refusal):
        ContentType.of("application/octet-stream")
