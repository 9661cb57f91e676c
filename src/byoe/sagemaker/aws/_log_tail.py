"""A log that grows: what was read once is not asked for again."""

from __future__ import annotations

from ._cloud import Cloud

_LATE = 60_000  # milliseconds that a line may arrive after later ones, as those of several hosts do


class LogTail:
    """The new lines of the log streams of a group whose names begin so.

    Parameters
    ----------
    cloud : Cloud
    group, streams : str
    """

    def __init__(self, cloud: Cloud, group: str, streams: str) -> None:
        self._cloud, self._group, self._streams = cloud, group, streams
        self._read: dict[str, int] = {}  # times of the last lines, by what CloudWatch knows them by

    def lines(self) -> list[str]:
        """Return what was not returned before, in order of time."""
        since = max(self._read.values(), default=_LATE) - _LATE
        events = self._cloud.events(self._group, self._streams, since=since)
        new = [event for event in events if event["eventId"] not in self._read]
        self._read |= {event["eventId"]: event["timestamp"] for event in new}
        latest = max(self._read.values(), default=0)
        self._read = {name: time for name, time in self._read.items() if time >= latest - _LATE}
        return [line for event in new for line in event["message"].splitlines()]
