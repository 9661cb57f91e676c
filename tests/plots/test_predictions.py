"""What the pictures of predictions show is what the ensemble predicts, and what scikit-learn makes of it."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from byoe import EnsembleClassifier, EnsembleRegressor, load, plots


def dots(ax):
    return np.asarray(ax.collections[-1].get_offsets())


# -- regression ----------------------------------------------------------------------


def test_out_of_fold_predictions(regression, y):
    ax = plots.predictions(regression)
    np.testing.assert_array_equal(dots(ax), np.column_stack([y, regression.oof_blend_]))
    assert ax.get_xlabel() == "actual cost_$"
    assert ax.get_ylabel() == "predicted cost_$ (out-of-fold)"
    assert len(ax.collections) == 1


def test_predictions_of_new_rows_and_their_intervals(regression, X, y):
    ax = plots.predictions(regression, X, y, level=0.5)
    np.testing.assert_array_equal(dots(ax), np.column_stack([y, regression.predict(X)]))
    low, high = regression.predict_interval(X, 0.5).T
    inside = (low <= y) & (y <= high)
    for drawn, rows in zip(ax.collections, (inside, ~inside), strict=False):
        segments = np.array(drawn.get_segments())
        np.testing.assert_array_equal(segments[:, 0], np.column_stack([y, low])[rows])
        np.testing.assert_array_equal(segments[:, 1], np.column_stack([y, high])[rows])
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told[0] == f"50 % interval holds it: {100 * inside.mean():.0f} %"
    assert len(plots.predictions(regression, X, y, level=None).collections) == 1


def test_without_out_of_fold_data_new_rows_have_no_intervals(regression, X, y, tmp_path):
    loaded = load(regression.save(tmp_path / "bundle", oof=False))
    ax = plots.predictions(loaded, X, y)
    np.testing.assert_array_equal(dots(ax), np.column_stack([y, regression.predict(X)]))
    assert len(ax.collections) == 1


def test_infinite_intervals_are_not_drawn(X, y):
    small = EnsembleRegressor(("ridge",), "mean", cv=2, random_state=0).fit(X[:12], y[:12])
    with pytest.warns(UserWarning, match="the bounds are infinite"):
        ax = plots.predictions(small, X, y, level=0.99)
    assert len(ax.collections) == 1
    assert np.isfinite(ax.get_ylim()).all()


def test_residuals(regression, y):
    ax = plots.residuals(regression)
    blend = regression.oof_blend_
    np.testing.assert_array_equal(dots(ax), np.column_stack([blend, y - blend]))
    order = np.argsort(blend)
    medians = [np.median((y.to_numpy() - blend)[order[start : start + 12]]) for start in range(0, 120, 12)]
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), medians)


def test_residuals_of_a_few_rows_have_no_line_of_medians(regression, X, y):
    ax = plots.residuals(regression, X[:20], y[:20])
    np.testing.assert_allclose(dots(ax)[:, 1], y[:20] - regression.predict(X[:20]))
    assert len(ax.lines) == 1


def test_rows_without_weight_or_prediction_are_left_out(X, y):
    from sklearn.model_selection import TimeSeriesSplit

    weight = np.r_[np.ones(100), np.zeros(20)]
    made = EnsembleRegressor(("ridge", "elastic_net"), "mean", cv=TimeSeriesSplit(4), random_state=0)
    made.fit(X, y, sample_weight=weight)
    rows = ~np.isnan(made.oof_blend_) & (weight > 0)
    assert 0 < rows.sum() < 100
    np.testing.assert_array_equal(dots(plots.residuals(made))[:, 0], made.oof_blend_[rows])


# -- classes -------------------------------------------------------------------------


def truth(ensemble, X, y):
    return (np.asarray(y)[:, None] == ensemble.classes_), ensemble.oof_blend_


def curve(ax, number):
    return ax.lines[number].get_xdata(), ax.lines[number].get_ydata()


def test_curves_of_two_classes(binary, X, two):
    hit, p = two == "yes", binary.oof_blend_[:, 1]
    share, mean = calibration_curve(hit, p, n_bins=6, strategy="quantile")
    np.testing.assert_array_equal(curve(plots.reliability(binary, bins=6), 0), (mean, share))
    ax = plots.roc(binary)
    np.testing.assert_array_equal(curve(ax, 0), metrics.roc_curve(hit, p)[:2])
    assert ax.lines[0].get_label() == f"blend, area {metrics.roc_auc_score(hit, p):.3f}"
    ax = plots.precision_recall(binary)
    precision, recall, _ = metrics.precision_recall_curve(hit, p)
    np.testing.assert_array_equal(curve(ax, 0), (recall, precision))
    assert ax.lines[0].get_label() == f"blend, average {metrics.average_precision_score(hit, p):.3f}"
    assert ax.lines[1].get_ydata()[0] == pytest.approx(hit.mean())
    assert ax.get_ylabel() == "precision of yes"


def test_curves_of_new_rows(binary, X, two):
    hit, p = two[:60] == "yes", binary.predict_proba(X[:60])[:, 1]
    ax = plots.roc(binary, X[:60], two[:60])
    np.testing.assert_array_equal(curve(ax, 0), metrics.roc_curve(hit, p)[:2])


def test_the_area_is_that_of_the_leaderboard_with_weights(weighted, X, two):
    scored = weighted.set_params(metric="roc_auc").reblend("weighted")
    area = scored.leaderboard_["blend"]["roc_auc"]
    assert plots.roc(scored).lines[0].get_label() == f"blend, area {area:.3f}"
    weighted.set_params(metric="auto")
    share, mean = calibration_curve(two[20:] == "yes", weighted.oof_blend_[20:, 1], n_bins=10, strategy="quantile")
    np.testing.assert_array_equal(curve(plots.reliability(weighted), 0), (mean, share))


@pytest.mark.parametrize("picture", [plots.reliability, plots.roc, plots.precision_recall])
def test_of_more_classes_each_has_a_curve(picture, classes, X, three):
    hits, p = truth(classes, X, three)
    ax = picture(classes)
    assert [line.get_label().split(",")[0] for line in ax.lines[:3]] == ["class high", "class low", "class middle"]
    for number in range(3):
        hit, probability = hits[:, number], p[:, number]
        expected = {
            plots.reliability: lambda h, q: calibration_curve(h, q, n_bins=10, strategy="quantile")[::-1],
            plots.roc: lambda h, q: metrics.roc_curve(h, q)[:2],
            plots.precision_recall: lambda h, q: metrics.precision_recall_curve(h, q)[1::-1],
        }[picture](hit, probability)
        np.testing.assert_array_equal(curve(ax, number), expected)
    assert len({line.get_color() for line in ax.lines[:3]}) == 3


def test_of_labels_each_has_a_curve(labels, X, y):
    ax = plots.roc(labels)
    for number, hit in enumerate((y > 0, X["c"] > 0.5)):
        np.testing.assert_array_equal(curve(ax, number), metrics.roc_curve(hit, labels.oof_blend_[:, number])[:2])


def test_a_class_that_is_absent_has_no_curve(classes, X, three):
    some = np.flatnonzero(three != "high")
    ax = plots.roc(classes, X.iloc[some], three[some])
    assert [line.get_label().split(",")[0] for line in ax.lines] == ["class low", "class middle", "chance"]


def counts(ax, n):
    return np.array([float(text.get_text().split("\n")[0]) for text in ax.texts]).reshape(n, n)


def test_the_confusion_matrix(classes, three):
    ax = plots.confusion(classes)
    predicted = classes.classes_[classes.oof_blend_.argmax(axis=1)]
    expected = metrics.confusion_matrix(three, predicted, labels=classes.classes_)
    np.testing.assert_array_equal(counts(ax, 3), expected)
    np.testing.assert_allclose(ax.images[0].get_array(), expected / expected.sum(axis=1, keepdims=True))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["high", "low", "middle"]


@pytest.mark.parametrize("threshold", [0.1, 0.8])
def test_the_confusion_matrix_at_a_threshold(threshold, binary, X, two):
    ax = plots.confusion(binary, X, two, threshold=threshold)
    p = binary.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(counts(ax, 2), metrics.confusion_matrix(two == "yes", p >= threshold))
    assert f"at a threshold of {threshold}" in ax.get_xlabel()


def test_the_confusion_matrix_without_a_threshold_is_that_of_predict(binary, X, two):
    np.testing.assert_array_equal(
        counts(plots.confusion(binary, X, two), 2), metrics.confusion_matrix(two, binary.predict(X))
    )


def test_the_confusion_matrix_counts_weights(weighted, two):
    weight = np.linspace(1, 3, 100)
    predicted = weighted.classes_[weighted.oof_blend_[20:].argmax(axis=1)]
    expected = metrics.confusion_matrix(two[20:], predicted, sample_weight=weight)
    np.testing.assert_allclose(counts(plots.confusion(weighted), 2), expected, rtol=1e-5)


def test_a_vote_has_a_confusion_matrix(X, two):
    made = EnsembleClassifier(("ridge", "knn", "svm"), "vote", cv=4, random_state=0).fit(X, two)
    np.testing.assert_array_equal(
        counts(plots.confusion(made, X, two), 2), metrics.confusion_matrix(two, made.predict(X))
    )


def test_the_confusion_is_that_of_a_meta_models_threshold(X, two):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import FixedThresholdClassifier

    meta = FixedThresholdClassifier(LogisticRegression(), threshold=0.1)
    made = EnsembleClassifier(("ridge", "knn"), meta, cv=3, random_state=0).fit(X, two)
    ax = plots.confusion(made, X, two)
    told = {text.get_text().split("\n")[0] for text in ax.texts}
    assert told == {f"{count:.6g}" for count in metrics.confusion_matrix(two, made.predict(X)).ravel()}
