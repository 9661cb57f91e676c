"""The commands ``byoe plugins``, ``byoe check`` and ``byoe new-plugin``."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .._version import DISTRIBUTION
from ..errors import PluginError
from ..tools._versions import other_project
from . import _options as options
from ._template import write_plugin


def plugins(as_json: options.AsJson = False) -> None:
    """List the registered learners and blenders: where each comes from, what it can do, and its state."""
    from ..registry._overview import overview

    _warn_of_another()
    found = overview()
    if as_json:
        options.tell_json(list(found))
    else:
        print(found)


def check(
    name: Annotated[str, typer.Argument(help="A registered learner or blender.")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the learner or blender.")] = None,
    rows: Annotated[int, typer.Option(min=120, help="Rows of the tables that a learner is checked on.")] = 120,
    as_json: options.AsJson = False,
) -> None:
    """Check that a plugin keeps the promises of the contract; the exit status is 1 if it breaks one."""
    from ..conformance import check_blender, check_learner
    from ..registry._overview import KINDS
    from ..registry._plugin import plain
    from ..registry._registry import blender, installed, learner

    _warn_of_another()
    params = options.settings(param)
    broken = False
    reports: list[Any] = []
    for kind in KINDS:
        if plain(name) not in installed(kind) and (kind == "blender" or plain(name) in installed("blender")):
            continue
        try:
            with _libraries_silenced():
                if kind == "learner":
                    report = check_learner(learner(name, **params), on_fail="report", n_rows=rows)
                else:
                    report = check_blender(blender(name, **params), on_fail="report")
        except PluginError as error:
            print(f"error: {error}", file=sys.stderr)
            broken = True
            continue
        reports.append(report)
        broken = broken or bool(report.broken)
        if not as_json:
            print(report)
            print(f"{len(report) - len(report.broken)} of {len(report)} rules kept or not asked for")
    if as_json:
        options.tell_json([{"subject": one.subject, "rules": [asdict(result) for result in one]} for one in reports])
    if broken:
        raise typer.Exit(1)


def new_plugin(
    name: Annotated[str, typer.Argument(help="Of the learner, such as quiet-trees.")],
    out: Annotated[Path | None, typer.Option(help="Folder to make; by default byoe-NAME.")] = None,
) -> None:
    """Write the package of a learner of your own, which keeps the contract, with its test."""
    folder = write_plugin(name, out)
    place = str(folder) if folder.is_absolute() else f"./{folder}"
    print(f"wrote {folder}; next:\n  pip install -e {shlex.quote(place)}\n  byoe check {name}")


@contextmanager
def _libraries_silenced() -> Iterator[None]:
    """Leave out what libraries write and warn of, also from C: a check makes fits fail on purpose."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _warn_of_another() -> None:
    """Tell of the project that an index calls byoe: its files and ours overwrite each other."""
    if other := other_project():
        print(
            f"warning: 'byoe' {other} is installed too, another project with files of the same names. Remove both, "
            f"and install {DISTRIBUTION!r} alone",
            file=sys.stderr,
        )
