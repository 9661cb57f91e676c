"""How given lists do on other rows than those that they were chosen by: more of them, or drawn by another seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from portfolios.candidates import CANDIDATES
from portfolios.choosing import Table
from portfolios.judging import multiples, shares, told
from portfolios.predictions import Array, measured_in, read

Labels = Sequence[str]


def labels_of(members: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the labels, among the candidates, of a list as the library has it."""
    by_text = {json.dumps([one.learner, one.params]): one.label for one in CANDIDATES}
    return [by_text[json.dumps(list(member))] for member in members.values()]


class Comparison:
    """Lists on the sets of folders, each of which has other drawings of their rows.

    Drawings of one set are not independent: everything is averaged over them first, and errors are over sets.

    Attributes
    ----------
    tables : list of Table
        One for each folder.
    names : list of str
        The sets.
    counts : array of shape (n_sets,)
        What each counts.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        found = [measured_in(folder, CANDIDATES) for folder in folders]
        self.tables = [
            Table(read(folder, candidates), candidates) for folder, candidates in zip(folders, found, strict=True)
        ]
        self._drawn = [one.name for table in self.tables for one in table.sets]
        self.names = list(dict.fromkeys(self._drawn))
        self.counts = self._by_set(lambda table: table.counts)

    def measured(self) -> set[str]:
        """Return the labels that were measured in every folder."""
        return set.intersection(*({one.label for one in table.candidates} for table in self.tables))

    def _by_set(self, of_table: Callable[[Table], Array]) -> Array:
        """Return means over the drawings of each set."""
        values = np.concatenate([of_table(table) for table in self.tables])
        return np.array([values[[name == one for one in self._drawn]].mean(axis=0) for name in self.names])

    def changes(self, labels: Labels, others: Labels) -> Array:
        """Return by how many percent the loss of a list is above that of another, on every set."""

        def of_table(table: Table) -> Array:
            losses, before = table.losses([table.places(labels), table.places(others)]).T
            return shares(losses, before, table.usual)

        return self._by_set(of_table)

    def costs(self, labels: Labels, others: Labels) -> tuple[float, float]:
        """Return how many times as long as another list a list takes to fit and to predict, medians over the sets."""
        fit, predict = np.median(self._by_set(lambda table: multiples(table, labels, others)), axis=0)
        return float(fit), float(predict)

    def lists(self, lists: Mapping[str, Labels], to: str) -> str:
        """Return the table of lists against one of them."""
        rows = {name: labels for name, labels in lists.items() if name != to}
        return self._table("members", f"loss to {to}, %", rows, lists[to])

    def one_changed(self, labels: Labels, most: int = 8) -> str:
        """Return what one configuration more would change, of those that help most, and what one less."""
        more = {f"+ `{name}`": [*labels, name] for name in sorted(self.measured() - {*labels})}
        less = {f"− `{name}`": [other for other in labels if other != name] for name in labels}
        means = {name: np.average(self.changes(one, labels), weights=self.counts) for name, one in more.items()}
        helpful = sorted(more, key=means.__getitem__)[:most]
        return self._table("change", "loss, %", {**{name: more[name] for name in helpful}, **less}, labels)

    def _table(self, first: str, loss: str, rows: Mapping[str, Labels], others: Labels) -> str:
        lines = [f"| {first} | n | {loss} | better on | fit | predict |", "|---|---|---|---|---|---|"]
        for name, labels in rows.items():
            change = self.changes(labels, others)
            fit, predict = self.costs(labels, others)
            lines.append(
                f"| {name} | {len(labels)} | {told(change, self.counts)} | {(change < 0).sum()} of {len(change)} "
                f"| {fit:.2f} | {predict:.2f} |"
            )
        return "\n".join(lines)

    def by_set(self, lists: Mapping[str, Labels], to: str) -> str:
        """Return the table of the changes on every set."""
        columns = {name: self.changes(labels, lists[to]) for name, labels in lists.items() if name != to}
        lines = ["| set | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
        for place, name in enumerate(self.names):
            cells = (f"{column[place]:+.2f}" for column in columns.values())
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
        return "\n".join(lines)
