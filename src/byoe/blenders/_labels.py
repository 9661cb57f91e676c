"""Estimators as meta-models, and the labels of the classes that they are fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF
from ..tools._estimators import by_label, let_take_labels, wants_codes
from ..tools._labels import for_part


def prepare_labels(estimator: Any, oof: OOF) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the target that an unfitted estimator is to be fitted on, and all classes as it is told of them.

    What the estimator holds by label is made what it means for the classes that are there.
    """
    task, codes = oof.task, np.arange(oof.task.n_classes)
    if task.classes is None:
        return oof.y, codes
    labelled = not wants_codes(estimator)
    if labelled:
        let_take_labels(estimator, task.classes)
    given = by_label(estimator.get_params(deep=True), estimator)
    estimator.set_params(**for_part(given, task.classes, np.unique(oof.y).tolist(), labelled=labelled))
    return (task.labels(oof.y), task.classes) if labelled else (oof.y, codes)
