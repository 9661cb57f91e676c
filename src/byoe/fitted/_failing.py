"""Who failed, in words."""

from __future__ import annotations

from ..errors import ByoeError, InputError, MemberError, PluginError


def failure(who: str, error: BaseException, what: str = "failed to predict") -> ByoeError:
    """Return an error that names the member or blender that failed.

    One that refuses the rows says so by a ValueError, which is for whoever sent them.
    """
    if isinstance(error, PluginError):
        return PluginError(f"{who}: {error}")
    kind = InputError if isinstance(error, ValueError) else MemberError
    return kind(f"{who} {what}: {type(error).__name__}: {error}")
