"""Who failed, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ByoeError, InputError, MemberError, PluginError


@contextmanager
def named(who: str, what: str = "failed to predict") -> Iterator[None]:
    """Name the member or blender in an error of its code; byoe's own errors tell what to do as they are.

    One that refuses the rows says so by a ValueError, which is for whoever sent them.
    """
    try:
        yield
    except PluginError as error:
        raise PluginError(f"{who}: {error}") from error
    except ByoeError:
        raise
    except (Exception, SystemExit) as error:
        kind = InputError if isinstance(error, ValueError) else MemberError
        raise kind(f"{who} {what}: {type(error).__name__}: {error}") from error
