"""What is told of a job without a result and of an endpoint that does not answer: the same here and on AWS."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import JobError, ParameterError
from ._handles import Ends

_LOG_LINES = 30
_ERROR = re.compile(r"[\w.]+(Error|Exception)\b")  # the last line of a traceback
_REASONS = {
    "InProgress": "it has not ended; call wait() first",
    "Stopping": "it is being stopped; call wait() first",
    "Stopped": "it was stopped before its end",
}


def need_completed(job: Ends, reason: str, *, log_file: Path | None = None) -> None:
    """Raise a JobError unless a job has completed; it has the reason, the end of the log, and the job.

    Parameters
    ----------
    job : Ends
    reason : str
        Why it has ended without a result, as far as that is known.
    log_file : Path, default=None
        Where the log is, if that is on this machine.
    """
    status = job.status
    if status == "Completed":
        return
    place = f" ({log_file})" if log_file else ""
    log = job.log.splitlines()
    tail = "\n".join([f"The end of its log{place}:", *log[-_LOG_LINES:]]) if log else f"Its log{place} is empty."
    error = JobError(f"{ending(job.kind, job.name, status, reason)}\n{tail}")
    error.job = job  # type: ignore[attr-defined]  # for callers of a failing fit, who get no handle
    raise error


def ending(kind: str, name: str, status: str, reason: str) -> str:
    """Return the line that says how something has ended, and why.

    Examples
    --------
    >>> ending("job", "byoe-1", "Stopped", "")
    'job byoe-1 has the status Stopped: it was stopped before its end'
    """
    reason = reason or _REASONS.get(status, "")
    return f"{kind} {name} has the status {status}{f': {reason}' if reason else ''}"


def no_registry(group: str, instead: str) -> ParameterError:
    """Return the error of a job of this machine that is to be a version in a group of a registry."""
    return ParameterError(
        f"register({group!r}) is for jobs on AWS, and this one ran on this machine; {instead}, or train it on AWS"
    )


def without_baseline(name: str, place: str) -> str:
    """Return what is said of a job that has written no baseline."""
    return (
        f"job {name} has no baseline: {place} holds none. Its log says why, if it was trained by a version that writes "
        "one; else job.ensemble().baseline(folder, X) makes it of the training table"
    )


def without_best(name: str, status: str, reason: str) -> JobError:
    """Return the error of a tuning job none of whose trials has a result."""
    why = _REASONS["InProgress"] if status == "InProgress" else reason
    return JobError(f"no trial of tuning job {name} has a result (status {status}){f': {why}' if why else ''}")


def unhealthy(name: str, status: str, reason: str, log: str) -> JobError:
    """Return the error of an endpoint that does not start."""
    why = f": {reason}" if reason else ""
    return JobError(f"endpoint {name} has the status {status}{why}\nFrom its log:\n{_last_error(log)}")


def unanswered(name: str, seconds: float) -> JobError:
    """Return the error of a request that an endpoint takes too long for."""
    return JobError(f"endpoint {name} has not answered within {seconds:g} s; its log may tell why")


def deleted(name: str) -> JobError:
    """Return the error of a request to an endpoint that is gone."""
    return JobError(f"endpoint {name} has been deleted; deploy its job again")


def _last_error(log: str) -> str:
    """Return the lines up to the last error: a container that cannot load its model starts again and again."""
    lines = log.splitlines()
    errors = [place for place, line in enumerate(lines, 1) if _ERROR.match(line)]
    end = errors[-1] if errors else len(lines)
    return "\n".join(lines[max(end - _LOG_LINES, 0) : end])
