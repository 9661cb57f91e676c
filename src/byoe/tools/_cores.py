"""How many cores there are to use."""

from __future__ import annotations

import os

import numpy as np

from ..errors import ParameterError


def cores(n_jobs: int | None) -> int:
    """Return how many cores a fit may use.

    joblib knows what affinity masks and cgroup quotas leave to the process. ``n_jobs=None``
    means all of these, the number of an enclosing ``joblib.parallel_config``, or inside
    another library's parallel worker what that gives, which is one unless it says more.
    """
    try:
        import joblib  # not at the top: an endpoint predicts a few rows without it
    except ModuleNotFoundError:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1

    available: int = joblib.cpu_count()
    if n_jobs is None:
        backend, configured = joblib.parallel.get_active_backend()
        if backend.nesting_level:
            return max(1, min(available, configured or 1))
        n_jobs = configured if configured not in (None, 1) else -1
    if not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise ParameterError(f"n_jobs is {n_jobs!r}, expected a positive integer, or -1 for all cores")
    n_jobs = int(n_jobs)
    wanted = n_jobs if n_jobs > 0 else available + 1 + n_jobs
    return max(1, min(available, wanted))
