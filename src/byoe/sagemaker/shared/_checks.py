"""What a job is asked to do, checked before anything is written or run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...contracts._blender import Blender
from ...contracts._learner import Learner
from ...contracts._search_space import check_domain
from ...contracts._task import Task
from ...ensemble._base import BaseEnsemble
from ...ensemble._configure import configure
from ...ensemble._spec import to_spec
from ...errors import ParameterError
from ...registry._members import as_blender, check_members, members
from ...scoring._metrics import CLASSIFICATION, REGRESSION, Metric, find_metric
from ._limits import check_choices, check_hyperparameters

_TASKS = {True: Task("classification", 2), False: Task("regression")}  # where only the kind matters


@dataclass(frozen=True)
class Recipe:
    """An ensemble, and what its arguments stand for: the one place where a job's are parsed.

    Attributes
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    learners : mapping of str to Learner
        By label.
    blender : Blender
    metrics : sequence of Metric
        What a job prints of the blend and of each member; the first is the ensemble's own.
    """

    ensemble: Any
    learners: Mapping[str, Learner]
    blender: Blender
    metrics: Sequence[Metric]

    @property
    def metric_names(self) -> list[str]:
        """The names of all metrics in the log of a job."""
        prefixes = ["validation", *(f"member:{label}" for label in self.learners)]
        return [f"{prefix}:{metric.name}" for prefix in prefixes for metric in self.metrics]


def recipe_of(ensemble: Any) -> Recipe:
    """Return the recipe of an ensemble that need not be complete: hyperparameters may change it."""
    return _recipe(ensemble, members(ensemble.learners), as_blender(ensemble.blender))


def _recipe(ensemble: Any, learners: Mapping[str, Learner], blender: Blender) -> Recipe:
    task = _TASKS[ensemble._classifies]
    own = find_metric(ensemble.metric, task, probabilities=blender.gives_probabilities)
    usual = CLASSIFICATION if task.is_classification else REGRESSION
    others = [find_metric(name, task) for name in usual if name != own.name]
    return Recipe(ensemble, learners, blender, [own, *others])


def configured(ensemble: Any, values: Mapping[str, Any]) -> Recipe:
    """Apply the hyperparameters, and check what can be checked without data."""
    if not isinstance(ensemble, BaseEnsemble):
        raise ParameterError(
            f"{type(ensemble).__name__} is not an ensemble: expected an EnsembleRegressor or EnsembleClassifier"
        )
    chosen = configure(ensemble, values)
    recipe = _recipe(chosen, *chosen._checked())
    check_members(recipe.learners, recipe.blender, _TASKS[chosen._classifies])
    to_spec(chosen)
    return recipe


def objective(recipe: Recipe, space: Mapping[str, Any]) -> Metric:
    """Return the metric that every trial of the space prints."""
    blenders = list(map(as_blender, space["blender"])) if "blender" in space else [recipe.blender]
    # One objective for all: what a blender without probabilities cannot give is no objective.
    probabilities = all(blender.gives_probabilities for blender in blenders)
    return find_metric(recipe.ensemble.metric, _TASKS[recipe.ensemble._classifies], probabilities=probabilities)


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


def check_space(ensemble: Any, space: Mapping[str, Any], fixed: Iterable[str] = ()) -> list[Any]:
    """Check a search space before anything runs: its domains, and that every name is known and not fixed.

    Returns
    -------
    list of EnsembleRegressor or EnsembleClassifier
        The ensemble with every value of every list, and with the ends of every range.

    Raises
    ------
    ParameterError
        Names the entry and says what was expected.
    """
    both = {name.replace("-", "_") for name in space} & {name.replace("-", "_") for name in fixed}
    if both:
        raise ParameterError(f"{', '.join(sorted(both))} is both fixed and in the space; keep one")
    if not space:
        raise ParameterError("the space is empty; give at least one parameter to tune")
    for name, domain in space.items():
        check_domain(name, domain)
        if isinstance(domain, list):
            check_choices(name, domain)
    if "metric" in space:
        raise ParameterError("the space holds 'metric'; trials are compared by one, which is set on the ensemble")
    # Every value of a list must fit, each in the company of the others' first values.
    first = {name: domain[0] for name, domain in space.items()}
    values = [
        {**first, name: value}
        for name, domain in space.items()
        for value in (domain if isinstance(domain, list) else domain[:2])
    ]
    return [configure(ensemble, one) for one in values]
