"""The form of a table: what rows to predict must have in common with those of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..contracts._task import IntArray
from ._column import Column
from ._features import sources_of


@dataclass(frozen=True)
class TableForm:
    """What a table was like.

    Attributes
    ----------
    columns : tuple of Column
        What each column holds.
    dtypes : tuple of str
        The type of each column, as its container calls it.
    names : tuple of str or None
        Of the columns, where all of them are texts.
    sparse : bool
        Whether it was a sparse matrix.
    labels : tuple of str or None
        What the columns of a frame are called, as texts: also where they are called by numbers.
    """

    columns: tuple[Column, ...]
    dtypes: tuple[str, ...]
    names: tuple[str, ...] | None = None
    sparse: bool = False
    labels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def sources(self) -> IntArray:
        """The column that each feature of a table comes from, of shape (n_features,)."""
        return sources_of(self.columns)

    def as_json(self) -> dict[str, Any]:
        """Return the form as JSON values, as manifests hold it."""
        columns = [{**_said(column), "dtype": dtype} for column, dtype in zip(self.columns, self.dtypes, strict=True)]
        said = {"names": None if self.names is None else list(self.names), "columns": columns, "sparse": self.sparse}
        return said if self.labels == self.names else {**said, "labels": list(self.labels or ())}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> TableForm:
        """Return the form that ``as_json`` told of."""
        columns = tuple(_column(column) for column in said["columns"])
        dtypes = tuple(column["dtype"] for column in said["columns"])
        names = None if said["names"] is None else tuple(said["names"])
        labels = tuple(said["labels"]) if "labels" in said else names
        return cls(columns, dtypes, names, said["sparse"], labels)


def _said(column: Column) -> dict[str, Any]:
    """Return a column as JSON values: what is empty is left out, but what all bundles have."""
    return {name: value for name, value in asdict(column).items() if value or name in ("kind", "categories")}


def _column(said: Mapping[str, Any]) -> Column:
    parts, odd = tuple(said.get("parts", ())), tuple(said.get("odd", ()))
    return Column(said["kind"], tuple(said["categories"]), parts, said.get("order", ""), odd)
