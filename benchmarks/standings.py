"""Who is ahead: the arithmetic of the tables of held_out.py.

A result is a line of JSON with set, seed, method and time limit (null for a method that was told none), and either a
loss with costs or an error. In frames of losses a failure is infinite and what was not measured NaN.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from splits import LEANER

SPLIT = ["set", "seed"]
# Sets on which two losses differ by less than this share of the larger one are ties.
TIE = 0.001


def key(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return what names a measurement."""
    return line["set"], line["seed"], line["method"], line["time_limit"]


def read(files: list[Path], sets: list[str] | None = None, methods: list[str] | None = None) -> list[dict[str, Any]]:
    """Return one result for each set, seed, method and limit: the last one, in the order of the files and lines.

    Where sets or methods are given, only theirs. What an ensemble becomes, pruned and refitted, counts as methods of
    their own.
    """
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in files:
        for text in file.read_text().splitlines():
            line = json.loads(text)
            # A failure does not replace a result.
            if "loss" in line or "loss" not in last.get(key(line), {}):
                last[key(line)] = line
    return [
        line
        for line in [*last.values(), *(one for line in last.values() for one in _leaner(line))]
        if (sets is None or line["set"] in sets) and (methods is None or line["method"] in methods)
    ]


def _leaner(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results of what becomes of a method's ensemble, pruned and refitted, where that was measured."""
    name, limit, rest = line["method"].partition("@limit")
    return [
        {**line, "members": {}, **line[word], "method": f"{name}-{word}{limit}{rest}"}
        for word in LEANER
        if word in line
    ]


def titled(method: str, limit: float | None) -> str:
    """Return a method's name with its seconds in place of the word limit."""
    return method if limit is None or np.isnan(limit) else method.replace("@limit", f"@{limit:g}s")


def limits(lines: list[dict[str, Any]]) -> list[float]:
    """Return the time limits of the results, ascending."""
    return sorted({line["time_limit"] for line in lines if line["time_limit"] is not None})


def losses(lines: list[dict[str, Any]], limit: float | None = None) -> pd.DataFrame:
    """Return losses with a row for each split and a column for each method that has no limit, or this one."""
    columns = [*SPLIT, "method"]
    chosen = [line for line in lines if line["time_limit"] in (None, limit)]
    frame = pd.DataFrame([line | {"loss": line.get("loss", np.inf)} for line in chosen], columns=[*columns, "loss"])
    return frame.pivot(index=SPLIT, columns="method", values="loss")


def alone(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results of byoe's members, each by itself, as of methods of their own."""
    return [
        {**{name: line[name] for name in [*SPLIT, "time_limit"]}, "method": f"byoe's {label} alone", "loss": value}
        for line in lines
        for label, value in line.get("members", {}).items()
    ]


def ranks(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the mean rank of each method with its standard error over sets, and the number of splits.

    Only splits count on which all methods were measured; a failure comes last, and a method that has only failed is
    left out. Ranks of a set's splits are averaged first.
    """
    table = table.loc[:, np.isfinite(table).any()].dropna()
    ranked = table.rank(axis=1).groupby("set").mean()
    return pd.DataFrame({"rank": ranked.mean(), "error": ranked.sem()}), len(table)


def difference(own: pd.Series, other: pd.Series) -> pd.Series:
    """Return how far a loss is above another, as a share of the larger of the two: from -1 to 1, 0 where both are 0."""
    larger = np.maximum(own, other)
    return ((own - other) / larger.where(larger != 0, 1.0)).rename("difference")


def pair(own: pd.Series, other: pd.Series) -> dict[str, float]:
    """Compare two methods on the splits on which both were measured.

    Returns
    -------
    dict
        ``splits`` and ``sets`` that were compared; ``wins``, ``ties``, ``losses`` of sets, of which the splits were
        averaged first; ``share`` of the splits with the lower loss, half of an equal one, and its error;
        ``mean`` difference of the losses as `difference` counts it, and its error. Errors are standard errors
        over sets, NaN for a single one. A failure is a lost split, and no difference; two failures are nothing.
    """
    both = own.notna() & other.notna() & ~(np.isinf(own) & np.isinf(other))
    own, other = own[both], other[both]
    finite = np.isfinite(own) & np.isfinite(other)
    apart = difference(own[finite], other[finite])
    # A failure decides its split as the largest difference would.
    decided = apart.reindex(own.index).fillna(pd.Series(np.where(np.isinf(own), 1.0, -1.0), own.index))
    sets = decided.groupby("set").mean()
    lower = (own < other) + 0.5 * (own == other)
    by_set = apart.groupby("set").mean()
    return {
        "splits": len(own),
        "sets": len(sets),
        "wins": int((sets < -TIE).sum()),
        "ties": int((sets.abs() <= TIE).sum()),
        "losses": int((sets > TIE).sum()),
        "share": lower.mean(),
        "share_error": lower.groupby("set").mean().sem(),
        "mean": by_set.mean(),
        "error": by_set.sem(),
    }


def reached(lines: list[dict[str, Any]], method: str, aim: str, limit: float) -> pd.DataFrame:
    """Return the seconds in which a method reaches another's loss, set by set.

    Parameters
    ----------
    lines : list of dict
    method : str
        One that was measured at several limits.
    aim : str
        One that was measured at ``limit``.
    limit : float

    Returns
    -------
    frame
        For each set that ``aim`` has finished a split of: the ``limit``, the smallest at which the mean loss over
        splits is not above that of ``aim``, and the mean ``seconds`` that were then used. Both are infinite where
        that is at none of the limits. Splits on which any of them failed or was not measured do not count.
    """
    mine = [line for line in lines if line["method"] == method and "loss" in line]
    aims = [line for line in lines if (line["method"], line["time_limit"]) == (aim, limit) and "loss" in line]
    columns = [*SPLIT, "time_limit", "loss", "fit_seconds"]
    runs = pd.DataFrame(mine, columns=columns)
    wide = runs.pivot(index=SPLIT, columns="time_limit", values=["loss", "fit_seconds"]).dropna()
    target = pd.DataFrame(aims, columns=columns).set_index(SPLIT)["loss"]
    both = wide.index.intersection(target.index)
    found = wide.loc[both].groupby("set").mean()
    best = target.loc[both].groupby("set").mean()
    good = found["loss"].le(best, axis=0)
    at = good.idxmax(axis=1).where(good.any(axis=1), np.inf).astype(float)
    seconds = [found.loc[name, ("fit_seconds", first)] if np.isfinite(first) else np.inf for name, first in at.items()]
    return pd.DataFrame({"limit": at, "seconds": seconds}, index=found.index)


def costs(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what each method costs at each limit: medians over splits, and the largest share of the limit in a fit."""
    frame = pd.DataFrame([line for line in lines if "loss" in line])
    frame["share"] = frame["fit_seconds"] / frame["time_limit"].astype(float)
    frame["megabytes"] = frame["artifact_bytes"] / 1e6
    groups = frame.groupby(["method", "time_limit"], dropna=False, sort=False)
    return groups.agg(
        splits=("loss", "size"),
        fit_seconds=("fit_seconds", "median"),
        longest=("share", "max"),
        predict_1000_ms=("predict_1000_ms", "median"),
        megabytes=("megabytes", "median"),
        peak_mb=("peak_mb", "median"),
    )
