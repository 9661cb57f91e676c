"""Manifests: lists of the files of a channel, which are looked at before a job is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from ...errors import ParameterError

_FORM = '[{"prefix": "s3://bucket/folder/"}, "first.csv", "more/second.csv"]'


def read_manifest(content: bytes, address: str) -> list[str]:
    """Return the addresses of the files that a manifest lists.

    Parameters
    ----------
    content : bytes
    address : str
        Of the manifest, for errors.

    Raises
    ------
    ParameterError
        Says what is wrong with it.

    Examples
    --------
    >>> read_manifest(b'[{"prefix": "s3://mine/"}, "a.csv", "b.csv"]', "s3://mine/list.json")
    ['s3://mine/a.csv', 's3://mine/b.csv']
    """
    listed = _json(content, address)
    if not isinstance(listed, list) or not listed:
        raise _wrong(address, f"holds {_shown(listed)}")
    head, *names = listed
    prefix = head.get("prefix") if isinstance(head, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://") or prefix == "s3://":
        raise _wrong(address, f"begins with {_shown(head)}")
    if not names:
        raise _wrong(address, "lists no file")
    for name in names:
        if not isinstance(name, str) or not name:
            raise _wrong(address, f"lists {_shown(name)}")
    _check_names(names, address)
    return [prefix + name for name in names]


def _json(content: bytes, address: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        lines = content.lstrip().splitlines()
        if lines and lines[0].startswith(b"{"):
            raise _wrong(
                address, "holds an object in each line, as an augmented manifest, which byoe's jobs cannot read"
            ) from error
        raise _wrong(address, f"is no JSON ({error})") from error


def _check_names(names: list[str], address: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ParameterError(f"the manifest {address} lists {twice[0]!r} twice, and a job has it once; list it once")
    for name in names:
        if any(part.startswith((".", "_")) for part in PurePosixPath(name).parts):
            raise ParameterError(
                f"the manifest {address} lists {name!r}, and jobs pass over names that begin with '.' or '_'; rename "
                "it, or leave it out"
            )


def _wrong(address: str, what: str) -> ParameterError:
    return ParameterError(f"the manifest {address} {what}; expected a list such as {_FORM}")


def _shown(thing: Any) -> str:
    text = json.dumps(thing)
    return text if len(text) <= 80 else f"{text[:77]}..."
