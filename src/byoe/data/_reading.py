"""How the cells of a file are to be read, where its user says so."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import ParameterError, did_you_mean

_NAMED = {"tab": "\t", "\\t": "\t", "space": " ", "blank": " "}


@dataclass(frozen=True)
class Reading:
    """What a user says of a file; None stands for what is to be found out.

    Attributes
    ----------
    header : bool or None
        Whether the first row names the columns.
    sep : str or None
        What separates the cells of a row: one character, ``"tab"``, or a blank for any number of them.
    decimal : "." or "," or None
        What stands before the fraction of a number.
    encoding : str or None
    comment : str or None
        What comment lines begin with; nothing where there are none.
    sheet : str, int or None
        Of a workbook, by name or by position from 0 on.
    """

    header: bool | None = None
    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    comment: str | None = None
    sheet: str | int | None = None

    def __post_init__(self) -> None:
        if self.sep is not None:
            object.__setattr__(self, "sep", _NAMED.get(self.sep, self.sep))
        if self.sep is not None and (len(self.sep) != 1 or self.sep in '"\r\n'):
            raise ParameterError(f"sep is {self.sep!r}, expected one character, such as ; or tab (--sep)")
        if self.decimal not in (None, ".", ","):
            raise ParameterError(f"decimal is {self.decimal!r}, expected '.' or ',' (--decimal)")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ParameterError(
                    f"encoding is {self.encoding!r}, which Python does not know; such as utf-8, cp1252 or latin-1 "
                    "(--encoding)"
                ) from None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, *, header: bool | None = None) -> Reading:
        """Return what a mapping says, by names of these options."""
        known = [field.name for field in fields(cls) if field.name != "header"]
        for name in given or {}:
            if name not in known:
                raise ParameterError(f"reading has no option {name!r}. {did_you_mean(str(name), known)}")
        return cls(header=header, **(given or {}))

    def said(self) -> dict[str, Any]:
        """Return the options that are not to be found out, without the header."""
        names = [field.name for field in fields(self) if field.name != "header"]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}
