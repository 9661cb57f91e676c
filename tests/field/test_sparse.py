"""Sparse matrices in every form that they may have: what a cell is does not depend on how it is stored.

Cells stored twice made other models without a word, and CatBoost fail; XGBoost told zeros that are stored from others.
"""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from xgboost import XGBRegressor

from byoe import EnsembleRegressor, learner, serving
from byoe.errors import InputError

N, WIDTH = 60, 6
RNG = np.random.default_rng(0)
DENSE = np.where(RNG.random((N, WIDTH)) < 0.3, RNG.random((N, WIDTH)), 0)
S = sparse.csr_array(DENSE)
Y = DENSE @ np.arange(WIDTH) + RNG.normal(0, 0.1, N)
MEMBERS = ["ridge", "knn", *(learner(name, n_estimators=5) for name in ("xgboost", "lightgbm", "catboost"))]


def _fitted(X, members=MEMBERS):
    return EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(X, Y)


def _zeros():
    """Return the matrix with every fourth of its empty cells stored as a zero."""
    rows, columns = np.nonzero(DENSE == 0)
    found = S.tocoo()
    places = np.r_[found.row, rows[::4]], np.r_[found.col, columns[::4]]
    made = sparse.coo_array((np.r_[found.data, np.zeros(len(rows[::4]))], places), shape=S.shape).tocsr()
    assert made.nnz > S.nnz
    return made


def _read_only():
    made = S.copy()
    for part in (made.data, made.indices, made.indptr):
        part.setflags(write=False)
    return made


STORED = {
    "twice": sparse.csr_array((np.repeat(S.data / 2, 2), np.repeat(S.indices, 2), S.indptr * 2), shape=S.shape),
    "zeros": _zeros(),
    "read-only": _read_only(),
    "64-bit indices": sparse.csr_array((S.data, S.indices.astype(np.int64), S.indptr.astype(np.int64)), shape=S.shape),
    "columns": S.tocsc(),
}


@pytest.fixture(scope="module")
def fitted():
    return _fitted(S)


@pytest.mark.parametrize("case", STORED)
def test_a_cell_is_what_it_is_however_it_is_stored(case, fitted):
    X = STORED[case]
    before = X.copy()
    right = fitted.predict(S)
    assert np.array_equal(fitted.predict(X), right)
    assert np.array_equal(_fitted(X).predict(S), right)
    for part in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(X, part), getattr(before, part))


CONTAINERS = {
    "pandas": pd.DataFrame(DENSE),
    "named": pd.DataFrame(DENSE, columns=list("abcdef")),
    "sparse pandas": pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(S)),
    "Polars": pl.DataFrame(DENSE),
    "list": DENSE.tolist(),
    "array": DENSE,
    "objects": DENSE.astype(object),
}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("case", CONTAINERS)
def test_dense_rows_after_a_sparse_fit_are_made_sparse(case, fitted):
    assert np.array_equal(fitted.predict(CONTAINERS[case]), fitted.predict(S))


def test_a_missing_cell_in_a_frame_after_a_sparse_fit_is_refused(fitted):
    with pytest.raises(InputError, match="in which no cell can be missing"):
        fitted.predict(pd.DataFrame(DENSE).mask(DENSE > 0.9))


def test_members_of_the_users_own_get_sparse_rows_from_an_endpoint_too(tmp_path):
    fitted = _fitted(S, [("own", XGBRegressor(n_estimators=5, n_jobs=1))])
    model = serving.model_fn(str(fitted.save(tmp_path / "bundle")))
    rows = serving.input_fn(json.dumps(DENSE.tolist()), "application/json")
    answer = serving.output_fn(serving.predict_fn(rows, model), "application/json")
    assert np.allclose(json.loads(answer[0])["predictions"], fitted.predict(S), rtol=1e-6)
    assert not np.allclose(fitted.members_["own"].models[0].predict(DENSE), fitted.predict(S))  # zeros matter here
