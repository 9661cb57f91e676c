"""The errors that byoe raises on purpose.

::

    ByoeError
    ├── InputError (ValueError)         the data is not what was expected
    ├── ParameterError (ValueError)     a parameter, label or space is wrong
    │   └── UnknownNameError            a name nobody registered or declared
    ├── PluginError (TypeError)         a plugin broke its contract or cannot be loaded
    ├── MemberError (RuntimeError)      a member or the blender failed
    ├── SpecError (ValueError)          an ensemble that JSON cannot express
    ├── BundleError (ValueError)        a saved ensemble that cannot be trusted or read
    ├── JobError (RuntimeError)         a training job, tuning job or endpoint failed
    └── MissingExtraError (ImportError) an optional dependency is not installed

Each also derives from the built-in exception that scikit-learn's users already catch.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

from ._version import DISTRIBUTION


class ByoeError(Exception):
    """Base class of all errors that byoe raises on purpose."""


class InputError(ByoeError, ValueError):
    """The data is not what was expected."""


class ParameterError(ByoeError, ValueError):
    """A parameter, label or search space is wrong."""


class UnknownNameError(ParameterError):
    """A name that nobody registered or declared."""


class PluginError(ByoeError, TypeError):
    """A plugin cannot be loaded or broke its contract."""


class MemberError(ByoeError, RuntimeError):
    """A member or the blender failed to fit or to predict."""


class SpecError(ByoeError, ValueError):
    """An ensemble that its JSON form cannot express."""


class BundleError(ByoeError, ValueError):
    """A saved ensemble that cannot be trusted or read."""


class JobError(ByoeError, RuntimeError):
    """A training job, a tuning job or an endpoint failed."""


class MissingExtraError(ByoeError, ImportError):
    """An optional dependency is not installed."""


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs {module!r}, which is not installed: pip install '{DISTRIBUTION}[{extra}]'"
        ) from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the closest known names and all of them, as the tail of an error message."""
    names = sorted(set(known))
    close = [known for known in names if known.lower() == name.lower()]
    close = close or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names) if names else 'none'}."


class LeakageWarning(UserWarning):
    """A fold may have learned about the rows that it predicts."""


class ColumnWarning(UserWarning):
    """A column may be something else than it was taken for, or no feature at all."""


class BudgetWarning(UserWarning):
    """Members were left out for want of time, or the memory may not suffice."""
