"""What the chosen lists gain on sets that they were not chosen by, and which defaults of the boosters are good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from portfolios.choosing import BEFORE, BEST_BEFORE, FAST_BEFORE, Table, portfolios
from portfolios.measuring import TRAIN
from portfolios.predictions import Array, Measured

PARTS = 5
LISTS = ("fast", "default", "best")
_BEFORE = {"fast before": FAST_BEFORE, "default before": BEFORE, "best before": BEST_BEFORE}
_OTHERS = ("default before", "best before")
# A loss below this share of that of the median configuration is not told from it: some sets have next to none.
_LEAST = 0.02


def left_out(
    sets: Sequence[Measured], choose: Callable[[Table], Mapping[str, Sequence[str]]] = portfolios
) -> dict[str, Array]:
    """Return of every list the loss on every set, by lists that were chosen without the set; and of the lists before.

    Every fifth set is left out at a time, in an order by task and size, with any number of its rows.
    """
    order = list(dict.fromkeys(one.set for one in sets))
    parts = np.array([order.index(one.set) % PARTS for one in sets])
    everything = Table(sets)
    names = [*LISTS, *_BEFORE]
    found = {name: np.empty(len(sets)) for name in names}
    for part in range(PARTS):
        judged = np.flatnonzero(parts == part)
        if not len(judged):
            continue
        chosen = choose(Table([one for i, one in enumerate(sets) if i not in judged]))
        lists = {**chosen, **_BEFORE}
        losses = everything.losses([everything.places(lists[name]) for name in names])
        for name, column in zip(names, losses.T, strict=True):
            found[name][judged] = column[judged]
    return found


def spread_out(sets: Sequence[Measured]) -> list[Measured]:
    """Return the sets so that neighbours are of a task and alike in size, and no part lacks a task."""
    return sorted(sets, key=lambda one: (one.kind, one.rows[0], one.name))


def by_rows(sets: Sequence[Measured]) -> dict[int, list[int]]:
    """Return which sets were measured with at most how many training rows."""
    found: dict[int, list[int]] = {}
    for place, one in enumerate(sets):
        _, _, rows = one.name.partition("@")
        found.setdefault(int(rows or TRAIN), []).append(place)
    return dict(sorted(found.items()))


def shares(losses: Array, others: Array, usual: Array) -> Array:
    """Return by how many percent losses are above others; those near zero are not told apart."""
    least = _LEAST * usual
    return 100 * np.log((losses + least) / (others + least))


def told(changes: Array, counts: Array) -> str:
    """Return a weighted mean with its standard error."""
    mean = np.average(changes, weights=counts)
    squares = np.sum((counts * (changes - mean)) ** 2) * len(changes) / max(1, len(changes) - 1)
    return f"{mean:+.2f} ± {np.sqrt(squares) / counts.sum():.2f}"


def gains(table: Table, found: Mapping[str, Array], lists: Mapping[str, Sequence[str]]) -> str:
    """Return the table of what the lists gain, and what they cost."""
    head = (
        "| members | n | loss to default before, % | better on | loss to best before, % | better on | fit | predict "
        "| size |\n|---|---|---|---|---|---|---|---|---|"
    )
    rows = []
    for name, losses in found.items():
        labels = _BEFORE.get(name) or lists[name]
        cells = [name, str(len(labels))]
        for other in _OTHERS:
            change = shares(losses, found[other], table.usual)
            cells += (
                ["–", "–"] if other == name else [told(change, table.counts), f"{(change < 0).sum()} of {len(change)}"]
            )
        rows.append("| " + " | ".join([*cells, *_cost(table, labels)]) + " |")
    return "\n".join([head, *rows])


def is_better(table: Table, found: Mapping[str, Array], name: str, other: str) -> bool:
    """Return whether a list has less loss than another on average, on sets that it was not chosen by."""
    change = shares(found[name], found[other], table.usual)
    return bool(np.average(change, weights=table.counts) < 0)


def multiples(table: Table, labels: Sequence[str], others: Sequence[str]) -> Array:
    """Return how many times as long as another list a list takes to fit and to predict on every set, (n_sets, 2)."""
    members, before = table.places(labels), table.places(others)
    costs = [np.array([one.seconds, one.predict_ms]) for one in table.sets]
    return np.array([np.nansum(one[:, members], axis=1) / np.nansum(one[:, before], axis=1) for one in costs])


def _cost(table: Table, labels: Sequence[str]) -> list[str]:
    """Return fit and prediction in multiples of the default before, medians over the sets, and the median size."""
    fit, predict = multiples(table, labels, table.unit).T
    size = [np.nansum(one.size[table.places(labels)]) / 1e6 for one in table.sets]
    return [f"{np.median(fit):.2f}", f"{np.median(predict):.2f}", f"{np.median(size):.1f} MB"]


def step_by_step(table: Table, labels: Sequence[str]) -> str:
    """Return the table of a list: what the first k members reach, and what each costs."""
    costs, predicting, _ = table.costs()
    places = table.places(labels)
    scores = table.score([places[: k + 1] for k in range(len(places))])
    alone = table.score([[place] for place in places])
    rows = [
        f"| {k + 1} | `{label}` | {scores[k]:+.3f} | {alone[k]:+.3f} | {costs[place]:.3f} | {predicting[place]:.2f} |"
        for k, (label, place) in enumerate(zip(labels, places, strict=True))
    ]
    return "\n".join(["| k | member | first k | alone | fit | predict |\n|---|---|---|---|---|---|", *rows])


def boosters(table: Table, learner: str, kind: str = "") -> str:
    """Return the table of a learner's configurations against its default, on the sets of a kind or on all."""
    wanted = [i for i, one in enumerate(table.sets) if kind in ("", one.kind)]
    measured = np.any([table.sets[i].there for i in wanted], axis=0)
    members = [i for i, one in enumerate(table.candidates) if one.learner == learner and measured[i]]
    singles = np.array([table.sets[i].singles()[members] for i in wanted])
    seconds = np.array([table.sets[i].seconds[members] for i in wanted])
    usual, counts = table.usual[wanted], table.counts[wanted]
    ranks = np.array([rankdata(np.where(np.isnan(row), np.inf, row)) for row in singles])
    rows = []
    for column, place in enumerate(members):
        both = ~np.isnan(singles[:, [0, column]]).any(axis=1)
        change = shares(singles[both, column], singles[both, 0], usual[both])
        ratio = np.exp(np.mean(np.log(seconds[both, column] / seconds[both, 0])))
        stopped = int(np.isnan(singles[:, column]).sum())
        rows.append(
            f"| `{table.candidates[place].label}` | {ranks[:, column].mean():.2f} | {told(change, counts[both])} "
            f"| {np.median(change):+.2f} | {(change < 0).sum()} of {both.sum()} | {ratio:.2f} | {stopped or ''} |"
        )
    head = "| configuration | mean rank | loss to default, % | median | better on | seconds | not done |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def by_rows_of_a_class(table: Table, learner: str, names: Sequence[str]) -> str:
    """Return what configurations do on every set of more than two classes, against the default, by rows of a class."""
    head = ["set", "rows of a class", *(f"`{name}`" for name in names)]
    lines = [head, ["---"] * len(head)]
    places = table.places([learner, *names])
    for i in sorted(range(len(table.sets)), key=lambda i: table.sets[i].rows[0] / max(1, table.sets[i].n_classes)):
        one = table.sets[i]
        if one.kind != "multiclass":
            continue
        singles, seconds = one.singles()[places], one.seconds[places]
        change = shares(singles, singles[:1], table.usual[i : i + 1])
        cells = [
            "–" if np.isnan(new) else f"{new:+.1f} % in {ratio:.2f}"
            for new, ratio in zip(change[1:], seconds[1:] / seconds[0], strict=True)
        ]
        lines.append([one.name, f"{one.rows[0] / one.n_classes:.0f}", *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
