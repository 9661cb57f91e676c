"""Metric lines in a job's log, and the regexes that find them: one source for both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ._limits import check_regex

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|inf|nan)"


def metric_line(name: str, value: float) -> str:
    """Return the one line that reports a metric, in full precision.

    Examples
    --------
    >>> metric_line("validation:rmse", 0.1)
    'validation:rmse=0.1;'
    """
    return f"{name}={float(value)!r};"


def metric_definitions(names: Iterable[str]) -> list[dict[str, str]]:
    """Return the platform's metric definitions for these names.

    A name counts at the start of a line or after white space only: the line of a member
    called ``validation`` is not taken for that of the blend.

    Examples
    --------
    >>> metric_definitions(["validation:r2"])[0]["Name"]
    'validation:r2'
    """
    return [
        {"Name": name, "Regex": check_regex(rf"(?:^|\s){re.sub(r'[^A-Za-z0-9_:-]', r'.', name)}=({_NUMBER});")}
        for name in names
    ]


def read_metrics(log: str, definitions: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """Return the metrics that a log holds, by name."""
    found = {}
    for definition in definitions:
        matches = [m for line in log.splitlines() if (m := re.search(definition["Regex"], line))]
        if matches:
            found[definition["Name"]] = float(matches[-1].group(1))
    return found
