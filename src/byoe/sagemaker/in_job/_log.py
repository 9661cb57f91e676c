"""The log of a job."""

from __future__ import annotations


def say(text: str) -> None:
    """Print a line of the log that a person reads."""
    print(f"[byoe] {text}", flush=True)
