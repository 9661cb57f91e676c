"""A fit of CatBoost's own, which can be ended between two rounds."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from ..contracts._cancelling import cancelled
from ..contracts._deadline import out_of_time, seconds_left

_MANY_CELLS = 200_000

# CatBoost refuses a second fit on a device at a time.
_ON_GPU = threading.Lock()


class _Ending:
    """Ends a fit between two rounds."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    def after_iteration(self, info: Any) -> bool:
        return not (cancelled() or (info.iteration < self._rounds and out_of_time(info.iteration)))


def trained(kind: Any, data: Any, watched: Any, patience: int | None, params: Mapping[str, Any]) -> Any:
    """Return a model of the library, which stops on the rows that it watches if it watches any."""
    model = kind(**params)
    options: dict[str, Any] = {}
    if patience is not None:
        options = {"eval_set": watched, "early_stopping_rounds": patience, "use_best_model": True}
    # A callback costs up to a millisecond a round, and CatBoost has none on a GPU.
    asked = data.num_row() * data.num_col() >= _MANY_CELLS or seconds_left() < math.inf
    if asked and params.get("task_type") != "GPU":
        options["callbacks"] = [_Ending(params["iterations"])]
    with _ON_GPU if params.get("task_type") == "GPU" else nullcontext():
        model.fit(data, **options)
    return model
