"""Prediction intervals of a fitted ensemble, from its out-of-fold residuals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError
from ..tools._warnings import warn
from ._evidence import Evidence, by_target
from ._failing import blended_by
from ._models import FittedMember
from ._predicting import Predicting
from ._quantiles import QUANTILES
from ._ranks import around, cv_plus, least_mass, too_few
from ._widths import WIDTHS, check_width

TIME_ORDERED = (
    "every fold predicts rows that come after all rows it was trained on, as in a time series. The interval takes new "
    "rows to be exchangeable with the training rows, and a later time may be different: check its coverage on the "
    "latest rows"
)

NO_QUANTILES = (
    "width is 'quantiles', and no quantiles were fitted, which takes a fit: make the ensemble with quantiles=True, or "
    "give another width"
)


def check_level(level: Any) -> float:
    """Return the level as a float, or raise a ParameterError."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ParameterError(
            f"level is {level!r}, expected a number above 0 and below 1: the share of new rows that the interval "
            "should hold, such as 0.9"
        )
    return float(level)


def method_of(ensemble: Predicting) -> str:
    """Return ``"cv+"`` if all members are bagged over a partition of the rows, else ``"residual"``.

    A pruned ensemble may lack a member that the blender of a fold uses; then it is the latter, too.
    """
    bagged = all(member.has_folds for member in ensemble.members_.values())
    return "cv+" if bagged and ensemble._oof.plan.is_partition and ensemble._held_out else "residual"


def width_of(ensemble: Predicting) -> str | list[str]:
    """Return what the width of an interval follows, where nothing else is asked for; a list for several targets."""
    names = _evidence(ensemble).best
    return names[0] if ensemble._task.n_outputs == 1 else names


def needed_blenders(ensemble: Predicting) -> tuple[Blender, ...]:
    """Return the folds' blenders where an interval needs them: of a regression by CV+."""
    held_out = ensemble._held_out
    return held_out if held_out and not ensemble._task.is_classification and method_of(ensemble) == "cv+" else ()


def predict_interval(
    ensemble: Predicting, table: Table, level: Any, blended: FloatArray | None = None, *, width: Any = "auto"
) -> FloatArray:
    """Return the bounds for the rows of a table, of shape (n_rows, [n_outputs,] 2).

    The public method says what they mean. ``blended`` is the prediction, where it is known already.
    """
    level, name = check_level(level), check_width(width)
    known = _evidence(ensemble)
    names = known.best if name == "auto" else [name] * ensemble._task.n_outputs
    if QUANTILES in names and None in known.said:
        raise ParameterError(NO_QUANTILES)
    if ensemble._oof.plan.is_time_ordered:
        warn(TIME_ORDERED)
    units = "rows" if known.groups is None else "groups"
    lacking = [too_few(level, *known.masses(target, name), units) for target, name in enumerate(names)]
    if text := next(filter(None, lacking), ""):
        warn(text)
    if method_of(ensemble) == "cv+":
        bounds = _by_folds(ensemble, table, known, names, level)
    else:
        bounds = _around_blend(ensemble, table, known, names, level, blended)
    found = [np.maximum(own, 0.0) if positive else own for own, positive in zip(bounds, known.positive, strict=True)]
    return found[0] if ensemble._task.n_outputs == 1 else np.stack(found, axis=1)


def _evidence(ensemble: Predicting) -> Evidence:
    """Return what is learned of the out-of-fold data, once for each blend of them."""
    oof, blender = ensemble._oof, ensemble.blender_
    kept = ensemble._evidence
    if kept is None or kept.oof is not oof or kept.blender is not blender:
        ensemble._evidence = kept = Evidence(oof, blender)
    return kept


def _around_blend(
    ensemble: Predicting, table: Table, known: Evidence, names: list[str], level: float, blended: FloatArray | None
) -> list[FloatArray]:
    """Return the bounds by target: the blend, less and plus an order statistic of all scores."""
    centres = by_target(ensemble._blended(table) if blended is None else blended)
    disagreements = _mean_disagreement(ensemble, table, known) if _apart(names) else centres
    threads = ensemble._threads(table)
    said = _said(ensemble, names, lambda model: model.predict(table, threads))
    least = least_mass(level, known.mass, known.new)
    made = []
    for target, (name, centre) in enumerate(zip(names, centres, strict=True)):
        if own := known.said[target] if name == QUANTILES else None:
            made.append(own.interval([centre], [said[target]], level, by_fold=False))
            continue
        width, signals = known.width(target, name), {"prediction": centre, "disagreement": disagreements[target]}
        made.append(around(centre, width.whole(signals), width.scores, known.mass, least))
    return made


def _said(ensemble: Predicting, names: list[str], ask: Callable[[FittedMember], FloatArray]) -> list[FloatArray]:
    """Return by target what the quantile models say of rows, of shape (n_rows, 2); nothing where no name needs it."""
    if QUANTILES not in names:
        return []
    return by_target(np.stack([ask(model) for model in ensemble._quantiles], axis=1), dims=2)


def _apart(names: list[str]) -> bool:
    return any("disagreement" in WIDTHS.get(name, ()) for name in names)


def _mean_disagreement(ensemble: Predicting, table: Table, known: Evidence) -> list[FloatArray]:
    """Return how far the members disagree, each by one model at a time.

    That is what is known of the training rows: a bag's mean is nearer to the other members than its models are.
    """
    used = np.sum(known.shares, axis=0) > 0
    times = max(member.n_folds for member, needed in zip(ensemble.members_.values(), used, strict=True) if needed)
    each = [known.disagreement(_of_models(ensemble, table, number, used)) for number in range(times)]
    return [np.mean(own, axis=0) for own in zip(*each, strict=True)]


def _by_folds(ensemble: Predicting, table: Table, known: Evidence, names: list[str], level: float) -> list[FloatArray]:
    """Return the bounds by target: order statistics around what the models that did not see a fold predict."""
    apart = _apart(names)
    used = np.sum(known.shares, axis=0) > 0 if apart else np.zeros(len(ensemble.members_), dtype=bool)
    centres: list[list[FloatArray]] = []
    disagreements: list[list[FloatArray]] = []
    said: list[list[FloatArray]] = []
    threads = ensemble._threads(table)
    for fold, blender in enumerate(ensemble._held_out):
        predictions = _of_models(ensemble, table, fold, used | blender.used(len(ensemble.members_)))
        disagreements.append(known.disagreement(predictions) if apart else [])
        features = ensemble._passed_through(blender, table)
        centres.append(by_target(blended_by(blender, predictions, features, ensemble._task)))
        said.append(_said(ensemble, names, partial(_of_fold, fold, table, threads)))
    least = least_mass(level, known.mass, known.new)
    made = []
    for target, name in enumerate(names):
        if of_quantiles := known.said[target] if name == QUANTILES else None:
            bands = [one[target] for one in said]
            made.append(of_quantiles.interval([own[target] for own in centres], bands, level, by_fold=True))
            continue
        width = known.width(target, name)
        scales = []
        for fold, own in enumerate(centres):
            signals = {"prediction": own[target], "disagreement": disagreements[fold][target] if apart else own[target]}
            scales.append(width.of_fold(fold)(signals))
        centre = np.column_stack([own[target] for own in centres])
        made.append(cv_plus(centre, np.column_stack(scales), width.scores, known.folds, known.mass, least))
    return made


def _of_fold(fold: int, table: Table, threads: int, model: FittedMember) -> FloatArray:
    return model.predict_by(fold, table, threads)


def _of_models(ensemble: Predicting, table: Table, number: int, used: Any) -> FloatArray:
    """Return what one model of each member in use predicts, of shape (n_rows, n_members[, n_outputs])."""
    task = ensemble._task
    predictions = np.zeros((len(table), len(used), *task.width))
    known: dict[str, FloatArray] = {}
    for column, (label, member) in enumerate(ensemble.members_.items()):
        if used[column]:
            known[label] = member.predict_by(number, table, ensemble._threads(table), known)
            predictions[:, column] = known[label]
    return predictions
