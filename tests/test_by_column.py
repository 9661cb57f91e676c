"""Parameters that are about columns, as a learner of one's own declares and gets them."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from byoe import EnsembleRegressor
from byoe.data._by_column import in_place, values_in_place
from byoe.data._calendar import PARTS
from byoe.data._input import learn_table
from byoe.errors import ParameterError
from byoe.plugins import EstimatorLearner
from byoe.registry._declared import broken_promise


class Told(EstimatorLearner):
    """A learner that tells what its fits found."""

    by_column = {"signs": "sign", "factors": "factor", "costs": "penalty", "groups": "groups", "left_out": "columns"}
    heard = []

    def parameter_names(self):
        return frozenset(self.by_column)

    def estimator(self, task, y):
        from sklearn.linear_model import LinearRegression

        self.heard.append(self.own_params())
        return LinearRegression()


GIVEN = {
    "signs": {"x": -1},
    "factors": {"town": 2, 2: 3},
    "costs": [1, 2, 3],
    "groups": [["x", "town"], [2]],
    "left_out": ["town"],
}
X = pd.DataFrame({"town": list("abc") * 20, "x": np.arange(60.0), "z": np.arange(60.0) ** 2})


def test_fit_finds_lists_for_the_columns_that_it_gets():
    Told.heard.clear()
    member = Told(**GIVEN)
    EnsembleRegressor([("m", member)], "mean", cv=3, random_state=0, n_jobs=1).fit(X, X["x"])
    expected = {
        "signs": [0, 0, 0, -1, 0],
        "factors": [2.0, 2.0, 2.0, 1.0, 3.0],
        "costs": [1.0, 1.0, 1.0, 2.0, 3.0],
        "groups": [[0, 1, 2, 3], [4]],
        "left_out": [0, 1, 2],
    }
    assert Told.heard == [expected] * len(Told.heard) != []
    assert member.get_params() == GIVEN


def test_without_encoding_they_are_those_of_the_table():
    _, table = learn_table(X)
    placed = in_place(Told(**GIVEN), table).own_params()
    assert placed == values_in_place(Told(**GIVEN), table)
    assert placed["signs"] == [0, -1, 0]
    assert placed["groups"] == [[0, 1], [2]]
    assert placed["left_out"] == [0]
    assert values_in_place(Told(left_out=[True, False, True]), table) == {"left_out": [0, 2]}


def test_of_a_date_the_days_and_the_years_have_a_sign():
    _, table = learn_table(pd.DataFrame({"when": pd.date_range("2023-11-01", periods=99, freq="31h")}))
    assert table.columns[0].parts == PARTS
    placed = in_place(Told(signs=[1], factors=[2]), table).own_params()
    assert placed["signs"] == [1, *(int(part == "year") for part in PARTS)]
    assert placed["factors"] == [2.0] * (1 + len(PARTS))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": [1, -1, 1]}, "factors holds -1, expected numbers that are not negative"),
        ({"left_out": "x"}, "left_out is 'x', expected a list"),
        ({"left_out": [True]}, "left_out has 1 values, and the table has 3 columns"),
        ({"groups": [["y"]]}, "groups holds 'y'"),
        ({"groups": 3}, "groups is 3, expected a list"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        EnsembleRegressor([("m", Told(**given))], cv=3).fit(X, X["x"])


def test_a_clone_keeps_what_was_given():
    assert clone(Told(**GIVEN)).get_params() == GIVEN


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"signs": "signs"}, "by_column is .*expected a mapping of parameters to 'sign'"),
        ({"unknown": "sign"}, "by_column holds 'unknown', which parameter_names"),
    ],
)
def test_a_wrong_declaration_is_told(declared, message):
    kind = type("Wrong", (Told,), {"by_column": declared, "parameter_names": lambda _: frozenset({"signs"})})
    assert re.search(message, broken_promise(kind()))
