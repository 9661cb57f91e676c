"""How a fit begins, before a member is fitted, and how it ends: with a blend that is scored honestly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._store import as_store
from ..contracts._task import FloatArray, Task
from ..contracts._within import is_within_a_member
from ..data._by_column import check_by_column
from ..data._form import TableForm
from ..data._inferred import warn_of_columns
from ..data._input import infer_table, read_target, read_weights
from ..data._listed import Columns
from ..data._table import Table
from ..engine._blend import Blend, fit_blend
from ..engine._rows import Rows
from ..errors import InputError
from ..fitted._models import BOTH
from ..fitted._out_of_fold import OutOfFold
from ..fitted._passthrough import passed_through
from ..folds._leaks import warn_of_leaks
from ..folds._splits import make_plan
from ..registry._classes import check_classes
from ..registry._members import check_members
from ..scoring._metrics import Metric
from ..store._stored_tasks import resumed_seed
from ..store._task_keys import plan_key
from ..tools._warnings import warn
from ._layers import check_second_layer, steering, warn_of_classes, warn_of_inner_ensembles, warn_of_thresholds
from ._quantiles import check_quantiles
from ._recipe import Recipe

if TYPE_CHECKING:
    from ._base import BaseEnsemble


@dataclass(frozen=True)
class Beginning:
    """What a fit knows before the first member is fitted.

    Attributes
    ----------
    recipe : Recipe
    blender : Blender
        As it is fitted: one for each target, calibrated where that is asked for.
    metric : Metric
    features : array of shape (n_rows, n_passed) or None
        What is passed through to the blender.
    form : TableForm
    columns : Columns
        What was inferred of the columns, as users see it.
    data : Rows
    quantiles : dict of label to Learner
        Who fits the quantiles of the blend's residual.
    seed : int
    digest : str
        Of the table.
    """

    recipe: Recipe
    blender: Blender
    metric: Metric
    features: FloatArray | None
    form: TableForm
    columns: Columns
    data: Rows
    quantiles: Mapping[str, Learner]
    seed: int
    digest: str


def begin(ensemble: BaseEnsemble, X: Any, y: Any, sample_weight: Any, groups: Any) -> Beginning:
    """Return what a fit knows before the first member is fitted, all of it checked."""
    recipe, name = ensemble._checked(), type(ensemble).__name__
    if y is None:
        raise InputError(f"{name} requires y to be passed, but the target y is None")
    form, table, found = infer_table(X, ensemble.categorical, name)
    sample_weight = read_weights(sample_weight, table)
    target, task, _ = read_target(y, len(table), sample_weight, classification=ensemble._classifies)
    blender = suited(ensemble, recipe, table, task, weighted=ensemble._weighs(sample_weight))
    metric = recipe.metric_for(task)
    metric.check(target, task, sample_weight)
    features = passed_through(blender, table)
    drawn, digest = ensemble._draw_seed(), table.digest()
    plan = make_plan(ensemble.cv, table.values, target, groups, task, drawn)
    check_second_layer(ensemble.layers, plan, recipe.learners, recipe.blender)
    rows = ensemble._rows(table, target, sample_weight, task, plan, metric.stop_loss)
    data, seed = _resumed(ensemble, rows, drawn, digest)
    quantiles = ensemble._quantile_learners(recipe)
    check_quantiles(quantiles, data)
    if ensemble.finalize in ("bag", BOTH) and (reason := data.plan.why_not_bag()):
        warn(f"finalize={ensemble.finalize!r} although {reason}; 'refit' would serve one model per member")
    if not is_within_a_member():  # of a member's the ensemble around it has told
        warn_of_columns(found, ordered=data.plan.is_time_ordered)
    warn_of_classes(target, task)
    warn_of_leaks(data.plan, table, target)
    warn_of_inner_ensembles(data.plan, recipe.learners)
    warn_of_thresholds(recipe.learners, recipe.blender, metric)
    return Beginning(recipe, blender, metric, features, form, found.columns, data, quantiles, seed, digest)


def _resumed(ensemble: BaseEnsemble, data: Rows, drawn: int, digest: str) -> tuple[Rows, int]:
    """Return the seed that an earlier fit of the same plan drew, and the plan that it makes."""
    store = as_store(ensemble.store)
    if store is None or ensemble.random_state is not None:
        return data, drawn
    seed = resumed_seed(store, plan_key(ensemble.cv, data, digest), drawn)
    if seed == drawn or not isinstance(ensemble.cv, (int, np.integer)):
        return data, seed
    plan = make_plan(ensemble.cv, data.table.values, data.y, data.plan.groups, data.task, seed)
    return replace(data, plan=plan), seed


def suited(ensemble: BaseEnsemble, recipe: Recipe, table: Table, task: Task, *, weighted: bool) -> Blender:
    """Return the blender as it is fitted, once it and the members are known to suit the data."""
    blender = ensemble._wrapped(recipe.blender, task)
    check_members(recipe.learners, blender, task, weighted=weighted, sparse=table.sparse)
    check_by_column(recipe.learners, table)
    ensemble._check_decision(task, blender)
    if task.classes is not None:
        check_classes(recipe.learners, recipe.blender, task.classes)
    return blender


def blended(
    oof: OutOfFold, blender: Blender, features: FloatArray | None, metric: Metric, task: Task, seed: int
) -> tuple[Blend, OutOfFold]:
    """Return the blender fitted and cross-fitted, and what is known out of fold with its predictions."""
    steers = steering(metric, oof.y, task, oof.weight)
    blend = fit_blend(blender, oof.to_blend(task, seed, features, steers), oof.plan)
    return blend, replace(oof, blend=blend.prediction, scored=blend.scored)
