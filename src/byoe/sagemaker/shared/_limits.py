"""What the service refuses, checked before anything is written or asked of it.

The numbers are those of the service's own model of its API.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import ParameterError

# Two of the service's 100 name the script and its source.
HYPERPARAMETERS = 98
_KEY, _VALUE = 256, 2500
METRICS = 40
_REGEX = 500
CHOICES, _CHOICE = 30, 256
VARIABLE = 512
LONGEST = {
    "training job": 63,
    "tuning job": 32,
    "transform job": 63,
    "endpoint": 63,
    "model": 63,
    "variant": 63,
    "model package group": 63,
    "pipeline": 256,
}
_LINE = 1024
_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9])*")


def check_hyperparameters(values: Mapping[str, Any]) -> None:
    """Raise a ParameterError for hyperparameters that no job can be given.

    Parameters
    ----------
    values : mapping of str to JSON values
    """
    if len(values) > HYPERPARAMETERS:
        raise ParameterError(
            f"there are {len(values)} hyperparameters, and a job takes {HYPERPARAMETERS} beside byoe's own two; set "
            "the others on the ensemble itself"
        )
    for name, value in values.items():
        text = json.dumps(value)
        if len(name) > _KEY:
            raise ParameterError(
                f"the name of hyperparameter {name[:40]!r}… has {len(name)} characters, at most {_KEY} fit"
            )
        if len(text) > _VALUE:
            raise ParameterError(
                f"hyperparameter {name!r} has {len(text)} characters as JSON, at most {_VALUE} fit; set it on the "
                "ensemble itself"
            )
        if "'" in name or "'" in text:
            raise ParameterError(
                f"hyperparameter {name!r} is {value!r}; an apostrophe breaks the container's command line. Set it "
                "on the ensemble itself"
            )


def check_count(name: str, value: Any) -> None:
    """Raise a ParameterError for what is no positive number of things."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"{name} is {value!r}, expected a positive integer")


def check_whole(name: str, value: Any, least: int, most: int | str) -> None:
    """Raise a ParameterError for what is no whole number from one bound to the other; a text is told as it is."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (isinstance(most, int) and value > most):
        raise ParameterError(f"{name} is {value!r}, expected a whole number from {least} to {most}")


def is_number(value: Any) -> bool:
    """Return whether something is a finite number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_choices(name: str, values: Sequence[Any]) -> None:
    """Raise a ParameterError for a list of values that a tuning job cannot choose from."""
    if len(values) > CHOICES:
        raise ParameterError(
            f"space[{name!r}] has {len(values)} values, and a tuning job chooses from at most {CHOICES}; leave some out"
        )
    for value in values:
        text = json.dumps(value)
        if len(text) > _CHOICE:
            raise ParameterError(f"space[{name!r}] holds a value of {len(text)} characters, at most {_CHOICE} fit")
        if "'" in text:
            raise ParameterError(f"space[{name!r}] holds {value!r}; an apostrophe breaks the container's command line")


def a(kind: str) -> str:
    """Return a kind of thing with its article."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def check_name(kind: str, name: str) -> str:
    """Return the name of something of a kind that `LONGEST` lists, if the service takes it."""
    longest = LONGEST[kind]
    if len(name) > longest or not _NAME.fullmatch(name):
        fitting = re.sub(r"[^A-Za-z0-9]+", "-", name)[:longest].strip("-")
        raise ParameterError(
            f"{name!r} cannot be the name of {a(kind)}: it may have {longest} characters, and only letters, digits, "
            f"and '-' between them{f'; {fitting!r} could be' if fitting else ''}"
        )
    return name


def check_line(what: str, text: Any) -> str:
    """Return a line that somebody reads, such as a description, if the service takes it."""
    if not isinstance(text, str):
        raise ParameterError(f"{what} is {text!r}, expected a text")
    if len(text) > _LINE:
        raise ParameterError(f"{what} has {len(text)} characters, at most {_LINE} fit")
    if any(unicodedata.category(one)[0] == "C" for one in text):
        raise ParameterError(f"{what} is {text[:80]!r}; AWS takes one line there, without tabs")
    return text


def fitting_metrics(names: Iterable[str], objectives: Iterable[str]) -> list[str]:
    """Return as many metrics as a job may define: all, or of the members the objectives alone, or the blend's.

    Parameters
    ----------
    names : iterable of str
        ``validation:<metric>`` and ``member:<label>:<metric>``.
    objectives : iterable of str
        Metrics that jobs are compared by.
    """
    every, wanted = list(dict.fromkeys(names)), set(objectives)
    of_blend = [name for name in every if name.startswith("validation:")]
    shorter = [name for name in every if name in of_blend or name.rpartition(":")[2] in wanted]
    chosen = next((found for found in (every, shorter, of_blend) if len(found) <= METRICS), None)
    if chosen is None:
        raise ParameterError(
            f"the variants of the ensemble have {len(of_blend)} metrics, and a job defines at most {METRICS}; tune "
            "fewer values of 'metric'"
        )
    return chosen


def check_environment(variables: Mapping[str, str]) -> None:
    """Raise a ParameterError for environment variables that no job can be given."""
    if not isinstance(variables, Mapping):
        raise ParameterError(f"environment is {variables!r}, expected a mapping of names to texts")
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ParameterError(f"environment has {name!r}: {value!r}, expected texts: {str(name)!r}: {str(value)!r}")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or len(name) > VARIABLE:
            raise ParameterError(
                f"{name[:40]!r} cannot be the name of an environment variable; use letters, digits and '_'"
            )
        if len(value) > VARIABLE:
            raise ParameterError(f"environment variable {name!r} has {len(value)} characters, at most {VARIABLE} fit")


def check_regex(regex: str) -> str:
    """Return a metric's regex, if the service takes it."""
    if len(regex) > _REGEX:
        raise ParameterError(f"the regex of a metric has {len(regex)} characters, at most {_REGEX} fit: {regex[:60]}…")
    return regex
