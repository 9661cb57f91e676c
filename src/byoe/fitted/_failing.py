"""Who failed, in words, and a blender that may."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, Task
from ..errors import ByoeError, InputError, MemberError, PluginError
from ..tools._forks import after_fork


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


def blended_by(blender: Blender, predictions: FloatArray, features: FloatArray | None, task: Task) -> FloatArray:
    """Return the blend of the members' predictions, which a blender makes."""
    with Named(f"blender {blender.name}{blender.origin}"):
        found = after_fork(lambda: blender.predict(predictions, features))
    return checked_blend(blender, found, len(predictions), task)


def checked_blend(blender: Blender, found: Any, n_rows: int, task: Task) -> FloatArray:
    """Return what a blender predicted as float64; a MemberError where that is no prediction."""
    try:
        scores = not blender.gives_probabilities
        return task.check(found, n_rows, f"blender {blender.name}{blender.origin}", scores=scores)
    except ValueError as error:  # nobody's rows are to blame for it
        raise MemberError(str(error)) from error
