"""What an endpoint's process has answered, and how its rows compare with those of training: counts, never values."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..contracts._task import IntArray
from ..data._form import TableForm
from ..data._profile import Profile, timely
from ..data._table import Table


@dataclass
class Counts:
    """What was counted.

    Attributes
    ----------
    below, above, missing : array of shape (n_columns,)
        Cells; of a category those that training did not hold are in ``above``.
    requests : int
        Refused ones included.
    rows, rows_outside : int
        Of requests that were answered.
    refused : Counter
        By status and reason.
    answers : int
        Those whose time is known, with the sum of these seconds and the longest one.
    seconds, longest : float
    """

    below: IntArray
    above: IntArray
    missing: IntArray
    requests: int = 0
    rows: int = 0
    rows_outside: int = 0
    refused: Counter[tuple[int, str]] = field(default_factory=Counter)
    answers: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    @classmethod
    def none(cls, n_columns: int) -> Counts:
        """Return counts of nothing."""
        below, above, missing = np.zeros((3, n_columns), dtype=np.int64)
        return cls(below, above, missing)

    def copy(self) -> Counts:
        """Return what does not change when more is counted."""
        arrays = {name: getattr(self, name).copy() for name in ("below", "above", "missing", "refused")}
        return Counts(**{**vars(self), **arrays})

    def since(self, before: Counts) -> Counts:
        """Return what was counted after other counts; the longest answer is the longest of all."""
        changed = {name: value - getattr(before, name) for name, value in vars(self).items()}
        return Counts(**{**changed, "longest": self.longest})


class Watch:
    """Counts of one process, kept for one model; it may be asked from several threads.

    Parameters
    ----------
    profile : Profile or None
        What training held, if the bundle tells.
    form : TableForm
        Of the table that the model was fitted on.
    """

    def __init__(self, profile: Profile | None, form: TableForm) -> None:
        self.profile, self.form = profile, form
        self.dates = frozenset(timely(form))
        self._lock, self._counts = threading.Lock(), Counts.none(len(form))

    @property
    def names(self) -> list[str]:
        """What the columns are called: by their numbers, where they have no names."""
        return list(self.form.labels or self.form.names or map(str, range(len(self.form))))

    def served(self, table: Table) -> None:
        """Count a request that was answered, and its rows."""
        outside = None if self.profile is None else self.profile.outside(table.values, self.form)
        with self._lock:
            counts = self._counts
            counts.requests += 1
            counts.rows += len(table)
            if outside is not None:
                counts.rows_outside += outside.rows
                counts.below += outside.below
                counts.above += outside.above
                counts.missing += outside.missing

    def refused(self, status: int, reason: str, *, came: bool = True) -> None:
        """Count a request that was refused; ``came`` is whether it was not counted as a request yet."""
        with self._lock:
            self._counts.requests += came
            self._counts.refused[status, reason] += 1

    def answered(self, seconds: float) -> None:
        """Count how long an answer took."""
        with self._lock:
            counts = self._counts
            counts.answers += 1
            counts.seconds += seconds
            counts.longest = max(counts.longest, seconds)

    def counts(self) -> Counts:
        """Return what was counted so far."""
        with self._lock:
            return self._counts.copy()

    def pending(self) -> tuple[int, int]:
        """Return how many requests came, and how many rows were outside, so far."""
        return self._counts.requests, self._counts.rows_outside


@dataclass
class Visit:
    """A request on its way through the handlers.

    Attributes
    ----------
    begun : float
        When it came, by ``time.perf_counter``.
    watch : Watch or None
        Of the model that it is for, once that is known.
    """

    begun: float = field(default_factory=time.perf_counter)
    watch: Watch | None = None


def visit_of(passed: Any) -> Visit | None:
    """Return the visit of what handlers pass on; None where a handler of the user's made it."""
    found = getattr(passed, "visit", None)
    return found if isinstance(found, Visit) else None
