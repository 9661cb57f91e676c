"""The answer to a request that is not served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818  # an answer, not an error of byoe's
    """A request that is answered with an error."""

    status: int
    message: str
