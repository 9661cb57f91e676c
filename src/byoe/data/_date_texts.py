"""Dates in texts: which form a column has them in, and what one of them is in days."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import numpy as np

from ._cells import DAY, MISSING_TEXTS

NO_DATE: Final = MISSING_TEXTS | {"NaT"}
ISO, NAMED = "iso", "named"
# Day, month and year, in the order of the letters; or a month by its name.
ORDERS: Final = ("dmy", "mdy", "ymd", NAMED)

FORMS_IN_WORDS: Final = {
    ISO: "ISO 8601",
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "ymd": "year, month, day",
    NAMED: "months by name",
}

_TIME = (
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>\.\d{1,9})?)?"
    r"\s?(?P<half>[AaPp][Mm])?)?"
)
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})", r"(?P<year>\d{4})"
_NAME = r"(?P<name>[A-Za-z]{3,9})"
_FORMS = {
    ISO: (
        re.compile(
            r"(?P<local>\d{4}-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?)?)?)(?P<zone>Z|[+-]\d{2}:?\d{2})?"
        ),
    ),
    "dmy": (re.compile(rf"{_DAY}([/.-]){_MONTH}\2{_YEAR}{_TIME}"),),
    "mdy": (re.compile(rf"{_MONTH}([/.-]){_DAY}\2{_YEAR}{_TIME}"),),
    "ymd": (re.compile(rf"{_YEAR}([/.-]){_MONTH}\2{_DAY}{_TIME}"),),
    NAMED: (
        re.compile(rf"{_DAY}(?:[ -]|\. ?){_NAME}[ -]{_YEAR}{_TIME}"),
        re.compile(rf"{_NAME}\.? {_DAY},? {_YEAR}{_TIME}"),
    ),
}
_MONTHS = "january february march april may june july august september october november december".split()
# What most readers take for a date, whatever its order: also with a year of two digits, a week, or a day of a month.
_NEARLY = re.compile(
    r"\d{1,2}([/.-])\d{1,2}\1\d{2}(\d{2})?(\D.*)?|\d{4}([/.-])\d{1,2}\4\d{1,2}(\D.*)?|\d{4}-?W\d{2}(-?\d)?"
    r"|(\d{1,2}[ .-]+)?[A-Za-z]{3,9}[ .-]+(\d{1,2},? )?\d{4}(\D.*)?"
)


def days_of_text(text: str, order: str = ISO) -> float:
    """Return the days since 1970, at UTC, of a text in the form of its column, or in ISO 8601."""
    text = text.strip()
    if text in NO_DATE:
        return float("nan")
    for one in dict.fromkeys((order, ISO)):
        if found := _found(text, one):
            return _days(found) if one != ISO else _days_of_iso(found)
    raise ValueError("no text in ISO 8601")


def _found(text: str, order: str) -> re.Match[str] | None:
    return next(filter(None, (form.fullmatch(text) for form in _FORMS.get(order, ()))), None)


def _days_of_iso(found: re.Match[str]) -> float:
    microseconds = int(np.datetime64(found["local"], "us").astype(np.int64))
    zone = found["zone"]
    if zone not in (None, "Z"):
        ahead = (int(zone[1:3]) * 60 + int(zone[-2:])) * 60_000_000
        microseconds -= ahead if zone[0] == "+" else -ahead
    return microseconds / DAY


def _days(found: re.Match[str]) -> float:
    said = found.groupdict()
    month = _month(said["name"]) if "name" in said else int(said["month"])
    day = np.datetime64(f"{int(said['year']):04}-{month:02}-{int(said['day']):02}", "us").astype(np.int64)
    return (int(day) + _of_the_day(said)) / DAY


def _month(name: str) -> int:
    for number, known in enumerate(_MONTHS, 1):
        if name.lower() in (known, known[:3]) or (number == 9 and name.lower() == "sept"):
            return number
    raise ValueError(f"{name} is no month")


def _of_the_day(said: dict[str, str | None]) -> int:
    """Return the microseconds since midnight."""
    if said["hour"] is None:
        return 0
    hour, minute, second = (int(said[part] or 0) for part in ("hour", "minute", "second"))
    if half := said["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of half a day")
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no time of the day")
    fraction = int((said["fraction"] or ".0")[1:7].ljust(6, "0"))
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction


def orders_of(texts: Collection[str]) -> list[str]:
    """Return the orders in which all texts of a column are dates: one where the column settles it, two in doubt.

    Cells that are missing by their text do not count, and a column of nothing else has no order.
    """
    told = [text for text in map(str.strip, texts) if text not in NO_DATE]
    candidates = [order for order in (ISO, *ORDERS) if told and _is_date(told[0], order)]
    orders = [order for order in candidates if all(_is_date(text, order) for text in told)]
    return [ISO] if ISO in orders else orders


def _is_date(text: str, order: str) -> bool:
    try:
        return (
            bool(_found(text, order))
            and bool(days_of_text(text, order) < np.inf)
            and (order != ISO or _plausible(text))
        )
    except (ValueError, OverflowError):
        return False


def _plausible(text: str) -> bool:
    """Say whether a text that is a year and a month only may well mean these: numbers of parts look the same."""
    return len(text) > 7 or 1800 <= int(text[:4]) < 2200


def nearly_dates(texts: Collection[str]) -> bool:
    """Say whether nearly all texts of a column look like dates to a reader."""
    told = [text for text in map(str.strip, texts) if text not in NO_DATE]
    if not any(map(looks_like_date, told[:20])):  # as in nearly all columns
        return False
    return sum(map(looks_like_date, told)) >= 0.95 * len(told)


def first_other(texts: Collection[str]) -> str | None:
    """Return a text that does not look like a date."""
    return next((text for text in texts if text.strip() not in NO_DATE and not looks_like_date(text)), None)


def looks_like_date(text: str) -> bool:
    """Say whether a reader takes a text for a date, whether it is one or not."""
    text = text.strip()
    return _NEARLY.fullmatch(text) is not None or _is_date(text, ISO)
