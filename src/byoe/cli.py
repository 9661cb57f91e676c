"""The ``byoe`` command: names what is missing for it, and ends every error in one line."""

from __future__ import annotations

import sys

from ._errors import ByoeError, need


def main() -> None:
    """Run the command line."""
    try:
        need("typer", "cli", "the byoe command")
        need("rich", "cli", "the byoe command")
        from ._commands import app

        app()
    except ByoeError as error:
        sys.exit(f"error: {error}")
