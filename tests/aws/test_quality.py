"""Metrics in the form of the service's model quality."""

import json
import math

import pytest

from byoe.sagemaker.aws._quality import metrics_of, quality

BOARD = [{"member": "blend", "log_loss": 0.5, "spread": 0.125}, {"member": "ridge", "log_loss": 0.75, "spread": 0.25}]


def manifest(kind, n_classes=0, n_outputs=1):
    task = {"kind": kind, "n_classes": n_classes, "n_outputs": n_outputs}
    return {"task": task, "leaderboard": BOARD}


@pytest.mark.parametrize(
    ("task", "section"),
    [
        (("regression",), "regression_metrics"),
        (("regression", 0, 3), "regression_metrics"),
        (("classification", 2), "binary_classification_metrics"),
        (("classification", 3), "multiclass_classification_metrics"),
        (("classification", 2, 4), "multiclass_classification_metrics"),
    ],
)
def test_the_section_is_that_of_the_task(task, section):
    assert quality({"validation:mae": 1.0}, manifest(*task), held_out=True)[section] == {
        "mae": {"value": 1.0, "standard_deviation": "NaN"}
    }


def test_names_are_the_services_and_the_spread_is_that_of_the_blend():
    metrics = {
        "validation:log_loss": 0.5,
        "validation:roc_auc": 0.9,
        "validation:f1_weighted": 0.8,
        "member:ridge:log_loss": 0.75,
    }
    report = quality(metrics, manifest("classification", 2), held_out=False)
    assert report["binary_classification_metrics"] == {
        "log_loss": {"value": 0.5, "standard_deviation": 0.125},
        "auc": {"value": 0.9, "standard_deviation": "NaN"},
        "weighted_f1": {"value": 0.8, "standard_deviation": "NaN"},
    }
    assert metrics_of(json.dumps(report).encode()) == metrics


def test_metrics_that_are_no_numbers_stay_what_they_are():
    metrics = {"validation:rmse": math.inf, "validation:r2": math.nan}
    content = json.dumps(quality(metrics, manifest("regression"), held_out=False), allow_nan=False)
    assert json.loads(content)["regression_metrics"]["rmse"]["value"] == "NaN"
    again = metrics_of(content.encode())
    assert again["validation:rmse"] == math.inf
    assert math.isnan(again["validation:r2"])


@pytest.mark.parametrize(
    "content",
    [
        b'{"regression_metrics": {"mae": {"value": 1.0}}}',
        b'{"metrics": {"rmse": {"value": 1}}}',
        b'{"metrics": {"rmse": "good"}}',
        b'{"metrics": [1]}',
        b"[1]",
        b"null",
        b"rmse 1.0",
        b"\xff\x00\xfe",
    ],
)
def test_a_report_of_somebody_else_has_no_metrics_of_byoes(content):
    assert metrics_of(content) == {}
