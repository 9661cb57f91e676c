"""Targets and weights in plain lists, of which NumPy makes texts or numbers where their entries are of several types."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import InputError

N = 60
X = np.random.default_rng(0).normal(size=(N, 2))
Z = (X[:, 0] > 0).astype(int).tolist()


def _classes(y):
    return EnsembleClassifier(["ridge"], cv=3, random_state=0).fit(X, y).classes_


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("missing", [float("nan"), None, pd.NA, pd.NaT, Decimal("NaN")], ids=repr)
@pytest.mark.parametrize("made", [list, tuple, lambda cells: [[cell] for cell in cells]], ids=["list", "tuple", "rows"])
def test_a_missing_entry_among_texts_is_no_class(missing, made):
    y = made([missing if i % 7 == 0 else "ab"[z] for i, z in enumerate(Z)])
    with pytest.raises(InputError, match="the target is missing in 9 of 60 rows"):
        _classes(y)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("pair", [(1, "a"), (True, "a"), (True, 5), (1.5, "a"), (b"x", "a"), (True, 2.0)], ids=str)
def test_labels_of_several_types_are_refused_in_a_list_as_in_a_series(pair):
    y = [pair[z] for z in Z]
    for given in (y, tuple(y), [[cell] for cell in y], pd.Series(y, dtype=object)):
        with pytest.raises(InputError, match="labels of different types"):
            _classes(given)


@pytest.mark.parametrize(
    "pair",
    [(1, 2.0), (np.int64(1), 2), (np.float32(1), 2), (np.bool_(False), True), (np.str_("a"), "b"), ("nan", "x")],
    ids=str,
)
def test_labels_of_one_kind_are_taken(pair):
    assert _classes([pair[z] for z in Z]).tolist() == list(pair)


def _fitted(y, **given):
    return EnsembleRegressor(["ridge"], cv=3, random_state=0).fit(X, y, **given)


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ([[1.0]] * (N - 1) + [[1.0, 2.0]], "y holds lists of different lengths"),
        ([float("nan"), "1", *Z[2:]], "the target is missing in 1 of 60 rows"),
        (["nan", *Z[1:]], "Input y contains NaN"),
        ([10**400, *Z[1:]], "a number beyond those of float64"),
    ],
)
def test_targets_that_cannot_be_read(y, told):
    with pytest.raises(InputError, match=told):
        _fitted(y)


@pytest.mark.parametrize(
    "weights",
    [[[1.0]] * (N - 1) + [[1.0, 2.0]], float("nan"), float("inf"), [10**400] * N, -1.0, 0.0],
    ids=lambda _: "",
)
def test_weights_that_cannot_be_read(weights):
    with pytest.raises(InputError, match="^sample_weight"):
        _fitted(Z, sample_weight=weights)


@pytest.mark.filterwarnings("ignore:the target holds two values")
def test_one_weight_is_that_of_every_row():
    assert np.array_equal(_fitted(Z, sample_weight=2.5).predict(X), _fitted(Z, sample_weight=[2.5] * N).predict(X))
