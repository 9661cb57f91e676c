"""What a user says of a store: its folder, and how large it may become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ParameterError
from ..tools._sizes import read_bytes


@dataclass(frozen=True, repr=False)
class Store:
    """A folder that keeps the finished (member, fold) tasks of fits.

    Given as ``store=`` to an ensemble, or simply as the folder's path. See the page "Store" of
    the documentation for what makes two tasks the same.

    Parameters
    ----------
    folder : str or Path
        Made when it does not exist. Several ensembles and processes may share it.
    max_bytes : int, str or None, default="5GB"
        What the entries may take, in bytes or as a text such as ``"500MB"``. After a fit the
        least recently used leave until it holds. None is no limit.

    Raises
    ------
    ParameterError
        When the limit is not a positive size.

    Examples
    --------
    >>> from byoe import Store
    >>> Store("cache", max_bytes="500MB")
    Store('cache', max_bytes='500MB')
    """

    folder: str | Path
    max_bytes: int | str | None = "5GB"

    def __post_init__(self) -> None:
        if not isinstance(self.folder, (str, Path)) or not str(self.folder):
            raise ParameterError(f"store is {self.folder!r}, expected a folder, or byoe.Store(folder, max_bytes=...)")
        object.__setattr__(self, "folder", Path(self.folder))
        read_bytes(self.max_bytes, "max_bytes")

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r}, max_bytes={self.max_bytes!r})"


def as_store(given: Any) -> Store | None:
    """Return what a user gave as ``store=`` as a store."""
    return given if given is None or isinstance(given, Store) else Store(given)
