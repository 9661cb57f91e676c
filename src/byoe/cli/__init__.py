"""The ``byoe`` command: names what is missing for it, and tells errors without a traceback."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from ..errors import ByoeError, need


def main() -> None:
    """Run the command line."""
    try:
        need("typer", "cli", "the byoe command")
        need("rich", "cli", "the byoe command")
        from ._app import app

        with warnings.catch_warnings():
            warnings.showwarning = _told
            app()
    except (ByoeError, OSError) as error:
        sys.exit(f"error: {error}")


def _told(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as what it says: the line of code that led to it is none of the user's."""
    print(f"warning: {message}", file=sys.stderr)
