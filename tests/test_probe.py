"""What a fit is expected to take, by fits of a few of its rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoe.contracts._task import Task
from byoe.data._input import learn_table
from byoe.engine._probe import _mixed, again, measure, probe
from byoe.engine._rows import Rows
from byoe.engine._tasks import FitTask
from byoe.folds._plan import SplitPlan
from byoe.plugins import ConstantModel, Learner


class Taking:
    """Fits that take so long, and what they were of."""

    def __init__(self, seconds):
        self.seconds, self.sizes = seconds, []

    def __call__(self, rows):
        self.sizes.append(rows)
        return self.seconds(rows)


@given(rows=st.integers(800, 10**7), power=st.floats(0.0, 3.0), whole=st.floats(1e-3, 1e9), left=st.floats(1.0, 1e5))
def test_it_takes_little_of_the_time_and_never_expects_more_than_there_is(rows, power, whole, left):
    took = Taking(lambda n: whole * (n / rows) ** power)
    found = probe(took, rows, left)
    first, *others = sorted(took.sizes)
    assert all(took(size) <= 0.2 * left + 1e-9 for size in others if took(first) <= 0.2 * left)
    if found is not None:
        assert found.expected == pytest.approx(whole, rel=0.01)
        assert found.rows <= rows / 16


@pytest.mark.parametrize("constant", [0.2, 3.0])
def test_what_does_not_grow_with_the_rows_is_not_multiplied(constant):
    found = probe(lambda rows: constant, 100_000, 60.0)
    assert found is None or found.expected == pytest.approx(constant)


def test_few_rows_and_failures_tell_nothing():
    assert probe(Taking(lambda rows: 1.0), 700, 100.0) is None
    assert probe(lambda rows: None, 100_000, 100.0) is None
    assert probe(lambda rows: None if rows > 1000 else 1.0, 100_000, 100.0) is None


def test_what_is_short_is_measured_three_times_and_leaves_nobody_out():
    took = Taking(lambda rows: 0.01)
    assert probe(took, 100_000, 1000.0) is None
    assert took.sizes == [390] * 3 + [1562] * 3 + [6250] * 3


def test_a_second_measure_takes_what_a_first_import_added_away():
    found = probe(Taking(lambda rows: rows / 100), 100_000, 1000.0)
    assert again(found, lambda rows: found.took / 2).expected == pytest.approx(found.expected / 2)
    assert again(found, lambda rows: found.took * 2) == found
    assert again(found, lambda rows: 0.001) is None
    assert again(found, lambda rows: None) == found


def test_a_few_rows_are_of_every_class():
    y = np.repeat([0, 1, 2], [9000, 990, 10])
    rows = np.random.default_rng(0).permutation(10_000)
    mixed = _mixed(rows, y, Task("classification", 3))
    assert sorted(mixed) == list(range(10_000))
    assert np.bincount(y[mixed[:50]]).min() >= 5


class Counting(Learner):
    name = "counting"
    given = []

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        self.given.append(len(X))
        return ConstantModel.of(y, task, sample_weight)


def test_a_task_is_measured_on_some_of_its_rows(monkeypatch):
    monkeypatch.setattr(Counting, "given", [])
    X, y = np.random.default_rng(0).normal(size=(1000, 2)), np.arange(1000.0)
    plan = SplitPlan(((np.arange(800), np.arange(800, 1000)),), 1000)
    data = Rows(learn_table(X)[1], y, None, Task("regression"), plan)
    item = FitTask("one", Counting(), 0, *plan.folds[0], seed=3)
    took = measure(item, data, 1)
    assert 0 < took(100) < math.inf
    assert Counting.given == [100]
    monkeypatch.setattr(Counting, "fit", None)
    assert took(100) is None
