"""The portfolios of ``learners="fast" | "default" | "best"``: what they are chosen from, and the choice.

``python benchmarks/portfolio.py measure --out FOLDER`` fits every configuration on every set that may choose and that
the table lacks, one after the other in one thread, and goes on where it was stopped. ``--learners mlp --again``
measures those of some learners anew. ``collect --data FOLDER`` adds the sets that are done to the table that is kept
with this file. ``select`` chooses by that table, and prints the tables of README.md; ``--write`` also writes the
lists. ``measure --rows 10000`` and ``--seed 1`` measure on other rows, in a folder of their own, by which ``compare``
looks at the lists.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before a numerical library is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from datasets import expand
from portfolios import judging, measuring
from portfolios.candidates import BY_LABEL, CANDIDATES
from portfolios.choosing import BEFORE, BEST_BEFORE, FAST_BEFORE, Table, configurations, portfolios
from portfolios.comparing import Comparison, labels_of
from portfolios.predictions import Measured, measured_in, read, read_table, write_table

LIST = Path(__file__).parents[1] / "src" / "byoe" / "registry" / "portfolio.json"
TABLE = Path(__file__).parent / "portfolios" / "measured.npz"
BOOSTERS = ("catboost", "lightgbm", "xgboost")


def _measure(given: argparse.Namespace) -> None:
    learners = set(given.learners.split(",")) if given.learners else {one.learner for one in CANDIDATES}
    labels = set(given.labels.split(",")) if given.labels else set(BY_LABEL)
    if unknown := labels - set(BY_LABEL):
        sys.exit(f"no configurations: {sorted(unknown)}; there are {list(BY_LABEL)}")
    candidates = [one for one in CANDIDATES if one.learner in learners and one.label in labels]
    which = measuring.Split(given.rows, given.seed)
    there = {one.name for one in _table()} if which.seed == measuring.SEED and not given.again else set()
    names = [name for name in measuring.in_turns(expand(given.sets.split(","))) if name + which.suffix not in there]
    measuring.measure(names, candidates, given.out, given.again, which)


def _collect(given: argparse.Namespace) -> None:
    which = measuring.split_of(given.data)
    if which.seed != measuring.SEED:
        sys.exit(f"{given.data} was measured with {which}: the table is of seed {measuring.SEED}")
    # With more rows some cost too much to be measured at all.
    wanted = measured_in(given.data, CANDIDATES) if which.suffix else CANDIDATES
    sets = {one.name: one for one in _table()}
    for one in read(given.data, CANDIDATES, wanted):
        if not which.suffix or one.rows[0] > measuring.TRAIN:  # else they are the same rows
            name = one.name + which.suffix
            print(f"{name}: {one.there.sum()} of {len(CANDIDATES)} configurations")
            sets[name] = replace(one, name=name)
    write_table(judging.spread_out(list(sets.values())), CANDIDATES, TABLE)
    print(f"{len(sets)} sets, {TABLE.stat().st_size / 1e6:.1f} MB")


def _table() -> list[Measured]:
    return read_table(TABLE, CANDIDATES) if TABLE.exists() else []


def _measured() -> list[Measured]:
    if not TABLE.exists():
        sys.exit(f"{TABLE} is not there: make it by measure and collect")
    return judging.spread_out(_table())


def _select(given: argparse.Namespace) -> None:
    sets = _measured()
    table = Table(sets)
    lists = portfolios(table)
    kinds = [one.kind for one in sets]
    print(
        ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)), "sets:", *(one.name for one in sets)
    )
    found = judging.left_out(sets)
    for rows, where in judging.by_rows(sets).items():
        print(f"\nEvery list chosen without the sets that it is judged on, at most {rows:,} rows:\n")
        part = {name: losses[where] for name, losses in found.items()}
        print(judging.gains(Table([sets[i] for i in where]), part, lists))
    before = {"fast": FAST_BEFORE, "default": BEFORE}
    kept = {name: one for name, one in before.items() if not judging.is_better(table, found, name, f"{name} before")}
    for name in kept:
        print(f"\nThe chosen {name!r} is not better than the one before, which stays.")
    if kept:
        lists = portfolios(table, **kept)
    for name, labels in lists.items():
        print(f"\n{name}:\n\n{judging.step_by_step(table, labels)}")
    if given.write:
        LIST.write_text(written({name: configurations(labels) for name, labels in lists.items()}), encoding="utf-8")


def _boosters(given: argparse.Namespace) -> None:
    sets = _measured()
    by_rows = judging.by_rows(sets)
    if given.rows not in by_rows:
        sys.exit(f"{TABLE} has no sets of {given.rows} rows, but of {list(by_rows)}")
    table = Table([sets[i] for i in by_rows[given.rows]])
    for learner in BOOSTERS:
        print(f"\n{learner}:\n\n{judging.boosters(table, learner, given.kind)}")
    for learner in BOOSTERS:
        print(f"\n{judging.by_rows_of_a_class(table, learner, [f'{learner}_fixed', f'{learner}_quick'])}")


def _compare(given: argparse.Namespace) -> None:
    today = {name: labels_of(members) for name, members in json.loads(LIST.read_text(encoding="utf-8")).items()}
    lists = {"the five": BEFORE, "default": today["default"], "best": today["best"], "best before": BEST_BEFORE}
    comparison = Comparison(given.data)
    measured = comparison.measured()
    lists = {name: labels for name, labels in lists.items() if set(labels) <= measured}
    print(comparison.by_set(lists, "the five"))
    for to in lists:
        print(f"\n{comparison.lists(lists, to)}")
    for name, labels in lists.items():
        print(f"\n{name}:\n\n{comparison.one_changed(labels)}")


def written(lists: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the file of the lists, a member a line."""
    parts = []
    for name, members in lists.items():
        lines = [f"    {json.dumps(label)}: {json.dumps(member)}" for label, member in members.items()]
        parts.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Measure, or choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    measure = commands.add_parser("measure", help="fit configurations on data sets")
    measure.add_argument("--out", type=Path, required=True, help="the folder of the predictions")
    measure.add_argument("--sets", default="choosing,categories", help="names with commas, choosing, or choosing:N")
    measure.add_argument("--learners", help="names with commas, else all")
    measure.add_argument("--labels", help="of configurations, with commas, else all")
    measure.add_argument("--rows", type=int, default=measuring.TRAIN, help="of training, at most; default: %(default)s")
    measure.add_argument("--seed", type=int, default=measuring.SEED, help="of rows and fits; default: %(default)s")
    measure.add_argument("--again", action="store_true", help="also what was measured")
    measure.set_defaults(run=_measure)
    collect = commands.add_parser("collect", help=f"add what was measured to {TABLE.name}")
    collect.add_argument("--data", type=Path, required=True, help="the folder of the predictions")
    collect.set_defaults(run=_collect)
    select = commands.add_parser("select", help="choose the lists by the table")
    select.add_argument("--write", action="store_true", help=f"write {LIST.name}")
    select.set_defaults(run=_select)
    compare = commands.add_parser("compare", help="compare the lists on other rows than they were chosen by")
    compare.add_argument("--data", type=Path, nargs="+", required=True, help="folders of predictions")
    compare.set_defaults(run=_compare)
    boosters = commands.add_parser("boosters", help="compare configurations of the boosters with their defaults")
    boosters.add_argument("--kind", default="", help="regression, binary or multiclass; else all")
    boosters.add_argument("--rows", type=int, default=measuring.TRAIN, help="of training; default: %(default)s")
    boosters.set_defaults(run=_boosters)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
