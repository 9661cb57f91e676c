"""What a learner holds by label, as it is fitted; and who needs more rows of a class than there are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..contracts._learner import Learner
from ..contracts._task import IntArray, Task
from ..errors import InputError
from ..tools._labels import for_part, shown
from ._rows import Rows


def for_classes(learner: Learner, task: Task, present: IntArray | None) -> Learner:
    """Set what a learner that nobody else has holds by label to what a fit wants: by code, of the classes there are."""
    if task.classes is None or learner.frozen:
        return learner
    given = learner.values_by_label()
    codes = None if present is None else present.tolist()
    return learner.set_params(**for_part(given, task.classes, codes, labelled=learner.labelled)) if given else learner


def check_rare_classes(learners: Mapping[str, Learner], data: Rows) -> None:
    """Raise for a member that needs more rows of a class than a training part has.

    Raises
    ------
    InputError
        Names the member, the class and the fold.
    """
    task = data.task
    if not task.is_classification:
        return
    for target in data.y.T if task.is_multilabel else [data.y]:
        y = target if data.weight is None else np.where(data.weight > 0, target, task.n_classes)
        counts = [np.bincount(y[train], minlength=task.n_classes)[: task.n_classes] for train, _ in data.plan.folds]
        for label, learner in learners.items():
            for fold, count in enumerate(counts, 1):
                rare = np.flatnonzero((count > 0) & (count < learner.rows_each))
                if len(rare):
                    raise InputError(
                        f"member {label!r} needs {learner.rows_each} rows of each class, and the training part of fold "
                        f"{fold} of {len(counts)} holds {count[rare[0]]} of class {shown(task.labels(rare[:1]))}. Drop "
                        f"or merge the class, leave the member out ({label}='drop'), or pass on_error='skip'"
                    )
