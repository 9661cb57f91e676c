"""What holds for all pictures: who is refused, where they are drawn, and that nothing else changes."""

import itertools
import json
import pickle
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.ticker import AutoLocator, FixedLocator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from byoe import EnsembleClassifier, EnsembleRegressor, load, plots
from byoe.errors import InputError, ParameterError, UnknownNameError
from byoe.plots._canvas import COLOURS, contrast, short, shortened

OF_REGRESSION = (plots.predictions, plots.residuals)
OF_CURVES = (plots.reliability, plots.roc, plots.precision_recall)
OF_CLASSES = (*OF_CURVES, plots.confusion)
SEARCH = SimpleNamespace(trials=[{"value": 2.0}, {"value": None}, {"value": 1.0}], best_value=1.0)


@pytest.fixture(scope="module")
def every(regression, binary, classes, X, y, two):
    """Every picture of every task where it is one."""
    greedy = regression.reblend("greedy")
    explained = regression.drop_members("knn")
    probability = classes.explain(X[:6], background=X[::6], n_permutations=1)
    shuffled = regression.importances(X, y)
    return {
        "leaderboard": lambda ax=None: plots.leaderboard(regression, ax=ax),
        "leaderboard of classes": lambda ax=None: plots.leaderboard(classes, ax=ax),
        "weights": lambda ax=None: plots.weights(regression, ax=ax),
        "weights of classes": lambda ax=None: plots.weights(binary, ax=ax),
        "predictions": lambda ax=None: plots.predictions(regression, X, y, ax=ax),
        "residuals": lambda ax=None: plots.residuals(regression, ax=ax),
        "error_correlation": lambda ax=None: plots.error_correlation(regression, ax=ax),
        "error_correlation of classes": lambda ax=None: plots.error_correlation(classes, ax=ax),
        "greedy_path": lambda ax=None: plots.greedy_path(greedy, ax=ax),
        "greedy_path of classes": lambda ax=None: plots.greedy_path(binary.reblend("greedy"), ax=ax),
        "contributions": lambda ax=None: plots.contributions(explained, X, ax=ax),
        "contributions, beeswarm": lambda ax=None: plots.contributions(explained, X, "beeswarm", ax=ax),
        "contributions, waterfall": lambda ax=None: plots.contributions(explained, X, "waterfall", ax=ax),
        "contributions of classes": lambda ax=None: plots.contributions(binary, X, member="ridge", ax=ax),
        "contributions of a probability": lambda ax=None: plots.contributions(probability, output="middle", ax=ax),
        "importances": lambda ax=None: plots.importances(shuffled, ax=ax),
        "importances of contributions": lambda ax=None: plots.importances(explained.explain(X).importances(), ax=ax),
        "partial_dependence": lambda ax=None: plots.partial_dependence(regression, X, "a", ax=ax),
        "partial_dependence of a pair": lambda ax=None: plots.partial_dependence(regression, X, (0, 1), ax=ax),
        "partial_dependence of rows": lambda ax=None: plots.partial_dependence(
            classes, X, "b", output="low", kind="both", ax=ax
        ),
        "reliability": lambda ax=None: plots.reliability(binary, ax=ax),
        "roc": lambda ax=None: plots.roc(classes, ax=ax),
        "precision_recall": lambda ax=None: plots.precision_recall(binary, X, two, ax=ax),
        "confusion": lambda ax=None: plots.confusion(classes, ax=ax),
        "tuning_history": lambda ax=None: plots.tuning_history(SEARCH, ax=ax),
    }


def written(ax):
    """Return all that is written at the axes, without empty texts."""
    texts = [ax.xaxis.label, ax.yaxis.label, *ax.texts]
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in texts if text.get_text()]


def test_every_public_picture_is_tried_here(every):
    assert {name.split(",")[0].split(" ")[0] for name in every} == set(plots.__all__)


def test_pictures_go_where_they_are_told_and_change_nothing_else(every):
    plt.close("all")  # what other tests of this process, such as pages, have left open
    before = dict(mpl.rcParams)
    for name, draw in every.items():
        figure, (left, right) = plt.subplots(1, 2, layout="constrained")
        assert draw(left) is left, name
        assert left.has_data(), name
        assert not right.has_data(), name
        assert plt.get_fignums() == [figure.number], name
        plt.close(figure)
    assert dict(mpl.rcParams) == before


def test_nothing_that_is_written_leaves_a_narrow_figure(every, tmp_path):
    for name, draw in every.items():
        figure, ax = plt.subplots(figsize=(4, 3.2), layout="constrained")
        draw(ax)
        figure.savefig(tmp_path / "picture.png")
        renderer = figure.canvas.get_renderer()
        for text in written(ax):
            box = text.get_window_extent(renderer)
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
            assert inside, f"{name}: {text.get_text()!r}"
        plt.close(figure)


@pytest.mark.parametrize("width", [3.5, 9])
@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize(("scale", "shift"), [(1e-5, 0), (2e3, 150_000)])
def test_ticks_do_not_touch_whatever_the_numbers(scale, shift, style, width, X, y):
    made = EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=4, random_state=0).fit(X, scale * y + shift)
    drawn = [
        plots.leaderboard,
        plots.predictions,
        plots.residuals,
        *(
            lambda en, ax, kind=kind: plots.contributions(en, X, kind, ax=ax)
            for kind in ("bar", "beeswarm", "waterfall")
        ),
    ]
    for draw in drawn:
        with plt.style.context(style):
            figure, ax = plt.subplots(figsize=(width, 3.2), layout="constrained")
            draw(made, ax=ax)
            figure.draw_without_rendering()
            low, high = sorted(ax.get_xlim())
            ticks = [tick for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
            boxes = [tick.label1.get_window_extent() for tick in ticks]
            assert len(boxes) > 1
            assert all(left.x1 + 3 < right.x0 for left, right in itertools.pairwise(boxes)), draw
            plt.close(figure)


def test_where_there_is_room_the_ticks_are_those_of_matplotlib(regression, X):
    ax = plt.subplots(figsize=(9, 3))[1]
    plots.contributions(regression.drop_members("knn"), X, ax=ax)
    found = ax.get_xticks()
    ax.xaxis.set_major_locator(AutoLocator())
    assert found.tolist() == ax.get_xticks().tolist()
    ax = plt.subplots()[1]
    ax.xaxis.set_major_locator(FixedLocator([0.0, 1.0]))
    plots.contributions(regression.drop_members("knn"), X, ax=ax)
    assert ax.get_xticks().tolist() == [0.0, 1.0]


def test_a_picture_can_be_pickled(every):
    figure = every["contributions"]().figure
    again = pickle.loads(pickle.dumps(figure))
    assert again.axes[0].get_xticks().tolist() == figure.axes[0].get_xticks().tolist()


def test_names_with_dollars_are_no_formulas(every):
    ax = every["contributions"]()
    ax.figure.draw_without_rendering()
    ticks = {tick.get_text(): tick.get_parse_math() for tick in ax.get_yticklabels()}
    assert ticks["price_$_in_$"] is False
    assert ax.xaxis.label.get_parse_math() is False


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_each_picture_has_a_figure_of_its_own_where_lines_and_texts_stand_out(style, every):
    with plt.style.context(style):
        for name, draw in every.items():
            before = plt.figure()
            ax = draw()
            assert ax.figure is not before, name
            assert not before.axes, name
            ground = to_rgba(ax.get_facecolor())
            for line in [*ax.lines, *ax.patches]:
                colour = line.get_color() if hasattr(line, "get_color") else line.get_facecolor()
                assert contrast(to_rgba(colour), ground) > 2, name
            for text in ax.texts:
                under = ground
                if ax.images:
                    row, column = text.get_position()[::-1]
                    under = ax.images[0].cmap(ax.images[0].norm(ax.images[0].get_array()[row, column]))
                assert contrast(to_rgba(text.get_color()), under) > 4, name
            plt.close("all")


def test_colours_are_seen_on_light_and_on_dark():
    for colour in COLOURS:
        assert min(contrast(to_rgba(colour), to_rgba(ground)) for ground in ("white", "black")) > 2


def test_long_names_stay_different():
    assert short("a name") == "a name"
    assert len(short("x" * 99)) == 24
    made = shortened(["class 1 of very many", "class 2 of very many", "other"], 8)
    assert len(set(made)) == 3
    assert shortened(["one and the same", "one and the same"], 8) == ["one a…me"] * 2


# -- refusals ------------------------------------------------------------------------


def refused(error, match, draw):
    before = plt.get_fignums()
    with pytest.raises(error, match=match):
        draw()
    assert plt.get_fignums() == before


@pytest.mark.parametrize("picture", OF_REGRESSION)
def test_classes_and_several_targets_have_no_residuals(picture, binary, targets):
    refused(
        ParameterError,
        "is of regression, and this is an ensemble for classification; see plots.conf",
        lambda: picture(binary),
    )
    told = "is of one of several targets: output is missing, expected one of 0, 1"
    refused(ParameterError, told, lambda: picture(targets))
    for wrong in (2, -1, "cost", True):
        refused(ParameterError, f"output is {wrong!r}, expected", lambda wrong=wrong: picture(targets, output=wrong))


@pytest.mark.parametrize("picture", OF_CLASSES)
def test_a_regression_has_no_curves_of_classes(picture, regression):
    refused(
        ParameterError,
        "is of classification, and this is an ensemble for regression; see plots.pred",
        lambda: picture(regression),
    )


@pytest.mark.parametrize("picture", OF_CURVES)
def test_a_vote_has_no_curves(picture, X, two):
    made = EnsembleClassifier(("ridge", "knn"), "vote", cv=4, random_state=0).fit(X, two)
    refused(ParameterError, "needs probabilities, and blender 'vote' only votes", lambda: picture(made))
    refused(ParameterError, "a threshold needs probabilities", lambda: plots.confusion(made, threshold=0.5))


def test_the_confusion_of_labels_and_odd_thresholds(labels, classes, binary):
    refused(ParameterError, "is of one of several labels: output is missing", lambda: plots.confusion(labels))
    refused(
        ParameterError,
        "a threshold is for two classes, and the ensemble has 3",
        lambda: plots.confusion(classes, threshold=0.5),
    )
    for threshold in (0, 1.0, "half"):
        refused(
            ParameterError,
            "expected a probability above 0 and below 1",
            lambda t=threshold: plots.confusion(binary, threshold=t),
        )


def test_a_lean_bundle_is_drawn_with_rows_only(regression, binary, X, y, two, tmp_path):
    lean = load(regression.save(tmp_path / "regression", oof=False))
    for picture in OF_REGRESSION:
        refused(
            ParameterError,
            "saved without; pass X and y, or load a bundle that was saved with oof=True",
            lambda p=picture: p(lean),
        )
    assert plots.residuals(lean, X, y).has_data()
    assert plots.predictions(lean, X, y, level=None).has_data()
    assert plots.leaderboard(lean).has_data()
    plt.close("all")
    for picture in (plots.weights, plots.error_correlation):
        refused(ParameterError, "saved without; load a bundle that was saved with oof=True", lambda p=picture: p(lean))
    lean = load(binary.save(tmp_path / "binary", oof=False))
    for picture in OF_CLASSES:
        refused(ParameterError, "which this ensemble was saved without", lambda p=picture: p(lean))
        assert picture(lean, X, two).has_data()
        plt.close("all")


def test_rows_come_in_pairs(regression, X, y):
    refused(InputError, "X is given without y; pass both", lambda: plots.predictions(regression, X))
    refused(InputError, "y is given without X; pass both", lambda: plots.predictions(regression, y=y))
    refused(InputError, "X has 120 rows and y has 5", lambda: plots.residuals(regression, X, y[:5]))


def test_folds_that_leave_no_row_for_the_blend(X, y):
    rows = np.arange(len(X))
    made = EnsembleRegressor(("ridge", "elastic_net"), "weighted", cv=[(rows[:80], rows[80:])], random_state=0).fit(
        X, y
    )
    if not np.isnan(made.oof_blend_).all():
        assert plots.residuals(made).has_data()
        return
    refused(ParameterError, "these folds leave none; pass X and y", lambda: plots.residuals(made))


def test_one_class_makes_no_curve(binary, X, two):
    some = np.flatnonzero(two == "yes")[:9]
    for picture in OF_CURVES:
        refused(InputError, "y holds one class only", lambda p=picture: p(binary, X.iloc[some], two[some]))


def test_what_is_no_fitted_ensemble(regression):
    for draw in (plots.leaderboard, plots.weights, plots.residuals, plots.roc, plots.greedy_path):
        refused(
            ParameterError, "ensemble is LinearRegression, expected a fitted Ens", lambda d=draw: d(LinearRegression())
        )
        refused(NotFittedError, "not fitted", lambda d=draw: d(EnsembleRegressor()))
    refused(ParameterError, "ensemble is str, expected", lambda: plots.contributions("model", [[1]]))
    with pytest.raises(ParameterError, match="ax is str, expected matplotlib's Axes"):
        plots.leaderboard(regression, ax="here")


def test_blenders_without_weights_or_path(regression, targets):
    meta = regression.reblend("meta-linear")
    refused(ParameterError, "blender 'meta-linear' has no weights to draw", lambda: plots.weights(meta))
    refused(ParameterError, "blender 'weighted' takes no path; reblend", lambda: plots.greedy_path(regression))
    refused(ParameterError, "is of one of several targets", lambda: plots.greedy_path(targets.reblend("greedy")))
    refused(ParameterError, "'mean' takes no path", lambda: plots.greedy_path(targets, output=1))
    refused(ParameterError, "there is only one; leave it out", lambda: plots.greedy_path(regression, output=0))
    old = regression.reblend("greedy")
    old.blender_.restore({"weights": old.blender_.weights_.tolist()})
    refused(ParameterError, "saved before paths were kept", lambda: plots.greedy_path(old))


def test_odd_arguments(regression, binary, classes, targets, X):
    linear = regression.drop_members("knn")
    for error, match, draw in (
        (ParameterError, "kind is 'pie', expected one of 'bar', 'beeswarm', 'waterfall'", lambda: plots.contributions(linear, X, "pie")),
        (ParameterError, "most is 0", lambda: plots.contributions(linear, X, most=0)),
        (ParameterError, "row is 500, and X has 120 rows", lambda: plots.contributions(linear, X, "waterfall", row=500)),
        (ParameterError, "member is for classes", lambda: plots.contributions(linear, X, member="ridge")),
        (ParameterError, "output is 0, and there is only one", lambda: plots.contributions(linear, X, output=0)),
        (ParameterError, "output is missing, expected one of the targets 0, 1", lambda: plots.contributions(targets, X)),
        (ParameterError, "output is 'x', expected one of the classes high, low, middle", lambda: plots.contributions(classes.drop_members("knn"), X, member="ridge", output="x")),
        (UnknownNameError, "called 'rigde'. Did you mean 'ridge'", lambda: plots.contributions(binary.drop_members("knn"), X, member="rigde")),
        (ParameterError, "member 'knn' cannot be explained", lambda: plots.contributions(classes, X, member="knn")),
        (ParameterError, "an explanation is of its own rows", lambda: plots.contributions(linear.explain(X), X)),
        (ParameterError, "X is missing; pass the rows", lambda: plots.contributions(linear)),
        (ParameterError, "board is list, expected what ensemble.importances", lambda: plots.importances([1])),
        (ParameterError, "most is 0", lambda: plots.importances(linear.explain(X).importances(), most=0)),
        (ParameterError, r"column is \(0, 1, 2\), expected one column or a pair", lambda: plots.partial_dependence(linear, X, (0, 1, 2))),
        (ParameterError, "of a pair of columns there is the average only", lambda: plots.partial_dependence(linear, X, (0, 1), kind="both")),
        (ParameterError, "output is missing, expected one of 0, 1", lambda: plots.partial_dependence(targets, X, 0)),
        (ParameterError, "output is 1, and there is only one", lambda: plots.partial_dependence(linear, X, 0, output=1)),
        (ParameterError, "bins is 1, expected a whole number", lambda: plots.reliability(binary, bins=1)),
        (ParameterError, "level is 2", lambda: plots.predictions(regression, X, np.zeros(len(X)), level=2)),
    ):  # fmt: skip
        refused(error, match, draw)


def test_searches_without_values():
    for match, result in (
        ("result is list, expected the result of a search", []),
        ("the trials have none of the columns value, score, objective", SimpleNamespace(trials=[], best_value=1.0)),
        ("none of the 2 trials has a value", SimpleNamespace(trials=[{"value": None}] * 2, best_value=1.0)),
        ("neither best_value nor greater_is_better", SimpleNamespace(trials=[{"score": 1.0}])),
    ):
        refused(ParameterError, match, lambda r=result: plots.tuning_history(r))


# -- imports -------------------------------------------------------------------------


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", ["import byoe", "import byoe.plots", "from byoe import plots"])
def test_matplotlib_is_loaded_by_the_first_picture(module):
    assert "matplotlib" not in fresh(f"import sys, json; {module}; print(json.dumps(sorted(sys.modules)))")


def test_the_missing_extra_is_named(regression, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"a picture needs 'matplotlib.pyplot'.*pip install 'byoe-ensemble\[plots\]'"):
        plots.leaderboard(regression)
