"""What the leaderboard says beyond scores: a baseline, differences with their errors, notes; and of other rows."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold
from tests.test_leaderboard import columns

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.errors import InputError, UnknownNameError
from byoe.scoring._leaderboard import Leaderboard


@pytest.fixture(scope="module")
def fitted(diabetes):
    return EnsembleRegressor(("ridge", "knn", "elastic_net"), random_state=0).fit(*diabetes)


def pinball(level):
    return metrics.make_scorer(metrics.mean_pinball_loss, alpha=level, greater_is_better=False)


# -- the baseline, and differences to the best member --------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_baseline_is_the_guess_of_a_dummy_on_the_same_folds(weighted, diabetes, rng):
    X, y = diabetes
    weight = rng.uniform(size=len(y)) if weighted else None
    folds = list(KFold(4, shuffle=True, random_state=1).split(X))
    made = EnsembleRegressor(("ridge", "elastic_net"), cv=folds, random_state=0).fit(X, y, sample_weight=weight)
    guess = np.empty(len(y))
    for train, test in folds:
        part = None if weight is None else weight[train]
        guess[test] = DummyRegressor().fit(X[train], y[train], part).predict(X[test])
    expected = metrics.root_mean_squared_error(y, guess, sample_weight=weight)
    assert made.leaderboard_["baseline"]["rmse"] == pytest.approx(expected)


@pytest.mark.parametrize(("metric", "level"), [("mae", 0.5), (pinball(0.9), 0.9)])
def test_the_baseline_is_the_quantile_that_the_metric_asks_for(metric, level, diabetes):
    X, y = diabetes
    made = EnsembleRegressor(("ridge", "knn"), "weighted", cv=[(np.arange(300), np.arange(300, 442))], metric=metric)
    board = made.set_params(random_state=0).fit(X, y).leaderboard_
    guess = np.full(142, np.quantile(y[:300], level, method="inverted_cdf"))
    assert board["baseline"][next(iter(set(board[0]) & {"mae", "mean_pinball_loss"}))] == pytest.approx(
        metrics.mean_pinball_loss(y[300:], guess, alpha=level) * (2 if metric == "mae" else 1)
    )


def test_the_baseline_of_classes_is_their_shares(iris):
    X, y = iris
    made = EnsembleClassifier(("ridge", "knn"), random_state=0).fit(X[:110], y[:110])
    shares = np.unique(y[:110], return_counts=True)[1] / 110
    assert made.leaderboard_["baseline"]["log_loss"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=0.02)
    by_accuracy = EnsembleClassifier(("ridge", "knn"), metric="accuracy", random_state=0).fit(X[:110], y[:110])
    assert by_accuracy.leaderboard_["baseline"]["accuracy"] == pytest.approx(50 / 110)


def test_a_member_that_is_called_baseline_is_the_only_one(diabetes):
    made = EnsembleRegressor([("baseline", DummyRegressor()), "ridge"], random_state=0).fit(*diabetes)
    assert [row["member"] for row in made.leaderboard_] == ["blend", "ridge", "baseline"]
    assert len(made.leaderboard_.members) == 2


def test_a_difference_and_its_error_are_those_of_the_rows(rng):
    y = rng.normal(size=2000)
    predictions = np.column_stack([y + rng.normal(size=2000), y + 1.2 * rng.normal(size=2000)])
    board = columns(predictions, y, "mean", metric="mse").leaderboard_
    losses = (predictions - y[:, None]) ** 2
    paired = losses[:, 1] - losses[:, 0]
    assert board["m1"]["vs_best"] == pytest.approx(paired.mean())
    assert board["m1"]["std_error"] == pytest.approx(paired.std(ddof=1) / np.sqrt(2000), rel=0.5)
    assert board["m1"]["verdict"] == "worse"
    assert board["m0"]["vs_best"] is None
    assert board["blend"]["verdict"] == "better"


def test_a_blend_of_one_member_is_equal_to_it(diabetes):
    board = EnsembleRegressor(("ridge",), random_state=0).fit(*diabetes).leaderboard_
    assert (board["blend"]["vs_best"], board["blend"]["verdict"]) == (0.0, "equal")


@pytest.mark.parametrize("metric", ["rmse", "mse", "mae", "r2", "neg_mean_poisson_deviance"])
def test_errors_from_losses_of_rows_are_those_of_the_metric(metric, rng, monkeypatch):
    """Where a metric is the mean of losses of rows, or its root, it is not asked for each part of the rows."""
    y = rng.poisson(5, size=300) + 1.0
    predictions = np.column_stack([y + rng.uniform(0, 2, size=300), y + rng.uniform(0, 3, size=300)])
    weight = rng.uniform(0.5, 2, size=300)
    quick = columns(predictions, y, "mean", metric=metric, sample_weight=weight).leaderboard_
    asked = lambda self, prediction, sample, _: lambda kept: self.value(prediction, sample[kept])  # noqa: E731
    monkeypatch.setattr("byoe.scoring._scoring.Scoring._by_rows", asked)
    slow = columns(predictions, y, "mean", metric=metric, sample_weight=weight).leaderboard_
    for label in ("blend", "m1", "baseline"):
        assert quick[label]["std_error"] == pytest.approx(slow[label]["std_error"], rel=1e-6)


def test_twins_differ_by_noise(rng):
    y = rng.normal(size=400)
    predictions = np.column_stack([y + rng.normal(size=400) for _ in range(2)])
    board = columns(predictions, y, "best").leaderboard_
    assert board.members[1]["verdict"] == "noise"
    assert "noise" in repr(board)


def test_differences_are_noise_as_often_as_they_should_be():
    noise = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=200)
        board = columns(np.column_stack([y + rng.normal(size=200) for _ in range(2)]), y, "best").leaderboard_
        noise += board.members[1]["verdict"] == "noise"
    assert noise >= 34


def test_rows_of_a_group_are_left_out_together(rng):
    groups = np.repeat(np.arange(40), 20)
    y = rng.normal(size=800)
    predictions = y[:, None] + rng.normal(size=(40, 2))[groups]  # a group's rows err alike
    apart = columns(predictions, y, "mean", cv=KFold(4)).leaderboard_.members[1]
    together = columns(predictions, y, "mean", groups=groups, cv=KFold(4)).leaderboard_.members[1]
    assert together["vs_best"] == pytest.approx(apart["vs_best"])
    assert together["std_error"] > 2 * apart["std_error"]


def test_many_rows_are_sampled_for_the_error(rng, monkeypatch):
    y = rng.normal(size=4000)
    predictions = np.column_stack([y + rng.normal(size=4000), y + 1.1 * rng.normal(size=4000)])
    full = columns(predictions, y, "mean").leaderboard_["m1"]
    monkeypatch.setattr("byoe.scoring._scoring._MOST_ROWS", 1000)
    few = columns(predictions, y, "mean").leaderboard_["m1"]
    assert few["vs_best"] == full["vs_best"]
    assert few["std_error"] == pytest.approx(full["std_error"], rel=0.6)


# -- what is told below the rows -----------------------------------------------------


def test_the_notes_name_the_blender_and_what_auto_chose(fitted):
    note = next(note for note in fitted.leaderboard_.notes if note.startswith("blend: "))
    assert note.startswith(f"blend: {fitted.blender_.name}, chosen by auto on all rows; without each of the 5 folds")
    chosen = [blender.name for blender in fitted._held_out]
    assert all(f"{name} {chosen.count(name)}" in note for name in chosen)
    assert "blend: mean" in fitted.reblend("mean").leaderboard_.notes
    assert "rmse: in units of the target, less is better" in repr(fitted.leaderboard_)


def test_a_weight_of_one_is_explained_where_the_scores_differ(rng):
    y = rng.normal(size=60)
    predictions = np.column_stack([y + rng.normal(size=60) for _ in range(4)])
    board = columns(predictions, y, "best").leaderboard_
    served = next(row for row in board.members if row["weight"] == 1.0)
    notes = [note for note in board.notes if note.startswith(served["member"])]
    assert bool(notes) == (served["rmse"] != pytest.approx(board["blend"]["rmse"]))
    assert notes
    assert "in which it weighs 0.00 to 1.00" in notes[0]


def test_weights_are_shown_with_two_digits(fitted):
    board = fitted.reblend(blender("weighted", weights=[0.123456, 0.4, 0.476544])).leaderboard_
    assert "0.12 " in repr(board)
    assert "0.1235" not in repr(board)


def test_rows_have_labels_and_make_a_frame(fitted):
    board = fitted.leaderboard_
    assert board["knn"] is next(row for row in board if row["member"] == "knn")
    with pytest.raises(UnknownNameError, match=r"no row 'knnn'. Did you mean 'knn'\?"):
        board["knnn"]
    frame = board.to_frame()
    assert frame.loc["knn", "rmse"] == board["knn"]["rmse"]
    assert list(frame.index) == [row["member"] for row in board]
    assert Leaderboard().to_frame().empty


def test_headings_have_tooltips_and_notes_follow(fitted):
    page = fitted.leaderboard_._repr_html_()
    assert '<th title="standard deviation of the metric over the folds">spread</th>' in page
    assert "<li>rmse: in units of the target, less is better</li>" in page


# -- on other rows -------------------------------------------------------------------


def test_the_board_of_new_rows(diabetes):
    X, y = diabetes
    made = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0).fit(X[:300], y[:300])
    board = made.leaderboard(X[300:], y[300:])
    assert board["blend"]["rmse"] == pytest.approx(metrics.root_mean_squared_error(y[300:], made.predict(X[300:])))
    by_member = made.transform(X[300:])
    assert board["knn"]["rmse"] == pytest.approx(metrics.root_mean_squared_error(y[300:], by_member[:, 1]))
    assert board["baseline"]["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(y[300:], np.full(142, y[:300].mean()))
    )
    assert [row["member"] for row in board.members] == ["ridge", "knn"]
    weight = np.r_[np.ones(42), np.zeros(100)]
    first = made.leaderboard(X[300:], y[300:], sample_weight=weight)["blend"]["rmse"]
    assert first == pytest.approx(made.leaderboard(X[300:342], y[300:342])["blend"]["rmse"])


def test_the_board_of_new_rows_of_classes(iris):
    X, names = iris
    names = np.array(["a", "b", "c"])[np.unique(names, return_inverse=True)[1]]
    made = EnsembleClassifier(("ridge", "knn"), "mean", random_state=0).fit(X[::2], names[::2])
    board = made.leaderboard(X[1::2], names[1::2])
    assert board["blend"]["log_loss"] == pytest.approx(metrics.log_loss(names[1::2], made.predict_proba(X[1::2])))
    one_class = made.leaderboard(X[1:40:2], names[1:40:2])  # of which no class is learned here
    assert one_class["blend"]["log_loss"] == pytest.approx(-np.log(made.predict_proba(X[1:40:2])[:, 0]).mean())
    with pytest.raises(InputError, match=r"y holds 'd', and the classes are 'a', 'b', 'c'"):
        made.leaderboard(X[:2], ["a", "d"])
    with pytest.raises(InputError, match="X has 2 rows and y has 3"):
        made.leaderboard(X[:2], ["a", "b", "a"])


def test_a_bundle_without_its_rows_has_no_baseline_on_new_ones(diabetes, tmp_path):
    X, y = diabetes
    made = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0).fit(X[:300], y[:300])
    lean = byoe.load(made.save(tmp_path / "model", oof=False))
    assert lean.leaderboard_.notes == made.leaderboard_.notes
    assert [row["member"] for row in lean.leaderboard(X[300:], y[300:])] == ["blend", "ridge", "knn"]
