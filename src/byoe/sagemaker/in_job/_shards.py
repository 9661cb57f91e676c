"""Channels of which each host has other files: it reads those, and the rows of all come together on every host.

They are joined in the order of the names of the files, so that the table is the one that a single host would read.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ...data._files import data_files, joined, read_frame
from ...data._parquet import footers_of
from ...data._reading import Reading
from ...data._roles import find_roles, names_of
from ...errors import InputError, JobError
from ._hosts import all_hosts, hosts_of_job, join
from ._log import say

_PORT = 8785  # beside that of the fit, which may begin before this is free again
_CHANNELS = ("train", "validation")
# The tables of files by channel and name, as a host has read them, with the labels of columns that have roles.
Shard = dict[tuple[str, str], tuple[Any, dict[str, Any]]]


def roles_and_reading(data: Mapping[str, Any]) -> tuple[dict[str, Any], Reading]:
    """Return the roles of columns, and how files are read, as a job is told them."""
    roles = dict(data)
    return roles, Reading.of(roles.pop("reading", None), header=roles.pop("header", None))


def read_shards(data: Mapping[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]] | None:
    """Return the whole tables of channels of which each host has a part, by name; None where the first host has failed.

    They are without the columns to drop, and come with the roles of the others.

    Parameters
    ----------
    data : mapping
        The roles of columns, and how files are read.

    Raises
    ------
    InputError
        For a file that cannot be read, on whatever host.
    JobError
        For a channel that is a pipe, and for a file that several hosts have.
    """
    sharded = sharded_channels()
    if not sharded:
        return {}
    hosts, here = hosts_of_job()
    started = time.perf_counter()
    shards = _exchanged(hosts, here, lambda: _files_here(sharded, data))
    if shards is None:
        return None
    tables = {name: _whole(name, shards) for name in sharded}
    say(f"the rows of {len(hosts)} hosts are together after {time.perf_counter() - started:.2f} s")
    return tables


def sharded_channels() -> list[str]:
    """Return the channels of which several hosts have a part each; none where there is one host."""
    folder = Path(os.environ.get("SM_INPUT_CONFIG_DIR", "/opt/ml/input/config"))
    file = folder / "inputdataconfig.json"
    told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for name in _CHANNELS:
        if told.get(name, {}).get("TrainingInputMode") == "Pipe":
            raise JobError(
                f"channel {name!r} is a pipe, and jobs read files; let its input mode be 'FastFile' or 'File'"
            )
    if len(hosts_of_job()[0]) < 2:
        return []
    return [name for name in _CHANNELS if told.get(name, {}).get("S3DistributionType") == "ShardedByS3Key"]


def _files_here(channels: Sequence[str], data: Mapping[str, Any]) -> Shard:
    roles, how = roles_and_reading(data)
    shard: Shard = {}
    for name in channels:
        folder = Path(os.environ[f"SM_CHANNEL_{name.upper()}"])
        files: list[Path] = []
        with suppress(InputError):  # of a folder without data files: others have them
            files = data_files(folder)
        say(f"{len(files)} files of channel {name} are here")
        for file in files:
            shard[name, file.relative_to(folder).as_posix()] = _read_kept(file, roles, how)
    return shard


def _read_kept(file: Path, roles: Mapping[str, Any], how: Reading) -> tuple[Any, dict[str, Any]]:
    """Return a file without the columns to drop, which no host needs, and the labels of those that have roles.

    Of Parquet columns to drop are not read.
    """
    footers = footers_of([file])
    if footers is not None:
        kept, found = _kept(footers[0].labels, roles)
        return read_frame(file, columns=kept, footers=footers), found
    frame = read_frame(file, header=how.header, names=names_of(roles), **how.said())
    kept, found = _kept(list(frame.columns), roles)
    return frame[kept], found


def _kept(labels: list[Any], roles: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    found = find_roles(labels, roles)
    dropped = found["drop"]
    return [label for label in labels if label not in dropped], {**found, "drop": []}


def _whole(name: str, shards: Sequence[Shard]) -> tuple[Any, dict[str, Any]]:
    """Return the table of a channel, and the roles of its columns.

    Raises
    ------
    JobError
        For a file that several hosts have.
    """
    frames: dict[str, Any] = {}
    roles: dict[str, Any] | None = None
    for (channel, file), (frame, found) in (entry for shard in shards for entry in shard.items()):
        if channel == name and file in frames:
            raise JobError(f"several hosts have {file!r} of channel {name!r}, whose rows would count twice")
        if channel == name:
            if roles not in (None, found):
                raise InputError(
                    f"{file!r} of channel {name!r} has its columns in another order than others, and positions mean "
                    f"{found}, and {roles} elsewhere; give the columns by their names"
                )
            frames[file], roles = frame, found
    if roles is None:
        raise JobError(f"no host has a file of channel {name!r}")
    files = sorted(frames, key=PurePosixPath)
    return joined(files, [frames[file] for file in files]), roles


# What Dask's tasks find in a process, which has one job.
_read: list[Callable[[], Shard]] = []
_came: list[Sequence[Shard]] = []


def _exchanged(hosts: Sequence[str], here: str, read: Callable[[], Shard]) -> Sequence[Shard] | None:
    """Return what all hosts have read, on each of them; None where the first one has ended without."""
    _read[:], _came[:] = [read], []
    if here != hosts[0]:
        join(hosts[0], _PORT)
    else:
        with all_hosts(hosts, _PORT) as client:
            workers = sorted(client.nthreads())
            parts = [client.submit(_read_here, workers=[one], pure=False) for one in workers]
            client.gather([client.submit(_keep, parts, workers=[one], pure=False) for one in workers])
    return _came.pop() if _came else None


def _read_here() -> Shard:
    return _read[0]()


def _keep(shards: Sequence[Shard]) -> None:
    _came[:] = [shards]
