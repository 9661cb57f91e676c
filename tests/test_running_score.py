"""The score of the first folds: that of a fit whose split plan ends there, whenever its tasks end."""

import numpy as np
import pytest
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.engine._order import in_order
from byoe.engine._rows import Rows
from byoe.engine._tasks import REFIT, fit_tasks
from byoe.errors import ByoeError
from byoe.scoring._metrics import find_metric


class Heard:
    def __init__(self, metric, task):
        self.metric = find_metric(metric, task)
        self.told = []

    def wants(self, done, n_folds):
        return True

    def __call__(self, done, n_folds, value):
        self.told.append((done, n_folds, value))


def heard(ensemble, X, y, **fit):
    """Return the fitted ensemble, and what it told of its folds."""
    from byoe.contracts._task import Task

    task = Task("classification", 2) if ensemble._classifies else Task("regression")
    ensemble._on_fold = listener = Heard(ensemble.metric, task)
    return ensemble.fit(X, y, **fit), listener.told


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(120, 4))
    return X, X @ [1.0, -2.0, 0.5, 0.0] + np.sin(3 * X[:, 0]) + 0.3 * generator.normal(size=120)


MEMBERS = [("ridge", learner("ridge")), ("trees", learner("random-forest", n_estimators=5))]
REGRESSION = {
    "folds": {"cv": 4},
    "auto": {"cv": 4, "blender": "auto"},
    "meta": {"cv": 3, "blender": "meta-linear", "metric": "mae"},
    "repeated": {"cv": RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)},
    "time": {"cv": TimeSeriesSplit(4), "blender": "mean"},
    "threads": {"cv": 4, "n_jobs": 2},
}


@pytest.mark.parametrize("case", REGRESSION)
def test_it_is_the_score_of_a_fit_whose_plan_ends_there(case, table):
    X, y = table
    options = {"blender": "weighted", "metric": "rmse", "random_state": 0, "finalize": "bag", "n_jobs": 1} | REGRESSION[
        case
    ]
    if case in ("time", "repeated"):
        options["finalize"] = "refit"
    whole, told = heard(EnsembleRegressor(MEMBERS, **options), X, y)
    plan = whole._oof.plan
    assert [(done, of) for done, of, _ in told] == [(k, len(plan.folds)) for k in range(1, len(plan.folds))]
    options["finalize"] = "refit"
    for done, _, value in told:
        ends_there = EnsembleRegressor(MEMBERS, **options | {"cv": list(plan.folds[:done])}).fit(X, y)
        assert value == pytest.approx(-ends_there.score_estimate_, rel=1e-12)


def test_listening_changes_nothing_of_the_fit(table):
    X, y = table
    options = {"cv": 4, "metric": "rmse", "random_state": 0}
    quiet = EnsembleRegressor(MEMBERS, **options).fit(X, y)
    whole, _ = heard(EnsembleRegressor(MEMBERS, **options), X, y)
    assert whole.score_estimate_ == quiet.score_estimate_
    assert np.array_equal(whole.predict(X), quiet.predict(X))


def test_classes_by_the_threshold_that_is_found_without_the_rows(table):
    X, y = table
    labels = np.where(y > 1.0, "high", "low")
    options = {"cv": 4, "metric": "accuracy", "threshold": "f1_macro", "random_state": 0, "finalize": "refit"}
    whole, told = heard(EnsembleClassifier(("ridge", "knn"), "mean", **options), X, labels)
    plan = whole._oof.plan
    for done, _, value in told:
        options["cv"] = list(plan.folds[:done])
        assert value == EnsembleClassifier(("ridge", "knn"), "mean", **options).fit(X, labels).score_estimate_


def test_weights_count(table):
    X, y = table
    weight = np.linspace(0.1, 3.0, len(y))
    options = {"cv": 3, "metric": "mae", "random_state": 0, "finalize": "refit"}
    whole, told = heard(EnsembleRegressor(MEMBERS, "mean", **options), X, y, sample_weight=weight)
    options["cv"] = list(whole._oof.plan.folds[:2])
    ends_there = EnsembleRegressor(MEMBERS, "mean", **options).fit(X, y, sample_weight=weight)
    assert told[1][2] == pytest.approx(-ends_there.score_estimate_, rel=1e-12)


def test_nothing_is_blended_for_folds_that_nobody_asks_for(table, monkeypatch):
    from byoe.ensemble import _running

    class OfTwo(Heard):
        def wants(self, done, n_folds):
            return done == 2

    blended, made = _running.blended, []
    monkeypatch.setattr(_running, "blended", lambda *args: made.append(0) or blended(*args))
    ensemble = EnsembleRegressor(MEMBERS, cv=4, metric="rmse", random_state=0)
    ensemble._on_fold = listener = OfTwo(
        "rmse", heard(EnsembleRegressor(MEMBERS, cv=2, random_state=0), *table)[0]._task
    )
    made.clear()
    ensemble.fit(*table)
    assert [done for done, _, _ in listener.told] == [2]
    assert len(made) == 1


def test_what_is_told_of_the_first_folds_does_not_depend_on_those_after(table):
    """A trial that is stopped has told what the whole one tells up to there."""
    X, y = table

    class Stopped(Exception):  # noqa: N818
        pass

    class Stopping(Heard):
        def __call__(self, done, n_folds, value):
            super().__call__(done, n_folds, value)
            if done == 2:
                raise Stopped

    options = {"cv": 4, "metric": "rmse", "random_state": 0}
    whole, told = heard(EnsembleRegressor(MEMBERS, **options), X, y)
    stopped = EnsembleRegressor(MEMBERS, **options)
    stopped._on_fold = listener = Stopping("rmse", whole._task)
    with pytest.raises(Stopped):
        stopped.fit(X, y)
    assert listener.told == told[:2]


def test_a_member_that_fails_is_left_out_of_the_folds_from_there_on(table):
    X, y = table
    options = {"cv": 3, "metric": "rmse", "random_state": 0, "finalize": "refit"}
    failing = [*MEMBERS, ("negative", learner("ridge", alpha=-1.0))]
    _, told = heard(EnsembleRegressor(failing, on_error="skip", **options), X, y)
    _, without = heard(EnsembleRegressor(MEMBERS, **options), X, y)
    assert told == without


def test_a_score_that_is_not_defined_is_told_with_the_reason(table):
    X, _ = table
    labels = np.repeat([0, 1, 0, 1], 30)
    folds = [
        (np.flatnonzero(rows != k), np.flatnonzero(rows == k)) for rows in [np.repeat(range(4), 30)] for k in range(4)
    ]
    ensemble = EnsembleClassifier(("ridge",), "mean", cv=folds, metric="roc_auc", random_state=0)
    whole, told = heard(ensemble, X, labels)
    assert isinstance(told[0][2], ByoeError), "the rows of the first fold are all of one class"
    assert isinstance(told[1][2], float)
    assert whole.score_estimate_ == whole.score_estimate_


def test_fold_by_fold_all_members_come_before_the_next_fold_and_refits_come_last(table):
    X, y = table
    whole, _ = heard(EnsembleRegressor(MEMBERS, cv=4, metric="rmse", random_state=0), X, y)
    learners = {label: member.learner for label, member in whole.members_.items()}
    data = Rows(whole._read(X), y, None, whole._task, whole._oof.plan, None)
    tasks = fit_tasks(learners, data, {"ridge": "refit", "trees": "bag"}, {}, 0)
    works = in_order(tasks, data, 2, (), 0, by_fold=True).works
    folds = [work.task.fold for work in works if work.task.fold >= 0]
    assert folds == sorted(folds)
    assert [work.task.fold for work in works][-1] == REFIT
    plain = in_order(tasks, data, 2, (), 0).works
    assert {(one.task.label, one.task.fold) for one in works} == {(one.task.label, one.task.fold) for one in plain}
