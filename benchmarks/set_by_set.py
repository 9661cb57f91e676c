"""Data sets one after the other, as a command line names them: each is measured, and told as it comes."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from typing import Any

from datasets import expand

from byoe.errors import ColumnWarning, LeakageWarning


def set_by_set(
    measured: Callable[[str, int], dict[str, Any]], about: str | None, *, sets: str = "choosing:12", seeds: int = 1
) -> list[dict[str, Any]]:
    """Return what is measured of the sets and seeds that the command line names; sets whose package lacks are left out.

    Parameters
    ----------
    measured : function
        Of the name of a set and a seed.
    about : str
        The text of ``--help``.
    sets : str, default="choosing:12"
        Where the command line names none.
    seeds : int, default=1
        As many, where it does not say how many.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--sets", default=sets, help="names with commas, choosing, judging, or choosing:N")
    parser.add_argument("--seeds", type=int, default=seeds)
    given = parser.parse_args()
    warnings.simplefilter("ignore", ColumnWarning)
    warnings.simplefilter("ignore", LeakageWarning)
    found = []
    for name in expand(given.sets.split(",")):
        for seed in range(given.seeds):
            try:
                found.append(measured(name, seed))
            except FileNotFoundError as error:
                print(f"# {name}: {error}", flush=True)
                continue
            print(f"# {json.dumps(found[-1], default=float)}", flush=True)
    return found
