"""A table of this machine that is too large for a job's instance is refused before it is uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import narwhals as nw

from ..data._reading import Reading
from ..data._size import TableSize, size_of_files, size_of_rows
from ..ensemble._room import SWITCH, TRY, Room
from .shared._instances import larger, usable
from .shared._place import Where

_ROWS = 10_000


def check_room(
    ensemble: Any, channels: Mapping[str, Any], roles: Mapping[str, Any], how: Reading, where: Where
) -> None:
    """Compare what the fit is expected to take with the memory of its instance; its tables are by their channels.

    Of data at an address the job itself does so, and on this machine, too.

    Raises
    ------
    InputError
        When it is more; names an instance type that has enough.
    """
    instance_type = where.instance_type or ""
    free = usable(instance_type)
    tries = (where.options.get("environment") or {}).get(SWITCH) == TRY
    if free is None or tries or (size := _size(channels["train"], roles, how)) is None:
        return
    validation = _size(channels.get("validation"), roles, how)
    others = 0.0 if validation is None else validation.bytes
    Room.of(ensemble, size, free, others=others).check("train", partial(larger, instance_type))


def _size(table: Any, roles: Mapping[str, Any], how: Reading) -> TableSize | None:
    """Return the size of a table of this machine; None of any other, and where it cannot be told."""
    if isinstance(table, Path):
        return size_of_files(table, roles, how)
    return _size_of_frame(table, roles) if isinstance(table, nw.DataFrame) else None


def _size_of_frame(frame: nw.DataFrame[Any], roles: Mapping[str, Any]) -> TableSize:
    """Return the size of a frame once the job has read it back."""
    others = {str(roles[role]) for role in ("target", "weight", "groups")} | set(roles["drop"])
    sample = frame.head(_ROWS).select([name for name in frame.columns if str(name) not in others])
    kinds = set(sample.schema.values())
    shared = len(kinds) == 1 and kinds <= {nw.Float32(), nw.Float64()}
    return size_of_rows(sample.to_pandas(), len(frame), shared=shared)
