"""Names of jobs, and of files in a source folder."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from ...errors import ParameterError
from ._limits import LONGEST, a, check_name

# What an endpoint installs, where that is not what the job does.
SERVING_REQUIREMENTS = "serving.txt"
BASELINE = "baseline"  # the folder of a job's output that monitors want
_STAMP = 23  # characters that new_name adds


def new_name(prefix: str = "byoe") -> str:
    """Return a job name that is not taken."""
    return f"{prefix}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def name_of(kind: str, given: Any, default: str = "byoe") -> str:
    """Return the name that something gets: the given one, or a new one behind a prefix, which ends with ``-``.

    Parameters
    ----------
    kind : str
        As for `check_name`.
    given : str or None
        None stands for the default and a ``-``.
    default : str, default="byoe"

    Raises
    ------
    ParameterError
        For a name that the service does not take.

    Examples
    --------
    >>> name_of("endpoint", "churn")
    'churn'
    >>> name_of("endpoint", "churn-")[:6]
    'churn-'
    """
    if given is None:
        return new_name(default)
    if not isinstance(given, str):
        raise ParameterError(f"name is {given!r}, expected a text, such as 'churn', or 'churn-' for a prefix")
    if not given.endswith("-"):
        return check_name(kind, given)
    prefix, most = given[:-1], LONGEST[kind] - _STAMP
    if len(prefix) > most:
        raise ParameterError(
            f"{given!r} cannot be the prefix of the name of {a(kind)}: it may have {most + 1} characters with the '-' "
            f"at its end, since the time is written behind it and a name has at most {LONGEST[kind]}"
        )
    return new_name(check_name(kind, prefix))


def check_model(name: Any) -> str:
    """Return the name that one of several models is asked for by, if it can be one."""
    if not isinstance(name, str):
        raise ParameterError(f"a model is called {name!r}, expected a text such as 'north'")
    return check_name("model", name)


def is_made(name: str) -> bool:
    """Return whether a name is one of `new_name`, which nothing else has."""
    return re.fullmatch(r".+-\d{8}-\d{6}-[0-9a-f]{6}", name) is not None


def part_name(name: str) -> str:
    """Return a new name for what belongs to something of a name, such as the model of an endpoint."""
    return new_name(name[: LONGEST["model"] - _STAMP].rstrip("-"))
