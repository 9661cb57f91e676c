"""Markdown tables of the results of held_out.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

KEY = ["set", "seed", "method"]


def read(files: list[Path]) -> list[dict[str, Any]]:
    """Return one result for each set, seed and method: the last one, in the order of the files and lines."""
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in files:
        for text in file.read_text().splitlines():
            line = json.loads(text)
            key = tuple(line[name] for name in KEY)
            # A failure does not replace a result.
            if "loss" in line or "loss" not in last.get(key, {}):
                last[key] = line
    return list(last.values())


def tables(lines: list[dict[str, Any]]) -> str:
    """Return all tables as one text."""
    results = [line for line in lines if "loss" in line]
    if not results:
        return "no results"
    members = [
        {**line, "method": f"byoe's {label} alone", "loss": value, "fit_seconds": None, "predict_seconds": None}
        for line in results
        for label, value in line.get("members", {}).items()
    ]
    frame = pd.DataFrame(results + members)
    losses = frame.pivot(index=["set", "seed"], columns="method", values="loss")
    losses = losses[sorted(losses.columns, key=_order)]
    parts = [
        _limits(frame),
        "Loss on held-out rows (mean and standard error over seeds)\n\n" + _grid(losses, _mean_and_error),
        "Mean loss above that of the best method, and mean rank over sets and seeds\n\n" + _relative(losses),
    ]
    if "byoe" in losses:
        paired = losses.div(losses["byoe"], axis=0).sub(1).mul(100).drop(columns="byoe")
        title = "Loss above byoe's on the same split, in % (mean and standard error over seeds)"
        parts.append(f"{title}\n\n" + _grid(paired, lambda values: _mean_and_error(values, "{:+.1f} ± {:.1f}")))
    for column, title in (
        ("fit_seconds", "Seconds to fit"),
        ("predict_seconds", "Seconds to predict the held-out rows"),
    ):
        seconds = frame.pivot(index=["set", "seed"], columns="method", values=column).reindex(columns=losses.columns)
        parts.append(f"{title} (mean over seeds)\n\n" + _grid(seconds.dropna(axis=1, how="all"), _seconds))
    failed = [line for line in lines if "error" in line]
    if failed:
        parts.append("Failed\n\n" + "\n".join(map(_failure, failed)))
    return "\n\n".join(parts)


def _order(method: str) -> tuple[int, str]:
    first = ("byoe", "byoe's", "autogluon", "stack", "mean")
    kind = method if method == "byoe" else method.split("-")[0].split(" ")[0]
    return (first.index(kind) if kind in first else len(first), method)


def _failure(line: dict[str, Any]) -> str:
    return f"- {line['method']} on {line['set']}, seed {line['seed']}: {line['error'].splitlines()[-1]}"


def _limits(frame: pd.DataFrame) -> str:
    versions = {name: text for found in frame["versions"] for name, text in found.items()}
    shown = ", ".join(f"{name} {text}" for name, text in sorted(versions.items()))
    cores, limit = (", ".join(f"{value:g}" for value in frame[name].unique()) for name in ("cores", "time_limit"))
    sizes = frame.groupby("set", sort=False)["train_rows"].max()
    rows = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    metrics = frame.groupby("metric", sort=False)["set"].unique()
    kinds = "; ".join(f"{metric}: {', '.join(names)}" for metric, names in metrics.items())
    return (
        f"Cores: {cores}. Seconds for AutoGluon: {limit}. Training rows: {rows}. Losses: {kinds}.\n\nVersions: {shown}."
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _grid(values: pd.DataFrame, show: Callable[[pd.Series], str]) -> str:
    """Return methods in rows and sets in columns, a cell for the seeds of both."""
    sets = list(dict.fromkeys(values.index.get_level_values("set")))
    rows = []
    for method in values:
        cells = []
        for name in sets:
            here = values.loc[name, method]
            missing = f" ({here.notna().sum()} of {len(here)})" if here.isna().any() else ""
            cells.append(show(here.dropna()) + missing if here.notna().any() else "–")
        rows.append([str(method), *cells])
    return _table(["method", *sets], rows)


def _mean_and_error(values: pd.Series, shape: str = "{:.4g} ± {:.2g}") -> str:
    if len(values) == 1:
        return shape.split(" ± ")[0].format(values.mean())
    return shape.format(values.mean(), values.sem())


def _seconds(values: pd.Series) -> str:
    return f"{values.mean():.2g}" if values.mean() < 10 else f"{values.mean():,.0f}"


def _relative(losses: pd.DataFrame) -> str:
    """Compare means over the seeds that all methods of a set have finished; rank methods that have all sets."""
    common = losses.groupby("set", sort=False).apply(
        lambda part: part.dropna(axis=1, how="all").dropna().mean().reindex(losses.columns)
    )
    above = common.div(common.min(axis=1), axis=0).sub(1).mul(100)
    complete = losses.columns[common.notna().all()]
    ranks = losses[complete].dropna().rank(axis=1).groupby("set").mean().mean()
    rows = []
    for method in losses:
        cells = ["–" if pd.isna(value) else f"+{value:.1f} %" for value in above[method]]
        rows.append([str(method), *cells, f"{ranks[method]:.2f}" if method in ranks else "–"])
    return _table(["method", *map(str, above.index), "mean rank"], rows)
