"""Contributions by tables: the libraries' own values, for all their trees, and the Shapley values of a definition."""

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from byoe import EnsembleRegressor, learner
from byoe.contracts._learner import StopRows
from byoe.contracts._task import Task
from byoe.learners import _by_tables, _tree_groups, _tree_shap
from byoe.learners._forest import Forest
from byoe.learners._oblivious import Oblivious, oblivious_values
from byoe.learners._tree_shap import shapley_values

BOOSTERS = ["catboost", "lightgbm", "xgboost"]
# Relative to the sum of the absolute contributions to a row; XGBoost computes in float32.
TOLERANCE = {"catboost": 1e-9, "lightgbm": 1e-9, "xgboost": 1e-5}
REGRESSION = Task("regression")


@pytest.fixture(autouse=True)
def any_number_of_rows(monkeypatch):
    """Let tables be made for few rows, too."""
    monkeypatch.setattr(_by_tables, "FEW_ROWS", 1)
    monkeypatch.setattr(_tree_shap, "CELLS_EACH", 1e9)


def table(n=250, width=5, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    y = 3 * X[:, 0] + np.abs(X[:, 1]) * X[:, 0] + X[:, -1] ** 2 + rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def fitted(name, X, y, classes=0, weight=None, stop=None, **params):
    task = Task("classification", classes) if classes else REGRESSION
    codes = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes)) if classes else y
    few = {} if stop is not None else {"n_rounds": 15, "learning_rate": 0.3}
    own = learner(name, **{**few, **params})
    return own.fit(X, codes, task=task, sample_weight=weight, seed=0, threads=1, stop=stop)


def asked_rows(model, monkeypatch):
    """Return a list to which the numbers of rows go that the library is asked for."""
    asked, library = [], model._contributions

    def spy(X, threads):
        asked.append(X.shape[0])
        return library(X, threads)

    monkeypatch.setattr(model, "_contributions", spy)
    return asked


def assert_same(name, model, X, monkeypatch):
    library = model._contributions(X, 1)
    if model.task.n_classes == 2 and library.ndim == 3:
        library = library[:, 1] - library[:, 0]
    if name == "lightgbm" and model._dump["average_output"]:
        library = library / model.rounds
    asked = asked_rows(model, monkeypatch)
    values = model.contributions(X)
    assert asked == [1]  # the others are by tables
    assert values.shape == library.shape
    size = np.abs(library).sum(axis=-1, keepdims=True)
    assert (np.abs(values - library) <= TOLERANCE[name] * size).all()
    return values


# -- the libraries' own values -------------------------------------------------------


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("depth", [1, 2, 4, 6, 8])
@pytest.mark.parametrize("name", BOOSTERS)
def test_depths(name, depth, missing, monkeypatch):
    X, y = table(missing=missing)
    model = fitted(name, X, y, max_depth=depth, **({"min_child_samples": 3} if name == "lightgbm" else {}))
    new, _ = table(missing=0.4, seed=1)  # missing where the training rows may have none
    if name == "catboost" and not missing:  # which refuses them
        new = np.nan_to_num(new)
    assert_same(name, model, np.vstack([X, new]), monkeypatch)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("name", BOOSTERS)
def test_classes(name, classes, monkeypatch):
    X, y = table(missing=0.1)
    values = assert_same(name, fitted(name, X, y, classes), X, monkeypatch)
    assert values.shape == ((250, 6) if classes == 2 else (250, classes, 6))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("xgboost", {"objective": "reg:absoluteerror"}),
        ("xgboost", {"objective": "reg:pseudohubererror"}),
        ("xgboost", {"objective": "count:poisson"}),
        ("xgboost", {"base_score": 7.0}),
        ("xgboost", {"num_parallel_tree": 3, "subsample": 0.5}),
        ("xgboost", {"grow_policy": "lossguide", "max_leaves": 20, "max_depth": 0}),
        ("xgboost", {"tree_method": "exact"}),
        ("xgboost", {"gamma": 1e9}),  # single leaves
        ("lightgbm", {"objective": "quantile", "alpha": 0.3}),
        ("lightgbm", {"objective": "huber"}),
        ("lightgbm", {"boosting": "dart"}),
        ("lightgbm", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
        ("lightgbm", {"num_leaves": 100, "min_child_samples": 1}),
        ("lightgbm", {"min_split_gain": 1e9}),
        ("catboost", {"loss_function": "MAE"}),
        ("catboost", {"boost_from_average": False}),
        ("catboost", {"model_shrink_rate": 0.1}),
        ("catboost", {"nan_mode": "Max"}),
    ],
    ids=repr,
)
def test_kinds_of_models(name, params, monkeypatch):
    X, y = table(missing=0.1)
    assert_same(name, fitted(name, X, np.abs(y), **params), X, monkeypatch)


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_class_of_catboost_has_values_in_the_same_trees(loss, classes, monkeypatch):
    X, y = table()
    assert_same("catboost", fitted("catboost", X, y, classes, loss_function=loss), X, monkeypatch)


@pytest.mark.parametrize("name", BOOSTERS)
def test_early_stopping_and_weights(name, monkeypatch):
    X, y = table(n=400)
    weight = np.random.default_rng(3).random(300) * 5
    stop = StopRows(X[300:], y[300:], None, patience=3)
    model = fitted(name, X[:300], y[:300], weight=weight, stop=stop, n_rounds=200, learning_rate=0.5)
    assert model.rounds < 200
    assert_same(name, model, X, monkeypatch)


@pytest.mark.parametrize("name", BOOSTERS)
def test_wide_tables_with_constant_columns(name, monkeypatch):
    X, y = table(width=60)
    X[:, 10:30] = 4.0
    values = assert_same(name, fitted(name, X, y), X, monkeypatch)
    assert not values[:, 10:30].any()


@pytest.mark.parametrize("name", BOOSTERS)
def test_one_column_is_asked_for_again_and_again(name, monkeypatch):
    X = table()[0][:, :1]
    assert_same(name, fitted(name, X, np.sin(5 * X[:, 0]), max_depth=7), X, monkeypatch)


@pytest.mark.parametrize("name", BOOSTERS)
def test_cells_at_thresholds_and_whole_numbers(name, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, size=(250, 4)).astype(np.float64)
    model = fitted(name, X, X[:, 0] * X[:, 1] + X[:, 2])
    edges = np.concatenate([X, X + 0.5, X - 0.5, X * 1e-36, X * 1e-40, X * 1e30])
    assert_same(name, model, edges, monkeypatch)


def test_cells_are_compared_in_single_precision_where_the_library_does(monkeypatch):
    X, y = table(n=100, width=2)
    single = X.astype(np.float32).astype(np.float64)
    near = np.concatenate([np.nextafter(single, 9), np.nextafter(single, -9), single])
    for name in ("xgboost", "catboost"):
        assert_same(name, fitted(name, single, y, max_depth=6), near, monkeypatch)


# -- a definition --------------------------------------------------------------------


def random_tree(rng, width, depth):
    """Return the nodes of a tree, the columns of which repeat on paths."""
    nodes = []

    def grow(left, cover):
        place = len(nodes)
        nodes.append({"left": -1, "right": -1, "feature": 0, "threshold": 0.0, "missing_left": False, "value": 0.0})
        nodes[place]["cover"] = cover
        if left and rng.random() < 0.85:
            nodes[place].update(
                feature=int(rng.integers(width)), threshold=float(rng.normal()), missing_left=bool(rng.random() < 0.5)
            )
            share = rng.uniform(0.05, 0.95)
            nodes[place]["left"] = grow(left - 1, cover * share)
            nodes[place]["right"] = grow(left - 1, cover * (1 - share))
        else:
            nodes[place]["value"] = float(rng.normal())
        return place

    grow(depth, 100.0)
    return {name: np.array([node[name] for node in nodes]) for name in nodes[0]}


def expected(tree, row, known, node=0):
    """Return what a tree predicts on average over the training rows, some columns of a row being known."""
    left, right, feature = tree["left"][node], tree["right"][node], tree["feature"][node]
    if left < 0:
        return tree["value"][node]
    if feature in known:
        cell = row[feature]
        to_left = tree["missing_left"][node] if np.isnan(cell) else cell < tree["threshold"][node]
        return expected(tree, row, known, left if to_left else right)
    cover = tree["cover"]
    both = (cover[child] * expected(tree, row, known, child) for child in (left, right))
    return sum(both) / cover[node]


def by_definition(tree, row):
    """Return Shapley values over all coalitions."""
    width = len(row)
    values = np.zeros(width)
    for column in range(width):
        others = [other for other in range(width) if other != column]
        for size in range(width):
            share = math.factorial(size) * math.factorial(width - size - 1) / math.factorial(width)
            for known in itertools.combinations(others, size):
                gain = expected(tree, row, {*known, column}) - expected(tree, row, set(known))
                values[column] += share * gain
    return values


@pytest.mark.parametrize("bits", [1, 4, 7, 9])
@pytest.mark.parametrize("depth", [0, 1, 3, 5])
def test_trees_by_definition(depth, bits, monkeypatch):
    monkeypatch.setattr(_tree_groups, "FEW_BITS", bits)
    rng = np.random.default_rng(depth)
    trees = [random_tree(rng, 4, depth) for _ in range(4)]
    X = rng.normal(size=(6, 4))
    X[rng.random(X.shape) < 0.2] = np.nan
    values = shapley_values(Forest.joined(trees, [0, 1, 0, 1]), X, n_targets=2)
    for target in range(2):
        wanted = [sum(by_definition(tree, row) for tree in trees[target::2]) for row in X]
        np.testing.assert_allclose(values[target].T, wanted, atol=1e-12)


def level_by_level(trees, number, target):
    """Return an oblivious tree as one of nodes; its last level is the root."""
    depth = trees.feature.shape[1]
    n_inner = 2**depth - 1
    place = np.arange(2 * n_inner + 1)
    level = depth - 1 - np.floor(np.log2(place + 1)).astype(int)
    cover = np.concatenate([np.zeros(n_inner), trees.weights[number]])
    for node in reversed(range(n_inner)):
        cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
    inner = place < n_inner
    return {
        "left": np.where(inner, 2 * place + 1, -1),
        "right": np.where(inner, 2 * place + 2, -1),
        "feature": trees.feature[number][level],
        "threshold": trees.threshold[number][level],
        "missing_left": trees.missing_below[number][level],
        "value": np.concatenate([np.zeros(n_inner), trees.values[number, target]]),
        "cover": cover,
    }


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_oblivious_trees_by_definition(depth):
    rng = np.random.default_rng(depth)
    trees = Oblivious(
        feature=rng.integers(3, size=(6, depth)),
        threshold=rng.normal(size=(6, depth)).astype(np.float32),
        missing_below=rng.random((6, depth)) < 0.5,
        values=rng.normal(size=(6, 2, 2**depth)),
        weights=rng.random((6, 2**depth)),
    )
    X = rng.normal(size=(5, 3)).astype(np.float32)
    X[rng.random(X.shape) < 0.2] = np.nan
    values = oblivious_values([trees], X, n_targets=2)
    for target in range(2):
        nodes = [level_by_level(trees, number, target) for number in range(6)]
        wanted = [sum(by_definition(tree, row) for tree in nodes) for row in X]
        np.testing.assert_allclose(values[target].T, wanted, atol=1e-12)


# -- rows, threads, memory -----------------------------------------------------------


@pytest.mark.parametrize("name", BOOSTERS)
def test_values_do_not_depend_on_other_rows_and_on_threads(name, monkeypatch):
    X, y = table(n=300, missing=0.1)
    model = fitted(name, X, y, n_rounds=60)
    monkeypatch.setattr(_tree_shap, "NODES", 200)  # several batches
    whole = model.contributions(X)
    assert np.array_equal(whole, model.contributions(X, threads=2))
    shuffled = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(model.contributions(X[shuffled]), whole[shuffled], rtol=1e-9, atol=1e-6)
    alone = np.vstack([model.contributions(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone, whole[:20], rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("name", BOOSTERS)
def test_rows_in_blocks_and_a_part_of_the_trees_at_a_time(name, monkeypatch):
    X, y = table(n=400)
    model = fitted(name, X, y)
    whole = model.contributions(X)
    monkeypatch.setattr(_by_tables, "LEAST_ROWS", 64)
    monkeypatch.setattr(_by_tables, "CELLS", 1)
    monkeypatch.setattr(_tree_shap, "CELLS", 1 << 10)
    np.testing.assert_allclose(model.contributions(X), whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", BOOSTERS)
def test_other_layouts_of_rows(name):
    X, y = table()
    model = fitted(name, X, y)
    whole = model.contributions(X)
    for other in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]):
        assert np.array_equal(model.contributions(other), whole)


# -- the libraries, where they are better --------------------------------------------


@pytest.mark.parametrize("name", BOOSTERS)
def test_few_rows_are_the_librarys(name, monkeypatch):
    monkeypatch.setattr(_by_tables, "FEW_ROWS", 100)
    X, y = table()
    model = fitted(name, X, y)
    asked = asked_rows(model, monkeypatch)
    model.contributions(X[:99])
    assert asked == [99]
    model.contributions(X[:100])
    assert asked == [99, 1]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("xgboost", {"booster": "dart"}),
        ("xgboost", {"booster": "gblinear"}),
        ("lightgbm", {"zero_as_missing": True}),
        ("catboost", {"grow_policy": "Lossguide"}),
    ],
    ids=repr,
)
def test_trees_of_other_kinds_are_the_librarys(name, params, monkeypatch):
    X, y = table(missing=0.1)
    X[::5] = 0.0
    model = fitted(name, X, y, **params)
    asked = asked_rows(model, monkeypatch)
    values = model.contributions(X)
    assert asked == [1, 250]
    assert np.array_equal(values, model._contributions(X, 1))


@pytest.mark.parametrize("name", BOOSTERS)
def test_splits_on_categories_are_the_librarys(name, monkeypatch):
    X, y = table()
    X[:, 0] = np.arange(250) % 4
    y = y + np.array([5.0, -5.0, 3.0, -3.0])[np.arange(250) % 4]
    own = learner(name, n_rounds=15)
    model = own.fit(X, y, task=REGRESSION, sample_weight=None, seed=0, threads=1, categorical={0: 4})
    asked = asked_rows(model, monkeypatch)
    model.contributions(X)
    assert asked == [1, 250]


@pytest.mark.parametrize("name", BOOSTERS)
def test_sparse_rows_are_the_librarys(name, monkeypatch):
    X, y = table()
    X[np.abs(X) < 0.5] = 0.0
    model = fitted(name, csr_matrix(X), y)
    asked = asked_rows(model, monkeypatch)
    model.contributions(csr_matrix(X))
    assert asked == [250]


def test_deep_trees_are_the_librarys(monkeypatch):
    X, y = table(n=400, width=30)
    model = fitted("lightgbm", X, y, num_leaves=100, min_child_samples=1)
    asked = asked_rows(model, monkeypatch)
    monkeypatch.setattr(_tree_shap, "CELLS_EACH", 1e-3)
    model.contributions(X)
    assert asked == [1, 400]
    monkeypatch.setattr(_tree_shap, "CELLS_EACH", 1e9)
    monkeypatch.setattr(_tree_shap, "MOST_BITS", 2)
    model.contributions(X)
    assert asked == [1, 400, 1, 400]


def test_nodes_that_no_training_row_reaches_have_no_shares():
    tree = {
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "feature": np.zeros(3, dtype=int),
        "threshold": np.zeros(3),
        "missing_left": np.zeros(3, dtype=bool),
        "value": np.arange(3.0),
        "cover": np.array([5.0, 0.0, 5.0]),
    }
    assert shapley_values(Forest.joined([tree], [0]), np.ones((2, 1)), n_targets=1) is None


@pytest.mark.parametrize("name", BOOSTERS)
def test_where_the_library_says_otherwise_it_is_right(name, monkeypatch):
    X, y = table()
    model = fitted(name, X, y)
    library = model._contributions

    def other(X, threads):
        asked.append(len(X))
        return library(X, threads) * 1.01

    asked = []
    monkeypatch.setattr(model, "_contributions", other)
    assert np.array_equal(model.contributions(X), library(X, 1) * 1.01)
    assert asked == [1, 250]


# -- the ensemble --------------------------------------------------------------------


def test_an_ensemble_explains_many_rows_as_it_explains_few(monkeypatch):
    X, y = table(missing=0.1)
    learners = [learner(name, n_rounds=10) for name in BOOSTERS]
    ensemble = EnsembleRegressor(learners, "mean", cv=3, random_state=0, n_jobs=1).fit(X, y)
    by_tables = ensemble.explain(X)
    monkeypatch.setattr(_by_tables, "FEW_ROWS", 10_000)
    np.testing.assert_allclose(by_tables, ensemble.explain(X), rtol=1e-5, atol=1e-5)
