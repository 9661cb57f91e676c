"""What is shown of a search while it runs."""

from __future__ import annotations

import sys
from typing import Any

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


class Bar:
    """A bar with the best metric so far; needs rich."""

    def __init__(self, n_trials: int, metric: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._metric = metric
        columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[best]}"), console=Console(stderr=True))
        self._all = self._bar.add_task("trials", total=n_trials, best="")
        self._bar.start()

    def __call__(self, trial: Tried, number: int, best: float | None) -> None:
        text = "" if best is None else f"best {self._metric} {best:.4g}"
        self._bar.update(self._all, completed=number + 1, best=text)

    def end(self) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()


def display(verbose: int, n_trials: int, metric: str) -> Any:
    """Return what shows a search: a bar on a terminal, lines elsewhere, None for nothing."""
    if verbose <= 0:
        return None
    if verbose == 1 and sys.stderr.isatty():
        try:
            return Bar(n_trials, metric)
        except ImportError:  # rich comes with the extra cli; lines do without
            pass
    return Lines(n_trials, metric)
