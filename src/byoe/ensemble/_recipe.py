"""What an ensemble is to be made of: the constructor's parameters, parsed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..errors import ParameterError
from ..registry._members import as_blender, members
from ..scoring._metrics import Metric, find_metric
from ..scoring._multilabel import find_label_metric


@dataclass(frozen=True)
class Recipe:
    """What ``learners``, ``blender`` and ``metric`` of a constructor mean.

    Attributes
    ----------
    learners : dict of label to Learner
        Without those that are dropped.
    blender : Blender
        Of one target, not calibrated.
    metric : str or callable
        As given: what it is depends on the task.
    """

    learners: dict[str, Learner]
    blender: Blender
    metric: Any

    @classmethod
    def of(cls, learners: Any, blender: Any, metric: Any) -> Recipe:
        """Return the recipe of a constructor's parameters; what it holds is not shared with them."""
        made = {label: clone(learner) for label, learner in members(learners).items()}
        return cls(made, clone(as_blender(blender)), metric)

    def metric_for(self, task: Task) -> Metric:
        """Return what the ensemble is scored by, and its blender steered by.

        Parameters
        ----------
        task : Task

        Raises
        ------
        ParameterError
            When it needs probabilities, and the blender gives none.
        """
        blender = self.blender
        find = find_label_metric if task.is_multilabel else find_metric
        metric: Metric = find(self.metric, task, probabilities=blender.gives_probabilities)
        if metric.needs_probabilities and not blender.gives_probabilities:
            raise ParameterError(f"metric {metric.name!r} needs probabilities, and blender {blender.name!r} gives none")
        return metric if task.classes is None else metric.of_labels(task.classes)
