"""The tables of a job: what the user gave, checked, and as the files of its channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw

from .._data import data_files, find_column
from ..errors import InputError, ParameterError, did_you_mean, need


def data_roles(
    channels: Mapping[str, Any], target: Any, weight: Any, groups: Any, drop: Iterable[Any], header: bool | None
) -> dict[str, Any]:
    """Return the roles of columns; those of frames by the names that their files will have."""
    if isinstance(drop, (str, int)):
        drop = (drop,)
    roles: dict[str, Any] = {"target": target, "weight": weight, "groups": groups, "drop": list(drop)}
    train = channels["train"]
    if isinstance(train, nw.DataFrame):
        labels: list[Any] = list(train.columns)
        for role in ("target", "weight", "groups"):
            if roles[role] is not None:
                roles[role] = str(find_column(labels, roles[role], role))
        roles["drop"] = [str(find_column(labels, name, "drop")) for name in roles["drop"]]
    wanted = [name for name in (roles["target"], roles["weight"], roles["groups"], *roles["drop"]) if name is not None]
    for name, table in channels.items():
        if isinstance(table, nw.DataFrame):
            known = [str(column) for column in table.columns]
            for column in wanted:
                if isinstance(column, str) and column not in known:
                    raise InputError(f"{name} has no column {column!r}. {did_you_mean(column, known)}")
    return {**roles, "header": header}


def read_channels(train: Any, validation: Any, *, local: bool = True) -> dict[str, Any]:
    """Return the tables of a job by their channels: frames, paths, or for a job on AWS addresses."""
    tables = {"train": train} if validation is None else {"train": train, "validation": validation}
    return {name: _table(table, name, local=local) for name, table in tables.items()}


def _table(table: Any, name: str, *, local: bool) -> Any:
    """Return a narwhals frame, the path of a file or folder that holds data, or the address of a job on AWS."""
    if isinstance(table, (str, Path)):
        if str(table).startswith("s3://") and not local:
            return str(table)
        if str(table).startswith("s3://"):
            raise ParameterError(f"{name} is {str(table)!r}; a local job reads files of this machine, not S3")
        path = Path(table)
        for file in data_files(path):
            if file.stat().st_size == 0:
                raise InputError(f"{file} is empty")
        return path
    frame = nw.from_native(table, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise InputError(
            f"{name} is of type {type(table).__name__}; expected a frame (pandas, polars, Arrow), a file or a folder"
        )
    if not len(frame):
        raise InputError(f"{name} has no rows")
    return frame


def as_files(table: Any, folder: Path) -> Path | str:
    """Return where the platform would find a channel's files; a frame becomes Parquet."""
    if isinstance(table, (Path, str)):
        return table
    need("pyarrow", "data", "sending a frame to a job")
    import pyarrow.parquet

    folder.mkdir(parents=True)
    arrow = nw.maybe_reset_index(table).to_arrow()  # a pandas index is no column
    pyarrow.parquet.write_table(
        arrow.rename_columns([str(name) for name in arrow.column_names]), folder / "part-0.parquet"
    )
    return folder
