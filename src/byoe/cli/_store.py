"""The commands ``byoe store …``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ..contracts._store import Store
from ..engine._tasks import where
from ..errors import InputError
from ..store._entry import Damaged, read_entry
from ..store._store import PLANS, TASKS, Entry, OpenStore, entries, is_store
from ..tools._listing import Listing
from ..tools._sizes import read_bytes, read_seconds, tell_bytes, tell_seconds
from ..tuning._study import FOLDER as STUDIES

app = typer.Typer(no_args_is_help=True, help="Look into a store of finished tasks, and tidy it up.")

_Folder = Annotated[Path, typer.Argument(help="Folder that was given as store=.")]


@app.command("list")
def list_entries(folder: _Folder) -> None:
    """Print what is in a store, the most recently used first."""
    found = entries(_checked(folder) / TASKS)
    if found:
        print(Listing(_rows(reversed(found))))
    print(_total(found))


@app.command()
def prune(
    folder: _Folder,
    max_bytes: Annotated[str | None, typer.Option(help="Keep so much, such as 1GB: the most recently used.")] = None,
    older_than: Annotated[str | None, typer.Option(help="Remove what was not used for so long, such as 30d.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove everything.")] = False,
) -> None:
    """Remove entries, and what writers that have died left behind; without an option only that."""
    limit = read_bytes(max_bytes, "--max-bytes")
    age = None if older_than is None else read_seconds(older_than, "--older-than")
    with OpenStore(Store(_checked(folder), None)) as store:
        before = {entry.path: row for entry in store.entries() for row in _rows([entry])}
        removed, plans = [], []
        if everything or age is not None:
            until = float("inf") if everything or age is None else time.time() - age
            removed, plans = (
                [entry for entry in store.entries(part) if entry.used < until and store.remove(entry.path)]
                for part in (TASKS, PLANS)
            )
        if limit is not None:
            removed += store.trim(limit)
        studies = _remove_studies(folder) if everything else 0
        leftovers = store.remove_leftovers()
        left = store.entries()
    if removed:
        print(Listing(before[entry.path] for entry in removed if entry.path in before))
    print(f"removed: {_total(removed)}")
    if plans:
        print(f"removed: {_count(len(plans), 'seed of a plan', 'seeds of plans')}")
    if studies:
        print(f"removed: {_count(studies, 'search', 'searches')}")
    if leftovers:
        print(f"removed: {_count(len(leftovers), 'leftover of a dead writer', 'leftovers of dead writers')}")
    print(f"left: {_total(left)}")


def _remove_studies(folder: Path) -> int:
    """Remove the trials of searches; return of how many."""
    found = list((folder / STUDIES).glob("*.log"))
    for file in found:
        file.unlink(missing_ok=True)
    return len(found)


def _checked(folder: Path) -> Path:
    if not is_store(folder):
        raise InputError(f"{folder} is not a store; give the folder that was given as store= to an ensemble")
    return folder


def _rows(found: Iterable[Entry]) -> list[dict[str, Any]]:
    return [{**_described(entry), "size": tell_bytes(entry.size), "age": _age(entry)} for entry in found]


def _described(entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = {"member": "(damaged)"}
    with suppress(Damaged):
        said = read_entry(entry.path, entry.path.name)
    return {
        "entry": entry.path.name[:12],
        "member": said["member"],
        "learner": said.get("learner"),
        "fold": where(said["fold"]) if "fold" in said else None,
        "rows": said.get("rows"),
    }


def _age(entry: Entry) -> str:
    return tell_seconds(time.time() - entry.used)


def _total(found: list[Entry]) -> str:
    return f"{_count(len(found), 'entry', 'entries')}, {tell_bytes(sum(entry.size for entry in found))}"


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
