"""What is shown of a fit while it runs."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from ..data._listed import Columns
from ..engine._progress import Progress
from ..engine._tasks import REFIT, where
from ..tools._panel import Line, Panel, in_notebook
from ..tools._sizes import tell_duration


def displays(verbose: int) -> tuple[Any, ...]:
    """Return the callbacks that show progress: bars in a notebook or on a terminal, lines elsewhere."""
    if verbose <= 0:
        return ()
    if verbose > 1:
        return (_print_task,)
    if in_notebook():
        return (NotebookBars(),)
    if sys.stderr.isatty():
        try:
            return (TerminalBars(),)
        except ImportError:  # rich comes with the extra cli; lines do without
            pass
    return (MemberLines(),)


_MOST_COLUMNS = 40


def show_columns(columns: Columns) -> None:
    """Print what was inferred of columns that are more than numbers; of many the first ones."""
    told = columns.told()
    if told:
        lines = repr(Columns(told[:_MOST_COLUMNS])).splitlines()
        if len(told) > _MOST_COLUMNS:
            lines.append(f"and {len(told) - _MOST_COLUMNS} further ones, in columns_")
        print("\n".join(f"[byoe] {line}" for line in lines), flush=True)


def show_note(note: str, verbose: int) -> None:
    """Print what became of the time limit, if anything is to be shown."""
    if note and verbose > 0:
        print(f"[byoe] {note}", flush=True)


def _print_task(progress: Progress) -> None:
    print(f"[byoe] {progress}", flush=True)


def _wait(remaining: float | None) -> str:
    return "" if remaining is None else f"about {tell_duration(max(1, round(remaining)))} left"


def _of_all_rows(progress: Progress, tasks: int) -> str:
    """Return what is said of a fit on all rows that comes when the folds are done."""
    return " on all rows" if progress.fold == REFIT and tasks == 1 else ""


class MemberLines:
    """A line for every finished member."""

    def start(self, tasks: Mapping[str, int]) -> None:
        """Take note of how many tasks each member has."""
        self._tasks, self._left = dict(tasks), dict(tasks)
        self._seconds = dict.fromkeys(tasks, 0.0)
        self._fitted = dict.fromkeys(tasks, 0)

    def __call__(self, progress: Progress) -> None:
        self._left[progress.label] -= 1
        if not progress.reused:
            self._seconds[progress.label] += progress.seconds
            self._fitted[progress.label] += 1
        if progress.failed:
            print(f"[byoe] {progress}", flush=True)
        elif not self._left[progress.label]:
            done = sum(not left for left in self._left.values())
            name = f"{progress.label}{_of_all_rows(progress, self._tasks[progress.label])}"
            text = f"{name} done in {self._seconds[progress.label]:.2f} s"
            if not self._fitted[progress.label]:
                text = f"{name} reused"
            wait = _wait(progress.remaining) if done < len(self._left) else ""
            print(f"[byoe] {done}/{len(self._left)} {text}{', ' if wait else ''}{wait}", flush=True)


class _Bars(ABC):
    """A line for all tasks, and one for every member with the fold that is done last."""

    def start(self, tasks: Mapping[str, int]) -> None:
        """Show the members."""
        self._started = time.monotonic()
        self._all = Line("all members", sum(tasks.values()))
        self._members = {label: Line(label, count) for label, count in tasks.items()}
        self._seconds = dict.fromkeys(tasks, 0.0)
        self._draw(now=True)

    def __call__(self, progress: Progress) -> None:
        line, label = self._members[progress.label], progress.label
        line.done += 1
        self._seconds[label] += 0.0 if progress.reused else progress.seconds
        if progress.failed:
            line.text = f"{where(progress.fold)} failed"
        elif not line.text.endswith("failed"):
            line.text = (
                f"done{_of_all_rows(progress, line.total)} in {tell_duration(self._seconds[label])}"
                if line.done == line.total
                else f"{where(progress.fold)} done"
            )
            line.text = "reused" if line.done == line.total and not self._seconds[label] else line.text
        self._all.done = progress.done
        self.tick(progress.remaining)

    def tick(self, remaining: float | None) -> None:
        """Show how much time may be left."""
        self._all.text = _wait(remaining)
        self._draw()

    def end(self) -> None:
        """Leave the last state where it is."""
        done = sum(line.done for line in self._members.values()) == self._all.total
        self._all.text = f"{'done in' if done else 'ended after'} {tell_duration(time.monotonic() - self._started)}"
        self._draw(now=True)

    @abstractmethod
    def _draw(self, *, now: bool = False) -> None:
        """Show the lines as they are."""


class NotebookBars(_Bars):
    """A table below the cell of a notebook."""

    def __init__(self) -> None:
        self._panel = Panel()

    def _draw(self, *, now: bool = False) -> None:
        self._panel.draw([self._all, *self._members.values()], now=now)


class TerminalBars(_Bars):
    """Bars on a terminal; they need rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(stderr=True),
        )
        self._shown: dict[str, Any] = {}

    def end(self) -> None:
        """Leave the last state on the screen."""
        super().end()
        self._bars.stop()

    def _draw(self, *, now: bool = False) -> None:
        lines = [self._all, *self._members.values()]
        if not self._shown:
            self._shown = {line.label: self._bars.add_task(line.label, total=line.total, text="") for line in lines}
            self._bars.start()
        for line, shown in zip(lines, self._shown.values(), strict=True):
            self._bars.update(shown, completed=line.done, text=line.text)
