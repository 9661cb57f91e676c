import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from byoe import EnsembleRegressor
from byoe.contracts._task import Task
from byoe.errors import InputError, ParameterError
from byoe.folds._splits import make_plan

REGRESSION = Task("regression")


def plan(cv, n=60, groups=None, y=None, task=REGRESSION, seed=0):
    y = np.arange(float(n)) if y is None else y
    return make_plan(cv, np.zeros((n, 1)), y, groups, task, seed)


@given(n=st.integers(4, 80), k=st.integers(2, 4), seed=st.integers(0, 10))
def test_an_integer_is_a_seeded_shuffled_partition(n, k, seed):
    made = plan(k, n, seed=seed)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in made.folds])), np.arange(n))
    for train, test in made.folds:
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    again = plan(k, n, seed=seed)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(made.folds, again.folds, strict=True))


def test_it_is_scikit_learns_own_shuffled_fold():
    for (train, test), (a, b) in zip(
        plan(5).folds, KFold(5, shuffle=True, random_state=0).split(np.zeros(60)), strict=True
    ):
        assert np.array_equal(train, a)
        assert np.array_equal(test, b)


def test_classes_are_stratified():
    y = np.repeat([0, 1], [50, 10])
    for _, test in plan(5, y=y, task=Task("classification", 2)).folds:
        assert np.bincount(y[test]).tolist() == [10, 2]


@pytest.mark.parametrize("task", [REGRESSION, Task("classification", 2)])
def test_groups_stay_together(task):
    groups = np.repeat(np.arange(12), 5)
    y = np.tile([0, 1], 30)
    for train, test in plan(4, groups=groups, y=y, task=task).folds:
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    ("cv", "partition", "ordered"),
    [
        (4, True, False),
        (LeaveOneOut(), True, False),
        (PredefinedSplit(np.arange(60) % 3), True, False),
        (PredefinedSplit(np.arange(60) % 3 - 1), False, False),
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), False, False),
        (ShuffleSplit(3, random_state=0), False, False),
        (TimeSeriesSplit(4), False, True),
        ([(np.arange(40), np.arange(45, 60))], False, True),
        ([(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))], True, False),
        ([(np.arange(29), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))], False, False),
        ([(np.arange(30).repeat(2), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))], False, False),
    ],
)
def test_partitions_and_the_order_of_time(cv, partition, ordered):
    made = plan(cv)
    assert (made.is_partition, made.is_time_ordered) == (partition, ordered)
    if partition:
        assert all((made.test_fold[test] == number).all() for number, (_, test) in enumerate(made.folds))
        assert [test.tolist() for _, test in made.blend_folds(0)] == [test.tolist() for _, test in made.folds]


def test_groups_are_whole_where_the_folds_keep_them_together():
    groups = np.array(list("abcdef")).repeat(10)
    assert plan(3, groups=groups).whole_groups.tolist() == np.arange(6).repeat(10).tolist()
    assert plan(list(TimeSeriesSplit(5).split(groups)), groups=groups).whole_groups is not None
    assert plan(list(TimeSeriesSplit(4).split(groups)), groups=groups).whole_groups is None
    assert plan(3).whole_groups is None


def test_coverage_and_counts():
    assert plan(TimeSeriesSplit(4)).coverage.sum() == 48
    assert plan(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)).counts.tolist() == [2] * 60
    holdout = plan(PredefinedSplit(np.r_[np.full(40, -1), np.zeros(20)]))
    assert holdout.coverage.sum() == 20
    assert len(holdout.folds) == 1


def test_the_guards_of_bagging():
    assert plan(5).why_not_bag() == ""
    assert "covered" in plan(TimeSeriesSplit(4)).why_not_bag()
    assert "only 30 of 60 rows" in plan(2).why_not_bag()
    assert all(plan(3, n).why_not_bag() == "" for n in range(9, 40))
    assert "60 fold models" in plan(LeaveOneOut()).why_not_bag()


def test_the_blender_never_learns_from_rows_it_is_scored_on():
    for cv in (
        5,
        TimeSeriesSplit(4),
        ShuffleSplit(4, random_state=0),
        PredefinedSplit(np.r_[np.full(40, -1), np.zeros(20)]),
    ):
        made = plan(cv)
        pairs = made.blend_folds(0)
        assert pairs
        for train, test in pairs:
            assert not set(train) & set(test)
            assert made.coverage[train].all()
            assert made.coverage[test].all()


def test_time_order_reaches_the_blender():
    for train, test in plan(TimeSeriesSplit(4)).blend_folds(0):
        assert train.max() < test.min()


def test_groups_reach_the_blender_of_a_holdout():
    groups = np.repeat(np.arange(12), 5)
    holdout = plan([(np.arange(30), np.arange(30, 60))], groups=groups)
    for train, test in holdout.blend_folds(0):
        assert not set(groups[train]) & set(groups[test])


def test_index_pairs_and_masks():
    mask = np.arange(60) < 30
    made = plan([(np.flatnonzero(mask), np.flatnonzero(~mask)), (~mask, mask)])
    assert made.coverage.all()


@pytest.mark.parametrize(
    ("cv", "kind", "message"),
    [
        (1, ParameterError, "at least two folds"),
        (61, InputError, "61 folds need at least 61 rows, got 60"),
        ("five", ParameterError, "expected a number of folds, a scikit-learn splitter"),
        (True, ParameterError, "cv is True"),
        ([], ParameterError, "no folds"),
        (
            [(np.arange(30), np.arange(20, 40))],
            ParameterError,
            "fold 1 of cv trains on rows that it also predicts .10 of them",
        ),
        ([(np.arange(30), [40, 40, 41])], ParameterError, "predicts a row more than once"),
        ([(np.arange(30), [60])], ParameterError, "below 60"),
        ([(np.arange(30), [-1])], ParameterError, "below 60"),
        ([(np.arange(30), np.array([], dtype=int))], ParameterError, "empty test part"),
        ([(np.array([], dtype=int), [1])], ParameterError, "empty training part"),
        ([np.arange(3)], ParameterError, "is not a"),
        ([(np.arange(30.5), [40])], ParameterError, "is not a"),
    ],
)
def test_a_wrong_plan_is_refused(cv, kind, message):
    with pytest.raises(kind, match=message):
        plan(cv)


def test_wrong_groups_and_classes_are_refused():
    with pytest.raises(InputError, match="groups has 3 entries for 60 rows"):
        plan(5, groups=np.arange(3))
    with pytest.raises(InputError, match="5 folds need at least 5 groups, got 2"):
        plan(5, groups=np.repeat([0, 1], 30))
    with pytest.raises(InputError, match="rarest class has one row"):
        plan(5, y=np.r_[np.zeros(59, dtype=int), 1], task=Task("classification", 2))


def test_a_splitter_gets_the_groups():
    groups = np.repeat(np.arange(12), 5)
    for train, test in plan(GroupKFold(3), groups=groups).folds:
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    "splitter", [LeaveOneGroupOut(), LeavePGroupsOut(2), GroupShuffleSplit(3, random_state=0), GroupKFold(3)], ids=repr
)
def test_groups_of_tuples_make_the_folds_of_their_numbers(splitter):
    numbers = np.random.default_rng(0).permutation(np.arange(60) // 10)
    right = plan(splitter, groups=numbers).folds
    for groups in ([("site", number) for number in numbers.tolist()], pd.Series([(number,) for number in numbers])):
        for (train, test), (own_train, own_test) in zip(right, plan(splitter, groups=groups).folds, strict=True):
            assert np.array_equal(train, own_train)
            assert np.array_equal(test, own_test)


def test_a_splitter_of_the_users_gets_groups_as_they_are():
    class BySite:
        def split(self, X, y, groups):
            site = np.array([group[0] for group in groups])
            yield np.flatnonzero(site == "a"), np.flatnonzero(site == "b")

    groups = [("ab"[i % 2], i) for i in range(60)]
    assert plan(BySite(), groups=groups).folds[0][1].tolist() == list(range(1, 60, 2))


def test_a_splitter_that_writes_into_rows_leaves_those_of_the_user_alone():
    class Writes:
        def split(self, X, y=None, groups=None):
            assert X.dtype == np.float64
            X[:] = 0.0
            yield from KFold(3).split(X)

        def get_n_splits(self, X=None, y=None, groups=None):
            return 3

    for kind in (np.float64, np.float32):
        cells = np.random.default_rng(0).normal(size=(30, 2)).astype(kind)
        frame, before = pd.DataFrame(cells, columns=["a", "b"], copy=False), cells.copy()
        EnsembleRegressor(("ridge",), cv=Writes(), random_state=0).fit(frame, before[:, 0])
        assert np.array_equal(cells, before)
        EnsembleRegressor(("ridge",), cv=Writes(), random_state=0).fit(cells, before[:, 0])
        assert np.array_equal(cells, before)
