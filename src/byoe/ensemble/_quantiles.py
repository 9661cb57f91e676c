"""What ``quantiles`` of an ensemble means: who learns how far from the blend targets lie, and when."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import FloatArray, IntArray
from ..data._by_column import check_by_column
from ..engine._crossfit import CrossFit, Failure, cross_fit, refit
from ..engine._limit_report import TooShortError
from ..engine._resources import Resources
from ..engine._rows import Rows
from ..engine._tasks import mean_rounds
from ..errors import BudgetWarning, InputError, MemberError, ParameterError, UnknownNameError
from ..fitted._intervals import method_of
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._quantiles import SHARES
from ..folds._plan import SplitPlan
from ..registry._members import as_learner, find_label
from ..store._stored_tasks import opened
from ..tools._warnings import warn
from ._interrupted import TellingWhatIsKept

if TYPE_CHECKING:
    from ._base import BaseEnsemble

_WHO = "those with one are catboost, lightgbm, xgboost, hist_gradient_boosting, and scikit-learn's QuantileRegressor"


def quantile_learners(given: Any, learners: Any, members: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return a learner for each of ``SHARES``, by label; none where no quantiles are wanted.

    Parameters
    ----------
    given : bool, str, Learner or estimator
        The parameter: True for the first member that can, a label of a member, or what learners are made of.
    learners : sequence or mapping
        The ensemble's parameter.
    members : dict of label to Learner

    Raises
    ------
    ParameterError
        When it is none of these, or cannot fit quantiles.
    """
    if given is False or given is None:
        return {}
    chosen = _first(members) if given is True else _chosen(given, learners, members)
    made = {f"quantile.{share * 100:02.0f}": chosen.of_quantile(share) for share in SHARES}
    found = {label: learner for label, learner in made.items() if learner is not None}
    if len(found) < len(made):
        raise ParameterError(f"quantiles: {chosen!r} has no loss for quantiles; {_WHO}")
    return found


def check_quantiles(learners: Mapping[str, Learner], data: Rows) -> None:
    """Raise an error where the learners cannot work on the data."""
    weighted = data.weight is not None or not data.plan.coverage.all()  # a row without a residual has no weight
    for learner in learners.values():
        try:
            learner.check(data.task)
        except ParameterError as error:
            raise type(error)(f"quantiles: {error}") from error
        if weighted and learner.weights == "none":
            raise ParameterError(f"quantiles: {learner!r} takes no sample_weight; name another learner")
        if data.table.sparse and not learner.sparse:
            raise InputError(f"quantiles: {learner!r} cannot take a sparse matrix; name another, or pass X.toarray()")
    check_by_column(learners, data.table)


def _first(members: Mapping[str, Learner]) -> Learner:
    for learner in members.values():
        if learner.of_quantile(SHARES[0]) is not None:
            return learner
    raise ParameterError(
        "quantiles=True takes the first member with a loss for quantiles, and there is none among "
        f"{', '.join(members)}; name a learner: quantiles='lightgbm' ({_WHO})"
    )


def _chosen(given: Any, learners: Any, members: Mapping[str, Learner]) -> Learner:
    label = find_label(learners, given) if isinstance(given, str) else None
    if label is not None and label in members:
        return members[label]
    try:
        learner = as_learner(given)
    except UnknownNameError as error:
        raise UnknownNameError(f"quantiles is {given!r}, which is no label of a member, and {error}") from error
    except ParameterError:
        learner = None
    if learner is None:
        raise ParameterError(
            f"quantiles is {given!r}, expected False, True (the first member with a loss for quantiles), the label of "
            "a member, the name of a learner, or a learner"
        )
    return learner


def without(given: Any, members: Mapping[str, Learner], left: Collection[str]) -> Any:
    """Return the parameter for an ensemble without some members: one of these that it means is named by its learner."""
    label = find_label(members.items(), given) if isinstance(given, str) else None
    if given is True:
        label = next((one for one, learner in members.items() if learner.of_quantile(SHARES[0]) is not None), None)
    if label is None or label not in left:
        return given
    return members[label] if members[label].user_estimator is None else members[label].user_estimator


def for_members(resources: Resources, members: Mapping[str, Learner], quantiles: Mapping[str, Learner]) -> Resources:
    """Return what the members may use: of a time limit their share, so that there is time for quantiles, too."""
    return replace(resources, share=len(members) / (len(members) + len(quantiles)))


def fit_quantiles(
    ensemble: BaseEnsemble, learners: Mapping[str, Learner], data: Rows, started: float | None = None
) -> None:
    """Fit models of the quantiles of the blend's residual, on the folds of the ensemble; the blend stays as it is."""
    ensemble._quantiles = ()
    rows = _residuals(ensemble._oof, data) if learners else None
    if rows is None or (plan := _plan(ensemble._oof, rows.weight, ensemble._record.seed)) is None:
        return
    crossfit = _cross_fitted(ensemble, learners, replace(rows, plan=plan), started)
    if crossfit is not None:
        ensemble._out_of_fold = replace(ensemble._oof, quantiles=crossfit.oof)
        ensemble._quantiles = tuple(crossfit.members.values())


def _residuals(oof: OutOfFold, data: Rows) -> Rows:
    """Return the data with the blend's residual as the target; rows that have none have no weight."""
    scored, weight = oof.scored, data.weight
    if not scored.all():
        weight = np.where(scored, oof.weights, 0.0)
    y = np.where(scored if oof.y.ndim == 1 else scored[:, None], oof.y - oof.blend, 0.0)
    return replace(data, y=y, weight=weight, stop_loss=None, transforms=())


def _plan(oof: OutOfFold, weight: FloatArray | None, seed: int) -> SplitPlan | None:
    """Return the folds whose training rows have residuals; None where there are none.

    Those are the later ones of a time series, and of a holdout folds among the rows held out.
    """

    def _taught(folds: Iterable[tuple[IntArray, IntArray]]) -> tuple[tuple[IntArray, IntArray], ...]:
        return tuple((train, test) for train, test in folds if weight is None or weight[train].any())

    folds = _taught(oof.plan.folds) or _taught(oof.plan.blend_folds(seed))
    return replace(oof.plan, folds=folds) if folds else None


def _cross_fitted(
    ensemble: BaseEnsemble, learners: Mapping[str, Learner], data: Rows, started: float | None
) -> CrossFit | None:
    """Return the models; None, with a warning, where they failed or there was no time, and the fit is to go on."""
    record, resources = ensemble._record, replace(ensemble._resources(), started=started, dispensable=True)
    finalize = "bag" if method_of(ensemble) == "cv+" else "refit"
    with opened(ensemble.store, learners, data, record.table) as stored, TellingWhatIsKept(stored):
        try:
            crossfit = cross_fit(
                learners,
                data,
                finalize=dict.fromkeys(learners, finalize),
                stopping=ensemble._stopping(learners),
                seed=record.seed,
                resources=resources,
                stored=stored,
            )
            failures = crossfit.failures
        except MemberError as error:  # all of them failed
            if ensemble.on_error == "raise" and not isinstance(error, TooShortError):
                raise
            failures = [Failure("quantiles", 0, str(error), traceback.format_exc())]
    if not failures:
        return crossfit
    ensemble.failures_ = [*ensemble.failures_, *failures]
    reasons = "; ".join(f"{failure.label}: {failure.error}" for failure in failures)
    category = UserWarning if resources.time_limit is None else BudgetWarning
    warn(f"no quantiles were fitted, and intervals go without them: {reasons}", category)
    return None


def refitted_quantiles(ensemble: BaseEnsemble, data: Rows) -> tuple[FittedMember, ...]:
    """Return quantile models that are each fitted once, on all rows with a residual, instead of bags."""
    bags = {member.label: member for member in ensemble._quantiles if member.finalize == "bag"}
    learners = {label: member.learner for label, member in bags.items()}
    rounds = {label: mean_rounds([model.rounds for model in member.models]) for label, member in bags.items()}
    if not bags:
        return tuple(ensemble._quantiles)
    record, rows = ensemble._record, _residuals(ensemble._oof, data)
    with opened(ensemble.store, learners, rows, record.table) as stored, TellingWhatIsKept(stored):
        refits = refit(learners, rows, rounds, seed=record.seed, resources=ensemble._resources(), stored=stored)
    return tuple(
        FittedMember(member.label, member.learner, "refit", [refits[member.label].model])
        if member.label in bags
        else member
        for member in ensemble._quantiles
    )
