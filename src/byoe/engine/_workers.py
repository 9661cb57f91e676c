"""Tasks of a fit in other processes, of this machine or a cluster; joblib runs them under its configured backend.

The data reach a process once, and wait there for its tasks. A task that is sent is small, and
what comes back are its out-of-fold predictions and its model.
"""

from __future__ import annotations

import pickle
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import joblib
import numpy as np
import sklearn
from threadpoolctl import ThreadpoolController

from ..errors import InputError, MemberError
from ._prepared import Preparation
from ._rows import Rows
from ._shared_data import SharedData
from ._tasks import REFIT, FitTask, Outcome
from ._threads import limited

CarryOut = Callable[[FitTask, Rows, int, list[int], Preparation | None], Outcome]

# Every task has one thread, so that what it finds depends neither on the workers nor on their number.
_THREADS = 1
# Bytes above which joblib maps an array into its workers' memory instead of sending it with every task.
_MAPPED = 10_000
# How often the data are sent anew.
_LOSSES = 3
_NO_ROWS = np.empty(0, dtype=np.int64)
# Stands for the task in an outcome that is sent back: the caller knows it.
_UNKNOWN: Any = None


def configured_backend() -> Any | None:
    """Return the joblib backend that is configured, if its workers are processes; None for threads, the default."""
    backend, _ = joblib.parallel.get_active_backend(prefer="threads")
    return None if getattr(backend, "supports_sharedmem", False) else backend


@dataclass(frozen=True)
class Errand:
    """A task on its way to a worker.

    Attributes
    ----------
    task : FitTask
    rounds : list of int
        How many rounds each output's model gets, where that is known.
    prepare : int or None
        The seed with which the learner prepares the whole table, if it does.
    """

    task: FitTask
    rounds: list[int] = field(default_factory=list)
    prepare: int | None = None


class Workers:
    """The worker processes of one fit; a context manager.

    Parameters
    ----------
    backend : joblib.parallel.ParallelBackendBase
    n_jobs : int or None
        How many processes, where the backend leaves that open; None for what is configured,
        and all cores where nothing is.
    data : Rows
    carry_out : callable
        What is done with a task in a worker.
    quiet : iterable of warning classes
        What is not shown.
    """

    def __init__(
        self, backend: Any, n_jobs: int | None, data: Rows, carry_out: CarryOut, quiet: Iterable[type[Warning]]
    ) -> None:
        if n_jobs is None:
            _, configured = joblib.parallel.get_active_backend()
            n_jobs = -1 if configured is None else configured
        self._backend, self._n_jobs = backend, n_jobs
        self._shared = SharedData(data, kept=not _scatters(backend))
        self._carry_out = carry_out
        self._scene = _Scene(tuple(quiet), sklearn.get_config(), np.geterr())

    @property
    def count(self) -> int:
        """How many processes there are, as far as the backend knows now."""
        return int(self._backend.effective_n_jobs(self._n_jobs))

    def __enter__(self) -> Self:
        try:
            _ = self._shared.parts
        except Exception as error:
            raise InputError(
                f"the data cannot be sent to worker processes ({type(error).__name__}: {error})"
            ) from error
        self._open()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.close()

    def _open(self) -> None:
        with ExitStack() as stack:
            backend = stack.enter_context(_scattered(self._shared, self._backend, self._n_jobs))
            as_they_come = backend.supports_return_generator
            self._parallel = stack.enter_context(
                joblib.Parallel(
                    n_jobs=self._n_jobs,
                    backend=backend,
                    return_as="generator_unordered" if as_they_come else "list",
                    batch_size=1,
                    # A cluster may grow; loky stumbles over what it holds in stock when its processes are ended.
                    pre_dispatch="all" if _scatters(backend) else "2 * n_jobs",
                    max_nbytes=_MAPPED,
                )
            )
            self._stack = stack.pop_all()

    def run(self, errands: Sequence[Errand]) -> Generator[Outcome, None, None]:
        """Have tasks done; yield what comes of them as it arrives.

        A closed iterator takes back the tasks that have not begun.
        """
        left: dict[int, bytes] = {}
        for place, errand in enumerate(errands):
            try:
                left[place] = _pickled(_without_rows(errand))
            except Exception as error:
                yield Outcome(errand.task, 0.0, error=_cannot("the learner", "sent to", error))
        losses = 0
        while left:
            try:
                with closing(self._answers(left)) as answers:
                    for place, packed in answers:
                        del left[place]
                        outcome: Outcome = pickle.loads(packed)  # noqa: S301  # by a process of the user's own
                        yield replace(outcome, task=errands[place].task)
            except CancelledError as error:  # by Dask, when the last worker that held the data is lost
                losses += 1
                if losses > _LOSSES:
                    raise self._failed(error) from error
                self._stack.close()
                self._open()

    def _answers(self, packed: Mapping[int, bytes]) -> Generator[tuple[int, bytes], None, None]:
        calls = [
            joblib.delayed(_serve)(self._carry_out, self._shared, self._scene, place, errand)
            for place, errand in packed.items()
        ]
        answers: Any = iter(())
        try:
            answers = iter(self._parallel(calls))
            for answer in answers:  # noqa: UP028  # `yield from` would close it
                yield answer
        except CancelledError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        finally:
            _abandon(answers)

    def _failed(self, error: Exception) -> MemberError:
        return MemberError(
            f"joblib's backend {type(self._backend).__name__} could not run a task of this fit "
            f"({type(error).__name__}: {error}); without joblib.parallel_config the ensemble is fitted in threads"
        )


def _scatters(backend: Any) -> bool:
    """Return whether a backend is Dask's, which brings data to all workers and serves them there."""
    return hasattr(backend, "data_futures")


@contextmanager
def _scattered(shared: SharedData, backend: Any, n_jobs: int) -> Iterator[Any]:
    """Bring the data to every worker of a Dask cluster at once; at the end take back these and the tasks on them."""
    if not _scatters(backend):
        yield backend
        return
    backend.effective_n_jobs(n_jobs)  # waits for the first worker
    own = type(backend)(
        client=backend.client,
        scatter=[shared],
        wait_for_workers_timeout=backend.wait_for_workers_timeout,
        **backend.submit_kwargs,
    )
    try:
        yield own
    finally:
        with suppress(Exception):  # from a cluster that is gone nothing is to be taken back
            own.client.cancel(list(own.data_futures.values()))


class _Abandoned(BaseException):
    """Raised where joblib waits for results that nobody wants any more."""


def _abandon(answers: Any) -> None:
    if hasattr(answers, "throw"):  # closed, it would warn of results that are not used
        with suppress(_Abandoned):
            answers.throw(_Abandoned)


# -- in a worker ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """What holds in the caller's thread and is to hold for its tasks."""

    quiet: tuple[type[Warning], ...]
    sklearn: Mapping[str, Any]
    numpy: Mapping[str, Any]


def _serve(carry_out: CarryOut, shared: SharedData, scene: _Scene, place: int, packed: bytes) -> tuple[int, bytes]:
    """Carry out a task in a worker; return its place and its outcome as bytes."""
    try:
        errand: Errand = pickle.loads(packed)  # noqa: S301  # by a process of the user's own
    except Exception as error:
        return place, _packed(Outcome(_UNKNOWN, 0.0, error=_cannot("the learner", "read in", error)))
    task = _with_rows(errand.task, shared.data)
    native = ThreadpoolController()
    with (
        _process.set(native, scene.quiet),
        limited(native, _THREADS),
        sklearn.config_context(**scene.sklearn),
        np.errstate(**scene.numpy),
    ):
        prepared = None if errand.prepare is None else shared.prepared(task.label, task.learner, errand.prepare)
        return place, _packed(carry_out(task, shared.data, _THREADS, errand.rounds, prepared))


def _without_rows(errand: Errand) -> Errand:
    return replace(errand, task=replace(errand.task, train=_NO_ROWS, test=None))


def _with_rows(task: FitTask, data: Rows) -> FitTask:
    if task.fold == REFIT:
        return replace(task, train=np.arange(data.plan.n_rows))
    train, test = data.plan.folds[task.fold]
    return replace(task, train=train, test=test)


def _packed(outcome: Outcome) -> bytes:
    if outcome.error is not None:
        outcome.error = _portable(outcome.error)
    outcome.task = _UNKNOWN
    try:
        return _pickled(outcome)
    except Exception as error:
        return _packed(Outcome(outcome.task, outcome.seconds, error=_cannot("the model", "sent back from", error)))


def _cannot(what: str, be: str, error: Exception) -> TypeError:
    return TypeError(
        f"{what} cannot be {be} a worker process ({type(error).__name__}: {error}); without joblib.parallel_config "
        "the ensemble is fitted in threads"
    )


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent, with its traceback as a note, since that cannot."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(_pickled(error))  # noqa: S301  # made here
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In the worker process:\n\n{trace}")
    return error


def _pickled(value: Any) -> bytes:
    # Like joblib's own, this takes what is defined in a notebook, too.
    return pickle.dumps(joblib.wrap_non_picklable_objects(value, keep_wrapper=False))


class _Process:
    """What holds for this whole process while any task runs in it: a worker may have several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks = 0
        self._settings = ExitStack()

    @contextmanager
    def set(self, native: ThreadpoolController, quiet: Iterable[type[Warning]]) -> Iterator[None]:
        """Give BLAS one thread, and show no warnings of some classes; the last task restores both."""
        with self._lock:
            self._tasks += 1
            if self._tasks == 1:
                self._settings.enter_context(native.limit(limits=_THREADS, user_api="blas"))
                self._settings.enter_context(warnings.catch_warnings())
            for category in quiet:
                warnings.simplefilter("ignore", category)
        try:
            yield
        finally:
            with self._lock:
                self._tasks -= 1
                if not self._tasks:
                    self._settings.close()


_process = _Process()
