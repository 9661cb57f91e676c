"""A search while it runs: trial after trial, each kept as soon as it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import MemberError
from ..tools._warnings import warn
from ._bench import Bench, Hopeless, Scored
from ._proposals import Proposals
from ._space import distributions
from ._tried import FAILED, STOPPED, Tried, best_of


class _TimeIsUp(Exception):  # noqa: N818  # no error: the search ends with what it has
    pass


class Search:
    """The trials of a search.

    Parameters
    ----------
    bench : Bench
    proposals : Proposals
    study : optuna.Study
        With the trials of an earlier call, if it was the same search.
    ends : float or None
        When the time is up, on the monotonic clock.
    tell : callable
        Called with a trial, its number and the best metric so far.
    folder : Path or None
        The store in which an earlier call's trials are looked for; None for one that goes with this call.
    """

    def __init__(
        self,
        bench: Bench,
        proposals: Proposals,
        study: Any,
        *,
        ends: float | None,
        tell: Callable[[Tried, int, float | None], Any],
        folder: str | Path | None = None,
    ) -> None:
        self._bench, self._proposals, self._study = bench, proposals, study
        self._ends, self._tell, self._folder = ends, tell, folder
        self._greater = bench.begun.metric.greater_is_better
        self._best: Scored | None = None
        self.tried = [Tried.of_optuna(trial) for trial in study.trials]
        self.interrupted = False

    @property
    def best(self) -> int | None:
        """The number of the best trial; None while there is none."""
        return best_of(self.tried, greater_is_better=self._greater)

    def run(self, n_trials: int) -> None:
        """Try until there are so many trials, the time is up, nothing new is left, or the user interrupts."""
        try:
            while len(self.tried) < n_trials and not self._is_late:
                trial = self._proposals.next(self.tried)
                if trial is None:
                    return
                self._try(trial)
        except _TimeIsUp:
            return
        except KeyboardInterrupt as interrupt:
            if self.best is None:
                interrupt.add_note(f"byoe: the search was interrupted before it had a result. {self._goes_on}")
                raise
            self.interrupted = True
            warn(
                f"the search was interrupted after {len(self.tried)} trials; the result is what they have found. "
                + self._goes_on
            )

    @property
    def _goes_on(self) -> str:
        if self._folder is None:
            return "No trial is kept: with store='folder' the same call goes on from there"
        return f"The store {self._folder} has its trials and models: the same call goes on from there"

    @property
    def _is_late(self) -> bool:
        return bool(self.tried) and self._ends is not None and time.monotonic() > self._ends

    def _try(self, trial: Tried) -> None:
        """Score a trial, and keep what came of it."""
        started, fits = time.monotonic(), 0

        def _listen(progress: Any) -> None:
            nonlocal fits
            fits += not progress.reused
            if self._is_late:
                raise _TimeIsUp

        found: dict[str, Any] = {}
        scored: Scored | None = None
        if self._best is None and self.best is not None:  # an earlier call's, of which the store has all
            self._best = self._bench.score(self.tried[self.best].params, None)
        try:
            scored = self._bench.score(trial.params, self._best, [_listen])
        except _TimeIsUp:
            raise
        except Hopeless as reason:
            found = {"state": STOPPED, "reason": str(reason), "begun": reason.value}
        except Exception as error:
            found = {"state": FAILED, "reason": _told(error)}
        else:
            found = {"value": scored.value}
        seconds = time.monotonic() - started
        self._keep(Tried(trial.varied, trial.params, fits=fits, seconds=seconds, **found), scored)

    def _keep(self, trial: Tried, scored: Scored | None) -> None:
        self._study.add_trial(trial.to_optuna(distributions(self._proposals.space)))
        self.tried.append(trial)
        best = self.best
        if best == len(self.tried) - 1:
            self._best = scored
        self._tell(trial, len(self.tried) - 1, None if best is None else self.tried[best].value)


def without_result(tried: Sequence[Tried]) -> MemberError:
    """Return the error of a search none of whose trials has a score."""
    first = tried[0]
    text = f"none of {len(tried)} trials has a score" if len(tried) > 1 else "the only trial has no score"
    return MemberError(f"{text}; the first one, {first.varied}: {first.reason}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
