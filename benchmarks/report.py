"""Markdown tables of the results of held_out.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import standings

# Whose loss the seconds to reach are counted to, at the longest limit.
AIM = "autogluon-best@limit"
_FIRST = ("byoe", "byoe's", "autogluon", "flaml", "stack", "mean")


def tables(lines: list[dict[str, Any]]) -> str:
    """Return all tables as one text."""
    results = [line for line in lines if "loss" in line]
    if not results:
        return "no results"
    given = standings.limits(lines)
    parts = [_conditions(results), _ranks(lines, given)]
    parts += [_pairs(lines, limit) for limit in given or [None]]
    parts += [_members(lines), _reached(lines, given), _costs(results)]
    parts += [_above(lines, limit) for limit in given or [None]]
    parts.append(_failures(lines))
    return "\n\n".join(filter(None, parts))


def order(method: str) -> tuple[int, str]:
    """Return a key that sorts methods: byoe's first, then its members, AutoGluon, FLAML, the rest."""
    kind = method.replace("@", "-").split("-")[0].split(" ")[0]
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), method)


def _conditions(results: list[dict[str, Any]]) -> str:
    frame = pd.DataFrame(results)
    versions = {name: text for found in frame["versions"] for name, text in found.items()}
    shown = ", ".join(f"{name} {text}" for name, text in sorted(versions.items()))
    cores = ", ".join(f"{value:g}" for value in frame["cores"].unique())
    seconds = ", ".join(f"{value:g}" for value in standings.limits(results)) or "none"
    sizes = frame.groupby("set", sort=False)["train_rows"].max()
    rows = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
    metrics = frame.groupby("metric", sort=False)["set"].unique()
    kinds = "; ".join(f"{metric}: {', '.join(names)}" for metric, names in metrics.items())
    return (
        f"Sets: {len(sizes)}. Splits of a set: {frame['seed'].nunique()}. Cores: {cores}. Time limits, s: {seconds}. "
        f"Training rows: {rows}. Losses: {kinds}.\n\nVersions: {shown}."
    )


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])


def _with_error(value: float, error: float, shape: str) -> str:
    if np.isnan(value):
        return "–"
    return shape.format(value) + ("" if np.isnan(error) else " ± " + shape.replace("+", "").format(error))


def _ranks(lines: list[dict[str, Any]], given: list[float]) -> str:
    columns = {limit: standings.ranks(standings.losses(lines, limit)) for limit in given or [None]}
    methods = sorted({method for found, _ in columns.values() for method in found.index}, key=order)
    rows = [[method, *(_rank(found, method) for found, _ in columns.values())] for method in methods]
    header = ["method", *(_column(limit, splits) for limit, (_, splits) in columns.items())]
    note = "a method without @limit takes what it takes, and is the same in all columns; a failure ranks last"
    return f"**Mean rank** (standard error over sets; {note})\n\n" + _table(header, rows)


def _column(limit: float | None, splits: int) -> str:
    return f"{'no limit' if limit is None else f'{limit:g} s'} ({splits} splits)"


def _rank(found: pd.DataFrame, method: str) -> str:
    return _with_error(found["rank"][method], found["error"][method], "{:.2f}") if method in found.index else "–"


def _pairs(lines: list[dict[str, Any]], limit: float | None) -> str:
    table = standings.losses(lines, limit)
    table = table.loc[:, np.isfinite(table).any()]
    ours = sorted((name for name in table if str(name).startswith("byoe")), key=order)
    rows = [
        _versus(mine, other, standings.pair(table[mine], table[other]))
        for mine in ours
        for other in sorted(table, key=order)
        if other != mine and (other not in ours or ours.index(other) > ours.index(mine))
    ]
    title = "**In pairs**" + ("" if limit is None else f", @limit of {limit:g} s")
    return _pair_table(title, rows) if rows else ""


def _members(lines: list[dict[str, Any]]) -> str:
    members = standings.alone(lines)
    if not members:
        return ""
    table = standings.losses([line for line in lines if line["method"] == "byoe"] + members)
    others = sorted(set(table) - {"byoe"}, key=order)
    rows = [_versus("byoe", other, standings.pair(table["byoe"], table[other])) for other in others]
    return _pair_table("**byoe and each of its members alone**", rows)


def _pair_table(title: str, rows: list[list[str]]) -> str:
    note = (
        "negative: the first has the lower loss; differences in % of the larger loss, means of a set's splits first; "
        f"below {standings.TIE:.1%} is a tie; a failure is a lost split and no difference"
    )
    header = ["method", "against", "sets won–tied–lost", "splits with the lower loss, %", "difference, %", "splits"]
    return f"{title} ({note})\n\n" + _table(header, rows)


def _versus(mine: str, other: str, found: dict[str, float]) -> list[str]:
    return [
        mine,
        other,
        f"{found['wins']}–{found['ties']}–{found['losses']}",
        _with_error(100 * found["share"], 100 * found["share_error"], "{:.0f}"),
        _with_error(100 * found["mean"], 100 * found["error"], "{:+.2f}"),
        str(found["splits"]),
    ]


def _reached(lines: list[dict[str, Any]], given: list[float]) -> str:
    methods = sorted({line["method"] for line in lines if line["method"].startswith("byoe") and line["time_limit"]})
    at = [limit for limit in given if any((line["method"], line["time_limit"]) == (AIM, limit) for line in lines)]
    if not at or not methods:
        return ""
    rows = []
    for method in methods:
        found = standings.reached(lines, method, AIM, at[-1])
        if len(found):
            within = [f"{(found['limit'] <= limit).sum()}" for limit in given]
            median = found["seconds"].median()
            shown = f"{median:.0f}" if np.isfinite(median) else "not reached"
            rows.append([method, str(len(found)), *within, str(int(np.isinf(found["limit"]).sum())), shown])
    if not rows:
        return ""
    header = ["method", "sets", *(f"within {limit:g} s" for limit in given), "not reached", "median seconds"]
    note = "sets whose mean loss over splits is not above it, at that limit or before; seconds are those of that fit"
    title = f"**Seconds to reach the loss of {standings.titled(AIM, at[-1])}**"
    return f"{title} ({note})\n\n" + _table(header, rows)


def _costs(results: list[dict[str, Any]]) -> str:
    found = standings.costs(results)
    rows = []
    for method, limit in sorted(found.index, key=lambda index: (order(index[0]), index[1])):
        here = found.loc[(found.index.get_level_values(0) == method) & _same(found, limit)].iloc[0]
        over = "–" if np.isnan(here["longest"]) else f"{here['longest']:.2f}"
        values = (here[name] for name in ("predict_1000_ms", "megabytes", "peak_mb"))
        name = standings.titled(method, limit)
        rows.append([name, _short(here["fit_seconds"]), over, *map(_short, values), f"{here['splits']:.0f}"])
    header = ["method", "seconds to fit", "longest fit / limit", "ms for 1,000 rows", "MB on disk", "peak MB", "splits"]
    return "**What it costs** (medians over splits)\n\n" + _table(header, rows)


def _same(found: pd.DataFrame, limit: float | None) -> Any:
    level = found.index.get_level_values(1)
    return level.isna() if limit is None or np.isnan(limit) else level == limit


def _short(value: float) -> str:
    if np.isnan(value):
        return "–"
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _above(lines: list[dict[str, Any]], limit: float | None) -> str:
    """Return, for each set, how far each method is above the best, by means over the splits that all have finished."""
    table = standings.losses(lines, limit)
    table = table[sorted(table.loc[:, np.isfinite(table).any()], key=order)]
    rows = []
    for name, part in table.groupby("set", sort=False):
        done = part.loc[:, np.isfinite(part).any()].replace(np.inf, np.nan).dropna()
        means = done.mean().reindex(table.columns)
        above = standings.difference(means, pd.Series(means.min(), means.index)).mul(100)
        cells = ["–" if np.isnan(value) else f"{value:.1f}" for value in above]
        rows.append([str(name), *cells, f"{means.min():.4g}" if len(done) else "–", str(len(done))])
    title = "**Above the lowest loss**" + ("" if limit is None else f", @limit of {limit:g} s")
    header = ["data set", *map(str, table), "lowest loss", "splits"]
    return f"{title} (% of the method's own loss, which 100 is far above)\n\n" + _table(header, rows)


def _failures(lines: list[dict[str, Any]]) -> str:
    failed = [
        f"- {standings.titled(line['method'], line['time_limit'])} on {line['set']}, seed {line['seed']}: "
        f"{line['error'].splitlines()[-1]}"
        for line in lines
        if "error" in line
    ]
    return "**Failed**\n\n" + "\n".join(failed) if failed else ""
