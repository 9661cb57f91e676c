"""The rules that blenders keep."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from ..contracts._blender import OOF, Blender
from ..contracts._task import FloatArray, IntArray
from ..errors import PluginError
from ._common import CONTRACT, FOUND_BY_NAME, SILENT, WEIGHTS, check_contract, check_found_by_name, close, shortened
from ._process import printed
from ._rules import BrokenPromiseError, NotSupportedError, Rule, rule
from ._subjects import BlenderSubject, plain_params

BOOK: list[Rule] = []

# In standard deviations of the predictions: what rounding may change, and what a solver may.
_ROUNDING, _SOLVER = 1e-9, 1e-4
# How far weighted rows may be from repeated ones where weights are approximate.
_NEAR = 0.5


@rule(BOOK, "contract", CONTRACT)
def _contract(subject: BlenderSubject) -> None:
    check_contract(subject.blender)
    try:
        for task in subject.tasks():
            subject.fit(subject.oof(task))
    except PluginError as error:  # what fit returned is no blender; one that fails is told by the rules that need it
        raise BrokenPromiseError(str(error)) from error
    except Exception:
        return


@rule(BOOK, "parameters", "Parameters are kept by clone, and unknown names are refused")
def _parameters(subject: BlenderSubject) -> None:
    blender = clone(subject.blender)
    if plain_params(clone(blender).get_params()) != plain_params(blender.get_params()):
        raise BrokenPromiseError(
            f"a clone has the parameters {clone(blender).get_params()}, expected {blender.get_params()}"
        )
    if blender.user_estimator is not None:  # scikit-learn's own
        return
    try:
        clone(blender).set_params(no_such_parameter_of_any_blender=1)
    except ValueError:  # byoe's UnknownNameError, or scikit-learn's own
        return
    raise BrokenPromiseError("set_params took a parameter that defaults does not have")


@rule(BOOK, "predictions", "Predictions are finite and of the right shape; probabilities sum to one")
def _predictions(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof)
        for rows in (slice(None), slice(0, 1)):
            values = _checked(_blend(fitted, oof, rows), oof.rows(np.arange(len(oof.y))[rows]))
            if task.is_classification and not np.allclose(values.sum(axis=1), 1.0, rtol=0, atol=1e-9):
                raise BrokenPromiseError(f"the values of a row sum to {values.sum(axis=1).min():.6g}, expected 1")


def _blend(fitted: Blender, oof: OOF, rows: slice = slice(None)) -> FloatArray:
    return fitted.predict(oof.predictions[rows], None if oof.X is None else oof.X[rows])


def _checked(values: object, oof: OOF) -> FloatArray:
    try:
        return oof.task.check(values, len(oof.y), "predict", scores=True)
    except ValueError as error:
        raise BrokenPromiseError(f"for {oof.task.kind}: {error}") from error


@rule(BOOK, "it blends", "The blend is no worse than the worst member, by the usual loss")
def _blends(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof)
        if task.is_classification and not fitted.gives_probabilities:
            continue
        blend = oof.loss(fitted.predict(oof.predictions, oof.X))
        worst = max(oof.loss(oof.predictions[:, member]) for member in range(4))
        if blend > worst:
            raise BrokenPromiseError(
                f"for {task.kind}, its loss is {blend:.3g}, and that of the worst member {worst:.3g}"
            )


@rule(BOOK, "data unchanged", "Neither fit nor predict changes what it gets")
def _unchanged(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof, kept = subject.oof(task), subject.oof(task)
        rows = oof.predictions[:20].copy()
        fitted = subject.fit(oof)
        if not (np.array_equal(oof.predictions, kept.predictions) and np.array_equal(oof.y, kept.y)):
            raise BrokenPromiseError("fit changed the out-of-fold predictions or the targets in place")
        fitted.predict(rows, None if oof.X is None else oof.X[:20])
        if not np.array_equal(rows, kept.predictions[:20]):
            raise BrokenPromiseError("predict changed the predictions in place")


@rule(BOOK, "deterministic", "The same predictions and seed give the same blend, whatever other random generators say")
def _deterministic(subject: BlenderSubject) -> None:
    kept = random.getstate(), np.random.get_state()
    try:
        for task in subject.tasks():
            oof = replace(subject.oof(task), seed=7)
            np.random.seed(1)  # the global state is what is looked at
            random.seed(1)
            first = subject.fit(oof).predict(oof.predictions, oof.X)
            np.random.seed(2)
            random.seed(2)
            if not np.array_equal(subject.fit(oof).predict(oof.predictions, oof.X), first):
                raise BrokenPromiseError(f"for {task.kind}, two fits predict differently")
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


@rule(BOOK, "one row", "The blend of a row does not depend on the rows beside it")
def _one_row(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof)
        together = fitted.predict(oof.predictions, oof.X)
        alone = np.concatenate([_blend(fitted, oof, slice(row, row + 1)) for row in range(12)])
        if not close(alone, together[:12], _ROUNDING):
            raise BrokenPromiseError(f"for {task.kind}, a row alone is blended differently than among others")


@rule(BOOK, "order of members", "Members in another order make the same blend, with the weights in that order")
def _order(subject: BlenderSubject) -> None:
    order = np.array([2, 0, 3, 1])
    for task in subject.tasks():
        oof = subject.oof(task)
        first, other = subject.fit(oof), subject.fit(replace(oof, predictions=oof.predictions[:, order]))
        found = other.predict(oof.predictions[:, order], oof.X)
        if not close(found, first.predict(oof.predictions, oof.X), _SOLVER):
            raise BrokenPromiseError(f"for {task.kind}, the blend changes with the order of the members")
        if hasattr(first, "weights_"):
            told, expected = getattr(other, "weights_", np.nan), np.asarray(first.weights_)[order]
            if not np.allclose(told, expected, atol=1e-4):
                raise BrokenPromiseError(f"for {task.kind}, weights_ is {told}, expected {expected}")


@rule(BOOK, "a member twice", "A member that is there twice does no harm")
def _twice(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        doubled = replace(oof, predictions=oof.predictions[:, [0, 0, 1, 2, 3]])
        fitted = subject.fit(doubled)
        _checked(_blend(fitted, doubled), doubled)
        _inside(subject, fitted, doubled)


@rule(BOOK, "one member", "One member alone is blended, too")
def _alone(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        single = replace(oof, predictions=oof.predictions[:, :1])
        fitted = subject.fit(single)
        values = _checked(_blend(fitted, single), single)
        if subject.blender.convex and fitted.gives_probabilities and not close(values, oof.predictions[:, 0], _SOLVER):
            raise BrokenPromiseError(f"for {task.kind}, the blend of one member is not that member (convex is True)")


@rule(BOOK, "a constant member", "A member that predicts one value for all rows does no harm")
def _constant(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        predictions = oof.predictions.copy()
        predictions[:, 1] = predictions[:, 1].mean(axis=0)
        changed = replace(oof, predictions=predictions)
        _checked(_blend(subject.fit(changed), changed), changed)


@rule(BOOK, "convex", "Weights are non-negative and sum to one, and a blend lies between its members")
def _convex(subject: BlenderSubject) -> None:
    if not subject.blender.convex:
        raise NotSupportedError("convex is False")
    for task in subject.tasks():
        oof = subject.oof(task)
        _inside(subject, subject.fit(oof), oof)


def _inside(subject: BlenderSubject, fitted: Blender, oof: OOF) -> None:
    if not subject.blender.convex or (not fitted.gives_probabilities and oof.task.is_classification):
        return
    weights = getattr(fitted, "weights_", None)
    if weights is not None and (np.min(weights) < 0 or abs(np.sum(weights) - 1.0) > 1e-9):
        raise BrokenPromiseError(f"for {oof.task.kind}, weights_ is {weights}, whose sum is {np.sum(weights):.9g}")
    found, slack = fitted.predict(oof.predictions, oof.X), _ROUNDING * (1 + np.abs(oof.predictions).max())
    lowest, highest = oof.predictions.min(axis=1) - slack, oof.predictions.max(axis=1) + slack
    if not ((found >= lowest) & (found <= highest)).all():
        raise BrokenPromiseError(f"for {oof.task.kind}, a blend lies outside of what its members say")


@rule(BOOK, "sample weights", WEIGHTS)
def _weights(subject: BlenderSubject) -> None:
    level = subject.blender.weights
    if level == "none":
        raise NotSupportedError("weights is 'none'; an ensemble with it refuses sample_weight")
    for task in subject.tasks():
        oof = _two_populations(subject.oof(task, 600))
        weight = np.where(np.arange(len(oof.y)) % 2, 9.0, 1.0)
        weight[::6] = 0.0
        repeated = _repeated(oof, weight.astype(np.int64))
        weighted = replace(oof, sample_weight=weight)
        by_weight, by_rows, without = (_blend(subject.fit(one), oof) for one in (weighted, repeated, oof))
        gap = float(np.abs(by_weight - by_rows).max())
        if level == "exact" and gap > _SOLVER * by_rows.std():
            raise BrokenPromiseError(
                f"for {task.kind}, blends with weights differ from those with repeated rows by up to {gap:.3g} "
                "(weights is 'exact')"
            )
        if not subject.fit(oof).gives_probabilities and task.is_classification:
            continue
        found, best, worst = (weighted.loss(blend) for blend in (by_weight, by_rows, without))
        if found > best + _NEAR * max(0.0, worst - best) + 1e-9:
            raise BrokenPromiseError(
                f"for {task.kind}, the weighted loss of the blend is {found:.3g} with weights, {best:.3g} with "
                f"repeated rows and {worst:.3g} without both (weights is {level!r})"
            )


def _two_populations(oof: OOF) -> OOF:
    """Return members of which the first is useless on the rows with an odd number, and the last on the others."""
    predictions = oof.predictions.copy()
    odd = np.arange(len(oof.y)) % 2 == 1
    predictions[odd, 0] = predictions[odd][::-1, 0]
    predictions[~odd, 3] = predictions[~odd][::-1, 3]
    return replace(oof, predictions=predictions)


def _repeated(oof: OOF, times: IntArray) -> OOF:
    source = np.repeat(np.arange(len(oof.y)), times)
    folds = tuple(
        (np.flatnonzero(np.isin(source, train)), np.flatnonzero(np.isin(source, test))) for train, test in oof.folds
    )
    features = None if oof.X is None else oof.X[source]
    return replace(oof, predictions=oof.predictions[source], y=oof.y[source], X=features, folds=folds)


@rule(BOOK, "coverage", "A plan that leaves rows without an out-of-fold prediction is blended")
def _coverage(subject: BlenderSubject) -> None:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import TimeSeriesSplit

    from ..ensemble._classifier import EnsembleClassifier
    from ..ensemble._regressor import EnsembleRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 3))
    for task in subject.tasks():
        signal = X[:, 0] + 0.3 * rng.normal(size=160)
        y = np.digitize(signal, [-0.4, 0.4][: task.n_classes - 1]) if task.is_classification else signal
        kind, model, name = (
            (EnsembleClassifier, LogisticRegression, "C")
            if task.is_classification
            else (EnsembleRegressor, Ridge, "alpha")
        )
        members = [("one", model(**{name: 1.0})), ("two", model(**{name: 0.01})), ("three", model(**{name: 100.0}))]
        made = kind(members, clone(subject.blender), cv=TimeSeriesSplit(4), random_state=0, n_jobs=1)
        try:
            made.fit(X, y).predict(X)
        except Exception as error:
            raise BrokenPromiseError(f"for {task.kind}: {type(error).__name__}: {error}") from error


@rule(BOOK, "saved and restored", "The state is JSON, and restored from it the blend is the same to the bit")
def _saved(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof)
        try:
            text = json.dumps(fitted.state(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BrokenPromiseError(f"for {task.kind}, state() is not JSON: {error}") from error
        restored = clone(subject.blender).restore(json.loads(text), trusted=())
        if not np.array_equal(restored.predict(oof.predictions, oof.X), fitted.predict(oof.predictions, oof.X)):
            raise BrokenPromiseError(f"for {task.kind}, the restored blender predicts other values")


@rule(
    BOOK,
    "unused members",
    "Members that it says it does not use change nothing, and it can be restricted to the others",
)
def _unused(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof)
        n_members = oof.predictions.shape[1]
        used = np.asarray(fitted.used(n_members))
        if used.shape != (n_members,) or used.dtype != bool:
            raise BrokenPromiseError(f"used({n_members}) returned {used!r}, expected {n_members} values True or False")
        if used.all():
            continue
        expected = _blend(fitted, oof)
        without = replace(
            oof, predictions=np.where(used.reshape(-1, *[1] * (oof.predictions.ndim - 2)), oof.predictions, 0.0)
        )
        if not np.array_equal(_blend(fitted, without), expected):
            raise BrokenPromiseError(
                "used says that a member does not count, and without its predictions the blend changes"
            )
        if not used.any():
            continue
        fewer = fitted.restricted(used)
        if not np.array_equal(_blend(fewer, replace(oof, predictions=oof.predictions[:, used])), expected):
            raise BrokenPromiseError("restricted to the members that it uses, it blends otherwise")


@rule(BOOK, "linear form", "The linear form that it tells is what it predicts")
def _linear(subject: BlenderSubject) -> None:
    for task in subject.tasks():
        oof = subject.oof(task)
        fitted = subject.fit(oof).in_use
        form = fitted.linear(oof.X)
        if form is None:
            continue
        by_form = np.tensordot(oof.predictions, form.weights, axes=(1, 0)) + form.intercept
        if form.features is not None:
            by_form = by_form + form.features.sum(axis=1)
        if not close(by_form, fitted.predict(oof.predictions, oof.X), 1e-6):
            raise BrokenPromiseError(f"for {task.kind}, predictions differ from those of linear()")


@rule(BOOK, "silent", SILENT)
def _silent(subject: BlenderSubject) -> None:
    oof = subject.oof(next(subject.tasks()))
    with printed() as found:
        subject.fit(oof).predict(oof.predictions, oof.X)
    if found[0].strip():
        raise BrokenPromiseError(f"fit or predict printed {shortened(found[0])}")


@rule(BOOK, "found by name", FOUND_BY_NAME)
def _found_by_name(subject: BlenderSubject) -> None:
    check_found_by_name("blender", subject.blender)
