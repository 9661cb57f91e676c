"""Rows, targets and weights in odd containers.

scikit-learn #27744: the message for a series where a table is expected spoke of a reshape.
tsfresh #351: ``predict(frame.iloc[i, :])`` was met by that message.
mlxtend #197: lists of lists, and frames, failed inside the stack by how they are indexed.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from byoe import EnsembleRegressor, learner
from byoe.errors import ByoeError, InputError

N = 40
D = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 2)), columns=["a", "b"])
Y = D["a"] + np.random.default_rng(1).normal(0, 0.1, N)


def _fitted(X, y=Y, members=("ridge",), **given):
    return EnsembleRegressor(members, cv=3, random_state=0).fit(X, y, **given)


TAKEN = {
    "a dict of columns": D.to_dict("list"),
    "a list of dicts": D.to_dict("records"),
    "a structured array": D.to_records(index=False),
    "a record batch": pa.RecordBatch.from_pandas(D),
    "a masked array": np.ma.masked_array(D.to_numpy(), mask=False),
    "a repeated index": D.set_axis(np.zeros(N), axis=0),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_has_a_clear_meaning_is_taken(case):
    X = TAKEN[case]
    assert np.array_equal(_fitted(X).predict(X), _fitted(D).predict(D))


@dataclass
class Row:
    a: float
    b: float


REFUSED = {
    "a row": (lambda: D.iloc[0], r"a series \(pandas.Series\): take a row as a frame by X.iloc"),
    "a series of Polars": (lambda: pl.Series([1.0]), "a series"),
    "a lazy frame": (lambda: pl.from_pandas(D).lazy(), r"call .collect\(\) first"),
    "a record": (lambda: D.to_dict("records")[0], r"as \[X\]"),
    "a generator": (lambda: (row for row in D.to_numpy().tolist()), "can be read once only"),
    "nothing": (lambda: None, "X is None"),
    "a path": (lambda: "a.csv", "read a file first"),
    "three dimensions": (lambda: np.zeros((N, 2, 1)), "3 dimensions"),
    "groups": (lambda: D.groupby("a"), "the groups of a frame"),
    "an index": (lambda: D.index, "an index"),
    "a scalar": (lambda: 3.0, "a single value"),
    "ragged rows": (lambda: [[1, 2], [3]], "row 0 has 2 cells, row 1 has 1 cells"),
    "infinity": (lambda: D.assign(b=np.where(np.arange(N) == 7, np.inf, 1)), "infinity, in column 'b', row 7"),
    "1e300": (lambda: D.assign(b=np.where(np.arange(N) == 7, 1e300, 1)), r"1e\+300, a value too large for float32, in column 'b', row 7"),
    "1e300 in an array": (lambda: np.where(D > 2, 1e300, D), "too large for float32, in column number"),
    "1e300 among few cells": (lambda: sparse.csr_matrix(np.where(D > 2, 1e300, 0)), "too large for float32, in column number"),
    "a number beyond floats": (lambda: D.assign(b=pd.Series([1.0] * 7 + [10**400] + [2] * (N - 8), dtype=object)), "too large for float32, in column 'b', row 7"),
    "a number beyond floats in a list": (lambda: [[1, 10**400]] * N, "too large for float32, in column number 1, row 0"),
    "a set": (lambda: {(1, 2)}, "X is a set, whose rows have no order"),
    "a view": (lambda: dict(enumerate(D.to_numpy())).values(), "X is a dict_values: pass list"),
    "a module": (lambda: np, "X is numpy, a module"),
    "a class": (lambda: pd.DataFrame, "X is DataFrame, a class"),
    "objects": (lambda: [Row(1.0, 2.0)] * N, "row 0 of X is of type .*Row; make it a list of cells"),
    "complex numbers": (lambda: [[1j, 2.0]] * N, "X holds what is no number"),
    "lists as cells": (lambda: [[1, [2, 3]], [2, [3]]], "lists of different lengths as cells"),
    "lists": (lambda: pl.DataFrame({"a": [[1]] * N, "b": D["b"]}), "column 'a' holds List"),
    "no columns": (lambda: D[[]], "has no columns"),
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return _fitted(D)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("case", REFUSED)
def test_the_rest_is_refused_in_words(case, fitted):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        _fitted(make())
    with pytest.raises(ByoeError):
        fitted.predict(make())


def test_a_masked_cell_is_missing():
    mask = np.random.default_rng(2).random((N, 2)) < 0.2
    masked = np.ma.masked_array(np.where(mask, 1e6, D), mask=mask)
    holes = masked.filled(np.nan)
    assert np.array_equal(_fitted(masked).predict(masked), _fitted(holes).predict(holes))
    records = np.ma.masked_array(
        [tuple(row) for row in masked.data], dtype=[("a", float), ("b", float)], mask=list(map(tuple, mask))
    )
    assert np.array_equal(_fitted(records).predict(records), _fitted(holes).predict(holes))


@pytest.mark.parametrize("integers", [pa.array([2**53 + 1 + i for i in range(N)]), pa.array(range(N)).cast("uint64")])
def test_wide_integers_of_arrow(integers):
    table, frame = pa.table({"a": integers}), pd.DataFrame({"a": integers.to_numpy()})
    assert np.array_equal(_fitted(table).predict(table), _fitted(frame).predict(frame))


def test_targets_and_weights_in_odd_containers():
    right = _fitted(D, sample_weight=np.arange(N)).predict(D)
    for y in (Y.to_frame(), pl.DataFrame({"y": Y}), pa.array(Y), Y.to_frame().to_records(index=False)):
        assert np.array_equal(_fitted(D, y, sample_weight=pd.DataFrame({"w": np.arange(N)})).predict(D), right)
    with pytest.raises(InputError, match="the target is missing in 1 of"):
        _fitted(D, np.ma.masked_array(Y, mask=np.arange(N) == 3))
    with pytest.raises(InputError, match="sample_weight"):
        _fitted(D, sample_weight=np.ma.masked_array(np.ones(N), mask=np.arange(N) == 3))
    for odd in ({"y": list(Y)}, "y", (value for value in Y)):
        with pytest.raises(InputError, match=r"^y is"):
            _fitted(D, odd)


def test_few_rows_for_the_blender_make_no_noise():
    X, y = np.arange(3.0)[:, None], np.arange(3.0)
    members = [learner("random_forest", n_estimators=5), "ridge"]
    ensemble = EnsembleRegressor(members, "meta-linear", cv=2, random_state=0).fit(X, y)
    assert np.isfinite(ensemble.predict(X)).all()


@pytest.mark.parametrize("categorical", ["auto", ["b"]], ids=["number", "category"])
def test_a_signalling_nan_is_missing(categorical):
    cells = [Decimal("sNaN") if i % 5 == 0 else Decimal(i % 3) for i in range(N)]
    frame = D.assign(b=pd.Series(cells, dtype=object))
    holes = D.assign(b=pd.Series([None if i % 5 == 0 else i % 3 for i in range(N)], dtype=object))
    made = [
        EnsembleRegressor(["ridge"], cv=3, categorical=categorical, random_state=0).fit(X, Y) for X in (frame, holes)
    ]
    assert np.array_equal(made[0].predict(frame), made[1].predict(holes))
    with pytest.raises(InputError, match="the target is missing in 8 of 40 rows"):
        _fitted(D, cells)
    with pytest.raises(InputError, match="groups has missing entries"):
        _fitted(D, groups=cells)


@pytest.mark.parametrize("cell", [[1, 2], (1, 2), {"k": 1}, np.zeros(2)], ids=lambda cell: type(cell).__name__)
@pytest.mark.parametrize("row", [0, 29])
def test_cells_that_hold_several_values_are_told_at_the_fit_by_column_and_row(cell, row):
    cells = [1.0] * 30
    cells[row] = cell
    table = pd.DataFrame({"a": pd.Series(cells, dtype=object), "b": np.arange(30.0)})
    with pytest.raises(InputError, match=rf"column 'a' holds a {type(cell).__name__} in row {row}; .* make columns of"):
        EnsembleRegressor(["ridge"]).fit(table, np.arange(30.0))
