import numpy as np
import pytest
from sklearn import metrics

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.contracts._task import Task
from byoe.errors import UnknownNameError
from byoe.scoring._metrics import find_metric

REGRESSION, TWO, THREE = Task("regression"), Task("classification", 2), Task("classification", 3)


@pytest.fixture
def numbers(rng):
    return rng.normal(size=50), rng.normal(size=50), rng.uniform(0.1, 2, size=50)


def probabilities(rng, k):
    p = rng.uniform(size=(50, k))
    return rng.integers(k, size=50), p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "same", "reference"),
    [
        ("rmse", "neg_root_mean_squared_error", metrics.root_mean_squared_error),
        ("mae", "neg_mean_absolute_error", metrics.mean_absolute_error),
        ("mse", "neg_mean_squared_error", metrics.mean_squared_error),
        ("r2", "r2", metrics.r2_score),
    ],
)
def test_regression_metrics_are_scikit_learns(name, same, reference, numbers):
    y, p, w = numbers
    for asked in (name, same):
        metric = find_metric(asked, REGRESSION)
        assert metric.name == name
        assert metric.value(y, p, sample_weight=w) == pytest.approx(reference(y, p, sample_weight=w))
        assert metric.score(1.0) == (1.0 if name == "r2" else -1.0)


@pytest.mark.parametrize("k", [2, 3])
def test_class_metrics_are_scikit_learns(k, rng):
    y, p = probabilities(rng, k)
    task, classes = Task("classification", k), np.array(["a", "b", "c"][:k])

    def value(name):
        return find_metric(name, task).value(y, p, classes=classes)

    assert value("accuracy") == pytest.approx(np.mean(p.argmax(axis=1) == y))
    assert value("log_loss") == pytest.approx(metrics.log_loss(y, p))
    expected = metrics.roc_auc_score(y, p[:, 1]) if k == 2 else metrics.roc_auc_score(y, p, multi_class="ovr")
    assert value("roc_auc") == pytest.approx(expected)


def test_roc_auc_is_not_defined_without_every_class(rng):
    p = probabilities(rng, 3)[1]
    assert np.isnan(find_metric("roc_auc", THREE).value(np.zeros(50, dtype=int), p, classes=np.arange(3)))


def test_roc_auc_is_scikit_learns_with_ties_and_weights(rng):
    y, p = probabilities(rng, 2)
    p, w = np.round(p, 1), rng.uniform(0.1, 2, 50)
    value = find_metric("roc_auc", TWO).value(y, p, classes=np.arange(2), sample_weight=w)
    assert value == pytest.approx(metrics.roc_auc_score(y, p[:, 1], sample_weight=w), rel=1e-12)
    assert np.isnan(find_metric("roc_auc", TWO).value(y, p, sample_weight=w * (y == 1)))


def test_any_scorer_by_name_or_as_an_object(numbers, rng):
    y, p, _ = numbers
    metric = find_metric("neg_median_absolute_error", REGRESSION)
    assert (metric.name, metric.greater_is_better) == ("median_absolute_error", False)
    assert metric.value(y, p) == pytest.approx(metrics.median_absolute_error(y, p))
    labels, q = probabilities(rng, 2)
    f1 = find_metric(metrics.make_scorer(metrics.f1_score, pos_label="yes"), TWO)
    classes = np.array(["no", "yes"])
    expected = metrics.f1_score(classes[labels], classes[q.argmax(axis=1)], pos_label="yes")
    assert f1.value(labels, q, classes=classes) == pytest.approx(expected)
    assert f1.name == "f1_score"


def test_a_plain_function_is_a_scorer(diabetes):
    def near(estimator, X, y):
        return float(np.mean(np.abs(estimator.predict(X) - y) < 50))

    ensemble = EnsembleRegressor(("ridge",), metric=near, random_state=0).fit(*diabetes)
    assert 0.5 < ensemble.score_estimate_ < 1
    assert "near" in ensemble.leaderboard_[0]


def test_the_automatic_choice():
    assert find_metric("auto", REGRESSION).name == "rmse"
    assert find_metric("auto", TWO).name == "log_loss"
    assert find_metric("auto", TWO, probabilities=False).name == "accuracy"
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy'"):
        find_metric("acuracy", TWO)


def test_a_chosen_metric_orders_the_leaderboard(iris):
    board = EnsembleClassifier(("ridge", "knn"), metric="accuracy", random_state=0).fit(*iris).leaderboard_
    assert board[1]["accuracy"] >= board[2]["accuracy"]
