"""The rules for what a learner declares beyond the least: each of them holds only where it is declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone

from ..contracts._deadline import Deadline, until
from ..contracts._learner import Explains, StopRows
from ..contracts._optional import Moments, Prepares, SolvesMoments
from ..contracts._task import FloatArray, Task
from ..contracts._unit import Unit
from ..data._column import Column
from ..engine._moments import FoldMoments, can_solve
from ..errors import ParameterError
from ..fitted._additive import check_model
from ..learners._estimator import EstimatorModel
from ..tools._warnings import warnings_filtered
from ._common import WEIGHTS, close
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import REGRESSION, Fit, LearnerSubject, Sample

BOOK: list[Rule] = []

# How far weighted rows may be from repeated ones where weights are approximate: as a share of
# the way to the model without weights, of the mean of several seeds.
_NEAR, _SEEDS = 0.4, 5
# What iterative solvers may differ by, in standard deviations of the predictions.
_SOLVER = 1e-3
# And by which the models of two units of the target: in single precision, bins and splits may fall otherwise.
_UNIT = 0.02
# How many of the training rows may be on the wrong side of a quantile: a library's penalties and defaults shrink it.
_SHARE = 0.2
_ROUNDS = 3
_WEIGHTED = 1200


@rule(BOOK, "sample weights", WEIGHTS)
def _weights(subject: LearnerSubject) -> None:
    level = subject.learner.weights
    if level == "none":
        raise NotSupportedError("weights is 'none'; an ensemble with it refuses sample_weight")
    for task in subject.tasks():
        ways = [None] if subject.learner.scaled else subject.ways(subject.sample(task))  # which get columns as they are
        for fit in ways:
            _check_weights(subject, task, fit)


def _check_weights(subject: LearnerSubject, task: Task, fit: Fit | None) -> None:
    level = subject.learner.weights
    given = _two_populations(task, max(_WEIGHTED, subject.n_rows))
    weight = np.where(np.arange(len(given.y)) % 2, 4.0, 1.0)
    weight[::6] = 0.0
    repeated = given.take(np.repeat(np.arange(len(given.y)), weight.astype(int)))
    weighted = replace(given, weight=weight)
    seeds = range(1 if level == "exact" else _SEEDS)
    by_weight, by_rows, without = (
        np.mean([_predict(subject, fit, one, given.X, seed) for seed in seeds], axis=0)
        for one in (weighted, repeated, given)
    )
    gap = float(np.abs(by_weight - by_rows).max())
    if level == "exact" and gap > _SOLVER * by_rows.std():
        raise BrokenPromiseError(
            f"for {task.kind}, predictions with weights differ from those with repeated rows by up to {gap:.3g} "
            "(weights is 'exact')"
        )
    apart = np.abs(by_weight - by_rows).mean() / max(1e-12, float(np.abs(without - by_rows).mean()))
    if apart > _NEAR:
        raise BrokenPromiseError(
            f"for {task.kind}, weights bring the predictions only {max(0.0, 1 - apart):.0%} of the way to those "
            f"with repeated rows (weights is {level!r})"
        )


def _two_populations(task: Task, n_rows: int) -> Sample:
    """Return rows whose target rises with the first column for half of them, and falls for the others."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, size=(n_rows, 3)).astype(np.float64)
    sign = np.where(np.arange(n_rows) % 2, 1.0, -1.0)
    signal = sign * (X[:, 0] - 2.5) + 0.1 * rng.normal(size=n_rows)
    if task.is_classification:
        edges = np.quantile(signal, np.linspace(0, 1, task.n_classes + 1)[1:-1])
        return Sample(X, np.digitize(signal, edges), task)
    return Sample(X, 10.0 + signal, task)


def _predict(subject: LearnerSubject, fit: Fit | None, given: Sample, X: Any, seed: int) -> FloatArray:
    """Fit by one of the learner's own ways, which see rows of weight zero; or, None, as the engine does."""
    if fit is None:
        return subject.fit(given, seed=seed).predict(X)
    return np.asarray(fit(given, seed=seed).predict(X), dtype=np.float64)


@rule(BOOK, "missing cells", "NaN is taken, in training and in prediction, also where training had none")
def _missing(subject: LearnerSubject) -> None:
    if not subject.learner.missing:
        raise NotSupportedError("missing is False; byoe fills in medians of the training rows")
    for task in subject.tasks():
        given = subject.sample(task)
        holes = given.X.copy()
        holes[::5, 0] = np.nan
        holes[1::7, 2] = np.nan
        empty = given.X.copy()
        empty[:, 3] = np.nan
        for what, trained, asked in (
            ("with missing cells", holes, holes),
            ("that saw none in training", given.X, holes),
            ("with a column that is all missing", empty, empty),
        ):
            found = np.asarray(subject.fit_bare(replace(given, X=trained)).predict(asked))
            if not np.isfinite(found).all():
                raise BrokenPromiseError(
                    f"for {task.kind}, a model {what} predicts {np.sum(~np.isfinite(found))} values of NaN"
                )


@rule(BOOK, "categories", "Columns of codes are taken as categories, and codes that training did not have")
def _categories(subject: LearnerSubject) -> None:
    if not subject.learner.categorical:
        raise NotSupportedError("categorical is False; byoe encodes categories")
    for task in subject.tasks():
        given = subject.sample(task, at_least=600)
        codes = np.random.default_rng(2).integers(0, 4, size=len(given.y))
        effect = np.array([0.0, 8.0, 2.0, 12.0])[codes]  # no order of the codes is that of the effects
        y = 1.0 + effect + 0.1 * given.X[:, 1]
        if task.is_classification:
            y = np.digitize(y, np.quantile(y, np.linspace(0, 1, task.n_classes + 1)[1:-1]))
        X = np.column_stack([codes, given.X[:, 1:]]).astype(np.float64)
        columns = (Column("category", tuple("abcd")), *(Column("number"),) * 3)
        model = subject.fit(Sample(X, y, task, columns=columns))
        first = model.predict(X[:4])
        if all(close(model.predict(np.column_stack([np.full(4, code), X[:4, 1:]])), first, 1e-5) for code in range(4)):
            raise BrokenPromiseError(
                f"for {task.kind}, predictions do not depend on a category that the target follows"
            )
        unknown = X[:4].copy()
        unknown[:, 0] = 4.0  # the number of categories stands for one that is not known
        if not np.isfinite(model.predict(unknown)).all():
            raise BrokenPromiseError(f"for {task.kind}, a category that training did not have is predicted as NaN")


@rule(BOOK, "sparse rows", "A sparse matrix gives the predictions of the same cells in an array")
def _sparse(subject: LearnerSubject) -> None:
    if not subject.learner.sparse:
        raise NotSupportedError("sparse is False; an ensemble with it refuses sparse matrices")
    given = subject.sample(subject.task)
    given = replace(given, X=np.where(given.X > 2, given.X, 0.0))
    dense = np.asarray(subject.fit_bare(given).predict(given.X), dtype=np.float64)
    rows = csr_matrix(given.X)
    found = np.asarray(subject.fit_bare(replace(given, X=rows)).predict(rows), dtype=np.float64)
    # Some libraries make other bins of sparse cells, none another model.
    if np.abs(found - dense).mean() > 0.2 * dense.std():
        raise BrokenPromiseError(f"predictions differ by {np.abs(found - dense).mean():.3g} on average")


@rule(BOOK, "several targets", "A target of several columns is predicted, each column as its own")
def _several(subject: LearnerSubject) -> None:
    if not subject.learner.multi_output or "regression" not in subject.learner.tasks:
        raise NotSupportedError("multi_output is False; one model is fitted for each target")
    given = subject.sample(Task("regression", n_outputs=2))
    model = subject.fit(given)
    if len(model.models) != 1:
        raise BrokenPromiseError("several targets are fitted one by one")
    found = given.task.check(model.models[0].predict(given.X), len(given.X), "predict")
    for column in range(2):
        if not np.corrcoef(found[:, column], given.y[:, column])[0, 1] > 0.3:
            raise BrokenPromiseError(f"predictions of target {column} do not follow it")


@rule(BOOK, "early stopping", "With stop= the model tells its rounds, and with rounds= it has as many")
def _stopping(subject: LearnerSubject) -> None:
    if not subject.learner.stops:
        raise NotSupportedError("stops is False; the number of rounds is not looked for")
    for task in subject.tasks():
        given = subject.sample(task, at_least=300)
        border = 2 * len(given.y) // 3
        inside, watched = given.take(slice(0, border)), given.take(slice(border, None))
        stop = StopRows(watched.X, watched.y, None, patience=5)
        for fit in subject.ways(given):
            _check_stopping(fit, inside, stop)


def _check_stopping(fit: Fit, inside: Sample, stop: StopRows) -> None:
    task = inside.task
    rounds = getattr(fit(inside, stop=stop, rounds=None), "rounds", None)
    if not isinstance(rounds, (int, np.integer)) or rounds < 1:
        raise BrokenPromiseError(
            f"for {task.kind}, a model that stopped early has rounds={rounds!r}, expected a positive number"
        )
    told = getattr(fit(inside, stop=None, rounds=_ROUNDS), "rounds", None)
    if told != _ROUNDS:
        raise BrokenPromiseError(f"for {task.kind}, a model that was to have {_ROUNDS} rounds has rounds={told!r}")


@rule(BOOK, "groups", "Groups are taken where there are some")
def _groups(subject: LearnerSubject) -> None:
    if not subject.learner.grouped:
        raise NotSupportedError("grouped is False; groups are not passed")
    given = subject.sample(subject.task)
    subject.fit_bare(given, groups=np.arange(len(given.y)) // 4)


@rule(BOOK, "prepared table", "What is prepared once lets no row see another, and serves any rows")
def _prepared(subject: LearnerSubject) -> None:
    learner = subject.learner
    if not isinstance(learner, Prepares):
        raise NotSupportedError("it has no prepare; every fold gets a copy of its rows")
    if not learner.can_prepare(subject.sample(subject.task).X):
        raise NotSupportedError("can_prepare declines")
    for task in subject.tasks():
        given = subject.sample(task)
        rows = np.flatnonzero(np.arange(len(given.y)) % 3 != 0)
        options: dict[str, Any] = {"task": task, "sample_weight": None, "seed": 0, "threads": 1}
        extra: dict[str, Any] = {"categorical": {}} if learner.categorical else {}
        found = []
        other = given.y[::-1] if task.is_classification else given.y + 1000.0
        other = np.where(np.isin(np.arange(len(given.y)), rows), given.y, other)
        for target in (given.y, other):
            made: Any = subject.make()
            prepared = made.prepare(given.X, target, **options, **extra)
            found.append(np.asarray(made.fit_rows(prepared, rows, given.y[rows], **options).predict(given.X)))
        if not np.array_equal(found[0], found[1]):
            raise BrokenPromiseError(
                f"for {task.kind}, targets of other rows, given to prepare, change what fit_rows learns"
            )
        task.check(found[0], len(given.y), "fit_rows")
        bare = np.asarray(subject.fit_bare(given.take(rows)).predict(given.X), dtype=np.float64)
        # Bins of all rows are not those of some, and a library may draw its samples in another order.
        if np.abs(found[0] - bare).mean() > 0.2 * bare.std():
            raise BrokenPromiseError(
                f"for {task.kind}, predictions of fit_rows and of fit differ by {np.abs(found[0] - bare).mean():.3g} "
                "on average"
            )


@rule(BOOK, "sums of rows", "A model from the moments of the rows is the model from the rows")
def _moments(subject: LearnerSubject) -> None:
    learner = subject.learner
    if not isinstance(learner, SolvesMoments):
        raise NotSupportedError("it has no fit_moments")
    given = subject.sample()
    if not can_solve(learner, given.rows):
        raise NotSupportedError("can_fit_moments declines")
    rows = given.rows.plan.folds[0][0]
    made = FoldMoments(clone(learner), given.rows).of(rows, 1)
    if made is None:
        raise NotSupportedError("the moments of these rows would lose digits")
    encoder, moments = made
    assert isinstance(moments, Moments)
    model = learner.fit_moments(moments, task=REGRESSION, seed=0, threads=1)
    if model is None:
        raise NotSupportedError("fit_moments declines")
    inputs = given.X if encoder is None else encoder.transform(given.X)
    from_rows = subject.fit(given.take(rows)).predict(given.X)
    if not np.allclose(model.predict(inputs), from_rows, rtol=1e-6, atol=1e-8):
        gap = np.abs(np.asarray(model.predict(inputs)) - from_rows).max()
        raise BrokenPromiseError(f"predictions differ by up to {gap:.3g}")


@rule(BOOK, "contributions", "What each column adds to a prediction makes up the prediction")
def _contributions(subject: LearnerSubject) -> None:
    why: Exception | None = None
    checked = False
    for task in subject.tasks():
        given = subject.sample(task)
        model: Any = subject.fit(given).models[0] if not subject.learner.scaled else subject.fit_bare(given)
        before = np.asarray(model.predict(given.X), dtype=np.float64)
        if not isinstance(model, Explains):
            continue
        try:
            values = np.asarray(model.contributions(given.X), dtype=np.float64)
        except ParameterError as error:
            why = error
            continue
        checked = True
        margins = () if task.is_classification and task.n_classes == 2 else task.width
        expected = (len(given.X), *margins, given.X.shape[1] + 1)
        if values.shape != expected:
            raise BrokenPromiseError(f"for {task.kind}, contributions have shape {values.shape}, expected {expected}")
        try:
            check_model(values, before, task, model)
        except ParameterError as error:
            if isinstance(model, EstimatorModel):  # byoe's own attempt, which an ensemble refuses in the same words
                raise NotSupportedError(str(error)) from error
            raise BrokenPromiseError(f"for {task.kind}: {error}") from error
    if not checked:
        raise NotSupportedError(str(why or "its models have no contributions"))


@rule(BOOK, "importances", "A non-negative number for each column")
def _importances(subject: LearnerSubject) -> None:
    checked = False
    for task in subject.tasks():
        given = subject.sample(task)
        model = subject.fit_bare(given)
        tell = getattr(model, "importances", None)
        told = None if tell is None else tell()
        if told is None:
            continue
        checked = True
        found = np.asarray(told, dtype=np.float64)
        if found.shape != (given.X.shape[1],) or not (found >= 0).all():
            raise BrokenPromiseError(
                f"for {task.kind}, importances are {found}, expected a non-negative number for each column"
            )
    if not checked:
        raise NotSupportedError("its models have no importances")


@rule(BOOK, "unit of the target", "The learner for another unit of the target predicts the same, brought back")
def _unit(subject: LearnerSubject) -> None:
    unit = Unit(np.array(8.0), np.array(2.0**-10))
    twin = subject.make().in_unit(unit, REGRESSION) if "regression" in subject.learner.tasks else None
    if twin is None:
        raise NotSupportedError("in_unit returns None; targets of all sizes stay as they are")
    given = subject.sample()
    expected = np.asarray(subject.fit_bare(given).predict(given.X), dtype=np.float64)
    there = replace(given, y=unit.into(given.y))
    for fit in replace(subject, learner=twin).ways(there):
        back = unit.back(np.asarray(fit(there).predict(given.X), dtype=np.float64))
        if (gap := np.abs(back - expected).mean() / expected.std()) > _UNIT:
            raise BrokenPromiseError(
                f"predictions of a target that is 1024 times as large differ by {gap:.2g} of their standard deviation "
                "on average; what its parameters have in units of the target is to be converted"
            )


@rule(BOOK, "quantiles", "About the share that it is asked for lies below the quantile that it fits")
def _quantiles(subject: LearnerSubject) -> None:
    twins = {share: subject.make().of_quantile(share) for share in (0.25, 0.75)}
    if None in twins.values():
        raise NotSupportedError("of_quantile returns None; the quantiles of intervals need another learner")
    given = subject.sample()
    y = given.y - given.y.mean()  # of residuals, as in an ensemble
    for share, twin in twins.items():
        assert twin is not None
        twin.check(REGRESSION)
        for fit in replace(subject, learner=twin).ways(given):
            below = float(np.mean(y < np.asarray(fit(replace(given, y=y)).predict(given.X))))
            if abs(below - share) > _SHARE:
                raise BrokenPromiseError(f"{below:.0%} of the targets lie below the quantile of {share:.0%}")


@rule(BOOK, "ends in time", "With no time left a fit ends with the rounds that it has, and tells how many")
def _in_time(subject: LearnerSubject) -> None:
    if not subject.learner.ends_in_time:
        raise NotSupportedError("ends_in_time is False; where time is short it is left out")
    quiet = [("ignore", "", category) for category in subject.learner.quiet_in_time]
    for task in subject.tasks():
        given = subject.sample(task)
        for fit in subject.ways(given):
            for seconds in (0.0, 1e6):
                with until(deadline := Deadline(seconds)), warnings_filtered(*quiet):
                    model = fit(given)
                task.check(model.predict(given.X), len(given.X), "predict")
                if bool(deadline.cut) != (seconds == 0.0):
                    told = f"tells that it ended with {deadline.cut} rounds" if deadline.cut else "goes on to the end"
                    raise BrokenPromiseError(f"for {task.kind}, a fit with {seconds:g} seconds left {told}")


@rule(
    BOOK, "search space", "It can be fitted with the ends of every range, and every value of a list, that it proposes"
)
def _space(subject: LearnerSubject) -> None:
    if not subject.learner.space:
        raise NotSupportedError("space is empty; a search needs a space of the user's")
    tried = [
        (task, name, value)
        for task in subject.tasks()
        for name, domain in subject.learner.space.items()
        for value in (domain if isinstance(domain, list) else domain[:2])
    ]
    for task, name, value in tried:
        given = subject.sample(task)
        changed = replace(subject, learner=subject.make().set_params(**{name: value}))
        try:
            changed.learner.check(given.task)
            changed.fit(given)
        except Exception as error:
            raise BrokenPromiseError(f"with {name}={value!r}: {type(error).__name__}: {error}") from error
