"""More than predictions of an endpoint, as a frame whose columns have names."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import InputError, ParameterError
from byoe.sagemaker.local import _endpoint
from byoe.sagemaker.shared._outputs import Question
from byoe.serving import input_fn, model_fn, output_fn, predict_fn


@pytest.fixture(scope="module")
def X(split):
    return split[1].drop(columns="target")


@pytest.fixture(scope="module")
def endpoint(job):
    with byoe.sagemaker.deploy(job) as served:
        yield served


def asked(model, data, outputs, level=None, limit=10**6, change=lambda told: told):
    """Answer as an endpoint would, without one."""
    question = Question.of(outputs, level)
    answers = []
    for body, kind in question.payloads(data, limit):
        made = output_fn(predict_fn(input_fn(body, kind), model), question.accept)
        assert isinstance(made, tuple), made.response
        answer, media = made
        assert media == "application/json", answer
        answers.append(json.dumps(change(json.loads(answer))).encode())
    return question.read(answers, data), len(answers)


def test_a_frame_has_the_names_of_the_outputs_and_the_index_of_the_rows(endpoint, job, X):
    fitted = job.ensemble()
    rows = X.set_axis([f"row {i}" for i in range(len(X))])
    found = endpoint.predict(rows, outputs=["members", "interval"], level=0.8)
    assert list(found.columns) == ["prediction", "lower", "upper", "members_ridge", "members_knn"]
    assert list(found.index) == list(rows.index)
    np.testing.assert_array_equal(found["prediction"], fitted.predict(X))
    np.testing.assert_array_equal(found[["lower", "upper"]], fitted.predict_interval(X, level=0.8))
    np.testing.assert_array_equal(found[["members_ridge", "members_knn"]], fitted.transform(X))
    assert isinstance(endpoint.predict(rows), np.ndarray)


def test_contributions_are_called_by_their_columns(split, X, tmp_path):
    fitted = EnsembleRegressor(("ridge",), "mean", cv=3, random_state=0).fit(X, split[1]["target"])
    found, _ = asked(model_fn(str(fitted.save(tmp_path / "model"))), X.to_numpy(), "contributions")
    assert list(found.columns) == ["prediction", *(f"contributions_{name}" for name in X.columns), "contributions_base"]
    np.testing.assert_allclose(found.drop(columns="prediction").sum(axis=1), found["prediction"])


def test_polars_gets_polars_and_predictions_alone_are_a_frame_where_that_is_asked_for(endpoint, job, X):
    found = endpoint.predict(pl.from_pandas(X), outputs=())
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["prediction"]
    np.testing.assert_array_equal(found["prediction"], job.ensemble().predict(X))


def test_many_rows_go_in_several_requests_in_their_order(endpoint, job, X, monkeypatch):
    monkeypatch.setattr(_endpoint, "MAX_BODY", 20_000)
    sent = []
    invoke = type(endpoint)._invoke
    monkeypatch.setattr(type(endpoint), "_invoke", lambda self, *given: sent.append(given) or invoke(self, *given))
    found = endpoint.predict(X, outputs="interval")
    assert len(sent) > 2
    assert {kind for _, kind, _ in sent} == {"application/json; outputs=interval; level=0.9"}
    np.testing.assert_allclose(found[["lower", "upper"]], job.ensemble().predict_interval(X), rtol=1e-12)


def test_what_the_model_has_not_is_refused_by_the_endpoint(endpoint, X):
    with pytest.raises(InputError, match="a regression has no probabilities; ask for an interval"):
        endpoint.predict(X, outputs="probabilities")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outputs": "intervals"}, "there is no output 'intervals'; ask for probabilities, interval, members"),
        ({"outputs": [3]}, "outputs is .*3.*, expected names such as"),
        ({"level": 0.8}, "level is 0.8, and is that of intervals; give outputs='interval' too"),
        ({"outputs": "members", "level": 0.8}, "level is 0.8, and is that of intervals; ask for outputs='interval'"),
        ({"outputs": "interval", "level": 90}, "level is 90, expected a number above 0 and below 1"),
    ],
)
def test_what_cannot_be_asked_is_told_before_it_is_sent(endpoint, X, monkeypatch, given, message):
    monkeypatch.setattr(type(endpoint), "_invoke", None)
    with pytest.raises(ParameterError, match=message):
        endpoint.predict(X, **given)


@pytest.mark.parametrize(
    "labels",
    [np.array(["no", "yes", "07"]), np.array([10, 2, 30]), np.array([False, True, True])],
    ids=["texts", "numbers", "booleans"],
)
def test_classes_keep_their_type_and_name_their_probabilities(iris, tmp_path, labels):
    X, y = iris[0], labels[np.unique(iris[1], return_inverse=True)[1]]
    fitted = EnsembleClassifier(("ridge", "knn"), "mean", cv=3, random_state=0).fit(X, y)
    found, pieces = asked(model_fn(str(fitted.save(tmp_path / "model"))), X, "probabilities,members", limit=8 * 1000)
    assert pieces > 1
    classes = [str(one) for one in fitted.classes_]
    assert list(found.columns) == [
        "prediction",
        *(f"probabilities_{name}" for name in classes),
        *(f"members_{member}_{name}" for member in ("ridge", "knn") for name in classes),
    ]
    assert found["prediction"].tolist() == fitted.predict(X).tolist()
    np.testing.assert_allclose(found.iloc[:, 1 : 1 + len(classes)], fitted.predict_proba(X), rtol=1e-12)


def test_an_infinite_bound_is_infinite(rng, tmp_path):
    X = pd.DataFrame({"a": rng.normal(size=30)})
    fitted = EnsembleRegressor(("ridge",), "mean", cv=3, random_state=0).fit(X, X["a"])
    with pytest.warns(UserWarning, match="the bounds are infinite"):
        found, _ = asked(model_fn(str(fitted.save(tmp_path / "model"))), X, "interval", level=0.999)
    assert set(found["lower"]) == {-np.inf}
    assert set(found["upper"]) == {np.inf}


def test_an_endpoint_of_an_earlier_version_tells_no_names(iris, tmp_path):
    X, y = iris
    fitted = EnsembleClassifier(("ridge",), "mean", cv=3, random_state=0).fit(X, y)
    model = model_fn(str(fitted.save(tmp_path / "model")))
    found, _ = asked(model, X, "probabilities", change=lambda told: {k: v for k, v in told.items() if k != "names"})
    assert list(found.columns) == ["prediction", *(f"probabilities_{i}" for i in range(3))]
