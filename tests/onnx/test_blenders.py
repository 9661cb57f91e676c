"""Blenders, calibration and labels."""

import numpy as np
import pytest
from sklearn import ensemble as forests
from sklearn import linear_model
from sklearn.svm import LinearSVC
from tests.onnx.graphs import FEW, MEMBERS, check

from byoe import EnsembleClassifier, EnsembleRegressor, blender

BLENDERS = {
    "mean": "mean",
    "weighted": "weighted",
    "given weights": blender("weighted", weights=[0.5, 0.3, 0.2]),
    "greedy": "greedy",
    "best": "best",
    "auto": "auto",
    "vote": "vote",
    "meta-linear": "meta-linear",
    "positive": blender("meta-linear", positive=True),
    "adjusted": "adjusted",
}
PASSING = {
    "passthrough": blender("meta-linear", passthrough=True),
    "some columns": blender("meta-linear", passthrough=[0, 2], positive=True),
}


@pytest.mark.parametrize("name", [*BLENDERS, *PASSING, "least squares", "trees", "four"])
def test_blenders_of_a_regression(name, diabetes, tmp_path):
    X, y = diabetes
    extra = {
        "least squares": linear_model.LinearRegression(),
        "trees": forests.RandomForestRegressor(3),
        "four": "vote",
    }
    chosen = {**BLENDERS, **PASSING, **extra}[name]
    members = (*FEW, "elastic_net") if name == "four" else FEW
    check(EnsembleRegressor(members, chosen, cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("name", BLENDERS)
def test_blenders_of_several_outputs(name, diabetes, tmp_path):
    X, y = diabetes
    y = np.column_stack([y, -(y**1.5), np.cos(y)])
    check(EnsembleRegressor(FEW, BLENDERS[name], cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("name", [*BLENDERS, *PASSING, "soft", "logistic", "ridge", "trees"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_blenders_of_classes(name, n_classes, iris, cancer, tmp_path):
    X, y = iris if n_classes == 3 else cancer
    X = X[:, :4]
    extra = {
        "soft": blender("vote", voting="soft"),
        "logistic": linear_model.LogisticRegression(),
        "ridge": linear_model.RidgeClassifier(),
        "trees": forests.RandomForestClassifier(3),
    }
    chosen = {**BLENDERS, **PASSING, **extra}[name]
    members = ["knn", MEMBERS["lightgbm"], "svm"] if n_classes == 2 else FEW
    check(EnsembleClassifier(members, chosen, cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("how", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration(how, n_classes, iris, cancer, tmp_path):
    X, y = iris if n_classes == 3 else cancer
    X = X[:, :3]
    fitted = EnsembleClassifier(("ridge", "knn"), "weighted", calibrate=how, cv=3, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, 1e-9)  # a step of the isotonic map may be steep


def test_passthrough_of_categories(mixed, tmp_path):
    X, y = mixed
    chosen = blender("meta-linear", passthrough=["kind", "size"])
    check(EnsembleRegressor(("ridge", "knn"), chosen, cv=2, random_state=0).fit(X, y), X, tmp_path)


def test_a_vote_of_decision_values_gives_labels_only(iris, tmp_path):
    X, y = iris
    found = check(EnsembleClassifier([LinearSVC(), "ridge", "knn"], "vote", cv=2).fit(X, y), X, tmp_path)
    assert set(found) == {"label"}


@pytest.mark.parametrize(
    "classes", [["a", "b", "ü"], [3, 5, 7], [1.0, 2.0, 3.0], np.array([1, 2, 3], np.uint8)], ids=repr
)
def test_labels_of_any_type(classes, iris, tmp_path):
    X, y = iris
    y = np.asarray(classes)[np.unique(y, return_inverse=True)[1]]
    check(EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y), X, tmp_path)


def test_truth_values_as_labels(cancer, tmp_path):
    X, y = cancer[0][:, :4], cancer[1] == 1
    assert check(EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y), X, tmp_path)["label"].dtype == bool
