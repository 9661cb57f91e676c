"""The data of a fit on their way to worker processes: once to each, or not at all where it has the table already."""

from __future__ import annotations

import pickle
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import Learner
from ..data._table import Table
from ..errors import InputError
from ..tools._forks import open_after_fork
from ._prepared import Preparation, preparing
from ._rows import Rows

_ALIGNED = 16  # bytes


class SharedData:
    """The data of a fit, which a process gets once, with what its learners prepared of them there.

    Parameters
    ----------
    data : Rows
    key : str
    kept : bool
        Whether a process that has received this keeps it until that of another fit comes:
        for backends that send it with every task.
    """

    def __init__(self, data: Rows, key: str = "", *, kept: bool = True) -> None:
        self.data = data
        self.key = key or uuid4().hex
        self._kept = kept
        self._prepared: dict[str, Preparation] = {}
        self._lock = threading.Lock()

    def prepared(self, label: str, learner: Learner, seed: int) -> Preparation:
        """Return what a member's learner makes of the whole table, made once in a process."""
        with self._lock:
            if label not in self._prepared:
                self._prepared[label] = preparing(learner, self.data, seed)
            return self._prepared[label]

    @cached_property
    def parts(self) -> list[NDArray[np.uint8]]:
        """The data as bytes, those of arrays not copied: joblib maps long arrays into its workers' memory."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(_outgoing(self.data), protocol=5, buffer_callback=buffers.append)
        return [np.frombuffer(head, dtype=np.uint8), *(np.asarray(buffer.raw()) for buffer in buffers)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, (self.key, self._kept, self.parts)

    def __sizeof__(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def __dask_tokenize__(self) -> str:
        return self.key


_received: SharedData | None = None
_receiving = open_after_fork(threading.Lock())


def _receive(key: str, kept: bool, parts: list[NDArray[np.uint8]]) -> SharedData:
    global _received
    if not kept:
        return _read(key, parts, kept=False)
    with _receiving:
        if _received is None or _received.key != key:
            _received = None  # there may not be room for two
            _received = _read(key, parts, kept=True)
        return _received


def _read(key: str, parts: list[NDArray[np.uint8]], *, kept: bool) -> SharedData:
    # What came through a network may start at any byte, which native libraries do not take.
    buffers = [part if part.ctypes.data % _ALIGNED == 0 else part.copy() for part in parts[1:]]
    data: Rows = pickle.loads(parts[0].data, buffers=buffers)  # noqa: S301  # by a process of the user's own
    return SharedData(_incoming(data), key, kept=kept)


@dataclass(frozen=True)
class _Elsewhere:
    """Stands for a table that the receiving process has already."""

    digest: str


_there: dict[str, Table | None] = {}


@contextmanager
def there_already(digest: str, table: Table | None = None) -> Iterator[None]:
    """Say in every process of a cluster that it has this table: fits inside do not send it.

    The process that fits needs to say no more than the digest: it reads the table for the fit.
    """
    _there[digest] = table
    try:
        yield
    finally:
        del _there[digest]


def is_there(digest: str) -> bool:
    """Return whether this process has said that it has a table."""
    return digest in _there


def _outgoing(data: Rows) -> Rows:
    """Return data as they are sent."""
    digest = data.table.digest() if _there else ""
    if digest not in _there:
        return data
    _there[digest] = data.table  # for the tasks of this process
    return replace(data, table=cast(Table, _Elsewhere(digest)))


def _incoming(data: Rows) -> Rows:
    """Return data that were received, whole."""
    table: Any = data.table
    if not isinstance(table, _Elsewhere):
        return data
    here = _there.get(table.digest)
    if here is None:
        raise InputError(f"host {platform.node()} has read other rows than the one that fits; give both the same")
    return replace(data, table=here)
