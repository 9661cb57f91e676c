"""The store: a folder of finished work, each entry under the key of what it was made of.

Nothing here knows what an entry means. One is written into a temporary folder and renamed, so
that it is there as a whole or not at all, whenever a process dies and whoever shares the folder.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..contracts._store import Store
from ..errors import ParameterError
from ._entry import Damaged, check_entry, read_entry, write_entry

TASKS = "tasks"
PLANS = "plans"
_TEMPORARY = "tmp"
_STARTED = "started"
# Seconds after which a writer that has written nothing counts as dead: on another host nobody can ask for it.
_FORGOTTEN = 7 * 86_400


@dataclass(frozen=True)
class Entry:
    """An entry as it lies in the folder.

    Attributes
    ----------
    path : Path
    used : float
        When it was last written or used, in seconds since 1970.
    size : int
        Bytes of its files.
    """

    path: Path
    used: float
    size: int


class OpenStore:
    """A store while a fit, or a command, works with it.

    Parameters
    ----------
    store : Store

    Raises
    ------
    ParameterError
        When the folder cannot be made or written.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = Path(store.folder).absolute()  # the working directory may change
        try:
            for part in (TASKS, PLANS, _TEMPORARY):
                (self.folder / part).mkdir(parents=True, exist_ok=True)
            self._own = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{platform.node()}-", dir=self.folder / _TEMPORARY))
            (self._own / _STARTED).touch()
        except OSError as error:
            raise ParameterError(
                f"store is {str(store.folder)!r}, where nothing can be written ({error}); give a folder that you may "
                "write, or store=None"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        shutil.rmtree(self._own, ignore_errors=True)

    def place(self, part: str, key: str) -> Path:
        """Return the folder of an entry, whether there is one or not."""
        return self.folder / part / key

    def look(self, part: str, key: str) -> dict[str, Any] | None:
        """Return the manifest of an entry, None where there is no such entry; or raise `Damaged`."""
        place = self.place(part, key)
        try:
            return read_entry(place, key)
        except Damaged:
            if not place.is_dir():
                return None  # nobody has written it, or another process has just removed it
        return read_entry(place, key)  # which another process may have written since

    def find(self, part: str, key: str) -> dict[str, Any] | None:
        """Return the manifest as ``look`` does, once all files are found whole; the entry counts as used now."""
        entry = self.look(part, key)
        if entry is None:
            return None
        place = self.place(part, key)
        try:
            check_entry(place, entry)
        except Damaged:
            if place.is_dir():
                raise
            return None
        with suppress(OSError):
            os.utime(place)
        return entry

    def write(self, part: str, key: str, write_files: Callable[[Path], Mapping[str, Any]]) -> None:
        """Add an entry; where another process was first, its entry stays.

        Parameters
        ----------
        part, key : str
        write_files : callable
            Called with an empty folder; returns what the manifest is to say besides.
        """
        temporary = self._temporary()
        temporary.mkdir()
        try:
            write_entry(temporary, key, write_files(temporary))
            self._rename(temporary, self.place(part, key))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def remove(self, place: Path) -> bool:
        """Remove an entry, at once for all who look; return whether it is gone by this."""
        temporary = self._temporary()
        try:
            place.rename(temporary)
        except OSError:
            return False
        shutil.rmtree(temporary, ignore_errors=True)
        return True

    def _temporary(self) -> Path:
        return self._own / os.urandom(8).hex()

    def _rename(self, temporary: Path, place: Path) -> None:
        try:
            temporary.rename(place)
        except OSError:
            if not place.is_dir():
                raise

    def entries(self, part: str = TASKS) -> list[Entry]:
        """Return what is there, the least recently used first."""
        return entries(self.folder / part)

    def trim(self, max_bytes: int) -> list[Entry]:
        """Remove the least recently used entries until a limit holds; return them.

        What a fit that still runs in another process has used or written stays.
        """
        found = self.entries()
        left = sum(entry.size for entry in found)
        since = min(map(_started, self._others()), default=float("inf"))
        removed = []
        for entry in found:
            if left <= max_bytes or entry.used >= since:
                break
            if self.remove(entry.path):
                removed.append(entry)
                left -= entry.size
        return removed

    def remove_leftovers(self) -> list[Path]:
        """Remove the temporary folders of writers that have died; return them."""
        dead = [path for path in _sessions(self.folder) if not _is_alive(path)]
        for path in dead:
            shutil.rmtree(path, ignore_errors=True)
        return dead

    def _others(self) -> list[Path]:
        """Return the folders of other fits and commands that run now."""
        return [path for path in _sessions(self.folder) if path != self._own and _is_alive(path)]


def entries(folder: Path) -> list[Entry]:
    """Return the entries in a folder, the least recently used first."""
    found = []
    for place in filter(_is_entry, folder.iterdir()):
        with suppress(OSError):  # another process may remove it at this moment
            size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
            found.append(Entry(place, place.stat().st_mtime, size))
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def is_store(folder: Path) -> bool:
    """Say whether a folder holds a store."""
    return all((folder / part).is_dir() for part in (TASKS, PLANS))


def _is_entry(place: Path) -> bool:
    return re.fullmatch("[0-9a-f]{64}", place.name) is not None


def _sessions(folder: Path) -> list[Path]:
    """Return the temporary folders of fits and commands: ``pid-host-random``."""
    return sorted(path for path in (folder / _TEMPORARY).iterdir() if re.fullmatch(r"\d+-.*-\w{8}", path.name))


def _started(session: Path) -> float:
    try:
        return (session / _STARTED).stat().st_mtime
    except OSError:  # it begins or ends at this moment, and has used nothing
        return float("inf")


def _is_alive(session: Path) -> bool:
    pid, _, rest = session.name.partition("-")
    try:
        if time.time() - session.stat().st_mtime > _FORGOTTEN:
            return False
    except OSError:  # it has just ended
        return True
    if rest.rpartition("-")[0] != platform.node() or os.name == "nt":
        return True
    try:
        os.kill(int(pid), 0)  # asks only
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
