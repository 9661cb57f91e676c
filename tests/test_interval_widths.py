"""What the width of an interval follows: the scales by brute force, the choice, and coverage where noise differs."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import byoe
from byoe import EnsembleRegressor
from byoe.errors import ParameterError
from byoe.fitted._evidence import disagreement
from byoe.fitted._widths import WIDTHS, Scale, choose
from byoe.serving._runtime import Runtime

NAMES = ("ridge", "knn")
FOLDS = list(KFold(4, shuffle=True, random_state=3).split(np.zeros((400, 1))))


def made(finalize="refit", learners=NAMES, blend="mean", **params):
    return EnsembleRegressor(learners, blend, finalize=finalize, **{"random_state": 0, "cv": FOLDS, **params})


def noisy(seed, n=400, fresh=2000):
    """Noise that grows with the mean, by a factor of six, and a target that is positive."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n + fresh, 2))
    mean = 1 + 10 * X[:, 0]
    y = mean + (0.2 + X[:, 0]) * np.clip(rng.normal(size=n + fresh), -3, 3)
    return X[:n], y[:n], X[n:], y[n:]


def scale_by_hand(signal, residuals, at, n_bins):
    """The mean of sorted rows, cut into parts of the same size; three rows of the mean of all are in each."""
    order, mean = np.argsort(signal, kind="stable"), residuals.mean()
    bins = [order[math.ceil(len(order) * part / n_bins - 0.5) : math.ceil(len(order) * (part + 1) / n_bins - 0.5)]
            for part in range(n_bins)]  # fmt: skip
    means = [(residuals[own].sum() + 3 * mean) / (len(own) + 3) / mean for own in bins]
    return np.interp(at, [signal[own].mean() for own in bins], means)


def score(interval, y, level=0.9):
    """Gneiting & Raftery (2007), equation 43."""
    lower, upper = interval.T
    beyond = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    return np.mean(upper - lower + 2 / (1 - level) * beyond)


# -- scales --------------------------------------------------------------------------


def test_a_scale_is_the_mean_of_alike_rows(rng):
    signal, residuals, new = rng.normal(size=330), rng.exponential(size=330), rng.normal(size=50)
    scale = Scale.learn(("prediction",), {"prediction": signal}, residuals, np.ones(330))
    np.testing.assert_allclose(scale({"prediction": new}), scale_by_hand(signal, residuals, new, 6), rtol=1e-12)
    # A second stage learns from what the first one leaves.
    other, own = rng.normal(size=330), rng.normal(size=50)
    both = Scale.learn(WIDTHS["both"], {"prediction": signal, "disagreement": other}, residuals, np.ones(330))
    rest = residuals / scale({"prediction": signal})
    expected = scale_by_hand(signal, residuals, new, 6) * scale_by_hand(other, rest, own, 6)
    np.testing.assert_allclose(both({"prediction": new, "disagreement": own}), expected, rtol=1e-12)


def test_whole_numbers_as_mass_are_repeated_rows(rng):
    # 400 rows of one, two and three copies; the signal has ties, which are never cut.
    signal, residuals = rng.integers(9, size=200) * 1.0, rng.exponential(size=200)
    times, new = rng.integers(1, 4, size=200), {"prediction": np.linspace(-1, 10, 30)}
    weighted = Scale.learn(("prediction",), {"prediction": signal}, residuals, times.astype(float))
    repeated = {"prediction": np.repeat(signal, times)}
    expected = Scale.learn(("prediction",), repeated, np.repeat(residuals, times), np.ones(times.sum()))
    np.testing.assert_allclose(weighted(new), expected(new), rtol=1e-12)


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_the_unit_of_the_residuals_changes_nothing(size, rng):
    signals, residuals = {"prediction": rng.normal(size=300)}, rng.exponential(size=300)
    scale = Scale.learn(("prediction",), signals, size * residuals, np.ones(300))
    expected = Scale.learn(("prediction",), signals, residuals, np.ones(300))
    np.testing.assert_allclose(scale(signals), expected(signals), rtol=1e-9)


def test_residuals_of_zero_and_a_signal_without_difference_make_a_scale_of_one():
    ones, level = np.ones(200), {"prediction": np.ones(200)}
    for signals, residuals in (({"prediction": np.arange(200.0)}, 0 * ones), (level, np.arange(200.0))):
        assert (Scale.learn(("prediction",), signals, residuals, ones)(level) == 1).all()


def test_disagreement_is_the_weighted_standard_deviation(rng):
    predictions, share = rng.normal(size=(20, 3)), np.array([0.5, 0.2, 0.3])
    apart = [np.sqrt(np.cov(row, aweights=share, ddof=0)) for row in predictions]
    np.testing.assert_allclose(disagreement(predictions, share), apart, rtol=1e-12)


# -- the choice ----------------------------------------------------------------------


@pytest.mark.parametrize("name", WIDTHS)
def test_what_the_residuals_follow_is_chosen(name, rng):
    signals = {"prediction": rng.uniform(1, 9, size=2000), "disagreement": rng.exponential(size=2000)}
    size = np.prod([signals[by] for by in WIDTHS[name]], axis=0)
    residuals = size * np.abs(rng.normal(size=2000))
    assert choose(signals, residuals, np.ones(2000), np.arange(2000) % 5, None) == name


def test_few_rows_and_few_groups_have_a_constant_width(rng):
    signals = {"prediction": np.linspace(1, 9, 600), "disagreement": np.zeros(600)}
    residuals, parts = signals["prediction"] * rng.uniform(size=600), np.arange(600) // 12 % 5
    assert choose(signals, residuals, np.ones(600), parts, None) == "prediction"
    assert choose(signals, residuals, np.full(600, 0.15), parts, None) == "constant"
    groups = np.arange(600) // 12
    assert choose(signals, residuals, np.full(600, 1 / 12), parts, groups) == "constant"


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_the_same_noise_everywhere_keeps_the_interval_of_constant_width(finalize):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 2))
    ensemble = made(finalize).fit(X, X[:, 0] + rng.normal(size=400))
    assert ensemble.interval_width_ == "constant"
    assert np.array_equal(ensemble.predict_interval(X[:9]), ensemble.predict_interval(X[:9], width="constant"))


# -- intervals from first principles -------------------------------------------------


def pieces(X, y, X_new):
    """Out-of-fold predictions, and by fold those of new rows, of the members of ``NAMES``; no byoe."""
    oof, new = np.empty((len(y), 2)), []
    for train, test in FOLDS:
        members = [make_pipeline(StandardScaler(), one).fit(X[train], y[train]) for one in models()]
        oof[test] = np.column_stack([member.predict(X[test]) for member in members])
        new.append(np.column_stack([member.predict(X_new) for member in members]))
    return oof, new


def models():
    return Ridge(), KNeighborsRegressor()


def signal_of(predictions, width):
    return predictions.mean(axis=1) if width == "prediction" else predictions.std(axis=1)


@pytest.mark.parametrize("width", ["prediction", "disagreement"])
def test_scaled_residuals_from_first_principles(width):
    X, y, X_new, _ = noisy(0, fresh=30)
    oof, _ = pieces(X, y, X_new)
    signal, residuals = signal_of(oof, width), np.abs(y - oof.mean(axis=1))
    scores = np.empty(400)
    for train, test in FOLDS:
        scores[test] = residuals[test] / scale_by_hand(signal[train], residuals[train], signal[test], 6)
    rank = np.sort(scores)[math.ceil(0.9 * 401) - 1]
    served = np.column_stack([make_pipeline(StandardScaler(), one).fit(X, y).predict(X_new) for one in models()])
    half = rank * scale_by_hand(signal, residuals, signal_of(served, width), 8)
    ensemble = made().fit(X, y)
    assert ensemble.interval_method_ == "residual"
    expected = served.mean(axis=1)[:, None] + half[:, None] * [-1, 1]
    np.testing.assert_allclose(ensemble.predict_interval(X_new, width=width), np.maximum(expected, 0), rtol=1e-8)


@pytest.mark.parametrize("width", ["prediction", "disagreement"])
def test_scaled_cv_plus_from_first_principles(width):
    X, y, X_new, _ = noisy(1, fresh=30)
    oof, new = pieces(X, y, X_new)
    signal, residuals = signal_of(oof, width), np.abs(y - oof.mean(axis=1))
    below, above = [], []
    for (train, test), predictions in zip(FOLDS, new, strict=True):
        scores = residuals[test] / scale_by_hand(signal[train], residuals[train], signal[test], 6)
        scale = scale_by_hand(signal[train], residuals[train], signal_of(predictions, width), 6)
        centre = predictions.mean(axis=1)[:, None]
        below.append(centre - np.outer(scale, scores))
        above.append(centre + np.outer(scale, scores))
    rank = math.ceil(0.9 * 401)
    lower, upper = np.sort(np.hstack(below), axis=1)[:, 400 - rank], np.sort(np.hstack(above), axis=1)[:, rank - 1]
    ensemble = made("bag").fit(X, y)
    assert ensemble.interval_method_ == "cv+"
    expected = np.maximum(np.column_stack([lower, upper]), 0)
    np.testing.assert_allclose(ensemble.predict_interval(X_new, width=width), expected, rtol=1e-8)


def test_a_bag_disagrees_as_its_models_do():
    # Ridge is refitted, the nearest neighbours are a bag: no CV+, and the blend is that of a mean of models.
    X, y, X_new, _ = noisy(2, fresh=30)
    tree = ("tree", byoe.learner("random_forest", n_estimators=2, max_depth=3))
    ensemble = made("auto", learners=("ridge", tree)).fit(X, y)
    assert [len(member.models) for member in ensemble.members_.values()] == [1, 4]
    ridge, *trees = [model.predict(X_new) for member in ensemble.members_.values() for model in member.models]
    apart = np.mean([np.abs(ridge - one) / 2 for one in trees], axis=0)
    oof, residuals = ensemble.oof_predictions_, np.abs(y - ensemble.oof_blend_)
    scale = scale_by_hand(np.abs(oof[:, 0] - oof[:, 1]) / 2, residuals, apart, 8)
    lower, upper = ensemble.predict_interval(X_new, width="disagreement").T
    half = upper - ensemble.predict(X_new)
    np.testing.assert_allclose(half / half[0], scale / scale[0], rtol=1e-8)
    assert (lower <= upper).all()


# -- coverage ------------------------------------------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_every_tenth_of_the_rows_is_covered_where_noise_grows(finalize):
    seeds, level = 4, 0.9
    found = {"auto": [], "constant": []}
    for seed in range(seeds):
        X, y, X_new, y_new = noisy(seed)
        ensemble = made(finalize).fit(X, y)
        assert ensemble.interval_width_ == "prediction"
        tenth = np.argsort(np.argsort(y_new)) // 200
        for width, cells in found.items():
            interval = ensemble.predict_interval(X_new, level, width=width)
            inside = (interval[:, 0] <= y_new) & (y_new <= interval[:, 1])
            cells.append([*np.bincount(tenth, inside) / 200, inside.mean(), score(interval, y_new)])
    auto, constant = np.mean(found["auto"], axis=0), np.mean(found["constant"], axis=0)
    # The binomial errors of the training rows, and of the fresh ones.
    assert abs(auto[10] - level) < 3 * np.sqrt(level * (1 - level) * (1 / 400 + 1 / 2000) / seeds)
    assert auto[:10].min() > 0.83
    assert auto[:10].max() < 0.97
    assert constant[:10].min() < 0.78
    assert constant[:10].max() > 0.99
    assert auto[11] < 0.95 * constant[11]


def test_no_bound_is_negative_where_no_target_is():
    X, y, X_new, _ = noisy(5, fresh=300)
    ensemble = made().fit(X, y)
    lower, upper = ensemble.predict_interval(X_new, 0.99, width="constant").T
    shifted = made().fit(X, y - 100).predict_interval(X_new, 0.99, width="constant") + 100
    assert lower.min() == 0
    np.testing.assert_allclose(np.column_stack([lower, upper]), np.maximum(shifted, 0), rtol=1e-6, atol=1e-6)
    assert shifted.min() < 0


def test_a_higher_level_contains_a_lower_one():
    X, y, X_new, _ = noisy(6, fresh=200)
    for finalize in ("bag", "refit"):
        ensemble = made(finalize).fit(X, y)
        made_of = np.stack([ensemble.predict_interval(X_new, level, width="both") for level in (0.3, 0.5, 0.9, 0.99)])
        assert (np.diff(made_of[:, :, 0], axis=0) <= 0).all()
        assert (np.diff(made_of[:, :, 1], axis=0) >= 0).all()


# -- what can be done with a fitted ensemble -----------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_loaded_served_and_pruned_it_gives_the_same_to_the_bit(finalize, tmp_path):
    X, y, X_new, _ = noisy(7, fresh=50)
    bent = y + 2 * np.abs(X[:, 1] - 0.5)
    learners = ("ridge", "knn", ("useless", byoe.learner("ridge", alpha=1e9)))
    first = made(finalize, learners, "weighted").fit(X, bent)
    runtime = Runtime(first.save(tmp_path / "model"))
    second, pruned = byoe.load(tmp_path / "model"), first.prune()
    assert list(pruned.members_) == ["ridge", "knn"]
    assert runtime.interval_width_ == second.interval_width_ == pruned.interval_width_ == first.interval_width_
    table = first._read(X_new)
    assert np.array_equal(runtime.interval(table, 0.9), first.predict_interval(X_new))
    for width in WIDTHS:
        expected = first.predict_interval(X_new, width=width)
        assert np.array_equal(second.predict_interval(X_new, width=width), expected)
        if pruned.interval_method_ == first.interval_method_:
            assert np.array_equal(pruned.predict_interval(X_new, width=width), expected)


def test_a_new_blend_has_scales_of_its_own():
    X, y, X_new, _ = noisy(8, fresh=50)
    first = made(blend="mean").fit(X, y)
    before = first.predict_interval(X_new)
    for blend in ("best", LinearRegression()):
        fresh = made(blend=blend).fit(X, y).predict_interval(X_new)
        assert np.array_equal(first.reblend(blend).predict_interval(X_new), fresh)
        assert not np.array_equal(fresh, before)
    assert np.array_equal(first.predict_interval(X_new), before)


def test_of_several_targets_each_has_its_own_scale():
    X, y, X_new, _ = noisy(9, fresh=40)
    both = made().fit(X, np.column_stack([y, -y - 50]))
    assert both.interval_width_ == ["prediction"] * 2
    interval = both.predict_interval(X_new, width="both")
    assert interval.shape == (40, 2, 2)
    np.testing.assert_allclose(interval[:, 0], made().fit(X, y).predict_interval(X_new, width="both"), rtol=1e-6)
    mirrored = -interval[:, 1, ::-1] - 50
    np.testing.assert_allclose(np.maximum(mirrored, 0), interval[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("width", ["scaled", None, 0.9, ["prediction"]])
def test_a_width_that_is_none(width):
    X, y, _, _ = noisy(10)
    with pytest.raises(ParameterError, match="expected one of 'auto', 'constant', 'prediction'"):
        made().fit(X, y).predict_interval(X, width=width)


def test_of_several_targets_each_has_its_own_choice():
    X, y, X_new, _ = noisy(9, fresh=40)
    plain = 5 * X[:, 1] + np.random.default_rng(9).normal(size=400)
    both = made().fit(X, np.column_stack([y, plain]))
    assert both.interval_width_ == ["prediction", "constant"]
    for number, target in enumerate((y, plain)):
        alone = made().fit(X, target).predict_interval(X_new)
        np.testing.assert_allclose(both.predict_interval(X_new)[:, number], alone, rtol=1e-6, atol=1e-9)
