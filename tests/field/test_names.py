"""Columns called by numbers keep their names, as those called by texts do.

scikit-learn compares names that are texts only: columns in another order, or shifted by one, were taken without a word.
"""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from byoe import EnsembleRegressor, load, serving
from byoe.errors import InputError

N = 40
A = np.random.default_rng(0).normal(size=(N, 3))
Y = A @ [1.0, 2.0, 3.0]


def _frame(names):
    return pd.DataFrame(A, columns=names)


def _fitted(X):
    return EnsembleRegressor(["ridge"], "mean", cv=3, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def right():
    return _fitted(A).predict(A)


@pytest.mark.parametrize(
    ("fit", "predict", "told"),
    [
        ([5, 3, 9], [9, 5, 3], "must be in the same order"),
        ([5, 3, 9], [5, 3, 8], "unseen at fit time"),
        ([5, 3, 9], ["a", "b", "c"], "unseen at fit time"),
        (["5", "3", "9"], [9, 5, 3], "must be in the same order"),
        (["a", "b", "c"], [1, 2, 3], "unseen at fit time"),
        ([0, 1, 2], [2, 1, 0], "must be in the same order"),
        ([0, 1, 2], [1, 2, 3], "unseen at fit time"),
        ([2, 0, 1], [0, 1, 2], "must be in the same order"),
        ([0, 1, 2], [0, 1, 2, 3], "4 features"),
        ([1.5, 2.5, 3.5], [2.5, 1.5, 3.5], "must be in the same order"),
        (pd.date_range("2024", periods=3), pd.date_range("2025", periods=3), "unseen at fit time"),
    ],
)
def test_other_names_and_another_order_are_refused(fit, predict, told, tmp_path):
    fitted = _fitted(_frame(fit))
    rows = pd.DataFrame(np.zeros((2, len(predict))), columns=predict)
    for one in (fitted, load(fitted.save(tmp_path / "bundle"))):
        with pytest.raises(InputError, match=told):
            one.predict(rows)


@pytest.mark.parametrize(
    ("fit", "predict"),
    [
        ([5, 3, 9], [5, 3, 9]),
        ([5, 3, 9], ["5", "3", "9"]),  # 7 and "7" are one name
        (["5", "3", "9"], [5, 3, 9]),
        ([5, 3, 9], range(3)),  # numbered from 0 on: without names
        (range(3), ["0", "1", "2"]),
        (pd.date_range("2024", periods=3), pd.date_range("2024", periods=3)),
    ],
)
def test_the_same_names_and_no_names_are_taken(fit, predict, right):
    fitted = _fitted(_frame(fit))
    assert np.array_equal(fitted.predict(_frame(predict)), right)
    if fitted._form.names is None:  # else scikit-learn warns of rows without names
        assert np.array_equal(fitted.predict(A), right)


def test_names_in_texts_and_none(right):
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert np.array_equal(_fitted(_frame(list("abc"))).predict(_frame(range(3))), right)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        assert np.array_equal(_fitted(_frame(range(3))).predict(pl.DataFrame(A)), right)


def test_an_endpoint_knows_columns_called_by_numbers(right, tmp_path):
    model = serving.model_fn(str(_fitted(_frame([2, 0, 1])).save(tmp_path / "bundle")))
    rows = [dict(zip(["1", "0", "2"], row[[2, 1, 0]].tolist(), strict=True)) for row in A]
    answer = serving.output_fn(
        serving.predict_fn(serving.input_fn(json.dumps(rows), "application/json"), model), "application/json"
    )
    assert np.allclose(json.loads(answer[0])["predictions"], right)
