"""The rules that every learner keeps, whatever it declares."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from ..contracts._constant import load_model
from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..engine._fold_fit import fit_fold
from ..errors import PluginError
from ._common import CONTRACT, FOUND_BY_NAME, SILENT, check_contract, check_found_by_name, close, shortened
from ._process import WorkAtOnce, is_pickle, printed, unpickled, wait_until_idle
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import Fit, LearnerSubject, Sample, plain_params

BOOK: list[Rule] = []

# Of the standard deviation of predictions: what rounding may change.
_ROUNDING = 1e-5
# Rows, and seconds of work, that keep a fit busy long enough to see its threads.
_FEW_ROWS, _MANY_ROWS = 250, 16_000
_BUSY_SECONDS = 0.1
# Threads at work, of which one is meant: the others may end while the first goes on.
_ONE_THREAD = 1.15
_TRIALS = 3


@rule(BOOK, "contract", CONTRACT)
def _contract(subject: LearnerSubject) -> None:
    check_contract(subject.learner)
    try:
        subject.fit(subject.sample(subject.task))
    except PluginError as error:  # what it returned is no model; a fit that fails is told by the rules that need it
        raise BrokenPromiseError(str(error)) from error
    except Exception:
        return


@rule(BOOK, "parameters", "Parameters are kept by clone and set_params, and unknown names are refused")
def _parameters(subject: LearnerSubject) -> None:
    learner = subject.make()
    before = plain_params(learner.get_params())
    twin = clone(learner)
    if plain_params(twin.get_params()) != before:
        raise BrokenPromiseError(f"a clone has the parameters {twin.get_params()}, expected {learner.get_params()}")
    for name, domain in learner.space.items():
        for value in domain[:2]:
            twin.set_params(**{name: value})
            own = {twin.own_name(key): given for key, given in twin.get_params().items()}
            if own.get(twin.own_name(name)) != value:
                raise BrokenPromiseError(f"after set_params({name}={value!r}) get_params() says {twin.get_params()}")
    if plain_params(learner.get_params()) != before:
        raise BrokenPromiseError("set_params on a clone changed the learner that it was cloned from")
    if learner.parameter_names() is not None and learner.user_estimator is None:  # which is the user's own object
        try:
            clone(learner).set_params(no_such_parameter_of_any_learner=1)
        except ValueError:  # byoe's UnknownNameError, or scikit-learn's own
            return
        raise BrokenPromiseError("set_params took a parameter that parameter_names() does not have")


@rule(BOOK, "predictions", "Predictions are finite numbers, of the declared shape; probabilities sum to one")
def _predictions(subject: LearnerSubject) -> None:
    for task in subject.tasks():
        given = subject.sample(task)
        model = subject.fit(given)
        for rows in (slice(None), slice(0, 1)):
            part = given.X[rows]
            for own in model.models:
                values = own.predict(part if model.encoder is None else model.encoder.transform(part))
                _check_values(subject, values, len(part), task)


def _check_values(subject: LearnerSubject, values: Any, n_rows: int, task: Any) -> None:
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise BrokenPromiseError(f"predict returned values of type {found.dtype}, expected numbers")
    try:
        checked = task.check(found, n_rows, "predict", scores=True)
    except ValueError as error:
        raise BrokenPromiseError(f"for {task.kind}: {error}") from error
    if task.is_classification and subject.learner.gives_probabilities:
        sums = checked.sum(axis=1)
        if checked.min() < 0 or not np.allclose(sums, 1.0, rtol=0, atol=1e-6):
            raise BrokenPromiseError(
                f"probabilities lie between {checked.min():.3g} and {checked.max():.3g}, and a row's sum between "
                f"{sums.min():.6g} and {sums.max():.6g}"
            )


@rule(BOOK, "it learns", "Predictions of the training rows are better than their mean, or the most frequent class")
def _learns(subject: LearnerSubject) -> None:
    for task in subject.tasks():
        given = subject.sample(task)
        found = subject.fit(given).predict(given.X)
        if task.is_classification:
            right = float(np.mean(found.argmax(axis=1) == given.y))
            if right < 1.2 / task.n_classes:
                raise BrokenPromiseError(f"of {task.n_classes} classes it tells {right:.0%} of the training rows right")
        elif np.mean((found - given.y) ** 2) > 0.9 * given.y.var():
            raise BrokenPromiseError(
                f"its mean squared error is {np.mean((found - given.y) ** 2) / given.y.var():.0%} of the mean's"
            )


@rule(BOOK, "data unchanged", "Neither fit nor predict changes the arrays that it gets")
def _unchanged(subject: LearnerSubject) -> None:
    for fit in subject.ways(subject.sample(subject.task)):
        given = subject.sample(subject.task)
        if subject.learner.weights != "none":
            given = replace(given, weight=np.ones(len(given.y)))
        kept = replace(given, X=given.X.copy(), y=given.y.copy())
        rows = given.X[:10].copy()
        try:
            fit(given).predict(rows)
        finally:
            for name, now, before in (("X", given.X, kept.X), ("y", given.y, kept.y)):
                if not np.array_equal(now, before):
                    raise BrokenPromiseError(f"fit changed {name} in place")
        if not np.array_equal(rows, kept.X[:10]):
            raise BrokenPromiseError("predict changed X in place")
        if given.weight is not None and not (given.weight == 1.0).all():
            raise BrokenPromiseError("fit changed sample_weight in place")


@rule(BOOK, "deterministic", "The same seed gives the same model, whatever other random generators say")
def _deterministic(subject: LearnerSubject) -> None:
    kept = random.getstate(), np.random.get_state()
    try:
        for task in subject.tasks():
            given = subject.sample(task)
            np.random.seed(1)  # the global state is what is looked at
            random.seed(1)
            first = subject.fit(given, seed=3).predict(given.X)
            np.random.seed(2)
            random.seed(2)
            if not np.array_equal(subject.fit(given, seed=3).predict(given.X), first):
                raise BrokenPromiseError(f"for {task.kind}, two fits with one seed predict differently")
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


@rule(BOOK, "no leakage", "An out-of-fold prediction depends on no target of the rows that its fold predicts")
def _no_leakage(subject: LearnerSubject) -> None:
    from ..ensemble._classifier import EnsembleClassifier
    from ..ensemble._regressor import EnsembleRegressor

    for task in subject.tasks():
        given = subject.sample(task)
        number = np.arange(len(given.y))
        folds = [(number[number % 3 != part], number[number % 3 == part]) for part in range(3)]
        kind = EnsembleClassifier if task.is_classification else EnsembleRegressor
        for own in (folds[0][1], folds[2][1]):
            other = given.y.copy()
            other[own] = given.y[own][::-1] if task.is_classification else given.y[own][::-1] + 1000.0
            first, second = (
                _out_of_fold(kind, subject.make(), given, target, folds)[own] for target in (given.y, other)
            )
            if not np.array_equal(first, second):
                raise BrokenPromiseError(
                    f"for {task.kind}, other targets of the test rows change their out-of-fold predictions by up to "
                    f"{np.abs(first - second).max():.3g}"
                )


def _out_of_fold(kind: Any, learner: Learner, given: Sample, y: Any, folds: Sequence[Any]) -> FloatArray:
    voting: Any = "mean" if learner.gives_probabilities else "vote"
    made = kind([("member", learner)], voting, cv=folds, random_state=0, n_jobs=1, finalize="bag")
    return np.asarray(made.fit(given.X, y).oof_predictions_)


@rule(BOOK, "one row", "The prediction of a row does not depend on the rows beside it")
def _one_row(subject: LearnerSubject) -> None:
    for task in subject.tasks():
        given = subject.sample(task)
        model = subject.fit(given)
        together = model.predict(given.X)
        alone = np.concatenate([model.predict(given.X[row : row + 1]) for row in range(12)])
        turned = model.predict(given.X[::-1])[::-1]
        for what, found, expected in (
            ("alone", alone, together[:12]),
            ("in another order", turned, together),
        ):
            if not close(found, expected, _ROUNDING):
                raise BrokenPromiseError(
                    f"for {task.kind}, rows that are predicted {what} get values that differ by up to "
                    f"{np.abs(found - expected).max():.3g}"
                )


@rule(BOOK, "frames", "A frame gives the predictions of the same cells in an array, and is not changed")
def _frames(subject: LearnerSubject) -> None:
    if not subject.learner.frames:
        raise NotSupportedError("frames is False; it gets arrays")
    if find_spec("pandas") is None:
        raise NotSupportedError("pandas is not installed, so that there is no frame to try")
    import pandas as pd

    given = subject.sample(subject.task)
    expected = subject.fit(given).predict(given.X)
    frame = pd.DataFrame(given.X, columns=list("abcd"))
    rows = replace(given.rows, table=replace(given.rows.table, native=frame))
    model = fit_fold(subject.make(), rows, np.arange(len(frame)), seed=0, threads=1)
    found = model.predict(frame if model.frames else given.X)
    if not close(found, expected, _ROUNDING):
        raise BrokenPromiseError(f"predictions differ by up to {np.abs(found - expected).max():.3g}")
    if not frame.equals(pd.DataFrame(given.X, columns=list("abcd"))):
        raise BrokenPromiseError("fit or predict changed the frame in place")


@rule(BOOK, "constant target", "A target that does not vary is predicted as it is")
def _constant(subject: LearnerSubject) -> None:
    if "regression" not in subject.learner.tasks:
        raise NotSupportedError("it does no regression")
    given = subject.sample()
    found = subject.fit(replace(given, y=np.full(len(given.y), 7.0))).predict(given.X)
    if not np.isfinite(found).all() or np.abs(found - 7.0).max() > 0.7:
        raise BrokenPromiseError(f"a target of 7 for every row is predicted as {found.min():.3g} to {found.max():.3g}")


@rule(BOOK, "clean failure", "A fit that fails raises an exception, and leaves the learner as it was")
def _clean_failure(subject: LearnerSubject) -> None:
    given = subject.sample(subject.task)
    learner = subject.make()
    params = plain_params(learner.get_params())
    extra: dict[str, Any] = {"categorical": {}} if learner.categorical else {}
    options = {"task": given.task, "sample_weight": None, "seed": 0, "threads": 1, **extra}
    try:
        with printed():  # what a library says of it is no part of the report
            learner.fit(given.X, given.y[:-5], **options)
    except Exception as error:
        if not str(error):
            raise BrokenPromiseError(
                f"given five targets too few, fit raises {type(error).__name__} without a message"
            ) from error
    else:
        raise NotSupportedError("it takes five targets too few, so that there was no failure to look at")
    if plain_params(learner.get_params()) != params:
        raise BrokenPromiseError("after a fit that failed the parameters are others")
    again = learner.fit(given.X, given.y, **options).predict(given.X)
    if not np.array_equal(again, subject.fit_bare(given).predict(given.X)):
        raise BrokenPromiseError("after a fit that failed the next one gives another model")


@rule(BOOK, "silent", SILENT)
def _silent(subject: LearnerSubject) -> None:
    given = subject.sample(subject.task)
    for fit in subject.ways(given):
        with tempfile.TemporaryDirectory() as folder, printed() as found:
            model = fit(given)
            model.predict(given.X)
            model.save(Path(folder))
        if found[0].strip():
            raise BrokenPromiseError(f"fit, predict or save printed {shortened(found[0])}")


@rule(BOOK, "threads", "A fit and a prediction use no more threads than they are given")
def _threads(subject: LearnerSubject) -> None:
    if not WorkAtOnce.can_be_told():
        raise NotSupportedError("this system does not tell what each thread does")
    for fit in subject.ways(subject.sample(subject.task)):
        given, model = _busy(subject, fit)
        for what, act in (
            ("fit", partial(fit, given)),
            ("predict", lambda given=given, model=model: [model.predict(given.X, threads=1) for _ in range(5)]),
        ):
            for _ in range(_TRIALS):  # a thread that has nothing to do with it may be at work too, now and then
                wait_until_idle()
                with WorkAtOnce() as seen:
                    act()
                if seen.threads <= _ONE_THREAD:
                    break
            else:
                raise BrokenPromiseError(
                    f"{what} with threads=1 kept {seen.threads:.1f} threads at work at once, on the mean"
                )


def _busy(subject: LearnerSubject, fit: Fit) -> tuple[Sample, Any]:
    """Return a table that keeps a fit busy, and what has been fitted on it: what starts once has started."""
    n_rows = _FEW_ROWS
    while True:
        given = subject.sample(subject.task, at_least=n_rows)
        started = time.process_time()
        model = fit(given)
        if n_rows >= _MANY_ROWS or time.process_time() - started > _BUSY_SECONDS:
            return given, model
        n_rows *= 4


@rule(BOOK, "saved and loaded", "A saved model predicts the same to the bit, and loading it runs no pickle")
def _saved(subject: LearnerSubject) -> None:
    for task in subject.tasks():
        given = subject.sample(task)
        for fit in subject.ways(given):
            _check_saved(subject, given, fit(given))


def _check_saved(subject: LearnerSubject, given: Sample, model: Any) -> None:
    before = np.asarray(model.predict(given.X))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "model")
        place.mkdir()
        model.save(place)
        files = [file for file in place.rglob("*") if file.is_file()]
        if not files:
            raise BrokenPromiseError("save wrote no file")
        if [file.name for file in Path(folder).iterdir()] != ["model"]:
            raise BrokenPromiseError("save wrote outside of its folder")
        pickles = [file.name for file in files if is_pickle(file.read_bytes())]
        with unpickled() as classes:
            loaded = load_model(subject.make(), place, task=given.task)
    if (pickles or classes) and not subject.learner.pickles:
        raise BrokenPromiseError(
            f"load reads pickles ({', '.join([*pickles, *sorted(classes)][:3])}), which can run any code; write arrays "
            "and native files, or declare pickles = True"
        )
    if not np.array_equal(np.asarray(loaded.predict(given.X)), before):
        raise BrokenPromiseError(f"for {given.task.kind}, the loaded model predicts other values than the saved one")


@rule(BOOK, "found by name", FOUND_BY_NAME)
def _found_by_name(subject: LearnerSubject) -> None:
    check_found_by_name("learner", subject.learner)
