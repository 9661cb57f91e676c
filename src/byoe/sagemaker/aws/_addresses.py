"""Addresses in S3."""

from __future__ import annotations

from ...errors import ParameterError


def split(address: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` address."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise ParameterError(f"{address!r} is no S3 address, expected s3://bucket/prefix")
    return bucket, key
