"""The answer to a request that is not served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._watch import Visit


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818  # an answer, not an error of byoe's
    """A request that is answered with an error.

    Attributes
    ----------
    status : int
    message : str
    reason : str
        Of what kind it is: one of few words, filled in by the handlers.
    visit : Visit or None
    """

    status: int
    message: str
    reason: str = ""
    visit: Visit | None = None
