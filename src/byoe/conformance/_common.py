"""What the rules for learners and those for blenders have in common."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import FloatArray
from ..errors import ByoeError
from ..registry._declared import broken_promise
from ..registry._plugin import Kind, plain
from ..registry._registry import blender, find, installed, learner
from ._rules import BrokenPromiseError, NotSupportedError

CONTRACT = "What it declares and defines is what the contract asks for"
FOUND_BY_NAME = "The registered name leads back to it, and importing it prints nothing"
SILENT = "Nothing is written to the standard output, which a job's metrics are read from"
WEIGHTS = "A row of weight two is that row twice, and one of weight zero is none"


def check_contract(made: Learner | Blender) -> None:
    """Check what can be told without a fit."""
    fault = broken_promise(made)
    if fault:
        raise BrokenPromiseError(fault)


def check_found_by_name(kind: Kind, made: Learner | Blender) -> None:
    """Check that the registered name leads to a thing of the same kind, whose module can be imported alone."""
    if made.user_estimator is not None or plain(made.name) not in installed(kind):
        raise NotSupportedError("it is not registered, so that a job cannot find it")
    try:
        plugin = find(kind, made.name)
        found = learner(made.name) if kind == "learner" else blender(made.name)
    except ByoeError as error:
        raise BrokenPromiseError(str(error)) from error
    if type(found) is not type(made):
        raise BrokenPromiseError(
            f"{made.name!r} leads to a {type(found).__qualname__}, not to {type(made).__qualname__}"
        )
    text = "" if plugin.entry_point is None else import_alone(plugin.entry_point)
    if text:
        raise BrokenPromiseError(f"importing {plugin.value} prints {shortened(text)}")


def import_alone(point: EntryPoint) -> str:
    """Import what an entry point names in a process of its own; return what that prints."""
    code = f"import importlib; importlib.import_module({point.module!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BrokenPromiseError(f"importing {point.module} alone fails: {told[-1]}")
    return done.stdout.strip()


def shortened(text: str) -> str:
    """Return the beginning of a text's first line, in quotes."""
    line = text.strip().splitlines()[0]
    return repr(line if len(line) <= 60 else line[:57] + "…")


def close(found: FloatArray, expected: FloatArray, tolerance: float) -> bool:
    """Return whether no prediction differs by more than so many standard deviations of the expected ones."""
    return bool(np.abs(found - expected).max() <= tolerance * max(1e-3, float(np.std(expected))))
