"""What is shown of a search while it runs."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from typing import Any

from ..engine._countdown import Countdown
from ..tools._panel import Line, Panel, in_notebook
from ..tools._sizes import tell_duration
from ._tried import COMPLETE, Tried


def told(trial: Tried, number: int, n_trials: int, metric: str, best: float | None) -> str:
    """Return the line about a trial that has ended.

    Examples
    --------
    >>> told(Tried("ridge", {}, "complete", 55.016, seconds=0.2), 3, 50, "rmse", 54.9)
    'trial 3 of 50, ridge: rmse 55.02 in 0.20 s (best 54.9)'
    """
    text = f"{metric} {trial.value:.4g}" if trial.state == COMPLETE else f"{trial.state}: {trial.reason}"
    best_text = "" if best is None else f" (best {best:.4g})"
    return f"trial {number} of {n_trials}, {trial.varied}: {text} in {trial.seconds:.2f} s{best_text}"


class Lines:
    """A line for every trial."""

    def __init__(self, n_trials: int, metric: str) -> None:
        self._n_trials, self._metric = n_trials, metric

    def __call__(self, trial: Tried, number: int, best: float | None) -> None:
        print(f"[byoe] {told(trial, number, self._n_trials, self._metric, best)}", flush=True)

    def end(self) -> None:
        """Nothing is left to do."""


class _Bar(ABC):
    """A bar with the best metric so far, and how long the rest may take."""

    def __init__(self, n_trials: int, metric: str) -> None:
        self._metric, self._started, self._left = metric, time.monotonic(), Countdown()
        self._first: int | None = None
        self._line = Line("trials", n_trials)
        self._draw(now=True)

    def __call__(self, trial: Tried, number: int, best: float | None) -> None:
        if self._first is None:  # those before it are of an earlier call
            self._first = number
        passed = time.monotonic() - self._started
        self._line.done = number + 1
        each = passed / (number + 1 - self._first)
        left = self._left(each * (self._line.total - self._line.done), passed)
        texts = [f"best {self._metric} {best:.4g}"] if best is not None else []
        texts += [f"about {tell_duration(max(1, round(left)))} left"] if left else []
        self._line.text = ", ".join(texts)
        self._draw()

    def end(self) -> None:
        """Leave the last state where it is."""
        best = self._line.text.partition(", about")[0]
        self._line.text = f"{best}, after {tell_duration(time.monotonic() - self._started)}".removeprefix(", ")
        self._draw(now=True)

    @abstractmethod
    def _draw(self, *, now: bool = False) -> None:
        """Show the line as it is."""


class NotebookBar(_Bar):
    """A bar below the cell of a notebook."""

    def __init__(self, n_trials: int, metric: str) -> None:
        self._panel = Panel()
        super().__init__(n_trials, metric)

    def _draw(self, *, now: bool = False) -> None:
        self._panel.draw([self._line], now=now)


class TerminalBar(_Bar):
    """A bar on a terminal; it needs rich."""

    def __init__(self, n_trials: int, metric: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._all = self._bar.add_task("trials", total=n_trials, text="")
        self._bar.start()
        super().__init__(n_trials, metric)

    def end(self) -> None:
        """Leave the last state on the screen."""
        super().end()
        self._bar.stop()

    def _draw(self, *, now: bool = False) -> None:
        self._bar.update(self._all, completed=self._line.done, text=self._line.text)


def display(verbose: int, n_trials: int, metric: str) -> Any:
    """Return what shows a search: a bar in a notebook or on a terminal, lines elsewhere, None for nothing."""
    if verbose <= 0:
        return None
    if verbose == 1 and in_notebook():
        return NotebookBar(n_trials, metric)
    if verbose == 1 and sys.stderr.isatty():
        try:
            return TerminalBar(n_trials, metric)
        except ImportError:  # rich comes with the extra cli; lines do without
            pass
    return Lines(n_trials, metric)
