"""Counts in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ._watch import Counts, Watch

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ALL_COLUMNS = 200  # of more, those are left out that have nothing to tell
_MOST_COLUMNS = 1_000

Sample = tuple[str, Mapping[str, str], float]


def exposition(watch: Watch) -> bytes:
    """Return what a watch has counted, as ``/metrics`` answers."""
    counts = watch.counts()
    lines = [
        *_family("byoe_requests_total", "counter", "Requests that came, refused ones included.", counts.requests),
        *_family("byoe_refused_total", "counter", "Requests that were refused.", _refused(counts)),
        *_family("byoe_rows_total", "counter", "Rows that were predicted.", counts.rows),
        *_family(
            "byoe_request_seconds",
            "summary",
            "Time from the body to the answer.",
            [("_sum", {}, counts.seconds), ("_count", {}, counts.answers)],
        ),
        *_family(
            "byoe_profile_known",
            "gauge",
            "Whether the model tells what training held; without it no row is compared.",
            int(watch.profile is not None),
        ),
    ]
    if watch.profile is not None:
        told = "Rows with a value outside of what training held; dates later than in training do not count."
        lines += _family("byoe_rows_outside_total", "counter", told, counts.rows_outside)
        told = "Cells beyond the range of training, of categories that it did not hold, or missing."
        lines += _family("byoe_column_cells_total", "counter", told, list(_cells(watch, counts)))
    return ("\n".join(lines) + "\n").encode("utf-8", errors="replace")


def _family(name: str, kind: str, told: str, samples: float | Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {_escaped(told)}"
    yield f"# TYPE {name} {kind}"
    for suffix, labels, value in [("", {}, samples)] if isinstance(samples, (int, float)) else samples:
        inside = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
        yield f"{name}{suffix}{f'{{{inside}}}' if inside else ''} {value!r}"


def _refused(counts: Counts) -> list[Sample]:
    return [
        ("", {"status": str(status), "reason": reason}, times)
        for (status, reason), times in sorted(counts.refused.items())
    ]


def _cells(watch: Watch, counts: Counts) -> Iterator[Sample]:
    columns = watch.form.columns
    told: Iterable[int] = range(len(columns))
    if len(columns) > _ALL_COLUMNS:
        told = [i for i in told if counts.below[i] or counts.above[i] or counts.missing[i]][:_MOST_COLUMNS]
    names = watch.names
    for i in told:
        if columns[i].kind == "category":
            found = {"unseen": counts.above[i]}
        else:
            found = {"below": counts.below[i], "later" if i in watch.dates else "above": counts.above[i]}
        for word, times in {**found, "missing": counts.missing[i]}.items():
            yield "", {"column": names[i], "found": word}, int(times)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
