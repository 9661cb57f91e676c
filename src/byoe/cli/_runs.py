"""The folders that jobs on this machine leave behind, and the command ``byoe sagemaker prune``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError

_MADE = re.compile(r"byoe-(?:tune-|pipeline-)?(\d{8}-\d{6})-[0-9a-f]{6}")


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove what jobs and pipelines have left in a folder but for the newest ones, and nothing else; return it."""
    made = [(found[1], run) for run in folder.glob("byoe-*") if (found := _MADE.fullmatch(run.name)) and run.is_dir()]
    older = [run for _, run in sorted(made)[: max(len(made) - keep, 0)]]
    for run in older:
        shutil.rmtree(run, ignore_errors=True)
    return older


def prune(
    folder: Annotated[Path, typer.Argument(help="Folder that jobs on this machine have as output.")] = Path(
        "byoe-jobs"
    ),
    keep: Annotated[int, typer.Option(min=0, help="How many of them are kept, the newest.")] = 5,
) -> None:
    """Remove the folders of older jobs on this machine, with their models."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the one that jobs had as output")
    older = remove_older(folder, keep)
    for run in older:
        print(f"removed {run}")
    print(f"removed {len(older)} of the folders in {folder}")
