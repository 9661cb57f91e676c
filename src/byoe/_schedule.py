"""Who runs when, with how many threads. Nothing else in byoe starts a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from ._filters import warnings_filtered
from .errors import ParameterError

T = TypeVar("T")
R = TypeVar("R")


def cores(n_jobs: int | None) -> int:
    """Return how many cores a fit may use.

    joblib knows what affinity masks and cgroup quotas leave to the process. ``n_jobs=None``
    means all of these, the number of an enclosing ``joblib.parallel_config``, or one inside
    another library's parallel worker.
    """
    available: int = joblib.cpu_count()
    if n_jobs is None:
        backend, configured = joblib.parallel.get_active_backend()
        if backend.nesting_level:
            return 1
        n_jobs = configured if configured not in (None, 1) else -1
    if not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise ParameterError(f"n_jobs is {n_jobs!r}, expected a positive integer, or -1 for all cores")
    n_jobs = int(n_jobs)
    wanted = n_jobs if n_jobs > 0 else available + 1 + n_jobs
    return max(1, min(available, wanted))


def run(
    function: Callable[[T, int], R],
    tasks: Sequence[T],
    n_jobs: int | None,
    quiet: Iterable[type[Warning]] = (),
) -> Iterator[R]:
    """Run ``function(task, threads)`` for every task; yield results as they finish.

    Threads per task are fixed before the first task starts, so that results do not depend
    on timing, and tasks × threads never exceeds the cores. Tasks start in the given order.
    Warnings of the classes in ``quiet`` are not shown: set here, since no thread can do so for
    itself alone.
    """
    total = cores(n_jobs)
    workers = max(1, min(total, len(tasks)))
    threads = max(1, total // max(1, len(tasks)))
    # An OpenMP limit belongs to the thread that sets it, a BLAS limit to the whole process.
    native = ThreadpoolController()

    def limited(task: T) -> R:
        with native.limit(limits=threads, user_api="openmp"):
            return function(task, threads)

    rules = [("ignore", "", category) for category in quiet]
    with (
        native.limit(limits=threads, user_api="blas"),
        warnings_filtered(("ignore", ".*but not used"), *rules),
    ):
        parallel: Any = joblib.Parallel(
            workers, backend="threading", return_as="generator_unordered", pre_dispatch="all"
        )
        results = parallel(joblib.delayed(limited)(task) for task in tasks)
        try:
            for result in results:  # noqa: UP028 - a closed "yield from" would close the results with a warning
                yield result
        finally:
            results.close()
