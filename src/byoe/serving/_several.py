"""Several ensembles in one process: each is loaded when it is first asked for, and those asked for least lately go.

The folder of a model holds them below ``models``, each under the name that requests ask for it by.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._refusal import Refusal

if TYPE_CHECKING:
    from ._runtime import Runtime

MODELS = "models"
ROOM = "BYOE_MODELS_MB"
WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"
_MB = 1024 * 1024
_SHARE = 0.5  # of the memory; the rest is for libraries and requests
# A loaded bundle takes half of its files, which hold more than is read, to one and a half times them.
_TIMES = 2
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Several:
    """Ensembles by their names, of which as many are held as there is room for.

    Parameters
    ----------
    folder : Path
        With a bundle for each below ``models``.
    load : callable
        Takes a name and the folder of a bundle, and returns what predicts.
    room : int, default=None
        Bytes that loaded ensembles may take, each counted as twice its files; one that is larger is held alone.
        None takes ``BYOE_MODELS_MB`` of the environment, or half of the memory, shared by the server's workers.

    Attributes
    ----------
    names : list of str
    room : int
    """

    def __init__(self, folder: Path, load: Callable[[str, Path], Runtime], room: int | None = None) -> None:
        self._folder, self._load = folder / MODELS, load
        self.names = sorted(place.name for place in self._folder.iterdir() if place.is_dir())
        self.room = room_of(os.environ) if room is None else room
        self._held: OrderedDict[str, Runtime] = OrderedDict()  # the one that was asked for last is the last
        self._sizes = {name: _TIMES * _size(self._folder / name) for name in self.names}
        self._lock, self._loading = threading.Lock(), threading.Lock()

    @property
    def held(self) -> list[str]:
        """Names of the loaded ensembles, the one that was asked for last at the end."""
        with self._lock:
            return list(self._held)

    def get(self, name: str | None) -> Runtime:
        """Return an ensemble, which is loaded if it is not there; a Refusal says which there are."""
        if name is None or name not in self._sizes:
            asked = "the request names no model" if name is None else f"there is no model {name[:60]!r}"
            raise Refusal(400, f"{asked}; give model=NAME in the content type, of {self._known}")
        if (held := self._touched(name)) is not None:
            return held
        with self._loading:  # one at a time: what is asked for twice is loaded once, and the room is for all
            if (held := self._touched(name)) is not None:
                return held
            self._make_room(self._sizes[name])
            model = self._load(name, self._folder / name)
            with self._lock:
                self._held[name] = model
        print(f"[byoe] model {name} is loaded; {len(self._held)} of {len(self.names)} are held", flush=True)
        return model

    @property
    def _known(self) -> str:
        more = len(self.names) - 20
        return ", ".join(self.names[:20]) + (f" and {more} more" if more > 0 else "")

    def _touched(self, name: str) -> Runtime | None:
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
            return self._held.get(name)

    def _make_room(self, size: int) -> None:
        """Let those go that were asked for least lately; requests that they are answering hold them to their end."""
        while self._held and size + sum(self._sizes[name] for name in self.held) > self.room:
            with self._lock:
                name, model = self._held.popitem(last=False)
            if model.log is not None:
                model.log.tell(ending=True)
            print(f"[byoe] model {name} is let go, for another one's memory", flush=True)


def room_of(environment: Mapping[str, str]) -> int:
    """Return how many bytes the ensembles that this process has loaded may take: of a server's workers each a part."""
    given, workers = environment.get(ROOM, ""), environment.get(WORKERS, "")
    parts = int(workers) if workers.isdecimal() and int(workers) > 0 else 1
    with suppress(ValueError):
        if given and float(given) > 0:
            return int(float(given) * _MB / parts)
    if given:
        print(f"[byoe] {ROOM} is {given[:40]!r}, expected a number above 0; half of the memory is taken", flush=True)
    return int(_SHARE * _memory() / parts)


def _memory() -> int:
    """Return the memory of the container, or of the machine where there is none."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            sizes.append(int(Path(file).read_text()))
    return min(sizes)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
