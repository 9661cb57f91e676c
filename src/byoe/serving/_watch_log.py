"""Counts as lines of a log, now and then: JSON, and for those who ask CloudWatch's embedded metric format.

On the platform nothing but ``/ping`` and ``/invocations`` can be reached, and what a process prints is in CloudWatch.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from ._watch import Counts, Watch

MODES = ("log", "metrics", "off")
NAMESPACE = "byoe"
_MOST_COLUMNS = 10
_AT_ONCE = 60.0  # seconds; CloudWatch counts by the minute


class WatchLog:
    """Prints what was counted since the last line, where a line is due.

    It is due with the first row outside of what training held, and then at most once a minute while there are more of
    them; without any, every five minutes in which requests came.

    Parameters
    ----------
    watch : Watch
    environment : mapping of str to str, default=None
        ``BYOE_WATCH``: ``"log"`` (the default), ``"metrics"`` or ``"off"``; ``BYOE_WATCH_SECONDS``: 300 unless given;
        ``BYOE_WATCH_NAME``: what lines and metrics call the model. That of the process unless given.
    called : str, default=""
        Name of the ensemble, where a process has several.
    """

    def __init__(self, watch: Watch, environment: Mapping[str, str] | None = None, *, called: str = "") -> None:
        given = os.environ if environment is None else environment
        self.mode = _mode(given.get("BYOE_WATCH", "") or "log")
        self.every = _seconds(given.get("BYOE_WATCH_SECONDS", "") or "300")
        self.name = given.get("BYOE_WATCH_NAME", "") or "model"
        self._called = {"ensemble": called} if called else {}
        self._watch, self._lock = watch, threading.Lock()
        self._before = Counts.none(len(watch.form))
        self._started, self._last = time.monotonic(), -math.inf

    def tell(self, *, ending: bool = False) -> None:
        """Print a line, if one is due; at the end also what is left."""
        due = self._rest if ending else self._due
        if self.mode == "off" or not due(time.monotonic()) or not self._lock.acquire(blocking=False):
            return
        try:
            if due(now := time.monotonic()):
                counts = self._watch.counts()
                print(self.line(counts.since(self._before), time.time()), flush=True)
                self._before, self._last = counts, now
        finally:
            self._lock.release()

    def _rest(self, _: float) -> bool:
        return self._watch.pending()[0] > self._before.requests

    def _due(self, now: float) -> bool:
        requests, outside = self._watch.pending()
        if outside > self._before.rows_outside and now - self._last >= min(_AT_ONCE, self.every):
            return True
        return requests > self._before.requests and now - max(self._last, self._started) >= self.every

    def line(self, counts: Counts, at: float) -> str:
        """Return what is printed of counts at a time, in seconds since 1970: one line of JSON."""
        known = self._watch.profile is not None
        said: dict[str, Any] = {
            "model": self.name,
            **self._called,
            "requests": counts.requests,
            "refused": sum(counts.refused.values()),
            "rows": counts.rows,
            "rows_outside": counts.rows_outside if known else None,
            "mean_ms": round(1e3 * counts.seconds / counts.answers, 3) if counts.answers else None,
            "longest_ms": round(1e3 * counts.longest, 3),
        }
        if known:
            said |= _worst(self._watch, counts)
        if counts.refused:
            said["refused_by"] = {f"{status} {reason}": n for (status, reason), n in sorted(counts.refused.items())}
        return json.dumps({**(self._metrics(counts, at, known=known) if self.mode == "metrics" else {}), "byoe": said})

    def _metrics(self, counts: Counts, at: float, *, known: bool) -> dict[str, Any]:
        values = {"Requests": counts.requests, "Refused": sum(counts.refused.values()), "Rows": counts.rows}
        if known:
            values["RowsOutside"] = counts.rows_outside
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["Model"]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
        }
        return {"_aws": {"Timestamp": int(1e3 * at), "CloudWatchMetrics": [directive]}, "Model": self.name, **values}


def _worst(watch: Watch, counts: Counts) -> dict[str, Any]:
    """Return the columns with most cells outside, and how many more there are."""
    names, columns = watch.names, watch.form.columns
    beyond = {
        i: int(counts.below[i]) + (0 if i in watch.dates else int(counts.above[i]))
        for i in (counts.below + counts.above).nonzero()[0].tolist()
    }
    worst = sorted((i for i in beyond if beyond[i]), key=lambda i: -beyond[i])
    told = {}
    for i in worst[:_MOST_COLUMNS]:
        category = columns[i].kind == "category"
        cells = {"unseen": counts.above[i]} if category else {"below": counts.below[i], "above": counts.above[i]}
        told[names[i][:100]] = {word: int(n) for word, n in cells.items() if n}
    return {"columns": told, "columns_left_out": max(0, len(worst) - _MOST_COLUMNS)}


def _mode(text: str) -> str:
    mode = text.strip().lower()
    if mode in MODES:
        return mode
    print(f"[byoe] BYOE_WATCH is {text[:40]!r}, expected one of {', '.join(MODES)}; it is taken for log", flush=True)
    return "log"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
        if seconds > 0:
            return seconds
    except ValueError:
        pass
    print(f"[byoe] BYOE_WATCH_SECONDS is {text[:40]!r}, expected a number above 0; 300 is taken", flush=True)
    return 300.0
