"""An out-of-fold prediction has never seen its row: not by its target, and not by statistics of its features."""

import numpy as np
import pandas as pd
import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts._task import Task
from byoe.data._input import learn_table
from byoe.engine._fold_fit import fit_fold
from byoe.engine._rows import Rows
from byoe.folds._inside import hold_out, inner_folds
from byoe.folds._plan import SplitPlan

NAMES = ["catboost", "xgboost", "lightgbm", "ridge", "elastic_net", "random_forest", "extra_trees", "hist_gradient_boosting", "knn", "svm", "mlp"]  # fmt: skip
# Early stopping stays on: the number of rounds is left open.
FAST = {
    # Its noise is drawn level by level, in the order of how often each is in the table.
    "catboost": {"depth": 2, "learning_rate": 0.5, "random_strength": 0},
    "xgboost": {"max_depth": 2, "learning_rate": 0.5},
    "lightgbm": {"num_leaves": 4, "learning_rate": 0.5},
    "hist_gradient_boosting": {"max_leaf_nodes": 4, "learning_rate": 0.5},
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
    "mlp": {"hidden_units": [8]},
}
ROW = 7


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    n = 150
    X = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "town": rng.choice(list("abc"), n),  # one-hot encoded where it is not taken as it is
            "street": rng.choice([f"s{i}" for i in range(20)], n),  # target encoded
        }
    )
    y = X["size"].fillna(0) + (X["town"] == "a") + 0.3 * rng.normal(size=n)
    return X, y.to_numpy()


def folds(n, k=3):
    rows = np.arange(n)
    return [(rows[rows % k != i], rows[rows % k == i]) for i in range(k)]


@pytest.mark.parametrize("name", NAMES)
def test_the_own_target_does_not_change_the_prediction(name, data):
    X, y = data
    changed = y.copy()
    changed[ROW] += 1000.0
    made = EnsembleRegressor([learner(name, **FAST.get(name, {}))], "mean", cv=folds(len(y)), random_state=0, n_jobs=1)
    first, second = (made.fit(X, target).oof_predictions_ for target in (y, changed))
    fold = np.arange(len(y)) % 3 == ROW % 3
    assert np.array_equal(first[fold], second[fold])
    assert not np.array_equal(first[~fold], second[~fold])  # where the row was learned from


@pytest.mark.parametrize("name", NAMES)
def test_the_own_class_does_not_change_the_prediction(name, data):
    X, y = data
    classes = (y > 0.3).astype(int)
    changed = classes.copy()
    changed[ROW] = 1 - changed[ROW]
    made = EnsembleClassifier([learner(name, **FAST.get(name, {}))], "mean", cv=folds(len(y)), random_state=0, n_jobs=1)
    first, second = (made.fit(X, target).oof_predictions_ for target in (classes, changed))
    fold = np.arange(len(y)) % 3 == ROW % 3
    assert np.array_equal(first[fold], second[fold])


@pytest.mark.parametrize("name", NAMES)
def test_features_of_a_fold_do_not_change_what_is_learned_elsewhere(name, data):
    """Means, scales, medians, frequencies come from the training rows alone; only the edges of bins are of all rows.

    These are the same when the column takes few values and each of them stays.
    """
    X, y = data
    X = X.assign(size=X["size"].round())
    own = np.arange(len(y)) % 3 == ROW % 3
    others = own & (np.arange(len(y)) != ROW)
    changed = X.copy()
    # Other values of the same kinds, for all rows of the fold but one.
    changed.loc[others, "size"] = X["size"].max()
    assert set(changed["size"].dropna()) == set(X["size"].dropna())
    changed.loc[others, "town"] = "c"
    changed.loc[others, "street"] = "s1"
    made = EnsembleRegressor([learner(name, **FAST.get(name, {}))], "mean", cv=folds(len(y)), random_state=0, n_jobs=1)
    first, second = (made.fit(frame, y).oof_predictions_[ROW] for frame in (X, changed))
    assert np.array_equal(first, second)


def read(X, y, plan, weight=None):
    return Rows(learn_table(X)[1], y, weight, Task("regression"), plan)


def test_statistics_are_those_of_the_training_rows(data):
    X, y = data
    train = np.arange(0, 100)
    plan = SplitPlan(((train, np.arange(100, 150)),), len(y))
    encoder = fit_fold(learner("ridge"), read(X, y, plan), train, seed=0, threads=1).encoder
    sizes = X["size"][:100]
    assert encoder.fill[0] == sizes.median()
    filled = sizes.fillna(sizes.median())
    assert encoder.center[0] == pytest.approx(filled.mean())
    assert encoder.scale[0] == pytest.approx(filled.std(ddof=0))
    # The mean target of a street, shrunk towards that of all, never leaves the range of both.
    table = learn_table(X)[1]
    codes = table.values[:100, 2].astype(int)
    for code in np.unique(codes):
        inside = sorted([y[:100][codes == code].mean(), y[:100].mean()])
        assert inside[0] - 1e-9 <= encoder.means[2][code, 0] <= inside[1] + 1e-9


def test_target_means_of_the_training_rows_come_from_other_rows(data):
    from byoe.data._encoder import fit_encoder

    X, y = data
    plan = SplitPlan(tuple(folds(len(y))), len(y))
    rows = np.arange(len(y))
    inner = inner_folds(plan, rows, seed=0)
    table = read(X, y, plan).table

    def encoded(target):
        return fit_encoder(
            learner("knn"),
            table.values,
            target,
            task=Task("regression"),
            sample_weight=None,
            table=table,
            folds=lambda: inner,
        )

    changed = y.copy()
    changed[ROW] += 5.0
    encoder, first = encoded(y)
    _, second = encoded(changed)
    raw = [values * encoder.scale + encoder.center for values in (first, second)]
    street = list(encoder.sources).index(2)
    scale = encoded(changed)[0]
    raw[1] = second * scale.scale + scale.center
    assert raw[0][ROW, street] == pytest.approx(raw[1][ROW, street])
    assert not np.allclose(raw[0][:, street], raw[1][:, street])


# -- splits inside a training part -------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_stop_rows_are_inside_the_training_part_and_apart_from_the_rest(seed):
    plan = SplitPlan(tuple(folds(300)), 300)
    train = plan.folds[0][0]
    kept, held = hold_out(plan, train, np.zeros(200), Task("regression"), seed)
    assert sorted([*kept, *held]) == list(range(200))
    assert 0.1 < len(held) / 200 < 0.2


def test_stop_rows_keep_whole_groups(rng):
    groups = rng.integers(0, 12, 300)
    plan = SplitPlan(tuple(folds(300)), 300, groups)
    train = plan.folds[0][0]
    for seed in range(5):
        kept, held = hold_out(plan, train, np.zeros(200), Task("regression"), seed)
        assert not set(groups[train[kept]]) & set(groups[train[held]])
        for inner_train, inner_test in inner_folds(plan, train, seed):
            assert not set(groups[train[inner_train]]) & set(groups[train[inner_test]])
    one = SplitPlan(tuple(folds(300)), 300, np.zeros(300))
    assert hold_out(one, train, np.zeros(200), Task("regression"), 0) is None
    assert inner_folds(one, train, 0) == []


@pytest.mark.parametrize(
    ("sizes", "share"),
    [([900, *[10] * 30], 0.15), ([500, 400, 30], 30 / 930), ([300, 300, 300], 1 / 3), ([800, 100, 20, 20], 0.15)],
)
def test_stop_rows_are_few_where_a_group_has_most_of_the_rows(sizes, share):
    rows = np.arange(10, 10 + sum(sizes))  # after those of the fold, or it would be a plan in the order of time
    groups = np.repeat(np.arange(-1, len(sizes)), [10, *sizes])
    plan = SplitPlan(((rows, np.arange(10)),), len(groups), groups)
    for seed in range(20):
        kept, held = hold_out(plan, rows, np.zeros(len(rows)), Task("regression"), seed)
        assert not set(groups[rows[kept]]) & set(groups[rows[held]])
        assert len(held) / len(rows) == pytest.approx(share, abs=0.05)


def test_stop_rows_are_the_last_of_a_time_ordered_plan():
    plan = SplitPlan(((np.arange(100), np.arange(100, 150)), (np.arange(150), np.arange(150, 200))), 200)
    assert plan.is_time_ordered
    rows = np.arange(150)
    kept, held = hold_out(plan, rows, np.zeros(150), Task("regression"), 0)
    assert kept.max() < held.min()
    assert held.max() == 149
    for train, test in inner_folds(plan, rows, 0):
        assert train.max() < test.min()


def test_the_order_of_time_is_that_of_rows_and_not_of_their_numbers(rng):
    plan = SplitPlan(((rng.permutation(100), np.arange(100, 120)),), 120)
    (train, _), *_ = plan.folds
    kept, held = hold_out(plan, train, np.zeros(100), Task("regression"), 0)
    assert train[kept].max() < train[held].min()
    for inner_train, inner_test in inner_folds(plan, train, 0):
        assert train[inner_train].max() < train[inner_test].min()


@pytest.mark.parametrize("task", [Task("regression"), Task("classification", 2)])
def test_a_row_that_is_drawn_more_than_once_is_on_one_side(rng, task):
    """In a bootstrap sample: a model that has learned a row would stop on it too late."""
    drawn = rng.choice(150, 150)
    plan = SplitPlan(((drawn, np.setdiff1d(np.arange(150), drawn)),), 150)
    y = (drawn % 3 == 0).astype(np.int64)
    kept, held = hold_out(plan, drawn, y, task, 0)
    assert sorted([*kept, *held]) == list(range(150))
    assert 0.05 < len(held) / 150 < 0.25
    sides = [(kept, held), *inner_folds(plan, drawn, 0)]
    assert len(sides) == 6
    assert all(not set(drawn[one]) & set(drawn[other]) for one, other in sides)
    assert sorted(position for _, test in sides[1:] for position in test) == list(range(150))


def test_stop_rows_keep_the_shares_of_the_classes():
    y = np.repeat([0, 1, 2], [140, 57, 3])
    plan = SplitPlan(((np.arange(10, 210), np.arange(10)),), 210)
    kept, held = hold_out(plan, plan.folds[0][0], y, Task("classification", 3), 0)
    assert set(y[kept]) == {0, 1, 2}
    assert abs(np.mean(y[held] == 1) - 0.285) < 0.05


def test_few_rows_are_not_split():
    plan = SplitPlan(((np.arange(30), np.arange(30, 40)),), 40)
    assert hold_out(plan, np.arange(30), np.zeros(30), Task("regression"), 0) is None


def test_groups_reach_the_early_stopping_of_a_member(data, rng):
    """Rows of a group share a noise that only memory explains: rounds found across groups are fewer."""
    n = 400
    groups = np.repeat(np.arange(40), 10)
    X = np.column_stack([groups + 0.01 * rng.normal(size=n), rng.normal(size=n)])
    y = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=n)
    made = EnsembleRegressor([learner("lightgbm", learning_rate=0.1)], "mean", random_state=0)
    alone = made.fit(X, y).members_["lightgbm"].models
    grouped = made.fit(X, y, groups=groups).members_["lightgbm"].models
    assert np.mean([m.rounds for m in grouped]) < 0.5 * np.mean([m.rounds for m in alone])


def test_a_row_of_weight_zero_teaches_nothing(data):
    X, y = data
    weight = np.r_[np.ones(120), np.zeros(30)]
    changed_X, changed_y = X.copy(), y.copy()
    changed_y[120:] += 100.0
    changed_X.loc[120:, "size"] = 1e6
    for name in ("ridge", "xgboost", "catboost", "random_forest"):
        made = EnsembleRegressor([learner(name, **FAST.get(name, {}))], "mean", cv=folds(len(y)), random_state=0)
        first = made.fit(X, y, sample_weight=weight).oof_predictions_[:120]
        second = made.fit(changed_X, changed_y, sample_weight=weight).oof_predictions_[:120]
        assert np.array_equal(first, second), name
