"""What the pictures of members and weights show is what the tables hold."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from sklearn.dummy import DummyRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner, load, plots


def names(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_the_leaderboard(kind, request):
    ensemble = request.getfixturevalue(kind)
    board, metric = ensemble.leaderboard_, "rmse" if kind == "regression" else "log_loss"
    ax = plots.leaderboard(ensemble)
    assert names(ax) == ["blend", *(row["member"] for row in board.members)]
    bars = [drawn for drawn in ax.containers if isinstance(drawn, ErrorbarContainer)]
    for row, bar in zip(board[:-1], bars, strict=True):
        value, spread = row[metric], row["spread"]
        assert bar.lines[0].get_xdata() == pytest.approx([value])
        np.testing.assert_allclose(bar.lines[2][0].get_segments()[0][:, 0], [value - spread, value + spread])
    blend, *others = [to_hex(bar.lines[0].get_color()) for bar in bars]
    assert blend not in others
    (line,) = [line for line in ax.lines if line.get_label() == "baseline"]
    assert line.get_xdata()[0] == board["baseline"][metric]
    assert ax.get_xlabel() == f"{metric} (less is better)\nbars: spread over the folds"


def test_the_board_of_a_metric_of_which_more_is_better_and_of_a_member_without_a_score(X, two):
    made = EnsembleClassifier(("ridge", "svm"), "vote", metric="accuracy", cv=4, random_state=0).fit(X, two)
    assert plots.leaderboard(made).get_xlabel().startswith("accuracy (more is better)")
    none = made.leaderboard_[1]["accuracy"]
    made.leaderboard_[1]["accuracy"] = None
    ax = plots.leaderboard(made)
    made.leaderboard_[1]["accuracy"] = none
    assert len(names(ax)) == 3
    assert len(ax.containers) == 2


@pytest.mark.parametrize(("metric", "right"), [("rmse", True), ("r2", False)])
def test_a_baseline_that_is_far_off_has_a_row_and_leaves_the_members_their_room(metric, right, X):
    y = 100 * X["a"] - 50 * X["b"] + np.random.default_rng(1).normal(size=len(X))
    members = [(name, learner("ridge", alpha=alpha)) for name, alpha in (("m", 0.1), ("n", 0.4))]
    made = EnsembleRegressor(members, "mean", metric=metric, cv=4, random_state=0).fit(X, y)
    ax = plots.leaderboard(made)
    guess = made.leaderboard_["baseline"][metric]
    assert names(ax) == ["blend", *(row["member"] for row in made.leaderboard_.members), "baseline"]
    low, high = ax.get_xlim()
    assert bool(guess > high) is right
    assert bool(guess < low) is not right
    bars = [bar.lines[2][0].get_segments()[0][:, 0] for bar in ax.containers]
    assert min(map(min, bars)) > low
    assert max(map(max, bars)) < high
    (text,) = ax.texts
    assert text.get_text() == f"{guess:.4g}"
    assert text.xy == (float(right), 3)


def test_the_baseline_of_one_member_is_on_the_axis(X):
    y = 100 * X["a"] + np.random.default_rng(1).normal(size=len(X))
    made = EnsembleRegressor([learner("ridge", alpha=0.1)], "mean", cv=4, random_state=0).fit(X, y)
    ax = plots.leaderboard(made)
    assert ax.get_xlim()[0] < made.leaderboard_["baseline"]["rmse"] < ax.get_xlim()[1]
    assert names(ax) == ["blend", "ridge"]


def test_the_weights(regression):
    ax = plots.weights(regression)
    rows = sorted(regression.diagnose().members, key=lambda row: -row["weight"])
    assert names(ax) == [row["member"] for row in rows]
    assert ax.lines[0].get_xdata().tolist() == [row["weight"] for row in rows]
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_array_equal(segments[:, :, 0], [[row["weight_low"], row["weight_high"]] for row in rows])
    np.testing.assert_array_equal(segments[:, 0, 1], range(len(rows)))


def test_the_correlation_of_errors(regression):
    ax = plots.error_correlation(regression)
    correlation = regression.diagnose().correlation
    np.testing.assert_array_equal(ax.images[0].get_array(), correlation)
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in correlation.ravel()]
    assert names(ax) == list(regression.members_)
    low, high = ax.images[0].get_clim()
    assert low <= correlation.min()
    assert high == 1


def test_what_is_drawn_with_passthrough(regression, X):
    passing = regression.reblend(byoe.blender("meta-linear", passthrough=["a"]), X)
    np.testing.assert_array_equal(
        plots.error_correlation(passing, X).images[0].get_array(), passing.diagnose(X).correlation
    )


def test_the_path_of_greedy(regression):
    greedy = regression.reblend("greedy")
    ax = plots.greedy_path(greedy)
    path, losses = greedy.blender_.path_, greedy.blender_.path_losses_
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.sqrt(losses))
    for place, label in enumerate(greedy.members_):
        steps = np.flatnonzero(path == place) + 1
        drawn = [line.get_xdata().tolist() for line in ax.lines if line.get_label() == f"takes {label}"]
        assert drawn == ([steps.tolist()] if len(steps) else [])
    (end,) = [line for line in ax.lines if line.get_label() == "the selection ends"]
    assert end.get_xdata()[0] == losses.argmin() + 1
    assert ax.get_ylabel() == "rmse"


def test_the_path_of_one_of_several_targets(X, y):
    both = np.column_stack([y, X["c"] + 0.1 * y])
    made = EnsembleRegressor(("ridge", "knn"), "greedy", cv=4, random_state=0).fit(X, both)
    for output, blender in enumerate(made.blender_.of_each_target()):
        ax = plots.greedy_path(made, output=output)
        np.testing.assert_allclose(ax.lines[0].get_ydata(), np.sqrt(blender.path_losses_))
        assert ax.get_ylabel() == f"rmse of target {output}"


def test_the_path_of_greedy_after_a_save_and_by_another_metric(X, two, tmp_path):
    made = EnsembleClassifier(("ridge", "elastic_net"), "greedy", metric="roc_auc", cv=4, random_state=0).fit(X, two)
    loaded = load(made.save(tmp_path / "model", oof=False))
    ax = plots.greedy_path(loaded)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), made.blender_.path_losses_)
    assert ax.get_ylabel() == "loss by roc_auc"


def test_the_path_of_a_pruned_ensemble(X, y):
    far_off = DummyRegressor(strategy="constant", constant=1e3)
    made = EnsembleRegressor([("off", far_off), "ridge", "knn"], "greedy", cv=4, random_state=0).fit(X, y)
    pruned = made.prune()
    assert list(pruned.members_) == ["ridge", "knn"]
    before, after = plots.greedy_path(made), plots.greedy_path(pruned)
    for one, other in zip(before.lines, after.lines, strict=True):
        assert one.get_label().startswith("_") or one.get_label() == other.get_label()
        assert one.get_xdata() == pytest.approx(other.get_xdata())


# -- searches ------------------------------------------------------------------------


def searched(values, **told):
    trials = [{"number": place, "value": value, "seconds": 1.0} for place, value in enumerate(values)]
    return SimpleNamespace(trials=trials, **told)


@pytest.mark.parametrize(("best_value", "so_far"), [(1.0, [3, 2, 2, 1, 1]), (5.0, [3, 3, 3, 3, 5])])
def test_the_history_of_a_search(best_value, so_far):
    ax = plots.tuning_history(searched([3.0, 2.0, None, 2.5, 1.0 if best_value == 1 else 5.0], best_value=best_value))
    trials, best, missing = ax.lines
    expected = [3.0, 2.0, 2.5, best_value]
    assert trials.get_xdata().tolist() == [0, 1, 3, 4]
    assert trials.get_ydata().tolist() == expected
    way = np.minimum if best_value == 1 else np.maximum
    assert best.get_ydata()[:-1].tolist() == way.accumulate(expected).tolist()
    assert missing.get_xdata().tolist() == [2]
    assert ("less" in ax.get_ylabel()) == (best_value == 1)


def test_the_history_of_a_tuning_job():
    trials = [{"number": 1, "job": "x-001", "status": "Completed", "objective": 0.5}, {"number": 2, "objective": 0.7}]
    ax = plots.tuning_history(SimpleNamespace(trials=trials, objective="validation:auc", greater_is_better=True))
    assert ax.lines[1].get_ydata().tolist() == [0.5, 0.7, 0.7]
    assert ax.get_ylabel().split() == "validation:auc (more is better)".split()
    assert len(ax.lines) == 2
