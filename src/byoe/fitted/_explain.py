"""Explanations of a fitted ensemble: what each column adds to a prediction, and which columns matter.

A linear blend of sums is a sum. So the contributions of the members (Lundberg & Lee, 2017;
Lundberg et al., 2020), weighted as the blender weights the members, add up to the ensemble's
prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..contracts._blender import Blender, Linear
from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError
from ._additive import check_sums
from ._models import FittedMember
from ._passthrough import sources
from ._predicting import Predicting

EXACT = "exact"
_FEW = 100


class NotLinearError(ParameterError):
    """A blend is no sum of its members, so that their contributions do not add up to it."""


# What explains a function of a table where nothing is exact: `fitted._sampled.Sampler.contributions`.
Estimate = Callable[[Callable[[Table], FloatArray]], FloatArray]


@dataclass(frozen=True)
class Explaining:
    """How the contributions to each member that counts were found.

    Attributes
    ----------
    estimate : function or None
        What explains members without exact contributions; None refuses them.
    advice : str
        What to do about a refused one, beside leaving it out.
    methods : dict of label to str
        Filled while the members are explained.
    """

    estimate: Estimate | None = None
    method: str = ""
    advice: str = ""
    methods: dict[str, str] = field(default_factory=dict)

    def of_member(self, member: FittedMember, table: Table, ensemble: Predicting) -> FloatArray:
        """Return the contributions to a member's predictions of a table's rows."""
        threads = ensemble._threads(table)
        try:
            values = member.contributions(table, threads)
            self.methods[member.label] = EXACT
        except ParameterError as error:
            if self.estimate is None:
                raise ParameterError(
                    f"member {member.label!r} cannot be explained: {error}. Leave it out by drop_members("
                    f"{member.label!r}), or give it the weight zero with reblend{self.advice}"
                ) from error
            values = self.estimate(lambda rows: member.predict(rows, ensemble._threads(rows)))
            self.methods[member.label] = self.method
        return values


def explain(ensemble: Predicting, table: Table, explaining: Explaining | None = None) -> FloatArray:
    """Return the contributions to a regression, of shape (n_rows, [n_outputs,] n_features + 1).

    Members whose weight is zero for every target are not asked.
    """
    explaining = explaining or Explaining()
    blender, n_outputs = ensemble.blender_, ensemble._task.n_outputs
    features = ensemble._passed_through(blender, table)
    forms = [_linear(part, features, len(ensemble.members_)) for part in blender.of_each_target()]
    all_weights = np.array([form.weights for form in forms]).T
    if explaining.estimate is None:
        _refuse_early(ensemble, all_weights, table, explaining)
    total = np.zeros((len(table), n_outputs, len(ensemble._form) + 1))
    size = np.zeros(total.shape[:2])
    predictions = np.empty((len(table), len(ensemble.members_), n_outputs))
    for column, (weights, member) in enumerate(zip(all_weights, ensemble.members_.values(), strict=True)):
        if not weights.any():
            predictions[:, column] = 0.0  # it does not count
            continue
        own = explaining.of_member(member, table, ensemble).reshape(total.shape)
        predictions[:, column] = own.sum(axis=-1)
        total += weights[:, None] * own
        size += np.abs(weights[:, None] * own).sum(axis=-1)
    for output, form in enumerate(forms):
        total[:, output, -1] += form.intercept
        size[:, output] += abs(form.intercept)
        if form.features is not None:
            places = sources(blender, table)
            for place, values in zip(places, form.features.T, strict=True):
                total[:, output, place] += values
            size[:, output] += np.abs(form.features).sum(axis=1)
    # Of the sums themselves, so that a member's rounding errors do not hide a blender's.
    blended = blender.predict(predictions if n_outputs > 1 else predictions[:, :, 0], features).reshape(size.shape)
    try:
        check_sums(total.sum(axis=-1), blended, size, f"blender {blender.name} is not linear, or has a link function")
    except ParameterError as error:
        raise NotLinearError(str(error)) from error
    return total if n_outputs > 1 else total[:, 0]


def explain_margins(ensemble: Predicting, table: Table) -> dict[str, FloatArray]:
    """Return the contributions to each member's margin; members whose weight is zero are left out."""
    parts = [_weights_of(part, len(ensemble.members_)) for part in ensemble.blender_.of_each_target()]
    weights = np.abs(parts).sum(axis=0)
    _refuse_early(ensemble, weights[:, None], table, Explaining())
    return {
        label: Explaining().of_member(member, table, ensemble)
        for weight, (label, member) in zip(weights, ensemble.members_.items(), strict=True)
        if weight != 0
    }


def _refuse_early(ensemble: Predicting, weights: FloatArray, table: Table, explaining: Explaining) -> None:
    """Ask of one row whether every member that counts has contributions, before many rows are explained."""
    if len(table) <= _FEW:
        return
    first = table.some(slice(0, 1))
    for own, member in zip(weights, ensemble.members_.values(), strict=True):
        if own.any():
            explaining.of_member(member, first, ensemble)


def feature_importances(ensemble: Predicting) -> FloatArray:
    """Return the members' importances, averaged by their weight in the blend and summing to one."""
    total = np.zeros(len(ensemble._form))
    for weight, member in zip(_weights(ensemble), ensemble.members_.values(), strict=True):
        own = member.importances(ensemble._form.sources) if weight > 0 else None
        if own is not None:
            total += weight * own
    if not total.any():
        labels = ", ".join(map(repr, ensemble.members_))
        raise AttributeError(f"none of the members {labels} that count in the blend tells how much a column matters")
    return np.asarray(total / total.sum(), dtype=np.float64)


def _linear(blender: Blender, features: Any, n_members: int) -> Linear:
    form = blender.linear(features)
    if form is None or len(form.weights) != n_members:
        raise NotLinearError(
            f"blender {blender.name} is not a linear blend of its members, and only these have additive contributions "
            "(a median, a vote or a nonlinear meta-model has none); use reblend('weighted'), 'mean', 'greedy' or "
            "'meta-linear'"
        )
    return form


def _weights_of(blender: Blender, n_members: int) -> FloatArray:
    """Return the weights of a linear blend, or of what is blended before it is mapped; ones where there are none."""
    form = blender.linear()
    weights: Any = getattr(blender, "weights_", np.ones(n_members)) if form is None else form.weights
    return np.asarray(weights, dtype=np.float64)


def _weights(ensemble: Predicting) -> FloatArray:
    """Return how much each member counts in the blend; all the same where its weights do not tell."""
    shares = np.zeros(len(ensemble.members_))
    for part in ensemble.blender_.of_each_target():
        weights = np.abs(_weights_of(part, len(shares)))
        shares += weights / weights.sum() if weights.any() else 1.0 / len(shares)
    return shares
