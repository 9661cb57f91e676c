"""What every built-in learner promises, tested for each of them alike."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

import byoe
from byoe.contracts._constant import load_model
from byoe.contracts._task import Task
from byoe.data._column import Column
from byoe.data._table import Table
from byoe.engine._fold_fit import fit_fold
from byoe.engine._rows import Rows
from byoe.errors import UnknownNameError
from byoe.folds._plan import SplitPlan
from byoe.registry._registry import installed

FAST = {
    "catboost": {"iterations": 60, "depth": 4},
    "xgboost": {"n_estimators": 40},
    "lightgbm": {"n_estimators": 40},
    "random_forest": {"n_estimators": 30},
    "extra_trees": {"n_estimators": 30, "min_samples_leaf": 3},
    "hist_gradient_boosting": {"max_iter": 40},
    "mlp": {"hidden_units": [20], "rows_per_batch": 32},
    "elastic_net": {"alpha": 0.05},
}
NAMES = sorted(name for name, (plugin,) in installed("learner").items() if plugin.distribution == "byoe-ensemble")
REGRESSION = Task("regression")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 5))
    signal = X[:, 0] * 3 + np.sin(2 * X[:, 1]) + 0.2 * rng.normal(size=160)
    return X, signal * 10 + 100, np.digitize(signal, [-1.5, 1.5])


def make(name, **params):
    return byoe.learner(name, **{**FAST.get(name, {}), **params})


def fit(learner, X, y, task=REGRESSION, weight=None, seed=0, threads=1):
    return learner.fit(X, y, task=task, sample_weight=weight, seed=seed, threads=threads)


def prepared(learner, X, y, task=REGRESSION, weight=None, columns=None, seed=0, **options):
    """Fit as the engine does: what the learner does not take is encoded."""
    columns = columns or (Column("number"),) * X.shape[1]
    plan = SplitPlan(((np.arange(0, len(X), 2), np.arange(1, len(X), 2)),), len(X))
    data = Rows(Table(X, X, columns), y, weight, task, plan)
    return fit_fold(learner, data, np.arange(len(X)), seed=seed, threads=1, **options)


def test_all_of_the_issue_are_there():
    wanted = "catboost xgboost lightgbm ridge elastic_net random_forest extra_trees hist_gradient_boosting knn svm mlp"
    assert set(wanted.split()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_a_regression(name, data):
    X, y, _ = data
    prediction = fit(make(name), X[:120], y[:120]).predict(X[120:])
    assert prediction.shape == (40,)
    assert prediction.dtype == np.float64
    assert r2_score(y[120:], prediction) > 0.6


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_it_learns_classes_with_probabilities_that_sum_to_one(name, classes, data):
    X, _, y = data
    y = np.minimum(y, classes - 1)
    task = Task("classification", classes)
    probabilities = fit(make(name), X[:120], y[:120], task).predict(X[120:])
    assert probabilities.shape == (40, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert (probabilities >= 0).all()
    assert accuracy_score(y[120:], probabilities.argmax(axis=1)) > 0.7


@pytest.mark.parametrize("kind", ["regression", "two classes", "three classes"])
@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_predicts_the_same_to_the_bit(name, kind, data, tmp_path):
    X, y, classes = data
    task = REGRESSION if kind == "regression" else Task("classification", 2 if kind == "two classes" else 3)
    target = y if kind == "regression" else np.minimum(classes, task.n_classes - 1)
    learner = make(name)
    model = fit(learner, X, target, task)
    model.save(tmp_path)
    assert not list(tmp_path.rglob("*.pkl"))
    loaded = make(name).load(tmp_path, task=task)
    assert np.array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_is_the_only_randomness(name, data):
    X, y, _ = data
    first = fit(make(name), X, y, seed=1).predict(X)
    np.random.seed(123)  # a learner must not look at the global state
    assert np.array_equal(fit(make(name), X, y, seed=1).predict(X), first)


@pytest.mark.parametrize("name", ["random_forest", "extra_trees", "mlp"])
def test_another_seed_gives_another_model(name, data):
    X, y, _ = data
    assert not np.array_equal(fit(make(name), X, y, seed=1).predict(X), fit(make(name), X, y, seed=2).predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_missing_cells_are_handled_also_where_training_had_none(name, data):
    X, y, _ = data
    holes = X.copy()
    holes[::7, 1] = np.nan
    assert np.isfinite(prepared(make(name), holes, y).predict(holes)).all()
    assert np.isfinite(prepared(make(name), X, y).predict(holes)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if make(name).weights != "none"])
def test_weights_pull_the_fit(name, data):
    X, y, _ = data
    upper = y > np.median(y)
    plain = fit(make(name), X, y).predict(X)
    pulled = fit(make(name), X, y, weight=np.where(upper, 20.0, 1.0)).predict(X)
    if name == "mlp":  # its few units bend where the rows are that count, and may predict the others too low
        assert np.abs(pulled - y)[upper].mean() < np.abs(plain - y)[upper].mean()
    else:
        assert pulled.mean() > plain.mean()


@pytest.mark.parametrize("name", ["ridge", "elastic_net"])
def test_a_zero_weight_is_an_absent_row_where_nothing_counts_rows(name, data):
    X, y, _ = data
    weight = np.r_[np.ones(100), np.zeros(60)]
    by_weight = fit(make(name), X, y, weight=weight).predict(X)
    absent = fit(make(name), X[:100], y[:100], weight=np.ones(100)).predict(X)
    np.testing.assert_allclose(by_weight, absent, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_data_are_not_changed(name, data):
    X, y, _ = data
    X, y = X.copy(), y.copy()
    kept = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    fit(make(name), X, y).predict(X)
    assert np.array_equal(X, kept[0])
    assert np.array_equal(y, kept[1])


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_parameter_is_refused_with_the_closest(name):
    with pytest.raises(UnknownNameError, match=f"{name} has no parameter 'no_such_thing'"):
        byoe.learner(name, no_such_thing=1)


@pytest.mark.parametrize(
    ("name", "params", "own"),
    [
        ("xgboost", {"eta": 0.1, "num_round": 7, "lambda": 2, "alpha": 1}, {"learning_rate", "n_estimators", "reg_lambda", "reg_alpha"}),
        ("lightgbm", {"bagging_fraction": 0.5, "bagging_freq": 1, "min_data_in_leaf": 3}, {"subsample", "subsample_freq", "min_child_samples"}),
        ("catboost", {"max_depth": 3, "n_estimators": 7, "eta": 0.1, "objective": "MAE"}, {"depth", "iterations", "learning_rate", "loss_function"}),
    ],
)  # fmt: skip
def test_native_names_are_taken_and_used(name, params, own, data):
    X, y, _ = data
    learner = byoe.learner(name, **params)
    assert set(learner.own_params()) == own
    model = fit(learner, X, y)
    assert not np.array_equal(model.predict(X), fit(byoe.learner(name), X, y).predict(X))


def test_the_number_of_rounds_is_obeyed(data):
    X, y, _ = data
    assert fit(byoe.learner("xgboost", num_round=7), X, y).booster.num_boosted_rounds() == 7
    assert fit(byoe.learner("lightgbm", num_round=7), X, y).booster.num_trees() == 7
    assert fit(byoe.learner("catboost", num_round=7), X, y).model.tree_count_ == 7
    assert fit(byoe.learner("hist_gradient_boosting", num_round=7), X, y).estimator.n_iter_ == 7


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost"])
def test_boosters_equal_their_own_wrappers(name, data):
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    X, y, _ = data
    made = {
        "xgboost": lambda: XGBRegressor(n_estimators=30, max_depth=3, n_jobs=1, random_state=0),
        "lightgbm": lambda: LGBMRegressor(
            n_estimators=30,
            max_depth=3,
            n_jobs=1,
            random_state=0,
            verbosity=-1,
            force_col_wise=True,
            deterministic=True,
        ),
        "catboost": lambda: CatBoostRegressor(
            n_estimators=30, max_depth=3, thread_count=1, random_state=0, verbose=False, allow_writing_files=False
        ),
    }
    model = fit(byoe.learner(name, n_estimators=30, max_depth=3), X, y, seed=0)
    np.testing.assert_allclose(model.predict(X), made[name]().fit(X, y).predict(X), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["target", "features"])
def test_constant_data_give_a_constant_prediction(name, what, data, tmp_path):
    X, y, _ = data
    X, y = (X, np.full(160, 7.0)) if what == "target" else (np.ones_like(X), y)
    params = {"elastic_net": {"alpha": 1.0}}.get(name, {})
    model = fit(byoe.learner(name, **params) if params else make(name), X, y)
    prediction = model.predict(X)
    assert np.ptp(prediction) < (1.0 if name == "mlp" else 1e-6)
    # k-nearest neighbours take some rows of many that are equally near.
    assert abs(prediction[0] - y.mean()) < (3 if name in ("knn", "svm") else 0.2) * y.std() + 0.5
    model.save(tmp_path)
    assert np.array_equal(load_model(make(name), tmp_path, task=REGRESSION).predict(X), prediction)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_constant_model_takes_sparse_rows(classes):
    from scipy.sparse import csr_matrix

    X, y = csr_matrix(np.ones((8, 2))), np.arange(8) % 2
    task = Task("classification", 2) if classes else REGRESSION
    prediction = fit(make("catboost"), X, y, task).predict(X)
    assert (prediction == 0.5).all()
    assert prediction.shape == ((8, 2) if classes else (8,))


def test_linear_boosting_of_xgboost(data, tmp_path):
    X, y, _ = data
    model = fit(byoe.learner("xgboost", booster="gblinear", n_rounds=50), X, y)
    assert r2_score(y, model.predict(X)) > 0.6
    model.save(tmp_path)
    assert np.array_equal(byoe.learner("xgboost").load(tmp_path, task=REGRESSION).predict(X), model.predict(X))


def test_forests_predict_the_same_whatever_the_threads(data):
    X, y, _ = data
    model = fit(byoe.learner("random_forest"), X, y)
    assert len({model.predict(X, threads=threads).tobytes() for threads in (1, 2, 4, 4, 4)}) == 1


def test_catboosts_own_estimator_obeys_the_threads(data):
    from catboost import CatBoostRegressor

    from byoe.learners._from_estimator import FromEstimator

    X, y, _ = data
    model = fit(FromEstimator(CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False)), X, y)
    assert model.estimator.get_params()["thread_count"] == 1
    assert model.predict(X, threads=2).shape == y.shape


@pytest.mark.parametrize("name", ["ridge", "elastic_net", "knn", "svm", "mlp"])
def test_columns_are_scaled_where_scale_matters(name, data):
    X, y, _ = data
    units = X * [1.0, 1e3, 1e-3, 7.0, 1.0] + [0.0, 0.0, 0.0, 100.0, 0.0]
    np.testing.assert_allclose(
        prepared(make(name), units, y).predict(units), prepared(make(name), X, y).predict(X), rtol=1e-4
    )


def test_an_instance_is_used_as_it_is(data):
    from sklearn.linear_model import Lasso
    from sklearn.tree import DecisionTreeRegressor

    from byoe.learners._from_estimator import FromEstimator

    X, y, _ = data
    tree = DecisionTreeRegressor(max_depth=3)
    model = fit(FromEstimator(tree), X, y, seed=4)
    expected = DecisionTreeRegressor(max_depth=3, random_state=4).fit(X, y).predict(X)
    assert np.array_equal(model.predict(X), expected)
    assert not hasattr(tree, "tree_")
    assert FromEstimator(tree).finalize == "bag"
    assert FromEstimator(Lasso()).finalize == "refit"
    kept = FromEstimator(DecisionTreeRegressor(random_state=9))
    assert fit(kept, X, y, seed=4).estimator.random_state == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_column_without_values_teaches_nothing(name, data):
    X, y, classes = data
    holes = X.copy()
    holes[:, 2] = np.nan
    for kind, target in ((byoe.EnsembleRegressor, y), (byoe.EnsembleClassifier, np.minimum(classes, 1))):
        fitted = kind([make(name)], "mean", cv=3, random_state=0).fit(holes, target)
        assert np.isfinite(fitted.predict(X)).all()


LEAVES = {
    "amounts": ({}, "regression", 5),
    "two classes": ({}, "binary", 5),
    "more classes": ({"loss_function": "MultiClass"}, "classes", 5),
    "constrained": ({"monotone_constraints": [1, 0]}, "regression", 5),
    "given": ({"leaf_estimation_iterations": 2}, "regression", 2),
    "a loss that takes one": ({"loss_function": "MAE"}, "regression", 1),
    "a method that takes one": (
        {"leaf_estimation_method": "Exact", "loss_function": "Quantile:alpha=0.2"},
        "regression",
        1,
    ),
    "another method": ({"leaf_estimation_method": "Gradient"}, "regression", 1),
    "given rounds, as the library does": ({"iterations": 5}, "regression", 1),
}


@pytest.mark.parametrize("case", LEAVES)
def test_catboost_finds_leaves_in_five_steps_where_it_finds_its_rounds(case):
    params, target, steps = LEAVES[case]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = X[:, 0] + 0.5 * rng.normal(size=100)
    y = {"regression": y, "binary": y > 0, "classes": np.digitize(y, [-0.5, 0.5])}[target]
    kind = byoe.EnsembleRegressor if target == "regression" else byoe.EnsembleClassifier
    ensemble = kind(
        [byoe.learner("catboost", learning_rate=0.3, **params)], "mean", cv=2, finalize="refit", random_state=0
    )
    (served,) = ensemble.fit(X, y).members_["catboost"].models
    assert served.models[0].model.get_all_params()["leaf_estimation_iterations"] == steps
