"""What a job is asked to do, checked before anything is written or run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...contracts._task import Task
from ...ensemble._base import BaseEnsemble
from ...ensemble._configure import configure
from ...ensemble._layers import second_labels
from ...ensemble._recipe import Recipe
from ...ensemble._spec import to_spec
from ...errors import ParameterError
from ...registry._members import as_blender, check_members
from ...scoring._metrics import CLASSIFICATION, REGRESSION, Metric, find_metric
from ...tuning._space import check_space as check_any_space
from ._limits import check_choices, check_hyperparameters

_TASKS = {True: Task("classification", 2), False: Task("regression")}  # where only the kind matters


@dataclass(frozen=True)
class Variant:
    """An ensemble as a job may train it, with what its arguments mean: the one place where a job's are parsed.

    Attributes
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    recipe : Recipe
    metrics : sequence of Metric
        What a job prints of the blend and of each member; the first is the ensemble's own.
    """

    ensemble: BaseEnsemble
    recipe: Recipe
    metrics: Sequence[Metric]

    @property
    def metric_names(self) -> list[str]:
        """The names of all metrics in the log of a job."""
        labels = [*self.recipe.learners]
        if self.ensemble.layers > 1:
            labels += second_labels(self.recipe.learners).values()
        prefixes = ["validation", *(f"member:{label}" for label in labels)]
        return [f"{prefix}:{metric.name}" for prefix in prefixes for metric in self.metrics]


def variant_of(ensemble: BaseEnsemble, recipe: Recipe | None = None) -> Variant:
    """Return an ensemble with its recipe; without one it is not checked, since hyperparameters may change it."""
    recipe = recipe or ensemble._recipe()
    task = _TASKS[ensemble._classifies]
    own = find_metric(recipe.metric, task, probabilities=recipe.blender.gives_probabilities)
    usual = CLASSIFICATION if task.is_classification else REGRESSION
    return Variant(ensemble, recipe, [own, *(find_metric(name, task) for name in usual if name != own.name)])


def configured(ensemble: object, values: Mapping[str, Any]) -> Variant:
    """Apply the hyperparameters, and check what can be checked without data."""
    if not isinstance(ensemble, BaseEnsemble):
        raise ParameterError(
            f"{type(ensemble).__name__} is not an ensemble: expected an EnsembleRegressor or EnsembleClassifier"
        )
    chosen = configure(ensemble, values)
    recipe = chosen._checked()
    check_members(recipe.learners, recipe.blender, _TASKS[chosen._classifies])
    to_spec(chosen)
    return variant_of(chosen, recipe)


def objective(variant: Variant, space: Mapping[str, Any]) -> Metric:
    """Return the metric that every trial of the space prints."""
    blenders = list(map(as_blender, space["blender"])) if "blender" in space else [variant.recipe.blender]
    # One objective for all: what a blender without probabilities cannot give is no objective.
    probabilities = all(blender.gives_probabilities for blender in blenders)
    return find_metric(variant.recipe.metric, _TASKS[variant.ensemble._classifies], probabilities=probabilities)


def plain_values(hyperparameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return hyperparameters as JSON holds them."""
    values = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in (hyperparameters or {}).items()
    }
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ParameterError(
                f"hyperparameter {name!r} is {value!r}, which JSON cannot express ({error}); give a number, a text, "
                "a boolean, None or a list of them, or set it on the ensemble itself"
            ) from error
    check_hyperparameters(values)
    return values


def check_space(ensemble: BaseEnsemble, space: Mapping[str, Any], fixed: Iterable[str] = ()) -> list[Any]:
    """Check a search space before anything runs, as any search does, and that a tuning job can choose from its lists.

    Returns
    -------
    list of EnsembleRegressor or EnsembleClassifier
        The ensemble with every value of every list, and with the ends of every range.

    Raises
    ------
    ParameterError
        Names the entry and says what was expected.
    """
    variants = check_any_space(ensemble, space, fixed)
    for name, domain in space.items():
        if isinstance(domain, list):
            check_choices(name, domain)
    return variants
