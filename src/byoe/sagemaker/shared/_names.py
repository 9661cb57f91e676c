"""Names of jobs, and of files in a source folder."""

from __future__ import annotations

import secrets
import time

# What an endpoint installs, where that is not what the job does.
SERVING_REQUIREMENTS = "serving.txt"


def new_name(prefix: str = "byoe") -> str:
    """Return a job name that is not taken."""
    return f"{prefix}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
