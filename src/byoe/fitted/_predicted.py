"""What of predictions is compared with those of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..contracts._task import FloatArray
from ..data._profile import numbers_spread
from ..data._spread import Spread

if TYPE_CHECKING:
    from ._predicting import Predicting

_MOST_OUTPUTS = 50


def known_predictions(model: Predicting, blended: FloatArray) -> dict[str, FloatArray]:
    """Return by name the predictions that are compared, each of shape (n_rows,).

    Of two classes the probability of the second one, of more the code of the class; of several targets or labels each.
    """
    task = model._task
    if task.n_outputs > 1:
        return {f"prediction {i}": blended[:, i] for i in range(min(task.n_outputs, _MOST_OUTPUTS))}
    if not task.is_classification:
        return {"prediction": blended}
    if task.n_classes == 2 and model.blender_.gives_probabilities:
        return {f"probability of {model.class_names[1]}": blended[:, 1]}
    return {"prediction": np.asarray(model.blender_.choose(blended), dtype=np.float64)}


def predicted_spreads(model: Predicting, blended: FloatArray) -> dict[str, Spread]:
    """Return how predictions of rows that the models did not see are spread, by name."""
    task = model._task
    spreads = {}
    for name, cells in known_predictions(model, blended).items():
        coded = task.is_classification and task.n_outputs == 1 and name == "prediction"
        spreads[name] = Spread.of_codes(cells, task.n_classes) if coded else numbers_spread(cells)
    return spreads
