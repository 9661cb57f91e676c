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
def test_it_takes_little_of_the_time_and_expects_what_there_is(rows, power, whole, left):
    took = Taking(lambda n: whole * (n / rows) ** power)
    found = probe(took, rows, left)
    first, *others = took.sizes
    assert first <= 500
    assert all(took.seconds(size) <= 0.1 * left for size in others if size < first)
    # The first step up is expected to grow with the rows, and may be steeper.
    assert all(took.seconds(size) <= (0.02 * 16 + 1e-9) * left for size in others[:1] if size > first)
    assert all(took.seconds(size) <= (0.02 + 1e-9) * left for size in others[1:])
    if found is not None:
        assert found.expected == pytest.approx(whole, rel=0.1)
        assert found.last[0] <= rows / 16
        assert found.last[1] >= 0.1


@pytest.mark.parametrize("constant", [0.2, 3.0, 9.0])
def test_what_does_not_grow_with_the_rows_is_not_multiplied(constant):
    took = Taking(lambda rows: constant)
    found = probe(took, 100_000, 60.0)
    assert found is None or found.expected == pytest.approx(constant)
    assert len(took.sizes) <= (4 if constant < 1 else 2)


def test_few_rows_and_failures_tell_nothing():
    few = Taking(lambda rows: 1.0)
    assert probe(few, 700, 100.0) is None
    assert not few.sizes
    failing = Taking(lambda rows: None)
    assert probe(failing, 100_000, 100.0) is None
    assert failing.sizes == [390]
    assert probe(lambda rows: None if rows > 1000 else 0.2, 100_000, 100.0) is None


def test_what_is_short_leaves_nobody_out():
    took = Taking(lambda rows: 0.01)
    assert probe(took, 100_000, 1000.0) is None
    assert took.sizes == [390, 1560, 6240]
    alone = Taking(lambda rows: 0.02)
    assert probe(alone, 2_000, 2.0) is None
    assert alone.sizes == [50]


def test_a_first_import_leaves_nobody_out():
    """The first fit of all takes two seconds more; the one of half the rows comes after it."""
    seconds = iter([2.0, 0.11, 0.12])
    took = Taking(lambda rows: next(seconds))
    found = probe(took, 80_000, 58.0)
    assert took.sizes == [312, 156]
    assert found.expected > 1e6
    assert again(found, took).expected < 2.0


def test_a_second_measure_takes_what_the_machine_added_away():
    found = probe(Taking(lambda rows: rows / 100), 100_000, 1000.0)
    assert found.expected == pytest.approx(1000.0)
    assert again(found, lambda rows: rows / 200).expected < 500.0
    assert again(found, lambda rows: rows / 50) == found
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
    data = Rows(learn_table(X)[1], y, None, Task("regression"), plan, None)
    item = FitTask("one", Counting(), 0, *plan.folds[0], 3, "", True)
    took = measure(item, data, 1, [])
    assert 0 < took(100) < math.inf
    assert Counting.given == [100]
    monkeypatch.setattr(Counting, "fit", None)
    assert took(100) is None
