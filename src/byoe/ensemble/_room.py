"""Whether a table fits into the memory together with the members: known before it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..contracts._task import Task
from ..data._size import TableSize
from ..engine._memory import free_memory
from ..engine._order import least_memory
from ..errors import InputError
from ..tools._sizes import read_bytes, tell_bytes

SWITCH = "BYOE_MEMORY"  # of the environment
TRY = "try"
_MUCH = 0.5


@dataclass(frozen=True)
class Room:
    """What a fit is expected to take of the memory, in bytes.

    Attributes
    ----------
    size : TableSize
    members : float
        What the members take beside the table, one task at a time.
    free : float
    others : float, default=0.0
        What other tables take, which are there at the same time.
    """

    size: TableSize
    members: float
    free: float
    others: float = 0.0

    @classmethod
    def of(cls, ensemble: Any, size: TableSize, free: float | None = None, *, others: float = 0.0) -> Room:
        """Return what the fit of an ensemble takes, of what this process may still have unless it is given."""
        if free is None:
            free = room_for(size, ensemble.memory_limit).free
        task = Task("classification", 2) if ensemble._classifies else Task("regression")
        learners = ensemble._recipe().learners.values()
        return cls(size, least_memory(learners, size.rows, size.columns, task), free, others)

    @property
    def needed(self) -> float:
        """The bytes of all tables and the members together."""
        return self.size.bytes + self.others + self.members

    @property
    def told(self) -> str:
        """What a message says of it."""
        return (
            f"{self.size.rows:,} rows x {self.size.columns} columns need about {tell_bytes(self.needed)} of memory"
            f"{self._parts}, and {tell_bytes(max(0.0, self.free))} are free"
        )

    @property
    def _parts(self) -> str:
        if not (self.members or self.others):
            return " for the table alone"
        others = f", {tell_bytes(self.others)} for the validation table" if self.others else ""
        return f" ({tell_bytes(self.size.bytes)} for the table{others}, {tell_bytes(self.members)} for the members)"

    def check(self, what: str, larger: Callable[[float], str] | None = None) -> str:
        """Return what there is to say where the fit takes more than half of the memory.

        Parameters
        ----------
        what : str
            How messages call the table.
        larger : function, default=None
            Of the bytes that are needed; returns a sentence about a machine that has them.

        Raises
        ------
        InputError
            When it takes more than there is, unless ``BYOE_MEMORY=try`` stands in the environment.
        """
        if self.needed <= self.free:
            return f"{what}: {self.told}" if self.needed > _MUCH * self.free else ""
        if os.environ.get(SWITCH) == TRY:
            return f"{what}: {self.told}; it is tried all the same ({SWITCH}={TRY})"
        machine = "" if larger is None else larger(self.needed)
        raise InputError(
            f"{what}: {self.told}, so that the fit would be ended for want of memory. {machine}Use fewer rows or "
            "columns (drop), float32 numbers in Parquet, or fewer members; or set "
            f"{SWITCH}={TRY} in the environment to try it all the same"
        )


def room_for(size: TableSize, memory_limit: int | str | None) -> Room:
    """Return what a table alone takes, of what this process may still have."""
    return Room(size, 0.0, free_memory(read_bytes(memory_limit, "memory_limit")))
