"""The tables of a job: what the user gave, checked, and as the files of its channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw

from ...data._files import data_files, is_workbook, read_columns, read_frame
from ...data._reading import Reading
from ...data._roles import find_roles, names_of
from ...errors import InputError, need


def data_roles(
    channels: Mapping[str, Any], *, target: Any, weight: Any, groups: Any, drop: Iterable[Any], how: Reading
) -> dict[str, Any]:
    """Return the roles of columns, which every table here has; those of frames by the names that their files will have.

    Raises
    ------
    InputError
        When a table lacks one of these columns. Data at an address are not looked at.
    """
    if isinstance(drop, (str, int)):
        drop = (drop,)
    roles: dict[str, Any] = {"target": target, "weight": weight, "groups": groups, "drop": list(drop)}
    if isinstance(channels["train"], nw.DataFrame):
        found = _found(list(channels["train"].columns), roles, "train")
        roles = {role: None if name is None else str(name) for role, name in found.items() if role != "drop"}
        roles["drop"] = [str(name) for name in found["drop"]]
    for channel, table in channels.items():
        labels = _labels(table, how, roles)
        if labels is not None:
            _found(labels, roles, channel)
    return {**roles, **data_reading(how)}


def data_reading(how: Reading) -> dict[str, Any]:
    """Return what a job is told of how to read its files."""
    return {"header": how.header, **({"reading": how.said()} if how.said() else {})}


def _found(labels: list[Any], roles: Mapping[str, Any], channel: str) -> dict[str, Any]:
    try:
        return find_roles(labels, roles)
    except InputError as error:
        raise InputError(f"{channel}: {error}") from error


def _labels(table: Any, how: Reading, roles: Mapping[str, Any]) -> list[Any] | None:
    if isinstance(table, nw.DataFrame):
        return [str(column) for column in table.columns]
    if isinstance(table, Path):
        return read_columns(table, names=names_of(roles), header=how.header, **how.said())
    return None


def read_channels(tables: Mapping[str, Any], how: Reading, at_address: Callable[[Any, str], Any]) -> dict[str, Any]:
    """Return the tables of a job by their channels: frames, paths, or what ``at_address`` of its place makes of others.

    Of the given tables those that are None are left out, but for the training table.
    """
    return {
        name: _table(table, name, how, at_address)
        for name, table in tables.items()
        if table is not None or name == "train"
    }


def _table(table: Any, name: str, how: Reading, at_address: Callable[[Any, str], Any]) -> Any:
    """Return a narwhals frame, the path of a file or folder that holds data, or data at an address."""
    if (there := at_address(table, name)) is not None:
        return there
    if isinstance(table, (str, Path)):
        path = Path(table)
        for file in data_files(path):
            if file.stat().st_size == 0:
                raise InputError(f"{file} is empty")
        if not (path.is_file() and is_workbook(path)):
            return path
        table = read_frame(path, header=how.header, **how.said())  # a container reads no workbooks
    frame = nw.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise InputError(
            f"{name} is of type {type(table).__name__}; expected a frame (pandas, polars, Arrow), a file or a folder"
        )
    if not len(frame):
        raise InputError(f"{name} has no rows")
    return frame


def as_files(table: Any, folder: Path) -> Any:
    """Return where the platform would find a channel's files; a frame becomes Parquet."""
    if not isinstance(table, nw.DataFrame):
        return table
    need("pyarrow", "data", "sending a frame to a job")
    import pyarrow.parquet

    folder.mkdir(parents=True)
    arrow = nw.maybe_reset_index(table).to_arrow()  # a pandas index is no column
    pyarrow.parquet.write_table(
        arrow.rename_columns([str(name) for name in arrow.column_names]), folder / "part-0.parquet"
    )
    return folder
