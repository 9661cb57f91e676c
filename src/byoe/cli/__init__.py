"""The ``byoe`` command: names what is missing for it, and tells errors without a traceback."""

from __future__ import annotations

import sys

from ..errors import ByoeError, need


def main() -> None:
    """Run the command line."""
    try:
        need("typer", "cli", "the byoe command")
        need("rich", "cli", "the byoe command")
        from ._app import app

        app()
    except (ByoeError, OSError) as error:
        sys.exit(f"error: {error}")
