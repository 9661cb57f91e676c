from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV

import byoe
from byoe.blenders._comparing import compare
from byoe.blenders._meta_model import MetaModel, meta_features
from byoe.blenders._simplex import least_squares, log_loss, residual
from byoe.blenders.greedy import _trials
from byoe.contracts._blender import OOF
from byoe.contracts._task import Task
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric

REGRESSION = Task("regression")
NAMES = ("mean", "weighted", "meta-linear", "vote", "greedy", "best", "auto", "adjusted")
finite = st.floats(-100, 100, allow_nan=False, width=32)


def regression(rng, n=120, members=4, noise=(0.3, 0.5, 1.0, 2.0)):
    y = rng.normal(size=n) * 10
    return OOF(np.column_stack([y + s * rng.normal(size=n) for s in noise[:members]]), y, REGRESSION)


def classes(rng, n=200, members=3, k=3):
    y = rng.integers(k, size=n)
    logits = rng.normal(size=(n, members, k)) + 2.0 * np.eye(k)[y][:, None, :] * np.linspace(0.2, 1.5, members)[:, None]
    p = np.exp(logits)
    return OOF(p / p.sum(axis=2, keepdims=True), y, Task("classification", k))


@given(arrays(float, st.tuples(st.integers(2, 12), st.integers(1, 5)), elements=finite), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_least_squares_weights_are_optimal_on_the_simplex(A, seed):
    b = np.random.default_rng(seed).normal(size=len(A)) * 50
    w = least_squares(A, b)
    assert (w >= 0).all()
    assert abs(w.sum() - 1) < 1e-12
    gradient = 2 * A.T @ (A @ w - b)
    assert residual(w, gradient) <= 1e-8


@given(st.integers(1, 5), st.integers(5, 60), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_log_loss_weights_are_optimal_on_the_simplex(members, n, seed):
    rng = np.random.default_rng(seed)
    P = rng.uniform(0.01, 1.0, size=(n, members))
    s = rng.uniform(0, 2, size=n) + 0.01
    w = log_loss(P, s)
    assert (w >= 0).all()
    assert abs(w.sum() - 1) < 1e-12
    assert residual(w, -((s / s.sum()) @ (P / (P @ w)[:, None]))) <= 1e-8


def test_both_solvers_agree_with_a_general_one(rng):
    oof = regression(rng)
    A, b = oof.predictions, oof.y
    bounds, sums = [(0, 1)] * 4, {"type": "eq", "fun": lambda w: w.sum() - 1}

    def general(loss):
        return minimize(
            loss, np.full(4, 0.25), bounds=bounds, constraints=sums, options={"ftol": 1e-14, "maxiter": 1000}
        ).x

    np.testing.assert_allclose(least_squares(A, b), general(lambda w: np.mean((A @ w - b) ** 2)), atol=1e-5)
    P = rng.uniform(0.05, 1, size=(80, 4))
    np.testing.assert_allclose(log_loss(P, np.ones(80)), general(lambda w: -np.log(P @ w).mean()), atol=1e-4)


@pytest.mark.parametrize("solver", ["regression", "classes"])
def test_hard_problems_still_reach_the_optimum(solver, rng):
    if solver == "regression":  # nearly equal members, far from zero
        b = 1e6 + rng.normal(size=500)
        A = b[:, None] + 1e-3 * rng.normal(size=(500, 12))
        w = least_squares(A, b)
        R = A - b[:, None]
        assert residual(w, 2 * R.T @ (R @ w) / np.sum(R**2)) <= 1e-8
    else:  # members that are nearly sure, and wrong at times
        P = np.where(rng.uniform(size=(400, 6)) < 0.1, 1e-15, 1 - 1e-9)
        w = log_loss(P, np.ones(400))
        assert residual(w, -(P / (P @ w)[:, None]).mean(axis=0)) <= 1e-8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [regression, classes], ids=["regression", "classes"])
def test_rows_may_come_in_any_order(name, make, rng):
    oof = make(rng)
    order = rng.permutation(len(oof.y))
    first = byoe.blender(name).fit(oof).predict(oof.predictions)
    second = byoe.blender(name).fit(oof.rows(order)).predict(oof.predictions)
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [regression, classes], ids=["regression", "classes"])
def test_members_may_come_in_any_order(name, make, rng):
    oof = make(rng)
    order = rng.permutation(oof.predictions.shape[1])
    swapped = OOF(oof.predictions[:, order], oof.y, oof.task)
    first = byoe.blender(name).fit(oof).predict(oof.predictions)
    second = byoe.blender(name).fit(swapped).predict(swapped.predictions)
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("params", [{}, {"voting": "soft"}])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [regression, classes], ids=["regression", "classes"])
def test_the_state_is_json_and_complete(name, make, params, rng):
    import json

    if params and name != "vote":
        params = {}
    oof = make(rng)
    fitted = byoe.blender(name, **params).fit(oof)
    state = json.loads(json.dumps(fitted.state(), allow_nan=False))
    again = byoe.blender(name, **params).restore(state)
    assert np.array_equal(again.predict(oof.predictions), fitted.predict(oof.predictions))


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_sum_to_one(name, rng):
    oof = classes(rng)
    np.testing.assert_allclose(byoe.blender(name).fit(oof).predict(oof.predictions).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_one_member_and_duplicated_members(name, rng):
    oof = regression(rng, members=1)
    one = byoe.blender(name).fit(oof).predict(oof.predictions)
    assert np.corrcoef(one, oof.predictions[:, 0])[0, 1] > 0.999999
    twice = OOF(np.repeat(oof.predictions, 2, axis=1), oof.y, REGRESSION)
    np.testing.assert_allclose(byoe.blender(name).fit(twice).predict(twice.predictions), one, atol=0.1)


def test_a_perfect_and_a_constant_member(rng):
    y = rng.normal(size=50)
    oof = OOF(np.column_stack([y, np.full(50, 3.0)]), y, REGRESSION)
    np.testing.assert_allclose(byoe.blender("weighted").fit(oof).weights_, [1, 0], atol=1e-12)
    perfect = OOF(np.column_stack([y, y]), y, REGRESSION)
    np.testing.assert_allclose(byoe.blender("weighted").fit(perfect).weights_, [0.5, 0.5])


def test_weights_of_rows_count(rng):
    oof = regression(rng)
    weight = np.ones(120)
    weight[60:] = 0
    weighted = OOF(oof.predictions, oof.y, REGRESSION, sample_weight=weight)
    for name in ("weighted", "meta-linear"):
        first = byoe.blender(name).fit(weighted).predict(oof.predictions)
        second = byoe.blender(name).fit(oof.rows(np.arange(60))).predict(oof.predictions)
        # The scale of meta-linear's penalty is that of the target, with all its rows.
        np.testing.assert_allclose(first, second, atol=1e-8 if name == "weighted" else 0.2)
    zero = OOF(oof.predictions, oof.y, REGRESSION, sample_weight=np.zeros(120))
    with pytest.raises(ParameterError, match="all zero"):
        byoe.blender("weighted").fit(zero)


def test_given_weights_are_normalised_and_checked(rng):
    oof = regression(rng)
    np.testing.assert_allclose(byoe.blender("weighted", weights=[2, 1, 1, 0]).fit(oof).weights_, [0.5, 0.25, 0.25, 0])
    for wrong, message in (([1, 1], "shape"), ([-1, 1, 1, 1], "non-negative"), ([0, 0, 0, 0], "positive sum")):
        with pytest.raises(ParameterError, match=message):
            byoe.blender("weighted", weights=wrong).fit(oof)


def test_learned_weights_beat_the_mean_and_the_best_member(rng):
    oof = regression(rng, n=2000)
    loss = {name: np.mean((byoe.blender(name).fit(oof).predict(oof.predictions) - oof.y) ** 2) for name in NAMES}
    best = ((oof.predictions - oof.y[:, None]) ** 2).mean(axis=0).min()
    assert loss["weighted"] < best < loss["mean"]


def test_the_lowest_class_wins_ties():
    p = np.zeros((1, 2, 3))
    p[0, 0, 2] = p[0, 1, 1] = 1.0
    vote = byoe.blender("vote").fit(OOF(p, np.array([1]), Task("classification", 3)))
    assert vote.predict(p).argmax(axis=1).tolist() == [1]
    assert not vote.gives_probabilities
    assert byoe.blender("vote", voting="soft").gives_probabilities


def test_vote_refuses_what_it_does_not_know(rng):
    with pytest.raises(ParameterError, match="voting is 'loud', expected 'hard' or 'soft'"):
        byoe.blender("vote", voting="loud").fit(regression(rng))


def test_meta_linear_is_ridge_cv_in_the_targets_units(rng):
    oof = regression(rng)
    scale = oof.y.std()
    reference = RidgeCV(alphas=np.logspace(-4, 4, 17)).fit(oof.predictions / scale, oof.y / scale)
    expected = reference.predict(oof.predictions / scale) * scale
    np.testing.assert_allclose(byoe.blender("meta-linear").fit(oof).predict(oof.predictions), expected, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_meta_linear_does_not_depend_on_the_targets_units(factor, rng):
    oof = regression(rng)
    scaled = OOF(oof.predictions * factor, oof.y * factor, REGRESSION)
    first = byoe.blender("meta-linear").fit(oof).predict(oof.predictions)
    second = byoe.blender("meta-linear").fit(scaled).predict(scaled.predictions)
    np.testing.assert_allclose(first, second / factor, rtol=1e-6)


def test_meta_linear_passes_features_through(rng):
    X = rng.normal(size=(300, 2))
    y = X[:, 0] * 5 + rng.normal(size=300) * 0.1
    X_holes = X.copy()
    X_holes[::10, 1] = np.nan
    oof = OOF(rng.normal(size=(300, 1)), y, REGRESSION, X=X_holes)
    blind = byoe.blender("meta-linear").fit(oof).predict(oof.predictions)
    seeing = byoe.blender("meta-linear", passthrough=True).fit(oof).predict(oof.predictions, X_holes)
    assert np.mean((seeing - y) ** 2) < 0.05 < np.mean((blind - y) ** 2)


def test_meta_linear_with_classes_that_are_absent(rng):
    oof = classes(rng, k=4)
    for present in ([0, 2, 3], [1, 3], [2]):
        rows = np.flatnonzero(np.isin(oof.y, present))
        p = byoe.blender("meta-linear").fit(oof.rows(rows)).predict(oof.predictions)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert p[:, [c for c in range(4) if c not in present]].max() < 1e-9


def test_any_estimator_as_meta_model(rng):
    oof = regression(rng)
    fitted = MetaModel(LinearRegression()).fit(oof)
    expected = LinearRegression().fit(oof.predictions, oof.y).predict(oof.predictions)
    np.testing.assert_allclose(fitted.predict(oof.predictions), expected)
    with pytest.raises(ParameterError, match="LogisticRegression is not a regressor"):
        MetaModel(LogisticRegression()).fit(oof)


@pytest.mark.parametrize("k", [2, 3])
def test_meta_features_are_laid_out_as_scikit_learn_does(k, rng):
    oof = classes(rng, k=k)
    inputs = meta_features(oof.predictions, oof.task)
    assert inputs.shape == (200, 3 if k == 2 else 9)
    fitted = MetaModel(LogisticRegression()).fit(oof)
    expected = LogisticRegression().fit(inputs, oof.y).predict_proba(inputs)
    np.testing.assert_allclose(fitted.predict(oof.predictions), expected)


def test_a_clone_is_not_fitted(rng):
    fitted = byoe.blender("weighted").fit(regression(rng))
    assert not hasattr(clone(fitted), "weights_")
    assert clone(fitted).name == "weighted"


# -- choosing ------------------------------------------------------------------------


def halves(oof):
    rows = np.arange(len(oof.y))
    return tuple((rows[rows % 3 != part], rows[rows % 3 == part]) for part in range(3))


def test_best_takes_the_smallest_loss_by_the_ensembles_metric(rng):
    oof = regression(rng)
    assert byoe.blender("best").fit(oof).weights_.tolist() == [1, 0, 0, 0]
    y = np.zeros(100)
    spiky = np.where(np.arange(100) == 3, 40.0, 0.0)  # small absolute, large squared error
    steady = np.full(100, 1.0)
    two = np.column_stack([spiky, steady])
    for metric, chosen in (("mae", 0), ("rmse", 1)):
        judged = OOF(two, y, REGRESSION, metric=find_metric(metric, REGRESSION))
        assert byoe.blender("best").fit(judged).weights_.argmax() == chosen


def test_greedy_comes_near_the_optimum_and_never_does_worse_than_the_best_member(rng):
    for seed in range(10):
        oof = regression(np.random.default_rng(seed))
        optimum = oof.loss(byoe.blender("weighted", pull=0).fit(oof).predict(oof.predictions))
        found = oof.loss(byoe.blender("greedy").fit(oof).predict(oof.predictions))
        best = min(oof.loss(oof.predictions[:, m]) for m in range(4))
        assert optimum <= found <= min(best, optimum * 1.02)


def test_greedy_equals_brute_force_over_few_steps(rng):
    from itertools import combinations_with_replacement

    oof = regression(rng, members=3, noise=(1.0, 1.1, 1.2))
    found = byoe.blender("greedy", steps=3).fit(oof)
    losses = []
    for size in range(1, 7):
        for chosen in combinations_with_replacement(range(3), size):
            losses.append(oof.loss(oof.predictions[:, chosen].mean(axis=1)))
    assert min(losses) <= oof.loss(found.predict(oof.predictions)) <= 1.02 * min(losses)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss"])
def test_greedy_works_for_any_metric(metric, rng):
    oof = classes(rng, k=2)
    judged = OOF(oof.predictions, oof.y, oof.task, metric=find_metric(metric, oof.task))
    found = byoe.blender("greedy", steps=10).fit(judged)
    best = min(judged.loss(oof.predictions[:, m]) for m in range(3))
    assert judged.loss(found.predict(oof.predictions)) <= best


@pytest.mark.parametrize("metric", [None, "accuracy"])
def test_greedy_tells_its_path(metric, rng):
    oof = regression(rng) if metric is None else classes(rng)
    oof = replace(oof, metric=metric and find_metric(metric, oof.task))
    found = byoe.blender("greedy", steps=12).fit(oof)
    assert len(found.path_) == len(found.path_losses_) > 12
    for taken, loss in enumerate(found.path_losses_, start=1):
        assert loss == pytest.approx(oof.loss(oof.predictions[:, found.path_[:taken]].mean(axis=1)))
    end = found.path_losses_.argmin() + 1
    np.testing.assert_allclose(np.bincount(found.path_[:end], minlength=len(found.weights_)) / end, found.weights_)


def test_the_path_of_greedy_outlives_pruning_and_old_bundles(rng):
    oof = regression(rng, noise=(1.0, 1.1, 1.2, 9.0))
    found = byoe.blender("greedy", steps=12).fit(oof)
    again = byoe.blender("greedy").restore(found.state())
    assert np.array_equal(again.path_, found.path_)
    assert np.array_equal(again.path_losses_, found.path_losses_)
    pruned = found.restricted(np.array([False, True, True, True]))
    assert np.array_equal(pruned.path_, found.path_ - 1)
    old = byoe.blender("greedy").restore({"weights": found.weights_.tolist()})
    assert np.array_equal(old.weights_, found.weights_)
    assert len(old.path_) == len(old.path_losses_) == 0


def test_a_loss_that_is_not_finite_is_no_number_in_json(rng):
    deviance = find_metric("neg_mean_poisson_deviance", REGRESSION)
    below_zero = np.array([[-1.0, -4.0], [-2.0, -5.0], [-3.0, -6.0]])
    found = byoe.blender("greedy", steps=2).fit(OOF(below_zero, np.arange(1.0, 4.0), REGRESSION, metric=deviance))
    assert np.isinf(found.path_losses_).all()
    assert None in found.state()["path_losses"]
    assert np.array_equal(byoe.blender("greedy").restore(found.state()).path_losses_, found.path_losses_)


def test_greedy_bags_its_pool(rng):
    oof = regression(rng)
    one, many = byoe.blender("greedy").fit(oof), byoe.blender("greedy", bags=20).fit(oof)
    assert not np.array_equal(one.weights_, many.weights_)
    assert np.array_equal(many.weights_, byoe.blender("greedy", bags=20).fit(oof).weights_)
    assert abs(many.weights_.sum() - 1) < 1e-12
    with pytest.raises(ParameterError, match="steps is 0, expected a positive integer"):
        byoe.blender("greedy", steps=0).fit(oof)


def test_rows_of_oof_predictions_keep_their_folds(rng):
    oof = regression(rng, n=30)
    oof = OOF(oof.predictions, oof.y, REGRESSION, folds=halves(oof))
    part = oof.rows(np.arange(10, 20))
    for (train, test), (a, b) in zip(oof.folds, part.folds, strict=True):
        assert np.array_equal(part.y[a], oof.y[train[(train >= 10) & (train < 20)]])
        assert np.array_equal(part.y[b], oof.y[test[(test >= 10) & (test < 20)]])


def test_auto_keeps_to_adjusted_weights_unless_another_is_clearly_better(rng):
    oof = regression(rng)
    names = {"best", "mean", "weighted", "greedy", "adjusted", "meta-linear"}
    # Members that err alike: what they share is a slope.
    alike = oof.y[:, None] * 0.8 + (oof.predictions - oof.y[:, None]) + rng.normal(size=(120, 1))
    usual = byoe.blender("auto").fit(replace(oof, predictions=alike, folds=halves(oof)))
    assert usual.in_use.name == "adjusted"
    assert set(usual.losses_) == names | {"vote"}
    # Members that are biased each in its own way: only free coefficients help.
    biased = replace(oof, predictions=oof.predictions * [0.1, -5, 1, 1], folds=halves(oof))
    assert byoe.blender("auto").fit(biased).in_use.name == "meta-linear"
    # A vote gives no probabilities.
    labelled = classes(rng)
    assert set(byoe.blender("auto").fit(replace(labelled, folds=halves(labelled))).losses_) == names
    # Without folds there is nothing to choose by.
    assert byoe.blender("auto").fit(oof).in_use.name == "adjusted"
    assert byoe.blender("auto").fit(regression(rng, members=1)).in_use.name == "best"


@pytest.mark.parametrize(
    ("metric", "usual"),
    [("r2", "adjusted"), ("neg_mean_absolute_error", "weighted"), ("neg_mean_poisson_deviance", "weighted")],
)
def test_auto_adjusts_where_it_was_measured_to_help(metric, usual, rng):
    y = rng.gamma(9.0, size=200)
    oof = OOF(y[:, None] * np.exp(0.1 * rng.normal(size=(200, 3))), y, REGRESSION)
    assert byoe.blender("auto").fit(replace(oof, metric=find_metric(metric, REGRESSION))).in_use.name == usual


@pytest.mark.parametrize("metric", ["neg_root_mean_squared_error", "explained_variance"])
def test_rows_of_a_group_are_as_certain_as_one_of_them(metric, rng):
    once = regression(rng, n=60)
    once = replace(once, y=once.y + 50, predictions=once.predictions + 50, metric=find_metric(metric, REGRESSION))
    once = replace(once, folds=halves(once))
    each = np.repeat(np.arange(60), 10)
    folds = tuple(tuple(np.flatnonzero(np.isin(each, part)) for part in fold) for fold in once.folds)
    often = replace(once, predictions=once.predictions[each], y=once.y[each], folds=folds)
    candidates = {name: byoe.blender(name) for name in ("mean", "best")}
    alone, by_row, by_group = (
        compare(candidates, oof, "mean").error("mean", "best") for oof in (once, often, replace(often, groups=each))
    )
    assert by_row < 0.5 * alone
    assert by_group == pytest.approx(alone, rel=0.4)
    assert compare(candidates, replace(often, groups=np.zeros(600)), "mean").error("mean", "best") == np.inf
    assert np.array_equal(replace(often, groups=each).rows(np.arange(7, 30)).groups, each[7:30])


def test_groups_reach_what_chooses_a_blender(rng):
    X, groups = rng.normal(size=(80, 2)), np.repeat(np.arange(16), 5)
    fitted = byoe.EnsembleRegressor(["ridge", "knn"], "mean", cv=4, random_state=0).fit(X, X[:, 0], groups=groups)
    oof = fitted._oof.to_blend(REGRESSION, 0, None, None)
    assert len(np.unique(oof.groups)) == 16


def test_auto_restores_what_was_chosen_before_there_was_adjusting(rng):
    oof = regression(rng)
    old = byoe.blender("auto").restore({"name": "weighted", "state": {"weights": [0.5, 0.5, 0, 0]}})
    np.testing.assert_allclose(old.predict(oof.predictions), oof.predictions[:, :2].mean(axis=1))


def test_greedy_needs_the_true_class_alone_for_the_logarithmic_loss(rng):
    oof = classes(rng, members=5, k=4)
    oof = replace(oof, sample_weight=rng.random(len(oof.y)))
    counts = np.eye(5) + rng.integers(0, 3, (5, 5))
    means = counts / counts.sum(axis=1, keepdims=True)
    expected = [oof.loss(np.tensordot(oof.predictions, one, axes=(1, 0))) for one in means]
    np.testing.assert_allclose(_trials(oof)(counts), expected, rtol=1e-12)


def test_auto_is_cross_validated_with_its_choice(diabetes):
    from byoe import EnsembleRegressor

    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn", "svm"), random_state=0).fit(X, y)
    assert ensemble.blender_.name in ("best", "mean", "vote", "weighted", "greedy", "adjusted", "meta-linear")
    chosen = ensemble.reblend(ensemble.blender_.name)
    assert np.array_equal(ensemble.predict(X), chosen.predict(X))
    weighted = ensemble.reblend("weighted")
    assert ensemble.score_estimate_ <= max(chosen.score_estimate_, weighted.score_estimate_) + 1.0


def test_auto_is_not_worse_than_weights_on_fresh_data():
    from byoe import EnsembleRegressor

    ratios = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1150, 4))
        y = X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.normal(size=1150)
        fitted = EnsembleRegressor(("ridge", "knn", "svm"), random_state=0).fit(X[:150], y[:150])
        losses = [np.mean((made.predict(X[150:]) - y[150:]) ** 2) for made in (fitted, fitted.reblend("weighted"))]
        ratios.append(losses[0] / losses[1])
    assert np.mean(ratios) <= 1.01


@pytest.mark.parametrize("name", ["greedy", "best", "auto"])
def test_large_data_are_sampled_and_seeded(name, rng):
    oof = regression(rng, n=30_000)
    oof = OOF(oof.predictions, oof.y, REGRESSION, folds=halves(oof), seed=3)
    first = byoe.blender(name).fit(oof).predict(oof.predictions)
    assert np.array_equal(byoe.blender(name).fit(oof).predict(oof.predictions), first)
