"""A table that is too large for the job's machine is refused before it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ...data._size import TableSize, size_of_files
from ...ensemble._room import Room
from ..shared._instances import larger
from ._hosts import hosts_of_job
from ._log import say
from ._shards import roles_and_reading, sharded_channels


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
    size = _size("train", data)
    if size is None:
        return
    validation = _size("validation", data)
    room = Room.of(ensemble, size, others=0.0 if validation is None else validation.bytes)
    machine = os.environ.get("SM_CURRENT_INSTANCE_TYPE", "local")
    if told := room.check("the training table", partial(larger, machine)):
        say(told)


def _size(channel: str, data: Mapping[str, Any]) -> TableSize | None:
    """Return the size of a channel's table; None where it cannot be told, or there is none."""
    folder = os.environ.get(f"SM_CHANNEL_{channel.upper()}")
    if not folder:
        return None
    sharded = channel in sharded_channels()
    here = size_of_files(folder, *roles_and_reading(data))
    if here is None or not sharded:
        return here
    size = size_of_files(folder, *roles_and_reading(data), sharded=True) or here
    hosts = len(hosts_of_job()[0])  # each of which gets all rows in the end
    return replace(size, rows=hosts * size.rows, bytes=max(here.bytes, hosts * size.bytes))
