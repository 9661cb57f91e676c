"""A table apart: features, target, weights, groups, and where each column is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError, did_you_mean
from ._columns_named import find_position

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """A table taken apart.

    Attributes
    ----------
    X : DataFrame, or array when the columns have no names
    y : array of shape (n_rows,) or None
    weight, groups : array of shape (n_rows,) or None
    """

    X: Any
    y: Any = None
    weight: Any = None
    groups: Any = None


def take_apart(
    frame: pd.DataFrame,
    *,
    target: str | int | None,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
) -> Dataset:
    """Split a table into features, target, weights and groups.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    target, weight, groups : str or int
        Name of a column, or its position; negative positions count from the end.
    drop : iterable of str or int
        Columns to leave out.

    Raises
    ------
    InputError
        When a column is not there, or one column has two roles.
    """
    found = find_roles(list(frame.columns), {"target": target, "weight": weight, "groups": groups, "drop": list(drop)})
    return dataset(frame[feature_columns(list(frame.columns), found)], frame, found)


def names_of(roles: Mapping[str, Any]) -> list[Any]:
    """Return the columns that roles name."""
    return [roles["target"], roles["weight"], roles["groups"], *roles["drop"]]


def feature_columns(columns: list[Any], found: Mapping[str, Any]) -> list[Any]:
    """Return the labels of the columns that have no role, in their order.

    Raises
    ------
    InputError
        When there are none.
    """
    left_out = {*found["drop"], *(column for role, column in found.items() if role != "drop")}
    features = [column for column in columns if column not in left_out]
    if not features:
        raise InputError("no feature column is left beside the target, weight, groups and dropped columns")
    return features


def dataset(features: pd.DataFrame, others: pd.DataFrame, found: Mapping[str, Any]) -> Dataset:
    """Return features, and the columns of other roles, whose labels ``find_roles`` returned."""
    named = all(isinstance(column, str) for column in features.columns)
    columns = {
        role: others[column].to_numpy() for role, column in found.items() if role != "drop" and column is not None
    }
    return Dataset(
        features if named else features.to_numpy(),
        columns.get("target"),
        columns.get("weight"),
        columns.get("groups"),
    )


def find_roles(columns: list[Any], roles: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels of the columns that have roles: of those to drop a list, of the others one or None.

    Raises
    ------
    InputError
        When a column is not there, or one column has two roles.
    """
    found = {
        role: None if name is None else find_column(columns, name, role)
        for role, name in roles.items()
        if role != "drop"
    }
    named = {role: column for role, column in found.items() if column is not None}
    if len(set(named.values())) < len(named):
        raise InputError(f"one column has two roles: {named}")
    return {**found, "drop": [find_column(columns, name, "drop") for name in roles["drop"]]}


def find_column(columns: list[Any], name: str | int, role: str) -> Any:
    """Return the label of a column given by name or position; a position may be a text, as on a command line."""
    place = find_position(name, columns)
    if place is None and isinstance(name, str) and name.lstrip("-").isdigit():
        name = int(name)
        place = find_position(name, columns)
    if place is not None:
        return columns[place]
    if isinstance(name, str) and not any(isinstance(column, str) for column in columns):
        raise InputError(
            f"the {role} column is {name!r}, but the table has no header; give its position, 0 to {len(columns) - 1}"
        )
    raise InputError(f"there is no {role} column {name!r}. {did_you_mean(str(name), map(str, columns))}")
