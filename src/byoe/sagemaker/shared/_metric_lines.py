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


def fold_line(name: str, value: float, done: int, n_folds: int) -> str:
    """Return the line that reports a metric of the first folds; its regex is that of the metric.

    Examples
    --------
    >>> fold_line("validation:rmse", 0.1, 2, 5)
    'fold 2 of 5: validation:rmse=0.1;'
    """
    return f"fold {done} of {n_folds}: {metric_line(name, value)}"


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


def read_fold_scores(log: str, name: str) -> dict[int, float]:
    r"""Return what a log holds of a metric after each fold, by the number of folds.

    Examples
    --------
    >>> read_fold_scores("[byoe] fold 1 of 3: validation:r2=0.5;\nvalidation:r2=0.25;", "validation:r2")
    {1: 0.5}
    """
    lines = re.finditer(rf"^\[byoe\] fold ([0-9]+) of [0-9]+: {re.escape(name)}=({_NUMBER});$", log, re.MULTILINE)
    return {int(line.group(1)): float(line.group(2)) for line in lines}


def read_metrics(log: str, definitions: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """Return the metrics that a log holds, by name: of several values the last one."""
    found = {}
    for definition in definitions:
        matches = [m for line in log.splitlines() if (m := re.search(definition["Regex"], line))]
        if matches:
            found[definition["Name"]] = float(matches[-1].group(1))
    return found
