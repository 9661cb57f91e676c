"""A table that is too large for the job's machine is refused before it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from ...data._reading import Reading
from ...data._size import size_of_files
from ...ensemble._room import Room
from ..shared._instances import larger
from ._log import say


def check_room(ensemble: Any, data: Mapping[str, Any]) -> None:
    """Compare what the fit is expected to take with the memory that is free, and say where that is more than half.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    data : mapping
        The roles of columns, and how files are read.

    Raises
    ------
    InputError
        When it is more than all of it; names an instance type that has enough.
    """
    folder = os.environ.get("SM_CHANNEL_TRAIN")
    if not folder:
        return
    roles = dict(data)
    how = Reading.of(roles.pop("reading", None), header=roles.pop("header", None))
    size = size_of_files(folder, roles, how)
    if size is None:
        return
    machine = os.environ.get("SM_CURRENT_INSTANCE_TYPE", "local")
    if told := Room.of(ensemble, size).check("the training table", partial(larger, machine)):
        say(told)
