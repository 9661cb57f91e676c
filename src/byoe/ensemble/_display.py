"""What is shown of a fit while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..data._listed import Columns
from ..engine._progress import Progress


def displays(verbose: int) -> tuple[Any, ...]:
    """Return the callbacks that show progress: a bar on a terminal, lines elsewhere."""
    if verbose <= 0:
        return ()
    if verbose > 1:
        return (_print_task,)
    if sys.stderr.isatty():
        try:
            return (Bar(),)
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


def _print_task(progress: Progress) -> None:
    print(f"[byoe] {progress}", flush=True)


class MemberLines:
    """A line for every finished member."""

    def start(self, tasks: Mapping[str, int]) -> None:
        """Take note of how many tasks each member has."""
        self._left = dict(tasks)
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
            text = f"{progress.label} done in {self._seconds[progress.label]:.2f} s"
            if not self._fitted[progress.label]:
                text = f"{progress.label} reused"
            wait = "" if progress.remaining is None else f", about {progress.remaining:.0f} s left"
            print(f"[byoe] {done}/{len(self._left)} {text}{wait if done < len(self._left) else ''}", flush=True)


class Bar:
    """A bar with the members, elapsed and expected time; needs rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[wait]}"),
            console=Console(stderr=True),
        )

    def start(self, tasks: Mapping[str, int]) -> None:
        """Show the members."""
        self._all = self._bar.add_task("all members", total=sum(tasks.values()), wait="")
        self._members = {label: self._bar.add_task(label, total=count, wait="") for label, count in tasks.items()}
        self._bar.start()

    def __call__(self, progress: Progress) -> None:
        wait = "" if progress.remaining is None else f"about {progress.remaining:.0f} s left"
        self._bar.update(self._all, completed=progress.done, wait=wait)
        self._bar.advance(self._members[progress.label])
        if progress.failed:
            self._bar.update(self._members[progress.label], wait="failed")

    def end(self) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()
