"""Who failed, in words."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from ..errors import ByoeError, InputError, MemberError, PluginError


@dataclass(frozen=True)
class Named:
    """Name the member or blender in an error of its code; byoe's own errors tell what to do as they are.

    One that refuses the rows says so by a ValueError, which is for whoever sent them. A class, since
    `contextlib.contextmanager` lets a StopIteration through as it came.
    """

    who: str
    what: str = "failed to predict"

    def __enter__(self) -> None:
        """Nothing is needed before."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise the error again with who it was."""
        if isinstance(error, PluginError):
            raise PluginError(f"{self.who}: {error}") from error
        if isinstance(error, (Exception, SystemExit)) and not isinstance(error, ByoeError):
            kind = InputError if isinstance(error, ValueError) else MemberError
            raise kind(f"{self.who} {self.what}: {type(error).__name__}: {error}") from error
