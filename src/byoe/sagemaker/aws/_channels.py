"""Data at addresses, in the words of the service and of its SDK; what no job can read is told before one is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from ...errors import ParameterError, did_you_mean
from ._addresses import split
from ._cloud import Cloud
from ._faults import DeniedError
from ._machine import MANIFEST, SHARDED, Channel
from ._manifest import read_manifest
from ._sdk import is_of_sdk

_WORDS = {
    "S3Uri": "address",
    "S3DataType": "data_type",
    "S3DataDistributionType": "distribution",
    "InputMode": "input_mode",
    "ContentType": "content_type",
}
_AROUND = ("DataSource", "S3DataSource")  # what the service puts around some of them
_OF_SDK = ("Channel", "InputData", "TrainingInput", *_AROUND)
# What else the service knows of channels, and why there is nothing of it here.
_LEFT_OUT = {
    "FileSystemDataSource": "jobs read S3; bring the files to a bucket",
    "ShuffleConfig": "rows are read in the order of the names of their files; leave it out",
    "CompressionType": "it is for pipes, and packed files are read as they are; leave it out",
    "RecordWrapperType": "it is for pipes; leave it out",
    "AttributeNames": f"it is for augmented manifests; list files of tables in a {MANIFEST!r}",
}


def is_described(data: Any) -> bool:
    """Return whether data are told by an object of the SDK."""
    return bool(is_of_sdk(data, *_OF_SDK))


def channel_at(data: Any, name: str) -> Channel | None:
    """Return the channel that an address or a description says; None for data that are not in S3.

    Parameters
    ----------
    data
        An ``s3://`` address; a mapping of the service's words, as those of its ``Channel`` or ``S3DataSource``; or a
        ``Channel``, ``InputData``, ``TrainingInput``, ``DataSource`` or ``S3DataSource`` of the SDK.
    name : str
        Of the channel.

    Raises
    ------
    ParameterError
        For a word that jobs do not know.
    """
    if isinstance(data, str) and data.startswith("s3://"):
        return Channel(data)
    if not isinstance(data, Mapping) and not is_described(data):
        return None
    words = dict(_flat(data))
    if not {*words} & {*_WORDS, *_LEFT_OUT}:
        return None
    called = words.pop("ChannelName", name)
    if called != name:
        raise ParameterError(f"{name} is given a channel of the name {called!r}; let its ChannelName be {name!r}")
    for word in words:
        if word not in _WORDS:
            reason = _LEFT_OUT.get(word) or f"no channel of byoe's has it. {did_you_mean(str(word), _WORDS)}"
            raise ParameterError(f"{name} has {word}: {reason}")
    address = words.get("S3Uri")
    if not isinstance(address, str) or not address.startswith("s3://"):
        here = "; files of this machine are given by their path alone" if isinstance(address, str) else ""
        raise ParameterError(
            f"{name} has the S3Uri {address!r}, expected an address such as 's3://bucket/folder/'{here}"
        )
    try:
        return Channel(**{_WORDS[word]: value for word, value in words.items()})
    except ParameterError as error:
        raise ParameterError(f"{name}: {error}") from error


def _flat(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield the words of a description that say something, without the structures around them."""
    for word, value in _said(data).items():
        if word in _AROUND:
            yield from [("S3Uri", value)] if isinstance(value, str) else _flat({} if value is None else value)
        elif value not in (None, "None"):
            yield word, value


def _said(data: Any) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    if is_of_sdk(data, "TrainingInput"):
        config: Mapping[str, Any] = data.config
        return config
    given = {name: getattr(data, name) for name in type(data).model_fields}
    return {
        "".join(part.capitalize() for part in name.split("_")): value
        for name, value in given.items()
        if value is not None and not is_of_sdk(value, "Unassigned")
    }


def check_channel(cloud: Cloud, name: str, channel: Channel, *, hosts: int, input_mode: str = "File") -> None:
    """Raise an error for data at an address that a job could not read.

    What the caller may not look at, as data that the role alone may read, is passed over.

    Parameters
    ----------
    cloud : Cloud
    name : str
        For errors.
    channel : Channel
    hosts : int
    input_mode : str, default="File"
        Of a channel that says none.
    """
    cloud.check_bucket(channel.address, name)
    if (channel.input_mode or input_mode) == "FastFile":
        _check_mounted(name, channel)
    with suppress(DeniedError):
        files = _manifest_files(cloud, name, channel) if channel.data_type == MANIFEST else None
        if channel.distribution == SHARDED and hosts > 1:
            there = files or list(islice(_data_files(cloud, channel.address), hosts))
            if len(there) < hosts:
                raise ParameterError(
                    f"{name} is {SHARDED}, and {len(there)} files are too few for {hosts} instances, each of which "
                    "gets other ones; leave S3DataDistributionType out, so that each gets all, or take fewer instances"
                )


def _check_mounted(name: str, channel: Channel) -> None:
    if channel.data_type == MANIFEST:
        raise ParameterError(f"{name} is a manifest, and FastFile mounts folders alone; let its input mode be 'File'")
    if not channel.address.endswith("/"):
        raise ParameterError(
            f"{name} is {channel.address!r}, and FastFile mounts folders alone; give a folder, with '/' at its end"
        )


def _manifest_files(cloud: Cloud, name: str, channel: Channel) -> list[str]:
    files = read_manifest(cloud.get(channel.address), channel.address)
    cloud.check_bucket(files[0], f"what {name} lists")
    return files


def _data_files(cloud: Cloud, address: str) -> Iterator[str]:
    """Yield the names of files below an address that a job would read."""
    bucket, key = split(address)
    for page in cloud.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=key):
        for entry in page.get("Contents", []):
            below = PurePosixPath(entry["Key"].removeprefix(key))
            if entry["Size"] and not any(part.startswith((".", "_")) for part in below.parts):
                yield entry["Key"]


def bytes_of(cloud: Cloud, described: Mapping[str, Any]) -> int:
    """Return how many bytes the files of a channel have, as the service describes it."""
    words = dict(_flat(described))
    address = words["S3Uri"]
    if words["S3DataType"] != MANIFEST:
        return cloud.size(address)
    files = map(split, read_manifest(cloud.get(address), address))
    answers = (cloud.call("s3", "head_object", Bucket=bucket, Key=key) for bucket, key in files)
    return sum(int(answer["ContentLength"]) for answer in answers)
