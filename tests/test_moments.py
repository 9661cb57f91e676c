"""Models that are solved from moments are those that copies of the rows give."""

import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
from scipy.sparse import csr_matrix
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.data._input import learn_table
from byoe.engine import _moments
from byoe.engine._crossfit import cross_fit
from byoe.engine._moments import FoldMoments, can_solve
from byoe.engine._resources import Resources
from byoe.engine._rows import Rows
from byoe.folds._splits import make_plan
from byoe.learners._from_estimator import FromEstimator
from byoe.learners.linear import Ridge
from byoe.plugins import Learner, SolvesMoments, Task

N = 240
FOLDS = KFold(5, shuffle=True, random_state=0)
# Without an intercept nothing makes up for how StandardScaler rounds a mean.
NO_INTERCEPT = 1e-9
REPEATED = RepeatedKFold(n_splits=5, n_repeats=3, random_state=0)


class Counted(Ridge):
    """Counts the fits on copies of rows."""

    fits = 0

    def fit(self, X, y, **options):
        type(self).fits += 1
        return super().fit(X, y, **options)


class OnRows(Ridge):
    def can_fit_moments(self, task):
        return False


def rows(X, y, cv=FOLDS, weight=None, groups=None):
    task = Task("regression", n_outputs=1 if y.ndim == 1 else y.shape[1])
    table = learn_table(X)[1]
    return Rows(table, y, weight, task, make_plan(cv, table.values, y, groups, task, 0))


def fitted(member, data, finalize="refit", n_jobs=1):
    return cross_fit({"m": member}, data, finalize={"m": finalize}, seed=0, resources=Resources(n_jobs))


def on_rows(data, **params):
    """Return the number of fits on copies of rows, and what they and the moments give."""
    Counted.fits = 0
    return (fitted(Counted(**params), data), fitted(OnRows(**params), data), Counted.fits)


def agree(found, expected, X, atol=0.0):
    """Check out-of-fold predictions, the served model and all that is saved of it."""
    np.testing.assert_allclose(found.oof, expected.oof, rtol=1e-8, atol=atol)
    (model,), (other,) = found.members["m"].models, expected.members["m"].models
    values = learn_table(X)[1].values
    np.testing.assert_allclose(model.predict(values), other.predict(values), rtol=1e-8, atol=atol)
    np.testing.assert_allclose(model.contributions(values), other.contributions(values), rtol=1e-6, atol=1e-8)
    assert (model.encoder.fill == other.encoder.fill)[
        ~np.isin(np.arange(values.shape[1]), list(model.encoder.one_hot))
    ].all()
    assert {i: codes.tolist() for i, codes in model.encoder.one_hot.items()} == {
        i: codes.tolist() for i, codes in other.encoder.one_hot.items()
    }
    np.testing.assert_allclose(model.encoder.center, other.encoder.center, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.encoder.scale, other.encoder.scale, rtol=1e-12)
    ridge, its = model.models[0], other.models[0]
    assert (ridge.coef.shape, ridge.intercept.shape) == (its.coef.shape, its.intercept.shape)


def numbers(rng, columns=6):
    return rng.normal(size=(N, columns)) * rng.lognormal(sigma=2, size=columns) + 10 * rng.normal(size=columns)


def frame(rng):
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=["a", "b", "c"])
    X["town"] = rng.choice(list("xyz"), N)
    X["shop"] = rng.choice(["p", "q", None], N, p=[0.5, 0.4, 0.1])
    X["one hole"] = np.where(np.arange(N) == 7, None, "here")  # in the training rows of all folds but one
    X["rare"] = np.where(np.arange(N) == 11, "once", "else")
    X["empty"] = pd.Series([None] * N, dtype="category")
    X["yes"] = rng.random(N) < 0.3
    return X


def shifted(rng):
    X = rng.normal(size=(N, 4))
    X[:, :2] += 1e6
    return X


def constant(rng):
    X = rng.normal(size=(N, 5))
    X[:, 1], X[:, 2] = 0.1, 7e5
    return X


def outliers(rng):
    X = rng.normal(size=(N, 4))
    X[3, 0], X[4, 1] = 1e9, -1e5
    return X


def nearly_empty(rng):
    X = np.zeros((N, 4))
    X[:, 0], X[:2, 1], X[:48, 2], X[48:, 2] = rng.normal(size=N), 1, 5, 1
    return X


def almost_constant(rng):
    X = rng.normal(size=(N, 3))
    X[:, 1] = 1e9 + 1e-6 * X[:, 1]  # no more than rounding, as StandardScaler sees it
    return X


def drifting(rng):
    return np.arange(N)[:, None] + rng.normal(size=(N, 3))


WEIGHTS = {
    "no weights": lambda rng: None,
    "weights": lambda rng: rng.exponential(size=N),
    "zero weights": lambda rng: rng.exponential(size=N) * (rng.random(N) < 0.7),
}
TABLES = {
    "three": lambda rng: numbers(rng, 3),
    "forty": lambda rng: numbers(rng, 40),
    "frame": frame,
    "shifted": shifted,
    "constant": constant,
    "outliers": outliers,
    "nearly empty": nearly_empty,
    "almost constant": almost_constant,
    "drifting": drifting,
}
SPLITS = {
    "shuffled": FOLDS,
    "in order": KFold(5),
    "repeated": REPEATED,
    "time": TimeSeriesSplit(4),
    "time, the last rows": TimeSeriesSplit(4, gap=3, max_train_size=90),
    "random": ShuffleSplit(7, test_size=0.3, random_state=0),
    "small training parts": ShuffleSplit(5, train_size=0.3, random_state=0),
    "groups": GroupKFold(5),
}


def target(X, rng):
    values = learn_table(X)[1].values
    signal = np.nan_to_num(values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
    return np.nan_to_num(signal).sum(axis=1) + rng.normal(size=N) + 50


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("table", TABLES)
def test_the_models_are_the_same_for_every_table(table, weights, rng):
    X = TABLES[table](rng)
    found, expected, fits = on_rows(rows(X, target(X, rng), weight=WEIGHTS[weights](rng)))
    agree(found, expected, X)
    assert fits == 0


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("table", ["three", "frame", "drifting"])
def test_the_models_are_the_same_for_every_split(table, split, rng):
    X = TABLES[table](rng)
    groups = rng.integers(0, 12, N)
    weight = WEIGHTS["zero weights"](rng)
    for given in (None, weight):
        found, expected, fits = on_rows(rows(X, target(X, rng), SPLITS[split], given, groups))
        agree(found, expected, X)
        assert fits == 0


def test_one_row_is_left_out_each_time(rng):
    X = numbers(rng)[:80]
    found, expected, fits = on_rows(rows(X, X[:, 0] + rng.normal(size=80), LeaveOneOut()))
    agree(found, expected, X)
    assert fits == 0


@pytest.mark.parametrize("table", ["shifted", "outliers", "nearly empty"])
def test_what_is_left_of_a_difference_keeps_its_digits(table, rng):
    X = TABLES[table](rng)
    y = target(X, rng)
    y[5] = 1e9  # all of the target's variance is taken away with this row
    together = [(np.arange(20, N), np.arange(20))]  # so is that of a column, with its only rows that are not zero
    found, expected, fits = on_rows(rows(X, y, [*REPEATED.split(X), *together]))
    agree(found, expected, X)
    assert fits == 0


def test_no_column_is_scaled_by_what_rounding_left_of_it(rng):
    X = rng.normal(size=(N, 2))
    X[:, 1] = np.where(np.arange(N) < 20, 1e3 * rng.normal(size=N), 0.1)
    together = [(np.arange(20, N), np.arange(20))]
    found, expected, _ = on_rows(rows(X, X[:, 0] + rng.normal(size=N), [*REPEATED.split(X), *together]))
    agree(found, expected, X)


def test_a_part_with_nearly_all_the_weight_is_left_out(rng):
    X = numbers(rng)
    weight = np.where(np.arange(N) < 20, 1e18, 1.0)
    cv = [*REPEATED.split(X), (np.arange(20, N), np.arange(20))]
    found, expected, fits = on_rows(rows(X, target(X, rng), cv, weight))
    agree(found, expected, X)
    assert fits == 0


def test_a_training_part_far_from_the_common_centre_is_fitted_on_its_rows(rng):
    X = rng.normal(size=(N, 3))
    X[100:, 0] += 1e12
    folds = [(np.arange(80), np.arange(80, N)), (np.arange(120), np.arange(120, N))]
    found, expected, fits = on_rows(rows(X, rng.normal(size=N), folds))
    agree(found, expected, X)
    assert fits == 1


@pytest.mark.parametrize(
    "params", [{}, {"alpha": 1e-2}, {"fit_intercept": False}, {"alpha": [0.1, 5.0, 0.1]}, {"solver": "cholesky"}]
)
@pytest.mark.parametrize("table", ["three", "frame"])
def test_several_targets(table, params, rng):
    X = TABLES[table](rng)
    y = np.column_stack([target(X, rng), rng.normal(size=N), target(X, rng) ** 2])
    for weight in (None, WEIGHTS["zero weights"](rng)):
        found, expected, fits = on_rows(rows(X, y, weight=weight), **params)
        agree(found, expected, X, atol=NO_INTERCEPT if "fit_intercept" in params else 0.0)
        assert fits == 0


@pytest.mark.parametrize("table", ["three", "forty", "frame", "constant"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_without_an_intercept(table, weights, rng):
    X = TABLES[table](rng)
    data = rows(X, target(X, rng), weight=WEIGHTS[weights](rng))
    found, expected, fits = on_rows(data, fit_intercept=False)
    agree(found, expected, X, atol=NO_INTERCEPT)
    assert fits == 0


@pytest.mark.parametrize(("columns", "fits"), [(48, 0), (49, 1), (100, 2), (193, 5)])
def test_with_fewer_rows_than_columns_it_is_fitted_on_them(columns, fits, rng):
    X = rng.normal(size=(N, columns))
    found, expected, counted = on_rows(rows(X, X[:, 0] + rng.normal(size=N), TimeSeriesSplit(4)))
    agree(found, expected, X)
    assert counted == fits  # the training parts have 48, 96, 144 and 192 rows


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-6])
def test_columns_that_depend_on_each_other_are_fitted_on_rows(alpha, rng):
    X = rng.normal(size=(N, 3))
    X = np.column_stack([X, X + 1e-7 * rng.normal(size=X.shape)])
    found, expected, fits = on_rows(rows(X, X[:, 0] + rng.normal(size=N)), alpha=alpha)
    assert np.array_equal(found.oof, expected.oof)
    assert fits == 6


def test_a_copy_of_a_column_is_no_trouble_with_a_penalty(rng):
    X = rng.normal(size=(N, 3))
    X = np.column_stack([X, X])
    found, expected, fits = on_rows(rows(X, X[:, 0] + rng.normal(size=N)))
    agree(found, expected, X)
    assert fits == 0


def test_sums_that_overflow_are_left_to_the_rows(rng):
    X = rng.normal(size=(N, 3))
    data = rows(X, X[:, 0])
    # Such a cell is refused before a fit; of smaller ones there would have to be very many.
    data.table.values[:, 1] = np.where(rng.random(N) < 0.5, 1e160, -1e160)
    moments = FoldMoments(Ridge(), data)
    assert moments.of(data.plan.folds[0][0], 1) is None


def test_other_rows_than_those_of_the_folds_are_refused(rng):
    data = rows(numbers(rng), rng.normal(size=N))
    moments = FoldMoments(Ridge(), data)
    assert moments.of(data.plan.folds[0][0][:-1], 1) is None
    assert moments.of(data.plan.folds[0][0], 1) is not None


def test_blocks_of_rows_give_the_same(rng, monkeypatch):
    X = frame(rng)
    data = rows(X, target(X, rng), weight=WEIGHTS["weights"](rng))
    whole = fitted(Ridge(), data).oof
    monkeypatch.setattr(_moments, "_CELLS", 1)
    np.testing.assert_allclose(fitted(Ridge(), data).oof, whole, rtol=1e-12)


@pytest.mark.parametrize(("split", "parts"), [(FOLDS, 5), (TimeSeriesSplit(4), 5), (REPEATED, 1)])
def test_the_moments_are_those_of_the_encoded_rows(split, parts, rng):
    X = frame(rng)
    y = np.column_stack([target(X, rng), rng.normal(size=N)])
    weight = WEIGHTS["weights"](rng)
    data = rows(X, y, split, weight)
    made = FoldMoments(Ridge(), data)
    for train, _ in [*data.plan.folds, (np.arange(N), None)]:
        encoder, moments = made.of(train, 1)
        w, encoded = weight[train], encoder.transform(data.table.values[train])
        assert moments.weight == pytest.approx(w.sum())
        np.testing.assert_allclose(moments.mean, np.average(encoded, axis=0, weights=w), atol=1e-12)
        np.testing.assert_allclose(moments.target_mean, np.average(y[train], axis=0, weights=w))
        apart, targets = encoded - moments.mean, y[train] - moments.target_mean
        np.testing.assert_allclose(moments.gram, apart.T @ (apart * w[:, None]), atol=1e-9)
        np.testing.assert_allclose(moments.products, apart.T @ (targets * w[:, None]), atol=1e-9)
        np.testing.assert_allclose(moments.squares, w @ targets**2)
    assert len(made._parts) == parts


def test_no_copy_of_the_table_is_made(rng):
    X = rng.normal(size=(120_000, 50))
    data = rows(X, X[:, 0])
    moments = FoldMoments(Ridge(), data)
    tracemalloc.start()
    moments.of(data.plan.folds[0][0], 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes


def test_tasks_at_once_share_the_moments(rng, monkeypatch):
    read = []
    monkeypatch.setattr(FoldMoments, "_read", lambda self, own=FoldMoments._read: (read.append(1), own(self)))
    monkeypatch.setattr("joblib.cpu_count", lambda: 4)
    data = rows(numbers(rng), rng.normal(size=N))
    several, alone = fitted(Ridge(), data, n_jobs=4), fitted(Ridge(), data)
    assert np.array_equal(several.oof, alone.oof)
    assert len(read) == 2


def test_the_table_is_read_once_whoever_asks_first(rng, monkeypatch):
    read, together = [], threading.Barrier(4)
    slow = FoldMoments._read
    monkeypatch.setattr(FoldMoments, "_read", lambda self: (read.append(1), time.sleep(0.05), slow(self)))
    data = rows(numbers(rng), rng.normal(size=N))
    moments = FoldMoments(Ridge(), data)

    def ask(number):
        together.wait()
        return moments.of(data.plan.folds[number][0], 1)

    with ThreadPoolExecutor(4) as pool:
        assert all(list(pool.map(ask, range(4))))
    assert len(read) == 1


def test_a_bag_is_solved_too(rng):
    data = rows(numbers(rng), rng.normal(size=N))
    Counted.fits = 0
    found, expected = (fitted(kind(), data, "bag") for kind in (Counted, OnRows))
    assert Counted.fits == 0
    for model, other in zip(found.members["m"].models, expected.members["m"].models, strict=True):
        np.testing.assert_allclose(model.models[0].coef, other.models[0].coef, rtol=1e-8)


@pytest.mark.parametrize("row", [0, 100])
def test_the_own_row_does_not_change_the_prediction_of_its_fold(row, rng):
    X = numbers(rng)
    y = target(X, rng)
    data = rows(X, y)
    (test,) = [test for _, test in data.plan.folds if row in test]
    others = test[test != row]
    first = fitted(Ridge(), data).oof
    changed = y.copy()
    changed[test] += 1000.0 * rng.normal(size=len(test))
    assert np.array_equal(fitted(Ridge(), rows(X, changed)).oof[row], first[row])
    moved = X.copy()
    moved[others] += 100.0 * X.std(axis=0) * rng.normal(size=(len(others), X.shape[1]))
    second = fitted(Ridge(), rows(moved, changed)).oof
    np.testing.assert_allclose(second[row], first[row], rtol=1e-10)
    assert not np.isclose(second[others], first[others]).any()


def test_where_moments_serve(rng):
    X, y = numbers(rng), rng.normal(size=N)
    assert can_solve(Ridge(), rows(X, y))
    assert can_solve(Ridge(), rows(frame(rng), y))
    assert can_solve(Ridge(), rows(X, y, TimeSeriesSplit(3)))
    holes = X.copy()
    holes[3, 2] = np.nan
    assert not can_solve(Ridge(), rows(holes, y))
    many = pd.DataFrame({"a": X[:, 0], "street": [f"s{i % 17}" for i in range(N)]})
    assert not can_solve(Ridge(), rows(many, y))
    few = many.assign(street=[f"s{i % 16}" for i in range(N)])
    assert can_solve(Ridge(), rows(few, y))
    assert not can_solve(Ridge(), rows(csr_matrix(X), y))
    assert not can_solve(Ridge(), rows(X, y, [(np.repeat(np.arange(100), 2), np.arange(100, N))]))
    assert not can_solve(learner("elastic_net"), rows(X, y))
    assert not can_solve(FromEstimator(sklearn.linear_model.Ridge()), rows(X, y))


@pytest.mark.parametrize(
    "params",
    [{"solver": "svd"}, {"solver": "lsqr"}, {"positive": True}, {"tol": 1e-6}, {"max_iter": 5}, {"alpha": -1.0}, {"alpha": "one"}, {"alpha": [1.0, 2.0]}, {"alpha": np.inf}, {"fit_intercept": None}],
    ids=str,
)  # fmt: skip
def test_parameters_that_ask_for_something_else(params):
    assert not Ridge(**params).can_fit_moments(Task("regression"))


def test_parameters_that_moments_serve():
    assert isinstance(Ridge(), SolvesMoments)
    assert Ridge(alpha=2, fit_intercept=False, positive=False, solver="auto").can_fit_moments(Task("regression"))
    assert Ridge(alpha=[1.0, 2.0]).can_fit_moments(Task("regression", n_outputs=2))
    assert not Ridge().can_fit_moments(Task("classification", 2))


class OneTarget:
    def __init__(self, coef):
        self.coef = coef

    def predict(self, X, *, threads=1):
        return X @ self.coef[1:] + self.coef[0]

    def save(self, folder):
        np.save(folder / "coef.npy", self.coef)


class Plain(Learner):
    """Least squares for one target, of columns as they are."""

    weights = missing = True
    fits = 0

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        type(self).fits += 1
        roots = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)
        inputs = np.column_stack([np.ones(len(X)), X])
        return OneTarget(np.linalg.lstsq(inputs * roots[:, None], y * roots)[0])


class PlainMoments(Plain):
    def can_fit_moments(self, task):
        return True

    def fit_moments(self, moments, *, task, seed, threads):
        assert moments.products.shape == (len(moments.mean), 1)
        coef = np.linalg.solve(moments.gram, moments.products[:, 0])
        left = moments.squares[0] - coef @ moments.products[:, 0]  # of the sum of squares
        assert 0 <= left <= moments.squares[0]
        return OneTarget(np.r_[moments.target_mean[0] - coef @ moments.mean, coef])


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_learner_of_ones_own_gets_columns_as_they_are_and_a_target_at_a_time(outputs, rng):
    X = numbers(rng)
    y = np.column_stack([target(X, rng), rng.normal(size=N)])
    data = rows(X, y[:, 0] if outputs == 1 else y, weight=WEIGHTS["weights"](rng))
    expected = fitted(Plain(), data)
    PlainMoments.fits = 0
    found = fitted(PlainMoments(), data)
    assert PlainMoments.fits == 0
    np.testing.assert_allclose(found.oof, expected.oof, rtol=1e-8)
    assert found.members["m"].models[0].encoder is None


class WithHoles(Ridge):
    missing, scaled, can_fit_moments = True, False, OnRows.can_fit_moments


class WithHolesMoments(Ridge):
    missing, scaled = True, False


def test_a_learner_that_takes_missing_cells_gets_no_medians(rng):
    X = frame(rng)[["a", "b", "town"]]
    y = target(X, rng)
    models = [fitted(kind(), rows(X, y)).members["m"].models[0] for kind in (WithHoles, WithHolesMoments)]
    assert models[0].encoder.state() == models[1].encoder.state()
    assert np.isnan(models[1].encoder.fill).all()


def test_an_ensemble_is_the_same_with_and_without(rng, tmp_path, monkeypatch):
    X = frame(rng)
    y = target(X, rng)
    asked = [("weak", learner("ridge", alpha=100.0)), "ridge", ("trees", learner("random_forest", n_estimators=5))]
    ensembles = []
    for name in ("moments", "rows"):
        if name == "rows":
            monkeypatch.setattr(Ridge, "can_fit_moments", OnRows.can_fit_moments)
        ensemble = EnsembleRegressor(asked, "weighted", random_state=0).fit(X, y)
        ensembles.append(byoe.load(ensemble.save(tmp_path / name)))
        assert np.array_equal(ensembles[-1].predict(X), ensemble.predict(X))
    found, expected = ensembles
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-8)
    np.testing.assert_allclose(found.oof_predictions_, expected.oof_predictions_, rtol=1e-8)
    np.testing.assert_allclose(found.blender_.weights_, expected.blender_.weights_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.feature_importances_, expected.feature_importances_, rtol=1e-8)
    assert found.score_estimate_ == pytest.approx(expected.score_estimate_, rel=1e-8)
    linear = [ensemble.drop_members("trees") for ensemble in ensembles]
    np.testing.assert_allclose(linear[0].explain(X), linear[1].explain(X), rtol=1e-6, atol=1e-8)


def test_an_estimator_of_the_users_is_fitted_on_rows(rng, monkeypatch):
    fits = []
    own = sklearn.linear_model.Ridge.fit
    monkeypatch.setattr(
        sklearn.linear_model.Ridge, "fit", lambda self, *given, **named: (fits.append(1), own(self, *given, **named))[1]
    )
    X = numbers(rng)
    EnsembleRegressor([sklearn.linear_model.Ridge()], "mean", random_state=0).fit(X, X[:, 0])
    assert len(fits) == 6
    EnsembleRegressor(["ridge"], "mean", random_state=0).fit(X, X[:, 0])
    assert len(fits) == 6


def test_classes_are_fitted_on_rows(rng):
    X = numbers(rng)
    ensemble = EnsembleClassifier(["ridge"], "mean", random_state=0).fit(X, X[:, 0] > np.median(X[:, 0]))
    assert ensemble.score(X, X[:, 0] > np.median(X[:, 0])) > 0.9


def test_an_error_of_the_parameters_names_the_member(rng):
    X = numbers(rng)
    with pytest.raises(byoe.errors.MemberError, match="'ridge' failed on fold 1"):
        EnsembleRegressor([learner("ridge", alpha=-1.0)], n_jobs=1).fit(X, X[:, 0])
