"""Markdown tables of what engine.py measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from engine_cases import (
    FOLDS,
    MEMBERS,
    SETS,
    SETTINGS,
    UNUSUAL,
    Results,
    Run,
    repetitions,
    settings_of,
)

BEGIN, END = "<!-- engine: made by engine.py -->", "<!-- /engine -->"
STACKS = {
    "sklearn-threads": "one member after the other, all cores each",
    "sklearn-processes": "a process for each core, one thread each",
    "sklearn-both": "a process for each core, all cores each",
    UNUSUAL: "the second with threads in place of processes",
}


@dataclass(frozen=True)
class View:
    """What tables are made of: the results, the number of cores, and at most how many rows a set had (0: all)."""

    results: Results
    cores: int
    rows: int

    @property
    def sets(self) -> list[str]:
        """The sets that have results."""
        return [name for name in SETS if any(run.set == name for run in self.results)]

    def runs(self, name: str, method: str, **more: Any) -> dict[int, dict[str, Any]]:
        """Return the results of all repetitions of a method on a set, by repetition."""
        return repetitions(self.results, Run(name, more.pop("rows", self.rows), method, **more))

    def all(self, name: str, method: str, key: str = "seconds", **more: Any) -> list[Any]:
        """Return one number of all repetitions."""
        return [result[key] for result in self.runs(name, method, **more).values()]

    def ratios(self, name: str, method: str, other: str, key: str = "seconds", *, busy: bool = False) -> list[float]:
        """Return the ratio of two methods in every repetition that has both."""
        above, below = self.runs(name, method, busy=busy), self.runs(name, other, busy=busy)
        return [above[number][key] / below[number][key] for number in sorted(above.keys() & below.keys())]

    def best(self, name: str, *, busy: bool = False) -> str | None:
        """Return the fastest of scikit-learn's three settings, if they were measured."""
        times = settings_of(name, self.rows, busy, self.results)
        return times[0][1] if times else None


def section(common: dict[str, Any], results: Results) -> str:
    """Return all tables, with what they were measured on.

    Parameters
    ----------
    common : dict
        The conditions under which all results were taken.
    results : dict of Run to result
    """
    view = View(results, common["cores"], common["rows"])
    return "\n\n".join([_conditions(common, view), *filter(None, (table(view) for table in TABLES))])


def put_into(text: str, tables: str) -> str:
    """Return a text with what is between the marks replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the text has no marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def best_packing(parts: Sequence[float], cores: int) -> float:
    """Return the shortest time in which jobs of known length can be done on some cores.

    Exact for one and two cores, for at most 20 jobs. For more cores it is what no packing can be below.
    """
    if cores == 1:
        return float(sum(parts))
    if cores == 2 and len(parts) <= 20:
        sums = np.zeros(1)
        for part in parts:
            sums = np.concatenate([sums, sums + part])
        return float(np.maximum(sums, sum(parts) - sums).min())
    return float(max(sum(parts) / cores, max(parts)))


def _conditions(common: dict[str, Any], view: View) -> str:
    versions = ", ".join(f"{name} {text}" for name, text in common["versions"].items())
    sizes = {
        run.set: f"{run.set} {result['n_rows']:,} × {result['n_columns']}"
        for run, result in view.results.items()
        if run.rows == view.rows
    }
    return (
        f"{common['cores']} cores of {common['processor']}, {common['memory_bytes'] / 2**30:.0f} GiB. "
        f"{versions}.\n\nRows × columns: {', '.join(sizes.values())}. A cell is the median over "
        "repetitions, with the smallest and the largest in brackets; ratios are of runs of the same repetition."
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _titled(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    if not rows:
        return ""
    return f"**{title}**\n\n{_table(header, rows)}" + (f"\n\n{note}" if note else "")


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _spread(values: Sequence[float], shape: Callable[[float], str] = _number) -> str:
    if not values:
        return "–"
    middle = shape(median(values))
    return middle if len(values) == 1 else f"{middle} ({shape(min(values))}–{shape(max(values))})"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _aimed(values: Sequence[float], aim: float) -> str:
    """Return ratios, and whether their median is at most what was aimed at."""
    if not values:
        return "–"
    met = "met" if median(values) <= aim else "missed"
    return f"{_spread(values, _ratio)}; aim {aim:g} {met}"


def _wall(view: View) -> str:
    rows = []
    for name in view.sets:
        best = view.best(name)
        refit, bag = (view.all(name, f"byoe-{finalize}") for finalize in ("refit", "bag"))
        if best is None or not refit:
            continue
        cells = [_spread(view.all(name, best))]
        for method, values, aim in (("byoe-refit", refit, 0.75), ("byoe-bag", bag, 0.62)):
            cells += [_spread(values), _aimed(view.ratios(name, method, best), aim)]
        rows.append([name, *cells, _spread(view.ratios(name, "byoe-refit", UNUSUAL), _ratio)])
    count = len(MEMBERS)
    note = (
        f"`refit` makes the same {count * (FOLDS + 1)} fits as scikit-learn; `bag` makes {count * FOLDS}, because it "
        "serves the mean of the folds' models. The last column is to scikit-learn with joblib's threads, which have to "
        "be asked for."
    )
    header = ["data", "scikit-learn, s", "`refit`, s", "ratio", "`bag`, s", "ratio", "`refit` to joblib's threads"]
    return _titled("Seconds to fit, and the ratio to the best of scikit-learn's three settings", header, rows, note)


def _settings(view: View) -> str:
    rows = []
    for busy in (False, True):
        for name in view.sets:
            theirs = [view.all(name, method, busy=busy) for method in STACKS]
            if any(theirs):
                ours = view.all(name, "byoe-refit", busy=busy)
                rows.append([f"{name}, busy" if busy else name, *map(_spread, theirs), _spread(ours)])
    note = (
        "Processes start and import the libraries within the time, as in the first fit of a session. `busy`: another "
        "process keeps one core busy."
    )
    return _titled("Seconds to fit by setting of scikit-learn", ["data", *STACKS.values(), "`refit`"], rows, note)


def _busy(view: View) -> str:
    rows = []
    for name in view.sets:
        idle, busy = view.best(name), view.best(name, busy=True)
        if busy is None or not view.runs(name, "byoe-refit", busy=True):
            continue
        cells = [
            "–" if best is None else _aimed(view.ratios(name, "byoe-refit", best, busy=True), 0.4)
            for best in (idle, busy)
        ]
        for method in SETTINGS:
            cells.append(_spread(view.ratios(name, "byoe-refit", method, busy=True), _ratio))
        rows.append([name, *cells])
    settings = [f"to {STACKS[method]}" for method in SETTINGS]
    header = ["data", "to the best on an idle machine", "to the best on a busy one", *settings]
    title = "Ratio of the seconds to fit while another process keeps one core busy (`refit`)"
    return _titled(title, header, rows)


def _overhead(view: View) -> str:
    rows = []
    for name in view.sets:
        ours, bare = view.runs(name, "byoe-bag"), view.runs(name, "bare")
        both = sorted(ours.keys() & bare.keys())
        if not both:
            continue
        best = {number: best_packing([part for _, part in bare[number]["parts"]], view.cores) for number in both}
        walls = [ours[number]["seconds"] / best[number] for number in both]
        packed = view.all(name, "bare-packed")
        rows.append(
            [
                name,
                _spread(view.all(name, "bare", "cpu_seconds")),
                _aimed(view.ratios(name, "byoe-bag", "bare", "cpu_seconds"), 1.05),
                _spread(view.ratios(name, "bare-packed", "bare", "cpu_seconds"), _ratio),
                _spread(list(best.values())),
                _aimed(walls, 1.10),
                _spread([seconds / median(best.values()) for seconds in packed], _ratio),
                _same_errors(ours[both[0]]["oof_rmse"], bare[both[0]]["oof_rmse"]),
            ]
        )
    header = [
        "data",
        "bare, CPU s",
        "byoe's CPU",
        "bare at once, CPU",
        "best packing, s",
        "byoe's wall",
        "bare at once, wall",
        "out-of-fold error to bare",
    ]
    note = (
        f"Bare: each library's data prepared once, {FOLDS} fits of each from rows of it in one thread, and predictions "
        "of the held-out rows, one after the other. The best packing puts their seconds on the cores as if they did "
        "not slow each other down. By how much they do is in the columns `at once`: the same fits on all cores, and "
        "nothing else (once). byoe with `bag`, whose fits are the same. Ratios are to bare, and to the best packing."
    )
    return _titled("What the engine adds to the members' fits", header, rows, note)


def _same_errors(ours: dict[str, float], bare: dict[str, float]) -> str:
    """Say by how much the members' out-of-fold errors differ from those of the bare fits."""
    return ", ".join(
        f"{name} {'the same' if ours[name] == value else f'{ours[name] / value - 1:+.2%}'}"
        for name, value in bare.items()
    )


def _memory(view: View) -> str:
    methods = ("byoe-refit", "byoe-bag", *STACKS)
    rows = []
    for name in view.sets:
        found = [list(view.runs(name, method).values()) for method in methods]
        sizes = [result["data_bytes"] for results in found for result in results]
        if sizes and found[0]:
            shares = [[result["peak_bytes"] / result["data_bytes"] for result in results] for results in found]
            rows.append([name, f"{sizes[0] / 1e6:,.0f}", *(_spread(values, _number) for values in shares)])
    note = "With the processes that a fit starts; what these share counts once, and the code of libraries not at all."
    title = "Peak memory of a fit above that of the loaded data, in multiples of the data in float64"
    return _titled(title, ["data", "data, MB", "`refit`", "`bag`", *STACKS.values()], rows, note)


def _change(view: View) -> str:
    rows = []
    for name in view.sets:
        runs, best = list(view.runs(name, "byoe-refit").values()), view.best(name)
        if best is None or not runs:
            continue
        whole = median(view.all(name, best))
        cells = []
        for blender in ("weighted", "meta-linear"):
            values = [value for run in runs for value in run["reblend_seconds"][blender]]
            cells += [_spread([1000 * value for value in values]), f"{whole / median(values):,.0f} ×"]
        added = [run["add_seconds"] for run in runs]
        cells += [_spread(added), _spread([run["add_seconds"] / run["seconds"] for run in runs], _ratio)]
        rows.append([name, *cells, f"{whole / median(added):,.0f} ×"])
    faster = "scikit-learn's fit takes"
    header = [
        "data",
        '`reblend("weighted")`, ms',
        faster,
        '`reblend("meta-linear")`, ms',
        faster,
        '`add_members(["ridge"], X)`, s',
        "of byoe's fit of the three",
        faster,
    ]
    return _titled("Another blender, or a fourth member, on fitted members", header, rows)


def _growth(view: View) -> str:
    tables = []
    for what, runs in _growing(view).items():
        sizes = list(runs)
        rows = []
        for title, key, unit in (
            ("wall, s", "seconds", 1),
            ("CPU, s", "cpu_seconds", 1),
            ("peak memory, MB", "peak_bytes", 1e6),
        ):
            values = [[result[key] / unit for result in found] for found in runs.values()]
            slope = np.polyfit(np.log(sizes), np.log([median(found) for found in values]), 1)[0]
            rows.append([title, *(_spread(found) for found in values), f"{slope:.2f}"])
        header = ["", *(f"{size:,} {what}" for size in sizes), "exponent"]
        tables.append(_titled(f"Growth with the number of {what}, on the simulated set (`refit`)", header, rows))
    return "\n\n".join(tables)


def _growing(view: View) -> dict[str, dict[int, list[dict[str, Any]]]]:
    """Return the results by size: of rows with the three boosters, and of members with one number of rows."""
    found: dict[str, dict[int, list[dict[str, Any]]]] = {"rows": {}, "LightGBMs": {}}
    for run, result in view.results.items():
        if run.set != "simulated" or run.method != "byoe-refit" or run.busy:
            continue
        what, size = ("LightGBMs", run.members) if run.members else ("rows", result["n_rows"])
        if what == "LightGBMs" or not view.rows or run.rows != view.rows:
            found[what].setdefault(size, []).append(result)
    return {what: dict(sorted(runs.items())) for what, runs in found.items() if len(runs) > 1}


def _work(view: View) -> str:
    found: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for run, result in view.results.items():
        if run.members or run.rows != view.rows:
            continue
        for library, read in result["work"].items():
            side = run.method.partition("-")[0]
            last = found.setdefault((library, run.set), {}).setdefault(side, read)
            found[library, run.set][side] = {key: max(value, last[key]) for key, value in read.items()}
    keys = {
        "rounds": "trees",
        "limit": "limit of leaves",
        "leaves": "most leaves",
        "bins": "bins",
        "edges": "most edges of a column",
    }
    rows = []
    for (library, name), sides in found.items():
        cells = []
        for key in keys:
            values = {side: read[key] for side, read in sorted(sides.items())}
            same = len(set(values.values())) == 1
            cells.append(", ".join({str(v) if same else f"{side} {v}": None for side, v in values.items()}))
        rows.append([library, name, *cells])
    note = "Trees, limits and bins must agree, or a run fails. Leaves and edges are the most of any model that is kept."
    return _titled("The work, as the fitted models tell it", ["library", "data", *keys.values()], rows, note)


TABLES: tuple[Callable[[View], str], ...] = (
    _wall,
    _settings,
    _busy,
    _overhead,
    _memory,
    _change,
    _growth,
    _work,
)
