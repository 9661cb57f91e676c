"""What a worker process gets of the data."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from byoe.contracts._task import Task
from byoe.data._table import Table
from byoe.engine._rows import Rows
from byoe.engine._shared_data import SharedData, _read, there_already
from byoe.errors import InputError
from byoe.folds._splits import make_plan

TASK = Task("regression")


def rows(n_rows=3000):
    values = np.random.default_rng(0).normal(size=(n_rows, 5))
    plan = make_plan(3, values, values[:, 0], None, TASK, 0)
    return Rows(Table(values, values), values[:, 0].copy(), None, TASK, plan)


def test_the_size_is_that_of_the_data():
    data = rows()
    assert 0 < SharedData(data).__sizeof__() - data.table.values.nbytes < data.table.values.nbytes


def test_every_kind_of_table_is_read_back(diabetes_frame):
    for values in (np.asfortranarray(np.eye(4)), np.eye(8)[::2], np.empty((4, 0)), csr_matrix(np.eye(4))):
        data = Rows(Table(values, diabetes_frame), np.arange(4.0), None, TASK, rows(40).plan)
        back = pickle.loads(pickle.dumps(SharedData(data))).data
        assert (back.table.values != values).sum() == 0
        pd.testing.assert_frame_equal(back.table.native, diabetes_frame)


def test_bytes_that_begin_anywhere_are_aligned():
    handle = SharedData(rows())
    shifted = []
    for part in handle.parts:
        room = np.empty(part.nbytes + 1, dtype=np.uint8)[1:]
        room[:] = part
        shifted.append(room)
    back = _read("key", shifted, kept=False).data
    assert back.table.values.ctypes.data % 16 == 0
    assert np.array_equal(back.table.values, handle.data.table.values)


def test_a_process_keeps_the_data_of_the_last_fit():
    one, two = (pickle.dumps(SharedData(rows(50))) for _ in range(2))
    first = pickle.loads(one)
    assert pickle.loads(one) is first
    second = pickle.loads(two)
    assert second is not first
    assert pickle.loads(one) is not first
    served = pickle.dumps(SharedData(rows(50), kept=False))
    assert pickle.loads(served) is not pickle.loads(served)


def test_a_table_that_is_there_already_is_not_sent():
    data, same, other = rows(), rows(), rows(40)
    with there_already(data.table.digest()):
        sent = SharedData(same).parts
        assert sum(part.nbytes for part in sent) < data.table.values.nbytes
        assert _read("key", sent, kept=False).data.table is same.table  # that of the fit, not a further one
        whole = _read("key", SharedData(other).parts, kept=False).data
    assert np.array_equal(whole.table.values, other.table.values)
    with there_already(data.table.digest(), data.table):
        assert _read("key", sent, kept=False).data.table is data.table
    with (
        there_already(other.table.digest(), other.table),
        pytest.raises(InputError, match="has read other rows than the one that"),
    ):
        _read("key", sent, kept=False)
    assert sum(part.nbytes for part in SharedData(same).parts) > data.table.values.nbytes
