"""What a look at an account has found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

from ...errors import ByoeError
from ._faults import DeniedError, NotNowError

Status = Literal["ok", "wrong", "unknown"]
_INDENT, _WIDTH = " " * 30, 80
_SEEN = "allow it, or go on without this look: `byoe sagemaker policy --only doctor` has what it reads"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check : str
        What was looked at, such as ``"role"``.
    status : {"ok", "wrong", "unknown"}
    told : str
        What there is.
    cure : str
        What to do about it, in one sentence; empty where all is well.

    Examples
    --------
    >>> print(Finding("quotas", "wrong", "the quota is 0", "ask for more"))
    wrong    quotas               the quota is 0
                                  -> ask for more
    """

    check: str
    status: Status
    told: str
    cure: str = ""

    def __str__(self) -> str:
        cured = (f"{'   ' if number else '-> '}{line}" for number, line in enumerate(_lines(self.cure, _WIDTH - 3)))
        return f"{self.status:<9}{self.check:<21}" + f"\n{_INDENT}".join([*_lines(self.told, _WIDTH), *cured])


class Findings(list[Finding]):
    """All that was looked at, printed as a list."""

    @property
    def wrong(self) -> list[Finding]:
        """What has to be mended."""
        return [finding for finding in self if finding.status == "wrong"]

    def __repr__(self) -> str:
        return "\n".join(map(str, self))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def looked(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a look has found; what AWS answers to it may be a finding, too."""
    found: list[Finding] = []
    try:
        found.extend(look())  # one by one, so that those before a fault stay
    except ByoeError as error:
        found.append(finding_of(check, error))
    return found


def finding_of(check: str, error: ByoeError) -> Finding:
    """Return what an error says as a finding: what is so, and what to do about it."""
    if isinstance(error, DeniedError):
        return Finding(check, "unknown", str(error), _SEEN)
    told, _, cure = str(error).partition("; ")
    if not cure:
        told, _, cure = str(error).rpartition(". ")
    status: Status = "unknown" if isinstance(error, NotNowError) else "wrong"
    return Finding(check, status, told or cure, cure if told else "mend that, and look again")


def _lines(text: str, width: int) -> list[str]:
    """Return a text in lines, none of which ends inside a command, so that it can be copied."""
    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
