"""Native code in a process that is the fork of another one.

A fork has one thread, and the pools of OpenMP that this thread had used in the parent are there without
their threads: LightGBM, XGBoost and scikit-learn's trees would wait for these for ever. A thread that is
started after the fork has no such pool, so native work is done by one. It has all cores, and its results
are those of the parent. joblib's worker processes answer to a thread of the parent, and those of a fork would
outlive its work: what asks joblib for some gets threads.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")

_BORN = os.getpid()
# joblib's own copy, and what distributions put in its place.
_POOLS = ("joblib.externals.loky.reusable_executor", "loky.reusable_executor")
_of_parents: list[Any] = []  # kept, since to clear these away is the parent's business


class StandIn(threading.Thread):
    """A thread that does what the main thread, which waits for it, cannot do."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True, name="byoe-stand-in")
        self._work, self._context, self._settings = work, copy_context(), _settings()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work in the context and the settings of the main thread."""
        try:
            self.result = self._context.run(self._in_settings)
        except BaseException as error:
            self.error = error

    def _in_settings(self) -> Any:
        if self._settings is None:
            return self._work()
        import sklearn

        with sklearn.config_context(**self._settings):
            return self._work()


def after_fork(work: Callable[[], R]) -> R:
    """Return what native work gives, wherever it is safe: in a fork's main thread that is in another one."""
    if os.getpid() == _BORN:
        return work()
    if threading.current_thread() is not threading.main_thread():
        return _by_threads(work)
    thread = StandIn(lambda: _by_threads(work))
    thread.start()
    thread.join()
    if thread.error is not None:
        raise thread.error
    result: R = thread.result
    return result


def _by_threads(work: Callable[[], R]) -> R:
    """Return what work gives while joblib works by threads, as it does while members are fitted."""
    if "joblib" not in sys.modules:
        return work()
    import joblib

    with joblib.parallel_config(backend="threading"):
        return work()


def open_after_fork(lock: threading.Lock) -> threading.Lock:
    """Return a lock that is open in a fork, where the thread that may have held it is not."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]  # as the standard library
    return lock


def _forget_workers() -> None:
    """Let a fork start workers where it is told to: the thread that tells when the parent's are done is not there."""
    for pool in filter(None, map(sys.modules.get, _POOLS)):
        _of_parents.append(getattr(pool, "_executor", None))
        pool.__dict__.update(_executor=None, _executor_kwargs=None, _executor_lock=threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def speaks_for_main() -> bool:
    """Say whether this is the main thread, or one that it waits for, so that filters of warnings may be changed."""
    thread = threading.current_thread()
    return thread is threading.main_thread() or isinstance(thread, StandIn)


def _settings() -> dict[str, Any] | None:
    """Return scikit-learn's settings, which each thread has its own of; None where it is not loaded."""
    if "sklearn" not in sys.modules:
        return None
    import sklearn

    settings: dict[str, Any] = sklearn.get_config()
    return settings
