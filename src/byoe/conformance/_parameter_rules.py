"""The rules for parameters that are about columns or classes: `fit` does with them what they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import REGRESSION, TWO_CLASSES, LearnerSubject, Sample

BOOK: list[Rule] = []

# Of the predictions' standard deviation: what single precision may add to a difference that is to be zero.
_SINGLE = 1e-4
# What a fit finds for the four columns of the table, by the form of the parameter.
_VALUES: dict[str, Any] = {
    "sign": [-1, 0, 0, 0],  # against what the target does
    "factor": [0.5, 1.0, 1.0, 1.0],
    "penalty": [1.0, 0.0, 0.0, 0.0],
    "groups": [[0], [1, 2, 3]],
    "columns": [3],
}
# Sorted, as classes are.
_LABELS = np.array(["high", "low", "middle"])


@rule(BOOK, "values by column", "A sign and a group hold for the columns that they are given for; all forms are taken")
def _by_column(subject: LearnerSubject) -> None:
    if not subject.learner.by_column:
        raise NotSupportedError("by_column is empty; none of its parameters is about columns")
    task = next(task for task in (REGRESSION, TWO_CLASSES) if task.kind in subject.learner.tasks)
    given = subject.sample(task)
    for name, form in subject.learner.by_column.items():
        told = replace(subject, learner=subject.make().set_by_column({name: _VALUES[form]}))
        for fit in told.ways(given):
            predicted = _on_grid(fit(given), given)
            rough = _SINGLE * float(np.std(predicted))
            if form == "sign" and (rise := np.diff(predicted, axis=0).max()) > rough:
                raise BrokenPromiseError(
                    f"for {task.kind} with {name}={_VALUES[form]}, the first column raises a prediction by {rise:.3g}"
                )
            mixed = np.diff(np.diff(predicted, axis=0), axis=1)
            if form == "groups" and task is REGRESSION and np.abs(mixed).max() > rough:
                raise BrokenPromiseError(
                    f"with {name}={_VALUES[form]}, what the first column adds depends on the second, "
                    f"by up to {np.abs(mixed).max():.3g}"
                )


def _on_grid(model: Any, given: Sample) -> FloatArray:
    """Return predictions (of the last class) for all pairs of values of the first two columns: shape (6, 6)."""
    first, second = np.meshgrid(np.arange(6.0), np.arange(6.0), indexing="ij")
    X = np.full((36, given.X.shape[1]), 2.0)
    X[:, 0], X[:, 1] = first.ravel(), second.ravel()
    predicted = given.task.check(model.predict(X), len(X), "predict")
    return (predicted[:, -1] if predicted.ndim > 1 else predicted).reshape(6, 6)


@rule(BOOK, "values by label", "A number for some of the classes is taken, with the classes as the user calls them")
def _by_label(subject: LearnerSubject) -> None:
    if not subject.learner.by_label:
        raise NotSupportedError("by_label is empty; none of its parameters is about classes")
    for name in subject.learner.by_label:
        told = replace(subject, learner=subject.make().set_params(**{name: {_LABELS[0]: 2.0}}))
        _check_labels(told, f" with {name}={{{str(_LABELS[0])!r}: 2.0}}")


@rule(BOOK, "labels", "Fitted on the classes as the user calls them, it answers in the order of task.classes")
def _labels(subject: LearnerSubject) -> None:
    if not subject.learner.labelled:
        raise NotSupportedError("labelled is False; it gets codes of the classes")
    _check_labels(subject)


def _check_labels(subject: LearnerSubject, setting: str = "") -> None:
    for task in subject.tasks():
        if task.is_classification:
            given = subject.sample(replace(task, classes=_LABELS[: task.n_classes]))
            answered = subject.fit(given).predict(given.X).argmax(axis=1)
            if not np.mean(answered == given.y) > np.bincount(given.y).max() / len(given.y):
                raise BrokenPromiseError(
                    f"for {task.n_classes} classes{setting}, the most probable class is right in "
                    f"{np.mean(answered == given.y):.0%} of the rows that it was fitted on"
                )
