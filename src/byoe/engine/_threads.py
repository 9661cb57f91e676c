"""Who runs when, with how many threads. Nothing else in byoe starts a thread."""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import joblib
import sklearn
from threadpoolctl import ThreadpoolController

from ..contracts._cancelling import listen
from ..tools._warnings import warnings_filtered

T = TypeVar("T")
R = TypeVar("R")


def one_thread() -> Any:
    """Return a context in which BLAS has one thread."""
    return ThreadpoolController().limit(limits=1, user_api="blas")


@dataclass(frozen=True)
class Work(Generic[T]):
    """A task on the schedule.

    Attributes
    ----------
    task : object
        What the function is called with.
    threads : int
        How many threads it uses.
    after : tuple of int
        Places in the list of works that must be finished first; they come before it.
    """

    task: T
    threads: int
    after: tuple[int, ...] = ()


def run(
    function: Callable[[T, int], R],
    works: Sequence[Work[T]],
    n_cores: int,
    quiet: Iterable[type[Warning]] = (),
    over: Callable[[], bool] | None = None,
    waits: Callable[[T], bool] | None = None,
) -> Generator[R]:
    """Run ``function(task, threads)`` for every work in threads; yield results as they finish.

    Of the works that may start, the first in the list does, as soon as its threads are free: the
    threads of all that run never exceed the cores. An error in a task, an interrupt and a closed
    iterator end what is running at its next step in Python, and return when no thread is left.
    So does ``over``, asked now and then, when it returns true. A task for which ``waits`` is true
    starts only where no other can. Warnings of the classes in ``quiet``
    are not shown: set here, since no thread can do so for itself alone.
    """
    rules = [("ignore", "", category) for category in quiet]
    blas = min((work.threads for work in works), default=1)
    # An OpenMP limit belongs to the thread that sets it, a BLAS limit to the whole process.
    native = ThreadpoolController()
    with (
        native.limit(limits=blas, user_api="blas"),
        warnings_filtered(("ignore", ".*but not used"), *rules),
    ):
        crew = _Crew(function, works, n_cores, native, waits)
        try:
            for _ in works:
                finished = crew.next(over)
                if finished is None:
                    return
                result, error = finished
                if error is not None:
                    raise error
                yield result
        finally:
            crew.dismiss()


# Seconds that a task has to end by itself before it is interrupted.
_GRACE = 0.5
_TICK = 0.2


class _Dismissed(BaseException):
    """Raised inside a task that is to end."""


class _Crew(Generic[T, R]):
    """The threads of one run, and the list they take their work from."""

    def __init__(
        self,
        function: Callable[[T, int], R],
        works: Sequence[Work[T]],
        n_cores: int,
        native: ThreadpoolController,
        waits: Callable[[T], bool] | None = None,
    ) -> None:
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._function = function
        self._works = works
        self._native = native
        self._waits = waits
        self._waiting = list(range(len(works)))
        self._done: set[int] = set()
        self._free = n_cores
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._busy: set[int] = set()
        self._grace = _GRACE
        config = sklearn.get_config()
        self._threads = [
            threading.Thread(target=copy_context().run, args=(self._serve, config), name=f"byoe-{number}", daemon=True)
            for number in range(min(n_cores, len(works)))
        ]
        for thread in self._threads:
            thread.start()

    def next(self, over: Callable[[], bool] | None) -> tuple[R, BaseException | None] | None:
        """Return what is finished next, or None when it is over before."""
        while over is None or not over():
            # The system may give an interrupt to another thread, and this one must wake up to see it.
            with suppress(queue.Empty):
                return cast("tuple[R, BaseException | None]", self._finished.get(timeout=_TICK))
        self._grace = 0.0  # what could end in time has done so
        return None

    def dismiss(self) -> None:
        """End what runs and wait for it."""
        with self._changed:
            self._over.set()
            self._waiting.clear()
            self._changed.notify_all()
        with _unheard(_Dismissed):
            while alive := [thread for thread in self._threads if thread.is_alive()]:
                for thread in alive:
                    thread.join(self._grace / len(alive))
                self._grace = _GRACE
                with self._changed:
                    for ident in self._busy:
                        _raise_in(ident, _Dismissed)

    def _serve(self, config: dict[str, Any]) -> None:
        listen(self._over)
        with suppress(_Dismissed), sklearn.config_context(**config):
            while (place := self._take()) is not None:
                outcome = self._carry_out(self._works[place])
                with self._changed:
                    self._busy.discard(threading.get_ident())
                    self._free += self._works[place].threads
                    self._done.add(place)
                    self._finished.put(outcome)
                    self._changed.notify_all()

    def _take(self) -> int | None:
        with self._changed:
            while self._waiting:
                for place in self._in_turn():
                    work = self._works[place]
                    if self._done.issuperset(work.after):
                        if work.threads > self._free and self._busy:
                            break  # nothing smaller goes ahead of it, or it might never start
                        self._waiting.remove(place)
                        self._free -= work.threads
                        self._busy.add(threading.get_ident())
                        return place
                self._changed.wait()
            return None

    def _in_turn(self) -> list[int]:
        if self._waits is None:
            return self._waiting
        waits = {place: self._waits(self._works[place].task) for place in self._waiting}
        return sorted(self._waiting, key=lambda place: waits[place])

    def _carry_out(self, work: Work[T]) -> tuple[R | None, BaseException | None]:
        try:
            with limited(self._native, work.threads):
                return self._function(work.task, work.threads), None
        except _Dismissed:
            raise
        except BaseException as error:
            return None, error


@contextmanager
def limited(native: ThreadpoolController, threads: int) -> Iterator[None]:
    """Let native pools and joblib's users in this thread have so many threads."""
    backend = joblib.parallel.ThreadingBackend(nesting_level=1)
    with (
        native.limit(limits=threads, user_api="openmp"),
        joblib.parallel_config(backend, n_jobs=threads),
    ):
        yield


@contextmanager
def _unheard(error: type[BaseException]) -> Iterator[None]:
    """Print nothing about an error that native code cannot pass on."""
    hooks = sys.excepthook, sys.unraisablehook

    def _excepthook(kind: type[BaseException], *args: Any) -> None:
        if kind is not error:
            hooks[0](kind, *args)

    def _unraisablehook(unraisable: Any) -> None:
        if unraisable.exc_type is not error:
            hooks[1](unraisable)

    sys.excepthook, sys.unraisablehook = _excepthook, _unraisablehook
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def _raise_in(ident: int, error: type[BaseException]) -> None:
    """Raise an error in another thread as soon as that runs Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))
